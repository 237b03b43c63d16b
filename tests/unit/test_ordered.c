/* SPDX-License-Identifier: Apache-2.0 */
/* Parallel, and in order again behind the join: whole pipelines whose workers
 * dawdle, filter, fail, give up and leave. */
#include "tests/unit/flow.h"

#define EVENTS  40000u
#define WORKERS 4u

/* What travels: the number is the engine's, the value the source's. */
struct item {
	uint64_t value;
	uint64_t number;
};

struct worker_state {
	uint32_t index;
	uint32_t batches;
	uint32_t keep_one_in; /* 0: keeps all */
	uint32_t retry_one_in;
	uint32_t skip_one_in;
	uint32_t dawdle; /* spins so often per batch */
	uint64_t given_up;
};

struct join_state {
	uint64_t events;
	uint64_t sum;
	uint64_t next; /* one above the last value */
	uint32_t disorder;
	uint32_t gaps;
	uint32_t fail_one_in;
	uint32_t batches;
};

static struct flow_source source;
static struct worker_state worker[WORKERS];
static struct join_state joined;

static int make(struct sluice_stage *self, uint32_t demand)
{
	struct flow_source *s = sluice_stage_state(self);
	uint64_t left = s->end - s->next;
	uint32_t n = left < demand ? (uint32_t)left : demand;
	struct item *items = sluice_emit(self, n);

	for (uint32_t i = 0; items != NULL && i < n; i++)
		items[i] = (struct item){.value = s->next++, .number = 77};
	return s->next == s->end ? SLUICE_END : SLUICE_OK;
}

static int one_in(uint32_t n, uint64_t value)
{
	return n > 0 && value % n == n - 1;
}

static int work(struct sluice_stage *self, const struct sluice_batch *batch)
{
	struct worker_state *w = sluice_stage_state(self);
	const struct item *in = batch->events;

	w->batches++;
	for (volatile uint32_t i = 0; i < w->dawdle; i++)
		;
	if (one_in(w->retry_one_in, w->batches))
		return SLUICE_RETRY;
	if (batch->count == 1 && one_in(w->skip_one_in, in->value))
		return SLUICE_SKIP;
	for (uint32_t i = 0; i < batch->count; i++) {
		struct item *out;

		if (one_in(w->skip_one_in, in[i].value) && batch->count > 1)
			return SLUICE_RETRY;
		if (one_in(w->keep_one_in, in[i].value))
			continue;
		out = sluice_emit(self, 1);
		if (out != NULL)
			*out = in[i];
	}
	return SLUICE_OK;
}

static void give_up(struct sluice_stage *self,
		    const struct sluice_dead_letter *letter)
{
	struct worker_state *w = sluice_stage_state(self);

	(void)letter;
	w->given_up++;
}

static int join(struct sluice_stage *self, const struct sluice_batch *batch)
{
	struct join_state *j = sluice_stage_state(self);
	const struct item *items = batch->events;

	j->batches++;
	if (one_in(j->fail_one_in, j->batches))
		return SLUICE_RETRY;
	for (uint32_t i = 0; i < batch->count; i++) {
		j->disorder += items[i].value < j->next;
		j->gaps += items[i].value != j->next;
		j->next = items[i].value + 1;
		j->sum += items[i].value;
	}
	j->events += batch->count;
	return SLUICE_OK;
}

/* ---- the graph ----------------------------------------------------------- */

static const char *const names[WORKERS] = {"w0", "w1", "w2", "w3"};

static int set_up(void **state)
{
	(void)state;
	source = (struct flow_source){.end = EVENTS};
	joined = (struct join_state){0};
	for (uint32_t i = 0; i < WORKERS; i++)
		worker[i] = (struct worker_state){.index = i,
						  .dawdle = 50 * (i + 1)};
	return 0;
}

static struct sluice_pipeline *build(uint32_t window, uint32_t demand)
{
	struct sluice_pipeline *p = flow_open(2);

	flow_add(p, SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				 .out_bytes = sizeof(struct item),
				 .dispatcher = "ordered",
				 .order_offset = SLUICE_ORDER_OFFSET(
					 offsetof(struct item, number)),
				 .order_events = window, .handle_demand = make,
				 .state = &source));
	for (uint32_t i = 0; i < WORKERS; i++)
		flow_add(p, SLUICE_STAGE(.name = names[i],
					 .kind = SLUICE_PRODUCER_CONSUMER,
					 .in_bytes = sizeof(struct item),
					 .out_bytes = sizeof(struct item),
					 .handle_events = work,
					 .max_deliveries = 9,
					 .dead_letter = give_up,
					 .state = &worker[i]));
	flow_add(p, SLUICE_STAGE(.name = "join", .kind = SLUICE_CONSUMER,
				 .in_bytes = sizeof(struct item),
				 .order_of = "source", .handle_events = join,
				 .max_deliveries = 99, .state = &joined));
	for (uint32_t i = 0; i < WORKERS; i++) {
		flow_subscribe(p, names[i], "source",
			       SLUICE_SUBSCRIPTION(.max_demand = demand));
		flow_subscribe(p, "join", names[i],
			       SLUICE_SUBSCRIPTION(.max_demand = demand));
	}
	return p;
}

