package live

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"
)

// TestUnreached: who gives up learns what was in the way, without the password.
func TestUnreached(t *testing.T) {
	address := &url.URL{User: url.UserPassword("me", "secret")}
	options := Options{MinPause: time.Millisecond, MaxPause: 2 * time.Millisecond}
	ctx, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	_, err := Open(ctx, address, func(context.Context, *Link) error { return errors.New("secret refused") }, options)
	var unreached *Unreached
	if !errors.As(err, &unreached) || unreached.Tries < 2 || unreached.Last != "*** refused" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%+v (%v)", unreached, err)
	}
	ctx, stop = context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer stop()
	_, err = Open(ctx, address, func(ctx context.Context, _ *Link) error { <-ctx.Done(); return ctx.Err() }, options)
	if errors.As(err, &unreached) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nothing has failed yet: %v", err)
	}
}
