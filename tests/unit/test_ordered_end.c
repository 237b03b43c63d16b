/* SPDX-License-Identifier: Apache-2.0 */
/* An order restored when one of those that take part in it has ended, or looks
 * away: the others go on. */
#include "tests/support/gate.h"
#include "tests/unit/ordered_flow.h"

#include <errno.h>

#define EVENTS 500u
#define WINDOW 16u

static struct flow_source source;
static struct item_sink joined;
static struct item_sink other;
static struct gate gate;

static int set_up(void **state)
{
	source = (struct flow_source){.end = EVENTS};
	joined = (struct item_sink){0};
	other = (struct item_sink){0};
	gate = GATE_CLOSED;
	return flow_setup(state);
}

/* Value 0 waits at the gate, and nothing comes of it. */
static int drop_first(struct sluice_stage *self,
		      const struct sluice_batch *batch)
{
	const struct item *items = batch->events;

	for (uint32_t i = 0; i < batch->count; i++) {
		struct item *out;

		if (items[i].value == 0) {
			gate_pass(&gate);
			continue;
		}
		out = sluice_emit(self, 1);
		if (out != NULL)
			*out = items[i];
	}
	return SLUICE_OK;
}

static int end_at_once(struct sluice_stage *self,
		       const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return SLUICE_END;
}

static void add_worker(struct sluice_pipeline *p, const char *name,
		       const char *dispatcher)
{
	flow_add(p, SLUICE_STAGE(.name = name, ITEM_WORKER,
				 .dispatcher = dispatcher, .blocking = 1,
				 .on_idle = SLUICE_IDLE_STAY,
				 .handle_events = drop_first));
}

static void subscribe(struct sluice_pipeline *p, const char *consumer,
		      const char *producer, uint32_t max)
{
	assert_int_equal(
		sluice_subscribe(p, consumer, producer,
				 SLUICE_SUBSCRIPTION(.max_demand = max)),
		0);
}

/* One stage waits at the gate with the first event, the other has had @n. */
static void wait_for_others(struct sluice_pipeline *p, uint32_t n)
{
	assert_int_equal(gate_await(&gate, 1), 0);
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (flow_stats(p, "a").events_in +
			    flow_stats(p, "b").events_in ==
		    n)
			return;
		flow_sleep_ms(1);
	}
	gate_open(&gate, 1);
	sluice_pipeline_close(p);
	fail_msg("the other worker is not given its events");
}

/* ---- the join ends first ---------------------------------------------------- */

/* The window was the join's: another reader of the answers gets them all. */
static void join_ends(void **state)
{
	struct sluice_pipeline *p = flow_open(2);
	int rc;

	(void)state;
	gate_open(&gate, 1);
	item_add_source(p, "source", &source, WINDOW);
	add_worker(p, "worker", "broadcast");
	flow_add(p, SLUICE_STAGE(.name = "join", .kind = SLUICE_CONSUMER,
				 .in_bytes = sizeof(struct item),
				 .order_of = "source",
				 .handle_events = end_at_once));
	flow_add(p, SLUICE_STAGE(.name = "other", .kind = SLUICE_CONSUMER,
				 .in_bytes = sizeof(struct item),
				 .handle_events = item_join, .state = &other));
	subscribe(p, "worker", "source", 8);
	subscribe(p, "join", "worker", 8);
	subscribe(p, "other", "worker", 8);
	flow_start(p);
	flow_wait_handled(p, "other", EVENTS - 1);
	rc = sluice_pipeline_drain(p, FLOW_DEADLINE_MS);
	/* What lay in the join's window when it ended is stranded. */
	assert_true(rc == 0 || rc == -EPIPE);
	sluice_pipeline_close(p);
	assert_int_equal(other.events, EVENTS - 1);
}

/* A join in the middle that has lost its consumers, and its workers. */
static void join_is_forsaken_in_a_drain(void **state)
{
	struct sluice_pipeline *p = flow_open(2);

	(void)state;
	source.end = 8;
	gate_open(&gate, 1);
	item_add_source(p, "source", &source, WINDOW);
	add_worker(p, "worker", "demand");
	flow_add(p,
		 SLUICE_STAGE(.name = "join", ITEM_WORKER, .order_of = "source",
			      .on_idle = SLUICE_IDLE_STAY,
			      .handle_events = item_pass));
	flow_add(p, SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
				 .in_bytes = sizeof(struct item),
				 .handle_events = end_at_once));
	subscribe(p, "worker", "source", 8);
	subscribe(p, "join", "worker", 8);
	subscribe(p, "sink", "join", 1);
	flow_start(p);
	flow_wait_handled(p, "worker", source.end);
	/* It has some left that nobody reads. */
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), -EPIPE);
	sluice_pipeline_close(p);
}

/* ---- all who could answer have gone ---------------------------------------------- */

#define SOME (WINDOW / 2)

static struct gate made; /* all have been, and the source is in its callback */

/* Value 0 first, until somebody has it in hand; then the others. */
static int make_some(struct sluice_stage *self, uint32_t demand)
{
	struct flow_source *s = sluice_stage_state(self);

	if (s->next == 1 && gate_await(&gate, 1) != 0)
		return -ETIMEDOUT;
	if (s->next == SOME) {
		gate_pass(&made);
		return SLUICE_OK;
	}
	s->most = s->next == 0 ? 1 : (uint32_t)(SOME - s->next);
	return item_make(self, demand);
}

