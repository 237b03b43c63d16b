/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/run/quiet.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static uint32_t quiet_slice(uint64_t at_ns)
{
	uint64_t slice = at_ns / QUIET_SLICE_NS;

	return slice < QUIET_SLICES ? (uint32_t)slice : QUIET_SLICES - 1;
}

/* ---- one thread ---------------------------------------------------------- */

/* How long it waited for a CPU since it last asked, by what the kernel counts:
 * "time on a CPU, time waited for one, how often it got one", ns. To be woken takes
 * a moment; that is no loss. */
static uint64_t watch_waited(struct quiet_watch *watch)
{
	char text[96];
	char *at = text;
	ssize_t n = pread(watch->file, text, sizeof(text) - 1, 0);
	uint64_t delay_ns = watch->delay_ns;
	uint64_t woken_ns = watch->runs;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	(void)strtoull(at, &at, 10);
	watch->delay_ns = strtoull(at, &at, 10);
	watch->runs = strtoull(at, &at, 10);
	delay_ns = watch->delay_ns - delay_ns;
	woken_ns = (watch->runs - woken_ns) * QUIET_GAP_NS;
	return delay_ns > woken_ns ? delay_ns - woken_ns : 0;
}

void quiet_turn(struct quiet_watch *watch, uint64_t now)
{
	uint32_t slice = quiet_slice(now);
	uint64_t lost_ns;

	if (watch->file == 0) {
		watch->file = open("/proc/thread-self/schedstat",
				   O_RDONLY | O_CLOEXEC);
		(void)watch_waited(watch);
	}
	lost_ns = watch_waited(watch);
	/* What the kernel counts the clock shows as well. */
	if (watch->gap_ns > lost_ns)
		lost_ns = watch->gap_ns;
	watch->all_ns += lost_ns;
	for (uint32_t i = watch->slice; i < slice; i++)
		watch->lost_ns[i] += lost_ns;
	/* One that has hardly begun has lost nothing. */
	if (slice == watch->slice ||
	    now - slice * QUIET_SLICE_NS >= QUIET_LOST_MIN_NS)
		watch->lost_ns[slice] += lost_ns;
	watch->gap_ns = 0;
	watch->slice = slice;
	watch->next_ns = now + QUIET_SLICE_NS;
	if (slice + 1 < QUIET_SLICES)
		watch->next_ns = (slice + 1) * QUIET_SLICE_NS;
}

void quiet_watch_end(struct quiet_watch *watch, uint64_t now)
{
	if (watch->file == 0)
		return;
	quiet_turn(watch, now);
	if (watch->file >= 0)
		(void)close(watch->file);
}

/* ---- all threads --------------------------------------------------------- */

uint64_t quiet_lost_most(double service_ns)
{
	return (uint64_t)fmin(fmax(5 * service_ns, QUIET_LOST_MIN_NS),
			      QUIET_LOST_MAX_NS);
}

void quiet_judge(struct quiet *quiet, const struct quiet_watch *watch,
		 uint32_t n, uint64_t most_ns)
{
	quiet->lost_ns = 0;
	for (uint32_t k = 0; k < n; k++)
		quiet->lost_ns += watch[k].all_ns;
	quiet->disturbed[0] = 0;
	for (uint32_t i = 0; i < QUIET_SLICES; i++) {
		uint32_t disturbed = 0;

		for (uint32_t k = 0; k < n; k++)
			disturbed |= watch[k].lost_ns[i] > most_ns;
		quiet->disturbed[i + 1] = quiet->disturbed[i] + disturbed;
	}
}

int quiet_holds(const struct quiet *quiet, uint64_t from_ns, uint64_t to_ns)
{
	uint32_t from = quiet_slice(from_ns);

	return quiet->disturbed[from > 0 ? from - 1 : 0] ==
	       quiet->disturbed[quiet_slice(to_ns) + 1];
}

uint64_t quiet_share(const struct quiet *quiet, uint64_t ended_ns,
		     uint64_t events)
{
	uint32_t slices = quiet_slice(ended_ns) + 1;

	return events * (slices - quiet->disturbed[slices]) / slices;
}
