/* SPDX-License-Identifier: Apache-2.0 */
/* Between an ordered producer and the join: whatever delays a worker's answers
 * (its spill, who leaves it, another worker behind it), the join waits for them.
 */
#include "tests/support/gate.h"
#include "tests/unit/ordered_flow.h"

#define EVENTS 5000u

static struct flow_source source;
static struct item_sink joined;
static struct item_sink aside;
static struct gate gate;

static int set_up(void **state)
{
	source = (struct flow_source){.end = EVENTS};
	joined = (struct item_sink){0};
	aside = (struct item_sink){0};
	gate = GATE_CLOSED;
	return flow_setup(state);
}

static void check_nothing_dropped(struct sluice_pipeline *p)
{
	struct sluice_stage_stats stats = flow_stats(p, "join");

	assert_int_equal(stats.discarded, 0);
	assert_int_equal(stats.stranded, 0);
}

/* ---- workers whose dispatcher has a spill -------------------------------- */

/* All to one: the others' windows let it have more than its own. */
static uint64_t same_key(const void *event, uint32_t bytes, void *ctx)
{
	(void)event;
	(void)bytes;
	(void)ctx;
	return 7;
}

/* Runs of one key. */
static uint64_t run_key(const void *event, uint32_t bytes, void *ctx)
{
	struct item item;

	(void)ctx;
	memcpy(&item, event, bytes);
	return item.value / 13;
}

static uint64_t some_lane(const void *event, uint32_t bytes, void *ctx)
{
	struct item item;

	(void)ctx;
	memcpy(&item, event, bytes);
	return item.value / 29 % 2;
}

static struct spiller {
	const char *name;
	const char *dispatcher;
	sluice_key_fn key_of;
	uint32_t partitions;
	uint32_t workers;
	uint32_t window;
	uint32_t least; /* events that must have waited in the spill */
} spillers[] = {
	{"partition", "partition", same_key, 0, 1, 0, 1},
	{"partition_threads", "partition", run_key, 0, 2, 0, 0},
	{"partition_small_window", "partition", same_key, 0, 1, 16, 1},
	{"partition_by_name", "partition", some_lane, 2, 1, 0, 1},
	{"atomic", "atomic", same_key, 0, 1, 0, 1},
	{"atomic_threads", "atomic", run_key, 0, 2, 0, 0},
	{"pkg", "pkg", same_key, 0, 1, 0, 0},
	{"pkg_threads", "pkg", run_key, 0, 2, 0, 0},
};

static struct sluice_pipeline *build_spillers(const struct spiller *row,
					      uint32_t links)
{
	static const char *const names[] = {"w0", "w1", "w2"};
	struct sluice_pipeline *p = flow_open(row->workers);

	item_add_source(p, "source", &source, row->window);
	for (uint32_t i = 0; i < UNIT_COUNT(names); i++)
		flow_add(p, SLUICE_STAGE(ITEM_WORKER, .name = names[i],
					 .dispatcher = row->dispatcher,
					 .key_of = row->key_of,
					 .partitions = row->partitions,
					 .handle_events = item_pass));
	item_add_join(p, "join", "source", &joined);
	for (uint32_t i = 0; i < UNIT_COUNT(names); i++) {
		flow_subscribe(p, names[i], "source",
			       SLUICE_SUBSCRIPTION(.max_demand = 64));
		for (uint32_t k = 0; k < links; k++)
			flow_subscribe(
				p, "join", names[i],
				SLUICE_SUBSCRIPTION(
						.max_demand = 4,
						.partition =
							row->partitions
								? SLUICE_PARTITION(
									  k)
								: 0));
	}
	return p;
}

