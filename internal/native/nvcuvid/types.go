package nvcuvid

import (
	"fmt"

	"sightline/internal/native/cuda"
)

// The structs mirror the C ones of NVDEC API 13.0 on 64-bit Linux; types_test.go checks every offset.
// Note that "unsigned long" is 8 bytes in some of them and that rectangles differ in width.

// Codec is a cudaVideoCodec.
type Codec int32

// Codecs that cameras use.
const (
	H264 Codec = 4
	HEVC Codec = 8
	VP9  Codec = 10
	AV1  Codec = 11
)

func (c Codec) String() string {
	switch c {
	case H264:
		return "H.264"
	case HEVC:
		return "H.265"
	case VP9:
		return "VP9"
	case AV1:
		return "AV1"
	}
	return fmt.Sprintf("codec %d", int32(c))
}

// Rect is a rectangle in pixels; Right and Bottom lie outside.
type Rect struct{ Left, Top, Right, Bottom int32 }

type rect16 struct{ Left, Top, Right, Bottom int16 }

// Format is CUVIDEOFORMAT: what the parser found in the sequence header.
type Format struct {
	Codec                Codec
	FrameRateNum         uint32
	FrameRateDen         uint32
	Progressive          uint8
	BitDepthLumaMinus8   uint8
	BitDepthChromaMinus8 uint8
	MinDecodeSurfaces    uint8
	CodedWidth           uint32
	CodedHeight          uint32
	DisplayArea          Rect
	ChromaFormat         int32 // 1 is 4:2:0
	Bitrate              uint32
	AspectX, AspectY     int32
	Signal               uint8 // bits 0-2 video format, bit 3 full range
	Primaries            uint8
	Transfer             uint8
	Matrix               uint8
	SequenceHeaderLength uint32
}

// Width is the width of the shown picture.
func (f *Format) Width() int { return int(f.DisplayArea.Right - f.DisplayArea.Left) }

// Height is the height of the shown picture.
func (f *Format) Height() int { return int(f.DisplayArea.Bottom - f.DisplayArea.Top) }

// FullRange tells whether luma uses 0..255 instead of 16..235.
func (f *Format) FullRange() bool { return f.Signal&8 != 0 }

// Caps is CUVIDDECODECAPS.
type Caps struct {
	Codec            Codec
	ChromaFormat     int32
	BitDepthMinus8   uint32
	_                [3]uint32
	Supported        uint8
	Engines          uint8 // NVDEC engines that can decode this
	OutputFormats    uint16
	MaxWidth         uint32
	MaxHeight        uint32
	MaxMacroblocks   uint32
	MinWidth         uint16
	MinHeight        uint16
	Histogram        uint8
	CounterBits      uint8
	MaxHistogramBins uint16
	_                [10]uint32
}

type parserParams struct {
	Codec             Codec
	MaxDecodeSurfaces uint32
	ClockRate         uint32
	ErrorThreshold    uint32
	MaxDisplayDelay   uint32
	Flags             uint32
	_                 [4]uint32
	User              uintptr
	Sequence          uintptr
	Decode            uintptr
	Display           uintptr
	OperatingPoint    uintptr
	SEI               uintptr
	_                 [5]uintptr
	ExtFormat         uintptr
}

const (
	packetEndOfStream   = 1
	packetTimestamp     = 2
	packetDiscontinuity = 4
	packetEndOfPicture  = 8
)

type packet struct {
	Flags       uint64
	PayloadSize uint64
	Payload     *byte
	Timestamp   int64
}

type createInfo struct {
	Width, Height       uint64
	DecodeSurfaces      uint64
	Codec               Codec
	ChromaFormat        int32
	CreationFlags       uint64
	BitDepthMinus8      uint64
	IntraOnly           uint64
	MaxWidth, MaxHeight uint64
	_                   uint64
	DisplayArea         rect16
	OutputFormat        int32
	Deinterlace         int32
	TargetWidth         uint64
	TargetHeight        uint64
	OutputSurfaces      uint64
	Lock                uintptr
	TargetRect          rect16
	EnableHistogram     uint64
	_                   [4]uint64
}

// reconfigureInfo has 32-bit numbers where createInfo has 64.
type reconfigureInfo struct {
	Width, Height             uint32
	TargetWidth, TargetHeight uint32
	DecodeSurfaces            uint32
	_                         [12]uint32
	DisplayArea               rect16
	TargetRect                rect16
	_                         [11]uint32
}

// picParams is the head of CUVIDPICPARAMS; only the library makes one.
type picParams struct {
	WidthMBs, HeightMBs int32
	Index               int32
}

type displayInfo struct {
	Index            int32
	Progressive      int32
	TopFieldFirst    int32
	RepeatFirstField int32
	Timestamp        int64
}

type procParams struct {
	Progressive    int32
	SecondField    int32
	TopFieldFirst  int32
	UnpairedField  int32
	_              [2]uint32
	RawInput       uint64
	RawInputPitch  uint32
	RawInputFormat uint32
	RawOutput      uint64
	RawOutputPitch uint32
	_              uint32
	OutputStream   cuda.Stream
	_              [46]uint32
	Histogram      uint64
	_              uintptr
}

type decodeStatus struct {
	Status int32
	_      [31]uint32
	_      [8]uintptr
}
