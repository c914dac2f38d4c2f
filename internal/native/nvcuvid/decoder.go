package nvcuvid

import (
	"errors"
	"fmt"
	"unsafe"

	"sightline/internal/native/cuda"
)

// maxSurfaces is the most decode surfaces the driver accepts.
const maxSurfaces = 32

// Config describes a decoder.
type Config struct {
	Codec Codec
	// Extra is the number of decode surfaces beyond what the stream needs: how many pictures may wait
	// for Map.
	Extra int
	// Outputs is the number of frames that may be mapped at the same time; 0 means 1.
	Outputs int
	// MaxWidth and MaxHeight are the largest pictures that the decoder can go over to without being made
	// again, in pixels; 0 means the first picture's. They cost memory.
	MaxWidth, MaxHeight int
	// Room, if set, is called inside Decode when pictures that came out must be given back, by Unmap or Skip, now or
	// never: all before the hardware decoder is changed because the stream's format has changed, one before its
	// surface is decoded into again. It makes room until enough says that there is.
	Room func(enough func() bool) error
	// LowDelay is for H.264 cameras that do not say that they never reorder pictures, for which the
	// decoder would wait for 4 to 16 more. Their sequence headers are changed to say so, until a timestamp
	// shows that they do reorder.
	LowDelay bool
	// Caps, if set, is asked instead of QueryCaps.
	Caps func(Kind) (Caps, error)
	// ParseOnly parses without a GPU; Map then fails.
	ParseOnly bool
	// DecodeOnly does not keep pictures for Map.
	DecodeOnly bool
}

// Stats count pictures since the decoder was made.
type Stats struct {
	// Decoded were sent to the hardware, Shown came out of the parser, Mapped were mapped, Skipped were not wanted.
	Decoded, Shown, Mapped, Skipped int
	// Lost came out but can never be mapped: the format changed before, or they were late.
	Lost int
	// Damaged could not be decoded, Concealed were decoded with guesses, as far as Inspect was asked.
	Damaged, Concealed int
	// Created and Reconfigured count hardware decoders made and changed.
	Created, Reconfigured int
	// Reorders says that LowDelay was given up because the stream has reordered pictures.
	Reorders bool
}

// Decoder is a parser with its hardware decoder. One goroutine uses it at a time.
type Decoder struct {
	config   Config
	id       uintptr
	parser   uintptr
	hardware hardware
	format   Format
	pending  []Picture
	// waiting counts, by surface, the pictures that wait for Map: AV1 and VP9 show one more than once.
	waiting [maxSurfaces]uint8
	mapped  []uintptr
	// wanted is the surface that is decoded into next, read whether no picture in it waits any more.
	wanted int32
	read   func() bool
	last   Picture
	// told is the last picture that Done was true of, and how the hardware ended it.
	told       Picture
	toldStatus int32
	stats      Stats
	err        error
	closed     bool
	jump       bool
	delay      lowDelay
	scratch    scratch
}

// NewDecoder makes a decoder, which the caller closes. The hardware part is created when the first sequence
// header arrives; that takes tens of milliseconds, one decoder at a time.
func NewDecoder(c Config) (*Decoder, error) {
	if !loaded() {
		return nil, ErrNotLoaded
	}
	if c.Caps == nil {
		c.Caps = QueryCaps
	}
	d := &Decoder{config: c}
	d.read = func() bool { return d.waiting[d.wanted] == 0 }
	d.delay.active = c.LowDelay && c.Codec == H264
	d.id = register(d)
	params := parserParams{
		Codec:             c.Codec,
		MaxDecodeSurfaces: 1, // the sequence callback returns the real number
		ClockRate:         90000,
		ErrorThreshold:    100,
		MaxDisplayDelay:   0,
		User:              d.id,
		Sequence:          callbacks.sequence,
		Decode:            callbacks.decode,
		Display:           callbacks.display,
	}
	if err := cuda.Check("cuvidCreateVideoParser", api.CreateVideoParser(&d.parser, &params)); err != nil {
		unregister(d.id)
		return nil, err
	}
	return d, nil
}

// Decode queues one whole access unit (Annex B; for AV1 a temporal unit, for VP9 a frame). Its picture has
// the same timestamp, in any unit. Pictures that became ready come out of Next. The library accepts damaged
// data without an error.
func (d *Decoder) Decode(unit []byte, timestamp int64) error {
	if len(unit) == 0 {
		return d.refusal()
	}
	if d.delay.active || d.delay.settling {
		unit = d.delay.unit(unit, timestamp)
		d.stats.Reorders = d.stats.Reorders || !d.delay.active
	}
	p := packet{
		Flags:       packetTimestamp | packetEndOfPicture,
		PayloadSize: uint64(len(unit)),
		Payload:     unsafe.SliceData(unit),
		Timestamp:   timestamp,
	}
	if d.jump {
		p.Flags |= packetDiscontinuity
		d.jump = false
	}
	return d.parse(p)
}

// Discontinuity tells that the next unit does not follow the one before, as after a new connection. The
// decoder is kept.
func (d *Decoder) Discontinuity() {
	d.jump = true
	d.delay.begin()
}

// Flush ends the stream: pictures held back for reordering come out of Next. A new one may begin after it.
func (d *Decoder) Flush() error {
	d.delay.begin()
	return d.parse(packet{Flags: packetEndOfStream})
}

