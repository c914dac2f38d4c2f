package contract

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"sightline/internal/device"
	"sightline/internal/identity"
	"sightline/internal/result"
)

// lookLength is that of the vectors that this check makes up: each person's is 1 in one place.
const lookLength = 32

// PeopleAreRecognised: a gallery on the device tells people with known vectors apart, across cameras and, by way of
// its file, across runs; and it gives all of its memory back.
func PeopleAreRecognised(h *Harness) (_ string, err error) {
	d, err := h.Open(0)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	folder, err := os.MkdirTemp("", "sightline-identities-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	o := identity.Options{
		Similarity: 0.8, Margin: 0.03, Views: 3, Every: time.Millisecond, Reach: 0.3, Forget: time.Hour, Gallery: 40, People: 8,
		File: filepath.Join(folder, "identities"), Save: time.Hour, Audit: filepath.Join(folder, "audit.jsonl"),
		Model: "made up", Length: lookLength, Logger: slog.New(slog.DiscardHandler),
	}
	began := time.Now()
	for _, steps := range [][]passing{
		{{"door", 0, []int{0, 1, 2}, []int64{1, 2, 3}}, {"desk", 10, []int{2, 0, 7}, []int64{3, 1, 4}}, {"door", 20, []int{7}, []int64{4}}},
		{{"desk", 30, []int{9, 1}, []int64{5, 2}}}, // a later run
	} {
		if err := recognise(d, o, began, steps); err != nil {
			return "", err
		}
		if n := d.Pool().Usage().Owners["identity"]; n != 0 {
			return "", fmt.Errorf("%d bytes are still booked to identity", n)
		}
	}
	return "5 people, 2 cameras, 2 runs", nil
}

// passing is a group of people before a camera, and the identities that they must get.
type passing struct {
	camera string
	second int
	people []int
	want   []int64
}

func recognise(d device.Device, o identity.Options, began time.Time, steps []passing) (err error) {
	registry, err := identity.New(d, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, registry.Close()) }()
	stream, err := d.NewStream("door")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	looks, err := d.Pool().Alloc("door", "vectors", device.Pinned, int64(o.People*2*lookLength))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, looks.Close()) }()
	for _, s := range steps {
		if err := pass(registry, stream, looks, began, s); err != nil {
			return err
		}
	}
	return nil
}

// pass shows a group five times and asks who they are.
func pass(registry *identity.Registry, stream device.Stream, looks *device.Buffer, began time.Time, s passing) (err error) {
	camera, err := registry.Reporter(s.camera)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, camera.Close()) }()
	objects := make([]result.Object, len(s.people))
	for view := range 5 {
		r := camera.Begin(began.Add(time.Duration(s.second)*time.Second+time.Duration(view)*100*time.Millisecond), 640, 480)
		if r == nil {
			return fmt.Errorf("camera %s has no report to fill", s.camera)
		}
		raw := looks.Bytes()
		clear(raw)
		for i, who := range s.people {
			raw[2*(i*lookLength+who)+1] = 0x3c // 1 as float16
			objects[i] = result.Object{Track: int64(i + 1), Class: "person", Box: result.Box{float32(100 * i), 10, float32(100*i + 50), 200}}
			r.Add(&objects[i], i)
		}
		size := int64(len(s.people) * 2 * lookLength)
		if err := errors.Join(stream.Copy(r.Vectors().Slice(0, size), looks.Slice(0, size)), stream.Record(r.Copied())); err != nil {
			camera.Discard(r)
			return err
		}
		camera.Send(r)
		camera.Drain()
	}
	camera.Name(objects)
	for i := range objects {
		if objects[i].Identity != s.want[i] {
			return fmt.Errorf("camera %s: person %d is identity %d, expected %d", s.camera, s.people[i], objects[i].Identity, s.want[i])
		}
	}
	return nil
}
