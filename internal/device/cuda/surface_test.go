package cuda

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sightline/internal/device"
)

// kept is a decoder whose pictures the test takes, with a stream to look at them.
type kept struct {
	*gallery
	device.Decoder
	stream device.Stream
}

func keep(t *testing.T) *kept {
	t.Helper()
	g := &gallery{t: t, device: openDevice(t, t.TempDir()), kept: make(chan *device.Picture, 64)}
	s, err := g.device.NewStream("lane")
	if err != nil {
		t.Fatal(err)
	}
	return &kept{g, g.decoder(t, device.DecoderOptions{}), s}
}

// decode gives units of one picture each to the decoder, and tells when they were taken.
func (k *kept) decode(first, n int) (taken chan error) {
	taken = make(chan error, 1)
	go func() {
		var err error
		for i := first; i < first+n && err == nil; i++ {
			records := whole
			if i == 1 {
				records = small + whole
			}
			err = k.Decode(unit(i, records))
		}
		taken <- err
	}()
	return taken
}

// end closes everything; the device says what is left.
func (k *kept) end() {
	k.t.Helper()
	if err := errors.Join(k.Decoder.Close(), k.stream.Close()); err != nil {
		k.t.Error(err)
	}
}

func (k *kept) want(p *device.Picture, luma int) {
	k.t.Helper()
	if s, err := k.look(k.stream, p); err != nil || s.luma != luma || s.chroma != luma {
		k.t.Errorf("the picture at %v shows %d and %d, want %d (%v)", p.PTS, s.luma, s.chroma, luma, err)
	}
}

func (k *kept) giveBack(list ...*device.Picture) {
	k.t.Helper()
	for _, p := range list {
		if err := p.Release(); err != nil {
			k.t.Error(err)
		}
	}
}

// starve waits until the parser waits for a picture to be given back.
func (k *kept) starve() {
	c := k.Decoder.(*decoder)
	for starved := false; !starved; time.Sleep(time.Millisecond) {
		c.using.Lock()
		starved = c.starved
		c.using.Unlock()
	}
}

// two are the pictures of the first two units.
func (k *kept) two() (first, second *device.Picture) {
	k.t.Helper()
	if err := <-k.decode(1, 2); err != nil {
		k.t.Fatal(err)
	}
	return <-k.kept, <-k.kept
}

// pass gives the next pictures back, which must come in time.
func (k *kept) pass(n int) {
	k.t.Helper()
	for range n {
		select {
		case p := <-k.kept:
			k.giveBack(p)
		case <-time.After(10 * time.Second):
			k.t.Fatal("the parser stands")
		}
	}
}

// finish wants the units to be taken, flushes, and ends.
func (k *kept) finish(taken chan error) {
	k.t.Helper()
	if err := errors.Join(<-taken, k.Flush()); err != nil {
		k.t.Error(err)
	}
	k.end()
}

