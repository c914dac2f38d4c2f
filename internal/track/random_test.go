package track

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"sightline/internal/result"
)

// checkFrame checks what must hold after any frame, and returns the largest number in it.
func checkFrame(t *testing.T, tracker *core, o Options, objects []result.Object, actions []int32) int64 {
	t.Helper()
	var largest int64
	numbers := map[int64]bool{}
	for i, x := range objects {
		if x.Track < 0 || x.Track > tracker.Count() {
			t.Fatalf("object %d has track %d of %d", i, x.Track, tracker.Count())
		}
		if x.Track != 0 && numbers[x.Track] {
			t.Fatalf("two objects have track %d", x.Track)
		}
		if x.Track != 0 && !(x.Score >= o.Update) {
			t.Fatalf("object of score %v has track %d", x.Score, x.Track)
		}
		for _, v := range x.TrackBox {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) || x.Track == 0 && v != 0 {
				t.Fatalf("object %d of track %d is told at %v", i, x.Track, x.TrackBox)
			}
		}
		numbers[x.Track] = true
		largest = max(largest, x.Track)
	}
	for _, u := range tracker.Unseen(nil, 1920, 1080) {
		if u.Track <= 0 || numbers[u.Track] || !(u.Since >= 0) || !(u.TrackBox.Width() > 0 && u.TrackBox.Height() > 0) {
			t.Fatalf("unseen %+v", u)
		}
	}
	written := map[int32]bool{}
	for i, a := range actions {
		s := a
		if a <= -2 {
			s = -2 - a
		}
		if int(s) >= o.Slots || s >= 0 && written[s] {
			t.Fatalf("row %d: action %d of %d slots (written: %v)", i, a, o.Slots, written[s])
		}
		written[s] = true
	}
	if tracker.Live() > o.MaxTracks {
		t.Fatalf("%d live tracks, limit %d", tracker.Live(), o.MaxTracks)
	}
	held := map[int32]bool{}
	for i := range tracker.tracks {
		k := &tracker.tracks[i]
		for _, a := range []axis{k.motion.cx, k.motion.cy, k.motion.w, k.motion.h} {
			for _, v := range []float64{a.x, a.v, a.pxx, a.pxv, a.pvv} {
				if math.IsNaN(v) || math.IsInf(v, 0) || a.pxx < 0 || a.pvv < 0 {
					t.Fatalf("track %d: motion %+v", k.number, k.motion)
				}
			}
		}
		if k.slot >= 0 && (held[k.slot] || !tracker.owner[k.slot]) {
			t.Fatalf("slot %d is held twice or by nobody", k.slot)
		}
		held[k.slot] = true
	}
	owned := 0
	for s, owner := range tracker.owner {
		if owner {
			owned++
			if !held[int32(s)] {
				t.Fatalf("slot %d leaked", s)
			}
		}
	}
	return largest
}

func TestRandomFrames(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	o := Options{Slots: 16, MaxTracks: 40}.withDefaults()
	tracker := newCore(o)
	classes := []string{"person", "dog", "car"}
	pts := time.Duration(0)
	var crowd []result.Object
	ended := map[int64]int{} // number to the frame in which it was last seen
	for i := range 10_000 {
		switch r.IntN(200) {
		case 0:
			pts -= time.Duration(r.Int64N(int64(time.Minute)))
		case 1:
			pts += time.Duration(r.Int64N(int64(time.Minute)))
		default:
			pts += time.Duration(r.Int64N(int64(200 * time.Millisecond)))
		}
		for len(crowd) < 12 || r.IntN(10) == 0 && len(crowd) < 40 {
			x := person(r.Float32()*1920, r.Float32()*1080, 5+r.Float32()*200, 5+r.Float32()*400, r.Float32())
			x.Class = classes[r.IntN(3)]
			crowd = append(crowd, x)
		}
		var objects []result.Object
		for j := range crowd {
			c := &crowd[j]
			for k := range c.Box {
				c.Box[k] += float32(r.NormFloat64()) * c.Box.Width() / 20
			}
			c.Score = min(max(c.Score+float32(r.NormFloat64())*0.1, 0), 1)
			if r.IntN(5) > 0 {
				objects = append(objects, *c)
			}
		}
		if r.IntN(10) == 0 {
			crowd = crowd[r.IntN(len(crowd)+1):]
		}
		if r.IntN(20) == 0 && len(objects) > 0 {
			objects[r.IntN(len(objects))].Box[r.IntN(4)] = float32(math.NaN())
		}
		a := Appearance{Cosines: make([]float32, 8*o.Slots), Actions: make([]int32, 10)}
		for j := range a.Cosines {
			a.Cosines[j] = r.Float32()*2 - 1
		}
		tracker.Update(pts, objects, a)
		checkFrame(t, tracker, o, objects, a.Actions)
		for _, x := range objects {
			if last, ok := ended[x.Track]; ok && x.Track != 0 && i-last > 400 {
				t.Fatalf("frame %d: number %d came back after %d frames", i, x.Track, i-last)
			}
			ended[x.Track] = i
		}
	}
	if tracker.Count() < 100 {
		t.Errorf("only %d tracks in 10,000 frames", tracker.Count())
	}
}

