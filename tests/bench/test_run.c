/* SPDX-License-Identifier: Apache-2.0 */
/* What all modes share: services and faults, the sums of a run, the timed strategy.
 * Every number here can be worked out by hand. */
#include "bench/run/run_priv.h"
#include "tests/bench/live.h"

#include <math.h>

#define COUNT 20u

static struct run run;
static struct run_result result;
static struct bench_plan plan;
static struct trace trace;
static struct trace_event events[COUNT];

/* Twenty events, 100 ns apart, of 50 ns each, with keys 0 and 1 in turn. */
static int live_setup(void **state)
{
	(void)state;
	plan_init(&plan);
	plan.consumers = 2;
	plan.trace.count = COUNT;
	if (plan_strategies_parse(&plan, "jbsq:2") != 0)
		return -1;
	for (uint32_t i = 0; i < COUNT; i++)
		events[i] = (struct trace_event){(i + 1) * UINT64_C(100), 50,
						 i % 2};
	trace = (struct trace){.event = events,
			       .count = COUNT,
			       .span_ns = COUNT * 100,
			       .service_mean_ns = 50};
	return 0;
}

static void live_begin(void)
{
	run = (struct run){
		.plan = &plan,
		.ps = &plan.strategy[0],
		.trace = &trace,
		.result = &result,
		.consumers = plan.consumers,
		.producers = plan.producers,
		.ordered = (plan.strategy[0].strategy->needs &
			    SLUICE_NEEDS_ORDER) != 0,
	};
	memset(&result, 0, sizeof(result));
	run.record = run_memory(&run, COUNT * sizeof(*run.record));
	run_sources_open(&run);
}

/* What a run does when it is over. */
static int live_tally(uint64_t discarded, uint64_t unplaced)
{
	int rc;

	result.drops.overflow = discarded;
	result.drops.unplaced = unplaced;
	rc = tally_whole(&run);
	if (rc == 0)
		tally_times(&run, run.record);
	return rc;
}

static int live_teardown(void **state)
{
	(void)state;
	run_forget(&run, NULL);
	return 0;
}

/* ---- services ------------------------------------------------------------ */

static void a_service_is_as_long_as_faults_make_it(void **state)
{
	static const struct {
		double factor;
		uint64_t start;
		uint64_t starts; /* behind a stall from 1000 to 1400 */
		uint64_t ends;
	} rows[] = {
		{1, 0, 0, 100},        {2.5, 0, 0, 250},
		{0.5, 0, 0, 50},       {1, 900, 900, 1000},
		{1, 901, 901, 1401},   {3, 901, 901, 1601},
		{1, 1000, 1400, 1500}, {1, 1399, 1400, 1500},
		{1, 1400, 1400, 1500}, {2, 1200, 1400, 1600},
	};

	(void)state;
	live_begin();
	run.fault[1].stall_from_ns = 1000;
	run.fault[1].stall_until_ns = 1400;
	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
		uint64_t start = rows[i].start;

		run.fault[1].factor = rows[i].factor;
		assert_int_equal(run_service_end(&run, 1, &start, 100),
				 rows[i].ends);
		assert_int_equal(start, rows[i].starts);
	}
}

/* ---- sums ---------------------------------------------------------------- */

/* Consumer @c takes event @seq 20 ns after its arrival, placed at 5, for 50. */
static void handle(uint32_t seq, uint32_t c, uint64_t later_ns)
{
	struct run_record *record = &run.record[seq];
	uint64_t at = events[seq].arrival_ns;

	record->intended_ns = at;
	record->placed_ns = at + 5;
	record->started_ns = at + 20 + later_ns;
	record->ended_ns = record->started_ns + 50;
	record->left_ns = record->ended_ns;
	record->consumer = c;
	record->times++;
}

/* Of the slowdown or the latency: the one that took longer is one in ten. */
static void the_objective_is_what_the_slo_is_about(void **state)
{
	static const struct {
		struct plan_slo slo;
		double low;
		double high;
	} cases[] = {
		{{0.9, 10, 0}, 1.4, 1.41},
		{{0.99, 10, 0}, 4.4, 4.44},
		{{0.9, 10, 1}, 70, 70},
		{{0.99, 10, 1}, 220, 221.8},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		plan.slo = cases[i].slo;
		live_begin();
		for (uint32_t k = 0; k < COUNT; k++)
			handle(k, 0, k == COUNT - 1 ? 150 : 0);
		assert_int_equal(live_tally(0, 0), 0);
		assert_true(result.objective >= cases[i].low);
		assert_true(result.objective <= cases[i].high);
		run_forget(&run, NULL);
	}
}

