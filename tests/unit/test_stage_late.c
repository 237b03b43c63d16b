/* SPDX-License-Identifier: Apache-2.0 */
/* Stages that are added while a pipeline runs, and removed: what is refused, what
 * init may answer, where they run, and what is left behind. */
#include "flow.h"

static struct sluice_pipeline *pipeline;
static struct flow_source source;
static struct flow_sink sinks[2];

/* A source that waits for consumers, and a first sink. */
static void open_running(uint32_t workers)
{
	source = (struct flow_source){.end = UINT64_MAX, .most = 8};
	memset(sinks, 0, sizeof(sinks));
	pipeline = flow_open(workers);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .on_idle = SLUICE_IDLE_STAY, .state = &source));
	flow_add_sink(pipeline, "sink", &sinks[0]);
	flow_subscribe(pipeline, "sink", "source", NULL);
	flow_start(pipeline);
}

static struct sluice_stage *late(const struct sluice_stage_opts *opts)
{
	struct sluice_stage *stage;

	flow_add(pipeline, opts);
	stage = sluice_stage_find(pipeline, opts->name);
	assert_non_null(stage);
	return stage;
}

#define LATE_SINK(sink, ...)                                                   \
	SLUICE_STAGE(.name = "late", .kind = SLUICE_CONSUMER, .in_bytes = 8,   \
		     .handle_events = flow_collect, .state = (sink),           \
		     __VA_ARGS__)

static void drain_and_close(int rc)
{
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), rc);
	sluice_pipeline_close(pipeline);
}

/* ---- refusals ------------------------------------------------------------ */

static void a_name_is_free_after_its_stage_was_removed(void **state)
{
	struct sluice_stage *stage;

	(void)state;
	open_running(2);
	stage = late(LATE_SINK(&sinks[1], .fini = flow_fini));
	assert_int_equal(sluice_stage_add(pipeline, LATE_SINK(&sinks[1])),
			 -EEXIST);
	assert_text_has(sluice_last_error(), "'late': the name is in use");
	assert_int_equal(sluice_stage_end(stage, SLUICE_REASON_NORMAL, 0), 0);
	assert_int_equal(sluice_stage_remove(stage, FLOW_DEADLINE_MS), 0);
	flow_check_ended(&sinks[1].ended, SLUICE_REASON_NORMAL);
	(void)late(LATE_SINK(&sinks[1]));
	drain_and_close(0);
}

static void a_stage_that_runs_is_not_removed(void **state)
{
	struct sluice_stage *stage;

	(void)state;
	open_running(2);
	stage = sluice_stage_find(pipeline, "sink");
	assert_int_equal(sluice_stage_remove(NULL, 0), -EINVAL);
	assert_int_equal(sluice_stage_remove(stage, 0), -ETIMEDOUT);
	assert_text_has(sluice_last_error(), "'sink' has not ended");
	assert_int_equal(sluice_stage_remove(stage, 5), -ETIMEDOUT);
	drain_and_close(0);
}

/* One that was declared, too; its statistics go with it. */
static void a_declared_stage_is_removed(void **state)
{
	struct sluice_stage_stats stats;
	struct sluice_stage *stage;

	(void)state;
	open_running(2);
	flow_wait_events(pipeline, &sinks[0], 100);
	stage = sluice_stage_find(pipeline, "sink");
	assert_int_equal(sluice_stage_end(stage, SLUICE_REASON_NORMAL, 0), 0);
	assert_int_equal(sluice_stage_remove(stage, FLOW_DEADLINE_MS), 0);
	assert_int_equal(sluice_stage_stat(pipeline, "sink", &stats), -ENOENT);
	(void)late(LATE_SINK(&sinks[1]));
	flow_subscribe(pipeline, "late", "source", NULL);
	drain_and_close(0);
	assert_int_equal(sinks[0].events + sinks[1].events, source.next);
	assert_int_equal(sinks[0].sum + sinks[1].sum, flow_sum(source.next));
}

static void before_the_start_and_after_the_end(void **state)
{
	struct sluice_stage *stage;

	(void)state;
	source = (struct flow_source){.end = 10};
	memset(sinks, 0, sizeof(sinks));
	pipeline = flow_open(1);
	flow_add_source(pipeline, "source", &source);
	flow_add_sink(pipeline, "sink", &sinks[0]);
	flow_subscribe(pipeline, "sink", "source", NULL);
	stage = sluice_stage_find(pipeline, "sink");
	assert_int_equal(sluice_stage_remove(stage, 0), -EBUSY);
	assert_int_equal(flow_run(pipeline), 0);
	assert_int_equal(sluice_stage_add(pipeline, LATE_SINK(&sinks[1])),
			 -EPIPE);
	assert_text_has(sluice_last_error(), "is ending");
	assert_int_equal(sluice_stage_remove(stage, 0), 0);
	assert_null(sluice_stage_find(pipeline, "sink"));
	sluice_pipeline_close(pipeline);
}

