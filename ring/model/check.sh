#!/usr/bin/env bash
#
# Checks ring.pml with spin: the good models must pass, every mark must be
# reached, and each broken variant must fail, in the way that is expected of it.
#
# Prints a line for each check. Exits 0 if all went as expected, 1 if one did
# not, 2 if it cannot run. Writes to a temporary directory only.

set -euo pipefail

model=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)/ring.pml
cc=${CC:-cc}

for tool in spin "$cc"; do
	if ! command -v "$tool" >/dev/null; then
		echo "check.sh: $tool is not installed; on Debian or Ubuntu: sudo apt-get install -y spin gcc libc6-dev" >&2
		exit 2
	fi
done

dir=$(mktemp -d)
trap 'rm -rf -- "$dir"' EXIT
cd -- "$dir"

failed=0

# verdict FILE: what the verifier found, in a word.
verdict() {
	if grep -q '^pan:1: invalid end state' "$1"; then
		echo deadlock
	elif grep -q '^pan:1: assertion violated' "$1"; then
		echo assertion
	elif grep -q '^pan:1: non-progress cycle' "$1"; then
		echo livelock
	elif grep -q 'errors: 0$' "$1" && ! grep -Eq 'Search not completed|search depth too small' "$1"; then
		echo pass
	else
		echo incomplete
	fi
}

# run NAME EXPECTED COMPILE-FLAGS RUN-FLAGS MODEL-FLAG...
run() {
	local name=$1 expected=$2 compile=$3 options=$4 seen states note='' optimize=-O1
	shift 4

	# A mistake shows within a second, so there the compiler is what takes time.
	[ "$expected" = pass ] || optimize=-O0

	rm -f -- pan*
	if ! { spin -P"$cc -E -x c" "$@" -a "$model" && "$cc" "$optimize" -w "$compile" -DMEMLIM=1800 -o pan pan.c; } >build 2>&1; then
		cat build >&2
		echo "check.sh: $name: does not build" >&2
		exit 2
	fi
	./pan "$options" -m2000000 -n >out 2>&1 || true

	seen=$(verdict out)
	states=$(awk '/ states, stored/ { print $1; exit }' out)
	if [ "$seen" != "$expected" ]; then
		note='  <-- UNEXPECTED'
		failed=1
	fi
	printf '%-34s %-10s %-10s %10s%s\n' "$name" "$expected" "$seen" "${states:--}" "$note"
	if [ -n "$note" ]; then
		{
			sed 's/^/    /' out
			echo "    model flags: $*"
		} >&2
	fi
}

# ends: no invalid end state, no assertion. flows: also no cycle without progress.
ends() { run "$1" "$2" -DSAFETY -c1 "${@:3}"; }
flows() { run "$1" "$2" -DNP -l "${@:3}"; }

printf '%-34s %-10s %-10s %10s\n' check expected seen states

ends "2 slots" pass -DSLOTS=2
ends "3 slots" pass -DSLOTS=3
ends "4 slots" pass -DSLOTS=4
ends "1 slot, records of 1" pass -DSLOTS=1 -DMAXLEN=1
ends "2 slots, store buffer of 1" pass -DSLOTS=2 -DSB=1
ends "2 slots, store buffer of 3" pass -DSLOTS=2 -DSB=3
ends "2 slots, socket of 2 bytes" pass -DSLOTS=2 -DBELL=2
ends "3 slots, counters, 3 messages" pass -DMSGS=3
ends "3 slots, counters, 5 messages of 1" pass -DMSGS=5 -DMAXLEN=1
flows "2 slots, progress" pass -DSLOTS=2
flows "3 slots, progress" pass -DSLOTS=3

for mark in C_ASLEEP P_ASLEEP C_STRAY P_STRAY C_SECOND P_SECOND DROPPED; do
	ends "reach $mark" assertion "-DREACH=$mark"
done

for what in ARM ARM_PRODUCER FENCE FENCE_RELEASE FENCE_ARM FENCE_ARM_PRODUCER EPOCH BATCH DEFER; do
	ends "BROKEN_$what" deadlock "-DBROKEN_$what"
done
for what in RELEASE COMMIT; do
	ends "BROKEN_$what" assertion "-DBROKEN_$what"
done
flows "BROKEN_DRAIN" livelock -DBROKEN_DRAIN

if [ "$failed" -ne 0 ]; then
	echo "check.sh: not as expected" >&2
	exit 1
fi
