package main

import (
	"archive/zip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
)

// The pinned wheel. Newer NVRTC emits PTX that older drivers refuse; 12.x keeps to what was proven.
const (
	wheelPackage  = "nvidia-cuda-nvrtc-cu12"
	wheelVersion  = "12.9.86"
	wheelPlatform = "manylinux_2_12_x86_64"
	wheelSum      = "210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4"
	libraryFile   = "libnvrtc.so.12"
	builtinsFile  = "libnvrtc-builtins.so.12.9"
)

// cached returns the path of the pinned NVRTC in the user's cache; the error wraps fs.ErrNotExist if it was
// not fetched yet.
func cached() (string, error) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return "", fmt.Errorf("NVRTC is pinned for linux/amd64 only, this is %s/%s: name a library with -nvrtc", runtime.GOOS, runtime.GOARCH)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	library := filepath.Join(cache, "sightline", wheelPackage+"-"+wheelVersion, libraryFile)
	_, err = os.Stat(library)
	return library, err
}

// obtain is cached, but fetches the library where it is missing (90 MB).
func obtain() (string, error) {
	library, err := cached()
	if !errors.Is(err, fs.ErrNotExist) {
		return library, err
	}
	dir := filepath.Dir(library)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	scratch, err := os.MkdirTemp(dir, "download-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(scratch)
	pip := exec.Command("python3", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--platform", wheelPlatform,
		"--dest", scratch, wheelPackage+"=="+wheelVersion)
	pip.Stdout, pip.Stderr = os.Stderr, os.Stderr
	if err := pip.Run(); err != nil {
		return "", fmt.Errorf("pip download %s: %w", wheelPackage, err)
	}
	wheels, _ := filepath.Glob(filepath.Join(scratch, "*.whl"))
	if len(wheels) != 1 {
		return "", fmt.Errorf("pip brought %d wheels, expected 1", len(wheels))
	}
	return library, unpack(wheels[0], scratch, dir)
}

// unpack checks a wheel and takes the libraries out of it. The one that obtain looks for comes last, and by
// a rename, so that it is there only when everything is.
func unpack(wheel, scratch, dir string) error {
	raw, err := os.Open(wheel)
	if err != nil {
		return err
	}
	defer raw.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, raw)
	if err != nil {
		return err
	}
	if got := fmt.Sprintf("%x", sum.Sum(nil)); got != wheelSum {
		return fmt.Errorf("%s has the SHA-256 %s, expected %s", filepath.Base(wheel), got, wheelSum)
	}
	archive, err := zip.NewReader(raw, size)
	if err != nil {
		return err
	}
	for _, name := range []string{builtinsFile, libraryFile} {
		if err := extract(archive, name, filepath.Join(scratch, name)); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(scratch, name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func extract(archive *zip.Reader, name, to string) error {
	for _, f := range archive.File {
		if path.Base(f.Name) != name {
			continue
		}
		from, err := f.Open()
		if err != nil {
			return err
		}
		defer from.Close()
		out, err := os.Create(to)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, from)
		return errors.Join(err, out.Close())
	}
	return fmt.Errorf("the wheel has no %s", name)
}
