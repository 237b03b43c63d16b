/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a pipeline: run to the end, join, drain, stop, close. */
#include "flow.h"

static int silent(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_OK;
}

/* a -> c, not started. */
static struct sluice_pipeline *pair_open(struct flow_source *source,
					 struct flow_sink *sink)
{
	struct sluice_pipeline *p = flow_open(2);

	flow_add_source(p, "a", source);
	flow_add_sink(p, "c", sink);
	flow_subscribe(p, "c", "a", NULL);
	return p;
}

/* ---- to the end ---------------------------------------------------------- */

static void runs_to_the_end(void **state)
{
	struct flow_source source = {.end = 100000};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = pair_open(&source, &sink);
	struct sluice_stage_stats stats;

	(void)state;
	assert_int_equal(flow_run(p), 0);
	flow_check_all(&sink, 100000);
	flow_check_ended(&source.ended, SLUICE_REASON_NORMAL);
	flow_check_ended(&sink.ended, SLUICE_REASON_NORMAL);
	stats = flow_stats(p, "a");
	assert_int_equal(stats.events_out, 100000);
	assert_int_equal(stats.events_in, 0);
	assert_in_range(stats.batches_out, 100, 100000);
	stats = flow_stats(p, "c");
	assert_int_equal(stats.events_in, 100000);
	assert_int_equal(stats.batches_in, sink.batches);
	assert_int_equal(stats.events_out, 0);
	/* To join again tells the same; to stop or drain now changes nothing.
	 */
	sluice_pipeline_stop(p);
	assert_int_equal(sluice_pipeline_drain(p, 1000), 0);
	assert_int_equal(sluice_pipeline_join(p, 0), 0);
	sluice_pipeline_close(p);
	flow_check_ended(&sink.ended, SLUICE_REASON_NORMAL);
}

static void run_is_start_and_join(void **state)
{
	struct flow_source source = {.end = 10};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = pair_open(&source, &sink);

	(void)state;
	assert_int_equal(sluice_pipeline_run(p), 0);
	flow_check_all(&sink, 10);
	assert_int_equal(sluice_pipeline_run(p), -EBUSY);
	sluice_pipeline_close(p);
}

/* Nothing at all comes, and that is an end as good as any. */
static void ends_without_an_event(void **state)
{
	struct flow_source source = {0};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = pair_open(&source, &sink);

	(void)state;
	assert_int_equal(flow_run(p), 0);
	assert_int_equal(sink.batches, 0);
	flow_check_ended(&sink.ended, SLUICE_REASON_NORMAL);
	sluice_pipeline_close(p);
}

static void two_pipelines_at_a_time(void **state)
{
	struct flow_source source[2] = {{.end = 5000}, {.end = 7000}};
	struct flow_sink sink[2] = {{.events = 0}};
	struct sluice_pipeline *p[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		p[i] = pair_open(&source[i], &sink[i]);
		flow_start(p[i]);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(flow_join(p[i]), 0);
		flow_check_all(&sink[i], source[i].end);
		sluice_pipeline_close(p[i]);
	}
}

/* ---- calls out of season ------------------------------------------------- */

static void before_the_start(void **state)
{
	struct flow_source source = {.end = 10};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = pair_open(&source, &sink);
	struct sluice_stage_stats stats;

	(void)state;
	assert_int_equal(sluice_pipeline_join(p, SLUICE_FOREVER), -EBUSY);
	assert_text_has(sluice_last_error(), "'pipeline' was not started");
	assert_int_equal(sluice_pipeline_drain(p, SLUICE_FOREVER), -EBUSY);
	assert_text_has(sluice_last_error(), "'pipeline' was not started");
	assert_int_equal(sluice_stage_stat(p, "a", &stats), -EBUSY);
	assert_text_has(sluice_last_error(), "'a' has not been started");
	assert_int_equal(sluice_stage_stat(p, "b", &stats), -ENOENT);
	assert_text_has(sluice_last_error(), "'b'");
	sluice_pipeline_close(p);
	assert_int_equal(source.ended.finis + sink.ended.finis, 0);
}