// TestPlaza walks people as the clips show them at 10 fps: up to 30 % of their width a frame, boxes
// that shake by 2 %, one frame in ten missed, one in ten doubtful. Each must keep one number.
func TestPlaza(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 7))
		type walker struct{ x, y, vx, vy, w float32 }
		var people []walker
		for i := range 8 {
			w := 20 + 30*r.Float32()
			v := (r.Float32()*2 - 1) * 0.3 * w
			// Lanes of their own: this is about motion and misses, not about who is who.
			people = append(people, walker{400 + 400*r.Float32(), 100 + float32(i)*170, v, 0, w})
		}
		tracker := newCore(Options{})
		numbers := make([]map[int64]int, len(people))
		for i := range numbers {
			numbers[i] = map[int64]int{}
		}
		for i := range 100 {
			var objects []result.Object
			var who []int
			for j := range people {
				p := &people[j]
				if i%25 == 24 { // nobody turns round at full speed within a tenth of a second
					p.vx += (r.Float32()*2 - 1) * 0.2 * p.w
					p.vx = min(max(p.vx, -0.3*p.w), 0.3*p.w)
				}
				p.x += p.vx
				score := float32(0.55 + 0.4*r.Float64())
				switch {
				case i < 3:
				case r.IntN(10) == 0:
					continue
				case r.IntN(10) == 0:
					score = 0.42
				}
				shake := func() float32 { return float32(r.NormFloat64()) * 0.02 * p.w }
				objects = append(objects, person(p.x+shake(), p.y+shake(), p.w+shake(), 2.5*p.w+shake(), score))
				who = append(who, j)
			}
			r.Shuffle(len(who), func(a, b int) {
				objects[a], objects[b], who[a], who[b] = objects[b], objects[a], who[b], who[a]
			})
			tracker.Update(time.Duration(i)*frame, objects, Appearance{})
			for k, x := range objects {
				if x.Track != 0 {
					numbers[who[k]][x.Track]++
				}
			}
		}
		for j, n := range numbers {
			if len(n) != 1 {
				t.Errorf("seed %d: person %d had numbers %v, want one", seed, j, n)
			}
		}
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	tracker := newCore(Options{Slots: 64})
	objects := make([]result.Object, 50)
	a := Appearance{Cosines: make([]float32, 40*64), Actions: make([]int32, 40)}
	i := 0
	run := func() {
		n := 50
		if i%20 >= 15 { // a few leave for a while
			n = 30
		}
		for j := range n {
			objects[j] = person(float32(j%10)*60+float32(i%7), float32(j/10)*120, 40, 100, 0.9)
			if j%5 == 4 {
				objects[j].Class = "dog"
			}
		}
		tracker.Update(time.Duration(i)*frame, objects[:n], a)
		i++
	}
	for range 50 {
		run()
	}
	if got := testing.AllocsPerRun(100, run); got != 0 {
		t.Errorf("%v allocations a frame, want 0", got)
	}
}

// FuzzUpdate reads frames of objects from bytes: 16-bit boxes and scores, steps of time, any float32
// where a byte says so.
func FuzzUpdate(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0xc0, 0x7f})
	f.Fuzz(func(t *testing.T, data []byte) {
		o := Options{Slots: 4, MaxTracks: 8, ConfirmHits: 2}.withDefaults()
		tracker := newCore(o)
		pts := time.Duration(0)
		next := func() byte {
			if len(data) == 0 {
				return 0
			}
			b := data[0]
			data = data[1:]
			return b
		}
		for len(data) > 0 {
			var objects []result.Object
			for range next() % 8 {
				x := person(float32(next())*4, float32(next())*4, float32(next()), float32(next()), float32(next())/255)
				switch next() % 16 {
				case 0:
					x.Box[next()%4] = math.Float32frombits(binary.LittleEndian.Uint32([]byte{next(), next(), next(), next()}))
				case 1:
					x.Score = math.Float32frombits(binary.LittleEndian.Uint32([]byte{next(), next(), next(), next()}))
				case 2:
					x.Class = string(next())
				}
				objects = append(objects, x)
			}
			step := time.Duration(next()) * time.Millisecond
			if step == 255*time.Millisecond {
				step = time.Duration(binary.LittleEndian.Uint64([]byte{next(), next(), next(), next(), next(), next(), next(), next()}))
			}
			pts += step
			a := Appearance{Cosines: make([]float32, int(next())), Actions: make([]int32, next()%6)}
			for i := range a.Cosines {
				a.Cosines[i] = float32(int8(next())) / 127
			}
			tracker.Update(pts, objects, a)
			checkFrame(t, tracker, o, objects, a.Actions)
		}
	})
}
