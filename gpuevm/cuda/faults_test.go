package cuda_test

import (
	"errors"
	"testing"

	"github.com/gpuevm/gpuevm/gpuevm/cuda"
)

// TestFaultless: with nothing planned it is the device inside.
func TestFaultless(t *testing.T) {
	testDevice(t, func(tb testing.TB) cuda.Device { return cuda.Faults(openHost(tb)) })
}

// trial makes two of each operation and joins the errors, apart from those of Sync.
func trial(dev cuda.Device) (got []byte, failed, syncFailed error) {
	got = make([]byte, 4)
	var p cuda.Ptr
	for range 2 {
		q, err := dev.Alloc(4)
		if err == nil {
			p = q
		}
		failed = errors.Join(failed, err)
	}
	for range 2 {
		failed = errors.Join(failed,
			dev.Upload(0, p, []byte{1, 0, 0, 0}),
			dev.Launch(0, source, "test_device_step", 1, deviceArgs{1, 2, p, 0}.bytes()),
			dev.Download(0, got, p))
		_, err := dev.Sync(0)
		syncFailed = errors.Join(syncFailed, err)
	}
	return got, failed, syncFailed
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		plan     cuda.Fault
		is       error
		got      byte
		allFails bool
	}{
		{cuda.Fault{At: cuda.Launches, N: 1, What: cuda.Fail}, cuda.ErrInjected, 5, false},
		{cuda.Fault{At: cuda.Launches, N: 2, What: cuda.Fail}, cuda.ErrInjected, 1, false},
		{cuda.Fault{At: cuda.Launches, N: 2, What: cuda.Twice}, nil, 17, false},
		{cuda.Fault{At: cuda.Uploads, N: 2, What: cuda.Fail}, cuda.ErrInjected, 17, false},
		{cuda.Fault{At: cuda.Uploads, N: 1, What: cuda.Lose}, cuda.ErrLost, 0, true},
		{cuda.Fault{At: cuda.Downloads, N: 2, What: cuda.Fail}, cuda.ErrInjected, 5, false},
		{cuda.Fault{At: cuda.Allocs, N: 2, What: cuda.Full}, cuda.ErrMemory, 5, false},
		{cuda.Fault{At: cuda.Syncs, N: 1, What: cuda.Fail}, cuda.ErrInjected, 5, false},
		{cuda.Fault{At: cuda.Syncs, N: 2, What: cuda.Lose}, cuda.ErrLost, 5, true},
		{cuda.Fault{At: cuda.Launches, N: 3, What: cuda.Lose}, nil, 5, false},
	} {
		dev := cuda.Faults(openHost(t), c.plan)
		got, failed, syncFailed := trial(dev)
		err := errors.Join(failed, syncFailed)
		if c.is == nil && err != nil || c.is != nil && (!errors.Is(err, c.is) || !errors.Is(err, cuda.ErrInjected)) {
			t.Errorf("%+v: %v", c.plan, err)
		}
		if got[0] != c.got {
			t.Errorf("%+v: got %d", c.plan, got[0])
		}
		if c.allFails {
			checkLost(t, rig{t, dev})
		} else if err := dev.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFlip(t *testing.T) {
	dev := cuda.Faults(openHost(t), cuda.Fault{At: cuda.Downloads, N: 0, What: cuda.Flip})
	defer dev.Close()
	got, failed, syncFailed := trial(dev)
	if failed != nil || syncFailed != nil {
		t.Error(failed, syncFailed)
	}
	wrong := 0
	for i, b := range got {
		want := []byte{5, 0, 0, 0}[i]
		for x := b ^ want; x != 0; x &= x - 1 {
			wrong++
		}
	}
	if wrong != 1 {
		t.Errorf("%d bits are wrong", wrong)
	}
	if n := dev.Count(cuda.Launches); n != 2 {
		t.Errorf("%d launches", n)
	}
}
