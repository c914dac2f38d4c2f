package live

import (
	"context"
	"testing"

	"sightline/internal/media"
)

// TestMemoryIsBounded: a camera that sends more than anybody takes is dropped from, by number and by bytes.
func TestMemoryIsBounded(t *testing.T) {
	for _, c := range []struct {
		size, sent, most int
	}{{100, 1000, queued}, {1 << 20, 100, 17}, {40 << 20, 3, 1}} {
		dropped := 0
		s := &Source{options: Options{Dropped: func(string) { dropped++ }}, queue: newQueue()}
		for range c.sent {
			s.deliver(media.AccessUnit{Data: make([]byte, c.size), Key: true})
		}
		if n := len(s.units); n > c.most || n == 0 || n+dropped != c.sent {
			t.Errorf("units of %d bytes: %d wait, %d dropped of %d", c.size, n, dropped, c.sent)
		}
		for len(s.units) > 0 {
			if _, err := s.Next(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if n := s.bytes.Load(); n != 0 {
			t.Errorf("%d bytes left", n)
		}
	}
}
