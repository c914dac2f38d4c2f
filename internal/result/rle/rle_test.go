package rle

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		packed, err := hex.DecodeString(v.packed)
		if err != nil {
			t.Fatal(err)
		}
		if got := Encode(packed, v.h*v.w); got != v.counts {
			t.Errorf("%s: encoded %q, want %q", v.name, got, v.counts)
		}
		got, err := Decode(v.counts, v.h*v.w)
		if err != nil || !bytes.Equal(got, packed) {
			t.Errorf("%s: decoded %x, %v, want %x", v.name, got, err, packed)
		}
	}
}

// TestStartAndPadding takes bits from within bytes and leaves rubbish around them.
func TestStartAndPadding(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		n, start := r.IntN(300), r.IntN(70)
		packed := make([]byte, (start+n+7)/8+r.IntN(9))
		clean := make([]byte, (n+7)/8)
		density := r.IntN(4)
		for i := range 8 * len(packed) {
			if r.IntN(4) > density {
				packed[i/8] |= 1 << (i % 8)
				if i >= start && i < start+n {
					clean[(i-start)/8] |= 1 << ((i - start) % 8)
				}
			}
		}
		var e Encoder
		e.Reset([]byte("x"))
		e.AddBits(packed, start, n)
		if got, want := string(e.Finish()), "x"+Encode(clean, n); got != want {
			t.Fatalf("%d bits from %d: %q, want %q", n, start, got, want)
		}
		back, err := Decode(Encode(clean, n), n)
		if err != nil || !bytes.Equal(back, clean) {
			t.Fatalf("%d bits: decoded %x, %v, want %x", n, back, err, clean)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		counts string
		n      int
		says   string
	}{
		{"", 1, "0 pixels, want 1"},
		{"4", 5, "4 pixels, want 5"},
		{"6", 5, "run of 6 pixels where 5 of 5 are left"},
		{"O", 5, "run of -1"},
		{"T", 5, "text ends within a number"},
		{"1/", 5, `character 1: '/' is not of the alphabet`},
		{"\xff", 5, "is not of the alphabet"},
		{strings.Repeat("P", 50), 5, "more than 7 groups"},
		{"0", -1, "-1 pixels"},
	} {
		if _, err := Decode(c.counts, c.n); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("Decode(%q, %d): %v, want %q in it", c.counts, c.n, err, c.says)
		}
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	packed := bytes.Repeat([]byte{0, 0, 0, 0xf0, 0xff, 0xff, 0, 0}, 2000)
	dst := make([]byte, 0, 1<<16)
	if got := testing.AllocsPerRun(10, func() { dst = Append(dst[:0], packed, 8*len(packed)) }); got != 0 {
		t.Errorf("%v allocations, want 0", got)
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte{0x0f, 0xff, 0}, 20)
	f.Fuzz(func(t *testing.T, packed []byte, n int) {
		if n < 0 || n > 8*len(packed) {
			n = 8 * len(packed)
		}
		back, err := Decode(Encode(packed, n), n)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 8 * len(back) {
			want := i < n && packed[i/8]>>(i%8)&1 == 1
			if back[i/8]>>(i%8)&1 == 1 != want {
				t.Fatalf("bit %d of %d is %v", i, n, !want)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.counts, v.h*v.w)
	}
	f.Fuzz(func(t *testing.T, counts string, n int) {
		n = min(n, 1<<16)
		packed, err := Decode(counts, n)
		if err != nil {
			return
		}
		again, err := Decode(Encode(packed, n), n)
		if err != nil || !bytes.Equal(packed, again) {
			t.Fatalf("%q: %x, then %x, %v", counts, packed, again, err)
		}
	})
}
