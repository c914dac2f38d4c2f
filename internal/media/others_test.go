package media

import (
	"strings"
	"testing"
)

func TestAV1Format(t *testing.T) {
	for _, c := range []struct {
		name          string
		config        []byte
		width, height int
		want          string
	}{
		{"header not understood", []byte{0x0a, 0x02, 0xff, 0xff}, 640, 480, ""},
		{"no header", []byte{0x12, 0x00}, 640, 480, "no sequence header"},
		{"cut", []byte{0x0a, 0x7f, 0x00}, 640, 480, "av1 configuration of 3 bytes"},
		{"empty", nil, 640, 480, "av1 configuration of 0 bytes"},
		{"no size", []byte{0x0a, 0x02, 0xff, 0xff}, 0, 480, "av1 of 0 x 480 pixels"},
	} {
		f, err := AV1Format(c.config, c.width, c.height)
		switch {
		case c.want == "" && (err != nil || f.Codec != AV1 || f.Width != 640 || f.Matrix != "bt601" || len(f.ParameterSets) != 1):
			t.Errorf("%s: %+v, %v", c.name, f, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestVP9(t *testing.T) {
	if f, err := VP9Format(1280, 720, 2, true); err != nil || f.Matrix != "bt709" || !f.FullRange {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := VP9Format(1<<15, 720, 2, true); err == nil {
		t.Error("an impossible size is taken")
	}
	// The third lowest bit of the first byte says that a frame is no key frame; 1920x804 follows.
	key := []byte{0x82, 0x49, 0x83, 0x42, 0x00, 0x77, 0xf0, 0x32, 0x34}
	if !VP9Key(key) || VP9Key(append([]byte{0x86}, key[1:]...)) || VP9Key(nil) {
		t.Error("key frames are not told apart")
	}
}

func FuzzKey(f *testing.F) {
	f.Add([]byte{0x0a, 0x02, 0xff, 0xff})
	f.Add([]byte{0x82, 0x49})
	f.Fuzz(func(t *testing.T, data []byte) {
		VP9Key(data)
		if _, err := AV1Key(data); err == nil && len(data) == 0 {
			t.Error("an empty unit is right")
		}
		if got, err := AV1Format(data, 64, 48); err == nil && (got.Width != 64 || got.Matrix == "") {
			t.Errorf("%+v", got)
		}
	})
}
