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
				 .order_offset = offsetof(struct item, number),
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(order_is_restored, set_up),
		cmocka_unit_test_setup(filtered_events_are_passed_over, set_up),
		cmocka_unit_test_setup(everything_may_be_filtered, set_up),
		cmocka_unit_test_setup(failures_keep_the_order, set_up),
		cmocka_unit_test_setup(what_is_given_up_is_passed_over, set_up),
	};

	return cmocka_run_group_tests_name("ordered", tests, NULL, NULL);
}
