package onnxruntime

import (
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"sightline/internal/native/dl"
)

// OutputShapes infers a batch of zeros and says what shapes the outputs then have: for graphs that tell of their
// outputs' sizes less than the sizes of the inputs decide. Of the inputs only the first size may be open.
func (s *Session) OutputShapes(batch int64) (shapes [][]int64, err error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	var inputs []*Value
	outputs := make([]*Value, len(s.Outputs))
	for i := range outputs {
		outputs[i] = &Value{lib: s.lib} // empty: ONNX Runtime makes the tensors
	}
	for _, t := range s.Inputs {
		shape := slices.Clone(t.Shape)
		if len(shape) > 0 && shape[0] < 1 {
			shape[0] = batch
		}
		n := t.Type.Size()
		for _, d := range shape {
			n *= d
		}
		if n <= 0 {
			return nil, fmt.Errorf("onnx runtime: input %q of type %v has the shape %v", t.Name, t.Type, t.Shape)
		}
		zeros := make([]byte, n)
		pin.Pin(&zeros[0])
		v, err := s.lib.NewValueOf(t.Type, zeros, shape...)
		if err != nil {
			return nil, err
		}
		defer v.Close()
		inputs = append(inputs, v)
	}
	c, err := s.NewCall(inputs, outputs)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.Run(); err != nil {
		return nil, err
	}
	// The call's array of outputs now has what ONNX Runtime made.
	made := unsafe.Slice((**value)(dl.Pointer(c.args[7])), len(outputs))
	for i := range made {
		outputs[i].value = made[i]
		defer outputs[i].Close()
	}
	for _, v := range outputs {
		var info *tensorInfo
		if err := s.lib.check("GetTensorTypeAndShape", s.lib.api.TensorInfo(v.value, &info)); err != nil {
			return nil, err
		}
		shape, err := s.lib.shape(info)
		s.lib.api.ReleaseTensorInfo(info)
		if err != nil {
			return nil, err
		}
		shapes = append(shapes, shape)
	}
	return shapes, nil
}
