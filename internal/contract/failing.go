package contract

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"sightline/internal/device"
	"sightline/internal/model"
)

// PoolLimit: at the limit a pipeline is refused by name, leaves nothing behind, and disturbs nobody.
func PoolLimit(h *Harness) (_ string, err error) {
	b, err := h.setup(model.Parallel, 0, model.Segmentation)
	if err != nil {
		return "", err
	}
	_, err = b.pipelines(1)
	one := b.device.Pool().Usage().Used
	if b.teardown(&err); err != nil {
		return "", err
	}
	if b, err = h.setup(model.Parallel, 3*one+one/2, model.Segmentation); err != nil {
		return "", err
	}
	defer b.teardown(&err)
	list, err := b.pipelines(3)
	if err != nil {
		return "", err
	}
	before := b.device.Pool().Usage()
	_, refused := b.manager.CreatePipelineContexts("one-too-many")
	var oom *device.OutOfMemoryError
	if !errors.As(refused, &oom) || oom.Owner != "one-too-many" || !strings.Contains(refused.Error(), "one-too-many") {
		return "", fmt.Errorf("the fourth pipeline got %v", refused)
	}
	if after := b.device.Pool().Usage(); after.Used != before.Used || after.Buffers != before.Buffers {
		return "", fmt.Errorf("pool: %s before, %s after", before, after)
	}
	for _, c := range list {
		if err := c.Of(model.Segmentation).Infer(1); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%.1f MiB a pipeline", float64(one)/(1<<20)), nil
}

// OneModelFails: the others are released, and the error names the model.
func OneModelFails(h *Harness) (_ string, err error) {
	d, err := h.open(0)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, d.Close()) }() // fails if an engine was left
	config := h.config(d, model.Parallel, model.Segmentation, model.ReID)
	broken := config.Models[len(config.Models)-1]
	d.fail = broken.Name
	if _, e := model.New(config); !errors.Is(e, errRefused) || !strings.Contains(e.Error(), broken.Name) {
		return "", fmt.Errorf("got %v, expected an error naming %s", e, broken.Name)
	}
	d.fail = ""
	// A file that is no model goes the same way through the real loader.
	config.Models[len(config.Models)-1].Read = func() ([]byte, error) { return []byte("not a model"), nil }
	if _, e := model.New(config); e == nil || !strings.Contains(e.Error(), broken.Name) {
		return "", fmt.Errorf("a broken file gave %v, expected an error naming %s", e, broken.Name)
	}
	return "", nil
}

// DeviceLost: every pipeline fails with the cause, what is held can be given back, nothing new starts.
func DeviceLost(h *Harness) (_ string, err error) {
	b, err := h.setup(model.Parallel, 0, model.Segmentation)
	if err != nil {
		return "", err
	}
	defer b.teardown(&err)
	list, err := b.pipelines(4)
	if err != nil {
		return "", err
	}
	cause := errors.New("broken by the check")
	failures := make([]error, len(list))
	var wait, started sync.WaitGroup
	for i, c := range list {
		started.Add(1)
		wait.Go(func() {
			_ = c.Of(model.Segmentation).Infer(1)
			started.Done()
			for failures[i] == nil {
				failures[i] = c.Of(model.Segmentation).Infer(1)
			}
		})
	}
	started.Wait()
	h.Break(b.device.Device, cause)
	wait.Wait()
	<-b.device.Lost()
	for i, e := range failures {
		if !errors.Is(e, cause) || !errors.Is(e, device.ErrLost) {
			return "", fmt.Errorf("pipeline %d got %v", i, e)
		}
	}
	if !errors.Is(b.device.Cause(), cause) {
		return "", fmt.Errorf("the device's cause is %v", b.device.Cause())
	}
	if _, e := b.manager.CreatePipelineContexts("late"); !errors.Is(e, device.ErrLost) {
		return "", fmt.Errorf("a new pipeline got %v", e)
	}
	return "4 pipelines stopped with the cause", nil
}

// UnavailableStaysUnavailable: a GPU that is not there is an error, and no other device in its place.
func UnavailableStaysUnavailable(h *Harness) (string, error) {
	d, err := h.Unavailable()
	if err == nil {
		return "", errors.Join(fmt.Errorf("got a device: %+v", d.Info()), d.Close())
	}
	if d != nil || !errors.Is(err, device.ErrUnavailable) || strings.Contains(err.Error(), "\n") {
		return "", fmt.Errorf("got %v and error %q, expected nothing and one sentence that wraps ErrUnavailable", d, err)
	}
	return "cuda refused", nil
}

// SharingAContextBreaksIt shows that the rule is needed: with 2 and with 8 threads on one context and no
// lock, inferences fail, are wrong, or end the process. It passes if they do.
func SharingAContextBreaksIt(h *Harness) (string, error) {
	if h.Sharing == nil {
		return "not on this device", nil
	}
	var said []string
	for _, threads := range []int{2, 8} {
		text, err := h.Sharing(threads)
		if err != nil {
			return "", fmt.Errorf("%d threads: %w", threads, err)
		}
		said = append(said, fmt.Sprintf("%d threads: %s", threads, text))
	}
	return strings.Join(said, "; "), nil
}
