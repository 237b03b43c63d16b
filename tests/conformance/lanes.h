/* SPDX-License-Identifier: Apache-2.0 */
/* One dispatcher alone, one operation at a time, as the cases tell it:
 * subscribe, ask, cancel, dispatch; and what its stage is told to make
 * meanwhile.
 *
 * The stage is told what could be placed and has not been told yet. What was
 * told and could not be placed any more is owed: to say "placeable minus told"
 * is all the bookkeeping there is. */
#ifndef SLUICE_TESTS_CONFORMANCE_LANES_H
#define SLUICE_TESTS_CONFORMANCE_LANES_H

#include "dispatch/broadcast.h"
#include "dispatch/demand.h"
#include "dispatch/hash.h"
#include "dispatch/partition.h"
#include "tests/support/unit.h"

#define DRIVER_LANES  4u
#define DRIVER_EVENTS 64u

enum { A, B, C, D };
enum driver_kind {
	DRIVER_DEMAND,
	DRIVER_BROADCAST,
	DRIVER_PARTITION,
	DRIVER_HASH
};

/* Events of a lane, by what they are. */
struct driver_row {
	uint64_t at[DRIVER_EVENTS];
	uint32_t count;
};

struct driver {
	enum driver_kind kind;
	struct sluice_lanes lanes;
	struct sluice_lane lane[DRIVER_LANES];
	struct sluice_demand demand;
	struct sluice_broadcast broadcast;
	struct sluice_partition partition;
	struct sluice_hash hash;
	uint64_t told; /* and not made yet */
	uint64_t discarded;
	uint64_t wrong;
	struct driver_row got[DRIVER_LANES];
	struct driver_row waits[DRIVER_LANES];
};

