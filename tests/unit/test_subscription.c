/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions made, changed and ended while events flow: what is refused, what
 * an id reaches, and what resubscribe and ask do. */
#include "clerk.h"

/* ---- refusals ------------------------------------------------------------ */

static struct refusal_row {
	const char *name;
	const char *consumer;
	const char *producer;
	struct sluice_subscription_opts opts;
	int rc;
	const char *says;
} refusal_rows[] = {
#define ROW(name, consumer, producer, rc, says, ...)                           \
	{                                                                      \
		name, consumer, producer,                                      \
			{.size = sizeof(struct sluice_subscription_opts),      \
			 __VA_ARGS__},                                         \
			rc, says                                               \
	}
	ROW("refuses_unknown_consumer", "nobody", "source", -ENOENT, "nobody",
	    .max_demand = 1),
	ROW("refuses_unknown_producer", "c0", "nobody", -ENOENT, "nobody",
	    .max_demand = 1),
	ROW("refuses_producer_as_consumer", "source", "source", -EINVAL,
	    "cannot subscribe", .max_demand = 1),
	ROW("refuses_consumer_as_producer", "c0", "c1", -EINVAL,
	    "cannot subscribe", .max_demand = 1),
	ROW("refuses_other_event_size", "wide", "source", -EINVAL,
	    "in_bytes 16 does not match out_bytes 8", .max_demand = 1),
	ROW("refuses_max_demand_0", "c0", "source", -EINVAL, "max_demand",
	    .max_demand = 0),
	ROW("refuses_max_demand_over_limit", "c0", "source", -EINVAL, "1048576",
	    .max_demand = (1u << 20) + 1),
	ROW("refuses_min_demand_at_max", "c0", "source", -EINVAL, "min_demand",
	    .max_demand = 10, .min_demand = 10),
	ROW("refuses_refill_with_min", "c0", "source", -EINVAL, "refill",
	    .max_demand = 10, .min_demand = 5, .refill_events = 2),
	ROW("refuses_unknown_mode", "c0", "source", -EINVAL, "on_end",
	    .max_demand = 10, .on_end = (enum sluice_on_end)4),
	ROW("refuses_unknown_flag", "c0", "source", -EINVAL, "flags",
	    .max_demand = 10, .flags = 2),
	ROW("refuses_reserved_words", "c0", "source", -EINVAL, "resv",
	    .max_demand = 10, .resv = {0, 1}),
	ROW("refuses_manual_with_min_demand", "c0", "source", -EINVAL,
	    "min_demand", .max_demand = 10, .min_demand = 5,
	    .flags = SLUICE_SUBSCRIBE_MANUAL),
	ROW("refuses_selector_without_broadcast", "c0", "source", -EINVAL,
	    "broadcast", .max_demand = 10,
	    .selector = (int (*)(const void *, void *))1),
	ROW("refuses_partition_of_demand", "c0", "source", -EINVAL,
	    "no partitions", .max_demand = 10, .partition = 1),
	ROW("refuses_no_partition", "c0", "parted", -EINVAL, "0 to 1",
	    .max_demand = 10),
	ROW("refuses_partition_that_is_not", "c0", "parted", -EINVAL, "0 to 1",
	    .max_demand = 10, .partition = SLUICE_PARTITION(2)),
	ROW("refuses_partition_taken", "c0", "parted", -EBUSY, "in use by 'c3'",
	    .max_demand = 10, .partition = SLUICE_PARTITION(0)),
	ROW("refuses_second_of_broadcast", "c3", "cast", -EEXIST,
	    "subscribed already", .max_demand = 10),
#undef ROW
};

static void add_named(const char *name, const char *dispatcher,
		      uint32_t partitions)
{
	static struct flow_source empty;

	flow_add(pipeline,
		 SLUICE_STAGE(.name = name, .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .dispatcher = dispatcher,
			      .partitions = partitions,
			      .demand = SLUICE_DEMAND_ACCUMULATE,
			      .on_idle = SLUICE_IDLE_STAY, .state = &empty));
}

