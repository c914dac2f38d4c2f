package rtsp

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sightline/internal/camera/live"
	"sightline/internal/media"
)

// Real servers and publishers, for those who have them: SIGHTLINE_PEERS=1, SIGHTLINE_MEDIAMTX=path of a mediamtx,
// ffmpeg as elsewhere, GStreamer with its RTSP server for Python (Debian: gstreamer1.0-rtsp, gstreamer1.0-plugins-ugly,
// gir1.2-gst-rtsp-server-1.0, python3-gi). What is missing is skipped.

// gstServer is a GStreamer RTSP server on the port given, with the pipeline given.
const gstServer = `
import sys, gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer, GLib
Gst.init(None)
server = GstRtspServer.RTSPServer(service=sys.argv[1])
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(sys.argv[2])
factory.set_shared(True)
server.get_mount_points().add_factory("/live", factory)
server.attach(None)
GLib.MainLoop().run()
`

func freePort(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// start runs a program until the test ends.
func start(t *testing.T, name string, arguments ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s", name)
	}
	c := exec.Command(path, arguments...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL); _ = c.Wait() })
}

// gstreamer starts a server and returns its address.
func gstreamer(t *testing.T, pipeline string) string {
	t.Helper()
	const python = "/usr/bin/python3"
	if exec.Command(python, "-c", "import gi; gi.require_version('GstRtspServer', '1.0')").Run() != nil {
		t.Skip("no GStreamer RTSP server for Python")
	}
	port := freePort(t)
	start(t, python, "-c", gstServer, port, "( videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=25/1 ! "+pipeline+" )")
	return "rtsp://127.0.0.1:" + port + "/live"
}

// mediamtx starts a server and returns the address of a path on it.
func mediamtx(t *testing.T) string {
	t.Helper()
	port, rtp := freePort(t), 0
	fmt.Sscan(strings.TrimPrefix(freePort(t), ""), &rtp)
	rtp &^= 1
	file := filepath.Join(t.TempDir(), "mediamtx.yml")
	config := fmt.Sprintf("logLevel: error\nrtspAddress: 127.0.0.1:%s\nrtpAddress: 127.0.0.1:%d\nrtcpAddress: 127.0.0.1:%d\nrtmp: no\nhls: no\nwebrtc: no\nsrt: no\n"+
		"authInternalUsers: [{user: any, permissions: [{action: publish}]}, {user: admin, pass: 's3cr@t', permissions: [{action: read}]}]\npaths: {all_others: {}}\n", port, rtp, rtp+1)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	path := os.Getenv("SIGHTLINE_MEDIAMTX")
	if path == "" {
		t.Skip("SIGHTLINE_MEDIAMTX is not set")
	}
	start(t, path, file)
	for range 100 {
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			_ = c.Close()
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return "127.0.0.1:" + port + "/live"
}

// publish sends a test picture from ffmpeg to a server.
func publish(t *testing.T, to string, codec ...string) {
	t.Helper()
	arguments := []string{"-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-pix_fmt", "yuv420p", "-g", "25"}
	start(t, cmp.Or(os.Getenv("SIGHTLINE_FFMPEG"), "ffmpeg"), append(append(arguments, codec...), "-f", "rtsp", "-rtsp_transport", "tcp", "rtsp://"+to)...)
}

func TestPeers(t *testing.T) {
	if os.Getenv("SIGHTLINE_PEERS") == "" {
		t.Skip("SIGHTLINE_PEERS is not set")
	}
	avc := []string{"-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency"}
	reordered := []string{"-c:v", "libx264", "-preset", "veryfast", "-bf", "2"}
	slices := []string{"-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-x264-params", "slices=4"}
	hevc := []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:bframes=0"}
	viaMediamtx := func(codec []string) func(t *testing.T) string {
		return func(t *testing.T) string {
			to := mediamtx(t)
			publish(t, to, codec...)
			return "rtsp://admin:s3cr%40t@" + to
		}
	}
	gst := func(pipeline string) func(t *testing.T) string {
		return func(t *testing.T) string { return gstreamer(t, pipeline) }
	}
	for _, c := range []struct {
		name      string
		peer      func(t *testing.T) string
		codec     media.Codec
		reordered bool
	}{
		{"mediamtx, ffmpeg h264", viaMediamtx(avc), media.H264, false},
		{"mediamtx, ffmpeg h264 with b-frames", viaMediamtx(reordered), media.H264, true},
		{"mediamtx, ffmpeg h264 in 4 slices", viaMediamtx(slices), media.H264, false},
		{"mediamtx, ffmpeg h265", viaMediamtx(hevc), media.H265, false},
		{"gstreamer h264", gst("x264enc tune=zerolatency key-int-max=25 ! rtph264pay name=pay0 pt=96"), media.H264, false},
		{"gstreamer h264 with b-frames", gst("x264enc bframes=2 key-int-max=25 ! video/x-h264,profile=main ! rtph264pay name=pay0 pt=96"), media.H264, true},
		{"gstreamer h264, parameter sets in band", gst("x264enc tune=zerolatency key-int-max=25 ! rtph264pay name=pay0 pt=96 config-interval=-1"), media.H264, false},
		{"gstreamer h265", gst("x265enc tune=zerolatency key-int-max=25 ! rtph265pay name=pay0 pt=96"), media.H265, false},
		{"gstreamer h264 and audio", gst("x264enc tune=zerolatency key-int-max=25 ! rtph264pay name=pay1 pt=97 audiotestsrc is-live=true ! alawenc ! rtppcmapay name=pay0 pt=8"), media.H264, false},
	} {
		for _, transport := range []string{"tcp", "udp", ""} {
			t.Run(c.name+", "+cmp.Or(transport, "auto"), func(t *testing.T) {
				address := c.peer(t)
				ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
				defer stop()
				s, err := Open(ctx, address, Options{Transport: transport, Options: live.Options{MinPause: 300 * time.Millisecond, MaxPause: time.Second}})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				checkPeer(t, s, c.codec, c.reordered)
			})
		}
	}
}

// checkPeer takes three seconds of a stream of 25 pictures a second.
func checkPeer(t *testing.T, s *live.Source, codec media.Codec, reordered bool) {
	t.Helper()
	units := take(t, s, 75)
	keys, back, clock := 0, false, 0
	for i, u := range units {
		if u.Key {
			keys++
		}
		if i > 0 && u.PTS < units[i-1].PTS {
			back = true
		}
		if !u.Time.IsZero() && time.Since(u.Time).Abs() < time.Minute {
			clock++
		}
	}
	length := units[74].PTS - units[0].PTS
	f, stats := s.Format(), s.Stats()
	if f.Codec != codec || f.Width != 320 || f.Height != 240 || keys < 3 || back != reordered || length < 2700*time.Millisecond || length > 3300*time.Millisecond {
		t.Errorf("%+v: %d keys, reordered %t, %v long, stats %+v", f, keys, back, length, stats)
	}
	t.Logf("%s, %d units with a time of day, %d packets lost, %+v", stats.Transport, clock, stats.PacketsLost, stats.Ended)
}
