package tensorrt

import (
	"errors"
	"fmt"
	"unsafe"

	"sightline/internal/native/dl"
)

// parse fills the network from an ONNX model and returns the function that frees the parser, which owns the
// weights that the network uses. lifecycle is held.
func parse(network *object, model []byte) (func(), error) {
	if len(model) == 0 {
		return nil, errors.New("tensorrt: parse: the model is empty")
	}
	a := try("createNvOnnxParser")
	addr := parserAPI.CreateParser(network, logger(), parserAPI.GetVersion())
	if addr < lowest {
		return nil, a.failed()
	}
	parser := (*impl)(dl.Pointer(addr)) // has virtual methods itself, unlike other objects
	m := methods[parserMethods](parser)
	free := func() { m.DeletingDestructor(parser) }
	a = try("parse")
	if m.Parse(parser, unsafe.SliceData(model), uint64(len(model)), 0) {
		return free, nil
	}
	var errs []error
	for i := range m.GetNbErrors(parser) {
		e := m.GetError(parser, i)
		em := methods[parserErrorMethods](e)
		errs = append(errs, fmt.Errorf("onnx: %s (node %q, %s)", em.Desc(e), em.NodeName(e), em.NodeOperator(e)))
	}
	errs = append(errs, a.failed())
	free()
	return nil, errors.Join(errs...)
}
