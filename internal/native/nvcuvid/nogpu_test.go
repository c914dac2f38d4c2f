//go:build !gpu

package nvcuvid

const onGPU = false
