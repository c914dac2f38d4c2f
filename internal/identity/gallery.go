package identity

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"sightline/internal/device"
)

// owner is the name that the memory of this package is booked to in the device's pool.
const owner = "identity"

// keep is how much of a remembered vector stays when its track is seen again: a mean over some ten views.
const keep = 0.9

// gallery holds the remembered vectors on the device and compares them there. Only its stream reads or writes them;
// one goroutine uses it.
type gallery struct {
	device  device.Device
	stream  device.Stream
	length  int
	rows    int
	batch   int // tracks compared at a time
	buffers []*device.Buffer

	vectors *device.Buffer // float16 [rows,length]
	asked   *device.Buffer // float16 [batch,length]: the rows to be compared, gathered
	// picks is int32 [rows]: what Blend is to do with each row to gather it.
	picks, picksHost     *device.Buffer
	cosines, cosinesHost *device.Buffer // float32 [batch,rows]
	// staging is the way of vectors from and to a file, a part of the gallery at a time.
	staging *device.Buffer
}

const (
	compared = 64 // see gallery.batch
	staged   = 64 // rows of staging
)

func newGallery(d device.Device, rows, length int) (g *gallery, err error) {
	g = &gallery{device: d, rows: rows, length: length, batch: min(compared, rows)}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("gallery of %d vectors: %w", rows, err), g.close())
		}
	}()
	if g.stream, err = d.NewStream(owner); err != nil {
		return nil, err
	}
	for _, b := range []struct {
		at      **device.Buffer
		purpose string
		space   device.Space
		size    int
	}{
		{&g.vectors, "gallery", device.OnDevice, rows * 2 * length},
		{&g.asked, "vectors to compare", device.OnDevice, g.batch * 2 * length},
		{&g.picks, "rows to compare", device.OnDevice, rows * 4},
		{&g.picksHost, "rows to compare", device.Pinned, rows * 4},
		{&g.cosines, "cosines", device.OnDevice, g.batch * rows * 4},
		{&g.cosinesHost, "cosines", device.Pinned, g.batch * rows * 4},
		{&g.staging, "vectors of the file", device.Pinned, min(staged, rows) * 2 * length},
	} {
		if *b.at, err = d.Pool().Alloc(owner, b.purpose, b.space, int64(b.size)); err != nil {
			return nil, err
		}
		g.buffers = append(g.buffers, *b.at)
	}
	return g, nil
}

// bytes is the memory that the gallery holds.
func (g *gallery) bytes() (n int64) {
	for _, b := range g.buffers {
		n += b.Size()
	}
	return n
}

// remember queues what a report's slots say of its vectors, which have been written.
func (g *gallery) remember(r *Report) error {
	n := int64(4 * r.rows)
	if err := g.stream.Copy(r.slots.Slice(0, n), r.slotsHost.Slice(0, n)); err != nil {
		return err
	}
	return g.device.Kernels().Blend(g.stream, device.Blend{
		Seen: r.vectors, Slots: r.slots, Gallery: g.vectors, Rows: r.rows, Length: g.length, Keep: keep,
	})
}

// compare returns the cosines [len(rows),used] of at most batch rows of the gallery with its first used ones, and
// waits for them. They are valid until the next call.
func (g *gallery) compare(rows []int, used int) ([]float32, error) {
	picks := g.picksHost.Bytes()
	for i := range g.rows {
		binary.LittleEndian.PutUint32(picks[4*i:], ^uint32(0)) // -1: nothing
	}
	for i, row := range rows {
		binary.LittleEndian.PutUint32(picks[4*row:], uint32(int32(-2-i)))
	}
	if err := g.stream.Copy(g.picks, g.picksHost); err != nil {
		return nil, err
	}
	kernels, n := g.device.Kernels(), int64(len(rows))*int64(used)*4
	// Blend's copies, from the gallery instead of into it, gather all rows in one launch.
	err := kernels.Blend(g.stream, device.Blend{Seen: g.vectors, Slots: g.picks, Gallery: g.asked, Rows: used, Length: g.length, Keep: keep})
	if err != nil {
		return nil, err
	}
	err = kernels.Cosine(g.stream, device.Cosine{A: g.asked, B: g.vectors, Rows: len(rows), Columns: used, Length: g.length, Out: g.cosines})
	if err != nil {
		return nil, err
	}
	if err := g.stream.Copy(g.cosinesHost.Slice(0, n), g.cosines.Slice(0, n)); err != nil {
		return nil, err
	}
	if err := g.stream.Synchronize(); err != nil {
		return nil, err
	}
	raw, out := g.cosinesHost.Bytes(), make([]float32, len(rows)*used)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return out, nil
}

// read returns the vectors of the rows, one after the other.
func (g *gallery) read(rows []int) ([]byte, error) {
	size := 2 * g.length
	out := make([]byte, 0, len(rows)*size)
	for len(rows) > 0 {
		part := rows[:min(len(rows), int(g.staging.Size())/size)]
		for i, row := range part {
			if err := g.stream.Copy(g.staging.Slice(int64(i*size), int64(size)), g.vectors.Slice(int64(row*size), int64(size))); err != nil {
				return nil, err
			}
		}
		if err := g.stream.Synchronize(); err != nil {
			return nil, err
		}
		out, rows = append(out, g.staging.Bytes()[:len(part)*size]...), rows[len(part):]
	}
	return out, nil
}

// fill writes vectors to the gallery's rows from the first one on.
func (g *gallery) fill(vectors []byte) error {
	for at := 0; at < len(vectors); {
		n := copy(g.staging.Bytes(), vectors[at:])
		if err := g.stream.Copy(g.vectors.Slice(int64(at), int64(n)), g.staging.Slice(0, int64(n))); err != nil {
			return err
		}
		if err := g.stream.Synchronize(); err != nil {
			return err
		}
		at += n
	}
	return nil
}

func (g *gallery) close() error {
	var err error
	if g.stream != nil {
		err = g.stream.Close()
	}
	err = errors.Join(err, device.CloseAll(g.buffers...))
	g.stream, g.buffers = nil, nil
	return err
}
