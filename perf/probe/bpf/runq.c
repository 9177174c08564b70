/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */

/* How long threads wait for a core. */
#include "runq.h"

BOTH(sched_waking, waking)
BOTH(sched_wakeup_new, woken_new)
BOTH(sched_switch, runq_switch)
