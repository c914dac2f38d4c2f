package sink

import (
	"fmt"
	"io"
	"math"
	"os"
	"strconv"

	"sightline/internal/result"
)

// JSONLOptions are the settings of NewJSONL.
type JSONLOptions struct {
	Files FileOptions
	Queue QueueOptions
	// ReID writes the appearance vectors too.
	ReID bool
}

// NewJSONL writes Dir/CAMERA.jsonl: one result.Frame a line. A file never ends within a line.
func NewJSONL(o JSONLOptions) (*Queue, error) {
	f, err := newFiles(o.Files, ".jsonl")
	if err != nil {
		return nil, err
	}
	if o.Queue.Name == "" {
		o.Queue.Name = "jsonl"
	}
	return NewQueue(jsonl{f, jsonLines{o.ReID}}, o.Queue), nil
}

type jsonl struct {
	*files
	jsonLines
}

// jsonLines is the format.
type jsonLines struct{ reid bool }

func (j jsonLines) Append(dst []byte, f *result.Frame) []byte {
	if j.reid {
		dst = result.AppendJSON(dst, f)
	} else {
		dst = result.AppendJSONWithoutReID(dst, f)
	}
	return append(dst, '\n')
}

// MOTOptions are the settings of NewMOT.
type MOTOptions struct {
	Files FileOptions
	Queue QueueOptions
	// Class is the class that is written: "" means "person".
	Class string
	// Detector is the name of the model whose objects are written, where a camera has several: "" means all.
	Detector string
}

// NewMOT writes Dir/CAMERA.txt in the MOTChallenge's format, one line a tracked person and frame:
//
//	frame,id,left,top,width,height,confidence,-1,-1,-1
//
// The box is the track's own (result.Object.TrackBox), as trackers are judged by it. Tracks that are not seen
// (result.Frame.Unseen) have the confidence 0.
// The frame is result.Frame.Seq + 1; left and top are picture pixels from 0, as everywhere here.
func NewMOT(o MOTOptions) (*Queue, error) {
	f, err := newFiles(o.Files, ".txt")
	if err != nil {
		return nil, err
	}
	if o.Class == "" {
		o.Class = "person"
	}
	if o.Queue.Name == "" {
		o.Queue.Name = "mot"
	}
	return NewQueue(mot{f, o.Class, o.Detector}, o.Queue), nil
}

type mot struct {
	*files
	class, detector string
}

// wants says whether an object is written; where a camera has one detector only, objects do not name it.
func (m mot) wants(detector, class string) bool {
	return class == m.class && (m.detector == "" || detector == "" || detector == m.detector)
}

func (m mot) Append(dst []byte, f *result.Frame) []byte {
	for i := range f.Objects {
		o := &f.Objects[i]
		b := o.TrackBox
		if b == (result.Box{}) {
			b = o.Box
		}
		if o.Track > 0 && m.wants(o.Detector, o.Class) {
			dst = appendMOT(dst, f.Seq, o.Track, b, o.Score)
		}
	}
	for i := range f.Unseen {
		if u := &f.Unseen[i]; m.wants(u.Detector, u.Class) {
			dst = appendMOT(dst, f.Seq, u.Track, u.TrackBox, 0)
		}
	}
	return dst
}

// appendMOT appends a line, or nothing where a number is not finite.
func appendMOT(dst []byte, seq uint64, track int64, b result.Box, score float32) []byte {
	sum := float64(score)
	for _, v := range b {
		sum += float64(v)
	}
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return dst
	}
	dst = strconv.AppendUint(dst, seq+1, 10)
	dst = append(dst, ',')
	dst = strconv.AppendInt(dst, track, 10)
	for _, v := range [4]float32{b[0], b[1], b.Width(), b.Height()} {
		dst = append(dst, ',')
		dst = strconv.AppendFloat(dst, float64(v), 'f', 2, 64)
	}
	dst = append(dst, ',')
	dst = strconv.AppendFloat(dst, float64(score), 'f', 4, 64)
	return append(dst, ",-1,-1,-1\n"...)
}

// StdoutOptions are the settings of NewStdout.
type StdoutOptions struct {
	Queue QueueOptions
	// ReID writes the appearance vectors too.
	ReID bool
	// Writer is standard output if nil. It is not closed.
	Writer io.Writer
}

// NewStdout writes JSON lines of all cameras to standard output.
func NewStdout(o StdoutOptions) *Queue {
	if o.Writer == nil {
		o.Writer = os.Stdout
	}
	if o.Queue.Name == "" {
		o.Queue.Name = "stdout"
	}
	return NewQueue(&stdout{jsonLines: jsonLines{o.ReID}, w: o.Writer}, o.Queue)
}

type stdout struct {
	jsonLines
	w io.Writer
	// rest is what is missing of a line that could be written only in part.
	rest []byte
}

// Store writes one line. What a failure left of a line goes first, so that lines stay whole.
func (s *stdout) Store(_ string, record []byte) error {
	if err := s.finish(); err != nil {
		return err
	}
	n, err := s.w.Write(record)
	if err == nil && n < len(record) {
		err = io.ErrShortWrite
	}
	if err != nil && n > 0 {
		s.rest = append(s.rest[:0], record[n:]...)
	}
	return err
}

func (s *stdout) finish() error {
	if len(s.rest) == 0 {
		return nil
	}
	n, err := s.w.Write(s.rest)
	s.rest = s.rest[:copy(s.rest, s.rest[n:])]
	if err == nil && len(s.rest) > 0 {
		err = io.ErrShortWrite
	}
	return err
}

func (s *stdout) Close() error {
	if err := s.finish(); err != nil {
		return fmt.Errorf("finish the last line: %w", err)
	}
	return nil
}
