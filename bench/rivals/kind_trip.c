/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A round trip: one event there through one link and back through another. The
 * figure is the median, its tail the 99th percentile, exact: of every trip.
 */
#include "bench/rivals/kind.h"
#include "bench/rivals/ring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TRIPS_FIRST 200u /* that find out how many make a run */
#define TRIPS_MAX   200000u

static const struct ring_rival *trip_rival(uint32_t way)
{
	const struct ring_rival *const *rivals;

	(void)ring_rivals(&rivals);
	return rivals[way];
}

static void trip_cell_name(uint32_t cell, char *text, size_t bytes)
{
	(void)cell;
	(void)snprintf(text, bytes, "8B/there and back/");
}

static uint32_t trip_ways(void)
{
	const struct ring_rival *const *rivals;

	return ring_rivals(&rivals);
}

static struct ring_way trip_way(uint32_t index)
{
	const struct ring_rival *rival = trip_rival(index);

	return (struct ring_way){rival->name, rival->family};
}

static int trip_takes_part(uint32_t cell, uint32_t way)
{
	(void)cell;
	return trip_rival(way)->ping != NULL;
}

/* @n trips. Returns the time, ns, or a negative errno. */
static int64_t trip_run(const struct ring_rival *rival, struct ring_trip *trip,
			uint64_t n)
{
	int64_t ns;

	trip->n = n;
	trip->sum = 0;
	ns = bench_pair(rival->ping, rival->pong, trip);
	if (ns < 0)
		return ns;
	/* The other side adds one to each. */
	return trip->sum == ring_sum_expected(n, 8) + n ? ns : -EBADMSG;
}

static int trip_measure_open(const struct ring_rival *rival,
			     struct ring_trip *trip, int64_t run_ns,
			     uint64_t *events, struct ring_figure *out)
{
	int64_t ns = trip_run(rival, trip, TRIPS_FIRST);

	if (ns >= 0 && *events == 0) {
		double trips = (double)run_ns * TRIPS_FIRST / (double)(ns + 1);

		*events = trips < TRIPS_FIRST ? TRIPS_FIRST
			  : trips > TRIPS_MAX ? TRIPS_MAX
					      : (uint64_t)trips;
	}
	if (ns >= 0)
		ns = trip_run(rival, trip, *events);
	if (ns < 0)
		return (int)ns;
	*out = ring_figure_of_times(trip->ns, *events);
	return 0;
}

static int trip_measure(uint32_t cell, uint32_t way, int64_t run_ns,
			uint64_t *events, struct ring_figure *out)
{
	const struct ring_rival *rival = trip_rival(way);
	const struct ring_link link = {
		.bytes = 8, .batch = 1, .pauses = RING_EAGER};
	struct ring_trip trip = {
		.there = rival->open(&link),
		.back = rival->open(&link),
		.ns = bench_memory(TRIPS_MAX * sizeof(*trip.ns)),
	};
	int rc = -ENOMEM;

	(void)cell;
	if (trip.there && trip.back && trip.ns)
		rc = trip_measure_open(rival, &trip, run_ns, events, out);
	if (trip.there)
		rival->close(trip.there);
	if (trip.back)
		rival->close(trip.back);
	free(trip.ns);
	return rc;
}

const struct ring_kind kind_trip = {
	.name = "roundtrip",
	.unit = "ns, median",
	.low_wins = 1,
	.cells = 1,
	.cell_name = trip_cell_name,
	.ways = trip_ways,
	.way = trip_way,
	.takes_part = trip_takes_part,
	.measure = trip_measure,
};
