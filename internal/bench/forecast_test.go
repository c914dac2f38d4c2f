package bench

import "testing"

func TestForecast(t *testing.T) {
	c := Calibration{
		Rate: 30, Looked: 30, FreeMB: 70000, Cores: 16,
		Decode:  Decoding{FPS: 5200, CPUMS: .4, Stream: Memory{GPU: 34}},
		Compute: Computing{FPS: 1100, CPUMS: .3, Lane: Memory{Pool: 100, GPU: 110}},
	}
	cameras := func(f Forecast) map[string]int {
		m := map[string]int{}
		for _, r := range f.Ceilings {
			m[r.Resource] = r.Cameras
		}
		return m
	}
	for _, x := range []struct {
		name   string
		change func(*Calibration)
		want   int
		binds  string
	}{
		{"compute", func(*Calibration) {}, 34, "compute"},
		{"every third picture is looked at", func(c *Calibration) { c.Looked = 10 }, 104, "compute"},
		{"decode", func(c *Calibration) { c.Compute.FPS = 9000 }, 164, "decode"},
		{"memory", func(c *Calibration) { c.FreeMB = 1500 }, 9, "memory"},
		{"processor", func(c *Calibration) { c.Cores, c.Decode.CPUMS = 1, 1.7 }, 15, "processor"},
		{"memory that cannot be read", func(c *Calibration) { c.FreeMB = 0 }, 34, "compute"},
	} {
		one := c
		x.change(&one)
		f := one.Forecast()
		if f.Cameras != x.want || f.Binds != x.binds {
			t.Errorf("%s: %d cameras, %s binds, want %d, %s", x.name, f.Cameras, f.Binds, x.want, x.binds)
		}
		if m := cameras(f); m[x.binds] != x.want || (one.FreeMB == 0) == (m["memory"] > 0) {
			t.Errorf("%s: %v", x.name, m)
		}
	}
	if f := (Calibration{}).Forecast(); f.Cameras != 0 || len(f.Ceilings) != 0 {
		t.Errorf("of nothing: %+v", f)
	}
}
