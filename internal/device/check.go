package device

// What no device works beyond, so that all refuse alike what a GPU has no threads or shared memory for.
const (
	// MaxJoints is the joints of one object.
	MaxJoints = 256
	// MaxCells is the columns, and the rows, of a heat map or the positions of an axis.
	MaxCells = 1 << 15
	// MaxPrototypes is the prototypes that masks are made of.
	MaxPrototypes = 1024
)

// Check is what every device asks of the arguments before it queues anything; a device may ask for more. Its
// error is an *ArgumentError. The arguments of the other kernels have one too.
func (k *Letterbox) Check() error {
	a := arguments{kernel: "letterbox"}
	a.picture(k.Picture)
	a.size("out ", k.OutWidth, k.OutHeight)
	f := k.Fit
	if f.Width < 1 || f.Height < 1 || f.Left < 0 || f.Top < 0 || f.Width > k.OutWidth-f.Left || f.Height > k.OutHeight-f.Top {
		a.fail("fit", "%+v does not lie in %dx%d", f, k.OutWidth, k.OutHeight)
	}
	a.pixels(k.Pixels)
	a.holds("out", k.Out, 4, 3, k.OutHeight, k.OutWidth)
	return a.err
}

// Check: see Letterbox.Check. Scratch is left to the device.
func (k *Select) Check() error {
	a := arguments{kernel: "select"}
	a.atLeast("anchors", k.Anchors, 1)
	a.atLeast("classes", k.Classes, 1)
	a.size("", k.Width, k.Height)
	a.limits(k.Limits)
	a.undone(k.Fit)
	if k.Wanted != nil && len(k.Wanted) != k.Classes {
		a.fail("wanted", "has %d entries, expected %d, one a class", len(k.Wanted), k.Classes)
	}
	a.head(k)
	a.records("out", k.Out, k.Limits.SelectionSize())
	return a.err
}

// Check: see Letterbox.Check.
func (k *Choose) Check() error {
	a := arguments{kernel: "choose"}
	a.limits(k.Limits)
	if k.MinWidth != k.MinWidth || k.MinHeight != k.MinHeight {
		a.fail("least size", "is %v x %v, expected numbers", k.MinWidth, k.MinHeight)
	}
	a.records("selection", k.Selection, k.Limits.SelectionSize())
	a.records("out", k.Out, k.Limits.SubjectsSize())
	return a.err
}

// Check: see Letterbox.Check.
func (k *Crop) Check() error {
	a := arguments{kernel: "crop"}
	a.picture(k.Picture)
	a.subjects(k.Subjects, k.Limits, k.First, k.Count)
	a.region(k.Region)
	a.pixels(k.Pixels)
	a.size("out ", k.OutWidth, k.OutHeight)
	a.holds("out", k.Out, 4, k.Count, 3, k.OutHeight, k.OutWidth)
	return a.err
}

// Check: see Letterbox.Check.
func (k *Keypoints) Check() error {
	a := arguments{kernel: "keypoints"}
	a.subjects(k.Subjects, k.Limits, k.First, k.Count)
	a.region(k.Region)
	a.size("input ", k.InWidth, k.InHeight)
	a.between("joints", k.Joints, 1, MaxJoints)
	a.holds("in", k.In, 4, k.Count, k.Joints, JointValues)
	a.holds("out", k.Out, 4, k.First+k.Count, k.Joints, JointValues)
	return a.err
}

// Check: see Letterbox.Check.
func (k *Uncrop) Check() error {
	a := arguments{kernel: "uncrop"}
	a.subjects(k.Subjects, k.Limits, k.First, k.Count)
	a.between("first", k.First, 0, k.Limits.People-1)
	a.region(k.Region)
	a.size("input ", k.InWidth, k.InHeight)
	a.between("each", k.Each, 1, MaxEach)
	a.holds("in", k.In, 4, k.Count, RecordHeader/4+k.Each*RecordSize/4)
	a.holds("out", k.Out, 4, k.Limits.People, k.Each, RecordSize/4)
	return a.err
}

// Check: see Letterbox.Check.
func (k *PackMasks) Check() error {
	a := arguments{kernel: "pack masks"}
	a.subjects(k.Subjects, k.Limits, k.First, k.Count)
	a.region(k.Region)
	a.size("input ", k.InWidth, k.InHeight)
	a.size("", k.Width, k.Height)
	a.holds("in", k.In, 4, k.Count, k.InHeight, k.InWidth)
	a.holds("out", k.Out, 4, MaskRecordSize/4, k.First+k.Count)
	return a.err
}

// Check: see Letterbox.Check.
func (k *Normalize) Check() error {
	a := arguments{kernel: "normalize"}
	a.atLeast("length", k.Length, 1)
	a.atLeast("first", k.First, 0)
	a.atLeast("count", k.Count, 1)
	a.holds("in", k.In, 4, k.Count, k.Length)
	a.holds("out", k.Out, 2, k.First+k.Count, k.Length)
	return a.err
}

