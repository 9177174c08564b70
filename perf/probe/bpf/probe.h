/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */

/*
 * What the groups have in common: whom they follow, and how they count. The layouts are drawn in doc.go of package probe.
 */
#pragma once

#include "kernel.h"

/*
 * Set before a program is loaded, then fixed: the kernel takes them for constants and drops the branches that are not for them.
 */
enum { PROCESSES = 8 };
const volatile u32 followed_processes[PROCESSES]; /* by process id, up to the first 0; none: every process */
const volatile bool pinned_only;                  /* only threads that may run on a single core */

/* Only as much of this remains as there are processes to follow. */
INLINE bool is_listed(u32 tgid)
{
#pragma unroll
	for (int i = 0; i < PROCESSES; i++) {
		if (followed_processes[i] == 0)
			return false;
		if (followed_processes[i] == tgid)
			return true;
	}
	return false;
}

INLINE bool is_in_process(u32 tgid)
{
	return tgid != 0 && (followed_processes[0] == 0 || is_listed(tgid)); /* 0: idle */
}

INLINE bool is_followed(bool typed, struct task_struct *p)
{
	return is_in_process(FIELD(typed, p, tgid)) && (!pinned_only || FIELD(typed, p, nr_cpus_allowed) == 1);
}

/* A value of 2^e to 2^(e+1)-1 falls into one of SUB equal parts of that range, a value below SUB into one of its own. */
enum { SUB_BITS = 5, SUB = 1 << SUB_BITS, VALUE_BITS = 36, BUCKETS = (VALUE_BITS - SUB_BITS + 1) * SUB };

struct histogram {
	u64 sum; /* ns */
	u64 max; /* ns */
	u64 buckets[BUCKETS];
};

INLINE u32 bucket_of(u64 ns)
{
	u32 e = 0;
	u64 v = ns;

	if (ns >= 1ULL << VALUE_BITS)
		return BUCKETS - 1;
	if (ns < SUB)
		return ns;
	if (v >> 32) {
		e += 32;
		v >>= 32;
	}
	if (v >> 16) {
		e += 16;
		v >>= 16;
	}
	if (v >> 8) {
		e += 8;
		v >>= 8;
	}
	if (v >> 4) {
		e += 4;
		v >>= 4;
	}
	if (v >> 2) {
		e += 2;
		v >>= 2;
	}
	e += v >> 1;
	return ((e - SUB_BITS + 1) << SUB_BITS) + ((ns >> (e - SUB_BITS)) & (SUB - 1));
}

/* count adds a value to a histogram that only this core writes. */
INLINE void count(struct histogram *h, u64 ns)
{
	u32 b = bounded(bucket_of(ns), BUCKETS);

	h->buckets[b]++;
	h->sum += ns;
	if (ns > h->max)
		h->max = ns;
}

/* count_shared adds to one that several cores write. Of two that are the largest at the same time, one may be forgotten as max. */
INLINE __attribute__((unused)) void count_shared(struct histogram *h, u64 ns)
{
	u32 b = bounded(bucket_of(ns), BUCKETS);

	__sync_fetch_and_add(&h->buckets[b], 1);
	__sync_fetch_and_add(&h->sum, ns);
	if (ns > h->max)
		h->max = ns;
}

/* A thread's slot is its id modulo SLOTS. So threads with ids below SLOTS never share one. */
enum { SLOTS = 1 << 16 };