static void what_spills_is_waited_for(void **state)
{
	const struct spiller *row = *state;
	struct sluice_pipeline *p = build_spillers(row, 2);
	uint64_t spilled = 0;

	assert_int_equal(flow_run(p), 0);
	item_check_all(&joined, EVENTS);
	check_nothing_dropped(p);
	spilled += flow_stats(p, "w0").spilled;
	spilled += flow_stats(p, "w1").spilled;
	spilled += flow_stats(p, "w2").spilled;
	assert_true(spilled >= row->least);
	sluice_pipeline_close(p);
}

static void await_gone(struct sluice_pipeline *p, struct sluice_sub sub)
{
	struct sluice_subscription_stats stats;

	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (sluice_subscription_stat(sub, &stats) == -ENOENT)
			return;
		flow_sleep_ms(1);
	}
	sluice_pipeline_close(p);
	fail_msg("a subscription that was cancelled stays");
}

/* A link of the join ends while answers wait in the spill for it: they come on
 * the other one, and are waited for all the same. */
static void what_a_link_leaves_is_waited_for(void **state)
{
	const struct spiller *row = *state;
	struct sluice_pipeline *p = flow_open(row->workers);
	struct sluice_sub sub = {0};

	source.end = UINT64_MAX;
	item_add_source(p, "source", &source, row->window);
	flow_add(p, SLUICE_STAGE(ITEM_WORKER, .name = "w0",
				 .dispatcher = row->dispatcher,
				 .key_of = row->key_of,
				 .handle_events = item_pass));
	item_add_join(p, "join", "source", &joined);
	flow_subscribe(p, "w0", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 64));
	flow_subscribe(p, "join", "w0", SLUICE_SUBSCRIPTION(.max_demand = 4));
	flow_start(p);
	for (uint32_t i = 0; i < 40; i++) {
		flow_subscribe(
			p, "join", "w0",
			SLUICE_SUBSCRIPTION(.max_demand = 4, .sub = &sub));
		flow_wait_handled(p, "join",
				  flow_stats(p, "join").events_in + 50);
		assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0),
				 0);
		await_gone(p, sub);
	}
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	item_check_all(&joined, source.next);
	check_nothing_dropped(p);
	sluice_pipeline_close(p);
}

/* ---- others behind a worker ---------------------------------------------- */

static int take_some(struct sluice_stage *self,
		     const struct sluice_batch *batch)
{
	struct item_sink *sink = sluice_stage_state(self);

	(void)item_join(self, batch);
	return sink->events > 50 ? SLUICE_END : SLUICE_OK;
}

#define SHARED_OUT 1000u

/* Values that "other" had been given when it failed. */
static unsigned char had[SHARED_OUT];
static uint32_t mismarked;

static int hold_on(struct sluice_stage *self, const struct sluice_batch *batch)
{
	const struct item *items = batch->events;

	(void)self;
	for (uint32_t i = 0; i < batch->count; i++)
		had[items[i].value] = 1;
	gate_pass(&gate);
	return -EIO;
}

/* Marked is what somebody has been given before, and nothing else. */
static int join_marked(struct sluice_stage *self,
		       const struct sluice_batch *batch)
{
	const struct item *items = batch->events;
	int flag = (batch->flags & SLUICE_BATCH_REDELIVERED) != 0;

	for (uint32_t i = 0; i < batch->count; i++)
		mismarked += had[items[i].value] != flag;
	mismarked += (uint32_t)flag != batch->deliveries - 1;
	return item_join(self, batch);
}

