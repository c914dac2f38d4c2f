package device

// JointValues are x, y, score.
const JointValues = 3

// JointForm says how a pose model tells where joints are.
type JointForm int32

// The forms of joints.
const (
	// Relative: [Count,Joints,3] of y, x in 0..1 of the input and a score.
	Relative JointForm = iota
	// Axes: for every joint a row of Columns values over x (In) and one of Rows values over y (InY). The largest
	// says where the joint is, the first of equal ones; the score is the smaller of the two largest, in 0..1.
	Axes
	// Heatmaps: for every joint [Rows,Columns]. The largest says where the joint is, the first of equal ones; the
	// score is that value, in 0..1.
	Heatmaps
)

// Joints turns what a pose model says of a batch into x, y in input pixels and a score.
type Joints struct {
	Form JointForm
	// In and InY hold float32; InY is for Axes only.
	In, InY           *Buffer
	Count, Joints     int
	Columns, Rows     int
	InWidth, InHeight int
	// Quarter moves a joint a quarter cell towards the larger neighbour in x and in y, if it has two cells
	// before it and one behind it in both (Heatmaps).
	Quarter bool
	// Out is float32 [Count,Joints,3]. Where no value is a number, x and y are 0 and the score is NaN.
	Out *Buffer
}

// AnchorJoints maps the joints that a one-stage model tells with each anchor to picture pixels:
// X = (x*UnitX-Left)/ScaleX, and y alike.
type AnchorJoints struct {
	// Values has Joints times x, y, score an anchor; with YX y comes before x.
	Values       Values
	Joints       int
	YX, Sigmoid  bool
	UnitX, UnitY float32
	Fit          Fit
	Subjects     *Buffer
	Limits       Limits
	// Anchors is how many the values have.
	Anchors int
	// Out is float32 [Limits.People,Joints,3], zeros beyond the subjects. Sigmoid applies to scores.
	Out *Buffer
}

// Combine adds up prototype masks, each times the subject's coefficient of it, in the prototypes' order. Only
// cells in the subject's box and the two next to it are added up, the others are 0.
type Combine struct {
	// Coefficients has Count numbers an anchor, Prototypes is float32 [Count,Height,Width] over the model's input.
	Coefficients         Values
	Anchors              int
	Prototypes           *Buffer
	Count, Width, Height int
	InWidth, InHeight    int
	Fit                  Fit
	Subjects             *Buffer
	Limits               Limits
	// Out is float32 [Limits.People,Height,Width]. What lies beyond the subjects stays.
	Out *Buffer
}

// Plane is the part of the picture that the whole input stands for: what PackMasks needs of masks over it.
func (f Fit) Plane(inWidth, inHeight int) [4]float32 {
	return [4]float32{
		-float32(f.Left) / f.ScaleX, -float32(f.Top) / f.ScaleY,
		(float32(inWidth) - float32(f.Left)) / f.ScaleX, (float32(inHeight) - float32(f.Top)) / f.ScaleY,
	}
}

// Margin writes by how much one channel is larger than the largest other one: above 0 it is the largest. A
// single channel is copied.
type Margin struct {
	// In is float32 [Count,Channels,Cells], Out [Count,Cells].
	In, Out                         *Buffer
	Count, Channels, Channel, Cells int
}

// Activation makes probabilities of a model's numbers.
type Activation int32

// The activations.
const (
	NoActivation Activation = iota
	Sigmoid
	Softmax
)

// Classify finds the best class of item i, the first of equal ones, and writes it for subject First+i.
type Classify struct {
	// In is float32 [Count,Classes].
	In           *Buffer
	Classes      int
	Activation   Activation
	First, Count int
	// Out is [.] of int32 class and float32 score. An item with NaN among its numbers, or whose infinite numbers
	// leave no finite score, has class -1 and score NaN.
	Out *Buffer
}