static void what_was_handled_adds_up(void **state)
{
	(void)state;
	live_begin();
	for (uint32_t i = 0; i < COUNT; i++)
		handle(i, i % 4 == 0, 0);
	assert_int_equal(live_tally(0, 0), 0);
	assert_int_equal(result.events, 20);
	assert_int_equal(result.handled[0], 15);
	assert_int_equal(result.handled[1], 5);
	/* (15 + 5)^2 / (2 (15^2 + 5^2)) */
	assert_true(result.jain > 0.7999 && result.jain < 0.8001);
	assert_int_equal(result.order_key, 0);
	assert_int_equal(result.order_global, 0);
	/* The first tenth is not measured. */
	assert_int_equal(sluice_hist_count(&result.latency), 18);
	assert_int_equal(sluice_hist_min(&result.latency), 70);
	assert_int_equal(sluice_hist_max(&result.latency), 70);
	assert_int_equal(sluice_hist_max(&result.slowdown), 1400);
	assert_int_equal(sluice_hist_max(&result.dispatcher), 5);
	assert_int_equal(sluice_hist_max(&result.lane), 15);
	/* 20 in 2 us; and until 2070 ns. */
	assert_true(result.offered_per_s > 9999999 &&
		    result.offered_per_s < 10000001);
	assert_true(result.achieved_per_s > 9661835 &&
		    result.achieved_per_s < 9661836);
}

static void what_came_late_is_counted(void **state)
{
	(void)state;
	live_begin();
	for (uint32_t i = 0; i < COUNT; i++)
		handle(i, i == 4, i == 4 ? 450 : 0);
	assert_int_equal(live_tally(0, 0), 0);
	/* Event 4 ends at 1020, behind 5 to 8, of which 6 and 8 have its key. */
	assert_int_equal(result.order_global, 1);
	assert_int_equal(result.order_key, 1);
	assert_int_equal(sluice_hist_max(&result.latency), 520);
}

/* 7 before 6, and at the time of 5. */
static void whoever_ends_first_was_first(void **state)
{
	(void)state;
	live_begin();
	for (uint32_t i = 0; i < COUNT; i++)
		handle(i, i % 2, 0);
	run.record[7].ended_ns = run.record[5].ended_ns;
	assert_int_equal(live_tally(0, 0), 0);
	assert_int_equal(result.order_key, 0);
	assert_int_equal(result.order_global, 1);
}

static void behind_a_resequencer_it_is_over_later(void **state)
{
	(void)state;
	live_begin();
	for (uint32_t i = 0; i < COUNT; i++)
		handle(i, i == 4, i == 4 ? 450 : 0);
	/* 4 to 8 leave at 1020: they came at 500, 600, 700, 800 and 900. */
	for (uint32_t i = 4; i <= 8; i++)
		run.record[i].left_ns = 1020;
	assert_int_equal(live_tally(0, 0), 0);
	assert_int_equal(result.order_global, 1);
	assert_int_equal(sluice_hist_max(&result.latency), 520);
	assert_int_equal(sluice_hist_count(&result.latency), 18);
	assert_true(fabs(sluice_hist_mean(&result.latency) -
			 (13 * 70 + 520 + 420 + 320 + 220 + 120) / 18.0) < 0.1);
}

static void a_lost_event_fails_the_run(void **state)
{
	(void)state;
	live_begin();
	for (uint32_t i = 0; i < COUNT; i++)
		if (i != 11)
			handle(i, 0, 0);
	assert_int_equal(live_tally(0, 0), -EBADMSG);
	assert_text_has(cli_error(), "of 20 events 1 were never handled");
}

static void an_event_handled_twice_fails_the_run(void **state)
{
	(void)state;
	live_begin();
	for (uint32_t i = 0; i < COUNT; i++)
		handle(i, 0, 0);
	handle(11, 1, 0);
	assert_int_equal(live_tally(0, 0), -EBADMSG);
	assert_text_has(cli_error(), "1 more than once");
}

static void what_was_dropped_is_not_lost(void **state)
{
	(void)state;
	live_begin();
	for (uint32_t i = 0; i < COUNT - 3; i++)
		handle(i, 0, 0);
	assert_int_equal(live_tally(1, 2), 0);
	assert_int_equal(result.events, 17);
	assert_int_equal(result.drops.overflow, 1);
	assert_int_equal(result.drops.unplaced, 2);
}

