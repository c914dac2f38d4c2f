package host

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"sightline/internal/camera/file"
	"sightline/internal/device"
	"sightline/internal/leaktest"
	"sightline/internal/media"
)

const clips = "../../../clips/"

func ffmpegPath(t *testing.T) string {
	if path := os.Getenv("SIGHTLINE_FFMPEG"); path != "" {
		return path
	}
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("neither SIGHTLINE_FFMPEG is set nor ffmpeg on the PATH")
	}
	return path
}

// collector is a sink that keeps each picture's times and hash.
type collector struct {
	pool    *device.Pool
	mutex   sync.Mutex
	pts     []time.Duration
	hashes  [][16]byte
	formats []device.PictureFormat
	// wants is Wants; nil wants every picture.
	wants func(pts time.Duration) bool
}

func (c *collector) Wants(pts time.Duration) bool { return c.wants == nil || c.wants(pts) }

func (c *collector) Deliver(p *device.Picture) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.pts = append(c.pts, p.PTS)
	c.hashes = append(c.hashes, md5.Sum(bytesOf(p.Buffer)))
	c.formats = append(c.formats, p.PictureFormat)
	_ = p.Release()
}

func startDecoder(t *testing.T, f media.Format, c *collector) *decoder {
	t.Helper()
	path := ffmpegPath(t)
	sync, err := ffmpegSync(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDecoder(path, sync, c.pool, device.DecoderOptions{Owner: "test", Format: f, Output: c})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func newCollector() *collector { return &collector{pool: device.NewPool(allocator{}, 0)} }

// decode sends a file through a decoder; change may alter or drop (nil) a unit.
func decode(t *testing.T, path string, change func(i int, u media.AccessUnit) []media.AccessUnit) (*collector, []time.Duration) {
	t.Helper()
	c := newCollector()
	return c, decodeInto(t, c, path, change)
}

func decodeInto(t *testing.T, c *collector, path string, change func(i int, u media.AccessUnit) []media.AccessUnit) []time.Duration {
	t.Helper()
	source, err := file.Open(path, file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	d := startDecoder(t, source.Format(), c)
	defer d.Close()
	var sent []time.Duration
	for i := 0; ; i++ {
		u, err := source.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range change(i, u) {
			if err := d.Decode(u); err != nil {
				t.Fatal(err)
			}
			sent = append(sent, u.PTS)
		}
	}
	if err := d.Flush(); err != nil {
		t.Fatal(err)
	}
	return sent
}

func same(_ int, u media.AccessUnit) []media.AccessUnit { return []media.AccessUnit{u} }

// makeClip encodes test pictures; arguments choose the encoding.
func makeClip(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".mp4")
	all := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=2", "-pix_fmt", "yuv420p"}, arguments...)
	if out, err := exec.Command(ffmpegPath(t), append(all, path)...).CombinedOutput(); err != nil {
		t.Skipf("this ffmpeg cannot make the clip: %v: %s", err, out)
	}
	return path
}

func TestDecoderIsExact(t *testing.T) {
	ffmpegPath(t)
	leaktest.Check(t)
	for name, path := range map[string]string{
		"plaza":      clips + "plaza-west.mp4",
		"b-frames":   makeClip(t, "b", "-c:v", "libx264", "-bf", "3", "-g", "25"),
		"fragmented": makeClip(t, "f", "-c:v", "libx264", "-bf", "2", "-movflags", "frag_keyframe+empty_moov"),
		"h265":       makeClip(t, "h", "-c:v", "libx265", "-x265-params", "log-level=error:bframes=3"),
		"vp9":        makeClip(t, "v", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-auto-alt-ref", "0"),
		"vp9 hidden": makeClip(t, "va", "-c:v", "libvpx-vp9", "-cpu-used", "8", "-auto-alt-ref", "1", "-lag-in-frames", "16"),
		"av1":        makeClip(t, "a", "-c:v", "libsvtav1", "-preset", "12", "-svtav1-params", "keyint=25"),
		"odd":        makeClip(t, "o", "-c:v", "libx264", "-vf", "scale=322:182"),
	} {
		t.Run(name, func(t *testing.T) {
			c, sent := decode(t, path, same)
			slices.Sort(sent)
			if !slices.Equal(c.pts, sent) {
				t.Fatalf("%d units in, %d pictures out\nin  %v\nout %v", len(sent), len(c.pts), sent, c.pts)
			}
			raw, err := exec.Command(ffmpegPath(t), "-v", "error", "-i", path, "-pix_fmt", "nv12", "-f", "rawvideo", "-").Output()
			if err != nil {
				t.Fatal(err)
			}
			size := int(c.formats[0].Size())
			if len(raw) != size*len(c.hashes) {
				t.Fatalf("ffmpeg itself gives %d bytes, %d pictures of %d came out", len(raw), len(c.hashes), size)
			}
			for i, h := range c.hashes {
				if h != md5.Sum(raw[i*size:][:size]) {
					t.Fatalf("picture %d differs from ffmpeg's own", i)
				}
			}
			if used := c.pool.Usage().Used; used != 0 {
				t.Errorf("%d bytes left", used)
			}
		})
	}
}

// TestUnwantedPictures: what comes between is the same as without them, also where rows have padding.
func TestUnwantedPictures(t *testing.T) {
	ffmpegPath(t)
	for _, path := range []string{clips + "plaza-west.mp4", makeClip(t, "odd", "-c:v", "libx264", "-vf", "scale=321:181", "-pix_fmt", "yuv444p")} {
		all, _ := decode(t, path, same)
		some, n := newCollector(), 0
		some.wants = func(time.Duration) bool { n++; return n%3 == 1 }
		decodeInto(t, some, path, same)
		if n != len(all.pts) || len(some.pts) != (n+2)/3 {
			t.Fatalf("%d pictures, asked %d times, %d came out", len(all.pts), n, len(some.pts))
		}
		for i := range some.pts {
			if some.pts[i] != all.pts[3*i] || some.hashes[i] != all.hashes[3*i] {
				t.Errorf("picture %d is not picture %d of all", i, 3*i)
			}
		}
	}
}

func TestDamageMovesNoTimes(t *testing.T) {
	ffmpegPath(t)
	c, _ := decode(t, clips+"plaza-west.mp4", func(i int, u media.AccessUnit) []media.AccessUnit {
		switch {
		case i == 33:
			return nil // lost
		case i == 47:
			u.Data = bytes.Clone(u.Data[:len(u.Data)/3]) // cut
		case i == 58:
			u.Data = []byte{0, 0, 0, 1, 0x41, 0xFF, 0xFF, 0xFF} // garbage
		}
		return []media.AccessUnit{u}
	})
	if n := len(c.pts); n < 115 || n > 119 {
		t.Errorf("%d pictures", n)
	}
	if !slices.IsSorted(c.pts) || slices.Contains(c.pts, 3300*time.Millisecond) || c.pts[len(c.pts)-1] != 11900*time.Millisecond {
		t.Errorf("times %v", c.pts)
	}
}

func TestResolutionChange(t *testing.T) {
	small := makeClip(t, "small", "-c:v", "libx264", "-bf", "0")
	c := newCollector()
	first, err := file.Open(clips+"plaza-west.mp4", file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := file.Open(small, file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	d := startDecoder(t, first.Format(), c)
	defer d.Close()
	var n time.Duration
	for _, s := range []*file.Source{first, second} {
		for range 20 {
			u, err := s.Next(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			u.PTS = n * 40 * time.Millisecond
			n++
			if err := d.Decode(u); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := d.Flush(); err != nil {
		t.Fatal(err)
	}
	if len(c.formats) != 40 || c.formats[0].Width != 480 || c.formats[39].Width != 320 || c.formats[39].Height != 180 {
		t.Errorf("%d pictures, first %+v, last %+v", len(c.formats), c.formats[0], c.formats[len(c.formats)-1])
	}
}

func TestKilledProcessIsAnError(t *testing.T) {
	leaktest.Check(t)
	source, err := file.Open(clips+"plaza-west.mp4", file.Options{Loop: true})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	d := startDecoder(t, source.Format(), newCollector())
	defer d.Close()
	for i := range 10_000 {
		u, err := source.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if i == 20 {
			_ = d.process.Process.Signal(syscall.SIGKILL)
		}
		if err := d.Decode(u); err != nil {
			if !bytes.Contains([]byte(err.Error()), []byte("killed")) {
				t.Errorf("error %v", err)
			}
			if err := d.Flush(); err == nil {
				t.Error("flush of a dead decoder succeeded")
			}
			return
		}
	}
	t.Error("10,000 units went into a dead process")
}

func TestCloseInTheMiddle(t *testing.T) {
	ffmpegPath(t)
	leaktest.Check(t)
	source, err := file.Open(clips+"plaza-west.mp4", file.Options{Loop: true})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	for range 10 {
		c := newCollector()
		d := startDecoder(t, source.Format(), c)
		done := make(chan error)
		go func() {
			for {
				u, err := source.Next(context.Background())
				if err == nil {
					err = d.Decode(u)
				}
				if err != nil {
					done <- err
					return
				}
			}
		}()
		time.Sleep(30 * time.Millisecond)
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, device.ErrClosed) {
			t.Errorf("decode ended with %v", err)
		}
		if used := c.pool.Usage().Used; used != 0 {
			t.Errorf("%d bytes left", used)
		}
	}
}

func FuzzParseAnnouncement(f *testing.F) {
	f.Add([]byte("[Parsed_showinfo_0 @ 0x7f] n:   0 pts:1000000 pts_time:1  fmt:yuv420p cl:left sar:1/1 s:768x576 i:P iskey:1"))
	f.Add([]byte("[Parsed_showinfo_0 @ 0x7f] n:   0 pts: NOPTS s:2x"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if a, ok := parseAnnouncement(line); ok && (a.width < 1 || a.height < 1 || a.width > 1<<15 || a.height > 1<<15) {
			t.Errorf("%q gives %+v", line, a)
		}
	})
}
