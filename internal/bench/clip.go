package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sightline/internal/camera"
	"sightline/internal/media"
)

// Clip is a recording in memory that goes on for ever: what feeds many decoders must cost nothing itself. It is not
// changed once it is made, and may be played by many at once.
type Clip struct {
	format media.Format
	units  []media.AccessUnit
	// interval is the time between two pictures, of the recording or as it is to be played.
	interval time.Duration
	// keys are the units that a decoder can begin with.
	keys []int
}

// maxClip bounds what is kept in memory.
const maxClip = 1 << 30

// ReadClip reads a recording to its end. It is played with fps pictures a second; 0 keeps its own rate.
func ReadClip(ctx context.Context, s camera.Source, fps float64) (*Clip, error) {
	var units []media.AccessUnit
	size := 0
	for {
		u, err := s.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if size += len(u.Data); size > maxClip {
			return nil, fmt.Errorf("the clip has more than %d MiB: cut a shorter one", maxClip>>20)
		}
		units = append(units, u)
	}
	return newClip(s.Format(), units, fps)
}

func newClip(format media.Format, units []media.AccessUnit, fps float64) (*Clip, error) {
	if len(units) < 2 {
		return nil, fmt.Errorf("the clip has %d pictures, expected two or more", len(units))
	}
	c := &Clip{format: format, units: slices.Clone(units)}
	first, last := units[0].PTS, units[0].PTS
	for i, u := range units {
		first, last = min(first, u.PTS), max(last, u.PTS)
		if u.Key {
			c.keys = append(c.keys, i)
		}
	}
	if len(c.keys) == 0 || c.keys[0] != 0 {
		return nil, errors.New("the clip does not begin with a picture that a decoder can begin with")
	}
	own := (last - first) / time.Duration(len(units)-1)
	if own <= 0 {
		return nil, errors.New("all of the clip's pictures have the same time")
	}
	c.interval = own
	if fps > 0 {
		c.interval = time.Duration(float64(time.Second) / fps)
	}
	// Pictures are shown at even distances, whatever the recording's clock did: by their order alone.
	order := make([]int, len(units))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(units[a].PTS, units[b].PTS) })
	for n, i := range order {
		c.units[i].PTS = time.Duration(n) * c.interval
		c.units[i].Arrived, c.units[i].Time = time.Time{}, time.Time{}
	}
	return c, nil
}

// unit is the n-th unit of a playing that begins with unit start, which is one of keys.
func (c *Clip) unit(start, n int) media.AccessUnit {
	at := start + n
	u := c.units[at%len(c.units)]
	u.PTS += time.Duration(at/len(c.units)*len(c.units)-start) * c.interval
	return u
}

// isKey says whether unit(start, n) is one that a decoder can begin with.
func (c *Clip) isKey(start, n int) bool { return c.units[(start+n)%len(c.units)].Key }

// number is the place in the order of display of a picture with this time, from 0.
func (c *Clip) number(pts time.Duration) int { return int((pts + c.interval/2) / c.interval) }

// start is where the i-th of n players begins: spread over the clip, or all would meet their large pictures and
// their crowds at the same time.
func (c *Clip) start(i, n int) int { return c.keys[i*len(c.keys)/max(n, 1)] }
