/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */

/*
 * Interrupts that cores raise for themselves and each other. On many virtual machines nearly all interrupts are of these. x86 has a pair of
 * events for each; arm64 has one pair for what cores send each other, and its timer is a hard interrupt.
 */
#include "stolen.h"

#if defined(__TARGET_ARCH_x86)
#define VECTOR(name, source) ENTRY(name##_entry, source) EXIT(name##_exit, source)
VECTOR(local_timer, TIMER)
VECTOR(reschedule, RESCHEDULE)
VECTOR(call_function, CALL)
VECTOR(call_function_single, CALL)
VECTOR(irq_work, WORK)
#else
ENTRY(ipi_entry, OTHER)
EXIT(ipi_exit, OTHER)
#endif
