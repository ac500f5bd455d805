#!/usr/bin/env bash
# Makes the folder build/gpu-check: everything that gpu-check.sh needs on a machine that has
# an NVIDIA driver but neither Go nor a network. `make gpu-check` calls this.
set -euo pipefail
cd "$(dirname "$0")/../.."
data="${1:-../shared/data}"
out=build/gpu-check
limit_kb=$((60 * 1000))

rm -rf "$out"
mkdir -p "$out/bin" "$out/data" "$out/lib"

# Without cgo the binaries need nothing but the C library, of any version.
flags=(-trimpath -ldflags "-s -w -X main.commit=$(git describe --tags --always --dirty)")
CGO_ENABLED=0 go build "${flags[@]}" -o "$out/bin/gpuevm" ./cmd/gpuevm
for package in kernels gpuevm/cuda gpuevm/device; do
  CGO_ENABLED=0 go test -c "${flags[@]}" -o "$out/bin/$(basename "$package").test" "./$package"
  # What its tests read lies where `go test` has it: beside the working directory.
  mkdir -p "$out/src/$package"
  git ls-files "$package" | { grep -v -e '\.go$' -e ^kernels/images || true; } | xargs -r cp --parents -t "$out/src"
done

# The kernels that exist only for tests are not embedded as images: NVRTC compiles them.
nvrtc=$(. build/cuda/env 2>/dev/null && echo "${NVRTC:-}" || true)
if [ -n "$nvrtc" ]; then
  cp -L "$nvrtc" "$(dirname "$nvrtc")"/libnvrtc-builtins.so.* "$out/lib/"
else
  echo "no NVRTC (.ci/cuda-tools build/cuda fetches it): the tests of single kernels will not run on a GPU that has none" >&2
fi
gzip -9 "$out"/bin/* "$out"/lib/*

# Data: every block needs the codes; then what is small and tests much, then blocks.
size_kb() { du -sk --apparent-size "$1" | cut -f1; }
take() { # FILE FOLDER: if it fits
  if [ $(($(size_kb "$out") + $(size_kb "$1"))) -lt $((limit_kb - 500)) ]; then
    mkdir -p "$out/data/$2" && cp "$1" "$out/data/$2/"
  fi
}
if [ -d "$data" ]; then
  take "$data/blocks/codes.bin.gz" blocks
  take "$data/conformance/known-deviations.tsv" conformance
  take "$data/conformance/statetests-legacy-constantinople.tar.gz" conformance
  for file in "$data"/vectors/*.tar.gz; do take "$file" vectors; done
  for file in $(ls -Sr "$data"/blocks/*-*.json.gz); do take "$file" blocks; done
else
  echo "no $data: the bundle has no real blocks and no spec tests" >&2
fi

cp bench/gpucheck/gpu-check.sh "$out/"
git describe --tags --always --dirty >"$out/COMMIT"
size=$(size_kb "$out")
blocks=$(find "$out/data" -name '*-*.json.gz' | wc -l)
echo "$out: $((size / 1000)) MB, $blocks real blocks; copy it to the GPU machine, and there: bash gpu-check.sh [OUTPUT FOLDER]"
[ "$size" -le "$limit_kb" ] || { echo "larger than $limit_kb kB" >&2; exit 1; }
