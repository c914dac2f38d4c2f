package media

import "fmt"

// NAL unit types. Those of H.265 from 16 to 21 are random access pictures.
const (
	h264Slice, h264IDR, h264SPS, h264PPS     = 1, 5, 7, 8
	h264SEI, h264Recovery                    = 6, 6 // and its payload that says where decoding can begin
	h265LastSlice, h265FirstKey, h265LastKey = 31, 16, 21
	h265VPS, h265SPS, h265PPS                = 32, 33, 34
)

// kind is what a NAL unit is for those who move pictures and do not decode them.
type kind int

const (
	other kind = iota
	slice
	keySlice
	vps
	sps
	pps
	recovery
)

func kindOf(c Codec, unit []byte) kind {
	if len(unit) == 0 {
		return other
	}
	if c == H265 {
		switch t := unit[0] >> 1 & 0x3f; {
		case t >= h265FirstKey && t <= h265LastKey:
			return keySlice
		case t <= h265LastSlice:
			return slice
		case t == h265VPS:
			return vps
		case t == h265SPS:
			return sps
		case t == h265PPS:
			return pps
		}
		return other
	}
	switch t := unit[0] & 0x1f; {
	case t == h264IDR:
		return keySlice
	case t >= h264Slice && t < h264IDR:
		return slice
	case t == h264SEI && recovers(unit[1:]):
		return recovery
	case t == h264SPS:
		return sps
	case t == h264PPS:
		return pps
	}
	return other
}

// recovers says that a SEI unit has a recovery point: streams with open groups of pictures or with intra refresh have no
// other random access pictures than those. Until it is reached, parts of the picture may be old.
func recovers(sei []byte) bool {
	zeros := 0
	next := func() (b byte, ok bool) {
		for len(sei) > 0 {
			b, sei = sei[0], sei[1:]
			if zeros >= 2 && b == 3 { // keeps start codes out of the unit
				zeros = 0
				continue
			}
			if zeros++; b != 0 {
				zeros = 0
			}
			return b, true
		}
		return 0, false
	}
	number := func() (n int, ok bool) {
		for {
			b, ok := next()
			if !ok {
				return 0, false
			}
			if n += int(b); b != 0xff {
				return n, true
			}
		}
	}
	for {
		payload, ok := number()
		if !ok {
			return false
		}
		size, ok := number()
		if !ok || size > len(sei) {
			return false
		}
		if payload == h264Recovery {
			return true
		}
		for range size {
			if _, ok := next(); !ok {
				return false
			}
		}
	}
}

// Content says what an access unit's NAL units hold.
type Content struct {
	// Picture: a slice; Key: one of a picture that decoding can begin with; Sets: all parameter sets.
	Picture, Key, Sets bool
}

// Inspect looks at the types of an access unit's NAL units.
func Inspect(c Codec, units [][]byte) Content {
	var found [recovery + 1]bool
	for _, u := range units {
		found[kindOf(c, u)] = true
	}
	return Content{
		Picture: found[slice] || found[keySlice], Key: found[keySlice] || found[recovery] && found[slice],
		Sets: found[sps] && found[pps] && (found[vps] || c != H265),
	}
}

// ParameterSets are the newest ones of a stream, which may come out of band, in band, or change. One
// goroutine uses them.
type ParameterSets struct {
	Codec         Codec
	VPS, SPS, PPS []byte // VPS of H.265 only
}

// Learn keeps the parameter sets among an access unit's NAL units.
func (p *ParameterSets) Learn(units ...[]byte) {
	for _, u := range units {
		switch kindOf(p.Codec, u) {
		case vps:
			p.VPS = u
		case sps:
			p.SPS = u
		case pps:
			p.PPS = u
		}
	}
}

// Complete says that a decoder can start with them.
func (p *ParameterSets) Complete() bool {
	return p.SPS != nil && p.PPS != nil && (p.VPS != nil || p.Codec != H265)
}

// List has them in the order in which a stream carries them.
func (p *ParameterSets) List() [][]byte {
	if p.Codec == H265 {
		return [][]byte{p.VPS, p.SPS, p.PPS}
	}
	return [][]byte{p.SPS, p.PPS}
}

// Format reads the stream's format from them.
func (p *ParameterSets) Format() (Format, error) {
	switch {
	case !p.Complete():
		return Format{}, fmt.Errorf("%s parameter sets are missing", p.Codec)
	case p.Codec == H265:
		return H265Format(p.VPS, p.SPS, p.PPS)
	}
	return H264Format(p.SPS, p.PPS)
}