static struct refused_row {
	const char *name;
	struct sluice_stage_opts opts;
	const char *text;
} refused_rows[] = {
	{"order_of",
	 {.size = sizeof(struct sluice_stage_opts),
	  .name = "late",
	  .kind = SLUICE_CONSUMER,
	  .in_bytes = 16,
	  .order_of = "source",
	  .handle_events = flow_collect},
	 "order_of 'source' is set, and the pipeline runs"},
	{"ordered",
	 {.size = sizeof(struct sluice_stage_opts),
	  .name = "late",
	  .kind = SLUICE_PRODUCER,
	  .out_bytes = 16,
	  .dispatcher = "ordered",
	  .order_offset = SLUICE_ORDER_OFFSET(8),
	  .handle_demand = flow_count},
	 "dispatcher 'ordered', and the pipeline runs"},
	{"cpu",
	 {.size = sizeof(struct sluice_stage_opts),
	  .name = "late",
	  .kind = SLUICE_CONSUMER,
	  .in_bytes = 8,
	  .cpu = SLUICE_CPU(4000),
	  .handle_events = flow_collect},
	 "cpu 4000 does not exist"},
};

static void what_cannot_come_is_refused(void **state)
{
	struct refused_row *row = *state;

	open_running(2);
	assert_int_equal(sluice_stage_add(pipeline, &row->opts), -EINVAL);
	assert_text_has(sluice_last_error(), row->text);
	assert_null(sluice_stage_find(pipeline, "late"));
	/* Nothing of it is left: the name may be used. */
	(void)late(LATE_SINK(&sinks[1]));
	drain_and_close(0);
}

/* ---- init ---------------------------------------------------------------- */

static uint32_t inits;

static int init_fails(struct sluice_stage *self)
{
	(void)self;
	(void)__atomic_add_fetch(&inits, 1, __ATOMIC_ACQ_REL);
	return -ENOENT;
}

static int init_fails_once(struct sluice_stage *self)
{
	(void)self;
	return __atomic_add_fetch(&inits, 1, __ATOMIC_ACQ_REL) == 1 ? -EAGAIN
								    : 0;
}

static void an_init_that_fails_ends_the_pipeline(void **state)
{
	(void)state;
	inits = 0;
	open_running(2);
	(void)late(LATE_SINK(&sinks[1], .init = init_fails));
	assert_int_equal(flow_join(pipeline), -ENOENT);
	assert_text_has(sluice_last_error(), "'late': init returned");
	assert_int_equal(inits, 1);
	sluice_pipeline_close(pipeline);
}

static void an_init_that_fails_is_tried_again(void **state)
{
	(void)state;
	inits = 0;
	open_running(2);
	(void)late(LATE_SINK(&sinks[1], .init = init_fails_once,
			     .restart = SLUICE_RESTART_TRANSIENT));
	flow_subscribe(pipeline, "late", "source", NULL);
	flow_wait_events(pipeline, &sinks[1], 10);
	drain_and_close(0);
	assert_int_equal(inits, 2);
	assert_int_equal(sinks[0].sum + sinks[1].sum, flow_sum(source.next));
}

static uint32_t found;

static int init_finds_itself(struct sluice_stage *self)
{
	if (sluice_stage_find(pipeline, sluice_stage_name(self)) == self)
		(void)__atomic_add_fetch(&found, 1, __ATOMIC_ACQ_REL);
	return 0;
}

/* On a worker that is there, and on a new thread, which may be faster than the call
 * that makes it. */
static void an_init_finds_its_stage(void **state)
{
	(void)state;
	found = 0;
	open_running(1);
	for (uint32_t i = 0; i < 600; i++) {
		struct sluice_stage *stage =
			late(LATE_SINK(&sinks[1], .init = init_finds_itself,
				       .blocking = i & 1));

		assert_int_equal(
			sluice_stage_end(stage, SLUICE_REASON_NORMAL, 0), 0);
		assert_int_equal(sluice_stage_remove(stage, FLOW_DEADLINE_MS),
				 0);
	}
	assert_int_equal(found, 600);
	drain_and_close(0);
}

/* ---- told to stop -------------------------------------------------------- */

static uint32_t stops;

static void note_stop(struct sluice_stage *self)
{
	(void)self;
	(void)__atomic_add_fetch(&stops, 1, __ATOMIC_ACQ_REL);
}