static void run(struct sluice_pipeline *p)
{
	assert_int_equal(flow_run(p), 0);
	sluice_pipeline_close(p);
}

static void order_is_restored(void **state)
{
	static const uint32_t windows[] = {2, 4, 64, 1024, 65536};

	for (size_t i = 0; i < UNIT_COUNT(windows); i++) {
		set_up(state);
		if (windows[i] < 64)
			source.end = 2000;
		run(build(windows[i], windows[i] < 64 ? 4 : 256));
		assert_int_equal(joined.events, source.end);
		assert_int_equal(joined.disorder, 0);
		assert_int_equal(joined.gaps, 0);
	}
}

static void filtered_events_are_passed_over(void **state)
{
	uint64_t kept = 0;

	(void)state;
	for (uint32_t i = 0; i < WORKERS; i++)
		worker[i].keep_one_in = 3;
	for (uint64_t v = 0; v < EVENTS; v++)
		kept += one_in(3, v) ? 0 : 1;
	run(build(64, 100));
	assert_int_equal(joined.events, kept);
	assert_int_equal(joined.disorder, 0);
}

static void everything_may_be_filtered(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < WORKERS; i++)
		worker[i].keep_one_in = 1;
	run(build(16, 100));
	assert_int_equal(joined.events, 0);
	assert_int_equal(source.next, EVENTS);
}

static void failures_keep_the_order(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < WORKERS; i++)
		worker[i].retry_one_in = 5 + i;
	joined.fail_one_in = 4;
	run(build(256, 64));
	assert_int_equal(joined.events, EVENTS);
	assert_int_equal(joined.disorder, 0);
	assert_int_equal(joined.gaps, 0);
}

static void what_is_given_up_is_passed_over(void **state)
{
	uint64_t given_up = 0;
	uint64_t bad = 0;

	(void)state;
	source.end = 4000;
	for (uint32_t i = 0; i < WORKERS; i++)
		worker[i].skip_one_in = 50;
	for (uint64_t v = 0; v < source.end; v++)
		bad += (uint64_t)one_in(50, v);
	run(build(128, 16));
	for (uint32_t i = 0; i < WORKERS; i++)
		given_up += worker[i].given_up;
	assert_int_equal(given_up, bad);
	assert_int_equal(joined.events, source.end - bad);
	assert_int_equal(joined.disorder, 0);
}

/* ---- what is refused ----------------------------------------------------- */

/* A graph of source, one worker and a join, each as the row has it. */
static struct refusal {
	const char *name;
	struct sluice_stage_opts source;
	struct sluice_stage_opts join;
	enum sluice_on_end on_end;
	uint32_t by_pass; /* the join reads from the source, too */
	uint32_t no_link; /* the join does not read from the worker */
	uint32_t twins;   /* there are two joins */
	const char *says[3];
} refusals[] = {
	{.name = "nobody_joins", .says = {"'source'", "order_of"}},
	{.name = "of_nobody",
	 .join = {.order_of = "nobody"},
	 .says = {"'join'", "'nobody'", "'ordered'"}},
	{.name = "of_an_unordered_one",
	 .source = {.dispatcher = "jbsq"},
	 .join = {.order_of = "source"},
	 .says = {"'join'", "'source'", "'ordered'"}},
	{.name = "worker_without_a_link",
	 .join = {.order_of = "source", .on_idle = SLUICE_IDLE_STAY},
	 .no_link = 1,
	 .says = {"'join'", "'worker'"}},
	{.name = "a_link_past_the_workers",
	 .join = {.order_of = "source"},
	 .by_pass = 1,
	 .says = {"'join'", "'source'"}},
	{.name = "an_end_of_its_own",
	 .join = {.order_of = "source"},
	 .on_end = SLUICE_PERMANENT,
	 .says = {"'join'", "on_end"}},
	{.name = "two_joins",
	 .join = {.order_of = "source"},
	 .twins = 1,
	 .says = {"'twin'", "already restores"}},
};

static void refusal_add_join(struct sluice_pipeline *p,
			     const struct refusal *row, const char *name)
{
	struct sluice_stage_opts o = row->join;

	o.size = sizeof(o);
	o.name = name;
	o.kind = SLUICE_CONSUMER;
	o.in_bytes = sizeof(struct item);
	o.handle_events = join;
	o.state = &joined;
	flow_add(p, &o);
	if (!row->no_link)
		flow_subscribe(p, name, "worker",
			       SLUICE_SUBSCRIPTION(.on_end = row->on_end));
}