static void another_leaves(const char *dispatcher, int fails)
{
	struct sluice_pipeline *p = flow_open(2);

	memset(had, 0, sizeof(had));
	mismarked = 0;
	source.end = SHARED_OUT;
	item_add_source(p, "source", &source, 64);
	flow_add(p, SLUICE_STAGE(ITEM_WORKER, .name = "w0",
				 .dispatcher = dispatcher,
				 .handle_events = item_pass));
	flow_add(p,
		 SLUICE_STAGE(.name = "join", .kind = SLUICE_CONSUMER,
			      .in_bytes = sizeof(struct item),
			      .order_of = "source",
			      .handle_events = join_marked, .state = &joined));
	flow_add(p, SLUICE_STAGE(.name = "other", .kind = SLUICE_CONSUMER,
				 .in_bytes = sizeof(struct item),
				 .restart = SLUICE_RESTART_TEMPORARY,
				 .handle_events = fails ? hold_on : take_some,
				 .state = &aside));
	flow_subscribe(p, "w0", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 32));
	flow_subscribe(p, "join", "w0", SLUICE_SUBSCRIPTION(.max_demand = 8));
	flow_subscribe(p, "other", "w0", SLUICE_SUBSCRIPTION(.max_demand = 16));
	gate_open(&gate, 1);
	flow_start(p);
	assert_int_equal(flow_join(p), fails ? -EIO : 0);
	assert_int_equal(joined.disorder, 0);
	assert_int_equal(joined.events + aside.events, SHARED_OUT);
	assert_int_equal(joined.sum + aside.sum, flow_sum(SHARED_OUT));
	assert_int_equal(mismarked, 0);
	if (fails)
		assert_non_null(memchr(had, 1, sizeof(had)));
	check_nothing_dropped(p);
	sluice_pipeline_close(p);
}

/* A worker has another consumer beside the join, which leaves: what it had not
 * finished goes to the join in its turn, marked if it had been given it. */
static void what_another_consumer_leaves_is_waited_for(void **state)
{
	static const char *const dispatchers[] = {
		"demand", "rr",     "jbsq",  "partition",
		"atomic", "shared", "sticky"};

	for (size_t d = 0; d < UNIT_COUNT(dispatchers); d++)
		for (int fails = 0; fails < 2; fails++) {
			(void)set_up(state);
			another_leaves(dispatchers[d], fails);
		}
}

static int take_and_fail(struct sluice_stage *self,
			 const struct sluice_batch *batch)
{
	(void)item_join(self, batch);
	return -EIO;
}

static struct item_sink flagged;

static int join_and_look(struct sluice_stage *self,
			 const struct sluice_batch *batch)
{
	uint64_t sum = joined.sum;

	(void)item_join(self, batch);
	if (!(batch->flags & SLUICE_BATCH_REDELIVERED))
		return batch->deliveries == 1 ? SLUICE_OK : -EPROTO;
	flagged.events += batch->count;
	flagged.sum += joined.sum - sum;
	return batch->deliveries == 2 ? SLUICE_OK : -EPROTO;
}

/* And it knows that it is not the first to have it, of these events and of no
 * others. */
static void what_another_consumer_had_is_flagged(void **state)
{
	static const char *const dispatchers[] = {
		"demand", "rr",     "jbsq",  "partition",
		"atomic", "shared", "sticky"};

	for (size_t d = 0; d < UNIT_COUNT(dispatchers); d++) {
		struct sluice_pipeline *p = flow_open(2);
		int rc;

		(void)set_up(state);
		flagged = (struct item_sink){0};
		source.end = 1000;
		item_add_source(p, "source", &source, 64);
		flow_add(p, SLUICE_STAGE(ITEM_WORKER, .name = "w0",
					 .dispatcher = dispatchers[d],
					 .handle_events = item_pass));
		flow_add(p,
			 SLUICE_STAGE(.name = "join", .kind = SLUICE_CONSUMER,
				      .in_bytes = sizeof(struct item),
				      .order_of = "source",
				      .handle_events = join_and_look,
				      .state = &joined));
		flow_add(p,
			 SLUICE_STAGE(.name = "other", .kind = SLUICE_CONSUMER,
				      .in_bytes = sizeof(struct item),
				      .restart = SLUICE_RESTART_TEMPORARY,
				      .handle_events = take_and_fail,
				      .state = &aside));
		flow_subscribe(p, "w0", "source",
			       SLUICE_SUBSCRIPTION(.max_demand = 32));
		flow_subscribe(p, "join", "w0",
			       SLUICE_SUBSCRIPTION(.max_demand = 8));
		flow_subscribe(p, "other", "w0",
			       SLUICE_SUBSCRIPTION(.max_demand = 16));
		/* It is told of the one that failed. */
		rc = flow_run(p);
		assert_int_equal(rc, aside.events ? -EIO : 0);
		item_check_all(&joined, 1000);
		assert_int_equal(flagged.events, aside.events);
		assert_int_equal(flagged.sum, aside.sum);
		assert_int_equal(flow_stats(p, "join").redelivered,
				 aside.events);
		sluice_pipeline_close(p);
	}
}

