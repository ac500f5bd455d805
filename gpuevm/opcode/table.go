package opcode

// op is an opcode as it was introduced.
type op struct {
	code  byte
	name  string
	pops  uint8
	needs uint8 // words looked at, where that is more than pops
	push  uint8
	gas   uint16
	since Revision
}

// Groups of base gas.
const (
	quick   = 2
	fastest = 3
	fast    = 5
	mid     = 8
	slow    = 10
	ext     = 20
	warm    = 100 // EIP-2929
)

// ops are all opcodes but the families that family makes. INVALID (0xfe) is not among
// them: it fails as any undefined opcode does.
var ops = []op{
	{code: 0x00, name: "STOP"},
	{code: 0x01, name: "ADD", pops: 2, push: 1, gas: fastest},
	{code: 0x02, name: "MUL", pops: 2, push: 1, gas: fast},
	{code: 0x03, name: "SUB", pops: 2, push: 1, gas: fastest},
	{code: 0x04, name: "DIV", pops: 2, push: 1, gas: fast},
	{code: 0x05, name: "SDIV", pops: 2, push: 1, gas: fast},
	{code: 0x06, name: "MOD", pops: 2, push: 1, gas: fast},
	{code: 0x07, name: "SMOD", pops: 2, push: 1, gas: fast},
	{code: 0x08, name: "ADDMOD", pops: 3, push: 1, gas: mid},
	{code: 0x09, name: "MULMOD", pops: 3, push: 1, gas: mid},
	{code: 0x0a, name: "EXP", pops: 2, push: 1},
	{code: 0x0b, name: "SIGNEXTEND", pops: 2, push: 1, gas: fast},

	{code: 0x10, name: "LT", pops: 2, push: 1, gas: fastest},
	{code: 0x11, name: "GT", pops: 2, push: 1, gas: fastest},
	{code: 0x12, name: "SLT", pops: 2, push: 1, gas: fastest},
	{code: 0x13, name: "SGT", pops: 2, push: 1, gas: fastest},
	{code: 0x14, name: "EQ", pops: 2, push: 1, gas: fastest},
	{code: 0x15, name: "ISZERO", pops: 1, push: 1, gas: fastest},
	{code: 0x16, name: "AND", pops: 2, push: 1, gas: fastest},
	{code: 0x17, name: "OR", pops: 2, push: 1, gas: fastest},
	{code: 0x18, name: "XOR", pops: 2, push: 1, gas: fastest},
	{code: 0x19, name: "NOT", pops: 1, push: 1, gas: fastest},
	{code: 0x1a, name: "BYTE", pops: 2, push: 1, gas: fastest},
	{code: 0x1b, name: "SHL", pops: 2, push: 1, gas: fastest, since: Constantinople},
	{code: 0x1c, name: "SHR", pops: 2, push: 1, gas: fastest, since: Constantinople},
	{code: 0x1d, name: "SAR", pops: 2, push: 1, gas: fastest, since: Constantinople},
	{code: 0x1e, name: "CLZ", pops: 1, push: 1, gas: fast, since: Osaka},

	{code: 0x20, name: "KECCAK256", pops: 2, push: 1, gas: 30},

	{code: 0x30, name: "ADDRESS", push: 1, gas: quick},
	{code: 0x31, name: "BALANCE", pops: 1, push: 1, gas: ext},
	{code: 0x32, name: "ORIGIN", push: 1, gas: quick},
	{code: 0x33, name: "CALLER", push: 1, gas: quick},
	{code: 0x34, name: "CALLVALUE", push: 1, gas: quick},
	{code: 0x35, name: "CALLDATALOAD", pops: 1, push: 1, gas: fastest},
	{code: 0x36, name: "CALLDATASIZE", push: 1, gas: quick},
	{code: 0x37, name: "CALLDATACOPY", pops: 3, gas: fastest},
	{code: 0x38, name: "CODESIZE", push: 1, gas: quick},
	{code: 0x39, name: "CODECOPY", pops: 3, gas: fastest},
	{code: 0x3a, name: "GASPRICE", push: 1, gas: quick},
	{code: 0x3b, name: "EXTCODESIZE", pops: 1, push: 1, gas: ext},
	{code: 0x3c, name: "EXTCODECOPY", pops: 4, gas: ext},
	{code: 0x3d, name: "RETURNDATASIZE", push: 1, gas: quick, since: Byzantium},
	{code: 0x3e, name: "RETURNDATACOPY", pops: 3, gas: fastest, since: Byzantium},
	{code: 0x3f, name: "EXTCODEHASH", pops: 1, push: 1, gas: 400, since: Constantinople},

	{code: 0x40, name: "BLOCKHASH", pops: 1, push: 1, gas: ext},
	{code: 0x41, name: "COINBASE", push: 1, gas: quick},
	{code: 0x42, name: "TIMESTAMP", push: 1, gas: quick},
	{code: 0x43, name: "NUMBER", push: 1, gas: quick},
	{code: 0x44, name: "DIFFICULTY", push: 1, gas: quick}, // PREVRANDAO since Paris
	{code: 0x45, name: "GASLIMIT", push: 1, gas: quick},
	{code: 0x46, name: "CHAINID", push: 1, gas: quick, since: Istanbul},
	{code: 0x47, name: "SELFBALANCE", push: 1, gas: fast, since: Istanbul},
	{code: 0x48, name: "BASEFEE", push: 1, gas: quick, since: London},
	{code: 0x49, name: "BLOBHASH", pops: 1, push: 1, gas: fastest, since: Cancun},
	{code: 0x4a, name: "BLOBBASEFEE", push: 1, gas: quick, since: Cancun},

	{code: 0x50, name: "POP", pops: 1, gas: quick},
	{code: 0x51, name: "MLOAD", pops: 1, push: 1, gas: fastest},
	{code: 0x52, name: "MSTORE", pops: 2, gas: fastest},
	{code: 0x53, name: "MSTORE8", pops: 2, gas: fastest},
	{code: 0x54, name: "SLOAD", pops: 1, push: 1, gas: 50},
	{code: 0x55, name: "SSTORE", pops: 2},
	{code: 0x56, name: "JUMP", pops: 1, gas: mid},
	{code: 0x57, name: "JUMPI", pops: 2, gas: slow},
	{code: 0x58, name: "PC", push: 1, gas: quick},
	{code: 0x59, name: "MSIZE", push: 1, gas: quick},
	{code: 0x5a, name: "GAS", push: 1, gas: quick},
	{code: 0x5b, name: "JUMPDEST", gas: 1},
	{code: 0x5c, name: "TLOAD", pops: 1, push: 1, gas: warm, since: Cancun},
	{code: 0x5d, name: "TSTORE", pops: 2, gas: warm, since: Cancun},
	{code: 0x5e, name: "MCOPY", pops: 3, gas: fastest, since: Cancun},
	{code: 0x5f, name: "PUSH0", push: 1, gas: quick, since: Shanghai},

	{code: 0xf0, name: "CREATE", pops: 3, push: 1, gas: 32000},
	{code: 0xf1, name: "CALL", pops: 7, push: 1, gas: 40},
	{code: 0xf2, name: "CALLCODE", pops: 7, push: 1, gas: 40},
	{code: 0xf3, name: "RETURN", pops: 2},
	{code: 0xf4, name: "DELEGATECALL", pops: 6, push: 1, gas: 40, since: Homestead},
	{code: 0xf5, name: "CREATE2", pops: 4, push: 1, gas: 32000, since: Constantinople},
	{code: 0xfa, name: "STATICCALL", pops: 6, push: 1, gas: 700, since: Byzantium},
	{code: 0xfd, name: "REVERT", pops: 2, since: Byzantium},
	{code: 0xff, name: "SELFDESTRUCT", pops: 1},
}

// reprice is a change of base gas.
type reprice struct {
	from  Revision
	codes string // opcodes
	gas   uint16
}

// reprices, in order of activation. From Berlin on the rest of what these cost is dynamic.
var reprices = []reprice{
	{TangerineWhistle, "\x31", 400},                    // BALANCE (EIP-150)
	{TangerineWhistle, "\x3b\x3c", 700},                // EXTCODESIZE, EXTCODECOPY
	{TangerineWhistle, "\x54", 200},                    // SLOAD
	{TangerineWhistle, "\xf1\xf2\xf4", 700},            // CALL, CALLCODE, DELEGATECALL
	{Istanbul, "\x31\x3f", 700},                        // BALANCE, EXTCODEHASH (EIP-1884)
	{Istanbul, "\x54", 800},                            // SLOAD
	{Berlin, "\x31\x3b\x3c\x3f\xf1\xf2\xf4\xfa", warm}, // account access (EIP-2929)
	{Berlin, "\x54", 0},                                // SLOAD
	{Berlin, "\xff", 5000},                             // SELFDESTRUCT
}
