package nvcuvid

import "bytes"

// lowDelay makes H.264 parameter sets say that pictures are never reordered, as long as timestamps agree.
// Without that word the parser must hold back as many pictures as the level allows.
type lowDelay struct {
	active bool
	// settling is the time between the proof that the stream reorders and its next parameter set, in which
	// pictures still come out in decoding order.
	settling bool

	started, any  bool // newest and shown hold something
	newest, shown int64
	// in and out are the last parameter set and what it became: it hardly ever changes.
	in, out []byte
}

// begin starts a new time line.
func (l *lowDelay) begin() { l.started, l.any = false, false }

// unit returns an access unit with its parameter sets changed. A timestamp that goes back proves that the
// stream does reorder: from then on units stay as they are, which the parser notices at the next
// parameter set.
func (l *lowDelay) unit(unit []byte, timestamp int64) []byte {
	begin, end := findSPS(unit)
	if l.active && l.started && timestamp < l.newest {
		l.active, l.settling = false, l.out != nil
	}
	l.started, l.newest = true, timestamp
	if begin >= 0 && !l.active {
		l.settling = false
	}
	if begin < 0 || !l.active {
		return unit
	}
	sps := unit[begin:end]
	if !bytes.Equal(sps, l.in) {
		l.in, l.out = bytes.Clone(sps), withoutReordering(sps)
	}
	if l.out == nil {
		return unit
	}
	changed := make([]byte, 0, len(unit)+len(l.out)-len(sps))
	changed = append(changed, unit[:begin]...)
	changed = append(changed, l.out...)
	return append(changed, unit[end:]...)
}

// late tells whether a picture comes after one with a later timestamp, while the stream settles.
func (l *lowDelay) late(timestamp int64) bool {
	if l.settling && l.any && timestamp < l.shown {
		return true
	}
	l.any, l.shown = true, timestamp
	return false
}

// findSPS finds the first sequence parameter set of an Annex B unit, without its start code; -1 if there
// is none before the first slice.
func findSPS(unit []byte) (begin, end int) {
	const idrSlice, spsType = 5, 7
	for at := startCode(unit, 0); at+3 < len(unit); at = startCode(unit, at+3) {
		switch kind := unit[at+3] & 31; {
		case kind == spsType:
			next := startCode(unit, at+3)
			return at + 3, at + 3 + len(bytes.TrimRight(unit[at+3:next], "\x00"))
		case kind >= 1 && kind <= idrSlice: // nearly all of the unit, which need not be searched
			return -1, -1
		}
	}
	return -1, -1
}

// startCode is the position of the next 00 00 01, or the length of the unit.
func startCode(unit []byte, from int) int {
	i := bytes.Index(unit[min(from, len(unit)):], []byte{0, 0, 1})
	if i < 0 {
		return len(unit)
	}
	return from + i
}

// withoutReordering returns an H.264 sequence parameter set (header byte first) that promises no
// reordering. It is nil if the set already speaks of reordering, need not, or is not understood.
func withoutReordering(sps []byte) []byte {
	if len(sps) < 5 {
		return nil
	}
	r := &bits{data: bytes.ReplaceAll(sps[1:], []byte{0, 0, 3}, []byte{0, 0})}
	frames, ok := skipToVUI(r)
	if !ok {
		return nil
	}
	vuiFlag := r.at
	w := &bits{}
	if r.read(1) == 0 {
		w.copy(r, vuiFlag)
		w.write(1, 1) // VUI follows
		w.write(0, 4) // no aspect ratio, overscan, signal type, chroma position
		w.write(0, 4) // no timing, NAL HRD, VCL HRD, picture structure
	} else {
		if !skipVUI(r) || r.read(1) != 0 { // says how far it reorders
			return nil
		}
		w.copy(r, r.at-1)
	}
	if r.bad {
		return nil
	}
	w.write(1, 1)                                       // bitstream restriction
	w.write(1, 1)                                       // vectors may point outside
	for _, v := range []uint{0, 0, 16, 16, 0, frames} { // ..., reordered frames, buffered frames
		w.writeUE(v)
	}
	w.write(1, 1) // stop bit
	return append(sps[:1:1], escape(w.data)...)
}

// skipToVUI reads up to vui_parameters_present_flag. It is not ok if the stream cannot reorder, is
// interlaced, or is not understood.
func skipToVUI(r *bits) (frames uint, ok bool) {
	profile := r.read(8)
	r.read(16)
	r.readUE()
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128:
		lists := 8
		if r.readUE() == 3 {
			lists = 12
			r.read(1)
		}
		r.readUE()
		r.readUE()
		r.read(1)
		if r.read(1) == 1 {
			skipScaling(r, lists)
		}
	}
	r.readUE()
	if r.readUE() != 0 { // order type 2 has no reordering, 1 is not seen in practice
		return 0, false
	}
	r.readUE()
	frames = r.readUE()
	r.read(1)
	r.readUE()
	r.readUE()
	if r.read(1) == 0 { // fields
		return 0, false
	}
	r.read(1)
	if r.read(1) == 1 { // cropping
		for range 4 {
			r.readUE()
		}
	}
	return frames, !r.bad && frames >= 1 && frames <= 16
}

func skipScaling(r *bits, lists int) {
	for list := range lists {
		if r.read(1) == 0 {
			continue
		}
		size := 16
		if list >= 6 {
			size = 64
		}
		last, next := 8, 8
		for range size {
			if next != 0 {
				next = (last + r.readSE() + 256) % 256
			}
			if next != 0 {
				last = next
			}
		}
	}
}

// skipVUI reads up to bitstream_restriction_flag.
func skipVUI(r *bits) bool {
	const extended = 255
	if r.read(1) == 1 && r.read(8) == extended {
		r.read(32)
	}
	if r.read(1) == 1 { // overscan
		r.read(1)
	}
	if r.read(1) == 1 { // signal type
		r.read(4)
		if r.read(1) == 1 {
			r.read(24)
		}
	}
	if r.read(1) == 1 { // chroma position
		r.readUE()
		r.readUE()
	}
	if r.read(1) == 1 { // timing
		r.read(32)
		r.read(33)
	}
	nal := r.read(1)
	if nal == 1 {
		skipHRD(r)
	}
	vcl := r.read(1)
	if vcl == 1 {
		skipHRD(r)
	}
	if nal+vcl > 0 {
		r.read(1)
	}
	r.read(1) // picture structure
	return !r.bad
}

func skipHRD(r *bits) {
	const most = 32
	count := r.readUE() + 1
	if count > most {
		r.bad = true
		return
	}
	r.read(8)
	for range count {
		r.readUE()
		r.readUE()
		r.read(1)
	}
	r.read(20)
}
