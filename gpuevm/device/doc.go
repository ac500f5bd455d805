// Package device is the Engine on a cuda.Device, and what else runs there: the recovery of
// senders and hashing, in batches.
//
// It packs transactions, launches, and unpacks results; it keeps the state table and the
// codes on the device and brings them what a launch found missing. What a transaction
// means stands in kernels. Nothing here decides for good: what the device can't do, or
// got wrong by a fault, the CPU Engine does, and Stats says how often and why.
//
// The files: bus.go is what crosses the bus; check.go, pack.go and unpack.go turn
// transactions into it and results out of it; analyse.go and codes.go bring codes over,
// table.go state; scratch.go sizes what a lane works in; tiers.go has codes compiled
// (tiers_compile.go) and linked (tiers_link.go); batch.go is the way of one batch;
// engine.go puts them together and survives their faults.
package device
