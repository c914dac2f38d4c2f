package kernels

import (
	"errors"
	"strings"
	"testing"

	"sightline/internal/device"
)

func TestPlansRefuse(t *testing.T) {
	s := newSetup(t, newHostMachine(t), "")
	f := device.PictureFormat{Width: 5, Height: 3, Pitch: 6, Matrix: "bt709"}
	limits := device.Limits{Objects: 2, People: 1}
	small, large := s.dirty(8), s.dirty(1<<16)
	letterbox := device.Letterbox{Picture: s.picture(f), Fit: device.NewFit(5, 3, 8, 8), Out: large, OutWidth: 8, OutHeight: 8}
	crop := device.Crop{Picture: letterbox.Picture, Subjects: large, Limits: limits, Count: 1, Region: device.Region{Scale: 1}, Out: large, OutWidth: 8, OutHeight: 8}
	choose := device.Select{Head: device.Head{Scores: device.Values{Buffer: large, Anchor: 2, Item: 1}, Boxes: device.Values{Buffer: large, Anchor: 4, Item: 1}, UnitX: 1, UnitY: 1}, Anchors: 4, Classes: 2, Fit: letterbox.Fit, Width: 5, Height: 3, Limits: limits, Out: large}
	scratch := s.dirty(int(SelectScratchSize(4)))
	for _, c := range []struct {
		want string
		plan func() ([]Launch, error)
	}{
		{"", func() ([]Launch, error) { return Letterbox(letterbox) }},
		{"letterbox: out has 8 bytes", func() ([]Launch, error) { k := letterbox; k.Out = small; return Letterbox(k) }},
		{"letterbox: out is nil", func() ([]Launch, error) { k := letterbox; k.Out = nil; return Letterbox(k) }},
		{"letterbox: out has the address", func() ([]Launch, error) { k := letterbox; k.Out = large.Slice(2, 60000); return Letterbox(k) }},
		{"letterbox: fit", func() ([]Launch, error) { k := letterbox; k.Fit.Left = 1; return Letterbox(k) }},
		{"letterbox: picture is nil", func() ([]Launch, error) { k := letterbox; k.Picture = nil; return Letterbox(k) }},
		{"letterbox: picture pitch is 5", func() ([]Launch, error) {
			k, p := letterbox, *letterbox.Picture
			p.Pitch, k.Picture = 5, &p
			return Letterbox(k)
		}},
		{"letterbox: picture place has 4 bytes", func() ([]Launch, error) {
			k, p := letterbox, *letterbox.Picture
			p.Place, k.Picture = large.Slice(0, 4), &p
			return Letterbox(k)
		}},
		{"", func() ([]Launch, error) { return Move(small, large.Slice(0, 8)) }},
		{"move: from has 60000 bytes, to has 8", func() ([]Launch, error) { return Move(small, large.Slice(0, 60000)) }},
		{"move: to is nil", func() ([]Launch, error) { return Move(nil, large) }},
		{"", func() ([]Launch, error) { return Moves(device.Moves{Table: large, Count: 2}) }},
		{"moves: count is 0", func() ([]Launch, error) { return Moves(device.Moves{Table: large}) }},
		{"moves: table has 8 bytes", func() ([]Launch, error) { return Moves(device.Moves{Table: small, Count: 1}) }},
		{"", func() ([]Launch, error) { return Crop(crop) }},
		{"crop: count is 65536", func() ([]Launch, error) { k := crop; k.Count = 65536; return Crop(k) }},
		{"crop: subjects has 8 bytes", func() ([]Launch, error) { k := crop; k.Subjects = small; return Crop(k) }},
		{"crop: region scale is NaN", func() ([]Launch, error) { k := crop; k.Region.Scale = nan; return Crop(k) }},
		{"", func() ([]Launch, error) { return Select(choose, scratch) }},
		{"select: scratch has 8 bytes", func() ([]Launch, error) { return Select(choose, small) }},
		{"select: scratch is nil", func() ([]Launch, error) { return Select(choose, nil) }},
		{"select: wanted has 1 entries", func() ([]Launch, error) { k := choose; k.Wanted = make([]bool, 1); return Select(k, scratch) }},
		{"select: wanted has 4000 entries", func() ([]Launch, error) {
			k := choose
			k.Wanted, k.Classes, k.Anchors = make([]bool, 4000), 4000, 4
			return Select(k, scratch)
		}},
		{"select: head has the unknown form 9", func() ([]Launch, error) { k := choose; k.Head.Form = 9; return Select(k, scratch) }},
		{"select: head has the units 0 and 1", func() ([]Launch, error) { k := choose; k.Head.UnitX = 0; return Select(k, scratch) }},
		{"select: head: levels is 0", func() ([]Launch, error) { k := choose; k.Head.Form = device.Grid; return Select(k, scratch) }},
		{"select: labels has 65536 bytes", func() ([]Launch, error) {
			k := choose
			k.Head.Labels = device.Values{Buffer: large, Offset: 16381, Anchor: 1}
			return Select(k, scratch)
		}},
		{"", func() ([]Launch, error) {
			k := choose
			k.Head.Labels = device.Values{Buffer: large, Offset: 16380, Anchor: 1}
			return Select(k, scratch)
		}},
		{"select: head has a background", func() ([]Launch, error) {
			k := choose
			k.Head.Background, k.Head.Pairs = true, true
			return Select(k, scratch)
		}},
		{"uncrop: each is 1025", func() ([]Launch, error) {
			return Uncrop(device.Uncrop{In: large, Each: 1025, InWidth: 4, InHeight: 4, Subjects: large, Limits: limits, Count: 1, Region: device.Region{Scale: 1}, Out: large})
		}},
		{"crop: region aspect is NaN", func() ([]Launch, error) { k := crop; k.Region.Aspect = nan; return Crop(k) }},
		{"crop: pixels have", func() ([]Launch, error) { k := crop; k.Pixels.Scale[1] = inf; return Crop(k) }},
		{"choose: out has 8 bytes", func() ([]Launch, error) { return Choose(device.Choose{Selection: large, Out: small, Limits: limits}) }},
		{"select: scores has 65536 bytes", func() ([]Launch, error) { k := choose; k.Anchors = 1 << 20; return Select(k, scratch) }},
		{"blend: keep is 2", func() ([]Launch, error) {
			return Blend(device.Blend{Seen: large, Slots: large, Gallery: large, Rows: 1, Length: 8, Keep: 2})
		}},
	} {
		checkPlan(t, c.want, c.plan)
	}
}