static void check_started(struct sluice_pipeline *p)
{
	assert_int_equal(sluice_pipeline_start(p), -EBUSY);
	assert_int_equal(sluice_pipeline_check(p), -EBUSY);
	assert_text_has(sluice_last_error(), "has been started already");
}

static void after_the_start(void **state)
{
	struct flow_source source = {.end = UINT64_MAX};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = pair_open(&source, &sink);

	(void)state;
	flow_start(p);
	check_started(p);
	sluice_pipeline_stop(p);
	assert_int_equal(flow_join(p), -ECANCELED);
	check_started(p);
	sluice_pipeline_close(p);
}

static void join_has_a_deadline(void **state)
{
	struct flow_end ended = {.finis = 0};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	flow_add(p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = silent,
				 .fini = flow_fini, .state = &ended));
	flow_add_sink(p, "c", &sink);
	flow_subscribe(p, "c", "a", NULL);
	flow_start(p);
	assert_int_equal(sluice_pipeline_join(p, 0), -ETIMEDOUT);
	assert_int_equal(sluice_pipeline_join(p, 20), -ETIMEDOUT);
	assert_text_has(sluice_last_error(), "still runs after 20 ms");
	sluice_pipeline_stop(p);
	assert_int_equal(flow_join(p), -ECANCELED);
	assert_text_has(sluice_last_error(),
			"stopped before its streams ended");
	flow_check_ended(&ended, SLUICE_REASON_SHUTDOWN);
	flow_check_ended(&sink.ended, SLUICE_REASON_SHUTDOWN);
	sluice_pipeline_close(p);
}

/* ---- stop ---------------------------------------------------------------- */

static void stop_from_outside(void **state)
{
	struct flow_source source = {.end = UINT64_MAX};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = pair_open(&source, &sink);

	(void)state;
	flow_start(p);
	flow_wait_handled(p, "c", 1000);
	sluice_pipeline_stop(p);
	assert_int_equal(flow_join(p), -ECANCELED);
	flow_check_ended(&source.ended, SLUICE_REASON_SHUTDOWN);
	flow_check_ended(&sink.ended, SLUICE_REASON_SHUTDOWN);
	/* What did arrive is a beginning of what was sent. */
	assert_in_range(sink.events, 1000, source.next);
	flow_check_all(&sink, sink.events);
	sluice_pipeline_close(p);
}

enum place { IN_DEMAND, IN_EVENTS, IN_INIT, IN_FINI };

/* A stage that stops its pipeline from one of its callbacks. */
struct stopper {
	struct flow_end ended;
	struct sluice_pipeline *pipeline;
	enum place place;
	uint32_t calls;
	uint32_t calls_after; /* of a callback that asked to stop */
};

static void stop_in(struct stopper *stopper, enum place place)
{
	if (stopper->place != place)
		return;
	stopper->calls_after += stopper->calls++ > 0;
	sluice_pipeline_stop(stopper->pipeline);
}

static int stopper_init(struct sluice_stage *self)
{
	stop_in(sluice_stage_state(self), IN_INIT);
	return SLUICE_OK;
}

static void stopper_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	stop_in(sluice_stage_state(self), IN_FINI);
	flow_fini(self, reason);
}

static int stopper_demand(struct sluice_stage *self, uint32_t demand)
{
	struct stopper *stopper = sluice_stage_state(self);
	void *events = sluice_emit(self, demand);

	if (events != NULL)
		memset(events, 0, demand * sizeof(uint64_t));
	stop_in(stopper, IN_DEMAND);
	return stopper->place == IN_FINI ? SLUICE_END : SLUICE_OK;
}

static int stopper_events(struct sluice_stage *self,
			  const struct sluice_batch *batch)
{
	(void)batch;
	stop_in(sluice_stage_state(self), IN_EVENTS);
	return SLUICE_OK;
}

static struct stop_row {
	const char *name;
	enum place place;
	uint32_t consumer; /* the one that stops; else the producer */
} stop_rows[] = {
	{"stop_in_handle_demand", IN_DEMAND, 0},
	{"stop_in_handle_events", IN_EVENTS, 1},
	{"stop_in_init_of_a_producer", IN_INIT, 0},
	{"stop_in_init_of_a_consumer", IN_INIT, 1},
	{"stop_in_fini_of_a_producer", IN_FINI, 0},
};

