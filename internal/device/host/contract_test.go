package host_test

import (
	"compress/gzip"
	"errors"
	"io"
	"os"
	"testing"

	"sightline/internal/contract"
	"sightline/internal/device"
	"sightline/internal/device/host"
	"sightline/internal/model"
)

func harness(t *testing.T) *contract.Harness {
	path := os.Getenv("SIGHTLINE_ONNXRUNTIME")
	if path == "" {
		t.Skip("SIGHTLINE_ONNXRUNTIME is not set to a libonnxruntime.so")
	}
	spec := func(task model.Task, name string, batch int) model.Spec {
		return model.Spec{Task: task, Name: name, Key: name, Batch: batch, Read: func() ([]byte, error) {
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
			return host.New(host.Options{ONNXRuntime: path, FFmpeg: "ffmpeg", MemoryLimit: limit})
		},
		Break:     func(d device.Device, cause error) { d.(*host.Device).Fail(cause) },
		Specs:     []model.Spec{spec(model.Segmentation, "segmentation", 4), spec(model.ReID, "reid", 4)},
		Exclusive: true,
	}
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
func TestGraphsForkAndJoin(t *testing.T)         { check(t) }
func TestUnjoinedCaptureIsRefused(t *testing.T)  { check(t) }
