/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */

/*
 * Who runs on a core while a thread that was preempted there waits to run on. A thread is absent from when it is taken off a
 * core although it could have run on, until it runs again, there or elsewhere. While a core has absent threads, whatever runs on it is
 * charged for its time.
 */
#pragma once

#include "probe.h"

enum { PREEMPTORS_BITS = 8, PREEMPTORS = 1 << PREEMPTORS_BITS, PLACES = 8 };

struct preemptor {
	u32 pid; /* 0: free */
	u32 tgid;
	u64 count; /* how often it came right after a thread that was preempted */
	u64 ns;    /* how long it ran while a thread was absent */
	u64 max;   /* at a stretch */
	char comm[COMM];
};

/* Written by the core itself, but for absent and lost. */
struct preempt_core {
	u64 absent; /* threads preempted here that have not run since */
	u64 last;   /* until when the threads that ran were charged */
	u64 lost;   /* absences whose end was not seen, as the slot was needed for another thread */
	u64 _unused;
	struct preemptor others; /* all that had to make room */
	struct preemptor by[PREEMPTORS]; /* at a hash of the thread id, or in the next PLACES - 1 */
};

/* Written by the core that the thread leaves, then by the one that it enters. */
struct absence {
	u32 pid; /* 0: none */
	u32 core;
};

struct {
	MAP_UINT(type, MAP_ARRAY);
	MAP_UINT(map_flags, MAP_MMAPABLE);
	MAP_UINT(max_entries, 1); /* as many as there can be cores */
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct preempt_core);
} preempt_cores SEC(".maps");

struct {
	MAP_UINT(type, MAP_ARRAY);
	MAP_UINT(map_flags, MAP_MMAPABLE); /* so that user space can clear it */
	MAP_UINT(max_entries, SLOTS);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct absence);
} absences SEC(".maps");

INLINE struct preempt_core *preempt_core(u32 core)
{
	return bpf_map_lookup_elem(&preempt_cores, &core);
}

INLINE struct absence *absence_of(u32 pid)
{
	u32 slot = pid % SLOTS;

	return bpf_map_lookup_elem(&absences, &slot);
}

/* find returns the entry of a thread. If all its places are taken, the one with the least time makes room. */
INLINE struct preemptor *find(bool typed, struct preempt_core *c, struct task_struct *p)
{
	u32 pid = FIELD(typed, p, pid);
	u32 first = pid * 2654435769u >> (32 - PREEMPTORS_BITS); /* spreads ids that follow each other */
	struct preemptor *by, *least = &c->by[bounded(first, PREEMPTORS)];

#pragma unroll
	for (u32 i = 0; i < PLACES; i++) {
		by = &c->by[bounded(first + i, PREEMPTORS)];
		if (by->pid == pid)
			return by;
		if (by->ns < least->ns)
			least = by;
	}
	c->others.count += least->count;
	c->others.ns += least->ns;
	if (least->max > c->others.max)
		c->others.max = least->max;
	least->count = 0;
	least->ns = 0;
	least->max = 0;
	least->pid = pid;
	least->tgid = FIELD(typed, p, tgid);
	bpf_probe_read_kernel(least->comm, COMM, __builtin_preserve_access_index(&p->comm));
	return least;
}

/* charge accounts for the time that prev has run while a thread was absent. */
INLINE void charge(bool typed, struct preempt_core *c, struct task_struct *prev, u64 now)
{
	u64 ns = now - c->last;
	struct preemptor *by;

	if (FIELD(typed, prev, pid) == 0 || (s64)ns < 0) /* idle: whoever is absent is on its way to another core */
		return;
	by = find(typed, c, prev);
	by->ns += ns;
	if (ns > by->max)
		by->max = ns;
}

INLINE void absence_over(struct absence *a)
{
	struct preempt_core *c = preempt_core(a->core);

	if (c)
		__sync_fetch_and_add(&c->absent, -1);
	a->pid = 0;
}

INLINE void absence_begins(bool typed, struct preempt_core *c, u32 core, struct task_struct *prev, struct task_struct *next)
{
	u32 pid = FIELD(typed, prev, pid);
	struct absence *a = absence_of(pid);

	if (!a)
		return;
	if (a->pid != 0) {
		__sync_fetch_and_add(&c->lost, 1);
		absence_over(a);
	}
	a->pid = pid;
	a->core = core;
	__sync_fetch_and_add(&c->absent, 1);
	if (FIELD(typed, next, pid) != 0)
		find(typed, c, next)->count++;
}

INLINE void absence_ends(bool typed, struct task_struct *next)
{
	u32 pid = FIELD(typed, next, pid);
	struct absence *a = absence_of(pid);

	if (a && a->pid == pid)
		absence_over(a);
}

INLINE void preempt_switch(bool typed, u64 *ctx)
{
	struct task_struct *prev = (void *)ctx[1], *next = (void *)ctx[2];
	u32 core = bpf_get_smp_processor_id();
	struct preempt_core *c = preempt_core(core);
	bool left, absent;
	u64 now;

	if (!c)
		return;
	left = is_followed(typed, prev) && was_preempted(ctx[0], state_of(typed, prev));
	absent = c->absent != 0;
	if (left || absent) {
		now = bpf_ktime_get_ns();
		if (absent)
			charge(typed, c, prev, now);
		c->last = now;
		if (left)
			absence_begins(typed, c, core, prev, next);
	}
	/* A thread that was pinned when it left may no longer be. */
	if (is_in_process(FIELD(typed, next, tgid)))
		absence_ends(typed, next);
}
