package vision

import (
	"encoding/binary"
	"fmt"
	"slices"

	"sightline/internal/device"
	"sightline/internal/model"
	"sightline/internal/result"
)

// group is the stages that look at the same objects, as many at once: one list of subjects, and a program for every batch of
// them, every number of them that is worth one, and every set of stages that are due together.
// Programs are recorded when they are first needed: most cameras never need most of them.
type group struct {
	Subjects
	manager *DetectionManager
	on      *finder
	stages  []stage
	list    device.Choose
	// listed is the list on the host; indices are the subjects' objects in the frame.
	listed  *device.Buffer
	indices []int
	// batch is the largest number of subjects in one program; sizes are those that there are programs for,
	// ascending.
	batch    int
	sizes    []int
	programs map[programKey]*model.Program
}

// programKey: subjects from first on, so many; due has a bit a stage.
type programKey struct {
	first, items int
	due          uint64
}

// stage is one model that looks at subjects: how a batch of them gets in and its results out.
type stage interface {
	// step is the stage's part of the program for n subjects from first.
	step(first, n int) model.Step
	// read fills in what the stage says of subject row.
	read(row int, o *result.Object) error
	// finish is called when all subjects, if there are any, were read.
	finish(f *result.Frame) error
	// due says whether the stage looks at the picture of that number.
	due(picture uint64) bool
}

func (m *DetectionManager) newGroup(s Subjects) (*group, error) {
	on := m.finderOf(s.On)
	if on == nil {
		return nil, fmt.Errorf("no detection model %q whose objects could be looked at", s.On)
	}
	limits := m.options.Limits
	g := &group{Subjects: s, manager: m, on: on, programs: map[programKey]*model.Program{}}
	g.list = device.Choose{
		Selection: on.choose.Out, Wanted: marks(on.classes, s.Classes), MinWidth: s.MinWidth, MinHeight: s.MinHeight, Limits: limits,
	}
	var err error
	if g.list.Out, err = m.alloc("subjects", device.OnDevice, limits.SubjectsSize()); err != nil {
		return nil, err
	}
	if g.listed, err = m.alloc("subjects", device.Pinned, limits.SubjectsSize()); err != nil {
		return nil, err
	}
	on.lists = append(on.lists, g)
	return g, nil
}

// finderOf is the detector of a name, the first one if it is empty, nil if there is none.
func (m *DetectionManager) finderOf(name string) *finder {
	i := slices.IndexFunc(m.finders, func(f *finder) bool { return name == "" || f.model == name })
	if i < 0 {
		return nil
	}
	return m.finders[i]
}

// addStages adds all stages, each after the one that finds what it looks at.
func (m *DetectionManager) addStages(list []Stage) error {
	for len(list) > 0 {
		i := max(0, slices.IndexFunc(list, func(s Stage) bool { return m.finderOf(s.On) != nil }))
		if err := m.add(list[i]); err != nil {
			return err
		}
		list = slices.Delete(slices.Clone(list), i, i+1)
	}
	return nil
}

// add puts a stage into the group of its subjects. Stages of another batch are another group: a model that takes one
// object at a time must not make the others do so.
func (m *DetectionManager) add(o Stage) (err error) {
	context := m.options.Contexts.Of(o.Model)
	if context == nil {
		return fmt.Errorf("no model %q", o.Model)
	}
	i := slices.IndexFunc(m.groups, func(g *group) bool { return g.same(o.Subjects) && g.batch == context.Items() })
	if i < 0 {
		g, err := m.newGroup(o.Subjects)
		if err != nil {
			return err
		}
		g.batch = context.Items()
		i, m.groups = len(m.groups), append(m.groups, g)
	}
	g := m.groups[i]
	s, err := g.newStage(o, context)
	if err != nil {
		return err
	}
	g.stages = append(g.stages, s)
	if len(g.stages) > 64 {
		return fmt.Errorf("more than 64 models look at the same objects")
	}
	g.sizes = append(g.sizes, context.Sizes()...)
	return nil
}

// plan settles the sizes of programs: those of all stages up to batch, and batch itself.
func (g *group) plan() {
	g.sizes = append(slices.DeleteFunc(g.sizes, func(n int) bool { return n > g.batch }), g.batch)
	slices.Sort(g.sizes)
	g.sizes = slices.Compact(g.sizes)
}

// choose queues the listing of the subjects and its way to the host.
func (g *group) choose(s device.Stream) error {
	if err := g.manager.options.Device.Kernels().Choose(s, g.list); err != nil {
		return err
	}
	return s.Copy(g.listed, g.list.Out)
}

func (g *group) read() {
	raw := g.listed.Bytes()
	g.indices = g.indices[:0]
	for i := range min(int(binary.LittleEndian.Uint32(raw)), g.manager.options.Limits.People) {
		record := raw[device.RecordHeader+device.RecordSize*i:]
		g.indices = append(g.indices, g.on.offset+int(binary.LittleEndian.Uint32(record[16:])))
	}
}

// run looks at the subjects with the stages that are due, and fills in what they say.
func (g *group) run(picture uint64, f *result.Frame) error {
	var due uint64
	for i, s := range g.stages {
		if s.due(picture) {
			due |= 1 << i
		}
	}
	if due == 0 || !g.on.looked {
		return nil
	}
	for first := 0; first < len(g.indices); first += g.batch {
		p, err := g.program(first, min(len(g.indices)-first, g.batch), due)
		if err != nil {
			return err
		}
		if err := p.Run(); err != nil {
			return err
		}
	}
	for i, s := range g.stages {
		if due>>i&1 == 0 {
			continue
		}
		for row, index := range g.indices {
			if err := s.read(row, &f.Objects[index]); err != nil {
				return err
			}
		}
		if err := s.finish(f); err != nil {
			return err
		}
	}
	return nil
}

// program is the one that runs the due stages side by side on n subjects from first. What is beyond the
// subjects is empty.
func (g *group) program(first, n int, due uint64) (*model.Program, error) {
	i, _ := slices.BinarySearch(g.sizes, n)
	key := programKey{first, min(g.sizes[i], g.manager.options.Limits.People-first), due}
	if p := g.programs[key]; p != nil {
		return p, nil
	}
	var steps []model.Step
	for i, s := range g.stages {
		if due>>i&1 == 1 {
			steps = append(steps, s.step(key.first, key.items))
		}
	}
	p, err := model.NewProgram(fmt.Sprintf("subjects %d+%d", key.first, key.items), nil, steps...)
	if err != nil {
		return nil, err
	}
	g.programs[key] = p
	return p, nil
}

func (g *group) close() (errs []error) {
	for _, p := range g.programs {
		errs = append(errs, p.Close())
	}
	g.programs = nil
	return errs
}
