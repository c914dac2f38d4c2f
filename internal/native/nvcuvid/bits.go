package nvcuvid

// bits reads or writes bits, the highest of each byte first.
type bits struct {
	data []byte
	at   int
	// bad means that more was read than there is.
	bad bool
}

// read returns up to 64 bits.
func (b *bits) read(n int) (v uint) {
	for range n {
		v <<= 1
		if b.at>>3 >= len(b.data) {
			b.bad = true
			continue
		}
		v |= uint(b.data[b.at>>3]>>(7-b.at&7)) & 1
		b.at++
	}
	return v
}

// readUE reads an unsigned Exp-Golomb number.
func (b *bits) readUE() uint {
	zeros := 0
	for b.read(1) == 0 {
		if zeros++; b.bad || zeros > 32 {
			b.bad = true
			return 0
		}
	}
	return 1<<zeros - 1 + b.read(zeros)
}

func (b *bits) readSE() int {
	v := int(b.readUE())
	if v&1 == 1 {
		return (v + 1) / 2
	}
	return -v / 2
}

func (b *bits) write(v uint, n int) {
	for i := n - 1; i >= 0; i-- {
		if b.at&7 == 0 {
			b.data = append(b.data, 0)
		}
		b.data[b.at>>3] |= byte(v>>i&1) << (7 - b.at&7)
		b.at++
	}
}

func (b *bits) writeUE(v uint) {
	n := 0
	for (v+1)>>n > 1 {
		n++
	}
	b.write(0, n)
	b.write(v+1, n+1)
}

// copy writes the first n bits of r.
func (b *bits) copy(r *bits, n int) {
	from := &bits{data: r.data}
	for range n {
		b.write(from.read(1), 1)
	}
}

// escape keeps start codes out of a NAL unit.
func escape(data []byte) (out []byte) {
	zeros := 0
	for _, c := range data {
		if zeros >= 2 && c <= 3 {
			out, zeros = append(out, 3), 0
		}
		if out = append(out, c); c == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return out
}
