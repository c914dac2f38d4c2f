package fetch

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// unpack writes p's member of the wheel to the new file path, after it has checked that the wheel is the pinned one.
func unpack(wheel string, p pin, path string) error {
	return checked(wheel, p.sha256, p.wheelSize, func(r io.ReaderAt, size int64) error { return extract(r, size, p, path) })
}

// checked opens an archive, compares its SHA-256 with the pinned one and lets use read it. The archive stays open from
// the check to the use, so that both see the same file.
func checked(archive, want string, wantSize int64, use func(r io.ReaderAt, size int64) error) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return &HashError{File: filepath.Base(archive), Got: got, Want: want, GotSize: size, WantSize: wantSize}
	}
	if err := use(f, size); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(archive), err)
	}
	return nil
}

// extract copies one member out of a zip file. The member's name decides nothing about where its bytes go, and no more
// than its pinned size is ever written.
func extract(r io.ReaderAt, size int64, p pin, path string) error {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return err
	}
	var member *zip.File
	for _, entry := range archive.File {
		if entry.Name != p.member {
			continue
		}
		if member != nil {
			return fmt.Errorf("two members are called %s", p.member)
		}
		member = entry
	}
	switch {
	case member == nil:
		return fmt.Errorf("no member %s", p.member)
	case !member.Mode().IsRegular():
		return fmt.Errorf("member %s is not a file", p.member)
	case member.UncompressedSize64 != uint64(p.size):
		return fmt.Errorf("member %s has %d bytes, want %d", p.member, member.UncompressedSize64, p.size)
	}
	in, err := member.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	mode := os.FileMode(0o644)
	if p.executable {
		mode = 0o755
	}
	return writeNew(path, mode, in, p.size)
}

// writeNew writes exactly size bytes of in to a new file and onto the disk.
func writeNew(path string, mode os.FileMode, in io.Reader, size int64) error {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(in, size+1)) // one more, so that the archive's checksum is read and compared
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes came out, want %d", n, size)
	}
	if err == nil {
		err = out.Chmod(mode)
	}
	if err == nil {
		err = out.Sync()
	}
	if closed := out.Close(); err == nil {
		err = closed
	}
	return err
}
