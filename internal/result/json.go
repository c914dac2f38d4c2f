package result

import (
	_ "embed"
	"encoding/base64"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

//go:embed frame.schema.json
var schema string

// Schema is the JSON schema (draft 2020-12) of a Frame.
func Schema() string { return schema }

// Decimals that are worth writing: hundredths of a pixel, microseconds.
const (
	pixelDecimals  = 2
	scoreDecimals  = 4
	millisDecimals = 3
	secondDecimals = 6
)

// AppendJSON appends f as one line of JSON without line break. It is what encoding/json makes of f
// but for numbers, which are rounded (pixels to 2 decimals, scores to 4, milliseconds to 3, seconds to
// 6; what is not finite becomes 0), and for Objects, which is never null. It allocates nothing where
// dst is large enough.
func AppendJSON(dst []byte, f *Frame) []byte { return appendFrame(dst, f, true) }

// AppendJSONWithoutReID is AppendJSON, but leaves out the appearance vectors.
func AppendJSONWithoutReID(dst []byte, f *Frame) []byte { return appendFrame(dst, f, false) }

func appendFrame(dst []byte, f *Frame, reid bool) []byte {
	dst = append(dst, `{"camera":`...)
	dst = appendString(dst, f.Camera)
	dst = append(dst, `,"seq":`...)
	dst = strconv.AppendUint(dst, f.Seq, 10)
	dst = append(dst, `,"pts":`...)
	dst = appendDecimal(dst, f.PTS, secondDecimals)
	// RFC 3339 has four digits for the year.
	if f.Time != nil && f.Time.Year() >= 0 && f.Time.Year() <= 9999 {
		dst = append(dst, `,"time":"`...)
		dst = f.Time.AppendFormat(dst, time.RFC3339Nano)
		dst = append(dst, '"')
		if f.TimeError != 0 {
			dst = append(dst, `,"time_error":`...)
			dst = appendDecimal(dst, f.TimeError, secondDecimals)
		}
	}
	dst = append(dst, `,"width":`...)
	dst = strconv.AppendInt(dst, int64(f.Width), 10)
	dst = append(dst, `,"height":`...)
	dst = strconv.AppendInt(dst, int64(f.Height), 10)
	dst = append(dst, `,"latency_ms":{"decode":`...)
	dst = appendDecimal(dst, f.Latency.Decode, millisDecimals)
	dst = append(dst, `,"queue":`...)
	dst = appendDecimal(dst, f.Latency.Queue, millisDecimals)
	dst = append(dst, `,"detect":`...)
	dst = appendDecimal(dst, f.Latency.Detect, millisDecimals)
	dst = append(dst, `,"people":`...)
	dst = appendDecimal(dst, f.Latency.People, millisDecimals)
	dst = append(dst, `,"track":`...)
	dst = appendDecimal(dst, f.Latency.Track, millisDecimals)
	dst = append(dst, `,"total":`...)
	dst = appendDecimal(dst, f.Latency.Total, millisDecimals)
	dst = append(dst, `},"objects":[`...)
	for i := range f.Objects {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendObject(dst, &f.Objects[i], reid)
	}
	dst = append(dst, ']')
	if len(f.Unseen) > 0 {
		dst = appendUnseen(dst, f.Unseen)
	}
	if len(f.Areas) > 0 {
		dst = appendAreas(dst, f.Areas)
	}
	return append(dst, '}')
}

func appendAreas(dst []byte, list []Area) []byte {
	dst = append(dst, `,"areas":[`...)
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendFinding(dst, list[i].Model, list[i].Class, `,"share":`, list[i].Share)
		dst = appendMask(dst, list[i].Mask)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func appendObject(dst []byte, o *Object, reid bool) []byte {
	dst = append(dst, `{"track":`...)
	dst = strconv.AppendInt(dst, o.Track, 10)
	if o.Identity != 0 {
		dst = append(dst, `,"identity":`...)
		dst = strconv.AppendInt(dst, o.Identity, 10)
	}
	if o.Parent != 0 {
		dst = append(dst, `,"parent":`...)
		dst = strconv.AppendInt(dst, int64(o.Parent), 10)
	}
	dst = appendDetector(dst, o.Detector)
	dst = append(dst, `,"class":`...)
	dst = appendString(dst, o.Class)
	dst = append(dst, `,"score":`...)
	dst = appendDecimal(dst, float64(o.Score), scoreDecimals)
	dst = appendBox(dst, `,"box":[`, o.Box)
	if o.TrackBox != (Box{}) {
		dst = appendBox(dst, `,"track_box":[`, o.TrackBox)
	}
	if len(o.Keypoints) > 0 {
		dst = append(dst, `,"keypoints":[`...)
		for i, k := range o.Keypoints {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, '[')
			dst = appendDecimal(dst, float64(k[0]), pixelDecimals)
			dst = append(dst, ',')
			dst = appendDecimal(dst, float64(k[1]), pixelDecimals)
			dst = append(dst, ',')
			dst = appendDecimal(dst, float64(k[2]), scoreDecimals)
			dst = append(dst, ']')
		}
		dst = append(dst, ']')
	}
	if o.Mask != nil {
		dst = appendMask(dst, o.Mask)
	}
	if len(o.Attributes) > 0 {
		dst = appendAttributes(dst, o.Attributes)
	}
	if reid && len(o.ReID) > 0 {
		dst = append(dst, `,"reid":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, o.ReID)
		dst = append(dst, '"')
	}
	return append(dst, '}')
}

func appendBox(dst []byte, key string, b Box) []byte {
	dst = append(dst, key...)
	for i, v := range b {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendDecimal(dst, float64(v), pixelDecimals)
	}
	return append(dst, ']')
}

func appendDetector(dst []byte, name string) []byte {
	if name == "" {
		return dst
	}
	return appendString(append(dst, `,"detector":`...), name)
}

func appendUnseen(dst []byte, list []Unseen) []byte {
	dst = append(dst, `,"unseen":[`...)
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"track":`...)
		dst = strconv.AppendInt(dst, list[i].Track, 10)
		dst = appendDetector(dst, list[i].Detector)
		dst = append(dst, `,"class":`...)
		dst = appendString(dst, list[i].Class)
		dst = appendBox(dst, `,"track_box":[`, list[i].TrackBox)
		dst = append(dst, `,"since":`...)
		dst = appendDecimal(dst, list[i].Since, secondDecimals)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func appendAttributes(dst []byte, list []Attribute) []byte {
	dst = append(dst, `,"attributes":[`...)
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendFinding(dst, list[i].Model, list[i].Class, `,"score":`, list[i].Score)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// appendFinding begins an object: what a model says, and how sure or how large it is, under key.
func appendFinding(dst []byte, model, class, key string, share float32) []byte {
	dst = append(dst, `{"model":`...)
	dst = appendString(dst, model)
	dst = append(dst, `,"class":`...)
	dst = appendString(dst, class)
	dst = append(dst, key...)
	return appendDecimal(dst, float64(share), scoreDecimals)
}

func appendMask(dst []byte, m *Mask) []byte {
	dst = append(dst, `,"mask":{"roi":`...)
	dst = appendInts(dst, m.ROI[:])
	dst = append(dst, `,"size":`...)
	dst = appendInts(dst, m.Size[:])
	dst = append(dst, `,"counts":`...)
	dst = appendRLE(dst, m.Counts)
	return append(dst, '}')
}

func appendInts(dst []byte, values []int) []byte {
	dst = append(dst, '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, int64(v), 10)
	}
	return append(dst, ']')
}

var powersOfTen = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6}

// appendDecimal appends v rounded to so many decimals, without zeros at the end.
func appendDecimal(dst []byte, v float64, decimals int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, '0')
	}
	scaled := math.RoundToEven(v * powersOfTen[decimals])
	// Beyond 2^53 every value is whole, and strconv knows how to write it.
	if math.Abs(scaled) >= 1<<53 {
		return strconv.AppendFloat(dst, math.Round(v), 'f', -1, 64)
	}
	n := int64(scaled)
	if n < 0 {
		dst = append(dst, '-')
		n = -n
	}
	unit := int64(powersOfTen[decimals])
	dst = strconv.AppendInt(dst, n/unit, 10)
	n %= unit
	if n == 0 {
		return dst
	}
	dst = append(dst, '.')
	for n > 0 {
		unit /= 10
		dst = append(dst, byte('0'+n/unit))
		n %= unit
	}
	return dst
}

// appendRLE appends run lengths as a JSON string: printable characters, of which only \ needs care.
func appendRLE(dst []byte, r RLE) []byte {
	start := len(dst)
	dst = append(dst, '"')
	for _, c := range r {
		if c < '0' || c > 'o' {
			return appendString(dst[:start], string(r)) // no run lengths, but still to be told
		}
		if c == '\\' {
			dst = append(dst, c)
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string; bytes that are no UTF-8 become U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			// The line separators are legal JSON, but end lines for some readers.
			if r == '\u2028' || r == '\u2029' {
				dst = append(dst, `\u202`...)
				dst = append(dst, hexDigits[r&0xf])
			} else {
				dst = utf8.AppendRune(dst, r)
			}
			i += n
			continue
		}
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20 || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
		default:
			dst = append(dst, c)
		}
		i++
	}
	return append(dst, '"')
}
