package contract

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"sync"
	"time"

	"sightline/internal/camera/file"
	"sightline/internal/device"
)

// pixels hashes a picture.
func pixels(d device.Device, s device.Stream, p *device.Picture) ([]byte, error) {
	h := sha256.New()
	err := writePixels(h, d, s, p)
	return h.Sum(nil), err
}

// writePixels writes a picture without its padding.
func writePixels(h hash.Hash, d device.Device, s device.Stream, p *device.Picture) (err error) {
	staging, err := d.Pool().Alloc("check", "staging", device.Pinned, p.Size())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, staging.Close()) }()
	if err := errors.Join(s.CopyPicture(staging, p), s.Synchronize()); err != nil {
		return err
	}
	for rows := staging.Bytes(); len(rows) > 0; rows = rows[p.Pitch:] {
		h.Write(rows[:(p.Width+1)&^1])
	}
	return nil
}

// holder is a sink that hands pictures on.
type holder struct{ pictures chan *device.Picture }

func (h holder) Wants(time.Duration) bool { return true }

func (h holder) Deliver(p *device.Picture) { h.pictures <- p }

// known decodes a clip's first pictures and hashes each.
func (h *Harness) known(d device.Device, s device.Stream, n int) (sums [][]byte, err error) {
	err = h.play(d, n, func(pictures <-chan *device.Picture, _ func() error) error {
		for p := range pictures {
			sum, err := pixels(d, s, p)
			if err := errors.Join(err, p.Release()); err != nil {
				return err
			}
			sums = append(sums, sum)
		}
		return nil
	})
	if err == nil && len(sums) != n {
		err = fmt.Errorf("%d units gave %d pictures", n, len(sums))
	}
	return sums, err
}

