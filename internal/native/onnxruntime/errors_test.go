package onnxruntime

import "testing"

func TestPlain(t *testing.T) {
	for from, want := range map[string]string{
		"Invalid model. Node input 'x' is not a graph input.":                                                                                   "Invalid model. Node input 'x' is not a graph input.",
		"/src/core/graph/model.cc:256 onnxruntime::Model::Model(onnx::ModelProto&&, const ModelOptions&) Unsupported model IR version: 99\n":    "Unsupported model IR version: 99",
		"Exception: /src/a/utils.h:46 void Validate(const std::unordered_map<int, int>&, bool, int) ONNX Runtime only (or so) guarantees\n\tit": "Exception: ONNX Runtime only (or so) guarantees it",
	} {
		if got := plain(from); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
