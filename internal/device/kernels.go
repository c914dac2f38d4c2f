package device

import (
	"encoding/binary"
	"math"
)

// Kernels is the device's own arithmetic. Every method only queues work on s. Tensors are dense
// float32 in NCHW order unless said otherwise; all of a kernel's arguments but the contents of
// buffers are fixed when it is captured.
//
// Sampling, in every kernel that reads a picture: bilinear without anti-aliasing, pixel centres at
// +0.5. Target pixel i of n reads source coordinate lo + (i+0.5)*(hi-lo)/n - 0.5, where lo..hi is the
// region. Luma is sampled there, U and V at ((x+0.5)/2-0.5, (y+0.5)/2-0.5) of the chroma plane
// (centred chroma), each tap clamped to its plane. YCbCr then becomes RGB by
//
//	y' = (Y-16)*255/219, u' = (U-128)*255/224, v' likewise   (limited range; full range: as they are)
//	R = y' + 2(1-Kr)v'   B = y' + 2(1-Kb)u'   G = (y' - Kr R - Kb B) / (1-Kr-Kb)   clamped to 0..255
//
// with Kr, Kb = 0.299, 0.114 (BT.601) or 0.2126, 0.0722 (BT.709), and is divided by 255.
type Kernels interface {
	// Letterbox writes a picture into a model's input, where Fit says.
	Letterbox(s Stream, k Letterbox) error
	// Select turns a detector's raw output into the best objects of the picture.
	Select(s Stream, k Select) error
	// Choose lists the objects of a selection that other models look at.
	Choose(s Stream, k Choose) error
	// Crop samples one region a subject into a batch.
	Crop(s Stream, k Crop) error
	// Keypoints maps joints from pose input pixels to picture pixels.
	Keypoints(s Stream, k Keypoints) error
	// Uncrop maps the objects found in crops to the picture.
	Uncrop(s Stream, k Uncrop) error
	// PackMasks turns mask probabilities into bits at picture resolution.
	PackMasks(s Stream, k PackMasks) error
	// Joints reads a pose model's outputs as x, y and score.
	Joints(s Stream, k Joints) error
	// AnchorJoints maps the joints of a one-stage model to picture pixels.
	AnchorJoints(s Stream, k AnchorJoints) error
	// Combine adds up the prototype masks of a one-stage model.
	Combine(s Stream, k Combine) error
	// Margin compares one channel with the largest of the others.
	Margin(s Stream, k Margin) error
	// Classify finds the best class of each item.
	Classify(s Stream, k Classify) error
	// Normalize scales vectors to length 1 and stores them as float16.
	Normalize(s Stream, k Normalize) error
	// Cosine compares every vector of one set with every vector of another.
	Cosine(s Stream, k Cosine) error
	// Blend moves the remembered vectors of tracks towards the ones just seen.
	Blend(s Stream, k Blend) error
	// Moves copies as a table says.
	Moves(s Stream, k Moves) error
}

// Fit is where a picture lies in a model's input. Input pixel = picture pixel * scale + Left or Top.
type Fit struct {
	ScaleX, ScaleY float32
	// Width and Height are round(picture * scale), halves to even.
	Left, Top, Width, Height int
}

// NewFit letterboxes a width x height picture in an inputWidth x inputHeight input: the largest centred copy
// that keeps its proportions. Left and Top are (input-size)/2, rounded down.
func NewFit(width, height, inputWidth, inputHeight int) Fit {
	f := NewCornerFit(width, height, inputWidth, inputHeight)
	f.Left, f.Top = (inputWidth-f.Width)/2, (inputHeight-f.Height)/2
	return f
}

// NewCornerFit is NewFit with the copy at the left top.
func NewCornerFit(width, height, inputWidth, inputHeight int) Fit {
	s := math.Min(float64(inputWidth)/float64(width), float64(inputHeight)/float64(height))
	w, h := int(math.RoundToEven(float64(width)*s)), int(math.RoundToEven(float64(height)*s))
	return Fit{ScaleX: float32(s), ScaleY: float32(s), Width: max(w, 1), Height: max(h, 1)}
}

