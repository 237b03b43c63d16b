/* SPDX-License-Identifier: Apache-2.0 */
/* A stage that has failed waits for its on_stop, since its consumers have gone; and
 * before the supervisor looks, another consumer has come. */
#include "engine/control.h"
#include "engine/stage/stage_priv.h"
#include "tests/unit/blocker.h"

static struct gate in_log;  /* the supervisor is held there */
static struct gate in_call; /* a's thread is, in handle_demand */

static int fail_in_demand(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	gate_pass(&in_call);
	return -EIO;
}

static int fail_in_events(struct sluice_stage *self,
			  const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return -EIO;
}

static void hold_log(void *ctx, const char *text)
{
	(void)ctx;
	if (strstr(text, "'x'") == NULL)
		return;
	gate_pass(&in_log);
}

/* a -> c; and y -> x, whose failure is told of, by the supervisor, in the log. */
static struct sluice_pipeline *build_two(struct flow_source *source,
					 struct flow_sink *sink)
{
	struct sluice_pipeline *p;

	assert_int_equal(
		sluice_pipeline_open(
			&p, SLUICE_PIPELINE(.workers = 2, .log = hold_log)),
		0);
	flow_add(p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .blocking = 1,
				 .handle_demand = fail_in_demand,
				 .on_stop = on_stop, .fini = on_fini,
				 .restart = SLUICE_RESTART_TRANSIENT));
	flow_add(p, SLUICE_STAGE(.name = "y", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = flow_count,
				 .state = source));
	flow_add_sink(p, "c", sink);
	flow_add_sink(p, "d", sink + 1);
	flow_add(p, SLUICE_STAGE(.name = "x", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = fail_in_events,
				 .restart = SLUICE_RESTART_TRANSIENT));
	flow_subscribe(p, "c", "a", NULL);
	flow_subscribe(p, "d", "y", NULL);
	flow_subscribe(p, "x", "y", NULL);
	return p;
}

static void await_word(const sluice_a32 *word, uint32_t value)
{
	for (uint32_t ms = 0;
	     ms < FLOW_DEADLINE_MS && sluice_load_acquire(word) != value; ms++)
		flow_sleep_ms(1);
	assert_int_equal(sluice_load_acquire(word), value);
}

static void another_consumer_comes(void **state)
{
	struct flow_source source = {.end = UINT64_MAX, .most = 1};
	struct flow_sink sinks[2] = {0};
	struct sluice_pipeline *p;
	struct sluice_stage *a;

	(void)state;
	pipe_open();
	in_log = GATE_CLOSED;
	in_call = GATE_CLOSED;
	p = build_two(&source, sinks);
	a = sluice_stage_find(p, "a");
	flow_start(p);
	assert_int_equal(gate_await(&in_call, 1), 0);
	assert_int_equal(gate_await(&in_log, 1), 0);
	assert_int_equal(sluice_stage_end(sluice_stage_find(p, "c"),
					  SLUICE_REASON_NORMAL, 0),
			 0);
	await_word(&sluice_stage_find(p, "c")->words.phase_seen, STAGE_ENDED);
	gate_open(&in_call, UINT32_MAX);
	await_word(&a->words.stop, STOP_DUE);
	flow_subscribe(p, "d", "a", NULL);
	gate_open(&in_log, UINT32_MAX);
	for (uint32_t ms = 0;
	     ms < FLOW_DEADLINE_MS &&
	     __atomic_load_n(&pipe_of.finis, __ATOMIC_ACQUIRE) == 0;
	     ms++)
		flow_sleep_ms(1);
	sluice_pipeline_stop(p);
	assert_int_equal(flow_join(p), -ECANCELED);
	sluice_pipeline_close(p);
	assert_int_equal(pipe_of.told, 1);
	assert_int_equal(pipe_of.untold, 0);
	pipe_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(another_consumer_comes,
						flow_setup, flow_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
