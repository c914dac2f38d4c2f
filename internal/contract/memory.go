package contract

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sightline/internal/camera/file"
	"sightline/internal/device"
	"sightline/internal/golden"
	"sightline/internal/model"
	"sightline/internal/result"
	"sightline/internal/vision"
)

// watcher is all that one camera holds of a device but its decoder: contexts, graphs, a picture.
type watcher struct {
	contexts *model.Contexts
	vision   *vision.DetectionManager
	picture  device.Picture
}

// watch makes a camera's holdings and looks at a golden picture, so that every graph is recorded.
func (h *Harness) watch(b *bench, name string) (w *watcher, err error) {
	truth, rgb, err := golden.Picture("plaza")
	if err != nil {
		return nil, err
	}
	w = &watcher{picture: device.Picture{PictureFormat: device.PictureFormat{
		Width: truth.Width, Height: truth.Height, Pitch: truth.Width, Matrix: "bt601", FullRange: true,
	}}}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.contexts, err = b.manager.CreatePipelineContexts(name); err != nil {
		return nil, err
	}
	if w.picture.Buffer, err = b.device.Pool().Alloc(name, "picture", device.OnDevice, w.picture.Size()); err != nil {
		return nil, err
	}
	nv12 := golden.NV12(rgb)
	err = b.upload(w.contexts.Of(model.Detection).Stream(), w.picture.Buffer, func(raw []byte) { copy(raw, nv12) }, w.picture.Size())
	if err != nil {
		return nil, err
	}
	o := h.Vision
	o.Owner, o.Device, o.Contexts, o.Format, o.Vectors, o.Gallery = name, b.device, w.contexts, w.picture.PictureFormat, true, 8
	if w.vision, err = vision.New(o); err != nil {
		return nil, err
	}
	f := &result.Frame{}
	if _, err = w.vision.Detect(&w.picture, f); err == nil && len(f.Objects) != len(truth.Detections) {
		err = fmt.Errorf("%d objects, expected %d", len(f.Objects), len(truth.Detections))
	}
	return w, err
}

func (w *watcher) close() error {
	var errs []error
	if w.vision != nil {
		errs = append(errs, w.vision.Close())
	}
	errs = append(errs, w.picture.Buffer.Close())
	if w.contexts != nil {
		errs = append(errs, w.contexts.Close())
	}
	return errors.Join(errs...)
}

// PixelsStayOnTheDevice: the host can only be reached through pinned memory, and a camera has not so much
// of that as the luma of its picture.
func PixelsStayOnTheDevice(h *Harness) (_ string, err error) {
	b, err := h.setup(model.Parallel, 0, model.Tasks...)
	if err != nil {
		return "", err
	}
	defer b.teardown(&err)
	before := b.device.Pool().Usage().Pinned
	w, err := h.watch(b, "check")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	pinned, people := b.device.Pool().Usage().Pinned-before, h.Vision.Limits.People
	masks := int64(people) * device.MaskRecordSize
	if luma := int64(w.picture.Pitch * w.picture.Height); pinned-masks >= luma {
		return "", fmt.Errorf("%d bytes of pinned memory beside the masks of %d people, the picture's luma has %d", pinned-masks, people, luma)
	}
	return fmt.Sprintf("%d kB of pinned memory a camera, %d of them masks", pinned>>10, masks>>10), nil
}

// slack is what the driver may keep between two looks, and what other processes may take meanwhile.
const slack = 32 << 20

// MemoryComesBack: after Cycles cameras came, looked, decoded and went, the pool is where it was, and so is
// the memory of the GPU as its management library sees it.
func MemoryComesBack(h *Harness) (_ string, err error) {
	b, err := h.setup(model.Parallel, 0, model.Tasks...)
	if err != nil {
		return "", err
	}
	defer b.teardown(&err)
	used := func() (pool, all int64) {
		if d, ok := b.device.Device.(device.Loaded); ok {
			if load, err := d.Load(); err == nil {
				all = load.MemoryUsed
			}
		}
		return b.device.Pool().Usage().Used, all
	}
	var pool, all int64
	for i := range h.Cycles + 1 {
		w, err := h.watch(b, fmt.Sprintf("camera-%d", i%7))
		if err == nil {
			err = errors.Join(h.decodeSome(b.device), w.close())
		}
		if err != nil {
			return "", fmt.Errorf("cycle %d: %w", i, err)
		}
		if i == 0 { // what is made once is there now
			pool, all = used()
		}
	}
	poolAfter, allAfter := used()
	if poolAfter != pool || allAfter > all+slack {
		return "", fmt.Errorf("pool %d bytes before and %d after, GPU %d and %d", pool, poolAfter, all, allAfter)
	}
	if allAfter == 0 {
		return fmt.Sprintf("%d cycles, %d bytes before and after", h.Cycles, pool), nil
	}
	return fmt.Sprintf("%d cycles, GPU memory %d MiB before, %d after", h.Cycles, all>>20, allAfter>>20), nil
}

// decodeSome makes a decoder, gives it a few pictures and closes it in the middle. What it delivered last goes back after that.
func (h *Harness) decodeSome(d device.Device) (err error) {
	source, err := file.Open(h.Clips[0], file.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	sink := &newest{}
	decoder, err := d.NewDecoder(device.DecoderOptions{Owner: "check", Format: source.Format(), Output: sink})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, decoder.Close(), sink.giveBack()) }()
	for range 3 {
		unit, err := source.Next(context.Background())
		if err == nil {
			err = decoder.Decode(unit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// newest is a sink that holds the newest picture and looks at none.
type newest struct{ picture *device.Picture }

func (s *newest) Wants(time.Duration) bool { return true }

func (s *newest) Deliver(p *device.Picture) {
	_ = s.giveBack()
	s.picture = p
}

func (s *newest) giveBack() error {
	if s.picture == nil {
		return nil
	}
	return s.picture.Release()
}
