/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */

/*
 * How long messages take, of those that their sender and receiver mark: see package internal/mark. Each followed process has a program at either
 * of the two functions, so whoever comes here is followed.
 *
 *	received = those in times + missed + discarded
 */
#include "probe.h"

/* Where Go passes the first two arguments of a function, as words of struct pt_regs. */
#if defined(__TARGET_ARCH_x86)
enum { FIRST = 10 /* ax */, SECOND = 5 /* bx */ };
#elif defined(__TARGET_ARCH_arm64)
enum { FIRST = 0 /* x0 */, SECOND = 1 /* x1 */ };
#else
#error "where does Go pass arguments?"
#endif

struct marks_core {
	u64 sent;
	u64 received;
	u64 missed;    /* of them: the sending was not seen, or is forgotten */
	u64 discarded; /* of them: they seem to have been received before they were sent, by the clock here or by the stamp */
	u64 _unused[4];
	struct histogram times;   /* by the clock here */
	struct histogram stamped; /* the same messages', by their stamps */
};

struct {
	MAP_UINT(type, MAP_ARRAY);
	MAP_UINT(map_flags, MAP_MMAPABLE);
	MAP_UINT(max_entries, 1); /* as many as there can be cores */
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct marks_core);
} marks_cores SEC(".maps");

/* A message on its way. Written by its sender, before the receiver can have it, and then by the receiver. */
struct mark {
	u64 stamp; /* 0: none */
	u64 since;
};

/* A message takes the slot that its stamp says, and whoever's was there is forgotten: it may never be received. */
enum { MARKS = 1 << 14 };

struct {
	MAP_UINT(type, MAP_ARRAY);
	MAP_UINT(map_flags, MAP_MMAPABLE); /* so that user space can clear it */
	MAP_UINT(max_entries, MARKS);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct mark);
} marks SEC(".maps");

INLINE struct marks_core *this_core(void)
{
	u32 core = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&marks_cores, &core);
}

INLINE struct mark *mark_of(u64 stamp)
{
	u32 slot = (stamp * 0x9e3779b97f4a7c15) >> 32 & (MARKS - 1); /* messages are marked by higher bits */

	return bpf_map_lookup_elem(&marks, &slot);
}

SEC("uprobe") int mark_sent(u64 *ctx)
{
	u64 now = bpf_ktime_get_ns(), stamp = ctx[FIRST];
	struct marks_core *c = this_core();
	struct mark *m = mark_of(stamp);

	if (!c || !m)
		return 0;
	__sync_fetch_and_add(&c->sent, 1);
	m->since = now;
	m->stamp = stamp;
	return 0;
}

SEC("uprobe") int mark_received(u64 *ctx)
{
	u64 now = bpf_ktime_get_ns(), stamp = ctx[FIRST], stamped = ctx[SECOND], ns;
	struct marks_core *c = this_core();
	struct mark *m = mark_of(stamp);

	if (!c || !m)
		return 0;
	__sync_fetch_and_add(&c->received, 1);
	if (stamp == 0 || m->stamp != stamp) {
		__sync_fetch_and_add(&c->missed, 1);
		return 0;
	}
	m->stamp = 0;
	ns = now - m->since;
	if ((s64)ns < 0 || (s64)stamped < 0) {
		__sync_fetch_and_add(&c->discarded, 1);
		return 0;
	}
	count_shared(&c->times, ns);
	count_shared(&c->stamped, stamped);
	return 0;
}
