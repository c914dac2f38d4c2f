package device

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
)

// Space says where a buffer's bytes live.
type Space int

const (
	// OnDevice memory can be reached by the device only.
	OnDevice Space = iota
	// Pinned memory is the host's, page-locked, and can be reached by both.
	Pinned
)

func (s Space) String() string {
	if s == Pinned {
		return "pinned"
	}
	return "device"
}

// Memory is a range of bytes that a device's allocator handed out.
type Memory interface {
	// Address identifies the range; for device memory it cannot be dereferenced in Go.
	Address() uintptr
	// Bytes is the content of pinned memory, and nil for device memory of a GPU.
	Bytes() []byte
	Free() error
}

// Allocator is the part of a device that the pool takes memory from. Addresses are aligned to 256
// bytes at least, and new memory is zero.
type Allocator interface {
	Allocate(space Space, size int64) (Memory, error)
}

// Pool hands out a device's memory, keeps to a limit, and knows who holds what. Its methods may be
// called from any goroutine.
type Pool struct {
	allocator Allocator
	limit     int64

	mutex   sync.Mutex
	used    int64
	pinned  int64
	owners  map[string]int64
	buffers int
}

// NewPool makes a pool. limit is in bytes of device and pinned memory together; 0 means that only
// the device itself limits it.
func NewPool(a Allocator, limit int64) *Pool {
	return &Pool{allocator: a, limit: limit, owners: map[string]int64{}}
}

// Alloc takes size bytes in owner's name; purpose is for errors. It fails with *OutOfMemoryError if
// the limit or the device does not allow it. The caller closes the buffer.
func (p *Pool) Alloc(owner, purpose string, space Space, size int64) (*Buffer, error) {
	if size <= 0 {
		return nil, fmt.Errorf("allocate %s for %s: size %d", purpose, owner, size)
	}
	// The bytes are booked before they are taken, so that concurrent callers cannot pass the limit.
	p.mutex.Lock()
	if p.limit > 0 && p.used+size > p.limit {
		err := p.outOfMemory(owner, purpose, size, nil)
		p.mutex.Unlock()
		return nil, err
	}
	p.book(owner, size)
	p.mutex.Unlock()

	memory, err := p.allocator.Allocate(space, size)
	if err != nil {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		p.book(owner, -size)
		return nil, p.outOfMemory(owner, purpose, size, err)
	}
	p.mutex.Lock()
	p.buffers++
	if space == Pinned {
		p.pinned += size
	}
	p.mutex.Unlock()
	return &Buffer{pool: p, owner: owner, space: space, memory: memory, size: size}, nil
}

func (p *Pool) book(owner string, size int64) {
	p.used += size
	p.owners[owner] += size
	if p.owners[owner] == 0 {
		delete(p.owners, owner)
	}
}

func (p *Pool) outOfMemory(owner, purpose string, size int64, cause error) error {
	return &OutOfMemoryError{Owner: owner, Purpose: purpose, Size: size, Used: p.used, Limit: p.limit, Cause: cause}
}

// Usage is a pool's ledger at one moment.
type Usage struct {
	Used int64 `json:"used"`
	// Pinned is the part of Used that the host can reach: nothing else can come from the device to it.
	Pinned int64 `json:"pinned"`
	Limit  int64 `json:"limit,omitempty"`
	// Buffers is the number of buffers that are open.
	Buffers int `json:"buffers"`
	// Owners holds the bytes of every owner that has any.
	Owners map[string]int64 `json:"owners"`
}

// Usage returns a copy of the ledger.
func (p *Pool) Usage() Usage {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	u := Usage{Used: p.used, Pinned: p.pinned, Limit: p.limit, Buffers: p.buffers, Owners: make(map[string]int64, len(p.owners))}
	for owner, n := range p.owners {
		u.Owners[owner] = n
	}
	return u
}