/* Each refusal twice, before the start and after; and nothing has changed. */
static void refuses(void **state)
{
	struct refusal_row *row = *state;
	struct sluice_sub sub = {0};

	pipeline = flow_open(1);
	add_source("demand", 0, UINT64_MAX);
	add_named("parted", "partition", 2);
	add_named("cast", "broadcast", 0);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "wide", .kind = SLUICE_CONSUMER,
			      .in_bytes = 16, .handle_events = clerk_handle,
			      .on_idle = SLUICE_IDLE_STAY));
	for (uint32_t i = 0; i < SINKS; i++)
		add_clerk(i);
	flow_subscribe(pipeline, "c3", "parted",
		       SLUICE_SUBSCRIPTION(.partition = SLUICE_PARTITION(0)));
	flow_subscribe(pipeline, "c3", "cast", SLUICE_SUBSCRIPTION());
	row->opts.sub = &sub;
	for (uint32_t started = 0; started < 2; started++) {
		assert_int_equal(sluice_subscribe(pipeline, row->consumer,
						  row->producer, &row->opts),
				 row->rc);
		assert_text_has(sluice_last_error(), row->says);
		assert_null(sub.pipeline);
		if (!started)
			flow_start(pipeline);
	}
	assert_int_equal(word(&clerks[0].joined), 0);
	assert_int_equal(word(&clerks[3].joined), 2);
	(void)SUBSCRIBE(0, .max_demand = 10);
	wait_handled("c0", 100);
}

static void refuses_over_subscriptions_max(void **state)
{
	struct sluice_sub none = {.index = 77, .generation = 77};
	struct sluice_sub sub;

	(void)state;
	pipeline = flow_open(1);
	source = (struct flow_source){.end = UINT64_MAX};
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .subscriptions_max = 2,
			      .on_idle = SLUICE_IDLE_STAY, .state = &source));
	for (uint32_t i = 0; i < SINKS; i++)
		add_clerk(i);
	flow_start(pipeline);
	sub = SUBSCRIBE(0, .max_demand = 10);
	(void)SUBSCRIBE(1, .max_demand = 10);
	assert_int_equal(sluice_subscribe(pipeline, "c2", "source",
					  SLUICE_SUBSCRIPTION(.max_demand = 10,
							      .sub = &none)),
			 -ENOSPC);
	assert_text_has(sluice_last_error(), "subscriptions_max of 2");
	assert_int_equal(none.index, 77);
	assert_int_equal(none.generation, 77);
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0), 0);
	/* Its place is free once both sides have let go. */
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		int rc = sluice_subscribe(pipeline, "c2", "source", NULL);

		if (rc == 0)
			break;
		assert_int_equal(rc, -ENOSPC);
		flow_sleep_ms(1);
	}
	wait_handled("c2", 100);
}

static void refuses_before_start_and_after_end(void **state)
{
	struct sluice_subscription_stats stat;
	struct sluice_sub sub;

	(void)state;
	pipeline = flow_open(1);
	add_source("demand", 0, 1000);
	add_clerk(0);
	sub = SUBSCRIBE(0, .max_demand = 10, .on_end = SLUICE_PERMANENT);
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0), -EBUSY);
	assert_int_equal(sluice_subscription_stat(sub, &stat), -EBUSY);
	flow_start(pipeline);
	assert_int_equal(join(), 0);
	assert_int_equal(clerks[0].events, 1000);
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0), -ENOENT);
	assert_int_equal(sluice_subscription_stat(sub, &stat), -ENOENT);
	assert_int_equal(sluice_ask(sub, 1), -ENOENT);
	assert_int_equal(
		sluice_resubscribe(sub, SLUICE_SUBSCRIPTION(.max_demand = 5)),
		-ENOENT);
	assert_int_equal(sluice_subscribe(pipeline, "c0", "source", NULL),
			 -EPIPE);
}

static void refuses_wrong_cancels_and_asks(void **state)
{
	struct sluice_sub sub;

	(void)state;
	pipeline = flow_open(1);
	add_source("demand", 0, UINT64_MAX);
	add_clerk(0);
	flow_start(pipeline);
	sub = SUBSCRIBE(0, .max_demand = 10);
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_OPEN, 0), -EINVAL);
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NO_PRODUCER, 0),
			 -EINVAL);
	assert_int_equal(
		sluice_cancel(sub, SLUICE_REASON_ERROR, SLUICE_CODE_MAX + 1),
		-EINVAL);
	assert_text_has(sluice_last_error(), "16777215");
	assert_int_equal(sluice_ask(sub, 1), -EINVAL);
	assert_text_has(sluice_last_error(), "automatic");
	wait_handled("c0", 100);
	assert_int_equal(
		sluice_cancel(sub, SLUICE_REASON_ERROR, SLUICE_CODE_MAX), 0);
	/* The second finds it on its way, or gone. */
	assert_true(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0) < 0);
	wait_word(&clerks[0].left, 1, "cancels");
}

