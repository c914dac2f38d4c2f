package nvcuvid

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// spsOf writes a parameter set: baseline or high profile, order type, one reference frame, 640x360.
func spsOf(profile, orderType uint, progressive bool, vui func(w *bits)) []byte {
	w := &bits{}
	w.write(profile, 8)
	w.write(30, 16) // constraints, level
	w.writeUE(0)
	if profile == 100 {
		w.writeUE(1) // chroma
		w.writeUE(0)
		w.writeUE(0)
		w.write(0, 1)
		w.write(1, 1) // scaling lists: the second and seventh of eight
		w.write(0b01, 2)
		w.writeUE(16) // -8: the default list
		w.write(0b00001, 5)
		for range 64 {
			w.writeUE(1)
		}
		w.write(0, 1)
	}
	w.writeUE(0)
	w.writeUE(orderType)
	if orderType == 0 {
		w.writeUE(2)
	}
	w.writeUE(1) // reference frames
	w.write(0, 1)
	w.writeUE(39)
	w.writeUE(22)
	if w.write(1, 1); !progressive {
		w.data[len(w.data)-1] &^= 1 << (7 - (w.at-1)&7)
		w.write(0, 1)
	}
	w.write(1, 1)
	w.write(1, 1) // cropping
	for _, v := range []uint{0, 0, 0, 4} {
		w.writeUE(v)
	}
	if vui == nil {
		w.write(0, 1)
	} else {
		w.write(1, 1)
		vui(w)
	}
	w.write(1, 1)
	return append([]byte{0x67}, escape(w.data)...)
}

// fullVUI has everything but a bitstream restriction.
func fullVUI(w *bits) {
	w.write(1, 1)
	w.write(255, 8)
	w.write(1<<16|1, 32)
	w.write(3, 2)      // overscan
	w.write(1, 1)      // signal type
	w.write(0b1011, 4) // full range
	w.write(1, 1)      // colours
	w.write(0x010101, 24)
	w.write(1, 1)
	w.writeUE(0)
	w.writeUE(0)
	w.write(1, 1) // timing
	w.write(1, 32)
	w.write(60, 32)
	w.write(1, 1)
	for range 2 { // NAL and VCL HRD
		w.write(1, 1)
		w.writeUE(1)
		w.write(0, 8)
		for range 2 {
			w.writeUE(1000)
			w.writeUE(2000)
			w.write(1, 1)
		}
		w.write(0, 20)
	}
	w.write(0, 1) // low delay HRD
	w.write(1, 1) // picture structure
	w.write(0, 1) // bitstream restriction
}

func TestWithoutReordering(t *testing.T) {
	for name, c := range map[string]struct {
		sps  []byte
		want bool
	}{
		"no VUI":       {spsOf(66, 0, true, nil), true},
		"high profile": {spsOf(100, 0, true, fullVUI), true},
		"VUI":          {spsOf(66, 0, true, fullVUI), true},
		"little VUI":   {spsOf(66, 0, true, func(w *bits) { w.write(0, 9) }), true},
		"restricted":   {spsOf(66, 0, true, func(w *bits) { w.write(1, 9); w.write(1, 1); w.write(0xff, 8) }), false},
		"order type 2": {spsOf(66, 2, true, nil), false},
		"interlaced":   {spsOf(66, 0, false, nil), false},
		"short":        {[]byte{0x67, 66, 0}, false},
		"cut":          {spsOf(66, 0, true, fullVUI)[:12], false},
	} {
		before := hex.EncodeToString(c.sps)
		got := withoutReordering(c.sps)
		if (got != nil) != c.want {
			t.Errorf("%s: changed = %t, want %t", name, got != nil, c.want)
			continue
		}
		if hex.EncodeToString(c.sps) != before {
			t.Errorf("%s: the input was written to", name)
		}
		if got == nil {
			continue
		}
		if got[0] != 0x67 || bytes.Contains(got, []byte{0, 0, 1}) {
			t.Errorf("%s: % x", name, got)
		}
		if again := withoutReordering(got); again != nil {
			t.Errorf("%s: changed twice", name)
		}
		r := &bits{data: bytes.ReplaceAll(got[1:], []byte{0, 0, 3}, []byte{0, 0})}
		if _, ok := skipToVUI(r); !ok || r.read(1) != 1 || !skipVUI(r) || r.read(2) != 3 {
			t.Errorf("%s: cannot be read again", name)
		}
		var tail []string
		for range 6 {
			tail = append(tail, fmt.Sprint(r.readUE()))
		}
		if strings.Join(tail, " ") != "0 0 16 16 0 1" || r.read(1) != 1 || r.bad {
			t.Errorf("%s: restriction %q", name, tail)
		}
	}
}

