//go:build !linux

package fetch

import (
	"context"
	"errors"
	"os/exec"
)

// lock guards a fetch; nothing is pinned for this platform, so nothing is fetched.
func (f *fetcher) lock(context.Context, string) (func(), error) { return nil, errors.ErrUnsupported }

func runTogether(cmd *exec.Cmd) error { return cmd.Run() }

func busy(error) bool { return false }
