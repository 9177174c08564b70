/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */

/*
 * Time that interrupts take from the thread on whose core they run. Interrupts nest: what interrupts another is charged for
 * its own time, and the other is not, so the sources of a core are disjoint and can be added up.
 *
 * Three objects share one map, as each may be refused on its own: hard interrupts, softirqs, interrupt vectors.
 */
#pragma once

#include "probe.h"

enum source {
	HARD,     /* interrupts of devices */
	SOFT,     /* softirqs, by number */
	TIMER = SOFT + 10,
	RESCHEDULE,
	CALL,
	WORK,
	OTHER,
	SOURCES,
};
enum { DEPTH = 8 }; /* a softirq, a hard interrupt, a vector, and room */

struct frame {
	u64 self; /* ns so far */
	u64 source;
};

/* Written by the core alone; what is interrupted in the middle of an update finds the stack as it left it. */
struct stolen_core {
	u64 last;  /* when the time of the innermost interrupt was last added up */
	u32 depth; /* how many interrupts are nested right now */
	u32 _unused;
	u64 lost; /* interrupts whose end was not seen, or nested too deeply */
	u64 seen; /* interrupts that ended */
	struct frame stack[DEPTH];
	struct histogram sources[SOURCES];
};

struct {
	MAP_UINT(type, MAP_ARRAY);
	MAP_UINT(map_flags, MAP_MMAPABLE);
	MAP_UINT(max_entries, 1); /* as many as there can be cores */
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct stolen_core);
} stolen_cores SEC(".maps");

#define barrier() asm volatile("" ::: "memory")

INLINE struct stolen_core *stolen_core(bool typed)
{
	u32 core;

	if (!is_followed(typed, current_task(typed)))
		return 0;
	core = bpf_get_smp_processor_id();
	return bpf_map_lookup_elem(&stolen_cores, &core);
}

INLINE void interrupt_entry(bool typed, u32 source)
{
	struct stolen_core *c = stolen_core(typed);
	u64 now;
	u32 depth;

	if (!c)
		return;
	depth = c->depth;
	now = bpf_ktime_get_ns();
	if (depth >= DEPTH) {
		c->lost += depth;
		depth = 0;
	}
	if (depth > 0)
		c->stack[bounded(depth - 1, DEPTH)].self += now - c->last;
	/* The frame is ours from here on: an interrupt that comes before it is filled in takes the next one. */
	c->depth = depth + 1;
	barrier();
	c->stack[bounded(depth, DEPTH)].self = 0;
	c->stack[bounded(depth, DEPTH)].source = source;
	barrier();
	c->last = now;
}

INLINE void interrupt_exit(bool typed, u32 source)
{
	struct stolen_core *c = stolen_core(typed);
	struct frame *top;
	u64 now, self;
	u32 depth;

	if (!c)
		return;
	depth = c->depth;
	if (depth == 0 || depth > DEPTH) /* it began before we watched */
		return;
	top = &c->stack[bounded(depth - 1, DEPTH)];
	if (top->source != source) {
		c->lost += depth;
		c->depth = 0;
		return;
	}
	now = bpf_ktime_get_ns();
	self = top->self + (now - c->last);
	c->depth = depth - 1;
	barrier();
	c->last = now;
	c->seen++;
	if ((s64)self < 0)
		c->lost++;
	else
		count(&c->sources[bounded(source, SOURCES)], self);
}

/* Each object says which programs begin and end its sources. */
#define ENTRY(event, source) \
	INLINE void on_##event(bool typed, u64 *ctx) { interrupt_entry(typed, source); } \
	BOTH(event, on_##event)
#define EXIT(event, source) \
	INLINE void on_##event(bool typed, u64 *ctx) { interrupt_exit(typed, source); } \
	BOTH(event, on_##event)