/* ---- generations --------------------------------------------------------- */

static void old_ids_do_not_reach_successors(void **state)
{
	struct sluice_subscription_stats stat;
	struct sluice_sub old[20];
	uint32_t reused = 0;

	(void)state;
	pipeline = flow_open(2);
	add_source("demand", 0, UINT64_MAX);
	add_clerk(0);
	flow_start(pipeline);
	for (uint32_t i = 0; i < UNIT_COUNT(old); i++) {
		old[i] = SUBSCRIBE(0, .max_demand = 10,
				   .flags = SLUICE_SUBSCRIBE_MANUAL,
				   .on_end = SLUICE_TEMPORARY);
		assert_int_equal(sluice_ask(old[i], 7), 0);
		wait_handled("c0", 7 * (i + 1));
		assert_int_equal(stat_of(old[i]).granted, 7);
		for (uint32_t k = 0; k < i; k++) {
			reused += old[k].index == old[i].index;
			assert_int_equal(sluice_ask(old[k], 5), -ENOENT);
			assert_int_equal(
				sluice_cancel(old[k], SLUICE_REASON_NORMAL, 0),
				-ENOENT);
			assert_int_equal(
				sluice_subscription_stat(old[k], &stat),
				-ENOENT);
			assert_int_equal(
				sluice_resubscribe(
					old[k],
					SLUICE_SUBSCRIPTION(.max_demand = 5)),
				-ENOENT);
			assert_text_has(sluice_last_error(), "has ended");
		}
		assert_int_equal(sluice_cancel(old[i], SLUICE_REASON_NORMAL, 0),
				 0);
		wait_word(&clerks[0].left, i + 1, "cancels");
	}
	assert_true(reused > 0);
	assert_int_equal(handled(0), 7 * UNIT_COUNT(old));
}

/* ---- resubscribe --------------------------------------------------------- */

static void resubscribe_grows_and_shrinks(void **state)
{
	struct rng rng = rng_start("resubscribe");
	struct sluice_subscription_stats stat;
	struct sluice_sub sub;

	(void)state;
	pipeline = flow_open(2);
	add_source("demand", 0, UINT64_MAX);
	add_clerk(0);
	sub = SUBSCRIBE(0, .max_demand = 100, .on_end = SLUICE_PERMANENT);
	flow_start(pipeline);
	for (uint32_t i = 0; i < 500; i++) {
		uint32_t max = rng_between(&rng, 1, 128);
		int32_t min = (int32_t)rng_below(&rng, max);

		assert_int_equal(
			sluice_resubscribe(
				sub, SLUICE_SUBSCRIPTION(.max_demand = max,
							 .min_demand = min)),
			0);
		wait_handled("c0", handled(0) + 1);
		stat = stat_of(sub);
		assert_true(stat.granted - stat.acked <= 128 * 2);
	}
	/* Over the slots that were made for 100. */
	assert_int_equal(
		sluice_resubscribe(sub, SLUICE_SUBSCRIPTION(.max_demand = 129)),
		-EINVAL);
	assert_text_has(sluice_last_error(), "128");
	assert_int_equal(
		sluice_resubscribe(sub, SLUICE_SUBSCRIPTION(.max_demand = 10,
							    .min_demand = 10)),
		-EINVAL);
	assert_int_equal(sluice_resubscribe(sub, NULL), -EINVAL);
	assert_int_equal(
		sluice_resubscribe(sub, SLUICE_SUBSCRIPTION(.max_demand = 3)),
		0);
	wait_handled("c0", handled(0) + 1000);
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	assert_int_equal(word(&clerks[0].left), 1);
	assert_int_equal(clerks[0].events, source.next);
	assert_int_equal(clerks[0].gaps, 0);
}

/* "The others of the options must be as they were, or zero." */
static int selects(const void *event, void *ctx)
{
	(void)event;
	(void)ctx;
	return 1;
}

static uint64_t a_key(const void *event, uint32_t bytes, void *ctx)
{
	(void)event;
	(void)bytes;
	(void)ctx;
	return 1;
}

