package sink

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"sightline/internal/atomicfile"
)

// FileOptions say where files lie and when they are rotated.
type FileOptions struct {
	// Dir is made if it is not there.
	Dir string
	// MaxBytes is the size beyond which a file does not grow; 0 means that it may.
	MaxBytes int64
	// Keep is how many older files stay beside the current one, NAME.1 being the youngest: 0 means 5.
	Keep int
	// Fresh starts every file anew and rotates one that is there away. Otherwise it is continued.
	Fresh bool
}

// files are text files of whole lines, one a camera. One goroutine uses them.
type files struct {
	o      FileOptions
	suffix string
	open   map[string]*lines
}

// lines is one open file. Its end is always that of a line.
type lines struct {
	path string
	file file // nil after a failure: the next write opens it again
	size int64
	// fresh says that what is there must be rotated away first.
	fresh bool
}

// file is what of os.File is needed.
type file interface {
	io.WriteCloser
	Truncate(size int64) error
	Sync() error
}

func newFiles(o FileOptions, suffix string) (*files, error) {
	if o.Dir == "" {
		return nil, errors.New("files need a directory, none is given")
	}
	if o.Keep <= 0 {
		o.Keep = 5
	}
	if err := atomicfile.Folder(o.Dir); err != nil {
		return nil, fmt.Errorf("the sink's directory: %w", err)
	}
	return &files{o: o, suffix: suffix, open: map[string]*lines{}}, nil
}

// Store appends whole lines to the camera's file.
func (s *files) Store(camera string, record []byte) error {
	l := s.open[camera]
	if l == nil {
		l = &lines{path: filepath.Join(s.o.Dir, fileName(camera)+s.suffix), fresh: s.o.Fresh}
		s.open[camera] = l
	}
	if l.fresh {
		if err := free(l.path); err != nil {
			return err
		}
		if info, err := os.Stat(l.path); err == nil && info.Size() > 0 {
			if err := s.rotate(l); err != nil {
				return err
			}
		}
		l.fresh = false
	}
	if err := l.ensure(); err != nil {
		return err
	}
	if s.o.MaxBytes > 0 && l.size > 0 && l.size+int64(len(record)) > s.o.MaxBytes {
		if err := errors.Join(l.close(), s.rotate(l)); err != nil {
			return err
		}
		if err := l.ensure(); err != nil {
			return err
		}
	}
	return l.write(record)
}

// Close syncs and closes every file.
func (s *files) Close() error {
	var all error
	for _, l := range s.open {
		all = errors.Join(all, l.close())
	}
	clear(s.open)
	// The files' names last too. Not every system can sync a directory; the content is safe anyway.
	if dir, err := os.Open(s.o.Dir); err == nil {
		_ = dir.Sync()
		_ = dir.Close()
	}
	return all
}

// rotate renames path to path.1, path.1 to path.2 and so on; the oldest goes.
func (s *files) rotate(l *lines) error {
	name := func(i int) string {
		if i == 0 {
			return l.path
		}
		return l.path + "." + strconv.Itoa(i)
	}
	for i := s.o.Keep - 1; i >= 0; i-- {
		if err := os.Rename(name(i), name(i+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("rotate: %w", err)
		}
	}
	return nil
}

// ensure opens the file for appending and cuts off a line that a crash left unfinished: it was never
// acknowledged.
func (l *lines) ensure() error {
	if l.file != nil {
		return nil
	}
	f, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	err = atomicfile.Own(f)
	var size int64
	if err == nil {
		size, err = wholeLines(f)
	}
	if err == nil {
		var info fs.FileInfo
		if info, err = f.Stat(); err == nil && info.Mode().IsRegular() && info.Size() != size {
			err = f.Truncate(size)
		}
	}
	if err != nil {
		return errors.Join(fmt.Errorf("continue %s: %w", l.path, err), f.Close())
	}
	l.file, l.size = f, size
	return nil
}

// free says whether a file can be rotated away: two programs in one file would lose each other's results.
func free(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return nil // what is not there is nobody's; anything else the next step tells
	}
	defer f.Close()
	if err := atomicfile.Own(f); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// write appends all of record or, if that fails, takes back what was written of it.
func (l *lines) write(record []byte) error {
	if len(record) == 0 {
		return nil
	}
	n, err := l.file.Write(record)
	if err == nil {
		l.size += int64(n)
		return nil
	}
	if n > 0 {
		if e := l.file.Truncate(l.size); e != nil {
			// Opening the file again cuts the line off, or says why that cannot be done.
			err = errors.Join(err, fmt.Errorf("take back an unfinished line: %w", e), l.file.Close())
			l.file = nil
		}
	}
	return err
}

func (l *lines) close() error {
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.file.Sync(), l.file.Close())
	l.file = nil
	return err
}

// wholeLines is how long the file is up to the end of its last finished line; 0 for what is no
// regular file.
func wholeLines(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0, err
	}
	chunk := make([]byte, 64<<10)
	for end := info.Size(); end > 0; {
		start := max(end-int64(len(chunk)), 0)
		part := chunk[:end-start]
		if _, err := f.ReadAt(part, start); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return start + int64(i) + 1, nil
		}
		end = start
	}
	return 0, nil
}

// fileName is the camera's name with everything escaped that would leave the directory or that some
// system refuses in a name; different cameras keep different names.
func fileName(camera string) string {
	const hexDigits = "0123456789ABCDEF"
	var name []byte
	for i := range len(camera) {
		c := camera[i]
		if c < 0x20 || c == 0x7f || bytes.IndexByte([]byte(`/\:*?"<>|%`), c) >= 0 {
			name = append(name, '%', hexDigits[c>>4], hexDigits[c&0xf])
		} else {
			name = append(name, c)
		}
	}
	return string(name)
}
