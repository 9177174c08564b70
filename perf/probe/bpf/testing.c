/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */

/* What tests run: it counts its argument as a group would count a time. Never attached. */
#include "probe.h"

struct testing_core {
	struct histogram own;
	struct histogram shared;
};

struct {
	MAP_UINT(type, MAP_ARRAY);
	MAP_UINT(map_flags, MAP_MMAPABLE);
	MAP_UINT(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct testing_core);
} testing_cores SEC(".maps");

SEC("raw_tp/sched_switch") int count_value(u64 *ctx)
{
	u32 first = 0;
	struct testing_core *c = bpf_map_lookup_elem(&testing_cores, &first);

	if (c) {
		count(&c->own, ctx[0]);
		count_shared(&c->shared, ctx[0]);
	}
	return 0;
}
