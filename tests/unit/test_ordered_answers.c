/* SPDX-License-Identifier: Apache-2.0 */
/* The answers that come to a join: of workers that leave, answer twice, or
 * wrongly, or not at all; and what it leaves itself when it ends. */
#include "tests/support/gate.h"
#include "tests/unit/ordered_flow.h"

#define EVENTS 5000u

static struct flow_source source;
static struct item_sink joined;
static struct gate gate;

static int set_up(void **state)
{
	source = (struct flow_source){.end = EVENTS};
	joined = (struct item_sink){0};
	gate = GATE_CLOSED;
	return flow_setup(state);
}

/* ---- workers that leave -------------------------------------------------- */

/* Passes some, fails with some in hand, and is gone. */
static int pass_and_go(struct sluice_stage *self,
		       const struct sluice_batch *batch)
{
	uint32_t *left = sluice_stage_state(self);

	if (*left == 0)
		return -EIO;
	--*left;
	return item_pass(self, batch);
}

/* What it had acknowledged is done, and nothing else: the rest is handled by the
 * others and comes to its place. */
static void what_a_worker_leaves_is_handled_by_others(void **state)
{
	static const char *const names[] = {"w0", "w1", "w2", "w3", "w4"};
	static uint32_t left[UNIT_COUNT(names)];

	for (uint32_t round = 0; round < 20; round++) {
		struct sluice_pipeline *p = flow_open(2);

		(void)set_up(state);
		source.end = 600;
		item_add_source(p, "source", &source, 64);
		item_add_join(p, "join", "source", &joined);
		for (uint32_t i = 0; i < UNIT_COUNT(names); i++) {
			left[i] = i == 0 ? UINT32_MAX : (i - 1) * 5 + round % 4;
			flow_add(p, SLUICE_STAGE(
					    ITEM_WORKER, .name = names[i],
					    .restart = SLUICE_RESTART_TEMPORARY,
					    .handle_events = pass_and_go,
					    .state = &left[i]));
			flow_subscribe(p, names[i], "source",
				       SLUICE_SUBSCRIPTION(.max_demand = 16,
							   .min_demand = 13));
			flow_subscribe(p, "join", names[i],
				       SLUICE_SUBSCRIPTION(.max_demand = 8));
		}
		assert_int_equal(flow_run(p), -EIO);
		item_check_all(&joined, 600);
		assert_int_equal(flow_stats(p, "join").discarded, 0);
		sluice_pipeline_close(p);
	}
}

/* ---- answers that come again --------------------------------------------- */

static struct gate held;
static uint32_t deliveries[3];

static int pass_at_gate(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	gate_pass(&gate);
	return item_pass(self, batch);
}

static int fail_at_gate(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	gate_pass(&held);
	return -EIO;
}

static int fail_at_once(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return -EIO;
}

static int join_by_deliveries(struct sluice_stage *self,
			      const struct sluice_batch *batch)
{
	const struct item *items = batch->events;

	for (uint32_t i = 0; i < batch->count; i++)
		deliveries[items[i].value % 3] += batch->deliveries;
	return item_join(self, batch);
}

/* A worker whose first event goes to @other, which fails with it in hand. */
static void
add_deserted(struct sluice_pipeline *p, const char *name, const char *other,
	     int (*fail)(struct sluice_stage *, const struct sluice_batch *))
{
	flow_add(p, SLUICE_STAGE(ITEM_WORKER, .name = name, .dispatcher = "rr",
				 .handle_events = item_pass));
	flow_add(p, SLUICE_STAGE(.name = other, .kind = SLUICE_CONSUMER,
				 .in_bytes = sizeof(struct item), .blocking = 1,
				 .restart = SLUICE_RESTART_TEMPORARY,
				 .handle_events = fail));
	flow_subscribe(p, name, "source", NULL);
	flow_subscribe(p, other, name, NULL);
}

/* Until the one event that comes by @sub is in the window. */
static void wait_read(struct sluice_sub sub)
{
	struct sluice_subscription_stats stats = {0};

	for (uint32_t ms = 0; stats.acked == 0 && ms < FLOW_DEADLINE_MS; ms++) {
		flow_sleep_ms(1);
		assert_int_equal(sluice_subscription_stat(sub, &stats), 0);
	}
	assert_int_equal(stats.acked, 1);
}

