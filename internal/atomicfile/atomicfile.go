// Package atomicfile writes files that are there whole or not at all, into folders that can be written. It imports nothing of ours.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Folder makes a folder if it is not there, and makes sure that files can be made in it.
func Folder(path string) error {
	if err := os.MkdirAll(path, 0o777); err != nil {
		return err
	}
	f, err := os.CreateTemp(path, ".try.*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Write puts content at path, whose folder exists: at any time, also after a loss of power, the old or the new
// content is there, whole.
func Write(path string, content []byte, mode fs.FileMode) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*.part")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
