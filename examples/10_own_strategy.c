/* SPDX-License-Identifier: Apache-2.0 */
/* Lesson 10: a strategy of your own, in your own program. This one is called
 * standby: the first consumer gets everything while it keeps up, and only what it
 * has no credit for goes to the next. dispatch/dispatch.h says what the seven
 * functions promise; they see credits and answer with lanes, and never block. */
#include <sluice/sluice.h>
#include <inttypes.h>
#include <stdio.h>

#define EVENTS 1000

struct sluice_standby {
	uint32_t unused; /* the credits say it all */
};

static void sluice_standby_init(struct sluice_standby *s,
				const struct sluice_lanes *lanes,
				const struct sluice_dispatch_opts *opts)
{
	(void)lanes;
	(void)opts; /* opts->own is .strategy_ctx of the stage */
	s->unused = 0;
}

/* How many events pick can place now: as many as there is credit. */
static uint64_t sluice_standby_placeable(const struct sluice_standby *s,
					 const struct sluice_lanes *lanes)
{
	(void)s;
	return sluice_lanes_sum(lanes);
}

/* Decide for the first events, as many as there is credit for. */
static uint32_t sluice_standby_pick(struct sluice_standby *s,
				    struct sluice_lanes *lanes,
				    const struct sluice_events *events,
				    struct sluice_run *runs, uint32_t *n_runs)
{
	uint32_t placed = 0;

	(void)s;
	for (uint32_t i = 0; i < lanes->count && placed < events->count; i++) {
		uint64_t credit = lanes->lane[i].credit;
		uint32_t n = events->count - placed;

		if (credit == 0)
			continue;
		if (credit < n)
			n = (uint32_t)credit;
		sluice_lane_send(lanes, i, n, runs, n_runs);
		placed += n;
	}
	return placed;
}

/* Who comes or goes needs no word: join, ready and leave have nothing to do. */
SLUICE_STRATEGY_FREE_MEMBERS(standby)

static const char *sluice_standby_verify(const struct sluice_standby *s,
					 const struct sluice_lanes *lanes)
{
	(void)s;
	return sluice_lanes_verify(lanes);
}

SLUICE_STRATEGY_TABLE(standby, SLUICE_RINGS_SEPARATE, 0,
		      "the first while it keeps up, then the next");

static int count(struct sluice_stage *self, uint32_t demand)
{
	uint64_t *next = sluice_stage_state(self);
	uint64_t left = EVENTS - *next;
	uint32_t n = left < demand ? (uint32_t)left : demand;
	uint64_t *out = sluice_emit(self, n);

	for (uint32_t i = 0; i < n; i++)
		out[i] = (*next)++;
	return *next < EVENTS ? SLUICE_OK : SLUICE_END;
}

static int handle(struct sluice_stage *self, const struct sluice_batch *batch)
{
	uint64_t *handled = sluice_stage_state(self);

	*handled += batch->count;
	return SLUICE_OK;
}

static int declare(struct sluice_pipeline *p, uint64_t *next, uint64_t *handled)
{
	static const char *const names[] = {"first", "standby"};
	int rc = sluice_stage_add(
		p, SLUICE_STAGE(.name = "counter", .kind = SLUICE_PRODUCER,
				.out_bytes = sizeof(uint64_t),
				.strategy = &sluice_standby_strategy,
				.batch_events = 16, .handle_demand = count,
				.state = next));

	for (int i = 0; rc == 0 && i < 2; i++) {
		rc = sluice_stage_add(p,
				      SLUICE_STAGE(.name = names[i],
						   .kind = SLUICE_CONSUMER,
						   .in_bytes = sizeof(uint64_t),
						   .handle_events = handle,
						   .state = &handled[i]));
		if (rc == 0)
			rc = sluice_subscribe(
				p, names[i], "counter",
				SLUICE_SUBSCRIPTION(.max_demand = 64));
	}
	return rc;
}

int main(void)
{
	struct sluice_pipeline *p = NULL;
	uint64_t handled[2] = {0, 0};
	uint64_t next = 0;
	int rc = sluice_pipeline_open(&p, NULL);

	if (rc == 0)
		rc = declare(p, &next, handled);
	if (rc == 0)
		rc = sluice_pipeline_run(p);
	if (rc < 0)
		fprintf(stderr, "10_own_strategy: %s\n", sluice_last_error());
	else
		printf("first: %" PRIu64 ", standby: %" PRIu64 ", of %d\n",
		       handled[0], handled[1], EVENTS);
	sluice_pipeline_close(p);
	return rc < 0;
}
