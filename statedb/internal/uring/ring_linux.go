package uring

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is a pair of queues shared with the kernel; see io_uring(7).
type ring struct {
	fd     int
	maps   [][]byte // in the order they are unmapped
	event  *os.File
	polled chan struct{} // closed when poll has ended

	submit sync.Mutex
	sqTail *uint32
	sqMask uint32
	array  []uint32
	sqes   []submission

	take   sync.Mutex
	cqHead *uint32
	cqTail *uint32
	cqMask uint32
	cqes   []completion

	free  chan uint64          // places of reads
	waits [ringSize]chan int32 // their results
	// into is where they read to. The kernel has that address: in here, Go must keep the
	// memory, and can't have it on a stack, which moves.
	into [ringSize][]byte
}

// What the kernel calls struct io_uring_params, io_uring_sqe and io_uring_cqe.
type (
	params struct {
		sqEntries, cqEntries, flags, cpu, idle, features, queue uint32
		_                                                       [3]uint32
		sq                                                      struct {
			head, tail, mask, entries, flags, dropped, array, _ uint32
			_                                                   uint64
		}
		cq struct {
			head, tail, mask, entries, overflow, cqes, flags, _ uint32
			_                                                   uint64
		}
	}
	submission struct {
		op, flags uint8
		priority  uint16
		fd        int32
		off, addr uint64
		length    uint32
		rw        uint32
		data      uint64
		_         [3]uint64
	}
	completion struct {
		data   uint64
		result int32
		_      uint32
	}
)

const (
	opRead        = 22 // IORING_OP_READ
	registerEvent = 4  // IORING_REGISTER_EVENTFD
	offSubmit     = 0
	offComplete   = 0x8000000
	offEntries    = 0x10000000
)

func newRing(entries uint32) (r *ring, err error) {
	var p params
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, fmt.Errorf("io_uring_setup: %w", errno)
	}
	r = &ring{fd: int(fd), free: make(chan uint64, ringSize)}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.unmap())
			r = nil
		}
	}()
	if p.sqEntries < entries || p.cqEntries < entries {
		return nil, fmt.Errorf("io_uring_setup: %d and %d entries", p.sqEntries, p.cqEntries)
	}
	sq, err := r.mmap(offSubmit, p.sq.array+4*p.sqEntries)
	if err != nil {
		return nil, err
	}
	cq, err := r.mmap(offComplete, p.cq.cqes+uint32(unsafe.Sizeof(completion{}))*p.cqEntries)
	if err != nil {
		return nil, err
	}
	sqes, err := r.mmap(offEntries, uint32(unsafe.Sizeof(submission{}))*p.sqEntries)
	if err != nil {
		return nil, err
	}
	r.sqTail, r.sqMask, r.array = word(sq, p.sq.tail), *word(sq, p.sq.mask), unsafe.Slice(word(sq, p.sq.array), p.sqEntries)
	r.sqes = unsafe.Slice((*submission)(unsafe.Pointer(&sqes[0])), p.sqEntries)
	r.cqHead, r.cqTail, r.cqMask = word(cq, p.cq.head), word(cq, p.cq.tail), *word(cq, p.cq.mask)
	r.cqes = unsafe.Slice((*completion)(unsafe.Pointer(&cq[p.cq.cqes])), p.cqEntries)
	if err := r.listen(); err != nil {
		return nil, err
	}
	for i := range r.waits {
		r.waits[i] = make(chan int32, 1)
		r.free <- uint64(i)
	}
	r.polled = make(chan struct{})
	go r.poll(r.polled)
	return r, nil
}

func word(b []byte, at uint32) *uint32 { return (*uint32)(unsafe.Pointer(&b[at])) }

func (r *ring) mmap(off int64, size uint32) ([]byte, error) {
	b, err := unix.Mmap(r.fd, off, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("mmap of a ring: %w", err)
	}
	r.maps = append(r.maps, b)
	return b, nil
}

// listen has the kernel count completions in an eventfd.
func (r *ring) listen() error {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	r.event = os.NewFile(uintptr(fd), "eventfd of a ring")
	arg := int32(fd)
	if _, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), registerEvent, uintptr(unsafe.Pointer(&arg)), 1, 0, 0); errno != 0 {
		return errors.Join(fmt.Errorf("io_uring_register: %w", errno), r.event.Close())
	}
	return nil
}

// read is Reader.ReadAt.
func (r *ring) read(fd int32, p []byte, off int64) (done bool) {
	var place uint64
	select {
	case place = <-r.free:
	default:
		return false // a full ring: one more that waits in the system does no harm
	}
	r.into[place] = p
	defer func() {
		r.into[place] = nil
		r.free <- place
	}()
	if !r.enter(submission{op: opRead, fd: fd, off: uint64(off), addr: uint64(uintptr(unsafe.Pointer(&p[0]))), length: uint32(len(p)), data: place}) {
		return false
	}
	if atomic.LoadUint32(r.cqHead) != atomic.LoadUint32(r.cqTail) {
		r.reap() // what was in memory is there at once
	}
	return int(<-r.waits[place]) == len(p)
}

// enter submits a read. It returns false only if the kernel has not taken it.
func (r *ring) enter(s submission) bool {
	r.submit.Lock()
	defer r.submit.Unlock()
	tail := *r.sqTail
	i := tail & r.sqMask
	r.sqes[i], r.array[i] = s, i
	atomic.StoreUint32(r.sqTail, tail+1)
	for {
		n, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), 1, 0, 0, 0, 0)
		switch {
		case errno == unix.EINTR:
			continue
		case errno == 0 && n == 1:
			return true
		}
		atomic.StoreUint32(r.sqTail, tail) // only enter looks at it: there is no kernel thread
		return false
	}
}

// reap hands results to those who wait for them. A place has one read under way, and its
// channel room for one result.
func (r *ring) reap() {
	r.take.Lock()
	defer r.take.Unlock()
	head := *r.cqHead
	for head != atomic.LoadUint32(r.cqTail) {
		c := r.cqes[head&r.cqMask]
		head++
		r.waits[c.data] <- c.result
	}
	atomic.StoreUint32(r.cqHead, head)
}

// close waits for poll to end.
func (r *ring) close() error {
	err := r.event.Close()
	<-r.polled
	return errors.Join(err, r.unmap())
}

func (r *ring) unmap() error {
	var err error
	for _, m := range r.maps {
		err = errors.Join(err, unix.Munmap(m))
	}
	return errors.Join(err, unix.Close(r.fd))
}
