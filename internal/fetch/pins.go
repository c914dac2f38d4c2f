package fetch

import "path"

const (
	kindONNXRuntime = "ONNX Runtime"
	kindFFmpeg      = "ffmpeg"
)

// pin is one file out of one wheel.
type pin struct {
	pkg, version string
	platform     string // wheel platform tag, as pip's --platform takes it
	arch         string // GOOS-GOARCH, keeps the caches of machines that share a home apart
	sha256       string // of the wheel, hex
	wheelSize    int64  // bytes
	member       string // name in the wheel
	size         int64  // bytes of the member, unpacked
	executable   bool
}

func (p pin) dir() string  { return p.pkg + "-" + p.version + "-" + p.arch }
func (p pin) file() string { return path.Base(p.member) }

// pins returns what is pinned, by kind/GOOS/GOARCH. The figures were read off the wheels that pip download brought.
func pins() map[string]pin {
	const (
		ortVersion, ffmpegVersion = "1.32.0", "0.8.1"
		ortMember                 = "onnxruntime/capi/libonnxruntime.so.1.32.0"
		ffmpegMember              = "imageio_ffmpeg/binaries/ffmpeg-linux-"
		amd64, arm64              = "manylinux_2_28_x86_64", "manylinux_2_28_aarch64"
	)
	return map[string]pin{
		kindONNXRuntime + "/linux/amd64": {pkg: "onnxruntime", version: ortVersion, platform: amd64, arch: "linux-amd64",
			sha256:    "5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d",
			wheelSize: 27773237, member: ortMember, size: 34824680},
		kindONNXRuntime + "/linux/arm64": {pkg: "onnxruntime", version: ortVersion, platform: arm64, arch: "linux-arm64",
			sha256:    "2303372a85299b6757b0e11e1cbf13e410ddf7e10c37f4b37e99d1c90e7daf7c",
			wheelSize: 23195070, member: ortMember, size: 27165936},
		kindFFmpeg + "/linux/amd64": {pkg: "imageio-ffmpeg", version: ffmpegVersion, platform: amd64, arch: "linux-amd64",
			sha256:    "050d6850601c3b3890bd2b28306f3b842b3daea390a561101174375a1c460bda",
			wheelSize: 67998402, member: ffmpegMember + "x86_64-v9.0.2", size: 172692552, executable: true},
		kindFFmpeg + "/linux/arm64": {pkg: "imageio-ffmpeg", version: ffmpegVersion, platform: arm64, arch: "linux-arm64",
			sha256:    "fad3176f859b25869e60a8ed79957d4e3ed74a97a95e5f0cdcb91455f6c6d00e",
			wheelSize: 60956631, member: ffmpegMember + "aarch64-v9.0.2", size: 130865896, executable: true},
	}
}