static int pass_held_up(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	const struct item *items = batch->events;

	if (items[0].value == 0)
		gate_pass(&gate);
	return item_pass(self, batch);
}

static void end_workers(struct sluice_pipeline *p)
{
	assert_int_equal(sluice_stage_end(sluice_stage_find(p, "a"),
					  SLUICE_REASON_NORMAL, 0),
			 0);
	assert_int_equal(sluice_stage_end(sluice_stage_find(p, "b"),
					  SLUICE_REASON_NORMAL, 0),
			 0);
}

/* The join passes over what one of them has not come to, and its producer hears of
 * that before it has the event again. */
static void nobody_answers_one(void **state)
{
	struct sluice_pipeline *p = flow_open(2);

	(void)state;
	made = GATE_CLOSED;
	source.end = EVENTS;
	flow_add(p, SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				 .out_bytes = sizeof(struct item),
				 .dispatcher = "ordered", .blocking = 1,
				 .order_offset = ITEM_OFFSET,
				 .order_events = WINDOW,
				 .on_idle = SLUICE_IDLE_STAY,
				 .handle_demand = make_some, .state = &source));
	for (uint32_t i = 0; i < 2; i++)
		flow_add(p, SLUICE_STAGE(.name = i ? "b" : "a", ITEM_WORKER,
					 .blocking = 1,
					 .handle_events = pass_held_up));
	item_add_join(p, "join", "source", &joined);
	subscribe(p, "a", "source", 2);
	subscribe(p, "b", "source", 2);
	subscribe(p, "join", "a", WINDOW);
	subscribe(p, "join", "b", WINDOW);
	flow_start(p);
	/* One has value 0 in hand, and another behind it. */
	wait_for_others(p, SOME - 2);
	assert_int_equal(gate_await(&made, 1), 0);
	end_workers(p);
	gate_open(&gate, 1);
	flow_wait_handled(p, "join", SOME - 1);
	gate_open(&made, 1);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), -EPIPE);
	assert_int_equal(flow_stats(p, "source").stranded, 1);
	assert_int_equal(flow_stats(p, "source").discarded, 0);
	sluice_pipeline_close(p);
	assert_int_equal(joined.disorder, 0);
}

/* ---- the producer looks away -------------------------------------------------- */

/* Two workers: one holds value 0 back, and drops it when all others have been
 * answered. Then the join may pass over it, if the producer says so. */
static struct sluice_pipeline *held_up(const char *source_name)
{
	struct sluice_pipeline *p = flow_open(2);

	source.end = WINDOW;
	add_worker(p, "a", "demand");
	add_worker(p, "b", "demand");
	item_add_join(p, "join", source_name, &joined);
	return p;
}

static void link_up(struct sluice_pipeline *p, const char *source_name)
{
	subscribe(p, "a", source_name, 1);
	subscribe(p, "b", source_name, 1);
	subscribe(p, "join", "a", WINDOW);
	subscribe(p, "join", "b", WINDOW);
}

static void producer_has_no_inputs_any_more(void **state)
{
	struct sluice_pipeline *p = held_up("numbers");

	(void)state;
	flow_add(p, SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				 .out_bytes = sizeof(struct item),
				 .handle_demand = item_make, .state = &source));
	flow_add(p, SLUICE_STAGE(.name = "numbers", ITEM_WORKER,
				 .dispatcher = "ordered",
				 .order_offset = ITEM_OFFSET,
				 .order_events = WINDOW,
				 .on_idle = SLUICE_IDLE_STAY,
				 .handle_events = item_pass));
	subscribe(p, "numbers", "source", WINDOW);
	link_up(p, "numbers");
	flow_start(p);
	wait_for_others(p, WINDOW - 1);
	gate_open(&gate, 1);
	flow_wait_handled(p, "join", WINDOW - 1);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(p);
	assert_int_equal(joined.disorder, 0);
}

static void producer_holds_back(void **state)
{
	struct sluice_pipeline *p = held_up("source");
	struct sluice_stage *numbers;

	(void)state;
	item_add_source(p, "source", &source, WINDOW);
	link_up(p, "source");
	numbers = sluice_stage_find(p, "source");
	source.end = EVENTS; /* so that it does not end */
	source.most = 1;
	flow_start(p);
	wait_for_others(p, WINDOW - 1);
	assert_int_equal(sluice_demand_set(numbers, SLUICE_DEMAND_ACCUMULATE),
			 0);
	gate_open(&gate, 1);
	flow_wait_handled(p, "join", WINDOW - 1);
	sluice_pipeline_close(p);
	assert_int_equal(joined.disorder, 0);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(join_ends),
		cmocka_unit_test(join_is_forsaken_in_a_drain),
		cmocka_unit_test(nobody_answers_one),
		cmocka_unit_test(producer_has_no_inputs_any_more),
		cmocka_unit_test(producer_holds_back),
	};

	flow_watch(tests, sizeof(tests) / sizeof(tests[0]));
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tests[i].setup_func = set_up;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
