// Package nvcuvid decodes video with NVDEC through the driver's libnvcuvid, opened at run time without cgo.
//
// A Decoder is a parser, which needs no GPU, with the hardware decoder that it asks for when the first
// sequence header comes. Decode, Map, Unmap and Close need the GPU, and must run inside [cuda.Context.Do].
// One goroutine uses a decoder at a time; different decoders are independent. Callbacks run inside Decode
// and Flush, on the same thread. Whoever makes a decoder closes it; a second Close does nothing.
package nvcuvid
