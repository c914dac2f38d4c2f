// Package camera turns cameras and files into compressed access units. Its subpackages hold one kind
// of source each; nothing here touches a pixel or a device.
package camera

import (
	"context"

	"sightline/internal/media"
)

// Source delivers one camera's access units. One goroutine calls Next until it fails; Close may be
// called from any goroutine, once, and makes a Next that waits return.
type Source interface {
	// Format is constant for the life of the source.
	Format() media.Format
	// Next blocks until the next access unit in decoding order is there. A source that comes to its
	// end returns io.EOF; any other error is final too.
	Next(ctx context.Context) (media.AccessUnit, error)
	Close() error
}