static int join_held(struct sluice_stage *self,
		     const struct sluice_batch *batch)
{
	gate_pass(&gate);
	return item_join(self, batch);
}

/* A worker whose consumers take for themselves has answered when the join has
 * taken: until then it is not let go, and the join cannot leave it. */
static void what_a_join_has_not_taken_is_waited_for(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_subscription_stats taken;
	struct sluice_sub in;
	struct sluice_sub out;

	(void)state;
	source.end = 200;
	item_add_source(p, "source", &source, 64);
	flow_add(p,
		 SLUICE_STAGE(ITEM_WORKER, .name = "w0", .dispatcher = "shared",
			      .blocking = 1, .on_idle = SLUICE_IDLE_STAY,
			      .handle_events = item_pass));
	flow_add(p, SLUICE_STAGE(.name = "join", .kind = SLUICE_CONSUMER,
				 .in_bytes = sizeof(struct item),
				 .order_of = "source", .blocking = 1,
				 .on_idle = SLUICE_IDLE_STAY,
				 .handle_events = join_held, .state = &joined));
	flow_subscribe(p, "w0", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 8, .sub = &in));
	flow_subscribe(p, "join", "w0",
		       SLUICE_SUBSCRIPTION(.max_demand = 4, .sub = &out));
	flow_start(p);
	assert_int_equal(gate_await(&gate, 1), 0);
	/* Its next answers lie there, for the join is held. */
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		assert_int_equal(sluice_subscription_stat(out, &taken), 0);
		if (flow_stats(p, "w0").events_out > taken.published)
			break;
		flow_sleep_ms(1);
	}
	assert_int_equal(sluice_cancel(in, SLUICE_REASON_NORMAL, 0), 0);
	for (uint32_t i = 0; i < 50; i++) {
		assert_int_equal(sluice_cancel(out, SLUICE_REASON_NORMAL, 0),
				 -EBUSY);
		flow_sleep_ms(1);
	}
	gate_open(&gate, 1u << 20);
	while (sluice_cancel(out, SLUICE_REASON_NORMAL, 0) == -EBUSY)
		flow_sleep_ms(1);
	await_gone(p, out);
	assert_int_equal(flow_stats(p, "join").discarded, 0);
	assert_int_equal(joined.events, flow_stats(p, "w0").events_out);
	assert_int_equal(joined.gaps, 0);
	sluice_pipeline_close(p);
}

/* A worker that broadcasts: another consumer of it may come and go. */
static void who_hears_the_same_is_not_waited_for(void **state)
{
	struct sluice_pipeline *p = flow_open(2);

	(void)state;
	item_add_source(p, "source", &source, 64);
	flow_add(p, SLUICE_STAGE(ITEM_WORKER, .name = "w0",
				 .dispatcher = "broadcast",
				 .handle_events = item_pass));
	item_add_join(p, "join", "source", &joined);
	flow_add(p, SLUICE_STAGE(.name = "other", .kind = SLUICE_CONSUMER,
				 .in_bytes = sizeof(struct item),
				 .handle_events = take_some, .state = &aside));
	flow_subscribe(p, "w0", "source", SLUICE_SUBSCRIPTION(.max_demand = 8));
	flow_subscribe(p, "join", "w0", SLUICE_SUBSCRIPTION(.max_demand = 8));
	flow_subscribe(p, "other", "w0", SLUICE_SUBSCRIPTION(.max_demand = 8));
	assert_int_equal(flow_run(p), 0);
	item_check_all(&joined, EVENTS);
	check_nothing_dropped(p);
	sluice_pipeline_close(p);
}

