package pipeline

import (
	"testing"
	"time"

	"sightline/internal/device"
	"sightline/internal/identity"
)

func TestWhenAPictureWasCaptured(t *testing.T) {
	arrived := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	registry := &identity.Registry{}
	for name, c := range map[string]struct {
		recorded bool
		told     time.Time
		want     time.Time
	}{
		"a recording":              {true, time.Time{}, registry.Began().Add(3 * time.Second)},
		"no clock":                 {false, time.Time{}, arrived},
		"a clock":                  {false, arrived.Add(-400 * time.Millisecond), arrived.Add(-400 * time.Millisecond)},
		"a clock of another year":  {false, arrived.AddDate(10, 0, 0), arrived},
		"a clock that was not set": {false, time.Unix(5, 0), arrived},
	} {
		l := &lane{options: Options{Recorded: c.recorded, Identities: registry}}
		if got := l.captured(&device.Picture{PTS: 3 * time.Second, Time: c.told, Submitted: arrived}); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
