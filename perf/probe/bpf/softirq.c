/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */

/* Softirqs, by their number in include/linux/interrupt.h. */
#include "stolen.h"

INLINE u32 softirq(u64 *ctx)
{
	u32 number = ctx[0];

	return number < TIMER - SOFT ? SOFT + number : OTHER;
}

ENTRY(softirq_entry, softirq(ctx))
EXIT(softirq_exit, softirq(ctx))
