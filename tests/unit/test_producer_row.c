/* SPDX-License-Identifier: Apache-2.0 */
/* A producer whose calls are short is called several times in a row, and what it
 * emits little by little is published together: when, and never for long. The clock
 * is the test's: it stands still, but for what a call says that it takes.
 *
 * Each is shown of a row that is written into slots of its ring, and of one whose
 * events pass a strategy one by one, which looks at them. */
#include "flow.h"
#include "tests/support/gate.h"

#define ROW_MOST    64u   /* calls in a row */
#define ROW_LOOK    16u   /* calls of it between two looks at the clock */
#define ROW_NS      4000u /* and no row is longer, but for those */
#define RING_EVENTS 1024u /* of the default window */
#define ROW_WAIT_MS 20000u

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

static uint64_t spent_ns;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	uint64_t ns = __atomic_load_n(&spent_ns, __ATOMIC_ACQUIRE);

	if (clock != CLOCK_MONOTONIC)
		return __real_clock_gettime(clock, now);
	now->tv_sec = 1000 + (time_t)(ns / 1000000000);
	now->tv_nsec = (long)(ns % 1000000000);
	return 0;
}

/* Emits one event a call, from 0 up. */
struct teller {
	struct flow_end ended;
	uint64_t next;
	uint64_t end;
	uint64_t slow_from; /* from this event on a call takes its time */
	uint32_t takes_ns;
	uint32_t fails_each; /* so many calls, having emitted */
	uint32_t again_each; /* so many calls, having emitted, RETRY */
	uint32_t most;       /* events a call, in a cycle of 1 to it; 0: one */
	uint32_t calls;
	uint64_t stops_at; /* before this event it waits at the gate */
};

static struct gate gate;
static uint64_t emissions; /* of the last run */

static int teller_demand(struct sluice_stage *self, uint32_t demand)
{
	struct teller *t = sluice_stage_state(self);
	uint32_t n = t->most > 0 ? 1 + t->calls % t->most : 1;
	uint64_t *event;

	if (n > demand)
		n = demand;
	if (n > t->end - t->next)
		n = (uint32_t)(t->end - t->next);
	if (t->stops_at > 0 && t->next == t->stops_at)
		gate_pass(&gate);
	if (t->next >= t->slow_from)
		(void)__atomic_add_fetch(&spent_ns, t->takes_ns,
					 __ATOMIC_ACQ_REL);
	event = sluice_emit(self, n);
	if (event == NULL)
		return -ENOBUFS;
	for (uint32_t i = 0; i < n; i++)
		event[i] = t->next + i;
	if (++t->calls % (t->fails_each > 0 ? t->fails_each : UINT32_MAX) == 0)
		return -EIO;
	if (t->again_each > 0 && t->calls % t->again_each == 0)
		return SLUICE_RETRY;
	t->next += n;
	return t->next == t->end ? SLUICE_END : SLUICE_OK;
}

/* The largest batch that begins at event @from or behind it. */
static uint32_t largest_from(const struct flow_sink *sink, uint64_t from)
{
	uint32_t largest = 0;

	for (uint32_t i = 0; i < FLOW_BORDERS && sink->border[i].count; i++)
		if (sink->border[i].first >= from &&
		    sink->border[i].count > largest)
			largest = sink->border[i].count;
	return largest;
}

/* How its events are dealt to the only consumer: nobody looks at them, or somebody
 * does. */
static const char *const dispatchers[] = {"demand", "partition"};
#define EACH_DISPATCHER(d) (size_t d = 0; d < UNIT_COUNT(dispatchers); d++)

/* Both on one worker, which steps them in turn. */
static void teller_run(struct teller *t, struct flow_sink *sink, size_t d,
		       enum sluice_restart restart)
{
	struct sluice_pipeline *p = NULL;

	assert_int_equal(
		sluice_pipeline_open(&p, SLUICE_PIPELINE(.workers = 1,
							 .max_restarts = 1000,
							 .backoff_ms = 1,
							 .backoff_max_ms = 1)),
		0);
	flow_add(p,
		 SLUICE_STAGE(.name = "teller", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = teller_demand,
			      .dispatcher = dispatchers[d],
			      .key_bytes = d == 1 ? 8 : 0, .restart = restart,
			      .fini = flow_fini, .state = t));
	flow_add_sink(p, "sink", sink);
	flow_subscribe(p, "sink", "teller", NULL);
	flow_start(p);
	/* A restart waits for its time. */
	while (t->fails_each + t->again_each > 0 &&
	       __atomic_load_n(&sink->events, __ATOMIC_ACQUIRE) < t->end) {
		(void)__atomic_add_fetch(&spent_ns, 1000000, __ATOMIC_ACQ_REL);
		flow_sleep_ms(1);
	}
	assert_int_equal(flow_join(p), 0);
	emissions = flow_stats(p, "teller").batches_out;
	sluice_pipeline_close(p);
	flow_check_all(sink, t->end);
}

static void short_calls_are_published_together(void **state)
{
	(void)state;
	for
		EACH_DISPATCHER(d)
		{
			struct teller t = {.end = 1000};
			struct flow_sink sink = {0};

			teller_run(&t, &sink, d, SLUICE_RESTART_NONE);
			assert_int_equal(sink.largest, ROW_MOST);
		}
}

