/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/counter.h"

const char *sluice_counter_label(enum sluice_counter counter)
{
	static const char *const labels[SLUICE_COUNTER_COUNT] = {
		[SLUICE_COUNTER_EVENTS_IN] = "events_in",
		[SLUICE_COUNTER_BATCHES_IN] = "batches_in",
		[SLUICE_COUNTER_EVENTS_OUT] = "events_out",
		[SLUICE_COUNTER_BATCHES_OUT] = "batches_out",
		[SLUICE_COUNTER_DISCARDED] = "discarded",
		[SLUICE_COUNTER_REFUSED] = "refused",
		[SLUICE_COUNTER_SPILLED] = "spilled",
		[SLUICE_COUNTER_STALLS_EMPTY] = "stalls_empty",
		[SLUICE_COUNTER_STALLS_CREDIT] = "stalls_credit",
		[SLUICE_COUNTER_OVERFLOWED] = "overflowed",
		[SLUICE_COUNTER_STRANDED] = "stranded",
		[SLUICE_COUNTER_REDELIVERED] = "redelivered",
		[SLUICE_COUNTER_DEAD_LETTERS] = "dead_letters",
		[SLUICE_COUNTER_RESTARTS] = "restarts",
		[SLUICE_COUNTER_PASSED_OVER] = "passed_over",
		[SLUICE_COUNTER_BUFFERED] = "buffered",
		[SLUICE_COUNTER_HELD] = "held",
		[SLUICE_COUNTER_WORKING_NS] = "working_ns",
		[SLUICE_COUNTER_IDLE_NS] = "idle_ns",
		[SLUICE_COUNTER_NO_CREDIT_NS] = "no_credit_ns",
		[SLUICE_COUNTER_BLOCKED_NS] = "blocked_ns",
		[SLUICE_COUNTER_BEGAN_NS] = "began_ns",
		[SLUICE_COUNTER_DOING] = "doing",
		[SLUICE_COUNTER_HELPED] = "helped",
	};

	return (uint32_t)counter < SLUICE_COUNTER_COUNT ? labels[counter]
							: NULL;
}
