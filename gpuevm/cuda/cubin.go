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
	infoSized    = 4
	infoMinStack = 0x12 // of a kernel with all that it calls: symbol, bytes

	versionAt = 20 // in an ELF header
)

// StackOf is the most bytes of stack that a kernel of a linked cubin needs, as the linker has
// found it out. An error: it is no cubin of the kind that we know.
func StackOf(image []byte) (uint64, error) {
	image = bytes.Clone(image)
	if len(image) > versionAt+4 {
		binary.LittleEndian.PutUint32(image[versionAt:], uint32(elf.EV_CURRENT)) // NVIDIA's own there
	}
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return 0, fmt.Errorf("the linker's cubin: %w", err)
	}
	section := file.Section(".nv.info")
	if section == nil {
		return 0, fmt.Errorf("the linker's cubin has no .nv.info")
	}
	info, err := section.Data()
	if err != nil {
		return 0, fmt.Errorf("the linker's cubin: %w", err)
	}
	stack := uint64(0)
	for len(info) >= 4 {
		format, kind, size := info[0], info[1], int(binary.LittleEndian.Uint16(info[2:]))
		info = info[4:]
		if format != infoSized {
			continue
		}
		if size > len(info) {
			return 0, fmt.Errorf("the linker's cubin: .nv.info is cut short")
		}
		if kind == infoMinStack && size == 8 {
			stack = max(stack, uint64(binary.LittleEndian.Uint32(info[4:])))
		}
		info = info[size:]
	}
	return stack, nil
}