func TestDecodePlansRefuse(t *testing.T) {
	s := newSetup(t, newHostMachine(t), "")
	limits, fit := device.Limits{Objects: 2, People: 1}, device.NewFit(5, 3, 8, 8)
	small, large := s.dirty(8), s.dirty(1<<16)
	for _, c := range []struct {
		want string
		plan func() ([]Launch, error)
	}{
		{"joints: joints is 257, expected 1 to 256", func() ([]Launch, error) {
			return Joints(device.Joints{Form: device.Relative, In: large, Count: 1, Joints: 257, InWidth: 4, InHeight: 4, Out: large})
		}},
		{"joints: columns is 32769", func() ([]Launch, error) {
			return Joints(device.Joints{Form: device.Heatmaps, In: large, Count: 1, Joints: 1, Columns: 1<<15 + 1, Rows: 1, InWidth: 4, InHeight: 4, Out: large})
		}},
		{"combine: count is 1025, expected 1 to 1024", func() ([]Launch, error) {
			return Combine(device.Combine{Count: 1025, Width: 1, Height: 1, Anchors: 1, InWidth: 4, InHeight: 4, Fit: fit, Subjects: large, Limits: limits, Out: large})
		}},
		{"anchor joints: joints is 300", func() ([]Launch, error) {
			return AnchorJoints(device.AnchorJoints{Joints: 300, Anchors: 1, Fit: fit, Subjects: large, Limits: limits, Out: large})
		}},
		{"margin: channel is 3, expected 0 to 2", func() ([]Launch, error) {
			return Margin(device.Margin{In: large, Out: large, Count: 1, Channels: 3, Channel: 3, Cells: 2})
		}},
		{"classify: out has 8 bytes", func() ([]Launch, error) {
			return Classify(device.Classify{In: large, Classes: 2, Count: 2, Out: small})
		}},
	} {
		checkPlan(t, c.want, c.plan)
	}
}

// checkPlan expects a plan, or an error that says what want does.
func checkPlan(t *testing.T, want string, make func() ([]Launch, error)) {
	t.Helper()
	plan, err := make()
	var argument *ArgumentError
	if want == "" {
		if err != nil || len(plan) == 0 {
			t.Errorf("plan %v, error %v", plan, err)
		}
	} else if !errors.As(err, &argument) || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
}
