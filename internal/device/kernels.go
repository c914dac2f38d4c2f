package device

import "math"

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
	// Letterbox writes p's largest centred copy that keeps its proportions to dst, float32
	// [3,height,width], and black around it. Fit(…) says where it lies.
	Letterbox(s Stream, k Letterbox) error
	// Select turns a detector's raw output into the best objects of the picture.
	Select(s Stream, k Select) error
	// Crop samples one region a selected person into a batch.
	Crop(s Stream, k Crop) error
	// Keypoints maps joints from pose input pixels to picture pixels.
	Keypoints(s Stream, k Keypoints) error
	// PackMasks turns mask probabilities into bits at picture resolution.
	PackMasks(s Stream, k PackMasks) error
	// Normalize scales vectors to length 1 and stores them as float16.
	Normalize(s Stream, k Normalize) error
	// Cosine compares every vector of one set with every vector of another.
	Cosine(s Stream, k Cosine) error
	// Blend moves the remembered vectors of tracks towards the ones just seen.
	Blend(s Stream, k Blend) error
}

// Fit is where a letterboxed picture lies in a model's input.
type Fit struct {
	// Scale is input pixels per picture pixel: min(inputWidth/width, inputHeight/height).
	Scale float32
	// Left and Top are (input-size)/2, rounded down; Width and Height are round(picture * scale),
	// halves to even.
	Left, Top, Width, Height int
}

// NewFit computes the letterbox of a width x height picture in an inputWidth x inputHeight input.
func NewFit(width, height, inputWidth, inputHeight int) Fit {
	s := math.Min(float64(inputWidth)/float64(width), float64(inputHeight)/float64(height))
	w, h := int(math.RoundToEven(float64(width)*s)), int(math.RoundToEven(float64(height)*s))
	w, h = max(w, 1), max(h, 1)
	return Fit{Scale: float32(s), Left: (inputWidth - w) / 2, Top: (inputHeight - h) / 2, Width: w, Height: h}
}

// Letterbox: see Kernels.
type Letterbox struct {
	Picture *Picture
	Fit     Fit
	// Out is float32 [3,OutHeight,OutWidth].
	Out                 *Buffer
	OutWidth, OutHeight int
}

// Select keeps, for every anchor, its best class (the lowest index wins a tie) if that class is
// wanted and its score is at least ScoreMin; maps its box to the picture, x = (x-Left)/Scale, clipped
// to it, and drops it if it is empty; takes the MaxCandidates best (the lower anchor wins a tie) and
// goes through them from the best: one is kept if no kept one of its class overlaps it with an
// intersection over union above IoU. The first MaxObjects kept are the result.
type Select struct {
	// Scores is [Anchors,Classes] of probabilities, Boxes [Anchors,4] of x1,y1,x2,y2 in input pixels.
	Scores, Boxes    *Buffer
	Anchors, Classes int
	Fit              Fit
	// Width and Height are the picture's.
	Width, Height int
	ScoreMin, IoU float32
	// Wanted has an entry a class; nil means every class.
	Wanted []bool
	// Person is the class whose objects are listed as people; -1 for none.
	Person int
	Limits Limits
	// Out is a Selection of Limits.SelectionSize() bytes.
	Out *Buffer
	// Scratch is SelectScratch(Anchors) bytes of device memory, used by this call alone.
	Scratch *Buffer
}

// SelectScratch is the size in bytes of the memory that a Select works in, on any device.
func SelectScratch(anchors int) int64 { return 153<<10 + 12*int64(anchors) }

// MaxCandidates is how many boxes at most take part in non-maximum suppression.
const MaxCandidates = 1024

// Limits bound a lane's results, so that its buffers have a fixed size.
type Limits struct {
	// Objects is the largest number of objects a picture, People that of persons among them that
	// get pose, mask and vector.
	Objects, People int
}

// SelectionSize is the size in bytes of a Selection: int32 count of objects, int32 count of people;
// Objects times {float32 x1, y1, x2, y2, score; int32 class}, best first; People times int32: the
// index of the i-th person among the objects. What lies beyond the counts is undefined.
func (l Limits) SelectionSize() int64 { return 8 + int64(l.Objects)*24 + int64(l.People)*4 }

// Crop samples, for i in 0..Count-1, the region of person First+i into item i of Out. Items beyond
// the number of people are left black.
type Crop struct {
	Picture      *Picture
	Selection    *Buffer
	Limits       Limits
	First, Count int
	Region       Region
	// Out is float32 [Count,3,OutHeight,OutWidth].
	Out                 *Buffer
	OutWidth, OutHeight int
}

// Region is the part of the picture around a person's box that a model looks at.
type Region struct {
	// Square: centre of the box, both sides Scale * max(width, height). Otherwise the box grown
	// about its centre to Scale times its width and height.
	Square bool
	// Scale is 1 for the box itself.
	Scale float32
	// Black: taps outside the picture are black; otherwise the border pixels are repeated.
	Black bool
}

// Of is the region around box, as x1, y1, x2, y2 in picture pixels; it may reach outside.
func (r Region) Of(box [4]float32) [4]float32 {
	cx, cy := (box[0]+box[2])/2, (box[1]+box[3])/2
	w, h := (box[2]-box[0])*r.Scale/2, (box[3]-box[1])*r.Scale/2
	if r.Square {
		w = max(w, h)
		h = w
	}
	return [4]float32{cx - w, cy - h, cx + w, cy + h}
}

// Keypoints maps item i's joints to person First+i: X = x0 + x*(x1-x0)/InWidth with x0..x1 the
// region, and y alike; the score stays.
type Keypoints struct {
	// In is [Count,17,3] of x, y in input pixels and a score.
	In                *Buffer
	InWidth, InHeight int
	Selection         *Buffer
	Limits            Limits
	First, Count      int
	Region            Region
	// Out is [Limits.People,17,3]; rows First..First+Count-1 are written.
	Out *Buffer
}

// PackMasks writes, for person First+i, one MaskRecord. The record's area is the region clipped to
// the picture, in whole pixels: floor of its low and ceil of its high edges. If that has more than MaskBits
// pixels, only every Step-th column and row is stored, Step the least power of two for which
// ceil(w/Step)*ceil(h/Step) fits. The bit of stored column c and row r is 1 if the probability, sampled
// bilinearly (taps clamped) at the centre of pixel (x0+c*Step, y0+r*Step), is above Threshold.
type PackMasks struct {
	// In is [Count,1,InHeight,InWidth] of probabilities.
	In                *Buffer
	InWidth, InHeight int
	Selection         *Buffer
	Limits            Limits
	First, Count      int
	Region            Region
	Threshold         float32
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