/* A worker hands on what is not for it: the answer comes by way of another one,
 * or first of one that is not known to be between. */
static void answers_may_take_several_steps(void **state)
{
	for (uint32_t steps = 1; steps < 3; steps++) {
		struct sluice_pipeline *p = flow_open(2);
		const struct sluice_subscription_opts *handed =
			SLUICE_SUBSCRIPTION(.max_demand = 16,
					    .partition = SLUICE_PARTITION(1));

		(void)set_up(state);
		item_add_source(p, "source", &source, 128);
		flow_add(p, SLUICE_STAGE(ITEM_WORKER, .name = "w0",
					 .dispatcher = "partition",
					 .partitions = 2, .key_of = some_lane,
					 .handle_events = item_pass));
		flow_add(p, SLUICE_STAGE(ITEM_WORKER, .name = "w1",
					 .dispatcher = "partition",
					 .key_of = same_key,
					 .handle_events = item_pass));
		item_add_join(p, "join", "source", &joined);
		flow_subscribe(p, "w0", "source",
			       SLUICE_SUBSCRIPTION(.max_demand = 64));
		flow_subscribe(p, "w1", "source",
			       SLUICE_SUBSCRIPTION(.max_demand = 8));
		if (steps == 2) {
			flow_add(p, SLUICE_STAGE(ITEM_WORKER, .name = "between",
						 .dispatcher = "partition",
						 .key_of = same_key,
						 .handle_events = item_pass));
			flow_subscribe(p, "between", "w0", handed);
			flow_subscribe(p, "w1", "between",
				       SLUICE_SUBSCRIPTION(.max_demand = 2));
		} else {
			flow_subscribe(p, "w1", "w0", handed);
		}
		flow_subscribe(
			p, "join", "w0",
			SLUICE_SUBSCRIPTION(.max_demand = 8,
					    .partition = SLUICE_PARTITION(0)));
		for (uint32_t k = 0; k < 2; k++)
			flow_subscribe(p, "join", "w1",
				       SLUICE_SUBSCRIPTION(.max_demand = 2));
		assert_int_equal(flow_run(p), 0);
		item_check_all(&joined, EVENTS);
		check_nothing_dropped(p);
		sluice_pipeline_close(p);
	}
}

int main(void)
{
	const struct CMUnitTest single[] = {
		cmocka_unit_test(what_another_consumer_leaves_is_waited_for),
		cmocka_unit_test(what_another_consumer_had_is_flagged),
		cmocka_unit_test(what_a_join_has_not_taken_is_waited_for),
		cmocka_unit_test(who_hears_the_same_is_not_waited_for),
		cmocka_unit_test(answers_may_take_several_steps),
	};
	struct CMUnitTest tests[UNIT_COUNT(single) + 2 * UNIT_COUNT(spillers)];
	size_t n = UNIT_COUNT(single);

	memcpy(tests, single, sizeof(single));
	n = UNIT_ADD_ROWS(tests, n, what_spills_is_waited_for, spillers);
	for (size_t i = 0; i < UNIT_COUNT(spillers); i++)
		if (spillers[i].partitions == 0)
			tests[n++] = (struct CMUnitTest){
				"what_a_link_leaves_is_waited_for",
				what_a_link_leaves_is_waited_for, NULL, NULL,
				&spillers[i]};
	flow_watch(tests, n);
	for (size_t i = 0; i < n; i++)
		tests[i].setup_func = set_up;
	return _cmocka_run_group_tests("ordered_between", tests, n, NULL, NULL);
}
