package rtsp

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"

	"sightline/internal/camera/live"
)

var errNoVideo = errors.New("no H.264 or H.265 stream")

// sorted gives the errors of the protocol their reasons.
func sorted(err error) error {
	var status liberrors.ErrClientBadStatusCode
	switch {
	case errors.Is(err, errNoVideo):
		return &live.Failure{Reason: live.NoVideo, Err: err}
	case errors.As(err, &status):
		switch status.Code {
		case base.StatusUnauthorized, base.StatusForbidden:
			return &live.Failure{Reason: live.Unauthorized, Err: err}
		case base.StatusNotFound:
			return &live.Failure{Reason: live.NotFound, Err: err}
		}
	case errors.As(err, new(liberrors.ErrClientRequestTimedOut)), errors.As(err, new(liberrors.ErrClientTCPTimeout)),
		errors.As(err, new(liberrors.ErrClientUDPTimeout)):
		return &live.Failure{Reason: live.TimedOut, Err: err}
	case strings.Contains(err.Error(), "expected 'RTSP/1.0'"): // the library has no type for it
		return &live.Failure{Reason: live.Protocol, Err: fmt.Errorf("what answers there does not speak RTSP: %w", err)}
	}
	return err
}
