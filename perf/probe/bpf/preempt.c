/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */

/* Who runs on a core while a thread that was preempted there waits. */
#include "preempt.h"

BOTH(sched_switch, preempt_switch)
