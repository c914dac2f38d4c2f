package tensorrt

import "fmt"

// network is what the parser filled, while it is prepared for a build. lifecycle is held.
type network struct {
	*object
	m *networkMethods
}

// setShapes fixes the open batch dimension of the inputs and tells whether the profile is needed.
func (n network) setShapes(profile *object, batch Batch) (needed bool, err error) {
	p := methods[profileMethods](profile.impl)
	for i := range n.m.GetNbInputs(n.impl) {
		input, err := try("getInput").object(n.m.GetInput(n.impl, i))
		if err != nil {
			return false, err
		}
		t := methods[tensorMethods](input.impl)
		shape := t.GetDimensions(input.impl).shape()
		name := t.GetName(input.impl)
		for i, size := range shape {
			if i > 0 && size < 0 {
				return false, fmt.Errorf("tensorrt: input %s has shape %v: only the batch, its first size, may be open; the card's input.shape fixes height and width", name, shape)
			}
		}
		if len(shape) == 0 || shape[0] != -1 {
			continue
		}
		if batch.Min == batch.Max {
			shape[0] = batch.Max
			t.SetDimensions(input.impl, newDims(shape))
			continue
		}
		needed = true
		for selector, size := range [...]int64{batch.Min, batch.Opt, batch.Max} { // in the order of OptProfileSelector
			shape[0] = size
			a := try("profile setDimensions " + name)
			if !p.SetDimensions(profile.impl, name, int32(selector), newDims(shape)) {
				return false, a.failed()
			}
		}
	}
	if a := try("profile isValid"); needed && !p.IsValid(profile.impl) {
		return false, a.failed()
	}
	return needed, nil
}

// keepFloat32 marks the layers that choose picks as computing in float32 and counts them. Layers whose
// outputs are not floating point are left alone.
func (n network) keepFloat32(choose func(layer string) bool) (marked int, err error) {
	for i := range n.m.GetNbLayers(n.impl) {
		layer, err := try("getLayer").object(n.m.GetLayer(n.impl, i))
		if err != nil {
			return marked, err
		}
		m := methods[layerMethods](layer.impl)
		if !choose(m.GetName(layer.impl)) || !floats(m, layer.impl) {
			continue
		}
		m.SetPrecision(layer.impl, Float32)
		for output := range m.GetNbOutputs(layer.impl) {
			m.SetOutputType(layer.impl, output, Float32)
		}
		marked++
	}
	return marked, nil
}

// floats tells whether all outputs of a layer are floating point.
func floats(m *layerMethods, layer *impl) bool {
	for i := range m.GetNbOutputs(layer) {
		if t := m.GetOutputType(layer, i); t != Float32 && t != Float16 {
			return false
		}
	}
	return true
}
