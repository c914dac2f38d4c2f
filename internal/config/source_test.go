package config

import (
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