/* ---- parts --------------------------------------------------------------- */

/* A backlog of 40 parts, of 4000 events: @steps has what each part adds. */
static int grows(const int *steps, uint32_t n)
{
	struct run_part part[RUN_PARTS] = {{0}};

	for (uint32_t k = 1; k < RUN_PARTS; k++) {
		part[k].backlog =
			(uint64_t)((int64_t)part[k - 1].backlog + steps[k % n]);
		part[k].earlier = part[k].backlog;
	}
	return tally_grows(part, 4000);
}

static void a_backlog_that_grows_is_seen(void **state)
{
	static const int steady[] = {10};
	static const int little[] = {0, 1, 0, 0, 0, 0, 0, 0};
	static const int wave[] = {30,  30,  30,  30,  -10, -10, -10, -10,
				   -10, -10, -10, -10, -10, -10, -10, -10};
	static const int uneven[] = {10, 3, 17, 0, 12, 9, -4, 20};
	int late[RUN_PARTS] = {0};
	int early[RUN_PARTS] = {0};

	(void)state;
	assert_true(grows(steady, 1));
	assert_true(grows(uneven, 8));
	/* Less than a share of the events. */
	assert_false(grows(little, 8));
	/* Up and down again. */
	assert_false(grows(wave, 16));
	/* Filled once, at the end or at the beginning. */
	late[37] = 900;
	assert_false(grows(late, RUN_PARTS));
	early[1] = 900;
	assert_false(grows(early, RUN_PARTS));
}

/* All come at once, and half of them at another instant, before which nothing, or
 * much, of the others has been served. */
static void one_burst_is_no_growing_backlog(void **state)
{
	(void)state;
	for (uint32_t burst = 0; burst < 3; burst++) {
		uint64_t second_ns = burst == 0 ? 100 : burst == 1 ? 150 : 1500;

		for (uint32_t i = 0; i < COUNT; i++)
			events[i].arrival_ns = i < COUNT / 2 ? 100 : second_ns;
		live_begin();
		for (uint32_t i = 0; i < COUNT; i++)
			handle(i, 0, 50 * i);
		assert_int_equal(live_tally(0, 0), 0);
		assert_int_equal(result.saturated, burst == 1);
		/* The last one finds those that have come. */
		assert_int_equal(result.part[RUN_PARTS - 1].backlog,
				 burst == 2 ? COUNT / 2 - 1 : COUNT - 1);
		assert_int_equal(result.part[RUN_PARTS - 1].earlier,
				 burst == 1 ? COUNT / 2 : 0);
		(void)live_teardown(state);
	}
}

/* Two parts for each event: they come each 100 ns, and are served for 50 from 20
 * later on, so nobody is left when the next one comes; but the first takes long. */
static void parts_have_what_waits(void **state)
{
	(void)state;
	live_begin();
	for (uint32_t i = 0; i < COUNT; i++)
		handle(i, 0, i == 0 ? 450 : 0);
	assert_int_equal(live_tally(0, 0), 0);
	assert_int_equal(result.parts, 2 * COUNT);
	assert_int_equal(result.saturated, 0);
	for (uint32_t k = 0; k < 2 * COUNT; k++) {
		const struct run_part *part = &result.part[k];
		/* Of the two the second has the event in it. */
		uint64_t most = k % 2 == 0 ? 0 : k == 1 ? 520 : 70;

		assert_int_equal(part->from_ns, 100 * (k / 2 + 1));
		/* Until 100 + 20 + 450 + 50. */
		assert_int_equal(part->backlog, k > 1 && k < 12);
		assert_int_equal(part->latency_max_ns, most);
		assert_in_range(part->latency_p50_ns, most, most * 101 / 100);
		assert_int_equal(part->latency_p50_ns, part->latency_p99_ns);
	}
}

/* ---- producers ------------------------------------------------------------ */

/* What is due at 350 ns came at 100, 200 and 300; who had not looked before is not
 * late with it. */
static void an_arrival_is_late_when_somebody_looked(void **state)
{
	struct source *source;

	(void)state;
	live_begin();
	source = &run.source[0];
	assert_int_equal(source_next_ns(source), 100);
	source_look(source, 0, 250, 0);
	assert_int_equal(source->due, 2);
	assert_int_equal(sluice_hist_count(&source->lag), 0);
	source_look(source, 0, 350, 1);
	assert_int_equal(source->due, 3);
	assert_int_equal(sluice_hist_count(&source->lag), 1);
	assert_int_equal(sluice_hist_max(&source->lag), 50);
	assert_int_equal(source_next_ns(source), 400);
}

