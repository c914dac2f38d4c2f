package file

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"sightline/internal/media"
)

// track is a file's video track: its format and where each access unit lies.
type track struct {
	format   media.Format
	samples  []sample
	duration time.Duration
	// turned is by how many degrees clockwise pictures are to be turned.
	turned int
}

// sample is one access unit, in decoding order. Times start at 0 with the first picture that is shown.
type sample struct {
	offset          int64
	size            int
	decode, present time.Duration
}

// raw is a sample in the file's own time scale.
type raw struct {
	offset       int64
	size         uint32
	decode       int64
	composition  int64
	sampleLength int64
}

// maxSamples bounds the index: two weeks at 30 pictures a second.
const maxSamples = 1 << 25

// readTrack reads the index of the first video track. The library panics on some damaged files, which
// is an error like any other here.
func readTrack(f *os.File) (t *track, err error) {
	defer func() {
		if r := recover(); r != nil {
			t, err = nil, fmt.Errorf("not a usable MP4 file: %v", r)
		}
	}()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if size == 0 {
		return nil, errors.New("the file is empty")
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	head := make([]byte, 8)
	if _, err := io.ReadFull(f, head); err != nil || string(head[4:]) != "ftyp" && string(head[4:]) != "moov" && string(head[4:]) != "styp" {
		return nil, errors.New("not an MP4 file, and not an MPEG transport stream")
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	file, err := mp4.DecodeFile(f, mp4.WithDecodeMode(mp4.DecModeLazyMdat))
	if err != nil {
		return nil, fmt.Errorf("not a usable MP4 file: %w", err)
	}
	moov := file.Moov
	if file.Init != nil && file.Init.Moov != nil {
		moov = file.Init.Moov
	}
	if moov == nil {
		return nil, errors.New("no index (moov box): the recording was cut off, or is not complete")
	}
	trak, format, err := videoTrack(moov)
	if err != nil {
		return nil, err
	}
	var list []raw
	if file.IsFragmented() {
		list, err = fragmented(file, moov, trak)
	} else {
		list, err = progressive(trak)
	}
	if err != nil {
		return nil, err
	}
	t, err = finish(format, list, int64(trak.Mdia.Mdhd.Timescale), size)
	if err == nil {
		t.turned = turned(f, size, trak.Tkhd.TrackID)
	}
	return t, err
}

// progressive lists the samples of a plain file.
func progressive(trak *mp4.TrakBox) ([]raw, error) {
	stbl := trak.Mdia.Minf.Stbl
	if stbl.Stsz == nil || stbl.Stsc == nil || stbl.Stts == nil || stbl.Stco == nil && stbl.Co64 == nil {
		return nil, errors.New("the video track's index is not complete")
	}
	n := stbl.Stsz.GetNrSamples()
	if n == 0 || n > maxSamples {
		return nil, fmt.Errorf("the video track has %d pictures", n)
	}
	chunks, err := stbl.Stsc.GetContainingChunks(1, n)
	if err != nil {
		return nil, err
	}
	list := make([]raw, 0, n)
	var decode int64
	for _, chunk := range chunks {
		var offset uint64
		if stbl.Stco != nil {
			offset, err = stbl.Stco.GetOffset(int(chunk.ChunkNr))
		} else {
			offset, err = stbl.Co64.GetOffset(int(chunk.ChunkNr))
		}
		if err != nil {
			return nil, err
		}
		for nr := chunk.StartSampleNr; nr < chunk.StartSampleNr+chunk.NrSamples && nr <= n; nr++ {
			r := raw{offset: int64(offset), size: stbl.Stsz.GetSampleSize(int(nr)), decode: decode, sampleLength: int64(stbl.Stts.GetDur(nr))}
			if stbl.Ctts != nil {
				r.composition = int64(stbl.Ctts.GetCompositionTimeOffset(nr))
			}
			list = append(list, r)
			offset += uint64(r.size)
			decode += r.sampleLength
		}
	}
	return list, nil
}

// fragmented lists the samples of a file made of fragments.
func fragmented(file *mp4.File, moov *mp4.MoovBox, trak *mp4.TrakBox) ([]raw, error) {
	if moov.Mvex == nil {
		return nil, errors.New("fragments without their defaults (mvex box)")
	}
	id := trak.Tkhd.TrackID
	trex, ok := moov.Mvex.GetTrex(id)
	if !ok {
		return nil, errors.New("no defaults for the video track's fragments (trex box)")
	}
	var list []raw
	for _, segment := range file.Segments {
		for _, fragment := range segment.Fragments {
			for _, traf := range fragment.Moof.Trafs {
				if traf.Tfhd.TrackID != id {
					continue
				}
				var decode int64
				if traf.Tfdt != nil {
					decode = int64(traf.Tfdt.BaseMediaDecodeTime())
				} else if n := len(list); n > 0 {
					decode = list[n-1].decode + list[n-1].sampleLength
				}
				list = appendRuns(list, traf, trex, int64(fragment.Moof.StartPos), decode)
				if len(list) > maxSamples {
					return nil, errors.New("too many pictures")
				}
			}
		}
	}
	return list, nil
}

func appendRuns(list []raw, traf *mp4.TrafBox, trex *mp4.TrexBox, moof, decode int64) []raw {
	offset := moof
	if traf.Tfhd.HasBaseDataOffset() {
		offset = int64(traf.Tfhd.BaseDataOffset)
	}
	base := offset
	for _, run := range traf.Truns {
		run.AddSampleDefaultValues(traf.Tfhd, trex)
		if run.HasDataOffset() {
			offset = base + int64(run.DataOffset)
		}
		for _, s := range run.Samples {
			list = append(list, raw{offset: offset, size: s.Size, decode: decode,
				composition: int64(s.CompositionTimeOffset), sampleLength: int64(s.Dur)})
			offset += int64(s.Size)
			decode += int64(s.Dur)
		}
	}
	return list
}

// finish turns file times into ours and checks that every sample lies in the file.
func finish(format media.Format, list []raw, scale, size int64) (*track, error) {
	if len(list) == 0 || scale <= 0 {
		return nil, errors.New("the video track has no pictures")
	}
	first, last := list[0].decode+list[0].composition, int64(0)
	for _, r := range list {
		first = min(first, r.decode+r.composition)
		last = max(last, r.decode+r.composition+r.sampleLength)
	}
	t := &track{format: format, samples: make([]sample, len(list)), duration: ticks(last-first, scale)}
	for i, r := range list {
		if r.size == 0 || r.size > maxUnit || r.offset < 0 || r.offset+int64(r.size) > size {
			return nil, fmt.Errorf("picture %d of %d lies outside the file (%d bytes at %d of %d): it was cut off",
				i, len(list), r.size, r.offset, size)
		}
		t.samples[i] = sample{offset: r.offset, size: int(r.size),
			decode: ticks(r.decode-list[0].decode, scale), present: ticks(r.decode+r.composition-first, scale)}
	}
	if t.duration <= 0 {
		return nil, errors.New("the video track has no duration")
	}
	if t.format.FrameRate == 0 {
		t.format.FrameRate = float64(len(list)) / t.duration.Seconds()
	}
	return t, nil
}

// ticks converts without overflow for files of any length.
func ticks(n, scale int64) time.Duration {
	return time.Duration(n/scale)*time.Second + time.Duration(n%scale)*time.Second/time.Duration(scale)
}
