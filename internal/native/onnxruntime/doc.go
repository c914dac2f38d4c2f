// Package onnxruntime calls ONNX Runtime's C API (onnxruntime_c_api.h, API version 17, so release
// 1.17 and later) on the CPU, without cgo. It knows no policy: package device/host owns sessions,
// values and their order of release.
package onnxruntime
