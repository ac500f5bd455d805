# gpuevm: `make help` says what there is.
GO      ?= go
DATA    ?= ../shared/data
ROUNDS  ?= 5
KILLS   ?= 50
CHAIN   ?= 2000
# What runs the conformance tests, one transaction at a time, for which a GPU is slow.
DEVICE  ?= go
# A test that fails in front of a filter fails its target.
SHELL       := /bin/bash
.SHELLFLAGS := -o pipefail -c
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

.PHONY: build run test race conformance conformance-host bench lint contracts fuzz help clean
.PHONY: kills bench-state gpu-check ptx ptx-check cuda cuda-test sanitize

build: ## build bin/gpuevm
	$(GO) build -ldflags "-X main.commit=$(VERSION)" -o bin/gpuevm ./cmd/gpuevm

run: build ## make a block of 10,000 contract calls, run it in waves and serially
	bin/gpuevm run

test: ## unit, property and spread conformance tests (some minutes)
	$(GO) test -timeout 20m ./...

race: ## the concurrent packages under the race detector
	GPUEVM_ROUNDS=60 $(GO) test -race -short -timeout 20m ./hostsched ./fallback ./statedb/...

kills: ## a chain of $(CHAIN) blocks into a data directory, killed $(KILLS) times on the way
	GPUEVM_KILLS=$(KILLS) GPUEVM_CHAIN=$(CHAIN) $(GO) test -count=1 -timeout 0 -run TestReplayKilled -v ./cmd/gpuevm

conformance: build ## every state and block test in $(DATA), and every real block
	@mkdir -p build
	bin/gpuevm statetest --device $(DEVICE) --known $(DATA)/conformance/known-deviations.tsv $(DATA)/conformance/statetests-*.tar.gz > build/statetests.json
	bin/gpuevm blocktest --device $(DEVICE) --known $(DATA)/conformance/known-deviations.tsv $(DATA)/conformance/blocktests-*.tar.gz > build/blocktests.json
	bin/gpuevm replay --device $(DEVICE) $(DATA)/blocks

conformance-host: build ## every real block, and each 20th file of tests, through the kernels on this machine's cores
	@mkdir -p build
	bin/gpuevm replay --device host --strict-gpu --min-on-device 0.98 $(DATA)/blocks
	bin/gpuevm statetest --device host --strict-gpu --every 20 --known $(DATA)/conformance/known-deviations.tsv $(DATA)/conformance/statetests-*.tar.gz > build/statetests-host.json
	bin/gpuevm blocktest --device host --strict-gpu --every 20 --known $(DATA)/conformance/known-deviations.tsv $(DATA)/conformance/blocktests-classic.tar.gz $(DATA)/conformance/blocktests-eest.tar.gz > build/blocktests-host.json

bench: ## gpuevm against go-ethereum, interleaved; JSON in build/bench.json (ROUNDS=5)
	@mkdir -p build
	cd bench && $(GO) test -run '^$$' -bench Blocks -benchtime 1x -count $(ROUNDS) -timeout 60m -rounds $(ROUNDS) -summary $(CURDIR)/build/bench.json . | tee $(CURDIR)/build/bench.txt

bench-state: build ## the state store against go-ethereum's, interleaved; JSON in build/state.json
	bin/gpuevm db bench --dir build/state --json build/state.json | tee build/state.txt

fuzz: ## random blocks against go-ethereum for a minute
	$(GO) test ./hostsched -run '^$$' -fuzz FuzzSerialEquivalence -fuzztime 60s

lint: ## gofmt, go vet, staticcheck
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

# NVIDIA's compilers and headers, which need no GPU.
build/cuda/env: .ci/cuda-tools .ci/cuda-tools.txt
	.ci/cuda-tools build/cuda

ptx: build/cuda/env ## compile the kernels for GPUs into kernels/images, with kernels/resources.txt
	. build/cuda/env && $(GO) run ./kernels/build

ptx-check: build/cuda/env ## do kernels/images and resources.txt come from these sources?
	. build/cuda/env && $(GO) run ./kernels/build -check

cuda: build/cuda/env ## build bin/gpuevm-cuda, on gorgonia.org/cu instead of the driver loaded at run time
	. build/cuda/env && $(GO) build -tags cuda -ldflags "-X main.commit=$(VERSION)" -o bin/gpuevm-cuda ./cmd/gpuevm

cuda-test: build/cuda/env ## what can be tested of CUDA without a GPU
	.ci/cuda-test

sass: build/cuda/env ## count the machine instructions of opcodes (ARCH=sm_90; needs cuobjdump)
	bench/sass/count.sh $(or $(ARCH),sm_90)

engine-full: ## every state test and more random programs through the kernels on this machine (10 to 15 min)
	GPUEVM_WORLDS=60 GPUEVM_STATETESTS=1 $(GO) test -count=1 -timeout 60m -run 'TestHost$$' -v ./gpuevm/device | grep -v '^=== '

SHARES ?= 16
compiled-full: ## every state test with all of its codes compiled by the system's C++ compiler, in $(SHARES) runs (an hour or two on 2 cores; SHARE="3 4" runs some)
	for k in $(or $(SHARE),$(shell seq $(SHARES))); do echo "-- share $$k of $(SHARES)"; \
	GPUEVM_WORLDS=1 GPUEVM_STATETESTS=$$k/$(SHARES) $(GO) test -count=1 -timeout 0 -run 'TestCompiledHost$$' -v ./gpuevm/device | grep -v '^=== ' || exit 1; done

# The host device in the shape of a GPU: 128 lanes, words interleaved by warps of 32.
gpu-shape: ## the engine's suite on the host device, laid out and shared out as on a GPU
	GPUEVM_HOST_SHAPE=gpu $(GO) test -count=1 -timeout 20m ./gpuevm/device ./kernels

# The address sanitizer's library must be there before all others; UB's comes with the kernels.
SANITIZE ?= ./kernels ./gpuevm/cuda ./gpuevm/device
sanitize: ## the kernels' tests on the host, with the address and undefined-behaviour sanitizers
	GPUEVM_SANITIZE=address,undefined $(GO) test -short -timeout 40m \
		-exec "env LD_PRELOAD=$$(realpath $$(g++ -print-file-name=libasan.so)) ASAN_OPTIONS=detect_leaks=0:handle_segv=0:detect_stack_use_after_return=0" $(SANITIZE)

gpu-check: build build/cuda/env ## everything that wants a GPU as one folder, build/gpu-check; runs it where there is a GPU
	bench/gpucheck/bundle.sh $(DATA)
	@if [ -n "$$(bin/gpuevm devices 2>/dev/null | grep 'cuda:.*compute' | grep -v "can't be used")" ]; then bash build/gpu-check/gpu-check.sh build/gpu-check-results; \
	elif [ -n "$$GPUEVM_GPUCHECK_DEVICE" ]; then bash build/gpu-check/gpu-check.sh build/gpu-check-results; \
	else echo "no GPU here: copy build/gpu-check to a machine that has one, and there: bash gpu-check.sh"; fi

contracts: ## compile the workloads' Solidity (needs npm)
	bench/workload/contracts/build.sh

clean: ## remove what was built
	rm -rf bin build

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-16s %s\n", $$1, $$2}'
