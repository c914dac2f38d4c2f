package nvcuvid

import (
	"fmt"
	"slices"

	"sightline/internal/native/cuda"
)

// Picture is a decoded picture that waits to be mapped.
type Picture struct {
	// Timestamp is that of the unit the picture was made from.
	Timestamp  int64
	info       displayInfo
	generation int
}

// Damage says what the hardware met in a picture.
type Damage uint8

// Damages.
const (
	NoDamage Damage = iota
	// Concealed pictures have parts that are guesses.
	Concealed
	// Damaged pictures were not decoded.
	Damaged
)

// Frame is a mapped picture in NV12: a luma plane and, below it, interleaved chroma.
type Frame struct {
	Luma, Chroma  uintptr // device addresses
	Pitch         int     // bytes a row
	Width, Height int     // pixels of luma
	FullRange     bool
	Timestamp     int64
	surface       int32
}

// Map waits until p is decoded and makes it readable for work queued in s. Nothing is decoded into its surface
// before Unmap.
func (d *Decoder) Map(p Picture, s cuda.Stream) (Frame, error) {
	switch {
	case d.closed:
		return Frame{}, ErrClosed
	case d.hardware.handle == 0 || p.generation != d.hardware.generation || d.waiting[p.info.Index] == 0:
		return Frame{}, ErrStale
	case len(d.mapped) >= outputs(d.config):
		return Frame{}, fmt.Errorf("%w: %d", ErrNoOutput, len(d.mapped))
	}
	d.scratch.proc = procParams{
		Progressive:   p.info.Progressive,
		TopFieldFirst: p.info.TopFieldFirst,
		OutputStream:  s,
	}
	if p.info.RepeatFirstField < 0 {
		d.scratch.proc.UnpairedField = 1
	}
	f := Frame{
		Width: d.format.Width(), Height: d.format.Height(),
		FullRange: d.format.FullRange(), Timestamp: p.Timestamp, surface: p.info.Index,
	}
	c := &d.scratch
	err := call("cuvidMapVideoFrame", hot.MapVideoFrame, d.hardware.handle, uintptr(p.info.Index), address(&c.luma), address(&c.pitch), address(&c.proc))
	if err != nil {
		d.waiting[p.info.Index]--
		d.stats.Lost++
		return Frame{}, err
	}
	f.Luma, f.Pitch = c.luma, int(c.pitch)
	d.mapped = append(d.mapped, f.Luma)
	d.stats.Mapped++
	f.Chroma = f.Luma + uintptr(f.Pitch*even(f.Height))
	return f, nil
}

// Unmap gives f and its surface back, once the work that reads it is done.
func (d *Decoder) Unmap(f Frame) error {
	i := slices.Index(d.mapped, f.Luma)
	if i < 0 {
		return ErrStale
	}
	d.mapped = slices.Delete(d.mapped, i, i+1)
	d.waiting[f.surface]--
	return call("cuvidUnmapVideoFrame", hot.UnmapVideoFrame, d.hardware.handle, f.Luma)
}

// Skip gives p's surface back without a Map.
func (d *Decoder) Skip(p Picture) {
	if d.closed || p.generation != d.hardware.generation || d.waiting[p.info.Index] == 0 {
		return
	}
	d.waiting[p.info.Index]--
	d.stats.Skipped++
}

// Done tells whether the hardware is through with p, so that Map will not wait for it. Where it does not tell, the
// answer is true.
func (d *Decoder) Done(p Picture) bool {
	const inProgress = 1
	if d.closed || d.hardware.handle == 0 || p.generation != d.hardware.generation {
		return true
	}
	status, err := d.status(p)
	d.told, d.toldStatus = p, status
	if err != nil || status <= inProgress || p.info.Progressive == 0 { // of two fields it may tell the first one's
		d.told = Picture{}
	}
	return err != nil || status != inProgress
}

// Inspect tells what the hardware met in p, once p is Done, and counts it. Where it does not tell, and of pictures of the past,
// the answer is no damage.
func (d *Decoder) Inspect(p Picture) Damage {
	if codec := d.format.Codec; d.closed || p.generation != d.hardware.generation || codec != H264 && codec != HEVC {
		return NoDamage
	}
	damage, err := d.damage(p)
	switch {
	case err != nil:
		return NoDamage
	case damage == Concealed:
		d.stats.Concealed++
	case damage == Damaged:
		d.stats.Damaged++
	}
	return damage
}

func (d *Decoder) damage(p Picture) (Damage, error) {
	const failed, concealed = 8, 9
	status, err := d.toldStatus, error(nil)
	if p != d.told {
		status, err = d.status(p)
	}
	switch status {
	case failed:
		return Damaged, err
	case concealed:
		return Concealed, err
	}
	return NoDamage, err
}

func (d *Decoder) status(p Picture) (int32, error) {
	s := &d.scratch.status
	*s = decodeStatus{}
	err := call("cuvidGetDecodeStatus", hot.GetDecodeStatus, d.hardware.handle, uintptr(p.info.Index), address(s))
	return s.Status, err
}
