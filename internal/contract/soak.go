package contract

import (
	"errors"
	"fmt"
	"sync"

	"sightline/internal/device"
	"sightline/internal/model"
)

// soakPipelines run at once, each with soakPictures pictures of its own.
const soakPipelines, soakPictures = 8, 4

// NothingWrongInTenThousand: in every mode, Soak inferences of pipelines that run at once give what the same
// pictures give alone: no error, no wrong result.
func NothingWrongInTenThousand(h *Harness) (string, error) {
	if h.Soak == 0 {
		return "not asked for", nil
	}
	for _, mode := range []model.Mode{model.Serialized, model.Parallel, model.Batched} {
		if err := h.soak(mode); err != nil {
			return "", fmt.Errorf("mode %s: %w", mode, err)
		}
	}
	return fmt.Sprintf("%d inferences in each of 3 modes, 0 errors, 0 wrong", h.Soak), nil
}

func (h *Harness) soak(mode model.Mode) (err error) {
	b, err := h.setup(mode, 0, model.Segmentation)
	if err != nil {
		return err
	}
	defer b.teardown(&err)
	list, err := b.pipelines(soakPipelines)
	if err != nil {
		return err
	}
	tolerance := 0.
	if mode == model.Batched { // the size of a batch differs from run to run
		tolerance = h.tolerance().batch
	}
	failures := make([]error, len(list))
	alone, wait := sync.Mutex{}, sync.WaitGroup{}
	for i, c := range list {
		wait.Go(func() {
			failures[i] = soakOne(b.device, c.Of(model.Segmentation), i, h.Soak/soakPipelines, tolerance, &alone)
		})
	}
	wait.Wait()
	return errors.Join(failures...)
}

// soakOne learns what its pictures give while alone is held, and then infers them over and over.
func soakOne(d device.Device, c *model.ExecutionContext, pipeline, runs int, tolerance float64, alone *sync.Mutex) (err error) {
	l, err := newLane(d, c, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	want := make([][]byte, soakPictures)
	alone.Lock()
	for k := range want {
		if want[k], err = l.infer(pipeline*soakPictures + k); err != nil {
			break
		}
	}
	alone.Unlock()
	for k := 0; k < runs && err == nil; k++ {
		var got []byte
		if got, err = l.infer(pipeline*soakPictures + k%soakPictures); err == nil {
			if e := alike(want[k%soakPictures], got, tolerance); e != nil {
				err = fmt.Errorf("pipeline %d, run %d: %w", pipeline, k, e)
			}
		}
	}
	return err
}
