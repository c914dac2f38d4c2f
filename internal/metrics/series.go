package metrics

// seriesPoints bounds a camera's series: when it is full, neighbours are merged and every later point
// stands for twice as many frames.
const seriesPoints = 512

// Point stands for a few neighbouring frames of a camera.
type Point struct {
	// PTS is the first frame's presentation time in seconds.
	PTS float64 `json:"pts"`
	// TotalMS is the mean latency of the frames, PeakMS the largest.
	TotalMS float64 `json:"total_ms"`
	PeakMS  float64 `json:"peak_ms"`
	// People is the mean number of people.
	People float64 `json:"people"`
}

// series keeps sums while a point is being filled, so that merging points loses nothing.
type series struct {
	point  [seriesPoints]Point // all but the last stand for each frames
	n      int
	each   int // frames a point
	filled int // frames in the last point
}

func (s *series) add(pts, ms float64, people int) {
	if s.n == 0 || s.filled == s.each {
		if s.n == seriesPoints {
			s.halve()
		}
		s.each = max(s.each, 1)
		s.point[s.n] = Point{PTS: pts}
		s.n++
		s.filled = 0
	}
	p := &s.point[s.n-1]
	p.TotalMS += ms
	p.PeakMS = max(p.PeakMS, ms)
	p.People += float64(people)
	s.filled++
}

// halve merges each pair of full points; seriesPoints is even and all are full.
func (s *series) halve() {
	for i := range seriesPoints / 2 {
		a, b := s.point[2*i], s.point[2*i+1]
		s.point[i] = Point{PTS: a.PTS, TotalMS: a.TotalMS + b.TotalMS, PeakMS: max(a.PeakMS, b.PeakMS), People: a.People + b.People}
	}
	s.n = seriesPoints / 2
	s.each *= 2
}

// points returns the series with means in place of sums.
func (s *series) points() []Point {
	out := make([]Point, s.n)
	for i, p := range s.point[:s.n] {
		frames := s.each
		if i == s.n-1 {
			frames = s.filled
		}
		p.TotalMS /= float64(frames)
		p.People /= float64(frames)
		out[i] = p
	}
	return out
}
