/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */

/* How often threads are moved from one core to another. */
#include "probe.h"

/* Any core writes any of them. */
struct migrate_core {
	u64 left;        /* threads moved away from this core */
	u64 arrived;     /* threads moved to it */
	u64 pinned_left; /* of those that left: may run on a single core, so that it was moved by force */
	u64 _unused[5];
};

struct {
	MAP_UINT(type, MAP_ARRAY);
	MAP_UINT(map_flags, MAP_MMAPABLE);
	MAP_UINT(max_entries, 1); /* as many as there can be cores */
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct migrate_core);
} migrate_cores SEC(".maps");

INLINE void sched_migrate_task(bool typed, u64 *ctx)
{
	struct task_struct *p = (void *)ctx[0];
	u32 to = ctx[1], from;
	struct migrate_core *c;

	if (!is_followed(typed, p))
		return;
	from = core_of(typed, p);
	c = bpf_map_lookup_elem(&migrate_cores, &from);
	if (c) {
		__sync_fetch_and_add(&c->left, 1);
		if (FIELD(typed, p, nr_cpus_allowed) == 1)
			__sync_fetch_and_add(&c->pinned_left, 1);
	}
	c = bpf_map_lookup_elem(&migrate_cores, &to);
	if (c)
		__sync_fetch_and_add(&c->arrived, 1);
}

BOTH(sched_migrate_task, sched_migrate_task)
