package device

// Sizes of the records in a lane's scratch, stated in kernels/scratch.cuh.
const (
	accountBytes = 184
	slotBytes    = 104
	undoBytes    = 88
	frameBytes   = 144
)

// class is how much of everything a lane has.
type class struct {
	words, memory, frames, accounts, slots, journal, logs, codes int
}

const classCount = 4

// classes, smallest first. Most transactions are transfers and token calls: the smaller
// their lane, the more lanes run at once and the more of them stays in the caches. The last
// is for the largest transaction there can be: 1024 calls deep with full stacks.
var classes = [classCount]class{
	{words: 256, memory: 8 << 10, frames: 8, accounts: 24, slots: 80, journal: 192, logs: 2 << 10, codes: 4 << 10},
	{words: 2 << 10, memory: 128 << 10, frames: 64, accounts: 192, slots: 640, journal: 1536, logs: 16 << 10, codes: 64 << 10},
	{words: 16 << 10, memory: 2 << 20, frames: 512, accounts: 2 << 10, slots: 8 << 10, journal: 16 << 10, logs: 256 << 10, codes: 512 << 10},
	{words: 1026 << 10, memory: 64 << 20, frames: 1026, accounts: 64 << 10, slots: 1 << 20, journal: 1 << 20, logs: 16 << 20, codes: 8 << 20},
}

// indexSize is the size of a hash index of n records: a power of 2, at most half full.
func indexSize(n int) int {
	size := 2
	for size < 2*n {
		size *= 2
	}
	return size
}

// capacities by part, and the bytes that a part takes but for the stack.
func (c *class) parts() (capacity [partCount]uint32, bytes [partCount]uint64) {
	set := func(part, n, size int) {
		capacity[part], bytes[part] = uint32(n), uint64(n)*uint64(size)
	}
	set(partStack, c.words, 0)
	set(partMemory, c.memory, 1)
	set(partFrames, c.frames, frameBytes)
	set(partAccounts, c.accounts, accountBytes)
	set(partAccountIndex, indexSize(c.accounts), 8)
	set(partSlots, c.slots, slotBytes)
	set(partSlotIndex, indexSize(c.slots), 8)
	set(partJournal, c.journal, undoBytes)
	set(partLogs, c.logs, 1)
	set(partCodes, c.codes, 1)
	return capacity, bytes
}

// laneHead is the part of a lane's bytes that belongs to the lane itself.
const laneHead = 64

// layout lays out the scratch of lanes lanes, whose stacks are interleaved by warps, and
// says how large it is. The base is for the caller to set.
func (c *class) layout(lanes, warp int) (in scratchIn, size uint64) {
	capacity, bytes := c.parts()
	in.capacity = capacity
	at := uint64(laneHead)
	for part := range bytes {
		if part == partStack {
			continue
		}
		in.offset[part] = at
		at += (bytes[part] + 15) &^ 15
	}
	in.laneBytes = (at + 127) &^ 127 // lanes don't share lines
	in.offset[partStack] = in.laneBytes * uint64(lanes)
	warps := (lanes + warp - 1) / warp
	return in, in.offset[partStack] + uint64(warps*warp)*uint64(c.words)*32
}

// next is the smallest class above this one in which the parts that were too small are
// larger; classCount: there is none.
func nextClass(class int, needs uint32) int {
	if class < 0 || class >= classCount {
		return classCount
	}
	before, _ := classes[class].parts()
	for class++; class < classCount; class++ {
		capacity, _ := classes[class].parts()
		larger := true
		for part := range partCount {
			if needs>>part&1 != 0 && capacity[part] <= before[part] {
				larger = false
			}
		}
		if larger {
			break
		}
	}
	return class
}