// String lists the owners, the largest first.
func (u Usage) String() string {
	names := make([]string, 0, len(u.Owners))
	for name := range u.Owners {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		if u.Owners[names[i]] != u.Owners[names[j]] {
			return u.Owners[names[i]] > u.Owners[names[j]]
		}
		return names[i] < names[j]
	})
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %d buffers", mebibytes(u.Used), u.Buffers)
	for _, name := range names {
		fmt.Fprintf(&b, ", %s %s", name, mebibytes(u.Owners[name]))
	}
	return b.String()
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// OutOfMemoryError says who wanted how much and what there was.
type OutOfMemoryError struct {
	Owner, Purpose    string
	Size, Used, Limit int64
	// Cause is the device's own refusal; nil if it was the pool's limit.
	Cause error
}

func (e *OutOfMemoryError) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("no device memory for %s: %s needs %s, %s in use: %v", e.Owner, e.Purpose,
			mebibytes(e.Size), mebibytes(e.Used), e.Cause)
	}
	return fmt.Sprintf("no memory left in the pool for %s: %s needs %s, %s of %s in use (raise memory_limit)",
		e.Owner, e.Purpose, mebibytes(e.Size), mebibytes(e.Used), mebibytes(e.Limit))
}

func (e *OutOfMemoryError) Unwrap() error { return e.Cause }

// Buffer is a range of a device's memory with one owner. Go code cannot index device memory: only
// kernels, copies and engines reach it.
type Buffer struct {
	pool   *Pool
	owner  string
	space  Space
	memory Memory
	offset int64
	size   int64
	view   bool

	closing sync.Mutex
	closed  bool
}

// Size is the number of bytes.
func (b *Buffer) Size() int64 { return b.size }

// Space says where the bytes live.
func (b *Buffer) Space() Space { return b.space }

// Owner is the name the bytes are booked to.
func (b *Buffer) Owner() string { return b.owner }

// Address is where the buffer starts on the device.
func (b *Buffer) Address() uintptr { return b.memory.Address() + uintptr(b.offset) }

// Bytes is the content of a pinned buffer. It panics for device memory, which Go must not read: the
// device's own package uses Memory instead.
func (b *Buffer) Bytes() []byte {
	if b.space != Pinned {
		panic("device: Bytes of a device buffer of " + b.owner)
	}
	return b.memory.Bytes()[b.offset : b.offset+b.size]
}

// Memory is the range the buffer lies in, for the package that made it, and Offset where in it.
func (b *Buffer) Memory() (memory Memory, offset int64) { return b.memory, b.offset }

// Slice is a view of size bytes from offset. It is valid while b is open and is not closed itself.
func (b *Buffer) Slice(offset, size int64) *Buffer {
	if offset < 0 || size <= 0 || offset+size > b.size {
		panic(fmt.Sprintf("device: slice %d+%d of a buffer of %d bytes", offset, size, b.size))
	}
	return &Buffer{pool: b.pool, owner: b.owner, space: b.space, memory: b.memory, offset: b.offset + offset, size: size, view: true}
}

// Close gives the memory back. No stream may have work left that uses it. Closing twice, or a nil
// buffer, does nothing.
func (b *Buffer) Close() error {
	if b == nil || b.view {
		return nil
	}
	b.closing.Lock()
	defer b.closing.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	err := b.memory.Free()
	b.pool.mutex.Lock()
	defer b.pool.mutex.Unlock()
	b.pool.book(b.owner, -b.size)
	b.pool.buffers--
	if b.space == Pinned {
		b.pool.pinned -= b.size
	}
	if err != nil {
		return fmt.Errorf("free %s of %s: %w", mebibytes(b.size), b.owner, err)
	}
	return nil
}

// CloseAll closes everything in order and joins the errors; nil entries are skipped.
func CloseAll(buffers ...*Buffer) error {
	var errs []error
	for _, b := range buffers {
		errs = append(errs, b.Close())
	}
	return errors.Join(errs...)
}
