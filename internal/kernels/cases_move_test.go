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
