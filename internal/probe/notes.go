package probe

import (
	"fmt"

	"sightline/internal/media"
)

// most is the largest side of a picture that NVDEC decodes, on GPUs up to Ada and Hopper.
func most(codec media.Codec) int {
	if codec == media.H264 {
		return 4096
	}
	return 8192
}

// notes say what the figures mean for whoever watches the camera.
func notes(r *Report) (list []string) {
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	f := r.Format
	switch {
	case f.Chroma != "" && f.Chroma != "4:2:0":
		say("it is %s, and a GPU decodes only 4:2:0: set the camera to that", f.Chroma)
	case f.Codec == media.H264 && f.BitDepth > 8:
		say("GPUs before Blackwell do not decode H.264 with %d bits: set the camera to 8 bits, or to H.265", f.BitDepth)
	case f.Codec == media.AV1:
		say("AV1 needs a GPU that decodes it (Ampere and newer, but not A100 and H100); sightline doctor tells")
	case f.Width > most(f.Codec) || f.Height > most(f.Codec):
		say("%dx%d is more than NVDEC decodes of it on most GPUs, %dx%[3]d: sightline doctor and a try tell", f.Width, f.Height, most(f.Codec))
	case f.Width > 0 && (f.Width < 144 || f.Height < 144):
		say("%dx%d is less than NVDEC decodes on some GPUs: a try tells", f.Width, f.Height)
	default:
		say("the GPU decodes it with NVDEC")
	}
	if f.Interlaced {
		say("interlaced: both fields of a picture are shown woven, moving edges are combed")
	}
	switch {
	case r.Reordered && r.Live:
		say("B-frames: every picture waits for %d later ones, which costs %.0f ms of latency; most cameras can turn them off", r.Depth, 1000*float64(r.Depth)/max(r.Rate, 1))
	case !r.Reordered && r.Live && f.Codec == media.H264 && f.Reorder != 0:
		say("no B-frames, though the stream does not promise it: the decoder is told not to wait for any")
	}
	switch {
	case r.KeyUnits == 0:
		say("no key picture was seen: nothing can be decoded before one comes")
	case r.GOP == 0 && r.Live:
		say("only one key picture was seen: look longer (--for) to learn how far they are apart")
	case r.Live && r.GOPSeconds > 4:
		say("a key picture only every %.0f s: after a loss the camera is blind so long; 1 to 2 s are usual", r.GOPSeconds)
	}
	if r.Rate > 0 && r.LongestGap > 3/r.Rate {
		say("the longest gap between two pictures was %.2f s", r.LongestGap)
	}
	if r.Jumps > 0 {
		say("its clock jumped %d times; times go on without a jump for tracks and results", r.Jumps)
	}
	if r.Discontinuities > 0 {
		say("%d losses or new connections; what cannot be decoded after one is left out up to the next key picture", r.Discontinuities)
	}
	if !r.Live {
		return list
	}
	if r.JitterP95MS > 200 {
		say("pictures come up to %.0f ms late: look for a busy network, or Wi-Fi", r.JitterP95MS)
	}
	switch {
	case !r.Clock:
		say("the camera does not tell the time of its pictures: results carry no wall-clock time")
	case r.Behind < -1 || r.Behind > 10:
		say("its clock is off by about %.0f s: set it by NTP", r.Behind)
	}
	return list
}
