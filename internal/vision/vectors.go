package vision

import (
	"fmt"

	"sightline/internal/device"
	"sightline/internal/model"
)

// CopyVectors queues the copy of the last frame's vectors, float16 [people,length] in the order of the persons among its
// objects, to the first rows of a buffer on the device, and records done behind it. Nothing waits: the copy lies
// between this frame's work and the next one's on the lane's stream. It returns the number of rows.
func (m *DetectionManager) CopyVectors(to *device.Buffer, done device.Event) (int, error) {
	if m.reid == nil || len(m.indices) == 0 {
		return 0, nil
	}
	n := int64(len(m.indices)) * int64(2*m.reid.length)
	if n > to.Size() {
		return 0, fmt.Errorf("vision for %s: %d vectors of %d numbers do not fit into %d bytes", m.options.Owner, len(m.indices), m.reid.length, to.Size())
	}
	s := m.options.Contexts.Of(model.Detection).Stream()
	if err := s.Copy(to.Slice(0, n), m.reid.vectors.Slice(0, n)); err != nil {
		return 0, err
	}
	return len(m.indices), s.Record(done)
}