/* A producer that has just come has no consumer yet: none has left it. */
static void a_producer_that_came_is_not_told_to_stop(void **state)
{
	struct flow_source own = {.end = UINT64_MAX, .most = 8};
	struct sluice_stage *producer;

	(void)state;
	stops = 0;
	open_running(1);
	producer = late(SLUICE_STAGE(.name = "own", .kind = SLUICE_PRODUCER,
				     .out_bytes = 8, .blocking = 1,
				     .handle_demand = flow_count,
				     .on_stop = note_stop, .state = &own));
	(void)late(LATE_SINK(&sinks[1])); /* the supervisor looks */
	flow_sleep_ms(20);
	assert_int_equal(__atomic_load_n(&stops, __ATOMIC_ACQUIRE), 0);
	assert_int_equal(sluice_stage_stopping(producer), 0);
	flow_subscribe(pipeline, "late", "own", NULL);
	flow_wait_events(pipeline, &sinks[1], 10);
	assert_int_equal(__atomic_load_n(&stops, __ATOMIC_ACQUIRE), 0);
	drain_and_close(0);
	assert_int_equal(stops, 1);
	assert_int_equal(sinks[1].sum, flow_sum(own.next));
}

/* ---- where it runs ------------------------------------------------------- */

/* Its thread ends with it, and its place is another's: more come than can be there
 * at once. */
static void blocking_stages_have_threads_of_their_own(void **state)
{
	(void)state;
	open_running(1);
	for (uint32_t i = 0; i < 300; i++) {
		struct sluice_stage *stage;

		sinks[1].events = 0;
		stage = late(LATE_SINK(&sinks[1], .blocking = 1));
		flow_subscribe(pipeline, "late", "source", NULL);
		if (i % 50 == 0)
			flow_wait_events(pipeline, &sinks[1], 1);
		assert_int_equal(
			sluice_stage_end(stage, SLUICE_REASON_NORMAL, 0), 0);
		assert_int_equal(sluice_stage_remove(stage, FLOW_DEADLINE_MS),
				 0);
	}
	drain_and_close(0);
}

/* All its own stages have ended: it ends, and does not take one with it. */
static void a_port_keeps_the_pipeline_open(void **state)
{
	struct sluice_stage *port;
	uint64_t event = 7;

	(void)state;
	open_running(1);
	port = late(SLUICE_STAGE(.name = "port", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .flags = SLUICE_STAGE_PORT,
				 .on_idle = SLUICE_IDLE_STAY));
	(void)late(LATE_SINK(&sinks[1]));
	flow_subscribe(pipeline, "late", "port", NULL);
	assert_int_equal(sluice_send(port, &event, 1, FLOW_DEADLINE_MS), 1);
	flow_wait_events(pipeline, &sinks[1], 1);
	assert_int_equal(sinks[1].sum, 7);
	assert_int_equal(sluice_port_end(port, SLUICE_REASON_NORMAL), 0);
	assert_int_equal(sluice_stage_remove(port, FLOW_DEADLINE_MS), 0);
	drain_and_close(0);
}

/* Each is on a worker that has fewest; what has ended does not count. */
static void they_are_spread_over_the_workers(void **state)
{
	struct flow_sink many[8];
	struct sluice_stage *stage[8];

	(void)state;
	open_running(2);
	memset(many, 0, sizeof(many));
	for (uint32_t i = 0; i < 8; i++) {
		char name[] = "many0";

		name[4] = (char)('0' + i);
		flow_add_sink(pipeline, name, &many[i]);
		flow_subscribe(pipeline, name, "source", NULL);
		stage[i] = sluice_stage_find(pipeline, name);
	}
	for (uint32_t i = 0; i < 8; i++)
		flow_wait_events(pipeline, &many[i], 1);
	for (uint32_t i = 0; i < 8; i++) {
		assert_int_equal(
			sluice_stage_end(stage[i], SLUICE_REASON_NORMAL, 0), 0);
		assert_int_equal(
			sluice_stage_remove(stage[i], FLOW_DEADLINE_MS), 0);
	}
	drain_and_close(0);
}

/* Nobody will come for its end. */
static void an_unused_port_does_not_hold_up_a_drain(void **state)
{
	(void)state;
	open_running(1);
	(void)late(SLUICE_STAGE(.name = "port", .kind = SLUICE_CONSUMER,
				.in_bytes = 8, .flags = SLUICE_STAGE_PORT));
	drain_and_close(0);
}

/* ---- places --------------------------------------------------------------- */

static int add_port(uint32_t i)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "p%u", i);
	return sluice_stage_add(
		pipeline,
		SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
			     .in_bytes = 8, .flags = SLUICE_STAGE_PORT));
}

static void stop_slowly(struct sluice_stage *self)
{
	note_stop(self);
	flow_sleep_ms(50);
}