// TestDecodeGoesOnWithTwoPicturesOut: until it comes to their surfaces again, then it waits for them.
func TestDecodeGoesOnWithTwoPicturesOut(t *testing.T) {
	k := keep(t)
	taken := k.decode(1, 12)
	first, second := <-k.kept, <-k.kept
	k.pass(3 + ahead - 2) // the stream needs three surfaces
	select {
	case p := <-k.kept:
		t.Errorf("the picture at %v was decoded into a surface that is in use", p.PTS)
	case err := <-taken:
		t.Errorf("all were taken: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	k.want(second, 2)
	k.giveBack(second)
	k.want(first, 1)
	k.giveBack(first)
	k.pass(5)
	k.finish(taken)
}

// TestALateLaneHoldsNoDecoderUp: once the parser has waited for a picture that was open, the next ones are copied.
func TestALateLaneHoldsNoDecoderUp(t *testing.T) {
	k := keep(t)
	taken := k.decode(1, 60)
	first := <-k.kept
	k.want(first, 1)
	var second *device.Picture
	for range 3 + ahead - 1 {
		if second != nil {
			k.giveBack(second)
		}
		second = <-k.kept
	}
	c := k.Decoder.(*decoder)
	k.starve()
	k.giveBack(first)
	k.want(second, 3+ahead)
	k.pass(60 - 3 - ahead)
	k.want(second, 3+ahead)
	k.giveBack(second)
	if err := <-taken; err != nil {
		t.Error(err)
	}
	for i := range 2 * lateness { // in time again
		if err := <-k.decode(61+i, 1); err != nil {
			t.Fatal(err)
		}
		p := <-k.kept
		k.want(p, (61+i)&255)
		k.giveBack(p)
	}
	if c.late != 0 {
		t.Errorf("%d more pictures would be copied", c.late)
	}
	if err := k.Flush(); err != nil {
		t.Error(err)
	}
	k.end()
	if u := k.device.Pool().Usage(); u.Used != 0 {
		t.Errorf("%s", u)
	}
}

// TestOpeningLetsTheParserGoOn: it waits for a picture that nobody has opened, which is copied when somebody does.
func TestOpeningLetsTheParserGoOn(t *testing.T) {
	k := keep(t)
	taken := k.decode(1, 20)
	first := <-k.kept
	k.pass(3 + ahead - 1)
	k.starve()
	if _, err := first.Open(k.stream); err != nil {
		t.Fatal(err)
	}
	k.pass(1) // while the picture is open
	k.want(first, 1)
	k.giveBack(first)
	k.pass(20 - 3 - ahead - 1)
	k.finish(taken)
}

// TestThePictureAfterALateOneIsCopied: the parser had to wait for one that was opened in time; the next does not hold it up.
func TestThePictureAfterALateOneIsCopied(t *testing.T) {
	k := keep(t)
	if err := <-k.decode(1, 1); err != nil {
		t.Fatal(err)
	}
	first := <-k.kept
	k.want(first, 1)
	taken := k.decode(2, 3+ahead)
	k.pass(3 + ahead - 1)
	k.starve()
	k.giveBack(first)
	if err := <-taken; err != nil {
		t.Fatal(err)
	}
	second := <-k.kept
	k.want(second, 3+ahead+1)
	taken = k.decode(3+ahead+2, 20)
	k.pass(20) // with the second one open
	k.giveBack(second)
	k.finish(taken)
}

// TestAnotherFormatWaitsForPictures: none is torn from who looks at it.
func TestAnotherFormatWaitsForPictures(t *testing.T) {
	k := keep(t)
	first, second := k.two()
	if _, err := first.Open(k.stream); err != nil {
		t.Fatal(err)
	}
	taken := make(chan error, 1)
	go func() { taken <- k.Decode(unit(3, large+whole)) }()
	select {
	case err := <-taken:
		t.Errorf("taken with two pictures out: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	k.want(first, 1)
	k.giveBack(first)
	k.want(second, 2)
	k.giveBack(second)
	if err := errors.Join(<-taken, k.Flush()); err != nil {
		t.Error(err)
	}
	third := <-k.kept
	if k.want(third, 3); third.Width != 640 {
		t.Errorf("%d columns", third.Width)
	}
	k.giveBack(third)
	k.end()
}

// TestPicturesAfterClose: one that is open stays, and the hardware with it; others can only be given back.
func TestPicturesAfterClose(t *testing.T) {
	k := keep(t)
	first, second := k.two()
	if _, err := first.Open(k.stream); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Open(k.stream); err == nil || !strings.Contains(err.Error(), "another picture") {
		t.Errorf("two at a time: %v", err)
	}
	if err := k.Decoder.Close(); err != nil {
		t.Error(err)
	}
	if _, err := second.Open(k.stream); !errors.Is(err, device.ErrClosed) {
		t.Errorf("opened after the close: %v", err)
	}
	k.giveBack(second)
	k.want(first, 1)
	if n := k.device.decoders.Load(); n != 1 {
		t.Errorf("%d decoders with a picture open, want 1", n)
	}
	k.giveBack(first, first, second)
	if n := k.device.decoders.Load(); n != 0 {
		t.Errorf("%d decoders are left", n)
	}
	k.end()
}

func TestAPictureThatCannotBeOpened(t *testing.T) {
	k := keep(t)
	first, second := k.two()
	libraries["nvcuvid"].Fail("cuvidMapVideoFrame64", 205)
	if _, err := first.Open(k.stream); err == nil || !strings.Contains(err.Error(), "open a picture of gate") {
		t.Errorf("%v", err)
	}
	if _, err := first.Open(k.stream); err == nil {
		t.Error("it was opened after it had failed")
	}
	k.giveBack(first)
	k.want(second, 2)
	k.giveBack(second)
	taken := k.decode(3, 20) // no surface is missing
	k.pass(20)
	k.finish(taken)
}

// TestPicturesOfALostDevice can be given back.
func TestPicturesOfALostDevice(t *testing.T) {
	k := keep(t)
	first, second := k.two()
	k.want(first, 1)
	k.device.Fail(errors.New("an end"))
	k.giveBack(first)
	if _, err := second.Open(k.stream); !errors.Is(err, device.ErrLost) {
		t.Errorf("%v", err)
	}
	k.giveBack(second)
	k.end()
}

func TestOpeningAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool drop things")
	}
	k := keep(t)
	const n = 4
	if err := <-k.decode(1, n); err != nil {
		t.Fatal(err)
	}
	for len(k.kept) < n {
		time.Sleep(time.Millisecond)
	}
	allocated := testing.AllocsPerRun(n-1, func() {
		p := <-k.kept
		if _, err := p.Open(k.stream); err != nil {
			t.Error(err)
		}
		if err := k.stream.Synchronize(); err != nil {
			t.Error(err)
		}
		k.giveBack(p)
	})
	if allocated != 0 {
		t.Errorf("%v allocations a picture", allocated)
	}
	k.end()
}