#define DRIVER_CALL(d, name, ...)                                              \
	((d)->kind == DRIVER_DEMAND                                            \
		 ? sluice_demand_##name(&(d)->demand, __VA_ARGS__)             \
	 : (d)->kind == DRIVER_BROADCAST                                       \
		 ? sluice_broadcast_##name(&(d)->broadcast, __VA_ARGS__)       \
	 : (d)->kind == DRIVER_HASH                                            \
		 ? sluice_hash_##name(&(d)->hash, __VA_ARGS__)                 \
		 : sluice_partition_##name(&(d)->partition, __VA_ARGS__))

/* An event is a number. */
static inline uint64_t driver_event(const void *event)
{
	uint64_t number;

	memcpy(&number, event, sizeof(number));
	return number;
}

/* @lanes places, nobody subscribed. */
static inline void driver_open(struct driver *d, enum driver_kind kind,
			       uint32_t lanes, uint32_t spill,
			       const struct sluice_dispatch_opts *opts)
{
	memset(d, 0, sizeof(*d));
	d->kind = kind;
	d->lanes.lane = d->lane;
	d->lanes.count = lanes;
	d->lanes.spill_free = spill;
	if (kind == DRIVER_DEMAND)
		sluice_demand_init(&d->demand, &d->lanes, opts);
	else if (kind == DRIVER_BROADCAST)
		sluice_broadcast_init(&d->broadcast, &d->lanes, opts);
	else if (kind == DRIVER_HASH)
		sluice_hash_init(&d->hash, &d->lanes, opts);
	else
		sluice_partition_init(&d->partition, &d->lanes, opts);
}

static inline uint64_t driver_placeable(const struct driver *d)
{
	return DRIVER_CALL(d, placeable, &d->lanes);
}

/* Told, and nobody there to take it. */
static inline uint64_t driver_owed(const struct driver *d)
{
	uint64_t room = driver_placeable(d);

	return d->told > room ? d->told - room : 0;
}

/* What the stage is told now. */
static inline uint64_t driver_tell(struct driver *d)
{
	uint64_t room = driver_placeable(d);
	uint64_t upstream = room > d->told ? room - d->told : 0;

	d->told += upstream;
	return upstream;
}

static inline void driver_get(struct driver_row *row, uint64_t event)
{
	assert_true(row->count < DRIVER_EVENTS);
	row->at[row->count++] = event;
}

/* What waited for a lane goes before all else. */
static inline void driver_unspill(struct driver *d, uint32_t i)
{
	struct sluice_lane *lane = &d->lane[i];
	struct driver_row *waits = &d->waits[i];

	while (lane->spilled > 0 && lane->credit > 0) {
		driver_get(&d->got[i], waits->at[0]);
		memmove(waits->at, waits->at + 1,
			--waits->count * sizeof(waits->at[0]));
		lane->spilled--;
		lane->credit--;
		lane->sent++;
		lane->acked++;
		d->lanes.spill_free++;
	}
}

static inline uint64_t driver_subscribe(struct driver *d, uint32_t i)
{
	d->lane[i] = (struct sluice_lane){.state = SLUICE_LANE_JOINING,
					  .spilled = d->lane[i].spilled};
	d->got[i].count = 0;
	DRIVER_CALL(d, join, &d->lanes, i);
	assert_true(DRIVER_CALL(d, ready, &d->lanes, i));
	d->lane[i].state = SLUICE_LANE_ACTIVE;
	return driver_tell(d);
}

/* @n more; it has finished all it was sent. */
static inline uint64_t driver_ask(struct driver *d, uint32_t i, uint64_t n)
{
	sluice_lane_set(&d->lanes, i, d->lane[i].credit + n, d->lane[i].sent);
	driver_unspill(d, i);
	return driver_tell(d);
}

/* Place a row of events, as whoever has emitted them would: what the dispatcher
 * does not take stays with its stage. Returns how many that are. */
static inline uint32_t driver_place(struct driver *d, const uint64_t *events,
				    uint32_t n)
{
	const struct sluice_events row = {(const unsigned char *)events, n,
					  sizeof(*events)};
	struct sluice_run runs[DRIVER_EVENTS];
	uint32_t n_runs = 0;
	uint32_t placed = DRIVER_CALL(d, pick, &d->lanes, &row, runs, &n_runs);

	for (uint32_t r = 0; r < n_runs; r++)
		for (uint32_t k = 0; k < runs[r].count; k++, events++) {
			uint32_t lane = runs[r].lane & ~SLUICE_RUN_SPILL;

			if (runs[r].lane == SLUICE_LANE_NONE)
				d->discarded++;
			else if (runs[r].lane == SLUICE_LANE_WRONG)
				d->wrong++;
			else if (runs[r].lane == SLUICE_LANE_ALL)
				for (uint32_t i = 0; i < d->lanes.count; i++) {
					if (d->lane[i].state ==
					    SLUICE_LANE_ACTIVE)
						driver_get(&d->got[i], *events);
				}
			else
				driver_get(runs[r].lane & SLUICE_RUN_SPILL
						   ? &d->waits[lane]
						   : &d->got[lane],
					   *events);
		}
	return n - placed;
}

/* The stage has made these. */
static inline uint32_t driver_dispatch(struct driver *d, const uint64_t *events,
				       uint32_t n)
{
	d->told -= d->told < n ? d->told : n;
	return driver_place(d, events, n);
}

/* It had finished all it was sent. What waited for it is placed again. */
static inline uint64_t driver_cancel(struct driver *d, uint32_t i)
{
	struct driver_row waits = d->waits[i];

	d->lanes.spill_free += waits.count;
	d->waits[i].count = 0;
	d->lane[i] = (struct sluice_lane){.state = SLUICE_LANE_VACANT};
	DRIVER_CALL(d, leave, &d->lanes, i);
	assert_int_equal(driver_place(d, waits.at, waits.count), 0);
	return driver_tell(d);
}

/* The row is these numbers, up to UINT64_MAX; and is empty then. */
static inline void driver_check_row(struct driver_row *row,
				    const uint64_t *want)
{
	uint32_t n = 0;

	for (; want[n] != UINT64_MAX; n++) {
		assert_true(n < row->count);
		assert_int_equal(row->at[n], want[n]);
	}
	assert_int_equal(row->count, n);
	row->count = 0;
}

#define CHECK_GOT(d, lane, ...)                                                \
	driver_check_row(&(d)->got[lane],                                      \
			 (const uint64_t[]){__VA_ARGS__, UINT64_MAX})

/* The stage makes these; returns how many are left over. */
#define DISPATCH(d, ...)                                                       \
	driver_dispatch(                                                       \
		(d), (const uint64_t[]){__VA_ARGS__},                          \
		(uint32_t)UNIT_COUNT(((const uint64_t[]){__VA_ARGS__})))

#endif
