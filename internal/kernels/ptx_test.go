package kernels

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"sightline/internal/device"
	"sightline/internal/kernels/source"
)

// parameters are the structs of all kernels.
var parameters = map[string]reflect.Type{
	"letterbox":      reflect.TypeFor[letterboxParams](),
	"crop":           reflect.TypeFor[cropParams](),
	"select_clear":   reflect.TypeFor[selectParams](),
	"select_best":    reflect.TypeFor[selectParams](),
	"select_rank":    reflect.TypeFor[selectParams](),
	"select_overlap": reflect.TypeFor[selectParams](),
	"select_keep":    reflect.TypeFor[selectParams](),
	"choose":         reflect.TypeFor[chooseParams](),
	"keypoints":      reflect.TypeFor[keypointsParams](),
	"uncrop":         reflect.TypeFor[uncropParams](),
	"pack_masks":     reflect.TypeFor[masksParams](),
	"joints":         reflect.TypeFor[jointsParams](),
	"anchor_joints":  reflect.TypeFor[anchorJointsParams](),
	"combine":        reflect.TypeFor[combineParams](),
	"margin":         reflect.TypeFor[marginParams](),
	"classify":       reflect.TypeFor[classifyParams](),
	"normalize":      reflect.TypeFor[normalizeParams](),
	"cosine":         reflect.TypeFor[cosineParams](),
	"blend":          reflect.TypeFor[blendParams](),
	"move":           reflect.TypeFor[moveParams](),
	"moves":          reflect.TypeFor[movesParams](),
}

func TestPTXIsUpToDate(t *testing.T) {
	header, err := os.ReadFile(source.Header)
	if err != nil {
		t.Fatal(err)
	}
	files, _ := os.ReadDir(".")
	var names []string
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), source.Extension); ok {
			names = append(names, name)
		}
	}
	for _, m := range Modules() {
		text, err := os.ReadFile(m.Name + source.Extension)
		if err != nil {
			t.Fatal(err)
		}
		if first, _, _ := strings.Cut(m.PTX, "\n"); first != source.Mark(m.Name, text, header) {
			t.Errorf("%s.ptx was not made from this %s.cu and %s: run go generate", m.Name, m.Name, source.Header)
		}
		if !strings.Contains(m.PTX, "\n.version 7.0\n.target sm_75\n") {
			t.Errorf("%s.ptx is not of version 7.0 for sm_75", m.Name)
		}
		if strings.Contains(m.PTX, "used_bytes_mask") {
			t.Errorf("%s.ptx has hints that PTX 7.0 does not know", m.Name)
		}
		if strings.Contains(m.PTX, ".local") {
			t.Errorf("%s.ptx uses local memory: an array is indexed by a variable", m.Name)
		}
		if strings.Contains(m.PTX, "fma.") {
			t.Errorf("%s.ptx has fused operations, which round otherwise than Go's", m.Name)
		}
		names = slices.DeleteFunc(names, func(n string) bool { return n == m.Name })
	}
	if len(names) > 0 {
		t.Errorf("%v belong to no module", names)
	}
}

var (
	entry     = regexp.MustCompile(`(?s)\.visible \.entry (\w+)\(\s*\.param \.align 8 \.b8 \w+\[(\d+)\]\s*\)(.*?\n\})`)
	loadParam = regexp.MustCompile(`ld\.param\.(?:v(\d)\.)?([a-z])(\d+)\s+[^\[]*\[(\w+_param_0|%rd\d+)(?:\+(-?\d+))?\]`)
	// registers that hold an address in the parameter
	paramBase = regexp.MustCompile(`mov\.b64\s+(%rd\d+), \w+_param_0;`)
	paramAdd  = regexp.MustCompile(`add\.s64\s+(%rd\d+), (%rd\d+), (\d+);`)
)

