/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */

/*
 * System calls of threads: which, how often, how long. To watch them, the kernel takes the slower of its two ways into a system call,
 * for every process; so only who asks gets this.
 *
 *	entered = those counted in calls, ended or not
 */
#include "probe.h"

enum { NUMBERS = 512 }; /* the last one stands for all numbers from there on */

struct call {
	u64 count; /* ended */
	u64 ns;
};

struct syscalls_core {
	u64 entered;
	u64 missed; /* ended, and the beginning was not seen */
	u64 _unused[6];
	struct histogram all;
	struct call calls[NUMBERS];
};

/* Written by the thread itself. */
struct entered {
	u32 pid;
	u32 number; /* and 1 */
	u64 since;
};

struct {
	MAP_UINT(type, MAP_ARRAY);
	MAP_UINT(map_flags, MAP_MMAPABLE);
	MAP_UINT(max_entries, 1); /* as many as there can be cores */
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct syscalls_core);
} syscalls_cores SEC(".maps");

struct {
	MAP_UINT(type, MAP_ARRAY);
	MAP_UINT(map_flags, MAP_MMAPABLE); /* so that user space can clear it */
	MAP_UINT(max_entries, SLOTS);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct entered);
} entered SEC(".maps");

INLINE struct syscalls_core *this_core(void)
{
	u32 core = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&syscalls_cores, &core);
}

INLINE struct entered *entered_of(u32 pid)
{
	u32 slot = pid % SLOTS;

	return bpf_map_lookup_elem(&entered, &slot);
}

INLINE void enter(bool typed, u64 *ctx)
{
	struct task_struct *p = current_task(typed);
	struct syscalls_core *c;
	struct entered *e;
	u32 pid;

	if (!is_followed(typed, p))
		return;
	pid = FIELD(typed, p, pid);
	c = this_core();
	e = entered_of(pid);
	if (!c || !e)
		return;
	__sync_fetch_and_add(&c->entered, 1);
	e->pid = pid;
	e->number = (ctx[1] < NUMBERS ? ctx[1] : NUMBERS - 1) + 1;
	e->since = bpf_ktime_get_ns();
}

INLINE void leave(bool typed, u64 *ctx)
{
	struct task_struct *p = current_task(typed);
	struct syscalls_core *c;
	struct entered *e;
	struct call *call;
	u32 pid;
	u64 ns;

	if (!is_followed(typed, p))
		return;
	pid = FIELD(typed, p, pid);
	c = this_core();
	e = entered_of(pid);
	if (!c || !e)
		return;
	if (e->pid != pid || e->number == 0) {
		__sync_fetch_and_add(&c->missed, 1);
		return;
	}
	ns = bpf_ktime_get_ns() - e->since;
	call = &c->calls[(e->number - 1) % NUMBERS];
	e->number = 0;
	if ((s64)ns < 0) {
		__sync_fetch_and_add(&c->missed, 1);
		return;
	}
	__sync_fetch_and_add(&call->count, 1);
	__sync_fetch_and_add(&call->ns, ns);
	count_shared(&c->all, ns);
}

BOTH(sys_enter, enter)
BOTH(sys_exit, leave)
