// Package result holds what leaves the device for one frame: plain values and their JSON.
//
// It imports nothing of ours, so that a program reading Sightline's output can be written against
// it alone. The JSON is described by frame.schema.json beside this file; a test keeps both equal.
package result

import "time"

// Frame is everything Sightline says about one picture of one camera. One Frame is one line of a
// JSON lines file. Within the program a frame and all that it points to are valid until the call that
// hands it over returns: the camera's pipeline uses their memory again.
type Frame struct {
	Camera string `json:"camera"`
	// Seq counts the camera's decoded pictures from 0 in presentation order. Pictures that were
	// dropped because newer ones came leave a gap.
	Seq uint64 `json:"seq"`
	// PTS is the presentation time in seconds on the camera's own clock; a looped file goes on
	// counting.
	PTS float64 `json:"pts"`
	// Time is the wall-clock time of capture, where it is known.
	Time *time.Time `json:"time,omitempty"`
	// TimeError is how far Time may be from the truth, in seconds, by the clock of the machine that Sightline
	// runs on: latency and a camera's clock that is off cannot be told apart.
	TimeError float64 `json:"time_error,omitempty"`
	// Width and Height are those of the picture that all coordinates refer to, in pixels.
	Width   int      `json:"width"`
	Height  int      `json:"height"`
	Latency Latency  `json:"latency_ms"`
	Objects []Object `json:"objects"`
	// Rested says that no model looked at the picture; within the program only.
	Rested bool `json:"-"`
	// Unseen are the tracks that no object of this picture belongs to, where they are taken to be: for a short
	// while after they were last seen. None are told of a detector that does not look at this picture.
	Unseen []Unseen `json:"unseen,omitempty"`
	// Areas are what models that look at whole pictures say of their parts; a class that is nowhere has none.
	Areas []Area `json:"areas,omitempty"`
}

// Unseen is a track that the detector does not see, because something hides it or by mistake.
type Unseen struct {
	Track int64 `json:"track"`
	// Detector is that of the track's objects, where a camera has several.
	Detector string `json:"detector,omitempty"`
	Class    string `json:"class"`
	// TrackBox is where its motion takes it to be; it lies in the picture.
	TrackBox Box `json:"track_box"`
	// Since is the time since it was last seen, in seconds.
	Since float64 `json:"since"`
}

// Area is the part of a picture that belongs to a class.
type Area struct {
	// Model is the model's name in the configuration.
	Model string `json:"model"`
	Class string `json:"class"`
	// Share is the area's part of the picture, 0..1.
	Share float32 `json:"share"`
	Mask  *Mask   `json:"mask"`
}

// Latency says where a frame's time went, in milliseconds.
type Latency struct {
	// Decode: access unit handed to the decoder until its picture came out. Decode and Queue are 0 for
	// a file that is read as fast as possible, where pictures wait for their pipeline by design.
	Decode float64 `json:"decode"`
	// Queue: picture waiting for its pipeline.
	Queue float64 `json:"queue"`
	// Detect: letterbox, detector, selection.
	Detect float64 `json:"detect"`
	// People: crops, pose, segmentation and ReID side by side.
	People float64 `json:"people"`
	// Track: association with the camera's tracks.
	Track float64 `json:"track"`
	// Total: access unit handed to the decoder (as fast as possible: picture taken by the pipeline)
	// until the result was given to the sinks.
	Total float64 `json:"total"`
}

