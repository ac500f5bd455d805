#!/usr/bin/env bash
# Runs everything that wants a GPU, from the folder that bundle.sh made, and writes one JSON:
# the tests of the Device, the kernels and the Engine, real blocks, state tests,
# compute-sanitizer on a small set, and the benchmarks. It needs an NVIDIA driver and the
# usual commands; compute-sanitizer is used where it is installed.
#
# Usage: bash gpu-check.sh [OUTPUT FOLDER] [STEP...]
# The steps: devices cuda kernels engine blocks statetests run memcheck racecheck bench compiled
# compiledspeed. Each
# stands for itself; its output goes to STEP.log. With GPUEVM_GPUCHECK_DEVICE=host the
# machine's C++ compiler stands in for the GPU, to try the script itself.
set -uo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
out="${1:-$here/results}"
shift || true
wanted=("$@")
mkdir -p "$out" && out="$(cd "$out" && pwd)" || exit 1
device="${GPUEVM_GPUCHECK_DEVICE:-cuda}"
if [ "$device" = host ]; then
  rounds=1 mgas=20 txs=200 every=200 short=-test.short compiled=TestCompiled
else
  # No compiler: tests that run on every device there is leave out this machine's cores.
  export GPUEVM_REQUIRE_GPU=1 CXX=/no/compiler
  rounds=5 mgas=1000 txs=10000 every=10 short=-test.count=1 compiled=TestGPUCompiled
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
for f in "$here"/bin/*.gz "$here"/lib/*.gz; do
  [ -e "$f" ] || continue
  to="$work/$(basename "$f" .gz)"
  gunzip -c "$f" >"$to" && chmod +x "$to" || exit 1
done
cd "$work" || exit 1
export GPUEVM_DATA="$here/data" HOME="${HOME:-$work}" LD_LIBRARY_PATH="$work${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
# The machine's own NVRTC, if it can compile contracts; the bundle's is small, and can't.
for nvrtc in /usr/local/cuda*/lib64/libnvrtc.so.1[2-9] /usr/lib/x86_64-linux-gnu/libnvrtc.so.1[2-9] "$work"/libnvrtc.so.*; do
  [ -e "$nvrtc" ] || continue
  export NVRTC="${NVRTC:-$nvrtc}" LD_LIBRARY_PATH="$LD_LIBRARY_PATH:$(dirname "$nvrtc")"
  break
done

failed=0
steps=()
count() { grep -cE -e "^ *--- $1" "$2"; }

# step NAME SECONDS COMMAND...
step() {
  local name=$1 limit=$2 start rc took log="$out/$1.log"
  shift 2
  if [ ${#wanted[@]} -gt 0 ] && [[ " ${wanted[*]} " != *" $name "* ]]; then return; fi
  start=$(date +%s%N)
  if [ "$(type -t "$1")" = function ]; then "$@" >"$log" 2>&1; else timeout "$limit" "$@" >"$log" 2>&1; fi
  rc=$?
  took=$((($(date +%s%N) - start) / 1000000))
  echo "$name: exit $rc, $took ms, tests passed $(count PASS "$log"), failed $(count FAIL "$log"), skipped $(count SKIP "$log")"
  if [ $rc -ne 0 ]; then
    failed=1
    grep -E -e '--- FAIL' "$log" | head -20
    tail -15 "$log"
  fi
  steps+=("{\"step\":\"$name\",\"exit\":$rc,\"ms\":$took,\"pass\":$(count PASS "$log"),\"fail\":$(count FAIL "$log"),\"skip\":$(count SKIP "$log")}")
}

gpu=$(nvidia-smi --query-gpu=name,driver_version,compute_cap,memory.total --format=csv,noheader 2>/dev/null | head -1)
echo "commit $(cat "$here/COMMIT"), device $device, GPU: ${gpu:-none found}"
strict=(--device "$device" --strict-gpu)

step devices 60 ./gpuevm devices --json
# A test binary runs where its package's files are.
tests() { (cd "$here/src/$1" && exec "$work/$(basename "$1").test" -test.v -test.timeout "$2" $short "${@:3}"); }
step cuda 300 tests gpuevm/cuda 5m
step kernels 900 tests kernels 15m
step engine 1200 tests gpuevm/device 20m -test.skip "^$compiled"
step blocks 600 ./gpuevm replay "${strict[@]}" --min-on-device 0.98 --json "$out/blocks.json" "$here/data/blocks"
step statetests 900 sh -c './gpuevm statetest "$@" >/dev/null' sh "${strict[@]}" --every $every \
  --known "$here/data/conformance/known-deviations.tsv" "$here"/data/conformance/statetests-*.tar.gz
step run 300 ./gpuevm run "${strict[@]}" --txs $txs --json "$out/run.json"
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck; do
    step $tool 600 compute-sanitizer --tool $tool --error-exitcode 9 ./gpuevm run "${strict[@]}" --workload mixed --txs 100 --rounds 1
  done
else
  echo "no compute-sanitizer: memcheck and racecheck not run"
fi
step bench 900 ./gpuevm bench "${strict[@]}" --rounds $rounds --mgas $mgas --json "$out/bench.json"

# Contracts compiled for the device, in processes of their own: it has never run on a GPU.
step compiled 1200 tests gpuevm/device 20m -test.run "^$compiled" -test.skip 'Speed$|Used$'
step compiledspeed 600 env GPUEVM_SPEED=1 "$work/device.test" -test.v -test.timeout 10m -test.run "^${compiled}Speed$"
if [ "$compiled" = TestGPUCompiled ]; then # minutes of compiling, which say nothing on the host
  step compiledused 1200 env GPUEVM_SPEED=1 "$work/device.test" -test.v -test.timeout 20m -test.run '^TestGPUCompiledUsed$'
fi

{
  printf '{"commit":"%s","date":"%s","device":"%s","gpu":"%s","steps":[' "$(cat "$here/COMMIT")" "$(date -u +%FT%TZ)" "$device" "$gpu"
  (IFS=,; printf '%s' "${steps[*]}")
  printf ']'
  for f in compiledspeed compiledused; do
    if [ -s "$out/$f.log" ]; then
      printf ',"%s":[%s]' $f "$(sed -n 's/^.*go:[0-9]*: \(.* interpreted .*\)$/"\1"/p' "$out/$f.log" | paste -sd, -)"
    fi
  done
  for f in devices.log blocks.json run.json bench.json; do # one JSON object a line
    if [ -s "$out/$f" ]; then printf ',"%s":[%s]' "${f%.*}" "$(grep '^{' "$out/$f" | paste -sd, -)"; fi
  done
  printf '}\n'
} >"$out/results.json"
echo "$out/results.json"
exit $failed
