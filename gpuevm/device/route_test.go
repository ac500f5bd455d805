package device

import (
	"testing"
	"time"
)

// TestRouter: a size goes where it is quicker, the other side is tried now and then, and a
// side that becomes quicker is noticed.
func TestRouter(t *testing.T) {
	var r router
	cost := [2]time.Duration{100, 1000} // the CPU's, the device's
	on := func() bool {
		d := r.onDevice(8)
		side := 0
		if d {
			side = 1
		}
		r.note(8, d, cost[side], 1)
		return d
	}
	count := func() (n int) {
		for range 10 * again {
			if on() {
				n++
			}
		}
		return n
	}
	if !on() {
		t.Error("the first batch does not go to the device")
	}
	if n := count(); n > 60 {
		t.Errorf("%d of %d batches go to a device that is slower", n, 10*again)
	}
	cost[1] = 10
	if n := count(); n < 4*again {
		t.Errorf("%d of %d batches go to a device that has become quicker", n, 10*again)
	}
	if !r.onDevice(1000) {
		t.Error("what was learned of one size was taken for another's")
	}
}
