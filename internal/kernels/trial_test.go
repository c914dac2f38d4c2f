package kernels

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"sightline/internal/device"
	"sightline/internal/device/host"
)

// machine is memory that a trial is set up in.
type machine interface {
	alloc(t testing.TB, size int) *device.Buffer
	write(t testing.TB, to *device.Buffer, from []byte)
	read(t testing.TB, from *device.Buffer) []byte
	run(t testing.TB, launches []Launch)
}

// setup makes the inputs of a trial, the same on every machine.
type setup struct {
	testing.TB
	machine
	*rand.Rand
}

// trial is one call of one kernel.
type trial struct {
	queue func(device.Kernels, device.Stream) error
	plan  func() ([]Launch, error)
	out   *device.Buffer
	// width is the size of a value of out: 4 for float32, 2 for float16, 1 for anything else.
	width int
}

func (s *setup) bytes(content []byte) *device.Buffer {
	b := s.alloc(s, len(content))
	s.write(s, b, content)
	return b
}

// dirty is a buffer of old content, which a kernel must not leave where it has to write.
func (s *setup) dirty(size int) *device.Buffer {
	content := make([]byte, size)
	for i := range content {
		content[i] = 0x41
	}
	return s.bytes(content)
}

func upload[T any](s *setup, values []T) *device.Buffer {
	size := int(unsafe.Sizeof(values[0])) * len(values)
	return s.bytes(unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), size))
}

// floats are count random numbers in -scale..scale.
func (s *setup) floats(count int, scale float32) []float32 {
	out := make([]float32, count)
	for i := range out {
		out[i] = (s.Float32()*2 - 1) * scale
	}
	return out
}

func (s *setup) picture(f device.PictureFormat) *device.Picture {
	content := make([]byte, f.Size())
	for i := range content {
		content[i] = byte(s.Uint32())
	}
	p := &device.Picture{PictureFormat: f, Buffer: s.bytes(content)}
	if s.IntN(2) == 0 {
		return p
	}
	// As in a decoder: rows are longer than the format says, and chroma begins somewhere else.
	pitch, lines := f.Pitch+s.IntN(9), f.Height+s.IntN(3)
	surface := make([]byte, pitch*(lines+(f.Height+1)/2))
	for y := range f.Height + (f.Height+1)/2 {
		to := y
		if y >= f.Height {
			to += lines - f.Height
		}
		copy(surface[to*pitch:], content[y*f.Pitch:][:f.Pitch])
	}
	at := s.bytes(surface).Address()
	place := make([]byte, device.PlaceSize)
	device.Planes{Luma: at, Chroma: at + uintptr(pitch*lines), Pitch: pitch}.Put(place)
	return &device.Picture{PictureFormat: f, Place: s.bytes(place)}
}

// subjects is a list of them; count may be larger than the limits.
func (s *setup) subjects(l device.Limits, count int, boxes ...[4]float32) *device.Buffer {
	content := make([]byte, l.SubjectsSize())
	put := func(word int, v uint32) { binary.LittleEndian.PutUint32(content[4*word:], v) }
	put(0, uint32(count))
	for i, box := range boxes[:min(len(boxes), l.People)] {
		for j, v := range box {
			put(4+8*i+j, math.Float32bits(v))
		}
		put(4+8*i+4, uint32(i))
		put(4+8*i+5, uint32(i*37%anchorsOfSubjects))
	}
	return s.bytes(content)
}

// anchorsOfSubjects is above the anchor of every subject.
const anchorsOfSubjects = 50

// cases are all trials, by kernel and number.
func cases() map[string]func(*setup) trial {
	out := map[string]func(*setup) trial{}
	for kernel, makers := range map[string][]func(*setup) trial{
		"letterbox": letterboxTrials(), "crop": cropTrials(), "select": slices.Concat(selectTrials(), headTrials(), labelTrials()), "choose": chooseTrials(), "keypoints": keypointTrials(), "uncrop": uncropTrials(),
		"masks": maskTrials(), "joints": jointTrials(), "anchor joints": anchorJointTrials(), "combine": combineTrials(),
		"margin": marginTrials(), "classify": classifyTrials(), "normalize": normalizeTrials(), "cosine": cosineTrials(), "blend": blendTrials(),
		"move": moveTrials(), "moves": movesTrials(),
	} {
		for i, m := range makers {
			out[fmt.Sprintf("%s/%d", kernel, i)] = m
		}
	}
	return out
}

// newSetup has random numbers that depend on the trial's name only.
func newSetup(t testing.TB, m machine, name string) *setup {
	seed := [32]byte{}
	copy(seed[:], name)
	return &setup{t, m, rand.New(rand.NewChaCha8(seed))}
}

// compareTrial runs a trial on m and on the host device.
func compareTrial(t *testing.T, m machine, name string, maker func(*setup) trial) {
	if runtime.GOARCH != "amd64" {
		t.Skip("Go fuses products and sums on " + runtime.GOARCH + ", so that the host device rounds otherwise there")
	}
	reference := newHostMachine(t)
	want := maker(newSetup(t, reference, name))
	if err := errors.Join(want.queue(reference.kernels, reference.stream), reference.stream.Synchronize()); err != nil {
		t.Fatal(err)
	}
	got := maker(newSetup(t, m, name))
	plan, err := got.plan()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // as a graph is replayed; only blend builds on what was there
		m.run(t, plan)
		if compare(t, m.read(t, got.out), reference.read(t, want.out), got.width); got.width == 2 {
			break
		}
	}
}

// compare wants the same bits; any NaN is as good as another.
func compare(t *testing.T, got, want []byte, width int) {
	different := 0
	for i := 0; i+width <= len(want); i += width {
		g, w := got[i:i+width], want[i:i+width]
		var same bool
		switch width {
		case 4:
			a, b := binary.LittleEndian.Uint32(g), binary.LittleEndian.Uint32(w)
			same = a == b || a<<1 > 0xff<<24 && b<<1 > 0xff<<24
		case 2:
			a, b := binary.LittleEndian.Uint16(g), binary.LittleEndian.Uint16(w)
			same = a == b || a<<1 > 0xf800 && b<<1 > 0xf800
		default:
			same = g[0] == w[0]
		}
		if !same {
			if different == 0 {
				t.Errorf("value %d is %x, on the host device %x", i/width, g, w)
			}
			different++
		}
	}
	if different > 0 {
		t.Errorf("%d of %d values differ", different, len(want)/width)
	}
}

// hostMachine is the host device's memory, in which the kernels that were compiled as C++ run too.
type hostMachine struct {
	pool    *device.Pool
	stream  device.Stream
	kernels device.Kernels
	library map[string]cpuKernel
}

func newHostMachine(t testing.TB) *hostMachine {
	m := &hostMachine{}
	m.pool, m.stream, m.kernels = host.Bare("test")
	t.Cleanup(func() { _ = m.stream.Close() })
	return m
}

func (m *hostMachine) alloc(t testing.TB, size int) *device.Buffer {
	t.Helper()
	b, err := m.pool.Alloc("test", "test", device.Pinned, int64(size))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func (m *hostMachine) write(_ testing.TB, to *device.Buffer, from []byte) { copy(to.Bytes(), from) }
func (m *hostMachine) read(_ testing.TB, from *device.Buffer) []byte      { return from.Bytes() }
