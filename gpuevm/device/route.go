package device

import (
	"math/bits"
	"sync"
	"time"
)

// router sends a batch to whichever of the device and the CPU Engine has been quicker with
// batches of its size: a launch costs much the same for one transaction as for a thousand,
// and a chain of dependent transactions is a launch each. Cost is time by gas, so that what
// transactions do matters less; now and then the other side is tried again.
type router struct {
	mu    sync.Mutex
	sizes [20]routes // by the size's number of bits
}

type routes struct {
	cost  [2]float64 // ns by gas, smoothed; 0: not known. Of the CPU Engine, of the device
	turns int
}

// again is after how many batches of a size the side that was slower is tried again.
const again = 64

func routeSize(n int) int { return min(bits.Len(uint(n)), 19) }

// onDevice says where a batch of n transactions runs.
func (r *router) onDevice(n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.sizes[routeSize(n)]
	s.turns++
	device := s.cost[1] == 0 || s.cost[0] != 0 && s.cost[1] <= s.cost[0]
	if s.turns%again == 0 {
		return !device
	}
	return device
}

// note learns what a batch took.
func (r *router) note(n int, device bool, took time.Duration, gas uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	side := 0
	if device {
		side = 1
	}
	c := &r.sizes[routeSize(n)].cost[side]
	now := float64(max(took, 1)) / float64(gas+1)
	if *c == 0 {
		*c = now
	} else {
		*c += (now - *c) / 2 // half: a side that is seldom tried must be able to win again
	}
}
