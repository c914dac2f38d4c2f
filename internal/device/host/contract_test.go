package host_test

import (
	"compress/gzip"
	"errors"
	"io"
	"os"
	"testing"

	"sightline/internal/config"
	"sightline/internal/contract"
	"sightline/internal/device"
	"sightline/internal/device/host"
	"sightline/internal/model"
	"sightline/internal/vision"
)

func harness(t *testing.T) *contract.Harness {
	path := os.Getenv("SIGHTLINE_ONNXRUNTIME")
	if path == "" {
		t.Skip("SIGHTLINE_ONNXRUNTIME is not set to a libonnxruntime.so")
	}
	ffmpeg := os.Getenv("SIGHTLINE_FFMPEG")
	if ffmpeg == "" {
		ffmpeg = "ffmpeg"
	}
	spec := func(task string, name string) model.Spec {
		return model.Spec{Task: task, Name: name, Key: name, Batch: 4, Read: func() ([]byte, error) {
			f, err := os.Open("../../../models/" + name + ".onnx.gz")
			if err != nil {
				return nil, err
			}
			defer f.Close()
			z, err := gzip.NewReader(f)
			if err != nil {
				return nil, err
			}
			return io.ReadAll(z)
		}}
	}
	return &contract.Harness{
		Open: func(limit int64) (device.Device, error) {
			return host.New(host.Options{ONNXRuntime: path, FFmpeg: ffmpeg, MemoryLimit: limit})
		},
		Break: func(d device.Device, cause error) { d.(*host.Device).Fail(cause) },
		Specs: []model.Spec{
			spec(model.Detection, "detection"), spec(model.Pose, "pose-lite"),
			spec(model.Segmentation, "segmentation"), spec(model.ReID, "reid"),
		},
		Vision: vision.Options{
			Limits: device.Limits{Objects: 32, People: 16},
			Detectors: []vision.Detector{{Model: model.Detection, Outputs: map[string]string{"scores": "scores", "boxes": "boxes"}, Pixels: device.RGB,
				Classes: classes(t), ScoreMin: .4, IoU: .5}},
			Stages: []vision.Stage{
				stage(model.Pose, "keypoints", device.Region{Aspect: 1, Scale: 1.25, Black: true}),
				stage(model.Segmentation, "mask", device.Region{Scale: 1.2}),
				stage(model.ReID, "features", device.Region{Scale: 1}),
			},
		},
		Clips:     [2]string{"../../../clips/plaza-east.mp4", "../../../clips/plaza-2.mp4"},
		Exclusive: true,
		Cycles:    3,
	}
}

func stage(task, output string, r device.Region) vision.Stage {
	return vision.Stage{Model: task, Task: task, Outputs: map[string]string{output: output}, Pixels: device.RGB,
		Subjects: vision.Subjects{Classes: []string{"person"}}, Region: r, Threshold: .5}
}

// classes are those of the detection model's card.
func classes(t *testing.T) []string {
	card, err := config.LoadCard("../../../models/detection.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return card.Classes
}

// check runs the contract's check of the test's own name.
func check(t *testing.T) {
	h := harness(t)
	for _, c := range contract.Checks() {
		if c.Name == t.Name() || "Test"+c.Name == t.Name() {
			figure, err := c.Run(h)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(figure)
			return
		}
	}
	t.Fatal(errors.New("the contract has no check of this name"))
}

func Test01OneLoadPerModel(t *testing.T)         { check(t) }
func Test02SharedReturnsOneManager(t *testing.T) { check(t) }
func Test03PipelinesHaveTheirOwn(t *testing.T)   { check(t) }
func Test04BuffersNeverOverlap(t *testing.T)     { check(t) }
func Test05ConcurrentEqualsSerial(t *testing.T)  { check(t) }
func Test06SerializedNeverOverlaps(t *testing.T) { check(t) }
func Test07ParallelOverlaps(t *testing.T)        { check(t) }
func Test08LockOrdersGoroutines(t *testing.T)    { check(t) }
func Test09ReentranceIsCaught(t *testing.T)      { check(t) }
func Test10InferAfterClose(t *testing.T)         { check(t) }
func Test11CloseWaits(t *testing.T)              { check(t) }
func Test12EngineOutlivesContexts(t *testing.T)  { check(t) }
func Test13ThousandPipelines(t *testing.T)       { check(t) }
func Test14PoolLimit(t *testing.T)               { check(t) }
func Test15OneModelFails(t *testing.T)           { check(t) }
func Test16DeviceLost(t *testing.T)              { check(t) }
func Test18ModesAgree(t *testing.T)              { check(t) }
func Test19LogLines(t *testing.T)                { check(t) }
func Test20AddWhileRunning(t *testing.T)         { check(t) }
func TestStreamsAreAsynchronous(t *testing.T)    { check(t) }
func TestNewMemoryTakesWrites(t *testing.T)      { check(t) }
func TestGraphsForkAndJoin(t *testing.T)         { check(t) }
func TestUnjoinedCaptureIsRefused(t *testing.T)  { check(t) }
func TestPixelsStayOnTheDevice(t *testing.T)     { check(t) }
func TestMemoryComesBack(t *testing.T)           { check(t) }
func TestPeopleAreRecognised(t *testing.T)       { check(t) }
func TestVectorsAreReported(t *testing.T)        { check(t) }
func TestGoldenTensors(t *testing.T)             { check(t) }
func TestGoldenPictures(t *testing.T)            { check(t) }
func TestFamilies(t *testing.T)                  { check(t) }
func TestCascades(t *testing.T)                  { check(t) }
func TestNested(t *testing.T)                    { check(t) }

// TestFamiliesInferred: here, where ONNX needs no plans, the families' models run themselves.
func TestFamiliesInferred(t *testing.T) {
	figure, err := contract.FamiliesInferred(harness(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Log(figure)
}

func TestDecoderAccountsForEveryPicture(t *testing.T) { check(t) }
func TestDecoderFollowsTheSize(t *testing.T)          { check(t) }
func TestPicturesStayUntilGivenBack(t *testing.T)     { check(t) }
func TestPicturesAreCopied(t *testing.T)              { check(t) }