// NewStretchFit fills the input, whatever becomes of the proportions.
func NewStretchFit(width, height, inputWidth, inputHeight int) Fit {
	return Fit{
		ScaleX: float32(float64(inputWidth) / float64(width)), ScaleY: float32(float64(inputHeight) / float64(height)),
		Width: inputWidth, Height: inputHeight,
	}
}

// Pixels says how a picture becomes a model's input: a channel's value is p*Scale+Offset, p in 0..1, where
// the channels are in the model's own order.
type Pixels struct {
	Scale, Offset [3]float32
	// BGR: blue is the first channel.
	BGR bool
	// Last: channels come last, [height,width,3].
	Last bool
	// Pad is p beside a letterboxed picture.
	Pad float32
	// Integer: values are rounded, halves to even, and stored as int32.
	Integer bool
}

// RGB are pixels as they are: planes of 0..1, black beside the picture.
var RGB = Pixels{Scale: [3]float32{1, 1, 1}}

// Letterbox: see Kernels.
type Letterbox struct {
	Picture *Picture
	Fit     Fit
	Pixels  Pixels
	// Out is float32 [3,OutHeight,OutWidth], or channels last.
	Out                 *Buffer
	OutWidth, OutHeight int
}

// Limits bound a lane's results, so that its buffers have a fixed size.
type Limits struct {
	// Objects is the largest number of objects a picture, People that of those among them that other
	// models look at (each list of its own).
	Objects, People int
}

// A Selection is a header of 4 int32: count of objects, count of numbers that were none (NaN), two
// unused; then objects of 8 words, best first: float32 x1, y1, x2, y2, score; int32 class, anchor; one
// unused. What lies beyond the count is undefined.
//
// Subjects are a header of 4 int32: count, three unused; then subjects of 8 words: float32 x1, y1, x2, y2,
// int32 index of the object in the selection, anchor; two unused.
const (
	RecordHeader = 16
	RecordSize   = 32
)

// SelectionSize is the size in bytes of a Selection.
func (l Limits) SelectionSize() int64 { return RecordHeader + RecordSize*int64(l.Objects) }

// SubjectsSize is the size in bytes of the list of subjects.
func (l Limits) SubjectsSize() int64 { return RecordHeader + RecordSize*int64(l.People) }

// Crop samples, for i in 0..Count-1, the region of subject First+i into item i of Out. Items beyond
// the number of subjects are zeros.
type Crop struct {
	Picture      *Picture
	Subjects     *Buffer
	Limits       Limits
	First, Count int
	Region       Region
	Pixels       Pixels
	// Out is float32 [Count,3,OutHeight,OutWidth], or channels last.
	Out                 *Buffer
	OutWidth, OutHeight int
}

// Region is the part of the picture around a subject's box that a model looks at.
type Region struct {
	// Aspect, if above 0, is the region's width by its height: the box is grown about its centre in one
	// direction until it fits. 1 makes a square of the longer side. 0 leaves the box as it is.
	Aspect float32
	// Scale is what width and height are then multiplied with.
	Scale float32
	// Black: taps outside the picture are black; otherwise the border pixels are repeated.
	Black bool
}

// Of is the region around box, as x1, y1, x2, y2 in picture pixels; it may reach outside.
func (r Region) Of(box [4]float32) [4]float32 {
	cx, cy := (box[0]+box[2])/2, (box[1]+box[3])/2
	w, h := (box[2]-box[0])*r.Scale/2, (box[3]-box[1])*r.Scale/2
	if r.Aspect > 0 {
		w = max(w, h*r.Aspect)
		h = w / r.Aspect
	}
	return [4]float32{cx - w, cy - h, cx + w, cy + h}
}

// Keypoints maps item i's joints to subject First+i: X = x0 + x*(x1-x0)/InWidth with x0..x1 the
// region, and y alike; the score stays.
type Keypoints struct {
	// In is [Count,Joints,3] of x, y in input pixels and a score.
	In                *Buffer
	Joints            int
	InWidth, InHeight int
	Subjects          *Buffer
	Limits            Limits
	First, Count      int
	Region            Region
	// Out is [Limits.People,Joints,3]; rows First..First+Count-1 are written, with zeros beyond the subjects.
	Out *Buffer
}