func (d *Decoder) refusal() error {
	if d.closed {
		return ErrClosed
	}
	return nil
}

func (d *Decoder) parse(p packet) error {
	if d.closed {
		return ErrClosed
	}
	d.scratch.packet = p
	err := call("cuvidParseVideoData", hot.ParseVideoData, d.parser, address(&d.scratch.packet))
	d.scratch.packet.Payload = nil // which was the caller's until here
	err = errors.Join(d.err, err)
	d.err = nil
	return err
}

// Next returns the next picture in display order, if one is ready.
func (d *Decoder) Next() (Picture, bool) {
	if len(d.pending) == 0 {
		return Picture{}, false
	}
	p := d.pending[0]
	d.pending = append(d.pending[:0], d.pending[1:]...)
	return p, true
}

// Ready is the number of pictures that Next has.
func (d *Decoder) Ready() int { return len(d.pending) }

// Last is the newest picture in display order, mapped or not.
func (d *Decoder) Last() Picture { return d.last }

// Decoded counts the pictures sent to the hardware.
func (d *Decoder) Decoded() int { return d.stats.Decoded }

// Stats are the counts so far.
func (d *Decoder) Stats() Stats { return d.stats }

// Format is what the newest sequence header says.
func (d *Decoder) Format() Format { return d.format }

// Close destroys the decoder. It fails with ErrMapped, and does nothing, while frames are mapped.
func (d *Decoder) Close() error {
	if d.closed {
		return nil
	}
	if n := len(d.mapped); n > 0 {
		return fmt.Errorf("%w: %d", ErrMapped, n)
	}
	d.closed = true
	err := cuda.Check("cuvidDestroyVideoParser", api.DestroyVideoParser(d.parser))
	unregister(d.id)
	d.pending = nil
	return errors.Join(err, d.hardware.close())
}

func (d *Decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// sequence runs in the parser when a sequence header differs from the one before. It returns the number of
// surfaces the parser may use.
func (d *Decoder) sequence(f *Format) (int, error) {
	surfaces := min(int(f.MinDecodeSurfaces)+d.config.Extra, maxSurfaces)
	if d.config.ParseOnly {
		d.format = *f
		return surfaces, nil
	}
	if d.hardware.fits(f, surfaces) { // only something like the frame rate has changed
		d.format = *f
		return d.hardware.surfaces, nil
	}
	if err := d.reset(); err != nil {
		return 0, err
	}
	if err := d.supported(f); err != nil {
		return 0, errors.Join(err, d.hardware.close())
	}
	d.format = *f
	if d.hardware.reconfigure(f, surfaces) {
		d.stats.Reconfigured++
		return surfaces, nil
	}
	if err := d.hardware.close(); err != nil {
		return 0, err
	}
	if err := d.hardware.create(f, surfaces, d.config); err != nil {
		return 0, err
	}
	d.stats.Created++
	return surfaces, nil
}

// reset gives up what the present hardware decoder holds.
func (d *Decoder) reset() error {
	if d.hardware.handle != 0 && d.config.Room != nil {
		idle := func() bool { return d.waiting == [maxSurfaces]uint8{} }
		if err := d.config.Room(idle); err != nil {
			return err
		}
	}
	if n := len(d.mapped); n > 0 {
		return fmt.Errorf("%w: %d, while the stream's format changes", ErrMapped, n)
	}
	d.stats.Lost += len(d.pending)
	d.pending = d.pending[:0]
	d.waiting = [maxSurfaces]uint8{}
	d.hardware.generation++ // pictures that the caller still has are of the past
	return nil
}

// decode runs in the parser for every picture, in decode order. It blocks while the driver's queue of
// four pictures is full.
func (d *Decoder) decode(p *picParams) error {
	if p.Index < 0 || p.Index >= maxSurfaces {
		return fmt.Errorf("nvcuvid: decode surface %d", p.Index)
	}
	if d.waiting[p.Index] > 0 && d.config.Room != nil {
		d.wanted = p.Index
		if err := d.config.Room(d.read); err != nil {
			return err
		}
	}
	if d.waiting[p.Index] > 0 {
		return ErrSurfaceBusy
	}
	if !d.config.ParseOnly {
		if d.hardware.handle == 0 {
			return errors.New("nvcuvid: picture before a usable sequence header")
		}
		if err := call("cuvidDecodePicture", hot.DecodePicture, d.hardware.handle, address(p)); err != nil {
			return err
		}
	}
	d.stats.Decoded++
	return nil
}

// display runs in the parser for every picture, in display order.
func (d *Decoder) display(info *displayInfo) error {
	if info == nil { // end of stream
		return nil
	}
	if info.Index < 0 || info.Index >= maxSurfaces {
		return fmt.Errorf("nvcuvid: displayed surface %d", info.Index)
	}
	d.stats.Shown++
	if d.delay.late(info.Timestamp) {
		d.stats.Lost++
		return nil
	}
	d.last = Picture{Timestamp: info.Timestamp, info: *info, generation: d.hardware.generation}
	if d.config.DecodeOnly {
		return nil
	}
	d.waiting[info.Index]++
	d.pending = append(d.pending, d.last)
	return nil
}
