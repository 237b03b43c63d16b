/* SPDX-License-Identifier: Apache-2.0 */
/* The strategy of competing consumers, alone; and one of a program's own that
 * uses its ring. */
#include "dispatch/shared.h"
#include "dispatch/strategy.h"
#include "engine/link/outlet_priv.h"
#include "tests/unit/flow.h"

#define EVENTS 5000u

static const char *const names[] = {"t0", "t1"};
static struct flow_source source = {.end = EVENTS};
static struct flow_sink sinks[2];

static void verify_sees_credit_that_nobody_gave(void **state)
{
	struct sluice_lane lane[2] = {{.state = SLUICE_LANE_ACTIVE},
				      {.state = SLUICE_LANE_VACANT}};
	struct sluice_lanes lanes = {.lane = lane, .count = 2};
	const struct sluice_events none = {NULL, 0, 8};
	const struct sluice_dispatch_opts opts = {0};
	struct sluice_run runs[1];
	struct sluice_shared s;
	uint32_t n_runs = 0;

	(void)state;
	sluice_shared_init(&s, &lanes, &opts);
	assert_null(sluice_shared_verify(&s, &lanes));
	/* Full, and nothing to place. */
	assert_int_equal(sluice_shared_pick(&s, &lanes, &none, runs, &n_runs),
			 0);
	assert_int_equal(n_runs, 0);
	lanes.ring_free = 3;
	assert_int_equal(sluice_shared_placeable(&s, &lanes), 3);
	lane[0].state = SLUICE_LANE_DRAINING;
	assert_int_equal(sluice_shared_placeable(&s, &lanes), 0);
	lane[1].credit = 1;
	assert_text_has(sluice_shared_verify(&s, &lanes), "credit of its own");
}

/* What holds of the lanes of every strategy. */
static void verify_sees_lanes_out_of_step(void **state)
{
	struct sluice_lane lane = {.state = SLUICE_LANE_DRAINING + 1};
	struct sluice_lanes lanes = {.lane = &lane, .count = 1, .stamp = 7};
	struct sluice_shared s = {0};

	(void)state;
	assert_text_has(sluice_shared_verify(&s, &lanes), "no known state");
	lane.state = SLUICE_LANE_ACTIVE;
	lane.acked = 1;
	assert_text_has(sluice_shared_verify(&s, &lanes), "finished more");
	lane.sent = 1;
	lane.since = 8;
	assert_text_has(sluice_shared_verify(&s, &lanes), "stamp");
	lane.since = 7;
	assert_null(sluice_shared_verify(&s, &lanes));
	lane.state = SLUICE_LANE_DRAINING;
	lane.credit = 1;
	assert_text_has(sluice_lanes_verify(&lanes), "not active has credit");
}

/* ---- its ring ------------------------------------------------------------ */

/* A slot says of its next event that it is new, whatever lay there before. */
static void a_slot_forgets_what_lay_in_it(void **state)
{
	static const uint32_t deliveries[] = {3, 0, 0, 1};
	struct outlet out = {.event_bytes = 8, .ops = sluice_wait_linux()};
	const struct pool_ring *ring;
	unsigned char events[16] = {0};

	(void)state;
	assert_int_equal(outlet_pool_open(&out, 4), 0);
	ring = out.pool.ring;
	for (uint32_t i = 0; i < UNIT_COUNT(deliveries); i++) {
		outlet_pool_push(&out, events, 2, deliveries[i]);
		if (i != 2)
			assert_int_equal(
				sluice_mpmc_pop(&ring->mpmc, events, 2), 2);
	}
	assert_int_equal(sluice_load_acquire(&ring->marked), 8);
	assert_int_equal(ring->counts[0], 0);
	assert_int_equal(ring->counts[1], 0);
	assert_int_equal(ring->counts[2], 1);
	assert_int_equal(ring->counts[3], 1);
	outlet_pool_close(&out);
}

/* One of a program's own that lets nobody begin for a while. */
struct sluice_patient {
	struct sluice_shared shared;
};

static sluice_a32 patience;

static inline void sluice_patient_init(struct sluice_patient *s,
				       const struct sluice_lanes *lanes,
				       const struct sluice_dispatch_opts *opts)
{
	sluice_shared_init(&s->shared, lanes, opts);
}

static inline uint64_t
sluice_patient_placeable(const struct sluice_patient *s,
			 const struct sluice_lanes *lanes)
{
	return sluice_shared_placeable(&s->shared, lanes);
}

static inline uint32_t sluice_patient_pick(struct sluice_patient *s,
					   struct sluice_lanes *lanes,
					   const struct sluice_events *events,
					   struct sluice_run *runs,
					   uint32_t *n_runs)
{
	return sluice_shared_pick(&s->shared, lanes, events, runs, n_runs);
}

static inline void sluice_patient_join(struct sluice_patient *s,
				       struct sluice_lanes *lanes, uint32_t i)
{
	(void)s;
	(void)lanes;
	(void)i;
}

static inline void sluice_patient_leave(struct sluice_patient *s,
					struct sluice_lanes *lanes, uint32_t i)
{
	(void)s;
	(void)lanes;
	(void)i;
}

static inline int sluice_patient_ready(const struct sluice_patient *s,
				       const struct sluice_lanes *lanes,
				       uint32_t i)
{
	(void)s;
	(void)lanes;
	(void)i;
	if (sluice_load_acquire(&patience) == 0)
		return 1;
	(void)sluice_fetch_add(&patience, UINT32_MAX);
	return 0;
}

static inline const char *
sluice_patient_verify(const struct sluice_patient *s,
		      const struct sluice_lanes *lanes)
{
	return sluice_shared_verify(&s->shared, lanes);
}

SLUICE_STRATEGY_TABLE(patient, SLUICE_RINGS_POOL, 0, "waits a while");

/* Who joins waits until the strategy says so, and gets its share then. */
static void a_joiner_may_be_made_to_wait(void **state)
{
	struct sluice_pipeline *p = flow_open(2);

	(void)state;
	memset(sinks, 0, sizeof(sinks));
	sluice_store_release(&patience, 5);
	flow_add(p,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .ring_events = 8,
			      .on_idle = SLUICE_IDLE_STAY,
			      .strategy = &sluice_patient_strategy,
			      .handle_demand = flow_count, .state = &source));
	for (uint32_t i = 0; i < 2; i++)
		flow_add(p, SLUICE_STAGE(.name = names[i], .in_bytes = 8,
					 .kind = SLUICE_CONSUMER,
					 .on_idle = SLUICE_IDLE_STAY,
					 .handle_events = flow_collect,
					 .state = &sinks[i]));
	flow_subscribe(p, names[0], "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 4));
	flow_start(p);
	flow_subscribe(p, names[1], "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 4));
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (flow_stats(p, names[0]).events_in +
			    flow_stats(p, names[1]).events_in ==
		    EVENTS)
			break;
		flow_sleep_ms(1);
	}
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	assert_int_equal(sinks[0].events + sinks[1].events, EVENTS);
	assert_int_equal(sinks[0].sum + sinks[1].sum, flow_sum(EVENTS));
	sluice_pipeline_close(p);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(verify_sees_credit_that_nobody_gave),
		cmocka_unit_test(verify_sees_lanes_out_of_step),
		cmocka_unit_test(a_slot_forgets_what_lay_in_it),
		cmocka_unit_test(a_joiner_may_be_made_to_wait),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("shared_pick", tests, NULL, NULL);
}
