#!/usr/bin/env bash
# Compiles the programs in this folder into perf/probe/internal/objects, with Go code to load them. Needs clang 14 and its
# llvm-strip, as other versions write other bytes: apt-get install clang-14 llvm-14
set -euo pipefail
cd "$(dirname "$0")/../internal/objects"

export BPF2GO_CC=${CLANG:-clang-14} BPF2GO_STRIP=${LLVM_STRIP:-llvm-strip-14} GOPACKAGE=objects
for tool in "$BPF2GO_CC" "$BPF2GO_STRIP"; do
	if ! command -v "$tool" >/dev/null; then
		printf '%s is missing; on Debian: apt-get install clang-14 llvm-14\n' "$tool" >&2
		exit 1
	fi
done

bpf2go=$(mktemp)
trap 'rm -f "$bpf2go"' EXIT
(cd ../../../../internal/tools && "${GO:-go}" build -o "$bpf2go" github.com/cilium/ebpf/cmd/bpf2go)

rm -f ./*_bpfel.go ./*_bpfel.o
for group in sched runq preempt migrate irq softirq vectors faults syscalls tcp marks testing; do
	case $group in
	sched) types=() ;; # those of runq and preempt
	irq | softirq | vectors) types=(-type stolen_core) ;;
	*) types=(-type "${group}_core") ;;
	esac
	"$bpf2go" -target amd64,arm64 -no-global-types "${types[@]}" -output-stem "$group" "${group^}" "../../bpf/$group.c" -- \
		-mcpu=v3 -O2 -g -Wall -Wextra -Wno-unused-parameter -Werror
done
