//go:build !cgo

package bench

// Cgo says whether C is linked in: libsecp256k1 recovers senders several times faster than Go.
const Cgo = false