// play decodes n units of a clip and lets look have the pictures, until there are no more. It closes the decoder, unless look
// has done so with end.
func (h *Harness) play(d device.Device, n int, look func(pictures <-chan *device.Picture, end func() error) error) (err error) {
	source, err := file.Open(h.Clips[0], file.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	sink := holder{make(chan *device.Picture, n)}
	decoder, err := d.NewDecoder(device.DecoderOptions{Owner: "check", Format: source.Format(), Output: sink})
	if err != nil {
		return err
	}
	end := sync.OnceValue(decoder.Close)
	fed := make(chan error, 1)
	go func() {
		defer close(sink.pictures)
		var err error
		for i := 0; i < n && err == nil; i++ {
			unit, failed := source.Next(context.Background())
			if err = failed; err == nil {
				err = decoder.Decode(unit)
			}
		}
		if err == nil {
			err = decoder.Flush()
		}
		if err != nil {
			_ = end() // so that nothing more is delivered
		}
		fed <- err
	}()
	looked := look(sink.pictures, end)
	if looked != nil {
		looked = errors.Join(looked, end()) // which ends a decoder that waits
	}
	for p := range sink.pictures {
		looked = errors.Join(looked, p.Release())
	}
	return errors.Join(looked, <-fed, end())
}

// PicturesStayUntilGivenBack: a picture that is held keeps its pixels while the decoder goes on, can be given back without
// having been opened, and at any time.
func PicturesStayUntilGivenBack(h *Harness) (_ string, err error) {
	d, err := h.open(0)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	s, err := d.NewStream("check")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	const n = 31
	want, err := h.known(d, s, n)
	if err != nil {
		return "", err
	}
	same := func(p *device.Picture) error {
		got, err := pixels(d, s, p)
		if err == nil && !bytes.Equal(got, want[p.Seq]) {
			err = fmt.Errorf("picture %d has not its pixels", p.Seq)
		}
		return err
	}
	var held []*device.Picture
	// Of every three pictures two are held while the third is opened; they are opened late, or never.
	err = h.play(d, n, func(pictures <-chan *device.Picture, _ func() error) (err error) {
		for p := range pictures {
			if held = append(held, p); len(held) < 3 {
				continue
			}
			err = errors.Join(same(p), p.Release(), same(held[0]), held[0].Release(), held[1].Release())
			if held = held[:0]; err != nil {
				return err
			}
		}
		for _, p := range held { // of a number that three does not divide
			err = errors.Join(err, p.Release())
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d pictures", n), h.closedWith(d, s, same)
}

// closedWith closes a decoder while one of its pictures is open and another is not.
func (h *Harness) closedWith(d device.Device, s device.Stream, same func(*device.Picture) error) error {
	return h.play(d, 2, func(pictures <-chan *device.Picture, end func() error) error {
		first, second := <-pictures, <-pictures
		if first == nil || second == nil {
			return errors.New("a decoder of two units gave not two pictures")
		}
		if p, more := <-pictures; more { // else it has been flushed
			return errors.Join(errors.New("a decoder of two units gave more pictures"), p.Release())
		}
		_, err := first.Open(s)
		if _, more := second.Open(s); more == nil {
			err = errors.Join(err, errors.New("two pictures of a decoder were open at once"))
		}
		err = errors.Join(err, end(), same(first))
		if _, late := second.Open(s); !errors.Is(late, device.ErrClosed) {
			err = errors.Join(err, fmt.Errorf("a picture opened after its decoder's close: %v", late))
		}
		return errors.Join(err, second.Release(), first.Release())
	})
}

// lying is a picture that lies where a decoder might have put it.
type lying device.Planes

func (p lying) Open(device.Stream) (device.Planes, error) { return device.Planes(p), nil }
func (p lying) Release() error                            { return nil }

// PicturesAreCopied: every pixel of a picture comes out, whatever its size and wherever it lies.
func PicturesAreCopied(h *Harness) (string, error) {
	sizes := [][2]int{{1, 1}, {2, 2}, {320, 180}, {321, 181}, {322, 181}}
	return fmt.Sprintf("%d sizes", len(sizes)), h.withStreams(1, func(d device.Device, s []device.Stream, _ []device.Event) error {
		for _, size := range sizes {
			if err := copyPicture(d, s[0], size[0], size[1]); err != nil {
				return fmt.Errorf("%d x %d: %w", size[0], size[1], err)
			}
		}
		return nil
	})
}

func copyPicture(d device.Device, s device.Stream, width, height int) (err error) {
	f := device.PictureFormat{Width: width, Height: height, Pitch: 384, Matrix: "bt601"}
	const pitch = 512
	below, rows := (height+1)&^1, (height+1)/2 // chroma begins behind an even number of rows
	var buffers []*device.Buffer
	defer func() { err = errors.Join(err, device.CloseAll(buffers...)) }()
	for _, b := range []struct {
		space device.Space
		size  int64
	}{{device.Pinned, int64(pitch * (below + rows))}, {device.OnDevice, int64(pitch * (below + rows))}, {device.Pinned, f.Size()}} {
		buffer, err := d.Pool().Alloc("check", "picture", b.space, b.size)
		if err != nil {
			return err
		}
		buffers = append(buffers, buffer)
	}
	from, there, to := buffers[0].Bytes(), buffers[1], buffers[2].Bytes()
	for i := range from {
		from[i] = byte(i*7 + i/251 + 1)
	}
	at := there.Address()
	p := &device.Picture{PictureFormat: f, Surface: lying{Luma: at, Chroma: at + uintptr(pitch*below), Pitch: pitch}}
	if err := errors.Join(s.Copy(there, buffers[0]), s.CopyPicture(buffers[2], p), s.Synchronize()); err != nil {
		return err
	}
	for y := range height + rows {
		wide, line := width, y
		if y >= height {
			wide, line = (width+1)&^1, below+y-height
		}
		if !bytes.Equal(to[y*f.Pitch:][:wide], from[line*pitch:][:wide]) {
			return fmt.Errorf("row %d is another", y)
		}
	}
	return nil
}
