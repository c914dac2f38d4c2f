package nvcuvid

import (
	"fmt"
	"sync"

	"sightline/internal/native/dl"
)

// callbacks are made once: they are never freed. They find their decoder by the number that the parser
// passes back, because C must not keep Go pointers.
var callbacks struct{ sequence, decode, display uintptr }

var decoders struct {
	sync.RWMutex
	byID   map[uintptr]*Decoder
	lastID uintptr
}

func makeCallbacks() {
	if callbacks.sequence != 0 {
		return
	}
	decoders.byID = make(map[uintptr]*Decoder)
	callbacks.sequence = dl.Callback(func(id uintptr, f *Format) int32 {
		return guard(id, func(d *Decoder) (int, error) { return d.sequence(f) })
	})
	callbacks.decode = dl.Callback(func(id uintptr, p *picParams) int32 {
		return guard(id, func(d *Decoder) (int, error) { return 1, d.decode(p) })
	})
	callbacks.display = dl.Callback(func(id uintptr, p *displayInfo) int32 {
		return guard(id, func(d *Decoder) (int, error) { return 1, d.display(p) })
	})
}

// guard runs one callback. The parser reports success even when a callback fails, and a panic must not
// unwind through C frames, so both are kept in the decoder for Decode to return.
func guard(id uintptr, f func(d *Decoder) (int, error)) (result int32) {
	decoders.RLock()
	d := decoders.byID[id]
	decoders.RUnlock()
	if d == nil { // closed
		return 0
	}
	defer func() {
		if r := recover(); r != nil {
			d.fail(fmt.Errorf("nvcuvid: panic in callback: %v", r))
			result = 0
		}
	}()
	n, err := f(d)
	if err != nil {
		d.fail(err)
		return 0
	}
	return int32(n)
}

func register(d *Decoder) uintptr {
	decoders.Lock()
	defer decoders.Unlock()
	decoders.lastID++
	decoders.byID[decoders.lastID] = d
	return decoders.lastID
}

func unregister(id uintptr) {
	decoders.Lock()
	defer decoders.Unlock()
	delete(decoders.byID, id)
}
