package cli

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"sightline/internal/camera/rtsptest"
)

// TestProbeCamera probes a camera that sends well.
func TestProbeCamera(t *testing.T) {
	format, units, err := rtsptest.Clip("../../clips/plaza-west.mp4", 40)
	if err != nil {
		t.Fatal(err)
	}
	c, err := rtsptest.Start(format)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		for n := 0; ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
			if c.Watched() {
				_ = c.Send(units[n%len(units)].Data, time.Duration(n)*20*time.Millisecond)
				n++
			}
		}
	}()
	var out, errOut strings.Builder
	if code := Main([]string{"probe", "--for", "1s", "--transport", "tcp", "--json", c.Address()}, &out, &errOut); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errOut.String())
	}
	var got struct {
		Format struct {
			Codec, Profile string
			Width          int
		}
		Units, GOP int
		Live       bool
		Connection struct {
			Transport   string
			Connections int
		}
	}
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	if got.Format.Codec != "h264" || got.Format.Width != 480 || got.Format.Profile == "" || got.Units < 10 || got.GOP != 10 || !got.Live ||
		got.Connection.Transport != "TCP" || got.Connection.Connections != 1 {
		t.Errorf("%+v", got)
	}
	out.Reset()
	if code := Main([]string{"probe", "--for", "200ms", "--transport", "tcp", c.Address()}, &out, &errOut); code != exitOK || !strings.Contains(out.String(), "connection   TCP, 0 packets lost, 1 connections") {
		t.Errorf("exit code %d:\n%s", code, out.String())
	}
}

func TestProbeRefusals(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{}, exitUsage, "expected one address or file"},
		{[]string{"ftp://u:hush@gate/1"}, exitUsage, "expected a file's path, or an address: rtsp://"},
		{[]string{"${NOT_SET_ANYWHERE}"}, exitUsage, "NOT_SET_ANYWHERE"},
		{[]string{"--for", "0s", "x.mp4"}, exitUsage, "--for"},
		{[]string{"--transport", "pigeon", "x.mp4"}, exitUsage, "pigeon"},
		{[]string{"none.mp4"}, exitFailed, "none.mp4"},
		{[]string{"--patience", "300ms", "rtsp://u:hush@127.0.0.1:1/x"}, exitFailed, "no picture within 300ms"},
	} {
		var out, errOut strings.Builder
		code := Main(append([]string{"probe"}, c.args...), &out, &errOut)
		if code != c.code || !strings.Contains(errOut.String(), c.want) || strings.Contains(errOut.String(), "hush") {
			t.Errorf("%q: exit code %d, %s", c.args, code, errOut.String())
		}
	}
}