// Object is one detected thing. Keypoints, Mask, Attributes and ReID are there for the objects that a model of
// the camera looks at: persons, as a rule.
type Object struct {
	// Track is the number of the object's track in this camera, from 1; 0 while it has none yet.
	Track int64 `json:"track"`
	// Identity is who the object is across the cameras of a site, from 1; 0 where it is not, or not yet, known.
	// Later evidence may change it: the audit trail says when and why.
	Identity int64 `json:"identity,omitempty"`
	// Parent is the place, from 1, among the frame's objects of the one in which a detector found this one; 0 for
	// what was found in the whole picture.
	Parent int `json:"parent,omitempty"`
	// Detector is the name in the configuration of the model that found it, where a camera has several.
	Detector string `json:"detector,omitempty"`
	// Class is the detector's class name, as the model card spells it.
	Class string `json:"class"`
	// Score is the detector's probability, 0..1.
	Score float32 `json:"score"`
	// Box is x1, y1, x2, y2 in picture pixels; pixel (0,0) has its centre at (0.5,0.5). It is what the detector
	// saw in this picture; keypoints and mask belong to it.
	Box Box `json:"box"`
	// TrackBox is where the tracker takes the object to be: Box, evened out over time. It is zero without a track.
	TrackBox Box `json:"track_box,omitzero"`
	// Keypoints are the joints in the pose model's order: as a rule the 17 of COCO (see Joints). They may lie a
	// little outside the picture.
	Keypoints []Keypoint `json:"keypoints,omitempty"`
	Mask      *Mask      `json:"mask,omitempty"`
	// Attributes are what classification models say, in the configuration's order.
	Attributes []Attribute `json:"attributes,omitempty"`
	// ReID is the appearance vector, unit length, as little-endian float16 (base64 in JSON). It is
	// written only when the configuration asks for it.
	ReID []byte `json:"reid,omitempty"`
}

// Attribute is the class that a classification model found best.
type Attribute struct {
	// Model is the model's name in the configuration.
	Model string `json:"model"`
	Class string `json:"class"`
	// Score is its probability, 0..1.
	Score float32 `json:"score"`
}

// Box is x1, y1, x2, y2 in picture pixels.
type Box [4]float32

// Width and Height are never negative for a box that Sightline made.
func (b Box) Width() float32 { return b[2] - b[0] }

// Height is y2 - y1.
func (b Box) Height() float32 { return b[3] - b[1] }

// IoU is the area of the intersection divided by that of the union; 0 for two empty boxes.
func (b Box) IoU(o Box) float32 {
	w := min(b[2], o[2]) - max(b[0], o[0])
	h := min(b[3], o[3]) - max(b[1], o[1])
	if w <= 0 || h <= 0 {
		return 0
	}
	inter := w * h
	return inter / (b.Width()*b.Height() + o.Width()*o.Height() - inter)
}

// Keypoint is x, y in picture pixels and a score 0..1.
type Keypoint [3]float32

// Mask is a binary picture of one object: COCO run-length encoding of the region ROI.
type Mask struct {
	// ROI is x1, y1, x2, y2 in whole picture pixels, x2 and y2 exclusive, inside the picture.
	ROI [4]int `json:"roi"`
	// Size is height, width of the encoded region, as in COCO: always ROI's own.
	Size [2]int `json:"size"`
	// Counts is COCO's compressed run-length string: column-major runs, the first one of zeros.
	Counts RLE `json:"counts"`
}

// RLE is a compressed run-length text. It is bytes, so that a pipeline can use the same memory for every
// frame; in JSON it is a string.
type RLE []byte

func (r RLE) String() string { return string(r) }

// MarshalText implements encoding.TextMarshaler.
func (r RLE) MarshalText() ([]byte, error) { return r, nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *RLE) UnmarshalText(text []byte) error {
	*r = append(RLE(nil), text...)
	return nil
}

// Joints names the keypoints in order.
var Joints = [17]string{
	"nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
	"left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip",
	"left_knee", "right_knee", "left_ankle", "right_ankle",
}

// Bones are the pairs of joints that a skeleton is drawn with.
var Bones = [16][2]int{
	{0, 1}, {0, 2}, {1, 3}, {2, 4}, {5, 6}, {5, 7}, {7, 9}, {6, 8}, {8, 10},
	{5, 11}, {6, 12}, {11, 12}, {11, 13}, {13, 15}, {12, 14}, {14, 16},
}
