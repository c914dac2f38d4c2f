package identity

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sightline/internal/atomicfile"
)

// A file of identities is: magic, version (uint32), length of the header (uint32), the header as JSON, the vectors as
// float16 in the order of the header's tracks, and the SHA-256 of all that. Numbers are little-endian.
const (
	magic   = "sightline identities\n"
	version = 1
)

// Why a file of identities is not used.
var (
	// ErrForeign: it is no such file, or of a version that is not known.
	ErrForeign = errors.New("not a file of identities of this version")
	// ErrTorn: it was not written to its end, or has been changed since.
	ErrTorn = errors.New("damaged file of identities")
)

// ModelError says that a file's vectors are of another network: they cannot be compared with this one's.
type ModelError struct{ Found, Want string }

func (e *ModelError) Error() string {
	return fmt.Sprintf("its vectors are of the ReID model %s, the configured one is %s", e.Found, e.Want)
}

// header is all of a file but the vectors.
type header struct {
	Model      string        `json:"model"`
	Length     int           `json:"length"`
	Next       int64         `json:"next"`
	Saved      time.Time     `json:"saved"`
	Identities []savedPerson `json:"identities"`
}

type savedPerson struct {
	Number int64        `json:"number"`
	Site   string       `json:"site"`
	Tracks []savedTrack `json:"tracks"`
}

type savedTrack struct {
	Camera     string    `json:"camera"`
	Number     int64     `json:"number"`
	First      time.Time `json:"first"`
	Last       time.Time `json:"last"`
	Views      int       `json:"views"`
	Tie        tie       `json:"tie"`
	Similarity float64   `json:"similarity"`
}

func encode(h *header, vectors []byte) ([]byte, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	out := append([]byte(nil), magic...)
	out = binary.LittleEndian.AppendUint32(out, version)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(text)))
	out = append(append(out, text...), vectors...)
	sum := sha256.Sum256(out)
	return append(out, sum[:]...), nil
}

// decode reads a file; its error is ErrForeign or ErrTorn. The vectors are a part of raw.
func decode(raw []byte) (*header, []byte, error) {
	rest, ours := bytes.CutPrefix(raw, []byte(magic))
	if !ours {
		return nil, nil, ErrForeign
	}
	if len(rest) < 8+sha256.Size {
		return nil, nil, fmt.Errorf("%w: it has %d bytes", ErrTorn, len(raw))
	}
	if v := binary.LittleEndian.Uint32(rest); v != version {
		return nil, nil, fmt.Errorf("%w: version %d, want %d", ErrForeign, v, version)
	}
	end := len(raw) - sha256.Size
	if sum := sha256.Sum256(raw[:end]); !bytes.Equal(sum[:], raw[end:]) {
		return nil, nil, fmt.Errorf("%w: the checksum is wrong", ErrTorn)
	}
	return decodeBody(binary.LittleEndian.Uint32(rest[4:]), rest[8:len(rest)-sha256.Size])
}

// decodeBody reads what the checksum covers: size bytes of header, and the vectors.
func decodeBody(size uint32, body []byte) (*header, []byte, error) {
	if uint64(size) > uint64(len(body)) {
		return nil, nil, fmt.Errorf("%w: header of %d bytes, it has %d", ErrTorn, size, len(body))
	}
	h := &header{}
	if err := json.Unmarshal(body[:size], h); err != nil {
		return nil, nil, fmt.Errorf("%w: header: %w", ErrTorn, err)
	}
	vectors, tracks, known := body[size:], 0, map[int64]bool{}
	for _, p := range h.Identities {
		if p.Number < 1 || p.Number > h.Next || known[p.Number] || len(p.Tracks) == 0 {
			return nil, nil, fmt.Errorf("%w: identity %d of %d with %d tracks", ErrTorn, p.Number, h.Next, len(p.Tracks))
		}
		known[p.Number] = true
		for _, t := range p.Tracks {
			if t.Views < 1 || t.Tie > founder || t.Last.Before(t.First) {
				return nil, nil, fmt.Errorf("%w: track %d of camera %q makes no sense", ErrTorn, t.Number, t.Camera)
			}
		}
		tracks += len(p.Tracks)
	}
	if h.Length < 1 || h.Length > 1<<20 || len(vectors) != tracks*2*h.Length {
		return nil, nil, fmt.Errorf("%w: %d tracks with vectors of %d numbers in %d bytes", ErrTorn, tracks, h.Length, len(vectors))
	}
	return h, vectors, nil
}