static void resubscribe_changes_nothing_else(void **state)
{
	static const struct {
		const char *field;
		struct sluice_subscription_opts opts;
	} rows[] = {
		{"weight", {.weight = 3}},
		{"tee", {.tee = 4}},
		{"conflate_keys", {.conflate_keys = 5}},
		{"key_offset", {.key_offset = 1}},
		{"key_bytes", {.key_bytes = 2}},
		{"key_of", {.key_of = a_key}},
		{"key_ctx", {.key_ctx = &pipeline}},
		{"selector", {.selector = selects}},
		{"selector_ctx", {.selector_ctx = &pipeline}},
	};
	struct sluice_sub sub;

	(void)state;
	pipeline = flow_open(1);
	add_source("demand", 0, UINT64_MAX);
	add_clerk(0);
	sub = SUBSCRIBE(0, .max_demand = 100, .on_end = SLUICE_TEMPORARY);
	flow_start(pipeline);
	assert_int_equal(
		sluice_resubscribe(
			sub, SLUICE_SUBSCRIPTION(.max_demand = 50,
						 .on_end = SLUICE_TEMPORARY)),
		0);
	assert_int_equal(
		sluice_resubscribe(
			sub, SLUICE_SUBSCRIPTION(.max_demand = 50,
						 .on_end = SLUICE_PERMANENT)),
		-EINVAL);
	assert_text_has(sluice_last_error(), "on_end");
	assert_int_equal(
		sluice_resubscribe(sub, SLUICE_SUBSCRIPTION(.max_demand = 50,
							    .partition = 1)),
		-EINVAL);
	assert_int_equal(
		sluice_resubscribe(
			sub,
			SLUICE_SUBSCRIPTION(.max_demand = 50,
					    .flags = SLUICE_SUBSCRIBE_MANUAL)),
		-EINVAL);
	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
		struct sluice_subscription_opts o = rows[i].opts;

		o.size = sizeof(o);
		o.max_demand = 50;
		assert_int_equal(sluice_resubscribe(sub, &o), -EINVAL);
		assert_text_has(sluice_last_error(), rows[i].field);
		assert_text_has(sluice_last_error(), "cannot change in place");
	}
	wait_handled("c0", handled(0) + 100);
}

/* ---- asking -------------------------------------------------------------- */

static void asks_add_up(void **state)
{
	struct rng rng = rng_start("asks_add_up");
	struct sluice_subscription_stats stat;
	struct sluice_sub sub;
	uint64_t asked = 0;

	(void)state;
	pipeline = flow_open(2);
	add_source("demand", 0, UINT64_MAX);
	add_clerk(0);
	flow_start(pipeline);
	sub = SUBSCRIBE(0, .max_demand = 32, .flags = SLUICE_SUBSCRIBE_MANUAL);
	for (uint32_t i = 0; i < 300; i++) {
		/* Often more than the 32 slots. */
		uint32_t n = rng_between(&rng, 0, 100);

		assert_int_equal(sluice_ask(sub, n), 0);
		asked += n;
		if (rng_below(&rng, 4) != 0)
			continue;
		wait_handled("c0", asked);
		stat = stat_of(sub);
		assert_int_equal(stat.granted, asked);
		assert_int_equal(stat.published, asked);
		assert_int_equal(stat.acked, asked);
		assert_int_equal(stat.depth, 0);
		assert_int_equal(stat.credit, 0);
	}
	wait_handled("c0", asked);
	assert_int_equal(stat_of(sub).published, asked);
	assert_int_equal(handled(0), asked);
}

static struct CMUnitTest tests[40] = {
	cmocka_unit_test(refuses_over_subscriptions_max),
	cmocka_unit_test(refuses_before_start_and_after_end),
	cmocka_unit_test(refuses_wrong_cancels_and_asks),
	cmocka_unit_test(old_ids_do_not_reach_successors),
	cmocka_unit_test(resubscribe_grows_and_shrinks),
	cmocka_unit_test(resubscribe_changes_nothing_else),
	cmocka_unit_test(asks_add_up),
};

int main(void)
{
	size_t count = 0;

	while (tests[count].name != NULL)
		count++;
	count = UNIT_ADD_ROWS(tests, count, refuses, refusal_rows);
	clerk_watch(tests, count);
	return _cmocka_run_group_tests("subscription", tests, count, NULL,
				       NULL);
}
