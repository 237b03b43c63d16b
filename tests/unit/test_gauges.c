/* SPDX-License-Identifier: Apache-2.0 */
/* Who has waited for a stage may look at its statistics next: they are read here at
 * the very moment at which it wakes him, on its own thread. */
#include "engine/run/run_priv.h"

#include "tests/unit/flow.h"

static struct {
	struct sluice_pipeline *pipeline;
	struct sluice_sub sub;
	uint64_t asks;    /* what the consumer asks for, once somebody waits */
	uint32_t emits;   /* what the message makes the stage emit */
	uint32_t greets;  /* the same, of its first */
	uint64_t emitted; /* all told */
	sluice_a64 word;  /* that somebody waits on */
	sluice_a32 noted; /* what follows has been read */
	struct sluice_stage_stats stats;
	struct sluice_subscription_stats link;
	int rc;
} it;

static _Thread_local int waits; /* the thread that is told */

static void park_noted(void *ctx, sluice_a32 *word, uint32_t expected,
		       uint64_t until_ns)
{
	if (waits && sluice_load_acquire(&it.word) == 0) {
		sluice_store_release(&it.word, (uint64_t)(uintptr_t)word);
		if (it.asks > 0)
			(void)sluice_ask(it.sub, (uint32_t)it.asks);
	}
	sluice_wait_linux()->park(ctx, word, expected, until_ns);
}

static void wake_noted(void *ctx, sluice_a32 *word)
{
	if ((uint64_t)(uintptr_t)word == sluice_load_acquire(&it.word) &&
	    sluice_load_acquire(&it.noted) == 0) {
		it.rc = sluice_stage_stat(it.pipeline, "desk", &it.stats);
		if (it.rc == 0)
			it.rc = sluice_subscription_stat(it.sub, &it.link);
		sluice_store_release(&it.noted, 1);
	}
	sluice_wait_linux()->wake(ctx, word);
}

static int await(const sluice_a64 *word)
{
	for (uint32_t ms = 0; sluice_load_acquire(word) == 0; ms++) {
		if (ms > FLOW_DEADLINE_MS)
			return -ETIMEDOUT;
		flow_sleep_ms(1);
	}
	return SLUICE_OK;
}

static int emit(struct sluice_stage *self, uint32_t n)
{
	uint64_t *events = n > 0 ? sluice_emit(self, n) : NULL;

	for (uint32_t i = 0; events != NULL && i < n; i++)
		events[i] = it.emitted++;
	return n > 0 && events == NULL ? -ENOBUFS : SLUICE_OK;
}

static int told(struct sluice_stage *self, const struct sluice_message *message)
{
	(void)message;
	return await(&it.word) < 0 ? -ETIMEDOUT : emit(self, it.emits);
}

static int called(struct sluice_stage *self,
		  const struct sluice_message *request,
		  struct sluice_answer *answer)
{
	(void)answer;
	return request->bytes > 0 ? emit(self, it.greets) : told(self, request);
}

static int nothing_now(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_OK;
}

/* ---- rows ---------------------------------------------------------------- */

static struct row {
	const char *name;
	struct sluice_stage_opts opts;
	uint32_t automatic; /* demand */
	uint32_t asked;     /* else so many, first of all */
	uint32_t greets;
	uint32_t emits;
	uint32_t asks;
	uint32_t by_call;
	uint64_t out;
	uint64_t buffered;
	uint64_t held;
	uint64_t overflowed;
} rows[] = {
	{.name = "they_have_left", .greets = 10, .asks = 10, .out = 10},
	{.name = "its_own_wait", .emits = 10, .buffered = 10},
	{.name = "its_own_leave", .automatic = 100, .emits = 10, .out = 10},
	{.name = "they_leave_and_its_own_wait",
	 .greets = 10,
	 .emits = 20,
	 .asks = 10,
	 .out = 10,
	 .buffered = 20},
	{.name = "some_of_its_own_leave",
	 .greets = 10,
	 .emits = 20,
	 .asks = 13,
	 .out = 13,
	 .buffered = 17},
	{.name = "its_own_are_held",
	 .opts = {.demand = SLUICE_DEMAND_ACCUMULATE},
	 .automatic = 100,
	 .emits = 10,
	 .held = 10},
	{.name = "its_own_are_too_many",
	 .opts = {.buffer_events = 4},
	 .emits = 10,
	 .buffered = 4,
	 .overflowed = 6},
	{.name = "they_have_left_the_spill",
	 .opts = {.dispatcher = "partition", .key_bytes = 8},
	 .asked = 1,
	 .greets = 10,
	 .asks = 9,
	 .out = 10},
	{.name = "its_own_wait_in_the_spill",
	 .opts = {.dispatcher = "partition", .key_bytes = 8},
	 .asked = 1,
	 .greets = 10,
	 .emits = 5,
	 .asks = 9,
	 .out = 15,
	 .buffered = 5},
	{.name = "of_a_call_wait", .by_call = 1, .emits = 10, .buffered = 10},
	{.name = "of_a_call_leave",
	 .by_call = 1,
	 .automatic = 100,
	 .emits = 10,
	 .out = 10},
	{.name = "of_a_call_are_held",
	 .by_call = 1,
	 .opts = {.demand = SLUICE_DEMAND_ACCUMULATE},
	 .automatic = 100,
	 .emits = 10,
	 .held = 10},
};

