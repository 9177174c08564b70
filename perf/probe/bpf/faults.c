/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */

/*
 * Page faults of running threads. The kernel says when a fault begins, not when it ends. But a thread that does little else than
 * fault spends the time from one fault to the next on the first, so that the time of a storm is known: the sum of the gaps
 * between faults of one thread that follow each other within STORM_GAP.
 */
#include "probe.h"

enum { STORM_GAP = 50000 /* ns */ };

struct faults_core {
	u64 count;
	u64 storm_ns;     /* time within storms */
	u64 storm_faults; /* faults that followed another one that closely */
	u64 last;         /* when the last fault began */
	u32 last_pid;     /* and whose it was */
	u32 _unused;
	u64 _unused_too[3];
};

struct {
	MAP_UINT(type, MAP_ARRAY);
	MAP_UINT(map_flags, MAP_MMAPABLE);
	MAP_UINT(max_entries, 1); /* as many as there can be cores */
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct faults_core);
} faults_cores SEC(".maps");

INLINE void page_fault(bool typed, u64 *ctx)
{
	struct task_struct *p = current_task(typed);
	struct faults_core *c;
	u64 now, gap;
	u32 core, pid;

	if (!is_followed(typed, p))
		return;
	core = bpf_get_smp_processor_id();
	c = bpf_map_lookup_elem(&faults_cores, &core);
	if (!c)
		return;
	pid = FIELD(typed, p, pid);
	now = bpf_ktime_get_ns();
	gap = now - c->last;
	c->count++;
	if (c->last_pid == pid && gap < STORM_GAP) {
		c->storm_ns += gap;
		c->storm_faults++;
	}
	c->last = now;
	c->last_pid = pid;
}

BOTH(page_fault_user, page_fault)
