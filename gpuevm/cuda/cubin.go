package cuda

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
)

// Attributes in a cubin's section .nv.info: a format, a kind, and where the format says so a size
// and as many bytes. (NVIDIA documents none of this; cuobjdump -elf shows it.)
const (
	infoSized     = 4
	infoFrame     = 0x11 // of a function alone: symbol, bytes
	infoMinStack  = 0x12 // of a kernel with all that it calls: symbol, bytes
	infoRegisters = 0x2f // of a function: symbol, how many

	versionAt = 20 // in an ELF header
)

// Function is what a function of a cubin takes.
type Function struct {
	Name      string // as it is mangled
	Registers int
	Frame     int // bytes on the stack: its own arrays, and what it spills
}

// FunctionsOf are the functions of a cubin, which need not be linked.
func FunctionsOf(image []byte) ([]Function, error) {
	file, info, err := openCubin(image)
	if err != nil {
		return nil, err
	}
	symbols, err := file.Symbols()
	if err != nil {
		return nil, fmt.Errorf("cubin: %w", err)
	}
	var list []Function
	at := map[uint32]int{}
	err = eachPair(info, func(kind byte, symbol, value uint32) error {
		if kind != infoFrame && kind != infoRegisters {
			return nil
		}
		if symbol == 0 || int(symbol) > len(symbols) { // the first is left out of the list
			return fmt.Errorf("cubin: .nv.info names symbol %d of %d", symbol, len(symbols))
		}
		i, ok := at[symbol]
		if !ok {
			i, at[symbol] = len(list), len(list)
			list = append(list, Function{Name: symbols[symbol-1].Name})
		}
		if kind == infoFrame {
			list[i].Frame = int(value)
		} else {
			list[i].Registers = int(value)
		}
		return nil
	})
	return list, err
}

// StackOf is the most bytes of stack that a kernel of a linked cubin needs, as the linker has
// found it out. An error: it is no cubin of the kind that we know.
func StackOf(image []byte) (uint64, error) {
	_, info, err := openCubin(image)
	if err != nil {
		return 0, err
	}
	stack := uint64(0)
	err = eachPair(info, func(kind byte, _, value uint32) error {
		if kind == infoMinStack {
			stack = max(stack, uint64(value))
		}
		return nil
	})
	return stack, err
}

// openCubin finds .nv.info.
func openCubin(image []byte) (*elf.File, []byte, error) {
	image = bytes.Clone(image)
	if len(image) > versionAt+4 {
		binary.LittleEndian.PutUint32(image[versionAt:], uint32(elf.EV_CURRENT)) // NVIDIA's own there
	}
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return nil, nil, fmt.Errorf("cubin: %w", err)
	}
	section := file.Section(".nv.info")
	if section == nil {
		return nil, nil, fmt.Errorf("cubin: no .nv.info")
	}
	info, err := section.Data()
	if err != nil {
		return nil, nil, fmt.Errorf("cubin: %w", err)
	}
	return file, info, nil
}

// eachPair visits the attributes that are a symbol and a number.
func eachPair(info []byte, visit func(kind byte, symbol, value uint32) error) error {
	for len(info) >= 4 {
		format, kind, size := info[0], info[1], int(binary.LittleEndian.Uint16(info[2:]))
		info = info[4:]
		if format != infoSized {
			continue
		}
		if size > len(info) {
			return fmt.Errorf("cubin: .nv.info is cut short")
		}
		if size == 8 {
			if err := visit(kind, binary.LittleEndian.Uint32(info), binary.LittleEndian.Uint32(info[4:])); err != nil {
				return err
			}
		}
		info = info[size:]
	}
	return nil
}