// save writes the file, if there is to be one.
func (r *Registry) save() error {
	if r.options.File == "" {
		return nil
	}
	h := &header{Model: r.options.Model, Length: r.options.Length, Next: r.book.next, Saved: time.Now().UTC().Round(0)}
	var rows []int
	for _, p := range r.book.persons {
		s := savedPerson{Number: p.number, Site: r.book.where.names[p.site]}
		for _, t := range p.tracks {
			if t.row >= 0 && t.views > 0 {
				rows = append(rows, t.row)
				s.Tracks = append(s.Tracks, savedTrack{t.camera, t.number, t.first.UTC(), t.last.UTC(), t.views, t.tie, t.similarity})
			}
		}
		if len(s.Tracks) > 0 {
			h.Identities = append(h.Identities, s)
		}
	}
	vectors, err := r.gallery.read(rows)
	if err != nil {
		return err
	}
	raw, err := encode(h, vectors)
	if err != nil {
		return err
	}
	return replace(r.options.File, raw)
}

// replace writes a file, and its folder if it is not there.
func replace(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return atomicfile.Write(path, content, 0o600)
}

// load reads the file of a former run. One that cannot be used is told, set aside, and not written over.
func (r *Registry) load() error {
	path := r.options.File
	if path == "" {
		return nil
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	h, vectors, err := decode(raw)
	if err == nil && (h.Model != r.options.Model || h.Length != r.options.Length) {
		err = &ModelError{fmt.Sprintf("%s (%d numbers)", h.Model, h.Length), fmt.Sprintf("%s (%d numbers)", r.options.Model, r.options.Length)}
	}
	if err != nil {
		aside := path + ".aside"
		r.logger.Warn("former identities are not used: the file is set aside", "file", path, "as", aside, "error", err)
		return os.Rename(path, aside)
	}
	kept := r.book.restore(h)
	size := 2 * r.options.Length
	var chosen []byte
	for _, i := range kept {
		chosen = append(chosen, vectors[i*size:][:size]...)
	}
	if err := r.gallery.fill(chosen); err != nil {
		return err
	}
	r.logger.Info("identities loaded", "file", path, "identities", len(r.book.persons), "tracks", len(kept), "saved", h.Saved)
	return nil
}

// restore fills an empty book. It returns, for the gallery's rows from the first one on, the numbers of the header's
// tracks: those of sites that are no more are left out, and where there is no room the ones unseen longest.
func (b *book) restore(h *header) []int {
	type entry struct {
		index int
		saved *savedTrack
		site  int
		owner *person
	}
	var all []entry
	index := 0
	for _, p := range h.Identities {
		site, owner := slices.Index(b.where.names, p.Site), &person{number: p.Number}
		owner.site = site
		for i := range p.Tracks {
			if site >= 0 {
				all = append(all, entry{index, &p.Tracks[i], site, owner})
			}
			index++
		}
	}
	slices.SortStableFunc(all, func(x, y entry) int { return y.saved.Last.Compare(x.saved.Last) })
	all = all[:min(len(all), len(b.rows))]
	b.next = h.Next
	var kept []int
	for row, e := range all {
		s := e.saved
		t := &track{
			seen: seen{s.Camera, s.First, s.Last}, site: e.site, number: s.Number, views: s.Views, row: row,
			identity: e.owner, tie: s.Tie, similarity: s.Similarity, meetings: map[*track]*meeting{},
		}
		// Tracks of former runs are told apart by a run below 0 each: numbers begin at 1 in every run.
		b.former--
		t.run = b.former
		b.tracks[trackKey{t.camera, t.run, t.number}] = t
		b.rows[row] = t
		if len(e.owner.tracks) == 0 {
			b.persons = append(b.persons, e.owner)
		}
		e.owner.tracks = append(e.owner.tracks, t)
		kept = append(kept, e.index)
	}
	slices.SortFunc(b.persons, func(p, q *person) int { return cmp.Compare(p.number, q.number) })
	return kept
}
