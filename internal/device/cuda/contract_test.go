package cuda

import (
	"slices"
	"testing"

	"sightline/internal/contract"
	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/vision"
)

// withoutGPU are the checks that need real pictures: sightline validate runs them on a GPU.
var withoutGPU = []string{
	"DecoderAccountsForEveryPicture", "DecoderFollowsTheSize", "PicturesStayUntilGivenBack", "PixelsStayOnTheDevice", "MemoryComesBack",
	"SharingAContextBreaksIt", "GoldenTensors", "GoldenPictures", "Families", "Cascades", "Nested",
	"VectorsAreReported", "PeopleAreRecognised", // the stand-ins run no kernels
}

// TestContract runs the contract of all devices on this one and the stand-ins.
func TestContract(t *testing.T) {
	folder := t.TempDir()
	spec := func(task string, name string, tensors ...string) model.Spec {
		m := plans(t, folder, name, []int{1, 2, 4}, tensors...)
		return model.Spec{Task: task, Name: name, Key: name, Batch: 4, Read: func() ([]byte, error) { return m.ONNX, nil }}
	}
	h := &contract.Harness{
		Open:  func(limit int64) (device.Device, error) { return New(Options{Plans: folder, MemoryLimit: limit}) },
		Break: func(d device.Device, cause error) { d.(*Device).Fail(cause) },
		Specs: []model.Spec{
			spec(model.Detection, "detection", "i images 3 8 8", "o scores 21 5", "o boxes 21 4"),
			spec(model.Pose, "pose", "i images 3 8 8", "o keypoints 17 3"),
			spec(model.Segmentation, "segmentation", "i images 3 8 8", "o mask 1 8 8"),
			spec(model.ReID, "reid", "i images 3 8 4", "o features 16"),
		},
		Vision:    vision.Options{Limits: device.Limits{Objects: 8, People: 4}},
		Exclusive: true,
		Soak:      800,
		Unavailable: func() (device.Device, error) {
			d, err := New(Options{Ordinal: 1 << 20})
			if err != nil {
				return nil, err
			}
			return d, nil
		},
	}
	for _, c := range contract.Checks() {
		if slices.Contains(withoutGPU, c.Name) {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			useStandIns(t)
			figure, err := c.Run(h)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(figure)
		})
	}
}
