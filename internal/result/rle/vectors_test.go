package rle

import "strings"

// vectors were made with pycocotools 2.0.11 (mask.encode); packed is the picture, column by column.
var vectors = []struct {
	name           string
	h, w           int
	packed, counts string
}{
	{"no pixel", 0, 0, "",
		`0`},
	{"one 0", 1, 1, "00",
		`1`},
	{"one 1", 1, 1, "01",
		`01`},
	{"all 0", 7, 9, "0000000000000000",
		`o1`},
	{"all 1", 7, 9, "ffffffffffffff7f",
		`0o1`},
	{"first pixel", 5, 4, "010000",
		`01c0`},
	{"last pixel", 5, 4, "000008",
		`c01`},
	{"a row", 6, 7, "044110044100",
		`21500000000000N`},
	{"a column", 6, 7, "00f003000000",
		`<6h0`},
	{"chessboard", 8, 8, "aa55aa55aa55aa55",
		`111000010O000010O000010O000010O000010O000010O000010O00000`},
	{"disc", 24, 32, strings.Repeat("00", 19) + "7e0080ff01e0ff07f0ff0ff0ff0ff8ff1ff8ff1ffcff3ffcff3ffcff3ffcff3ffcff3ffcff3ff8ff1ff8ff1ff0ff0ff0ff0fe0ff0780ff01007e" + strings.Repeat("00", 19),
		"i46`04L4M2O0O2O0O2O0000000001N101N101N3L4LY4"},
	{"rectangle with a hole", 100, 100, strings.Repeat("00", 253) + "c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ff00fcffff07000000000000fc0fc0ffff7f000000000000c0ff00fcffff07000000000000fc0fc0ffff7f000000000000c0ff00fcffff07000000000000fc0fc0ffff7f000000000000c0ff00fcffff07000000000000fc0fc0ffff7f000000000000c0ff00fcffff07000000000000fc0fc0ffff7f000000000000c0ff00fcffff07000000000000fc0fc0ffff7f000000000000c0ff00fcffff07000000000000fc0fc0ffff7f000000000000c0ff00fcffff07000000000000fc0fc0ffff7f000000000000c0ff00fcffff07000000000000fc0fc0ffff7f000000000000c0ff00fcffff07000000000000fc0fc0ffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f000000000000c0ffffffffff07000000000000fcffffffff7f" + strings.Repeat("00", 128),
		`^o1]1g100000000000000000000000000000000000000mNcN?]1AcN?]1AcN?]1AcN?]1AcN?]1AcN?]1AcN?]1AcN?]1AcN?]1AcN?]1AcN?]1AcN?]1AcN?]1AcN?]1AcN?]1AcN?]1AcN?]1AcN?]1AcN?]1AcN?]1d00000000000000000000000000000000000000000000000000000000000Zn0`},
	{"noise 0", 13, 11, "008008500400804000400000001001001014",
		"?13050I020a00B090>0VO0`00B0L01"},
	{"noise 1", 13, 11, "542e9a4b99af37b06c81508df104caab707e",
		`21100012ON20N111ON10O01103OL030N50KO11O00O50N0M000012002OM40K013OM000032N3`},
	{"noise 2", 13, 11, "ffffdeffeffffffcefe5f7ff7ff3df6ffb7d",
		"0`01D0:051GOJ0M15O=0_O17OM0L00040O"},
	{"long runs", 640, 100, "01" + strings.Repeat("00", 4836) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42) + strings.Repeat("00", 37) + "f0" + strings.Repeat("ff", 42),
		"01[iU1c:Q`jN00000000000000000000000000000000000000000000000000000000000000000000000000000"},
	{"run of 15", 16, 1, "0080",
		`?1`},
	{"run of 16", 17, 1, "000001",
		"`01"},
	{"run of 31", 32, 1, "00000080",
		`o01`},
	{"run of 511", 512, 1, strings.Repeat("00", 63) + "80",
		`o?1`},
	{"run of 512", 513, 1, strings.Repeat("00", 64) + "01",
		"P`01"},
	{"growing and shrinking", 1, 3000, "20" + strings.Repeat("00", 87) + "ec" + strings.Repeat("ff", 112) + "01000000000e" + strings.Repeat("00", 168),
		`51le01UZORl0W1oSOlX1`},
}
