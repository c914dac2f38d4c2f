package contract

import (
	"bytes"
	"errors"
	"fmt"

	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/result"
)

// VectorsAreReported: a lane's vectors, copied on its own stream and taken over by another one behind the event, are
// those of the frame, though the lane has gone on to the next.
func VectorsAreReported(h *Harness) (_ string, err error) {
	b, err := h.setup(model.Parallel, 0, model.Tasks...)
	if err != nil {
		return "", err
	}
	defer b.teardown(&err)
	w, err := h.watch(b, "check")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	other, err := b.device.NewStream("identity")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, other.Close()) }()
	copied, err := b.device.NewEvent()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, copied.Close()) }()
	size := int64(h.Vision.Limits.People * 2 * w.contexts.Of(model.ReID).Engine().Outputs()[0].Elements())
	onDevice, err := b.device.Pool().Alloc("check", "vectors", device.OnDevice, size)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, onDevice.Close()) }()
	onHost, err := b.device.Pool().Alloc("check", "vectors", device.Pinned, size)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, onHost.Close()) }()

	f := &result.Frame{}
	if _, err := w.vision.Detect(&w.picture, f); err != nil {
		return "", err
	}
	var want []byte
	for i := range f.Objects {
		want = append(want, f.Objects[i].ReID...)
	}
	rows, err := w.vision.CopyVectors(onDevice, copied)
	if err != nil {
		return "", err
	}
	if _, err := w.vision.Detect(&w.picture, f); err != nil {
		return "", err
	}
	if err := errors.Join(other.Wait(copied), other.Copy(onHost, onDevice), other.Synchronize()); err != nil {
		return "", err
	}
	if rows == 0 || !bytes.Equal(onHost.Bytes()[:len(want)], want) {
		return "", fmt.Errorf("%d vectors are not those of the frame", rows)
	}
	if _, err := w.vision.CopyVectors(onDevice.Slice(0, 2), copied); err == nil {
		return "", errors.New("vectors were copied to where they do not fit")
	}
	return fmt.Sprintf("%d vectors", rows), nil
}
