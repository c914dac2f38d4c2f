package rtsp

import (
	"errors"

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
	}
	return err
}