// Check: see Letterbox.Check.
func (k *Cosine) Check() error {
	a := arguments{kernel: "cosine"}
	a.atLeast("rows", k.Rows, 1)
	a.atLeast("columns", k.Columns, 1)
	a.atLeast("length", k.Length, 1)
	a.holds("a", k.A, 2, k.Rows, k.Length)
	a.holds("b", k.B, 2, k.Columns, k.Length)
	a.holds("out", k.Out, 4, k.Rows, k.Columns)
	return a.err
}

// Check: see Letterbox.Check.
func (k *Blend) Check() error {
	a := arguments{kernel: "blend"}
	a.atLeast("rows", k.Rows, 1)
	a.atLeast("length", k.Length, 1)
	if !(k.Keep >= 0 && k.Keep <= 1) {
		a.fail("keep", "is %v, expected 0 to 1", k.Keep)
	}
	a.holds("seen", k.Seen, 2, k.Rows, k.Length)
	a.holds("slots", k.Slots, 4, k.Rows)
	a.holds("gallery", k.Gallery, 2, 1, k.Length)
	return a.err
}

// Check: see Letterbox.Check.
func (k *Joints) Check() error {
	a := arguments{kernel: "joints"}
	a.atLeast("count", k.Count, 1)
	a.between("joints", k.Joints, 1, MaxJoints)
	a.size("input ", k.InWidth, k.InHeight)
	if k.Form != Relative {
		a.between("columns", k.Columns, 1, MaxCells)
		a.between("rows", k.Rows, 1, MaxCells)
	}
	switch k.Form {
	case Relative:
		a.holds("in", k.In, 4, k.Count, k.Joints, JointValues)
	case Axes:
		a.holds("in", k.In, 4, k.Count, k.Joints, k.Columns)
		a.holds("in y", k.InY, 4, k.Count, k.Joints, k.Rows)
	case Heatmaps:
		a.holds("in", k.In, 4, k.Count, k.Joints, k.Rows, k.Columns)
	default:
		a.fail("form", "is %d, which is none", k.Form)
	}
	a.holds("out", k.Out, 4, k.Count, k.Joints, JointValues)
	return a.err
}

// Check: see Letterbox.Check.
func (k *AnchorJoints) Check() error {
	a := arguments{kernel: "anchor joints"}
	a.between("joints", k.Joints, 1, MaxJoints)
	a.atLeast("anchors", k.Anchors, 1)
	a.undone(k.Fit)
	a.subjects(k.Subjects, k.Limits, 0, k.Limits.People)
	a.values("values", k.Values, 4, k.Anchors, JointValues*k.Joints)
	a.holds("out", k.Out, 4, k.Limits.People, k.Joints, JointValues)
	return a.err
}

// Check: see Letterbox.Check.
func (k *Combine) Check() error {
	a := arguments{kernel: "combine"}
	a.between("count", k.Count, 1, MaxPrototypes)
	a.size("", k.Width, k.Height)
	a.atLeast("anchors", k.Anchors, 1)
	a.size("input ", k.InWidth, k.InHeight)
	a.undone(k.Fit)
	a.subjects(k.Subjects, k.Limits, 0, k.Limits.People)
	a.values("coefficients", k.Coefficients, 4, k.Anchors, k.Count)
	a.holds("prototypes", k.Prototypes, 4, k.Count, k.Height, k.Width)
	a.holds("out", k.Out, 4, k.Limits.People, k.Height, k.Width)
	return a.err
}

// Check: see Letterbox.Check.
func (k *Margin) Check() error {
	a := arguments{kernel: "margin"}
	a.atLeast("count", k.Count, 1)
	a.atLeast("channels", k.Channels, 1)
	a.atLeast("cells", k.Cells, 1)
	if k.Channel < 0 || k.Channel >= k.Channels {
		a.fail("channel", "is %d, expected 0 to %d", k.Channel, k.Channels-1)
	}
	a.holds("in", k.In, 4, k.Count, k.Channels, k.Cells)
	a.holds("out", k.Out, 4, k.Count, k.Cells)
	return a.err
}

// Check: see Letterbox.Check.
func (k *Classify) Check() error {
	a := arguments{kernel: "classify"}
	a.atLeast("count", k.Count, 1)
	a.atLeast("first", k.First, 0)
	a.atLeast("classes", k.Classes, 1)
	if k.Activation < NoActivation || k.Activation > Softmax {
		a.fail("activation", "is %d, which is none", k.Activation)
	}
	a.holds("in", k.In, 4, k.Count, k.Classes)
	a.holds("out", k.Out, 4, k.First+k.Count, 2)
	return a.err
}

// Check finds what is wrong with the arguments, if anything.
func (k *Moves) Check() error {
	a := arguments{kernel: "moves"}
	a.atLeast("count", k.Count, 1)
	a.holds("table", k.Table, 8, MoveSize/8, k.Count)
	return a.err
}
