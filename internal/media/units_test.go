package media

import (
	"bytes"
	"strings"
	"testing"
)

// nal is a NAL unit of a type.
func nal(c Codec, kind byte) []byte {
	if c == H265 {
		return []byte{kind << 1, 1, 0xaa}
	}
	return []byte{0x60 | kind, 0xaa}
}

func TestInspect(t *testing.T) {
	for name, c := range map[string]struct {
		codec Codec
		kinds []byte
		want  Content
	}{
		"h264 key with sets":    {H264, []byte{9, 7, 8, 6, 5, 5}, Content{Picture: true, Key: true, Sets: true}},
		"h264 key without":      {H264, []byte{5}, Content{Picture: true, Key: true}},
		"h264 other":            {H264, []byte{1, 1}, Content{Picture: true}},
		"h264 sets alone":       {H264, []byte{7, 8}, Content{Sets: true}},
		"h264 half the sets":    {H264, []byte{7, 5}, Content{Picture: true, Key: true}},
		"h265 idr with sets":    {H265, []byte{32, 33, 34, 19}, Content{Picture: true, Key: true, Sets: true}},
		"h265 cra without vps":  {H265, []byte{33, 34, 21}, Content{Picture: true, Key: true}},
		"h265 trailing picture": {H265, []byte{35, 39, 1}, Content{Picture: true}},
		"h265 reserved key":     {H265, []byte{22}, Content{Picture: true}},
		"nothing":               {H265, nil, Content{}},
	} {
		units := [][]byte{{}}
		for _, k := range c.kinds {
			units = append(units, nal(c.codec, k))
		}
		if got := Inspect(c.codec, units); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestParameterSets(t *testing.T) {
	p := ParameterSets{Codec: H265}
	if _, err := p.Format(); p.Complete() || err == nil || !strings.Contains(err.Error(), "h265 parameter sets are missing") {
		t.Errorf("complete %v, %v", p.Complete(), err)
	}
	p.Learn(nal(H265, 33), nal(H265, 19), nal(H265, 34), nil)
	if p.Complete() {
		t.Error("complete without a VPS")
	}
	newest := append(nal(H265, 33), 7)
	p.Learn(nal(H265, 32), newest)
	if !p.Complete() || len(p.List()) != 3 || !bytes.Equal(p.List()[1], newest) {
		t.Errorf("%v", p.List())
	}
	if _, err := p.Format(); err == nil || !strings.Contains(err.Error(), "h265 sps") {
		t.Errorf("nonsense gave %v", err)
	}
	q := ParameterSets{Codec: H264, SPS: nal(H264, 7), PPS: nal(H264, 8)}
	if !q.Complete() || len(q.List()) != 2 {
		t.Errorf("%v", q.List())
	}
}

func FuzzFormat(f *testing.F) {
	f.Add([]byte{0x67, 0x42, 0xc0, 0x1e}, []byte{0x68, 0xce}, true)
	f.Add([]byte{0x42, 1, 1, 1, 0x60}, []byte{0x44, 1}, false)
	f.Fuzz(func(t *testing.T, sps, pps []byte, avc bool) {
		p := ParameterSets{Codec: H265, VPS: []byte{64, 1}, SPS: sps, PPS: pps}
		if avc {
			p.Codec = H264
		}
		if format, err := p.Format(); err == nil && (format.Width < 1 || format.Height < 1 || format.Matrix == "") {
			t.Fatalf("%+v", format)
		}
	})
}

func TestRecoveryPoints(t *testing.T) {
	for name, c := range map[string]struct {
		sei  []byte
		want bool
	}{
		"alone":                        {[]byte{6, 6, 1, 0xc4, 0x80}, true},
		"behind picture timing":        {[]byte{6, 1, 2, 9, 9, 6, 1, 0x84, 0x80}, true},
		"behind what was kept apart":   {[]byte{6, 5, 4, 0, 0, 3, 1, 0, 6, 1, 0x84, 0x80}, true}, // 0 0 1 0, escaped
		"behind a long one":            {append(append([]byte{6, 5, 0xff, 1}, bytes.Repeat([]byte{7}, 256)...), 6, 1, 0x84, 0x80), true},
		"behind a long type":           {[]byte{6, 0xff, 2, 1, 6, 6, 1, 0x84, 0x80}, true},
		"a six that is something else": {[]byte{6, 1, 3, 6, 6, 6, 0x80}, false},
		"cut off":                      {[]byte{6, 5, 200, 6, 6, 1}, false},
		"empty":                        {[]byte{6}, false},
	} {
		for _, picture := range []byte{1, 0} {
			units := [][]byte{c.sei}
			if picture > 0 {
				units = append(units, nal(H264, picture))
			}
			if got := Inspect(H264, units).Key; got != (c.want && picture > 0) {
				t.Errorf("%s, picture %d: key %t", name, picture, got)
			}
		}
	}
}

func FuzzRecoveryPoint(f *testing.F) {
	f.Add([]byte{6, 1, 0xc4, 0x80})
	f.Add([]byte{5, 0xff, 0, 0, 3})
	f.Fuzz(func(t *testing.T, sei []byte) { recovers(sei) })
}