// TestWithoutReorderingAsMeasured compares with what the program of the measurement made of a set.
func TestWithoutReorderingAsMeasured(t *testing.T) {
	const want = "6742001eed01405ff2c03c2211a8"
	sps, _ := hex.DecodeString("6742001eed01405ff2a0")
	if got := hex.EncodeToString(withoutReordering(sps)); got != want {
		t.Errorf("changed to %s, want %s", got, want)
	}
}

func FuzzWithoutReordering(f *testing.F) {
	f.Add(spsOf(66, 0, true, fullVUI))
	f.Add(spsOf(100, 0, true, nil))
	f.Fuzz(func(t *testing.T, sps []byte) {
		if got := withoutReordering(sps); got != nil && (len(got) < 5 || bytes.Contains(got[1:], []byte{0, 0, 1})) {
			t.Errorf("% x", got)
		}
		findSPS(sps)
	})
}

func annexB(nals ...[]byte) (unit []byte) {
	for _, n := range nals {
		unit = append(append(unit, 0, 0, 0, 1), n...)
	}
	return unit
}

func TestLowDelayUntilTimeGoesBack(t *testing.T) {
	sps, pps, slice := spsOf(66, 0, true, nil), []byte{0x68, 1}, []byte{0x65, 0x88, 0, 0, 3, 1}
	key := annexB(sps, pps, slice)
	l := &lowDelay{active: true}
	want := annexB(withoutReordering(sps), pps, slice)
	for i := range 2 {
		if got := l.unit(key, int64(i)); !bytes.Equal(got, want) {
			t.Fatalf("unit % x, want % x", got, want)
		}
		if l.late(int64(i)) {
			t.Error("late at once")
		}
	}
	other := annexB([]byte{0x41, 0x9a})
	if got := l.unit(other, 10); !bytes.Equal(got, other) || l.late(10) {
		t.Errorf("a unit without parameter set became % x", got)
	}
	l.unit(other, 8) // out of order: the stream reorders after all
	if l.active || !l.settling || !l.late(8) || l.late(12) {
		t.Errorf("after time went back: %+v", l)
	}
	if got := l.unit(key, 20); !bytes.Equal(got, key) || l.settling || l.late(9) {
		t.Errorf("at the next parameter set: %+v", l)
	}
	l = &lowDelay{active: true}
	l.unit(key, 100)
	l.begin() // a new connection counts from 0 again
	if l.unit(key, 0); !l.active || l.late(0) {
		t.Errorf("after a new beginning: %+v", l)
	}
}

func TestFindSPS(t *testing.T) {
	for unit, want := range map[string]string{
		"\x00\x00\x01\x09\xf0\x00\x00\x00\x01\x67abc\x00\x00\x00\x01\x68": "\x67abc",
		"\x00\x00\x01\x65abc\x00\x00\x01\x67abc":                          "",
		"\x00\x00\x01\x67abc":                                             "\x67abc",
		"\x00\x00\x01":                                                    "",
		"":                                                                "",
	} {
		got := ""
		if begin, end := findSPS([]byte(unit)); begin >= 0 {
			got = unit[begin:end]
		}
		if got != want {
			t.Errorf("found %q in %q, want %q", got, unit, want)
		}
	}
}
