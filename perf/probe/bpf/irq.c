/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */

/* Hard interrupts of devices. */
#include "stolen.h"

ENTRY(irq_handler_entry, HARD)
EXIT(irq_handler_exit, HARD)