// Uncrop makes records of a picture's objects of what a detector found in crops. Record (First+i)*Each+j is object
// j of item i, its box mapped as Keypoints maps joints. Where there is no such object or no subject First+i, where the
// object's centre lies outside the subject's box times Region.Scale (it is of a neighbour in the same region), and for
// all subjects after the last item, the score is -1 and the rest 0. An item with numbers that were none has NaN as the
// score of its first record.
type Uncrop struct {
	// In is Count Selections of at most Each objects, in input pixels.
	In                *Buffer
	Each              int
	InWidth, InHeight int
	Subjects          *Buffer
	Limits            Limits
	First, Count      int
	Region            Region
	// Out is [Limits.People,Each] records; those from First on are written.
	Out *Buffer
}

// MaxEach is how many objects a crop has at most.
const MaxEach = 1024

// PackMasks writes, for subject First+i, one MaskRecord. The record's area is the region clipped to
// the picture, in whole pixels: floor of its low and ceil of its high edges. If that has more than MaskBits
// pixels, only every Step-th column and row is stored, Step the least power of two for which
// ceil(w/Step)*ceil(h/Step) fits. The bit of stored column c and row r is 1 if the value, sampled
// bilinearly (taps clamped) at the centre of pixel (x0+c*Step, y0+r*Step), is above Threshold.
type PackMasks struct {
	// In is [Count,1,InHeight,InWidth]. It covers the subject's region, or Plane for all subjects alike.
	In                *Buffer
	InWidth, InHeight int
	// Plane, if not nil, is x1, y1, x2, y2 in picture pixels.
	Plane        *[4]float32
	Subjects     *Buffer
	Limits       Limits
	First, Count int
	Region       Region
	Threshold    float32
	// Width and Height are the picture's.
	Width, Height int
	// Out is [Limits.People] of MaskRecordSize bytes.
	Out *Buffer
}

// A mask record is int32 x0, y0, w, h (picture pixels), step, then three unused int32, then
// MaskBits bits: column-major without padding (bit c*ceil(h/step)+r), least significant bit first.
const (
	MaskBits       = 1 << 17
	MaskHeader     = 32
	MaskRecordSize = MaskHeader + MaskBits/8
)

// Normalize writes x/|x| of item i as float16 (nearest, ties to even) to row First+i of Out; a zero
// vector stays zero.
type Normalize struct {
	// In is float32 [Count,Length].
	In           *Buffer
	Length       int
	First, Count int
	// Out is float16 [.,Length].
	Out *Buffer
}

// Cosine writes the dot products, float32 [Rows,Columns], of float16 vectors A [Rows,Length] and
// B [Columns,Length], summed in float32.
type Cosine struct {
	A, B                  *Buffer
	Rows, Columns, Length int
	Out                   *Buffer
}

// Blend updates a gallery of remembered vectors. For row i in order: if Slots[i] is s >= 0, gallery
// row s becomes the normalised Keep*gallery + (1-Keep)*seen; if it is -2-s, gallery row s becomes a
// copy of the seen row; -1 leaves everything as it is.
type Blend struct {
	// Seen is float16 [Rows,Length], Slots int32 [Rows], Gallery float16 [.,Length].
	Seen, Slots, Gallery *Buffer
	Rows, Length         int
	Keep                 float32
}

// Moves are copies whose ends are read when the kernel runs, for those that change from run to run. They must not overlap.
type Moves struct {
	// Table has Count entries of MoveSize bytes, made by PutMove, anywhere the device can read; one of zeros copies nothing.
	Table *Buffer
	Count int
}

// MoveSize is the size in bytes of an entry of a table of Moves: two addresses and a number of bytes.
const MoveSize = 24

// PutMove writes entry i of a table of Moves: that src is copied to dst, which has the same size.
func PutMove(table []byte, i int, dst, src *Buffer) {
	entry := table[i*MoveSize:]
	binary.NativeEndian.PutUint64(entry, uint64(dst.Address()))
	binary.NativeEndian.PutUint64(entry[8:], uint64(src.Address()))
	binary.NativeEndian.PutUint64(entry[16:], uint64(src.Size()))
}
