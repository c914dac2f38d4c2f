package host

import (
	"encoding/binary"
	"unsafe"

	"sightline/internal/device"
	"sightline/internal/native/dl"
)

func (kernels) Moves(s device.Stream, k device.Moves) error {
	if err := k.Check(); err != nil {
		return err
	}
	table := bytesOf(k.Table)
	return launch(s, func() {
		for i := range k.Count {
			entry := table[i*device.MoveSize:]
			to, from, n := binary.NativeEndian.Uint64(entry), binary.NativeEndian.Uint64(entry[8:]), binary.NativeEndian.Uint64(entry[16:])
			if n > 0 {
				copy(unsafe.Slice((*byte)(dl.Pointer(uintptr(to))), n), unsafe.Slice((*byte)(dl.Pointer(uintptr(from))), n))
			}
		}
	})
}
