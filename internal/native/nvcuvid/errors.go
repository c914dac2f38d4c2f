package nvcuvid

import "errors"

// Errors that a caller can act on; test with errors.Is.
var (
	// ErrSurfaceBusy means that pictures were not mapped fast enough: the stream needs a surface that still
	// holds a picture which waits for Map. Raise Config.Extra or map between calls of Decode.
	ErrSurfaceBusy = errors.New("nvcuvid: decode surface still in use")
	// ErrUnsupported means that this GPU does not decode such video; the text says which.
	ErrUnsupported = errors.New("nvcuvid: not supported by this GPU")
	// ErrMapped means that frames must be unmapped first.
	ErrMapped = errors.New("nvcuvid: frames still mapped")
	// ErrStale means that a picture or frame is of a hardware decoder that is gone, because the stream's
	// format has changed, or that it was mapped or unmapped before.
	ErrStale = errors.New("nvcuvid: picture no longer there")
	// ErrNoOutput means that Config.Outputs frames are mapped already.
	ErrNoOutput = errors.New("nvcuvid: every output surface is mapped")
	// ErrClosed is returned by a decoder after its Close.
	ErrClosed = errors.New("nvcuvid: decoder closed")
	// ErrNotLoaded means that Load has not succeeded.
	ErrNotLoaded = errors.New("nvcuvid: library not loaded")
)