func TestParametersMatchPTX(t *testing.T) {
	for _, m := range Modules() {
		var found []string
		for _, e := range entry.FindAllStringSubmatch(m.PTX, -1) {
			name, params := e[1], parameters[e[1]]
			found = append(found, name)
			if params == nil {
				t.Errorf("kernel %s has no Go struct", name)
				continue
			}
			if size := strconv.Itoa(int(params.Size())); size != e[2] || params.Size()%8 != 0 {
				t.Errorf("%s: the kernel's parameter has %s bytes, the Go struct %s", name, e[2], size)
			}
			checkLoads(t, name, e[3], params)
		}
		if !slices.Equal(found, m.Kernels) {
			t.Errorf("module %s has the kernels %v, says %v", m.Name, found, m.Kernels)
		}
	}
}

// checkLoads checks that everything a kernel loads of its parameter is a field of that place, size and kind.
func checkLoads(t *testing.T, name, body string, params reflect.Type) {
	fields := map[int]reflect.Kind{}
	flatten(params, 0, fields)
	base := map[string]int{} // what registers that hold an address in the parameter add to it
	for _, m := range paramBase.FindAllStringSubmatch(body, -1) {
		base[m[1]] = 0
	}
	for _, m := range paramAdd.FindAllStringSubmatch(body, -1) {
		if first, ok := base[m[2]]; ok {
			offset, _ := strconv.Atoi(m[3])
			base[m[1]] = first + offset
		}
	}
	loads := loadParam.FindAllStringSubmatch(body, -1)
	if len(loads) == 0 {
		t.Errorf("%s loads no parameter", name)
	}
	for _, l := range loads {
		count, _ := strconv.Atoi(l[1])
		bits, _ := strconv.Atoi(l[3])
		at, _ := strconv.Atoi(l[5])
		first, copied := base[l[4]] // by a register structs are copied too, whatever their fields are
		if at += first; l[4][0] == '%' && !copied {
			continue // an element of an array
		}
		for i := range max(count, 1) {
			kind, ok := fields[at+i*bits/8]
			if !ok || bits == 8 && kind != reflect.Int32 { // the compiler narrows flags to a byte
				t.Errorf("%s loads %d bits at %d, where no field of the Go struct starts", name, bits, at+i*bits/8)
				continue
			}
			if size := sizes[kind]; size*8 != bits && bits != 8 || !copied && (kind == reflect.Float32) != (l[2] == "f") {
				t.Errorf("%s loads %s%d at %d, the Go struct has a %v there", name, l[2], bits, at+i*bits/8, kind)
			}
		}
	}
}

var sizes = map[reflect.Kind]int{reflect.Uint64: 8, reflect.Int64: 8, reflect.Int32: 4, reflect.Uint32: 4, reflect.Float32: 4}

func flatten(t reflect.Type, at int, fields map[int]reflect.Kind) {
	switch t.Kind() {
	case reflect.Struct:
		for f := range t.Fields() {
			flatten(f.Type, at+int(f.Offset), fields)
		}
	case reflect.Array:
		for i := range t.Len() {
			flatten(t.Elem(), at+i*int(t.Elem().Size()), fields)
		}
	default:
		fields[at] = t.Kind()
	}
}

// TestNoPadding keeps undefined bytes out of parameters: equal plans have equal bytes.
func TestNoPadding(t *testing.T) {
	for name, params := range parameters {
		fields, sum := map[int]reflect.Kind{}, 0
		flatten(params, 0, fields)
		for _, kind := range fields {
			sum += sizes[kind]
		}
		if sum != int(params.Size()) {
			t.Errorf("%s: fields have %d bytes, the struct %d", name, sum, params.Size())
		}
	}
	l := newLaunch("x", [3]uint32{}, [3]uint32{}, &normalizeParams{})
	if uintptr(unsafe.Pointer(&l.Params[0]))%8 != 0 {
		t.Error("parameters are not aligned")
	}
}

// What package device promises to whoever allocates is enough.
func TestScratchIsEnough(t *testing.T) {
	for _, anchors := range []int{1, 100, 3549, 25200, 1 << 20} {
		if got, need := device.SelectScratch(anchors), SelectScratchSize(anchors); got < need {
			t.Errorf("%d anchors: %d bytes, %d needed", anchors, got, need)
		}
	}
}
