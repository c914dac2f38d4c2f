package nvcuvid

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"sightline/internal/native/cuda"
	"sightline/internal/native/dl"
)

const testStream = cuda.Stream(7)

func open(t *testing.T, c Config) *Decoder {
	t.Helper()
	if c.Codec == 0 {
		c.Codec = H264
	}
	d, err := NewDecoder(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// content is what the stand-in put into a frame: the timestamp of the unit it was made from.
func content(f Frame) int64 { return *(*int64)(dl.Pointer(f.Luma)) }

// take maps and unmaps every picture that is ready and returns their timestamps.
func take(t *testing.T, d *Decoder) (stamps []int64) {
	t.Helper()
	for p, ok := d.Next(); ok; p, ok = d.Next() {
		f, err := d.Map(p, testStream)
		if err != nil {
			t.Fatal(err)
		}
		if content(f) != p.Timestamp || f.Timestamp != p.Timestamp {
			t.Errorf("picture %d shows %d", p.Timestamp, content(f))
		}
		stamps = append(stamps, f.Timestamp)
		d.Inspect(p)
		if err := d.Unmap(f); err != nil {
			t.Error(err)
		}
		if err := d.Unmap(f); !errors.Is(err, ErrStale) {
			t.Errorf("second unmap: %v", err)
		}
	}
	return stamps
}

func TestDecode(t *testing.T) {
	useFake(t)
	d := open(t, Config{Extra: 2})
	var got []int64
	for i, unit := range []string{sequence(40, 30, 8, 3) + "P\x02", "P\x09", "B\x02", "P\x08", "P\x02R", "B\x02"} {
		if err := d.Decode([]byte(unit), int64(i)*3003+1<<40); err != nil {
			t.Fatal(err)
		}
		got = append(got, take(t, d)...)
	}
	if err := d.Flush(); err != nil {
		t.Fatal(err)
	}
	got = append(got, take(t, d)...)
	for i := range got {
		got[i] = (got[i] - 1<<40) / 3003
	}
	if want := "[0 1 3 2 4 4 5]"; fmt.Sprint(got) != want {
		t.Errorf("shown %v, want %s", got, want)
	}
	if got, want := d.Stats(), (Stats{Decoded: 6, Shown: 7, Mapped: 7, Damaged: 1, Concealed: 1, Created: 1}); got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}
	f := d.Format()
	if f.Width() != 640 || f.Height() != 472 || !f.FullRange() {
		t.Errorf("format %+v", f)
	}
	d.Discontinuity()
	if err := errors.Join(d.Decode([]byte("P\x02"), 0), d.Decode([]byte("P\x02"), 1)); err != nil || standIn.Flags()&packetDiscontinuity == 0 {
		t.Errorf("after a discontinuity: %v, or its flag is missing", err)
	}
	p, _ := d.Next()
	d.Skip(p)
	d.Skip(p)
	if s := d.Stats(); s.Skipped != 1 {
		t.Errorf("after one was given back, twice: %+v", s)
	}
	for range 2 {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	if damage := d.Inspect(p); damage != NoDamage {
		t.Errorf("damage after close: %d", damage)
	}
	if err := d.Decode([]byte("P\x02"), 2); !errors.Is(err, ErrClosed) {
		t.Errorf("decode after close: %v", err)
	}
	if err := d.Flush(); !errors.Is(err, ErrClosed) {
		t.Errorf("flush after close: %v", err)
	}
}

func TestSurfacesAndOutputs(t *testing.T) {
	useFake(t)
	d := open(t, Config{Extra: 1, Outputs: 2})
	if err := d.Decode([]byte(sequence(40, 30, 8, 2)+"P\x02P\x02P\x02"), 5); err != nil {
		t.Fatal(err)
	}
	if err := d.Decode([]byte("P\x02"), 6); !errors.Is(err, ErrSurfaceBusy) {
		t.Errorf("fourth picture on three surfaces: %v", err)
	}
	if err := d.Decode([]byte(sequence(40, 30, 8, 2)), 6); err != nil { // the error was told once
		t.Error(err)
	}
	a, _ := d.Next()
	b, _ := d.Next()
	c, _ := d.Next()
	fa, err1 := d.Map(a, testStream)
	fb, err2 := d.Map(b, testStream)
	if err := errors.Join(err1, err2); err != nil || fa.Luma == fb.Luma || fa.Pitch != 2048 || fa.Chroma != fa.Luma+2048*472 {
		t.Fatalf("%v, %+v, %+v", err, fa, fb)
	}
	if _, err := d.Map(c, testStream); !errors.Is(err, ErrNoOutput) {
		t.Errorf("third map: %v", err)
	}
	if err := d.Close(); !errors.Is(err, ErrMapped) {
		t.Errorf("close while mapped: %v", err)
	}
	if err := d.Decode([]byte(sequence(20, 20, 8, 2)), 7); !errors.Is(err, ErrMapped) {
		t.Errorf("new size while mapped: %v", err)
	}
	if err := errors.Join(d.Unmap(fa), d.Unmap(fb)); err != nil {
		t.Error(err)
	}
	if _, err := d.Map(a, testStream); !errors.Is(err, ErrStale) {
		t.Errorf("mapped twice: %v", err)
	}
	standIn.Fail("cuvidMapVideoFrame64", 205)
	if _, err := d.Map(c, testStream); err == nil || d.Stats().Lost != 1 {
		t.Errorf("failed map: %v, %+v", err, d.Stats())
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestRoom: with Room, a unit may hold more pictures than there are surfaces.
func TestRoom(t *testing.T) {
	useFake(t)
	var d *Decoder
	n := 0
	d = open(t, Config{Room: func(func() bool) error { n += len(take(t, d)); return nil }})
	if err := d.Decode([]byte(sequence(40, 30, 8, 2)+strings.Repeat("P\x02", 9)), 1); err != nil {
		t.Fatal(err)
	}
	if n += len(take(t, d)); n != 9 || d.Stats().Lost != 0 {
		t.Errorf("%d pictures of 9, %+v", n, d.Stats())
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestDone(t *testing.T) {
	useFake(t)
	d := open(t, Config{Extra: 2})
	if err := d.Decode([]byte(sequence(40, 30, 8, 3)+"P\x01"), 1); err != nil {
		t.Fatal(err)
	}
	p, _ := d.Next()
	if first, second := d.Done(p), d.Done(p); first || !second {
		t.Errorf("done at first %v, then %v", first, second)
	}
	if f, err := d.Map(p, testStream); err != nil || d.Unmap(f) != nil {
		t.Errorf("map: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if !d.Done(p) {
		t.Error("a closed decoder is still at it")
	}
}

func TestFormatChanges(t *testing.T) {
	useFake(t)
	for _, c := range []struct {
		name   string
		config Config
		units  []string
		refuse int // cuvidReconfigureDecoder's answer, if not 0
		want   Stats
	}{
		{"same again", Config{}, []string{sequence(40, 30, 8, 3), sequence(40, 30, 8, 2)}, 0, Stats{Created: 1}},
		{"smaller and back", Config{}, []string{sequence(40, 30, 8, 3), sequence(20, 20, 8, 3), sequence(40, 30, 8, 3)}, 0, Stats{Created: 1, Reconfigured: 2}},
		{"larger", Config{}, []string{sequence(20, 20, 8, 3), sequence(40, 30, 8, 3)}, 0, Stats{Created: 2}},
		{"larger, foreseen", Config{MaxWidth: 1920, MaxHeight: 1088}, []string{sequence(20, 20, 8, 3), sequence(40, 30, 8, 3)}, 0, Stats{Created: 1, Reconfigured: 1}},
		{"more surfaces", Config{}, []string{sequence(40, 30, 8, 3), sequence(40, 30, 8, 5)}, 0, Stats{Created: 2}},
		{"deeper", Config{Codec: HEVC}, []string{sequence(40, 30, 8, 3), sequence(40, 30, 10, 3)}, 0, Stats{Created: 2}},
		{"refused by the driver", Config{}, []string{sequence(40, 30, 8, 3), sequence(20, 20, 8, 3)}, 801, Stats{Created: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var d *Decoder
			inside := 0
			c.config.Extra = 1
			c.config.Room = func(func() bool) error { inside += len(take(t, d)); return nil }
			d = open(t, c.config)
			standIn.Fail("cuvidReconfigureDecoder", c.refuse)
			after := 0
			for i, unit := range c.units {
				// The picture before a change is still there when the change comes.
				if err := d.Decode([]byte(unit+"P\x02"), int64(i)); err != nil {
					t.Fatal(err)
				}
				if i == len(c.units)-1 {
					after = len(take(t, d))
				}
			}
			n := len(c.units)
			if inside+after != n {
				t.Errorf("%d + %d pictures of %d", inside, after, n)
			}
			c.want.Decoded, c.want.Shown, c.want.Mapped = n, n, n
			if got := d.Stats(); got != c.want {
				t.Errorf("stats %+v, want %+v", got, c.want)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPicturesOfTheOldFormatAreStale(t *testing.T) {
	useFake(t)
	d := open(t, Config{Extra: 2})
	if err := d.Decode([]byte(sequence(40, 30, 8, 3)+"P\x02P\x02"), 1); err != nil {
		t.Fatal(err)
	}
	p, _ := d.Next()
	if err := d.Decode([]byte(sequence(20, 20, 8, 3)+"P\x02"), 2); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Map(p, testStream); !errors.Is(err, ErrStale) || d.Stats().Lost != 1 {
		t.Errorf("map of an old picture: %v, %+v", err, d.Stats())
	}
	if got := take(t, d); fmt.Sprint(got) != "[2]" {
		t.Errorf("shown %v", got)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestUnsupported(t *testing.T) {
	useFake(t)
	for want, unit := range map[string]string{
		"H.264, 4:2:0, 10 bits, 640x480": sequence(40, 30, 10, 3),
		"up to 2048x2048, not H.264":     sequence(129, 30, 8, 3),
		"up to 8192 macroblocks":         sequence(120, 120, 8, 3),
		"from 48x16":                     sequence(2, 2, 8, 3),
	} {
		d := open(t, Config{})
		err := d.Decode([]byte(unit+"P\x02"), 0)
		if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want %q", err, want)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	d := open(t, Config{Codec: AV1})
	if err := d.Decode([]byte(sequence(40, 30, 8, 3)), 0); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "AV1") {
		t.Errorf("error = %v", err)
	}
	if caps, err := QueryCaps(Kind{HEVC, Chroma420, 10}); err != nil || caps.Supported != 1 || caps.Engines != 7 {
		t.Errorf("caps %+v, %v", caps, err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestFailuresInCallbacks(t *testing.T) {
	useFake(t)
	standIn.Fail("cuvidCreateVideoParser", 2)
	if _, err := NewDecoder(Config{Codec: H264}); err == nil {
		t.Error("a parser that was not made")
	}
	d := open(t, Config{Extra: 1, Room: func(func() bool) error { panic("in Room") }})
	standIn.Fail("cuvidCreateDecoder", 2)
	if err := d.Decode([]byte(sequence(40, 30, 8, 3)+"P\x02"), 0); err == nil || !strings.Contains(err.Error(), "cuvidCreateDecoder") {
		t.Errorf("decoder that was not made: %v", err)
	}
	if err := d.Decode([]byte(sequence(40, 30, 8, 3)), 0); err != nil {
		t.Errorf("second try: %v", err)
	}
	if err := d.Decode([]byte(sequence(20, 20, 8, 3)), 0); err == nil || !strings.Contains(err.Error(), "panic in callback: in Room") {
		t.Errorf("panic: %v", err)
	}
	if err := d.Decode([]byte("D"), 0); err == nil || !strings.Contains(err.Error(), "surface 77") {
		t.Errorf("surface out of range: %v", err)
	}
	if err := d.Decode([]byte("?"), 0); err == nil || !strings.Contains(err.Error(), "cuvidParseVideoData") {
		t.Errorf("parser's error: %v", err)
	}
	standIn.Fail("cuvidDestroyVideoParser", 1)
	if err := d.Close(); err == nil {
		t.Error("Close hides the parser's error")
	}
	if n := guard(1<<40, func(*Decoder) (int, error) { panic("not reached") }); n != 0 {
		t.Errorf("callback for a closed decoder: %d", n)
	}
}

func TestManyDecodersAtOnce(t *testing.T) {
	useFake(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			// The stand-in knows one picture at a time, so only parsing runs in parallel.
			d, err := NewDecoder(Config{Codec: H264, Extra: 2, ParseOnly: true, DecodeOnly: true})
			if err != nil {
				t.Error(err)
				return
			}
			unit := sequence(40, 30, 8, 3)
			for i := range 200 {
				if err := d.Decode([]byte(unit+"P\x02"), int64(i)); err != nil {
					t.Error(err)
				}
				unit = ""
			}
			if d.Decoded() != 200 || d.Last().Timestamp != 199 {
				t.Errorf("%d decoded, last %d", d.Decoded(), d.Last().Timestamp)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestLoadNamesWhatItTried(t *testing.T) {
	done := loading.done
	defer func() { loading.done = done }()
	loading.done = false
	if err := Load("/nowhere/libnvcuvid.so.1", "libnone.so.9"); err == nil ||
		!strings.Contains(err.Error(), "/nowhere/libnvcuvid.so.1") || !strings.Contains(err.Error(), "libnone.so.9") {
		t.Errorf("error = %v", err)
	}
	if _, err := NewDecoder(Config{}); !errors.Is(err, ErrNotLoaded) {
		t.Errorf("decoder without library: %v", err)
	}
	if _, err := QueryCaps(Kind{H264, Chroma420, 8}); !errors.Is(err, ErrNotLoaded) {
		t.Errorf("caps without library: %v", err)
	}
}