static void long_calls_publish_each_its_own(void **state)
{
	(void)state;
	for
		EACH_DISPATCHER(d)
		{
			struct teller t = {.end = 1000, .takes_ns = 300};
			struct flow_sink sink = {0};

			teller_run(&t, &sink, d, SLUICE_RESTART_NONE);
			assert_int_equal(sink.largest, 1);
		}
}

/* What the calls of one row take is found out within the row. */
static void calls_that_grow_long_wait_for_few(void **state)
{
	(void)state;
	for
		EACH_DISPATCHER(d)
		{
			struct teller t = {.end = 400,
					   .slow_from = 140,
					   .takes_ns = 1000000};
			struct flow_sink sink = {0};

			teller_run(&t, &sink, d, SLUICE_RESTART_NONE);
			assert_int_equal(largest_from(&sink, 0), ROW_MOST);
			/* The row that event 140 is in began before it. */
			assert_true(largest_from(&sink, 77) <= ROW_MOST);
			assert_int_equal(largest_from(&sink, 141), 1);
		}
}

/* Short ones that are many take their time as well. */
static void a_row_is_over_in_time(void **state)
{
	const uint32_t takes_ns = 100;
	const uint32_t most = ROW_NS / takes_ns;

	(void)state;
	for
		EACH_DISPATCHER(d)
		{
			struct teller t = {.end = 1000, .takes_ns = takes_ns};
			struct flow_sink sink = {0};

			teller_run(&t, &sink, d, SLUICE_RESTART_NONE);
			assert_in_range(sink.largest, most, most + ROW_LOOK);
		}
}

/* An end, or a failure, in the middle of a row comes behind what was emitted. */
static void a_row_may_end_early(void **state)
{
	static const uint64_t ends[] = {1, 2, 9, 16, 17, 18, 25, 65, 72, 73};

	(void)state;
	for
		EACH_DISPATCHER(d)
		{
			for (size_t i = 0; i < UNIT_COUNT(ends); i++) {
				struct teller t = {.end = ends[i]};
				struct flow_sink sink = {0};

				teller_run(&t, &sink, d, SLUICE_RESTART_NONE);
			}
		}
}

/* Calls of a row emit more than there are slots before the ring's end, which comes
 * many times. */
static void a_row_meets_the_rings_end(void **state)
{
	(void)state;
	for
		EACH_DISPATCHER(d)
		{
			struct teller t = {.end = 20 * RING_EVENTS, .most = 7};
			struct flow_sink sink = {0};

			teller_run(&t, &sink, d, SLUICE_RESTART_NONE);
			assert_true(sink.largest > t.most);
		}
}

static void a_failure_keeps_what_was_emitted(void **state)
{
	(void)state;
	for
		EACH_DISPATCHER(d)
		{
			struct teller t = {
				.end = 60, .fails_each = 7, .most = 3};
			struct flow_sink sink = {0};

			teller_run(&t, &sink, d, SLUICE_RESTART_TRANSIENT);
			assert_int_equal(sink.gaps, 0);
		}
}

/* Between two of them others have been answered well: it is not tried in vain. */
static void what_is_tried_again_is_not_given_up(void **state)
{
	(void)state;
	for
		EACH_DISPATCHER(d)
		{
			struct teller t = {
				.end = 60, .again_each = 3, .most = 3};
			struct flow_sink sink = {0};

			teller_run(&t, &sink, d, SLUICE_RESTART_NONE);
			assert_int_equal(sink.gaps, 0);
		}
}

/* Each emission counts, however they are placed. */
static void each_emission_is_counted(void **state)
{
	(void)state;
	for
		EACH_DISPATCHER(d)
		{
			struct teller t = {.end = 1000};
			struct flow_sink sink = {0};

			teller_run(&t, &sink, d, SLUICE_RESTART_NONE);
			assert_int_equal(t.calls, 1000);
			assert_int_equal(emissions, 1000);
		}
}

/* One that may block shows each event before it does. */
static void who_may_block_keeps_nothing_back(void **state)
{
	struct teller t = {.end = 100, .stops_at = 50};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = flow_open(1);
	uint64_t seen = 0;

	(void)state;
	gate = GATE_CLOSED;
	flow_add(p,
		 SLUICE_STAGE(.name = "teller", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = teller_demand,
			      .blocking = 1, .fini = flow_fini, .state = &t));
	flow_add_sink(p, "sink", &sink);
	flow_subscribe(p, "sink", "teller", NULL);
	flow_start(p);
	for (uint32_t ms = 0; ms < ROW_WAIT_MS && seen < 50; ms++) {
		flow_sleep_ms(1);
		seen = flow_stats(p, "sink").events_in;
	}
	gate_open(&gate, 1);
	assert_int_equal(seen, 50);
	assert_int_equal(flow_join(p), 0);
	sluice_pipeline_close(p);
	flow_check_all(&sink, t.end);
}

int main(void)
{
	static struct CMUnitTest tests[] = {
		cmocka_unit_test(short_calls_are_published_together),
		cmocka_unit_test(long_calls_publish_each_its_own),
		cmocka_unit_test(calls_that_grow_long_wait_for_few),
		cmocka_unit_test(a_row_is_over_in_time),
		cmocka_unit_test(a_row_may_end_early),
		cmocka_unit_test(a_row_meets_the_rings_end),
		cmocka_unit_test(what_is_tried_again_is_not_given_up),
		cmocka_unit_test(each_emission_is_counted),
		cmocka_unit_test(a_failure_keeps_what_was_emitted),
		cmocka_unit_test(who_may_block_keeps_nothing_back),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("producer_row", tests, NULL, NULL);
}
