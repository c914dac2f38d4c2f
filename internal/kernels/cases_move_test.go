package kernels

import "sightline/internal/device"

// moveTrials copy into the middle of a buffer, of which the rest must stay.
func moveTrials() (out []func(*setup) trial) {
	for _, c := range []struct{ to, from, size int64 }{
		{0, 0, 8}, {0, 0, 4096}, {16, 32, 70000}, {4, 8, 204}, {8, 0, 16}, {0, 4, 4 * 257}, {1, 0, 1}, {3, 16, 1000}, {0, 0, 5}, {0, 0, 1 << 20},
	} {
		out = append(out, func(s *setup) trial {
			from := upload(s, s.floats(int(c.from+c.size)/4+1, 1)).Slice(c.from, c.size)
			whole := s.dirty(int(c.to + c.size + 20))
			to := whole.Slice(c.to, c.size)
			return trial{
				func(_ device.Kernels, on device.Stream) error { return on.Copy(to, from) },
				func() ([]Launch, error) { return Move(to, from) }, whole, 1,
			}
		})
	}
	return out
}

// movesTrials copy pieces into a buffer, of which the rest must stay; some entries copy nothing.
func movesTrials() (out []func(*setup) trial) {
	type piece struct{ to, from, size int64 }
	var many []piece // more than are copied at a time
	for i := range int64(75) {
		many = append(many, piece{64 * i, 128 * i, i % 64})
	}
	for _, pieces := range [][]piece{
		{{0, 0, 4096}},
		{{}, {16, 32, 160}, {}},
		{{0, 64, 4 * 17}, {4 * 17, 0, 64}, {200, 8, 1}, {203, 3, 50}, {4096, 1024, 30000}},
		{{0, 0, 1 << 20}, {1 << 20, 256, 16 * 64 * 256}},
		many,
	} {
		out = append(out, func(s *setup) trial {
			from, whole := upload(s, s.floats(1<<18, 1)), s.dirty(2<<20+100)
			table := make([]byte, len(pieces)*device.MoveSize)
			for i, p := range pieces {
				if p.size > 0 {
					device.PutMove(table, i, whole.Slice(p.to, p.size), from.Slice(p.from, p.size))
				}
			}
			k := device.Moves{Table: s.bytes(table), Count: len(pieces)}
			return trial{
				func(on device.Kernels, stream device.Stream) error { return on.Moves(stream, k) },
				func() ([]Launch, error) { return Moves(k) }, whole, 1,
			}
		})
	}
	return out
}
