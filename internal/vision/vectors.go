package vision

import (
	"fmt"

	"sightline/internal/device"
)

// CopyVectors queues the copy of the last frame's vectors, float16 [rows,length] in the order of Appearance's rows,
// to the first rows of a buffer on the device, and records done behind it. Nothing waits: the copy lies
// between this frame's work and the next one's on the lane's stream. It returns the number of rows.
func (m *DetectionManager) CopyVectors(to *device.Buffer, done device.Event) (int, error) {
	if m.reid == nil || !m.looked {
		return 0, nil
	}
	rows := len(m.reid.group.indices)
	n := int64(rows) * m.reid.vectors.size
	if n > to.Size() {
		return 0, fmt.Errorf("vision for %s: %d vectors of %d numbers do not fit into %d bytes", m.options.Owner, rows, m.reid.length, to.Size())
	}
	s := m.reid.group.on.by.Stream()
	if err := s.Copy(to.Slice(0, n), m.reid.vectors.onDevice.Slice(0, n)); err != nil {
		return 0, err
	}
	m.copying = s
	return rows, s.Record(done)
}