/* Each goes into the window with its own count, whichever comes first. */
static void counts_come_in_any_order(void **state)
{
	static const char *const workers[] = {"w0", "w1", "w2"};
	struct sluice_pipeline *p = flow_open(2);
	struct sluice_sub subs[UNIT_COUNT(workers)];

	(void)state;
	held = GATE_CLOSED;
	memset(deliveries, 0, sizeof(deliveries));
	source.end = UNIT_COUNT(workers);
	item_add_source(p, "source", &source, 64);
	add_deserted(p, "w0", "other0", fail_at_gate);
	flow_add(p, SLUICE_STAGE(ITEM_WORKER, .name = "w1", .blocking = 1,
				 .handle_events = pass_at_gate));
	flow_subscribe(p, "w1", "source", NULL);
	add_deserted(p, "w2", "other2", fail_at_once);
	flow_add(p, SLUICE_STAGE(.name = "join", .kind = SLUICE_CONSUMER,
				 .in_bytes = sizeof(struct item),
				 .order_of = "source", .state = &joined,
				 .handle_events = join_by_deliveries));
	for (size_t i = 0; i < UNIT_COUNT(workers); i++)
		flow_subscribe(
			p, "join", workers[i],
			SLUICE_SUBSCRIPTION(.max_demand = 16, .sub = &subs[i]));
	flow_start(p);
	wait_read(subs[2]);
	gate_open(&gate, 1);
	wait_read(subs[1]);
	assert_int_equal(joined.events, 0);
	gate_open(&held, 1);
	assert_int_equal(flow_join(p), -EIO);
	item_check_all(&joined, UNIT_COUNT(workers));
	assert_int_equal(deliveries[0], 2);
	assert_int_equal(deliveries[1], 1);
	assert_int_equal(deliveries[2], 2);
	assert_int_equal(flow_stats(p, "join").redelivered, 2);
	sluice_pipeline_close(p);
}

/* ---- answers that are not one for one ------------------------------------ */

static struct sluice_pipeline *
build_one(int (*work)(struct sluice_stage *, const struct sluice_batch *),
	  uint32_t fan_out)
{
	struct sluice_pipeline *p = flow_open(2);

	item_add_source(p, "source", &source, 256);
	flow_add(p,
		 SLUICE_STAGE(ITEM_WORKER, .name = "w0", .fan_out_max = fan_out,
			      .handle_events = work));
	item_add_join(p, "join", "source", &joined);
	flow_subscribe(p, "w0", "source", NULL);
	flow_subscribe(p, "join", "w0", NULL);
	return p;
}

static int answer_twice(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	const struct item *in = batch->events;

	for (uint32_t i = 0; i < batch->count; i++) {
		struct item *out = sluice_emit(self, 2);

		if (out == NULL)
			return -ENOBUFS;
		out[0] = in[i];
		out[1] = in[i];
	}
	return SLUICE_OK;
}

static void a_second_answer_is_dropped_and_counted(void **state)
{
	struct sluice_pipeline *p = build_one(answer_twice, 2);

	(void)state;
	assert_int_equal(flow_run(p), 0);
	item_check_all(&joined, EVENTS);
	assert_int_equal(flow_stats(p, "join").discarded, EVENTS);
	sluice_pipeline_close(p);
}

/* The first of two is out of order when the second comes. */
static int answer_backwards(struct sluice_stage *self,
			    const struct sluice_batch *batch)
{
	const struct item *in = batch->events;
	struct item *out = sluice_emit(self, 2 * batch->count);

	if (out == NULL)
		return -ENOBUFS;
	for (uint32_t i = 0; i < batch->count; i++)
		out[2 * i] = out[2 * i + 1] = in[batch->count - 1 - i];
	return SLUICE_OK;
}

static void a_second_answer_before_its_turn_is_dropped(void **state)
{
	struct sluice_pipeline *p = build_one(answer_backwards, 2);

	(void)state;
	assert_int_equal(flow_run(p), 0);
	item_check_all(&joined, EVENTS);
	assert_int_equal(flow_stats(p, "join").discarded, EVENTS);
	sluice_pipeline_close(p);
}

static int answer_wrongly(struct sluice_stage *self,
			  const struct sluice_batch *batch)
{
	const struct item *in = batch->events;
	struct item *out = sluice_emit(self, 1);

	if (out != NULL)
		*out = (struct item){.value = in->value, .number = 123456789};
	return SLUICE_OK;
}

static void a_number_that_was_not_given_ends_it(void **state)
{
	struct sluice_pipeline *p = build_one(answer_wrongly, 1);

	(void)state;
	assert_int_equal(flow_run(p), -EBADMSG);
	assert_text_has(sluice_last_error(), "'join'");
	assert_text_has(sluice_last_error(), "123456789");
	assert_text_has(sluice_last_error(), "order_offset 8");
	assert_text_has(sluice_last_error(), "'source'");
	sluice_pipeline_close(p);
}

/* ---- a join that ends ---------------------------------------------------- */

/* Until the join has read @n events there, or all there were. */
static void await_read(struct sluice_pipeline *p, struct sluice_sub sub,
		       uint64_t n)
{
	struct sluice_subscription_stats stats;

	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (sluice_subscription_stat(sub, &stats) == -ENOENT ||
		    stats.acked >= n)
			return;
		flow_sleep_ms(1);
	}
	gate_open(&gate, 1);
	sluice_pipeline_close(p);
	fail_msg("the join does not read");
}

/* The first event is late: what came before its turn is counted as stranded when
 * the join ends. */
