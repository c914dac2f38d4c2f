package bench

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/pipeline"
	"sightline/internal/result"
	"sightline/internal/track"
	"sightline/internal/vision"
)

// Compute measures what follows decoding: lanes look at decoded pictures of a clip again and again, as fast as
// they can, each as a camera's pipeline does, until its result is encoded.
type Compute struct {
	Device device.Device
	Clip   *Clip
	Lanes  int
	// Pipeline gives a camera's options, of which source, meter and sinks are not used.
	Pipeline  func(name string) pipeline.Options
	Warm, For time.Duration
}

// Computing is what the lanes did.
type Computing struct {
	Lanes int     `json:"lanes"`
	FPS   float64 `json:"fps"`
	// People is the mean number of people in a picture.
	People float64 `json:"people"`
	// CPUMS is the process's processor time for one picture.
	CPUMS float64 `json:"cpu_ms"`
	Cores float64 `json:"cores"`
	Turn  Times   `json:"turn"`
	// Lane is one lane's memory: contexts, buffers, graphs.
	Lane Memory `json:"lane"`
	Load Load   `json:"load"`
}

// Run measures once.
func (b Compute) Run(ctx context.Context) (row Computing, err error) {
	row.Lanes = b.Lanes
	stills, err := b.Clip.stills(b.Device)
	defer func() {
		for _, p := range stills {
			err = errors.Join(err, p.Release())
		}
	}()
	if err != nil {
		return row, err
	}
	var frames, people atomic.Int64
	l := lanes{device: b.Device, warm: b.Warm, span: b.For}
	before := memory(b.Device)
	var open []*looker
	defer func() {
		for _, k := range open {
			err = errors.Join(err, k.close())
		}
	}()
	for i := range b.Lanes {
		k := &looker{}
		open = append(open, k)
		if err := k.prepare(b.Pipeline(fmt.Sprintf("lane-%d", i+1)), stills[0].PictureFormat); err != nil {
			return row, err
		}
		at := i
		l.work = append(l.work, func() error {
			n, err := k.look(stills[at%len(stills)])
			at++
			frames.Add(1)
			people.Add(int64(n))
			return err
		})
	}
	t, err := l.run(ctx)
	row.Lane = memory(b.Device).each(before, b.Lanes)
	n := float64(len(t.times))
	row.FPS, row.CPUMS, row.Cores = ratio(n, t.wall.Seconds()), ratio(milliseconds(t.cpu), n), ratio(t.cpu.Seconds(), t.wall.Seconds())
	row.People = ratio(float64(people.Load()), float64(frames.Load()))
	row.Turn, row.Load = NewTimes(t.times), t.load
	return row, err
}

// looker is one lane: a pipeline without its decoder.
type looker struct {
	contexts *model.Contexts
	vision   *vision.DetectionManager
	tracker  track.Tracker
	frame    result.Frame
	line     []byte
	now      time.Duration
}

func (k *looker) prepare(o pipeline.Options, f device.PictureFormat) (err error) {
	if k.tracker, err = track.New(o.Track); err != nil {
		return err
	}
	if k.contexts, err = o.Manager.CreatePipelineContexts(o.Camera, o.Models...); err != nil {
		return err
	}
	v := o.Vision
	v.Owner, v.Device, v.Contexts, v.Format, v.Gallery = o.Camera, o.Device, k.contexts, f, o.Track.Slots
	k.vision, err = vision.New(v)
	return err
}

// look returns the number of people.
func (k *looker) look(p *device.Picture) (people int, err error) {
	if _, err := k.vision.Detect(p, &k.frame); err != nil {
		return 0, err
	}
	k.now += time.Second / 30
	seen := k.vision.Appearance()
	k.tracker.Rest(k.vision.Resting())
	k.tracker.Update(k.now, k.frame.Objects, track.Appearance{Objects: seen.Objects, Cosines: seen.Cosines, Actions: seen.Remember})
	k.frame.Unseen = k.tracker.Unseen(k.frame.Unseen[:0], k.frame.Width, k.frame.Height)
	k.line = result.AppendJSON(k.line[:0], &k.frame)
	for i := range k.frame.Objects {
		if k.frame.Objects[i].Class == "person" {
			people++
		}
	}
	return people, nil
}

func (k *looker) close() error {
	var errs []error
	if k.vision != nil {
		errs = append(errs, k.vision.Close())
	}
	if k.contexts != nil {
		errs = append(errs, k.contexts.Close())
	}
	return errors.Join(errs...)
}

// mostStills is how many pictures of a clip stand for all of it.
const mostStills = 16

// stills are pictures from all over the clip, copied to the device's memory. The caller releases them, also
// after an error.
func (c *Clip) stills(d device.Device) (list []*device.Picture, err error) {
	k := &keeper{pool: d.Pool(), every: uint64(max(1, len(c.units)/mostStills))}
	if k.stream, err = d.NewStream(stillsOwner); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, k.stream.Close()) }()
	decoder, err := d.NewDecoder(device.DecoderOptions{Owner: stillsOwner, Format: c.format, Output: k})
	if err != nil {
		return nil, err
	}
	for n := range c.units {
		if err = decoder.Decode(c.unit(0, n)); err != nil {
			break
		}
	}
	if err == nil {
		err = decoder.Flush()
	}
	err = errors.Join(err, decoder.Close(), k.err)
	if err == nil && len(k.kept) == 0 {
		err = errors.New("no picture came out of the clip")
	}
	return k.kept, err
}

const stillsOwner = "clip"

// keeper is a sink that keeps copies of some pictures. They are read when its decoder is closed.
type keeper struct {
	pool   *device.Pool
	stream device.Stream
	every  uint64
	kept   []*device.Picture
	err    error
}

func (k *keeper) Wants(time.Duration) bool { return true }

// Deliver keeps pictures of the first one's format only: a lane is made for one.
func (k *keeper) Deliver(p *device.Picture) {
	if p.Seq%k.every == 0 && len(k.kept) < mostStills && (len(k.kept) == 0 || p.PictureFormat == k.kept[0].PictureFormat) {
		k.err = errors.Join(k.err, k.keep(p))
	}
	k.err = errors.Join(k.err, p.Release())
}

func (k *keeper) keep(p *device.Picture) error {
	b, err := k.pool.Alloc(stillsOwner, "decoded picture", device.OnDevice, p.Size())
	if err != nil {
		return err
	}
	k.kept = append(k.kept, &device.Picture{PictureFormat: p.PictureFormat, Buffer: b})
	return errors.Join(k.stream.CopyPicture(b, p), k.stream.Synchronize())
}