static void graph_is_refused(void **state)
{
	const struct refusal *row = *state;
	struct sluice_stage_opts o = row->source;
	struct sluice_pipeline *p = flow_open(1);

	o.size = sizeof(o);
	o.name = "source";
	o.kind = SLUICE_PRODUCER;
	o.out_bytes = sizeof(struct item);
	o.handle_demand = make;
	if (o.dispatcher == NULL) {
		o.dispatcher = "ordered";
		o.order_offset = SLUICE_ORDER_OFFSET(0);
	}
	flow_add(p, &o);
	flow_add(p, SLUICE_STAGE(.name = "worker",
				 .kind = SLUICE_PRODUCER_CONSUMER,
				 .in_bytes = sizeof(struct item),
				 .out_bytes = sizeof(struct item),
				 .on_idle = SLUICE_IDLE_STAY,
				 .handle_events = work, .state = &worker[0]));
	flow_subscribe(p, "worker", "source", NULL);
	refusal_add_join(p, row, "join");
	if (row->twins)
		refusal_add_join(p, row, "twin");
	if (row->by_pass)
		flow_subscribe(p, "join", "source", NULL);
	assert_int_equal(sluice_pipeline_start(p), -EINVAL);
	for (size_t i = 0; i < UNIT_COUNT(row->says) && row->says[i]; i++)
		assert_text_has(sluice_last_error(), row->says[i]);
	sluice_pipeline_close(p);
}

/* What can be told of a stage alone. */
static struct alone {
	const char *name;
	struct sluice_stage_opts opts;
	const char *says[3];
} alone[] = {
	{"offset_left_out",
	 {.kind = SLUICE_PRODUCER, .out_bytes = 16, .dispatcher = "ordered"},
	 {"order_offset is missing", "SLUICE_ORDER_OFFSET", "8 bytes"}},
	{"no_room_for_the_number",
	 {.kind = SLUICE_PRODUCER,
	  .out_bytes = 4,
	  .order_offset = SLUICE_ORDER_OFFSET(0),
	  .dispatcher = "ordered"},
	 {"order_offset 0", "8 bytes", "out_bytes 4"}},
	{"number_past_the_end",
	 {.kind = SLUICE_PRODUCER,
	  .out_bytes = 16,
	  .order_offset = SLUICE_ORDER_OFFSET(9),
	  .dispatcher = "ordered"},
	 {"order_offset 9", "out_bytes 16"}},
	{"window_not_a_power_of_two",
	 {.kind = SLUICE_PRODUCER,
	  .out_bytes = 16,
	  .order_offset = SLUICE_ORDER_OFFSET(8),
	  .order_events = 1000,
	  .dispatcher = "ordered"},
	 {"order_events 1000", "power of two"}},
	{"window_over_the_limit",
	 {.kind = SLUICE_PRODUCER,
	  .out_bytes = 16,
	  .order_offset = SLUICE_ORDER_OFFSET(8),
	  .order_events = 131072,
	  .dispatcher = "ordered"},
	 {"order_events 131072", "65536"}},
	{"order_of_a_producer",
	 {.kind = SLUICE_PRODUCER, .out_bytes = 16, .order_of = "x"},
	 {"order_of", "consume"}},
	{"order_of_without_a_name",
	 {.kind = SLUICE_CONSUMER, .in_bytes = 16, .order_of = ""},
	 {"order_of", "name"}},
	{"join_without_room",
	 {.kind = SLUICE_CONSUMER, .in_bytes = 4, .order_of = "x"},
	 {"order_of", "in_bytes 4", "8"}},
	{"offset_of_another_dispatcher",
	 {.kind = SLUICE_PRODUCER,
	  .out_bytes = 16,
	  .order_offset = SLUICE_ORDER_OFFSET(8),
	  .dispatcher = "rr"},
	 {"'rr'", "order_offset 8", "ordered"}},
};

static void stage_is_refused(void **state)
{
	const struct alone *row = *state;
	struct sluice_stage_opts o = row->opts;
	struct sluice_pipeline *p = flow_open(1);

	o.size = sizeof(o);
	o.name = "s";
	if (o.kind == SLUICE_PRODUCER)
		o.handle_demand = make;
	else
		o.handle_events = join;
	assert_int_equal(sluice_stage_add(p, &o), -EINVAL);
	assert_text_has(sluice_last_error(), "'s'");
	for (size_t i = 0; i < UNIT_COUNT(row->says) && row->says[i]; i++)
		assert_text_has(sluice_last_error(), row->says[i]);
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest pipelines[] = {
		cmocka_unit_test_setup(order_is_restored, set_up),
		cmocka_unit_test_setup(filtered_events_are_passed_over, set_up),
		cmocka_unit_test_setup(everything_may_be_filtered, set_up),
		cmocka_unit_test_setup(failures_keep_the_order, set_up),
		cmocka_unit_test_setup(what_is_given_up_is_passed_over, set_up),
	};
	struct CMUnitTest tests[UNIT_COUNT(pipelines) + UNIT_COUNT(refusals) +
				UNIT_COUNT(alone)];
	size_t n = 0;

	for (; n < UNIT_COUNT(pipelines); n++)
		tests[n] = pipelines[n];
	for (size_t i = 0; i < UNIT_COUNT(refusals); i++)
		tests[n++] =
			(struct CMUnitTest){refusals[i].name, graph_is_refused,
					    NULL, NULL, &refusals[i]};
	for (size_t i = 0; i < UNIT_COUNT(alone); i++)
		tests[n++] = (struct CMUnitTest){
			alone[i].name, stage_is_refused, NULL, NULL, &alone[i]};
	return cmocka_run_group_tests_name("ordered", tests, NULL, NULL);
}
