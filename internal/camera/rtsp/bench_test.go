package rtsp

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sightline/internal/camera/live"
	"sightline/internal/camera/rtsptest"
)

const generatorVariable = "SIGHTLINE_TEST_GENERATOR"

// TestMain is also the benchmark's camera, in a process of its own: what it costs must not count.
func TestMain(m *testing.M) {
	if clip := os.Getenv(generatorVariable); clip != "" {
		if err := generate(clip); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// generate plays a clip at 30 pictures a second, over and over, to everybody who comes.
func generate(clip string) error {
	format, units, err := rtsptest.Clip(clip, 1<<20)
	if err != nil {
		return err
	}
	c, err := rtsptest.Start(format)
	if err != nil {
		return err
	}
	fmt.Println(c.Address())
	began := time.Now()
	for n := 0; ; n++ {
		at := time.Duration(n) * time.Second / 30
		time.Sleep(time.Until(began.Add(at)))
		if c.Watched() {
			if err := c.Send(units[n%len(units)].Data, at); err != nil {
				return err
			}
		}
	}
}

// generator starts the camera's process and returns its address.
func generator(b *testing.B, clip string) string {
	b.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), generatorVariable+"="+clip)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// camera1080 makes ten seconds of 1080p30 with 6 Mbit/s.
func camera1080(b *testing.B) string {
	b.Helper()
	clip := filepath.Join(b.TempDir(), "1080.mp4")
	out, err := exec.Command(ffmpeg(), "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=30:duration=10,noise=alls=20:allf=t", "-pix_fmt", "yuv420p",
		"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "60", "-b:v", "6M", "-maxrate", "6M", "-bufsize", "3M", clip).CombinedOutput()
	if err != nil {
		b.Skipf("%v: %s", err, out)
	}
	return clip
}

func ffmpeg() string { return cmp.Or(os.Getenv("SIGHTLINE_FFMPEG"), "ffmpeg") }

// cpu is the processor time of this process or of its children that have ended.
func cpu(who int) time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(who, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const measured = 5 * time.Second

// BenchmarkIngest is what cameras cost before anything is decoded: 1080p30 H.264 of 6 Mbit/s over TCP, in percent of
// a core a camera, and what ffmpeg needs to copy the same stream to nowhere.
func BenchmarkIngest(b *testing.B) {
	address := generator(b, camera1080(b))
	for _, n := range []int{1, 10, 50, 100, 200} {
		b.Run(fmt.Sprintf("cameras=%d", n), func(b *testing.B) {
			for b.Loop() {
				ingest(b, address, n)
			}
		})
	}
	b.Run("ffmpeg", func(b *testing.B) {
		for b.Loop() {
			before := cpu(syscall.RUSAGE_CHILDREN)
			c := exec.Command(ffmpeg(), "-v", "error", "-rtsp_transport", "tcp", "-i", address, "-t", "10", "-c", "copy", "-f", "null", "-")
			if out, err := c.CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, out)
			}
			b.ReportMetric(100*(cpu(syscall.RUSAGE_CHILDREN)-before).Seconds()/10, "%core/camera")
		}
	})
}

func ingest(b *testing.B, address string, cameras int) {
	b.Helper()
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	var units, dropped atomic.Int64
	var wait sync.WaitGroup
	ready := make(chan error, cameras)
	for range cameras {
		wait.Go(func() {
			s, err := Open(ctx, address, Options{Transport: "tcp", Options: live.Options{Dropped: func(string) { dropped.Add(1) }}})
			ready <- err
			if err != nil {
				return
			}
			defer s.Close()
			for {
				if _, err := s.Next(ctx); err != nil {
					return
				}
				units.Add(1)
			}
		})
	}
	for range cameras {
		if err := <-ready; err != nil {
			b.Fatal(err)
		}
	}
	time.Sleep(time.Second)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	first, used := units.Load(), cpu(syscall.RUSAGE_SELF)
	time.Sleep(measured)
	used = cpu(syscall.RUSAGE_SELF) - used
	n := units.Load() - first
	runtime.ReadMemStats(&after)
	stop()
	wait.Wait()
	b.ReportMetric(100*used.Seconds()/measured.Seconds()/float64(cameras), "%core/camera")
	b.ReportMetric(float64(n)/measured.Seconds()/float64(cameras), "units/s/camera")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(max(n, 1)), "allocs/unit")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(max(n, 1)), "B/unit")
	b.ReportMetric(float64(dropped.Load()), "dropped")
}
