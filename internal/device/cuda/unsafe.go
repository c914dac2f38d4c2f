package cuda

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"sightline/internal/device"
	driver "sightline/internal/native/cuda"
)

// Damage is what came of sharing a context.
type Damage struct {
	Calls  int `json:"calls"`
	Failed int `json:"failed"`
	Wrong  int `json:"wrong"`
	// Example is the first failure's text.
	Example string `json:"example,omitempty"`
}

// ShareUnsafely does what this program exists to prevent: goroutines share one TensorRT context with no lock
// and no guard, each with pictures and outputs of its own, and every output is compared with what the same
// picture gives alone. It may abort the process or leave the device unusable: only a child process calls it.
func (d *Device) ShareUnsafely(m device.ModelFile, threads, calls int) (total Damage, err error) {
	loaded, err := d.LoadEngine(m)
	if err != nil {
		return total, err
	}
	made, err := loaded.NewContext(device.ContextOptions{Owner: "unsafe"})
	if err != nil {
		return total, err
	}
	c := made.(*executionContext)
	lanes := make([]*unsafeLane, threads)
	for i := range lanes {
		if lanes[i], err = newUnsafeLane(c, i); err != nil {
			return total, err
		}
		if lanes[i].want, err = lanes[i].infer(); err != nil {
			return total, err
		}
		if i > 0 && bytes.Equal(lanes[i].want, lanes[0].want) {
			return total, errors.New("two pictures give the same output: nothing could be seen")
		}
	}
	for _, t := range c.sized {
		t.Unguarded = true
	}
	var wait sync.WaitGroup
	var mutex sync.Mutex
	for _, l := range lanes {
		wait.Go(func() {
			for range calls {
				got, err := l.infer()
				mutex.Lock()
				total.Calls++
				switch {
				case err != nil:
					total.Failed++
					if total.Example == "" {
						total.Example = err.Error()
					}
				case !bytes.Equal(got, l.want):
					total.Wrong++
				}
				mutex.Unlock()
			}
		})
	}
	wait.Wait()
	return total, nil
}

// unsafeLane is one goroutine's stream and memory.
type unsafeLane struct {
	context *executionContext
	stream  driver.Stream
	in, out *device.Buffer
	host    *device.Buffer
	want    []byte
}

func newUnsafeLane(c *executionContext, seed int) (*unsafeLane, error) {
	e := c.engine
	l := &unsafeLane{context: c}
	pool := e.device.pool
	size := func(b device.Binding) int64 { return b.Size() * int64(e.MaxBatch()) }
	var err error
	if l.in, err = pool.Alloc("unsafe", "input", device.OnDevice, size(e.inputs[0])); err != nil {
		return nil, err
	}
	if l.out, err = pool.Alloc("unsafe", "output", device.OnDevice, size(e.outputs[0])); err != nil {
		return nil, err
	}
	if l.host, err = pool.Alloc("unsafe", "host", device.Pinned, max(l.in.Size(), l.out.Size())); err != nil {
		return nil, err
	}
	raw := l.host.Bytes()
	for i := range l.in.Size() / 4 { // float32 between 0.5 and 1, another picture for every seed
		raw[4*i+2], raw[4*i+3] = byte(int64(seed+1)*i*7>>3), 0x3f
	}
	err = e.device.do(func() (err error) {
		if l.stream, err = driver.NewStream(); err != nil {
			return err
		}
		return errors.Join(l.stream.Copy(l.in.Address(), l.host.Address(), l.in.Size()), l.stream.Synchronize())
	})
	return l, err
}

// infer binds, queues, waits and reads, as a caller that believes to be alone does.
func (l *unsafeLane) infer() ([]byte, error) {
	e := l.context.engine
	t := l.context.sized[len(l.context.sized)-1]
	err := e.device.context.Do(func() error {
		if err := errors.Join(t.SetAddress(e.inputs[0].Name, l.in.Address()), t.SetAddress(e.outputs[0].Name, l.out.Address())); err != nil {
			return err
		}
		if err := t.Enqueue(l.stream); err != nil {
			return err
		}
		return errors.Join(l.stream.Copy(l.host.Address(), l.out.Address(), l.out.Size()), l.stream.Synchronize())
	})
	if err != nil {
		return nil, fmt.Errorf("shared context: %w", err)
	}
	return bytes.Clone(l.host.Bytes()[:l.out.Size()]), nil
}