/* A thread that has ended is joined by the supervisor, which is busy just then. */
static void a_place_that_was_given_up_is_waited_for(void **state)
{
	struct flow_sink slow = {0};
	struct sluice_stage *stage;
	uint32_t i = 0;

	(void)state;
	stops = 0;
	open_running(1);
	(void)late(SLUICE_STAGE(.name = "slow", .kind = SLUICE_CONSUMER,
				.in_bytes = 8, .handle_events = flow_collect,
				.state = &slow, .on_stop = stop_slowly));
	stage = late(LATE_SINK(&sinks[1], .blocking = 1));
	while (add_port(i) == 0)
		assert_true(i++ < 1000);
	assert_int_equal(add_port(i), -ENOSPC);
	assert_text_has(sluice_last_error(), "limit of 256 workers and ports");
	assert_int_equal(sluice_stage_end(sluice_stage_find(pipeline, "slow"),
					  SLUICE_REASON_NORMAL, 0),
			 0);
	while (__atomic_load_n(&stops, __ATOMIC_ACQUIRE) == 0)
		flow_sleep_ms(1);
	assert_int_equal(sluice_stage_end(stage, SLUICE_REASON_NORMAL, 0), 0);
	assert_int_equal(sluice_stage_remove(stage, FLOW_DEADLINE_MS), 0);
	(void)late(LATE_SINK(&sinks[1], .blocking = 1));
	drain_and_close(0);
}

/* ---- what is said --------------------------------------------------------- */

static struct sluice_stage *add_unwanted(struct flow_source *own)
{
	struct sluice_stage_stats stats = {0};

	(void)late(SLUICE_STAGE(.name = "own", .kind = SLUICE_PRODUCER,
				.out_bytes = 8, .handle_demand = flow_count,
				.on_idle = SLUICE_IDLE_STAY, .state = own));
	(void)late(SLUICE_STAGE(.name = "port", .kind = SLUICE_CONSUMER,
				.in_bytes = 8, .flags = SLUICE_STAGE_PORT));
	flow_subscribe(pipeline, "port", "own", NULL);
	while (stats.events_out < own->end) {
		assert_int_equal(sluice_stage_stat(pipeline, "own", &stats), 0);
		flow_sleep_ms(1);
	}
	return sluice_stage_find(pipeline, "own");
}

/* One that waits for somebody to take its events; they are told of when it has been
 * removed, too. */
static void a_stage_that_cannot_end_says_why(void **state)
{
	struct flow_source own = {.end = 8};
	struct sluice_stage *stage;
	struct sluice_stage *port;

	(void)state;
	open_running(1);
	stage = add_unwanted(&own);
	port = sluice_stage_find(pipeline, "port");
	assert_int_equal(sluice_stage_end(port, SLUICE_REASON_NORMAL, 0), 0);
	assert_int_equal(sluice_stage_remove(port, FLOW_DEADLINE_MS), 0);
	assert_int_equal(sluice_stage_remove(stage, 20), -ETIMEDOUT);
	assert_text_has(sluice_last_error(), "'own' is ending");
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS),
			 -EPIPE);
	assert_text_has(sluice_last_error(), "8 of them from stage 'own'");
	assert_int_equal(sluice_stage_remove(stage, 0), 0);
	assert_int_equal(sluice_pipeline_join(pipeline, 0), -EPIPE);
	assert_text_has(sluice_last_error(),
			"8 events had no consumer left to go to, from stages "
			"that were removed");
	sluice_pipeline_close(pipeline);
}

static struct CMUnitTest tests[20] = {
	cmocka_unit_test(a_name_is_free_after_its_stage_was_removed),
	cmocka_unit_test(a_stage_that_runs_is_not_removed),
	cmocka_unit_test(a_declared_stage_is_removed),
	cmocka_unit_test(before_the_start_and_after_the_end),
	cmocka_unit_test(an_init_that_fails_ends_the_pipeline),
	cmocka_unit_test(an_init_that_fails_is_tried_again),
	cmocka_unit_test(an_init_finds_its_stage),
	cmocka_unit_test(a_producer_that_came_is_not_told_to_stop),
	cmocka_unit_test(blocking_stages_have_threads_of_their_own),
	cmocka_unit_test(a_port_keeps_the_pipeline_open),
	cmocka_unit_test(they_are_spread_over_the_workers),
	cmocka_unit_test(an_unused_port_does_not_hold_up_a_drain),
	cmocka_unit_test(a_place_that_was_given_up_is_waited_for),
	cmocka_unit_test(a_stage_that_cannot_end_says_why),
};

int main(void)
{
	size_t count = 0;

	while (tests[count].name != NULL)
		count++;
	count = UNIT_ADD_ROWS(tests, count, what_cannot_come_is_refused,
			      refused_rows);
	flow_watch(tests, count);
	return _cmocka_run_group_tests("stage_late", tests, count, NULL, NULL);
}
