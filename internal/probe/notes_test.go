package probe

import (
	"strings"
	"testing"

	"sightline/internal/media"
)

func TestWhatTheGPUDecodes(t *testing.T) {
	for _, c := range []struct {
		codec         media.Codec
		width, height int
		want          string
	}{
		{media.H264, 1920, 1080, "the GPU decodes it with NVDEC"},
		{media.H264, 5120, 2880, "5120x2880 is more than NVDEC decodes of it on most GPUs, 4096x4096"},
		{media.H265, 5120, 2880, "the GPU decodes it with NVDEC"},
		{media.H265, 8192, 8193, "8192x8193 is more than NVDEC decodes of it on most GPUs, 8192x8192"},
		{media.H264, 16, 16, "16x16 is less than NVDEC decodes on some GPUs"},
	} {
		r := &Report{}
		r.Format.Codec, r.Format.Width, r.Format.Height = c.codec, c.width, c.height
		if got := notes(r)[0]; !strings.HasPrefix(got, c.want) {
			t.Errorf("%s %dx%d: %q, want %q", c.codec, c.width, c.height, got, c.want)
		}
	}
}
