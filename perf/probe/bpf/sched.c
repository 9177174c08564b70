/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */

/*
 * Groups runq and preempt together: that the kernel calls a program at all costs more than what a program here does, so where both are on
 * they share the one for sched_switch.
 */
#include "preempt.h"
#include "runq.h"

INLINE void both_switch(bool typed, u64 *ctx)
{
	preempt_switch(typed, ctx);
	runq_switch(typed, ctx);
}

BOTH(sched_waking, waking)
BOTH(sched_wakeup_new, woken_new)
BOTH(sched_switch, both_switch)
