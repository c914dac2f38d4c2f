package cuda

import "unsafe"

// fillPTX is a kernel of ours: fill(dst, value, n) sets dst[i] = value + i for all i below n.
const fillPTX = `.version 7.0
.target sm_75
.address_size 64

.visible .entry fill(
	.param .u64 dst,
	.param .u32 value,
	.param .u32 n
)
{
	.reg .pred %p;
	.reg .b32 %r<7>;
	.reg .b64 %d<4>;
	ld.param.u64 %d1, [dst];
	ld.param.u32 %r1, [value];
	ld.param.u32 %r2, [n];
	mov.u32 %r3, %ctaid.x;
	mov.u32 %r4, %ntid.x;
	mov.u32 %r5, %tid.x;
	mad.lo.s32 %r6, %r3, %r4, %r5;
	setp.ge.u32 %p, %r6, %r2;
	@%p bra done;
	cvta.to.global.u64 %d1, %d1;
	mul.wide.u32 %d2, %r6, 4;
	add.s64 %d3, %d1, %d2;
	add.s32 %r1, %r1, %r6;
	st.global.u32 [%d3], %r1;
done:
	ret;
}
`

// fill is one prepared launch of the kernel; its fields are the parameters.
type fill struct {
	dst      uint64
	value, n uint32
	*Prepared
}

func newFill(f Function, dst uintptr, value, n uint32) *fill {
	k := &fill{dst: uint64(dst), value: value, n: n}
	shape := Shape{Grid: [3]uint32{(n + 255) / 256, 1, 1}, Block: [3]uint32{256, 1, 1}}
	k.Prepared = f.Prepare(shape, unsafe.Pointer(&k.dst), unsafe.Pointer(&k.value), unsafe.Pointer(&k.n))
	return k
}

// words is pinned memory as numbers.
func words(b []byte) []uint32 { return unsafe.Slice((*uint32)(unsafe.Pointer(&b[0])), len(b)/4) }
