package kernels

import (
	"bytes"
	"compress/gzip"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Images are what NVIDIA's compilers made of the sources: PTX and machine code, compressed.
// Each carries in its gzip comment what it was made from: see ImageHash.
//
//go:embed images
var images embed.FS

// Toolchain is what images are made with. The same version comes from Debian and from PyPI,
// and its PTX (ISA 7.8) is understood by every driver since 520.
const Toolchain = "CUDA 11.8.89"

// CompileOptions are NVRTC's, for images and at run time.
var CompileOptions = []string{"--std=c++17"}

// LinkOptions are those of kernels and texts that are linked at run time, besides CompileOptions.
// There are no images of that kind: they would be a third of a megabyte for each architecture,
// and the texts need NVRTC in any case, which makes the interpreter's in some seconds, once.
var LinkOptions = []string{"--relocatable-device-code=true", "-DWITH_COMPILED", fmt.Sprintf("--maxrregcount=%d", LinkRegisters)}

// LinkRegisters is what the launch bounds of run.cu leave to a thread, and so to all functions
// that it may call.
const LinkRegisters = 128

// Targets are what each source is compiled for.
var Targets = []string{"compute_80", "sm_80", "sm_90"}

// ErrNoImage: there is no image for the target, or it is of other sources.
var ErrNoImage = errors.New("no image")

// Image returns the image of a source for a target. GPUEVM_IMAGES names a folder with more
// of them (those of test kernels).
func Image(source, target string) ([]byte, error) {
	name := ImageName(source, target)
	data, err := images.ReadFile("images/" + name)
	if dir := os.Getenv("GPUEVM_IMAGES"); err != nil && dir != "" {
		data, err = os.ReadFile(filepath.Join(dir, name))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrNoImage, name)
	}
	image, of, err := Unpack(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if hash, err := ImageHash(source); err != nil || hash != of {
		return nil, fmt.Errorf("%w: %s is of other sources", ErrNoImage, name)
	}
	return image, nil
}

func ImageName(source, target string) string {
	return strings.TrimSuffix(source, ".cu") + "." + target + ".gz"
}

// ImageHash identifies what a source's images are made of and with.
func ImageHash(source string) (string, error) {
	return Hash(source, "", append([]string{Toolchain}, CompileOptions...)...)
}

// Pack compresses an image; the same image always gives the same bytes.
func Pack(image []byte, hash string) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	w.Comment = hash
	if _, err := w.Write(image); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

// Unpack is the reverse of Pack.
func Unpack(data []byte) (image []byte, hash string, err error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, "", err
	}
	image, err = io.ReadAll(r)
	return image, r.Comment, err
}
