#!/usr/bin/env bash
# Counts the machine instructions of opcodes: compiles kernels/test_ops.cu for an architecture
# and subtracts op_none from every kernel. Static counts: all branches of an opcode, and what
# it calls, are in. Needs cuobjdump (Debian's nvidia-cuda-toolkit, any CUDA toolkit).
# Usage: make sass [ARCH=sm_90]
set -euo pipefail
cd "$(dirname "$0")/../.."
arch="${1:-sm_90}"
. build/cuda/env
cuobjdump="${CUOBJDUMP:-cuobjdump}"
command -v "$cuobjdump" >/dev/null || { echo "cuobjdump is missing (CUOBJDUMP names it)" >&2; exit 1; }
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
go run ./kernels/build -tests "$work" -only test_ops.cu >/dev/null
gunzip -c "$work/test_ops.compute_80.gz" | tr -d '\000' >"$work/ops.ptx"
"$PTXAS" -arch="$arch" "$work/ops.ptx" -o "$work/ops.cubin"
"$cuobjdump" -sass "$work/ops.cubin" | awk -v arch="$arch" '
  /Function : / { name = $3; order[++n] = name }
  /^ +\/\*[0-9a-f]+\*\/ / && !/ NOP/ {
    count[name]++
    if ($0 ~ / LDG|LD\.E/) loads[name]++
    if ($0 ~ / STG|ST\.E/) stores[name]++
    if ($0 ~ / IMAD\.WIDE/) wide[name]++
    if ($0 ~ / (LDL|STL)/) spills[name]++
  }
  END {
    printf "%s, instructions over op_none (%d)\n%-12s %6s %6s %6s %6s %6s\n", arch, count["op_none"], "opcode", "all", "loads", "stores", "wide", "local"
    for (i = n; i >= 1; i--) {
      k = order[i]
      if (k == "op_none") continue
      printf "%-12s %6d %6d %6d %6d %6d\n", substr(k, 4), count[k] - count["op_none"], loads[k] - loads["op_none"], stores[k] - stores["op_none"], wide[k], spills[k]
    }
  }'
