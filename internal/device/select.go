package device

// Values are numbers, float32 unless said otherwise, somewhere in a model's output: number i of anchor a is at
// number Offset + a*Anchor + i*Item of Buffer. A nil Buffer: there are none.
type Values struct {
	Buffer               *Buffer
	Offset, Anchor, Item int
}

// BoxForm says what the four numbers of a box mean.
type BoxForm int32

// The forms of boxes. All end in x1, y1, x2, y2 in input pixels.
const (
	// Corners: x1, y1, x2, y2, times UnitX and UnitY.
	Corners BoxForm = iota
	// Centre: cx, cy, w, h, times UnitX and UnitY.
	Centre
	// Grid: a cell's offset and logarithmic size: cx = (v0+column)*stride, cy = (v1+row)*stride,
	// w = exp(v2)*stride, h = exp(v3)*stride.
	Grid
	// Distances: for left, top, right and bottom each Bins logits; the expectation of their softmax over
	// 0..Bins-1, times the stride, is the distance from ((column+Shift)*stride, (row+Shift)*stride).
	Distances
	// CornersYX: y1, x1, y2, x2, times UnitY and UnitX.
	CornersYX
)

// Level is a grid of anchors, rows first, from anchor First on.
type Level struct {
	First, Columns int
	Stride         float32
}

// MaxLevels is how many levels a head has at most.
const MaxLevels = 6

// Head says how a detector's raw output is read.
type Head struct {
	// Scores has Classes numbers an anchor: probabilities, or logits with Sigmoid.
	Scores Values
	// Objectness, if there, is one number an anchor that all its scores are multiplied with (a logit too with
	// Sigmoid).
	Objectness Values
	// Background: behind the classes the scores have one more column, of no object; a softmax over all makes them
	// probabilities. Not with Objectness, Labels, Sigmoid or Pairs.
	Background bool
	// Labels, if there, is the class of an anchor, which then has one score only; its numbers are of LabelType.
	Labels    Values
	LabelType ElementType
	Sigmoid   bool
	// Boxes has four numbers an anchor (Distances: 4*Bins).
	Boxes        Values
	Form         BoxForm
	UnitX, UnitY float32
	Bins         int
	Shift        float32
	Levels       []Level
	// Pairs: every anchor is an object of each class that is good enough, not of its best class only.
	Pairs bool
	// Final: the model has suppressed what is there twice, nothing is left to be done.
	Final bool
	// Unclipped: boxes are compared as they reach beyond the picture; otherwise only what lies in it counts.
	Unclipped bool
}

// Select keeps, for every anchor, its best class (the lowest index wins a tie) if that class is
// wanted and its score is at least ScoreMin; maps its box to the picture, x = (x-Left)/ScaleX, clipped
// to it, and drops it if nothing is left; takes the MaxCandidates best (the lower anchor wins a tie) and
// goes through them from the best: one is kept if no kept one of its class overlaps it with an
// intersection over union above IoU, or in any case if the head is Final. The first Limits.Objects kept are
// the result. Scores and boxes that are not numbers are never selected; they are counted.
type Select struct {
	Head             Head
	Anchors, Classes int
	Fit              Fit
	// Width and Height are the picture's.
	Width, Height int
	ScoreMin, IoU float32
	// Wanted has an entry a class; nil means every class.
	Wanted []bool
	Limits Limits
	// Out is a Selection of Limits.SelectionSize() bytes.
	Out *Buffer
	// Scratch is SelectScratch(Candidates()) bytes of device memory, used by this call alone.
	Scratch *Buffer
}

// Candidates is how many there can be at most.
func (k *Select) Candidates() int {
	if k.Head.Pairs {
		return k.Anchors * k.Classes
	}
	return k.Anchors
}

// SelectScratch is the size in bytes of the memory that a Select works in, on any device.
func SelectScratch(candidates int) int64 { return 157<<10 + 12*int64(candidates) }

// MaxCandidates is how many boxes at most take part in non-maximum suppression.
const MaxCandidates = 1024

// Choose lists the first Limits.People objects of a selection that have a wanted class and a box of at
// least MinWidth x MinHeight picture pixels.
type Choose struct {
	Selection *Buffer
	// Wanted has an entry a class; nil means every class.
	Wanted              []bool
	MinWidth, MinHeight float32
	Limits              Limits
	// Out is a list of subjects.
	Out *Buffer
}