static void it_open(const struct row *row, struct flow_sink *sink)
{
	static struct platform platform;
	static struct sluice_wait_ops wait;
	struct sluice_stage_opts o = row->opts;

	platform = *platform_linux();
	wait = *platform.wait;
	wait.park = park_noted;
	wait.wake = wake_noted;
	platform.wait = &wait;
	memset(&it, 0, sizeof(it));
	it.asks = row->asks;
	it.emits = row->emits;
	it.greets = row->greets;
	assert_int_equal(pipeline_open_on(&it.pipeline,
					  SLUICE_PIPELINE(.workers = 1),
					  &platform),
			 0);
	o.size = sizeof(o);
	o.name = "desk";
	o.kind = SLUICE_PRODUCER;
	o.out_bytes = 8;
	o.handle_demand = nothing_now;
	o.handle_info = told;
	o.handle_call = called;
	flow_add(it.pipeline, &o);
	flow_add_sink(it.pipeline, "sink", sink);
	flow_subscribe(
		it.pipeline, "sink", "desk",
		SLUICE_SUBSCRIPTION(.max_demand = row->automatic
							  ? row->automatic
							  : 64,
				    .flags = row->automatic
						     ? 0
						     : SLUICE_SUBSCRIBE_MANUAL,
				    .sub = &it.sub));
	if (row->asked > 0)
		assert_int_equal(sluice_ask(it.sub, row->asked), 0);
	flow_start(it.pipeline);
}

static void who_was_told_sees_it(void **state)
{
	const struct row *row = *state;
	struct flow_sink sink = {.events = 0};
	struct sluice_stage *desk;

	it_open(row, &sink);
	desk = sluice_stage_find(it.pipeline, "desk");
	if (row->automatic > 0)
		for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
			assert_int_equal(
				sluice_subscription_stat(it.sub, &it.link), 0);
			if (it.link.credit == row->automatic)
				break;
			flow_sleep_ms(1);
		}
	assert_int_equal(sluice_call(desk, "", 1, NULL, 0, FLOW_DEADLINE_MS),
			 0);
	waits = 1;
	if (row->by_call)
		assert_int_equal(
			sluice_call(desk, NULL, 0, NULL, 0, FLOW_DEADLINE_MS),
			0);
	else
		assert_int_equal(
			sluice_info_sync(desk, NULL, 0, FLOW_DEADLINE_MS), 0);
	waits = 0;
	for (uint32_t ms = 0; sluice_load_acquire(&it.noted) == 0; ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	assert_int_equal(it.rc, 0);
	assert_int_equal(it.stats.events_out, row->out);
	assert_int_equal(it.stats.buffered, row->buffered);
	assert_int_equal(it.stats.held, row->held);
	assert_int_equal(it.stats.overflowed, row->overflowed);
	/* What one waits for is told of with it. */
	assert_int_equal(it.link.waiting,
			 row->opts.dispatcher ? row->buffered : 0);
	if (row->automatic == 0)
		assert_int_equal(sluice_ask(it.sub, 1000), 0);
	assert_int_equal(sluice_pipeline_drain(it.pipeline, FLOW_DEADLINE_MS),
			 0);
	assert_int_equal(flow_stats(it.pipeline, "desk").buffered, 0);
	assert_int_equal(flow_stats(it.pipeline, "desk").held, 0);
	sluice_pipeline_close(it.pipeline);
	assert_int_equal(sink.events, it.emitted - row->overflowed);
}

int main(void)
{
	struct CMUnitTest tests[UNIT_COUNT(rows)];

	(void)UNIT_ADD_ROWS(tests, 0, who_was_told_sees_it, rows);
	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("gauges", tests, NULL, NULL);
}
