package fetch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// scratchPattern names the folders that downloads work in, beside the file they are for, so that the last step is a
// rename within one file system.
const scratchPattern = "fetch.*"

// obtain returns the path of p's file in dir, fetching it where it is not there yet.
func (f *fetcher) obtain(ctx context.Context, p pin, dir string) (string, error) {
	path := filepath.Join(dir, p.file())
	if have(path, p) {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("%w (XDG_CACHE_HOME moves the cache)", err)
	}
	unlock, err := f.lock(ctx, filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if have(path, p) { // another process fetched it while we waited
		return path, nil
	}
	sweep(dir)
	task := f.Progress.Task(p.pkg + " " + p.version)
	if err := f.fetchInto(ctx, p, dir, task.Update); err != nil {
		task.Done("failed")
		return "", err
	}
	task.Done("done")
	f.log.Info("fetched", "package", p.pkg, "version", p.version, "path", path)
	return path, nil
}

// have says whether the file is there in its pinned size. Its bytes were checked when it was put there by a rename.
func have(path string, p pin) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() == p.size &&
		(!p.executable || info.Mode().Perm()&0o100 != 0)
}

// sweep removes what calls that were killed have left. The lock is held, so nobody works there.
func sweep(dir string) {
	old, _ := filepath.Glob(filepath.Join(dir, scratchPattern)) // the pattern is good; no match is no work
	for _, path := range old {
		_ = os.RemoveAll(path) // what cannot be removed only takes room
	}
}

func (f *fetcher) fetchInto(ctx context.Context, p pin, dir string, report reportFunc) (err error) {
	scratch, err := os.MkdirTemp(dir, scratchPattern)
	if err != nil {
		return err
	}
	defer func() {
		if removed := os.RemoveAll(scratch); err == nil {
			err = removed
		}
	}()
	wheel, err := f.download(ctx, p, scratch, report)
	if err != nil {
		return err
	}
	fresh := filepath.Join(scratch, "member")
	if err := unpack(wheel, p, fresh); err != nil {
		return err
	}
	if err := os.Rename(fresh, filepath.Join(dir, p.file())); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a rename in dir last through a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// pause waits, or returns early with the context's cause.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