/* What waits waits until the next look. */
static void what_waits_is_measured_between_looks(void **state)
{
	(void)state;
	live_begin();
	source_measure(&run.source[0], 4, 1, 100);
	source_measure(&run.source[0], 1, 0, 300);
	source_measure(&run.source[0], 0, 0, 600);
	run.ended_ns = 1000;
	run_sources_report(&run);
	assert_int_equal(result.depth_max, 4);
	/* 4 for 200 ns, 1 for 300. */
	assert_true(fabs(result.depth_mean - 1.1) < 1e-9);
	assert_int_equal(result.credit_stall_ns, 200);
}

/* ---- the timed strategy -------------------------------------------------- */

/* It decides as the one inside, whose state it keeps. */
static void a_timed_strategy_decides_alike(void **state)
{
	const struct sluice_strategy *timed = &run.timed;
	struct source *source;
	struct sluice_lane lane[2][3] = {{{0}}};
	struct sluice_lanes lanes[2] = {{.lane = lane[0], .count = 3},
					{.lane = lane[1], .count = 3}};
	struct sluice_dispatch_opts opts = {.own = NULL};
	static _Alignas(64) unsigned char memory[2][65536];
	static struct run_event row[8];
	const struct sluice_events shown = {(const unsigned char *)row, 8,
					    sizeof(row[0])};

	(void)state;
	assert_int_equal(plan_strategies_parse(&plan, "partition:16"), 0);
	for (uint32_t i = 0; i < COUNT; i++)
		events[i].key = i;
	live_begin();
	source = &run.source[0];
	opts.own = source;
	assert_true(timed->state_bytes <= sizeof(memory[0]));
	assert_int_equal(timed->needs, plan.strategy[0].strategy->needs);
	for (uint32_t k = 0; k < 2; k++) {
		lanes[k].spill_free = 100;
		for (uint32_t i = 0; i < 3; i++)
			lane[k][i] = (struct sluice_lane){
				.state = SLUICE_LANE_ACTIVE, .credit = 1000};
	}
	timed->init(memory[0], &lanes[0], &opts);
	plan.strategy[0].strategy->init(memory[1], &lanes[1], &source->opts);
	for (uint32_t i = 0; i < 64; i++) {
		struct sluice_run runs[2][8];
		uint32_t n[2] = {0, 0};

		for (uint32_t j = 0; j < 8; j++)
			row[j].seq = (8 * i + j) % COUNT;
		assert_int_equal(timed->placeable(memory[0], &lanes[0]),
				 plan.strategy[0].strategy->placeable(
					 memory[1], &lanes[1]));
		assert_int_equal(
			timed->pick(memory[0], &lanes[0], &shown, runs[0],
				    &n[0]),
			plan.strategy[0].strategy->pick(
				memory[1], &lanes[1], &shown, runs[1], &n[1]));
		assert_int_equal(n[0], n[1]);
		assert_memory_equal(runs[0], runs[1],
				    n[0] * sizeof(runs[0][0]));
	}
	assert_null(timed->verify(memory[0], &lanes[0]));
	assert_int_equal(source->picks, 64);
	assert_int_equal(source->events_timed, 64);
	assert_true(source->pick_ns > 0);
}

#define LIVE_TEST(test)                                                        \
	cmocka_unit_test_setup_teardown(test, live_setup, live_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST(a_service_is_as_long_as_faults_make_it),
		LIVE_TEST(the_objective_is_what_the_slo_is_about),
		LIVE_TEST(what_was_handled_adds_up),
		LIVE_TEST(what_came_late_is_counted),
		LIVE_TEST(whoever_ends_first_was_first),
		LIVE_TEST(behind_a_resequencer_it_is_over_later),
		LIVE_TEST(a_lost_event_fails_the_run),
		LIVE_TEST(an_event_handled_twice_fails_the_run),
		LIVE_TEST(what_was_dropped_is_not_lost),
		LIVE_TEST(a_backlog_that_grows_is_seen),
		LIVE_TEST(one_burst_is_no_growing_backlog),
		LIVE_TEST(parts_have_what_waits),
		LIVE_TEST(an_arrival_is_late_when_somebody_looked),
		LIVE_TEST(what_waits_is_measured_between_looks),
		LIVE_TEST(a_timed_strategy_decides_alike),
	};

	return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