static void stop_from_a_callback(void **state)
{
	const struct stop_row *row = *state;

	for (uint32_t workers = 1; workers <= 2; workers++) {
		struct sluice_pipeline *p = flow_open(workers);
		struct stopper nobody = {.pipeline = p, .place = IN_FINI};
		struct stopper stopper = {.pipeline = p, .place = row->place};

		/* The other one stops in fini: that is too late to matter. */
		if (row->consumer)
			nobody.place = IN_EVENTS;
		flow_add(p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
					 .out_bytes = 8, .init = stopper_init,
					 .handle_demand = stopper_demand,
					 .fini = stopper_fini,
					 .state = row->consumer ? &nobody
								: &stopper));
		flow_add(p, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
					 .in_bytes = 8, .init = stopper_init,
					 .handle_events = stopper_events,
					 .fini = stopper_fini,
					 .state = row->consumer ? &stopper
								: &nobody));
		flow_subscribe(p, "c", "a", NULL);
		/* A start that is under way says so. */
		if (row->place == IN_INIT)
			assert_int_equal(sluice_pipeline_start(p), -ECANCELED);
		else
			flow_start(p);
		/* From fini it may come when all streams have ended. */
		if (row->place == IN_FINI)
			(void)flow_join(p);
		else if (row->place != IN_INIT)
			assert_int_equal(flow_join(p), -ECANCELED);
		assert_int_equal(stopper.calls, 1);
		assert_int_equal(stopper.calls_after, 0);
		assert_int_equal(stopper.ended.finis, 1);
		/* An init that comes after the stop is left out. */
		if (row->place != IN_INIT)
			assert_int_equal(nobody.ended.finis, 1);
		sluice_pipeline_close(p);
	}
}

/* ---- close --------------------------------------------------------------- */

static void close_without_join(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 50; i++) {
		struct flow_source source = {.end = i % 2 ? UINT64_MAX : 100};
		struct flow_sink sink = {0};
		struct sluice_pipeline *p = pair_open(&source, &sink);

		flow_start(p);
		if (i % 5 == 0)
			flow_wait_handled(p, "c", 100);
		sluice_pipeline_close(p);
		/* By then nobody runs any more. */
		assert_int_equal(source.ended.finis, 1);
		assert_int_equal(sink.ended.finis, 1);
		flow_check_all(&sink, sink.events);
		flow_check_released();
	}
}

/* The limits are allowed, and nothing above them. */
static void limits_are_kept(void **state)
{
	char name[SLUICE_NAME_BYTES + 1];
	struct sluice_pipeline *p = NULL;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[SLUICE_NAME_BYTES] = '\0';
	assert_int_equal(
		sluice_pipeline_open(&p, SLUICE_PIPELINE(.name = name)),
		-EINVAL);
	assert_text_has(sluice_last_error(), "limit of 63");
	name[SLUICE_NAME_BYTES - 1] = '\0';
	assert_int_equal(
		sluice_pipeline_open(&p, SLUICE_PIPELINE(.name = name)), 0);
	for (uint32_t i = 0; i <= SLUICE_STAGES_MAX; i++) {
		int rc;

		(void)snprintf(name, sizeof(name), "s%u", i);
		rc = sluice_stage_add(
			p, SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
					.in_bytes = 8,
					.handle_events = flow_collect));
		assert_int_equal(rc, i < SLUICE_STAGES_MAX ? 0 : -ENOSPC);
	}
	assert_text_has(sluice_last_error(), "limit of 4096 stages");
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(runs_to_the_end),
		cmocka_unit_test(run_is_start_and_join),
		cmocka_unit_test(ends_without_an_event),
		cmocka_unit_test(two_pipelines_at_a_time),
		cmocka_unit_test(before_the_start),
		cmocka_unit_test(after_the_start),
		cmocka_unit_test(join_has_a_deadline),
		cmocka_unit_test(stop_from_outside),
		cmocka_unit_test(close_without_join),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(stop_rows)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, stop_from_a_callback, stop_rows);
	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("pipeline", all, NULL, NULL);
}
