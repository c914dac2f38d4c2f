package onnx

import "strings"

// refused are the operators of ONNX that TensorRT's parser does not take, after the operators page of
// onnx-tensorrt for TensorRT 10.15.
var refused = func() map[string]bool {
	names := map[string]bool{}
	for _, name := range strings.Fields(`AffineGrid Bernoulli BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor CenterCropPad
		Col2Im Compress ConcatFromSequence ConvInteger DFT Det DynamicQuantizeLinear ImageDecoder MatMulInteger MaxRoiPool
		MaxUnpool MelWeightMatrix Multinomial NegativeLogLikelihoodLoss Optional OptionalGetElement OptionalHasElement
		QLinearConv QLinearMatMul RegexFullMatch SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert
		SequenceLength SequenceMap SoftmaxCrossEntropyLoss SplitToSequence StringConcat StringNormalizer StringSplit
		TfIdfVectorizer Unique`) {
		names[name] = true
	}
	return names
}()

// trouble says why an engine does not take an operator; empty where none is known.
func trouble(o Operator) string {
	switch {
	case strings.HasSuffix(o.Type, "_TRT"):
		return "a plugin of TensorRT: the host device cannot run it"
	case o.Domain != "":
		return "of domain " + o.Domain + ", not ONNX's own: TensorRT needs a plugin for it"
	case refused[o.Type]:
		return "TensorRT 10 does not take it"
	}
	return ""
}
