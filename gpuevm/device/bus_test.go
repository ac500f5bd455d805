package device

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/gpuevm/gpuevm/gpuevm"
)

// busTypes are the twins, by their names in kernels/cells.cuh.
var busTypes = map[string]any{
	"OpFact": opFact{}, "BlockIn": blockIn{}, "TxIn": txIn{}, "AccessIn": accessIn{}, "AuthIn": authIn{},
	"Entry": entry{}, "CodeBlock": codeBlock{}, "CodeIn": codeIn{}, "Table": table{}, "Miss": miss{},
	"TxOut": txOut{}, "CodeOut": codeOut{}, "LogOut": logOut{}, "ScratchIn": scratchIn{},
	"RunArgs": runArgs{}, "UpsertArgs": upsertArgs{}, "RecoverArgs": recoverArgs{}, "HashArgs": hashArgs{}, "ListArgs": listArgs{},
}

// busConstants are the enumerators, by their names there.
var busConstants = map[string]uint32{
	"TX_CREATE": txCreate, "TX_TRUST_NONCE": txTrustNonce, "TX_SYSTEM": txSystem, "TX_AUTHS": txAuths,
	"ENTRY_ACCOUNT": entryAccount, "ENTRY_SLOT": entrySlot,
	"MISS_ACCOUNT": missAccount, "MISS_SLOT": missSlot, "MISS_BLOCK_HASH": missBlockHash,
	"OUT_SUCCESS": outSuccess, "OUT_REVERTED": outReverted, "OUT_HALTED": outHalted, "OUT_REFUSED": outRefused,
	"OUT_UNSUPPORTED": outUnsupported, "OUT_MISSED": outMissed, "OUT_SCRATCH": outScratch, "OUT_ARENA": outArena,
	"ERR_NONE": errNone, "ERR_OUT_OF_GAS": errOutOfGas, "ERR_CODE_STORE_OUT_OF_GAS": errCodeStoreOutOfGas,
	"ERR_DEPTH": errDepth, "ERR_INSUFFICIENT_BALANCE": errInsufficientBalance, "ERR_ADDRESS_COLLISION": errAddressCollision,
	"ERR_REVERTED": errReverted, "ERR_MAX_INIT_CODE": errMaxInitCode, "ERR_MAX_CODE": errMaxCode,
	"ERR_INVALID_JUMP": errInvalidJump, "ERR_WRITE_PROTECTION": errWriteProtection, "ERR_RETURN_DATA_BOUNDS": errReturnDataBounds,
	"ERR_GAS_OVERFLOW": errGasOverflow, "ERR_INVALID_CODE": errInvalidCode, "ERR_NONCE_OVERFLOW": errNonceOverflow,
	"ERR_STACK_UNDERFLOW": errStackUnderflow, "ERR_STACK_OVERFLOW": errStackOverflow, "ERR_INVALID_OPCODE": errInvalidOpcode,
	"ERR_SENTRY": errSentry, "ERR_PRECOMPILE": errPrecompile, "ERR_NO_PRECOMPILE": errNoPrecompile, "ERR_TOO_LONG": errTooLong,
	"PART_STACK": partStack, "PART_MEMORY": partMemory, "PART_FRAMES": partFrames, "PART_ACCOUNTS": partAccounts,
	"PART_ACCOUNT_INDEX": partAccountIndex, "PART_SLOTS": partSlots, "PART_SLOT_INDEX": partSlotIndex,
	"PART_JOURNAL": partJournal, "PART_LOGS": partLogs, "PART_CODES": partCodes, "PART_COUNT": partCount,
	"READ_EQUAL": uint32(gpuevm.Equal), "READ_AT_LEAST": uint32(gpuevm.AtLeast),
	"CELL_EXISTS": uint32(gpuevm.Exists), "CELL_NONCE": uint32(gpuevm.Nonce), "CELL_BALANCE": uint32(gpuevm.Balance),
	"CELL_CODE_HASH": uint32(gpuevm.CodeHash), "CELL_SLOT": uint32(gpuevm.Slot),
}

// TestBus has a C++ compiler check every size, offset and number that this side assumes.
func TestBus(t *testing.T) {
	compiler, err := exec.LookPath("g++")
	if err != nil {
		if compiler, err = exec.LookPath("clang++"); err != nil {
			t.Skip("no C++ compiler")
		}
	}
	var src strings.Builder
	src.WriteString("#include \"scratch.cuh\"\n")
	for name, v := range busTypes {
		typ := reflect.TypeOf(v)
		fmt.Fprintf(&src, "static_assert(sizeof(%s) == %d, \"size of %s\");\n", name, typ.Size(), name)
		for i := range typ.NumField() {
			f := typ.Field(i)
			if f.Name == "_" {
				continue
			}
			field := snake(f.Name)
			fmt.Fprintf(&src, "static_assert(OFFSET(%s, %s) == %d, \"%s.%s\");\n", name, field, f.Offset, name, field)
			fmt.Fprintf(&src, "static_assert(sizeof(%s::%s) == %d, \"size of %s.%s\");\n", name, field, f.Type.Size(), name, field)
		}
	}
	for name, v := range busConstants {
		fmt.Fprintf(&src, "static_assert(%s == %d, \"%s\");\n", name, v, name)
	}
	for name, v := range map[string]int{"ACCOUNT_BYTES": accountBytes, "SLOT_BYTES": slotBytes, "UNDO_BYTES": undoBytes, "FRAME_BYTES": frameBytes} {
		fmt.Fprintf(&src, "static_assert(%s == %d, \"%s\");\n", name, v, name)
	}
	file := filepath.Join(t.TempDir(), "bus.cpp")
	if err := os.WriteFile(file, []byte(src.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(compiler, "-std=c++17", "-fsyntax-only", "-w", "-I", "../../kernels", file).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// snake is the C++ spelling of a field's name.
func snake(name string) string {
	var b strings.Builder
	for i, r := range strings.Replace(name, "ID", "Id", 1) {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// The lists of a result alias the arena: Read and Cell must lie in memory as ReadOut and
// CellOut do.
func TestResultsAlias(t *testing.T) {
	var r gpuevm.Read
	var c gpuevm.Cell
	if unsafe.Sizeof(r) != 86 || unsafe.Alignof(r) != 1 || unsafe.Offsetof(r.Value) != 53 || unsafe.Offsetof(r.Op) != 85 {
		t.Error("gpuevm.Read is not ReadOut")
	}
	if unsafe.Sizeof(c) != 85 || unsafe.Alignof(c) != 1 || unsafe.Offsetof(c.Value) != 53 {
		t.Error("gpuevm.Cell is not CellOut")
	}
	var k gpuevm.Key
	if unsafe.Offsetof(k.Kind) != 20 || unsafe.Offsetof(k.Slot) != 21 {
		t.Error("gpuevm.Key is not what CellOut begins with")
	}
}
