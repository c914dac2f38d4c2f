package host

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// pb is a protocol buffer in the making.
type pb []byte

func (b pb) number(field int, v uint64) pb {
	return binary.AppendUvarint(binary.AppendUvarint(slices.Clone(b), uint64(field)<<3), v)
}

func (b pb) bytes(field int, v []byte) pb {
	b = binary.AppendUvarint(binary.AppendUvarint(slices.Clone(b), uint64(field)<<3|2), uint64(len(v)))
	return append(b, v...)
}

// openGraph is y = Reshape(x, [first, -1, the largest of x's sizes]), for x of [batch, 3, 4, 8]: what the sizes of y are
// follows from those of x, but ONNX Runtime does not tell it before it infers.
func openGraph(first uint64) []byte {
	node := func(op string, out string, in ...string) (n pb) {
		for _, name := range in {
			n = n.bytes(1, []byte(name))
		}
		return n.bytes(2, []byte(out)).bytes(4, []byte(op))
	}
	value := func(name string, sizes ...uint64) pb {
		var shape pb
		for i, n := range sizes {
			d := pb{}.number(1, n)
			if n == 0 {
				d = pb{}.bytes(2, []byte{name[0], byte('a' + i)})
			}
			shape = shape.bytes(1, d)
		}
		return pb{}.bytes(1, []byte(name)).bytes(2, pb{}.bytes(1, pb{}.number(1, 1).bytes(2, shape)))
	}
	axis := pb{}.bytes(1, []byte("axis")).number(3, 0).number(20, 2)
	k := pb{}.number(1, 2).number(2, 7).number(7, first).number(7, ^uint64(0)).bytes(8, []byte("k"))
	g := pb{}.bytes(1, node("Shape", "s", "x")).bytes(1, node("ReduceMax", "m", "s")).bytes(1, node("Concat", "t", "k", "m").bytes(5, axis)).
		bytes(1, node("Reshape", "y", "x", "t")).bytes(2, []byte("g")).bytes(5, k).bytes(11, value("x", 0, 3, 4, 8)).bytes(12, value("y", 0, 0, 0))
	return pb{}.number(1, 8).bytes(7, g).bytes(8, pb{}.number(2, 13))
}

func TestLearnShapes(t *testing.T) {
	library := loadRuntime(t)
	for _, c := range []struct {
		first uint64
		batch int
		fault string
	}{{0, 1, ""}, {0, 4, ""}, {1, 4, `tensor "y" has the shape [1 24 8] for a batch of 2`}} {
		s, err := library.NewSession(openGraph(c.first), 1)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(s.Outputs[0].Shape, []int64{-1, -1, -1}) {
			t.Errorf("the graph tells its sizes: %v", s.Outputs[0].Shape)
		}
		err = learnShapes(s, c.batch)
		switch {
		case c.fault == "":
			b, fault := bindings(s.Outputs, c.batch)
			if err != nil || fault != nil || !slices.Equal(b[0].Shape, []int{12, 8}) {
				t.Errorf("batch %d: %v, %v, %v", c.batch, b, err, fault)
			}
		case err == nil || !strings.Contains(err.Error(), c.fault):
			t.Errorf("batch %d: %v, want %s", c.batch, err, c.fault)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
