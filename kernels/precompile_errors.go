package kernels

// PrecompileErrors are go-ethereum's words for each PrecompileError (precompile_errors.cuh).
var PrecompileErrors = [...]string{
	"",
	"one or more of base/exponent/modulus length exceeded 1024 bytes",
	"bad elliptic curve pairing size",
	"invalid fp.Element encoding",
	"point is not on curve",
	"point is not in correct subgroup",
	"invalid input length",
	"invalid final flag",
}
