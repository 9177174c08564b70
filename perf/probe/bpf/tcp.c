/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */

/*
 * Round-trip times of TCP connections, as the kernel smooths them, at each segment received. Segments arrive while any thread runs,
 * so connections are chosen by port, not by process.
 */
#include "probe.h"

enum { PORTS = 8 };
const volatile u16 ports[PORTS]; /* of either end, up to the first 0; none: every connection */

struct tcp_core {
	u64 seen;
	u64 unknown; /* of them: nothing was measured on the connection yet */
	u64 _unused[6];
	struct histogram rtt;
};

struct {
	MAP_UINT(type, MAP_ARRAY);
	MAP_UINT(map_flags, MAP_MMAPABLE);
	MAP_UINT(max_entries, 1); /* as many as there can be cores */
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct tcp_core);
} tcp_cores SEC(".maps");

INLINE bool is_chosen(u16 local, u16 remote)
{
	if (ports[0] == 0)
		return true;
#pragma unroll
	for (int i = 0; i < PORTS; i++) {
		if (ports[i] == 0)
			return false;
		if (ports[i] == local || ports[i] == remote)
			return true;
	}
	return false;
}

INLINE void received(bool typed, u64 *ctx)
{
	struct sock *sk = (void *)ctx[0];
	struct tcp_core *c;
	u32 core, srtt;

	if (!is_chosen(FIELD(typed, sk, __sk_common.skc_num), __builtin_bswap16(FIELD(typed, sk, __sk_common.skc_dport))))
		return;
	core = bpf_get_smp_processor_id();
	c = bpf_map_lookup_elem(&tcp_cores, &core);
	if (!c)
		return;
	__sync_fetch_and_add(&c->seen, 1);
	/* The types say that this is a struct sock, which a struct tcp_sock begins with; so this is a copy in any case. */
	srtt = FIELD(false, (struct tcp_sock *)sk, srtt_us);
	if (srtt == 0)
		__sync_fetch_and_add(&c->unknown, 1);
	else
		count_shared(&c->rtt, (u64)srtt * 1000 / 8);
}

BOTH(tcp_probe, received)
