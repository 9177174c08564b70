/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */

/*
 * How long threads wait for a core: from when they were woken, or taken off it, until they run.
 *
 * A thread's wait begins in its slot and ends where it is next put on a core, which is the core that counts it. So for each core
 *
 *	seen = those in doorbell + woken + preempted + missed + discarded
 *
 * A thread that is woken while it still runs does not wait: it has not gone to sleep yet, and now will not.
 */
#pragma once

#include "probe.h"

enum kind { NONE, DOORBELL, WOKEN, PREEMPTED, STOPPED };

/* Written by who wakes the thread, under its lock, or by the core that it leaves or enters, under the core's. */
struct wait {
	u32 pid;
	u32 kind;
	u64 since;
};

struct runq_core {
	u64 seen;      /* followed threads put on this core */
	u64 missed;    /* of them: the beginning of the wait was not seen */
	u64 discarded; /* of them: the wait would have been negative, by clocks that differ between cores */
	u64 _unused;
	struct histogram doorbell;  /* woken by a thread */
	struct histogram woken;     /* woken by anything else: a timer, a device, the kernel */
	struct histogram preempted; /* taken off a core while it could have run on */
	struct histogram stopped;   /* by a signal or tracer; not part of seen, as a wait to run follows it */
};

struct {
	MAP_UINT(type, MAP_ARRAY);
	MAP_UINT(map_flags, MAP_MMAPABLE);
	MAP_UINT(max_entries, 1); /* as many as there can be cores */
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct runq_core);
} runq_cores SEC(".maps");

struct {
	MAP_UINT(type, MAP_ARRAY);
	MAP_UINT(map_flags, MAP_MMAPABLE); /* so that user space can clear it */
	MAP_UINT(max_entries, SLOTS);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct wait);
} waits SEC(".maps");

INLINE struct runq_core *runq_core(u32 core)
{
	return bpf_map_lookup_elem(&runq_cores, &core);
}

INLINE struct wait *wait_of(u32 pid)
{
	u32 slot = pid % SLOTS;

	return bpf_map_lookup_elem(&waits, &slot);
}

INLINE void begin(struct wait *w, u32 pid, u32 kind, u64 now)
{
	w->pid = pid;
	w->kind = kind;
	w->since = now;
}

INLINE u32 waker(bool typed)
{
	struct task_struct *p = current_task(typed);

	if (FIELD(typed, p, pid) == 0 || FIELD(typed, p, flags) & PF_KTHREAD)
		return WOKEN;
	return DOORBELL;
}

/*
 * The slot was last written by the core that the thread is on, so to read it would cost a transfer between cores. What the kernel reads
 * for the wake anyway says what the slot would, but for a thread that is queued and does not run.
 */
INLINE void waking(bool typed, u64 *ctx)
{
	struct task_struct *p = (void *)ctx[0];
	struct wait *w;
	u32 pid;
	u64 now;

	if (!is_followed(typed, p))
		return;
	pid = FIELD(typed, p, pid);
	w = wait_of(pid);
	if (!w)
		return;
	if (FIELD(typed, p, on_rq)) {
		if (FIELD(typed, p, on_cpu)) /* it runs */
			return;
		if (w->pid == pid && w->kind == PREEMPTED) /* on its way to sleep: it waits already. Else it sleeps, and is left in the queue */
			return;
	}
	now = bpf_ktime_get_ns();
	if (state_of(typed, p) & (TASK_STOPPED | TASK_TRACED) && w->pid == pid && w->kind == STOPPED) {
		struct runq_core *c = runq_core(core_of(typed, p));

		if (c && now >= w->since)
			count_shared(&c->stopped, now - w->since);
	}
	begin(w, pid, waker(typed), now);
}

/* A new thread waits from when its maker made it able to run. */
INLINE void woken_new(bool typed, u64 *ctx)
{
	struct task_struct *p = (void *)ctx[0];
	struct wait *w;
	u32 pid;

	if (!is_followed(typed, p))
		return;
	pid = FIELD(typed, p, pid);
	w = wait_of(pid);
	if (w)
		begin(w, pid, WOKEN, bpf_ktime_get_ns());
}

INLINE u64 wait_begins(bool typed, struct task_struct *p, u32 kind)
{
	u32 pid = FIELD(typed, p, pid);
	struct wait *w = wait_of(pid);
	u64 now = bpf_ktime_get_ns();

	if (w)
		begin(w, pid, kind, now);
	return now;
}

INLINE void wait_ends(bool typed, struct task_struct *p, u64 now)
{
	u32 pid = FIELD(typed, p, pid);
	struct runq_core *c = runq_core(bpf_get_smp_processor_id());
	struct wait *w = wait_of(pid);
	u32 kind;
	u64 ns;

	if (!c || !w)
		return;
	c->seen++;
	kind = w->kind;
	if (w->pid != pid || kind == NONE || kind == STOPPED) {
		c->missed++;
		return;
	}
	w->kind = NONE;
	if (now == 0)
		now = bpf_ktime_get_ns();
	ns = now - w->since;
	if ((s64)ns < 0)
		c->discarded++;
	else if (kind == DOORBELL)
		count(&c->doorbell, ns);
	else if (kind == WOKEN)
		count(&c->woken, ns);
	else
		count(&c->preempted, ns);
}

INLINE void runq_switch(bool typed, u64 *ctx)
{
	struct task_struct *prev = (void *)ctx[1], *next = (void *)ctx[2];
	u64 now = 0;

	if (is_followed(typed, prev)) {
		u64 state = state_of(typed, prev);

		if (was_preempted(ctx[0], state))
			now = wait_begins(typed, prev, PREEMPTED);
		else if (state & (TASK_STOPPED | TASK_TRACED))
			now = wait_begins(typed, prev, STOPPED);
	}
	if (is_followed(typed, next))
		wait_ends(typed, next, now);
}
