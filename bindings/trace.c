// SPDX-License-Identifier: GPL-2.0-only
/*
 * The trace point, without an event of its own: that would cost three times as much, and a trace point
 * event (tracefs, dynamic_events) can be put on it at any time.
 */

#include <linux/tracepoint.h>

#include "helpers.h"

#define RECORD const char *device, u64 generation, u32 written, const char *what, u64 sector, u32 spare
#define VALUES device, generation, written, what, sector, spare

/* Its name is dm_remap_commit_tp. */
DECLARE_TRACE(dm_remap_commit, TP_PROTO(RECORD), TP_ARGS(VALUES));
DEFINE_TRACE(dm_remap_commit_tp, TP_PROTO(RECORD), TP_ARGS(VALUES));

void dm_remap_helper_trace_commit(RECORD)
{
	trace_dm_remap_commit_tp(VALUES);
}