static void what_a_join_leaves_is_stranded(void **state)
{
	struct sluice_pipeline *p = flow_open(2);
	struct sluice_sub sub = {0};
	int rc;

	(void)state;
	source.end = 9;
	source.most = 9;
	item_add_source(p, "source", &source, 256);
	item_add_join(p, "join", "source", &joined);
	for (uint32_t i = 0; i < 2; i++) {
		flow_add(p, SLUICE_STAGE(ITEM_WORKER,
					 .name = i == 0 ? "late" : "quick",
					 .blocking = 1,
					 .handle_events = i == 0 ? pass_at_gate
								 : item_pass));
		flow_subscribe(
			p, i == 0 ? "late" : "quick", "source",
			SLUICE_SUBSCRIPTION(.max_demand = i == 0 ? 1 : 8));
		flow_subscribe(
			p, "join", i == 0 ? "late" : "quick",
			SLUICE_SUBSCRIPTION(.max_demand = 16, .sub = &sub));
	}
	flow_start(p);
	assert_int_equal(gate_await(&gate, 1), 0);
	await_read(p, sub, 8);
	assert_int_equal(sluice_stage_end(sluice_stage_find(p, "join"),
					  SLUICE_REASON_NORMAL, 0),
			 0);
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (flow_stats(p, "join").stranded > 0)
			break;
		flow_sleep_ms(1);
	}
	assert_int_equal(flow_stats(p, "join").stranded, 8);
	assert_int_equal(joined.events, 0);
	gate_open(&gate, 100);
	rc = sluice_pipeline_drain(p, FLOW_DEADLINE_MS);
	assert_true(rc == 0 || rc == -EPIPE);
	sluice_pipeline_close(p);
}

static int never(struct sluice_stage *self, const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return SLUICE_RETRY;
}

/* In order, and not handled. */
static void what_a_join_has_in_order_is_stranded(void **state)
{
	struct sluice_pipeline *p = flow_open(2);
	struct sluice_sub sub = {0};

	(void)state;
	source.end = 20;
	item_add_source(p, "source", &source, 256);
	flow_add(p, SLUICE_STAGE(ITEM_WORKER, .name = "w0",
				 .handle_events = item_pass));
	flow_add(p, SLUICE_STAGE(.name = "join", .kind = SLUICE_CONSUMER,
				 .in_bytes = sizeof(struct item),
				 .order_of = "source", .handle_events = never,
				 .max_deliveries = UINT32_MAX));
	flow_subscribe(p, "w0", "source", NULL);
	flow_subscribe(p, "join", "w0",
		       SLUICE_SUBSCRIPTION(.max_demand = 32, .sub = &sub));
	flow_start(p);
	await_read(p, sub, 20);
	assert_int_equal(sluice_stage_end(sluice_stage_find(p, "join"),
					  SLUICE_REASON_NORMAL, 0),
			 0);
	(void)flow_join(p);
	assert_int_equal(flow_stats(p, "join").stranded, 20);
	sluice_pipeline_close(p);
}

/* ---- numbers are positions ----------------------------------------------- */

static uint32_t misplaced;

static int join_by_number(struct sluice_stage *self,
			  const struct sluice_batch *batch)
{
	misplaced += batch->seq != SLUICE_EVENTS(batch, struct item)->number;
	return item_join(self, batch);
}

static int keep_some(struct sluice_stage *self,
		     const struct sluice_batch *batch)
{
	const struct item *in = batch->events;

	for (uint32_t i = 0; i < batch->count; i++) {
		struct item *out =
			in[i].value % 5 == 3 ? NULL : sluice_emit(self, 1);

		if (out != NULL)
			*out = in[i];
	}
	return SLUICE_OK;
}

/* Of a join batch->seq is the number of its first event, whatever is missing. */
static void a_batch_begins_at_its_number(void **state)
{
	struct sluice_pipeline *p = flow_open(2);

	(void)state;
	misplaced = 0;
	item_add_source(p, "source", &source, 64);
	flow_add(p, SLUICE_STAGE(ITEM_WORKER, .name = "w0",
				 .handle_events = keep_some));
	flow_add(p, SLUICE_STAGE(.name = "join", .kind = SLUICE_CONSUMER,
				 .in_bytes = sizeof(struct item),
				 .order_of = "source", .state = &joined,
				 .handle_events = join_by_number));
	flow_subscribe(p, "w0", "source", NULL);
	flow_subscribe(p, "join", "w0", NULL);
	assert_int_equal(flow_run(p), 0);
	assert_int_equal(joined.events, EVENTS / 5 * 4);
	assert_int_equal(joined.disorder, 0);
	assert_int_equal(misplaced, 0);
	sluice_pipeline_close(p);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_worker_leaves_is_handled_by_others),
		cmocka_unit_test(counts_come_in_any_order),
		cmocka_unit_test(a_second_answer_is_dropped_and_counted),
		cmocka_unit_test(a_second_answer_before_its_turn_is_dropped),
		cmocka_unit_test(a_number_that_was_not_given_ends_it),
		cmocka_unit_test(what_a_join_leaves_is_stranded),
		cmocka_unit_test(what_a_join_has_in_order_is_stranded),
		cmocka_unit_test(a_batch_begins_at_its_number),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	for (size_t i = 0; i < UNIT_COUNT(tests); i++)
		tests[i].setup_func = set_up;
	return cmocka_run_group_tests_name("ordered_answers", tests, NULL,
					   NULL);
}
