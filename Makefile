# What a developer runs; .ci/run calls the same targets.

FUZZTIME ?= 20s
# soak fuzzes for longer than fuzz does
SOAKFUZZTIME ?= 2m
# how often bench runs each
BENCHCOUNT ?= 6

GO ?= go
TOOLS := bin/tools
TOOL := $(GO) tool -modfile=internal/tools/go.mod
# Packages that ./... leaves out, as their folder begins with a dot
CI := ./.ci/demo ./.ci/smoke
# Packages whose tests measure on pinned threads, in processes of their own: one at a time, for beside each other and the rest they
# take many times as long; and without the race detector, under which there is nothing to measure.
ALONE := ./perf ./perf/load ./perf/matrix ./perf/coremap ./perf/probe ./bench/... ./cmd/corechan
# The others wait half of the time, for each other and for time-outs: half as many again as there are cores run at once.
# The tests of what must not allocate: they skip under -race, which allocates itself.
ALLOC := Alloc

.DEFAULT_GOAL := help
.PHONY: help build demo test bench compare guard lint fuzz soak model generate clean need-go

help: ## print these lines
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

build: need-go ## build bin/corechan
	$(GO) build -o bin/ ./cmd/corechan

demo: build ## measure messages between two processes beside this machine's limit (a minute and a half)
	@.ci/need cores
	@$(GO) run ./.ci/demo bin/corechan

test: need-go ## vet and all tests, under -race but for those that measure or count allocations
	@.ci/need gcc
	@.ci/need cores || echo "The tests run all the same, some of them slowly or not at all."
	@.ci/need redis-server postgresql || echo "The gateway's tests with real servers are skipped."
	@.ci/need haproxy nginx || echo "The tests through proxies are skipped."
	@.ci/need prometheus || echo "The tests with a Prometheus server are skipped."
	@.ci/need chromium || echo "The tests in a browser are skipped."
	$(GO) vet ./...
	$(GO) test -race -p $$(($$(nproc) + ($$(nproc) + 1) / 2)) -timeout 9m $$($(GO) list ./... | grep -vxF "$$($(GO) list $(ALONE))")
	$(GO) test -timeout 9m -p 1 $(ALONE)
	$(GO) test -run '$(ALLOC)' -timeout 3m $$(grep -rlE --include='*_test.go' 'func Test[A-Za-z]*$(ALLOC)' . | xargs -n 1 dirname | sort -u)
	@GO=$(GO) .ci/modules

bench: need-go ## the Go benchmarks of each layer, for benchstat: bench/results/bench.txt
	@mkdir -p bench/results
	@bash -o pipefail -c '$(GO) test -run "^$$" -bench . -benchmem -count $(BENCHCOUNT) -timeout 60m ./bench | tee bench/results/bench.txt'

compare: need-go ## corechan beside others, in turns with the machine's limit (five minutes): bench/results/compare.md
	@.ci/need cores
	@.ci/need gcc libzmq3-dev libnng-dev || echo "What is missing is left out, and named."
	$(GO) -C bench/peers run . --out ../results

guard: need-go ## fail where a figure of the README is worse than twice what was recorded, five times in a row
	@.ci/need cores
	$(GO) run ./bench/guard

lint: need-go ## go vet, staticcheck and gofumpt, pinned in internal/tools
	$(GO) vet ./... $(CI)
	$(TOOL) staticcheck ./... $(CI)
	@.ci/gofumpt $(TOOL) gofumpt

fuzz: need-go ## run each fuzz target for FUZZTIME (20s)
	@GO=$(GO) .ci/fuzz $(FUZZTIME)

soak: need-go ## the long forms of the storm and soak tests, then each fuzz target for SOAKFUZZTIME (2m)
	CORECHAN_SOAK=1 $(GO) test -run 'Soak|Storm|Idle' -count 1 -timeout 0 ./...
	@GO=$(GO) .ci/fuzz $(SOAKFUZZTIME)

model: ## check the model of ring and doorbell, and that breaking it is noticed
	@.ci/need spin gcc
	ring/model/check.sh

generate: need-go ## write generated files again, with the pinned generators
	$(GO) build -modfile=internal/tools/go.mod -o $(TOOLS)/ tool
	PATH="$(CURDIR)/$(TOOLS):$$PATH" $(GO) generate ./...
	$(GO) -C bench/peers tool corechan gen ./echo ./services/corechan

clean: ## remove what was built
	rm -rf bin build

need-go:
	@GO=$(GO) .ci/need go
