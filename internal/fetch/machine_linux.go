package fetch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// lock takes the file lock at path, which ends with the process if unlock does not end it before. The file stays, for a
// lock on a file that another process has removed would hold nobody back.
func (f *fetcher) lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	for told := false; ; {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil // closing unlocks; there is nothing written to lose
		}
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			_ = file.Close()
			return nil, fmt.Errorf("lock %s: %w (XDG_CACHE_HOME moves the cache to another file system)", path, err)
		}
		if !told {
			f.log.Info("another process is fetching, waiting for it", "lock", path)
			told = true
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			_ = file.Close()
			return nil, fmt.Errorf("wait for the process that holds %s: %w", path, err)
		}
	}
}

// runTogether runs a command that ends with ctx, together with the children it starts (uv starts pip), and with this
// process, even one that is killed: pip would go on and put its wheel into a folder that nobody clears.
func runTogether(cmd *exec.Cmd) error {
	runtime.LockOSThread() // the death signal comes when the thread that started the command ends
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 2 * time.Second
	return cmd.Run()
}

// busy says whether a program could not start because a process being forked still has it open for writing.
func busy(err error) bool { return errors.Is(err, syscall.ETXTBSY) }
