package identity

import "errors"

// Homography maps places of one picture to another's, both in pixels: row by row, applied to (x, y, 1).
type Homography [9]float64

// Shift is the map of two pictures that differ by where they begin.
func Shift(x, y float64) *Homography { return &Homography{1, 0, x, 0, 1, y, 0, 0, 1} }

// apply maps a place; false where it has none, on or beyond the horizon.
func (m *Homography) apply(x, y float64) (float64, float64, bool) {
	w := m[6]*x + m[7]*y + m[8]
	if !(w > 1e-9) {
		return 0, 0, false
	}
	return (m[0]*x + m[1]*y + m[2]) / w, (m[3]*x + m[4]*y + m[5]) / w, true
}

// inverse is the map back. Its last number is 1 where it may be, so that the places before the horizon keep the sign
// that apply asks for.
func (m *Homography) inverse() (*Homography, error) {
	i := Homography{
		m[4]*m[8] - m[5]*m[7], m[2]*m[7] - m[1]*m[8], m[1]*m[5] - m[2]*m[4],
		m[5]*m[6] - m[3]*m[8], m[0]*m[8] - m[2]*m[6], m[2]*m[3] - m[0]*m[5],
		m[3]*m[7] - m[4]*m[6], m[1]*m[6] - m[0]*m[7], m[0]*m[4] - m[1]*m[3],
	}
	det := m[0]*i[0] + m[1]*i[3] + m[2]*i[6]
	if det*det < 1e-24 {
		return nil, errors.New("the map between two cameras cannot be inverted: its determinant is 0")
	}
	for k := range i {
		i[k] /= det
	}
	return &i, nil
}
