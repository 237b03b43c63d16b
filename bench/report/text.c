/* SPDX-License-Identifier: Apache-2.0 */
/* What was read of a trace, in sentences. */
#include "bench/report/report.h"

#include <inttypes.h>

uint32_t text_trace(const struct trace_facts *facts, uint32_t consumers,
		    struct text *sentences)
{
	struct text events = text_count((double)facts->events);
	struct text load = TEXT_NONE;
	struct text keys = text_format("no keys of its own");
	char window[NUMBER_TEXT_BYTES];
	uint32_t n = 2;

	if (consumers > 0)
		load = text_format("; natural load %.3g of %u consumers",
				   facts->load, consumers);
	if (facts->has_keys)
		keys = text_format("%" PRIu64 " keys, the hottest has %.3g %% "
				   "of the events",
				   facts->keys, facts->key_share * 100);
	(void)number_time_text((double)facts->peak_window_ns, window);
	sentences[0] = text_format("%s events, all at one instant", events.at);
	if (facts->span_ns > 0)
		sentences[0] = text_format(
			"%s events in %s: %s/s, at most %s/s over %s%s",
			events.at, text_ns((double)facts->span_ns).at,
			text_number(facts->rate_per_s).at,
			text_number(facts->peak_per_s).at, window, load.at);
	sentences[1] =
		text_format("services%s alone: mean %s, p99.9 %s; %s",
			    facts->has_service ? "" : " (drawn)",
			    text_ns(facts->service_mean_ns).at,
			    text_ns(facts->service_p99_9_ns).at, keys.at);
	if (facts->moved > 0)
		sentences[n++] = text_format(
			"%" PRIu64 " lines were not in order of time, by at "
			"most %s: sorted",
			facts->moved, text_ns((double)facts->moved_ns).at);
	if (facts->no_time > 0)
		sentences[n++] = text_format("%" PRIu64 " services of 0, taken "
					     "as 1 ns: their slowdown says "
					     "nothing",
					     facts->no_time);
	if (facts->ignored[0] != '\0')
		sentences[n++] =
			text_format("columns ignored: %s", facts->ignored);
	return n;
}
