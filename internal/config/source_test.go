package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"rtsp://h/x": "", "rtsp://u:p@ss/w@h:554/x": "", "rtsp://[::1]:554/x": "", "udp://:5000": "", "udp://@239.0.0.1:5000": "", "https://h/x?a=b": "",
		"rtsp://x:pw@/foo": "names no host", "http://": "names no host", "rtsp://h:99999/x": "has the port 99999, expected 1 to 65535",
		"udp://h": "names no port", "tcp://h": "names no port", "rtsp://h:x/y": "is no address",
	} {
		if got := NewSource(address).addressFault(); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

func TestOneCameraAPort(t *testing.T) {
	var text strings.Builder
	text.WriteString("models: {detection: detection.yaml}\ncameras:\n")
	for i, source := range []string{"udp://:5000", "udp://127.0.0.1:5000", "udp://127.0.0.1:5001", "UDP://0.0.0.0:5001", "udp://[::1]:5002", "udp://[::1]:5002",
		"udp://127.0.0.1:5002", "udp://@239.0.0.1:5003", "udp://@239.0.0.1:5003", "tcp://h:5000", "tcp://h:5000"} {
		fmt.Fprintf(&text, "- {name: c%d, source: %q}\n", i, source)
	}
	_, err := load(t, text.String())
	wantFaults(t, err, []string{
		"4:22: cameras[1].source: udp://127.0.0.1:5000: cameras[0] listens there already (udp://:5000)",
		"6:22: cameras[3].source: UDP://0.0.0.0:5001: cameras[2] listens there already (udp://127.0.0.1:5001)",
		"8:22: cameras[5].source: udp://[::1]:5002: cameras[4] listens there already",
	})
}
