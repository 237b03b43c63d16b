/* SPDX-License-Identifier: Apache-2.0 */
/* Options of subscriptions, and those that only the graph as a whole can tell to
 * be wrong: each refusal names who, the field and the limit. */
#include "flow.h"

#define EVENTS 5000u
#define SUB(...)                                                               \
	{                                                                      \
		.size = sizeof(struct sluice_subscription_opts), __VA_ARGS__   \
	}

static void check_says(const char *const *says, size_t count)
{
	for (size_t i = 0; i < count && says[i] != NULL; i++)
		assert_text_has(sluice_last_error(), says[i]);
}

/* ---- subscriptions ------------------------------------------------------- */

static int want(const void *event, void *ctx)
{
	(void)event;
	(void)ctx;
	return 1;
}

/* Of consumer c to one of: a, a broadcast, a partition with two partitions. */
static struct subscription_row {
	const char *name;
	const char *producer;
	struct sluice_subscription_opts opts;
	int rc;
	const char *says[3];
} subscription_rows[] = {
	{"size_zero", "demand", {.max_demand = 1}, -EINVAL, {"size 0"}},
	{"max_zero", "demand", SUB(0), -EINVAL, {"max_demand is 0", "1048576"}},
	{"max_limit", "demand", SUB(.max_demand = 1u << 20), 0, {NULL}},
	{"max_over",
	 "demand",
	 SUB(.max_demand = (1u << 20) + 1),
	 -EINVAL,
	 {"max_demand 1048577", "1048576"}},
	{"min_limit",
	 "demand",
	 SUB(.max_demand = 8, .min_demand = 7),
	 0,
	 {NULL}},
	{"min_over",
	 "demand",
	 SUB(.max_demand = 8, .min_demand = 8),
	 -EINVAL,
	 {"min_demand 8", "at most 7"}},
	{"min_zero_of_one",
	 "demand",
	 SUB(.max_demand = 1, .min_demand = SLUICE_MIN_ZERO),
	 0,
	 {NULL}},
	{"refill_limit",
	 "demand",
	 SUB(.max_demand = 8, .refill_events = 8),
	 0,
	 {NULL}},
	{"refill_over",
	 "demand",
	 SUB(.max_demand = 8, .refill_events = 9),
	 -EINVAL,
	 {"refill_events 9", "max_demand 8"}},
	{"refill_and_min",
	 "demand",
	 SUB(.max_demand = 8, .min_demand = 1, .refill_events = 1),
	 -EINVAL,
	 {"min_demand", "refill_events"}},
	{"auto", "demand", SUB(.max_demand = SLUICE_DEMAND_AUTO), 0, {NULL}},
	{"auto_all",
	 "demand",
	 SUB(.max_demand = SLUICE_DEMAND_AUTO, .min_demand = SLUICE_MIN_HALF,
	     .auto_events = SLUICE_DEMAND_MAX,
	     .auto_wait_us = SLUICE_AUTO_WAIT_US_MAX),
	 0,
	 {NULL}},
	{"auto_min_zero",
	 "demand",
	 SUB(.max_demand = SLUICE_DEMAND_AUTO, .min_demand = SLUICE_MIN_ZERO,
	     .auto_events = 1, .auto_wait_us = 1),
	 0,
	 {NULL}},
	{"auto_min",
	 "demand",
	 SUB(.max_demand = SLUICE_DEMAND_AUTO, .min_demand = 5),
	 -EINVAL,
	 {"'c'", "min_demand 5", "SLUICE_MIN_HALF"}},
	{"auto_refill",
	 "demand",
	 SUB(.max_demand = SLUICE_DEMAND_AUTO, .refill_events = 5),
	 -EINVAL,
	 {"'c'", "refill_events 5", "fixed"}},
	{"auto_events_over",
	 "demand",
	 SUB(.max_demand = SLUICE_DEMAND_AUTO,
	     .auto_events = SLUICE_DEMAND_MAX + 1),
	 -EINVAL,
	 {"'c'", "auto_events 1048577", "1048576"}},
	{"auto_wait_over",
	 "demand",
	 SUB(.max_demand = SLUICE_DEMAND_AUTO, .auto_wait_us = 1000001),
	 -EINVAL,
	 {"'c'", "auto_wait_us 1000001", "1000000"}},
	{"auto_manual",
	 "demand",
	 SUB(.max_demand = SLUICE_DEMAND_AUTO,
	     .flags = SLUICE_SUBSCRIBE_MANUAL),
	 -EINVAL,
	 {"'c'", "SLUICE_DEMAND_AUTO", "manual"}},
	{"auto_shared",
	 "shared",
	 SUB(.max_demand = SLUICE_DEMAND_AUTO),
	 -EINVAL,
	 {"'c'", "SLUICE_DEMAND_AUTO", "'shared'"}},
	{"auto_tee_of_shared",
	 "shared",
	 SUB(.max_demand = SLUICE_DEMAND_AUTO, .tee = 2),
	 0,
	 {NULL}},
	{"auto_events_fixed",
	 "demand",
	 SUB(.max_demand = 8, .auto_events = 5),
	 -EINVAL,
	 {"'c'", "auto_events 5", "max_demand is 8"}},
	{"auto_wait_fixed",
	 "demand",
	 SUB(.max_demand = 8, .auto_wait_us = 5),
	 -EINVAL,
	 {"'c'", "auto_wait_us 5", "max_demand is 8"}},
	{"batch_min",
	 "demand",
	 SUB(.max_demand = 8, .batch_min = 8),
	 0,
	 {NULL}},
	{"batch_min_over_max",
	 "demand",
	 SUB(.max_demand = 8, .batch_min = 9),
	 -EINVAL,
	 {"'c'", "batch_min 9", "max_demand 8"}},
	{"batch_min_over_a_batch",
	 "demand",
	 SUB(.max_demand = 8, .min_demand = 3, .batch_min = 6),
	 -EINVAL,
	 {"batch_min 6", "over 5", "min_demand 3"}},
	{"batch_min_is_a_batch",
	 "demand",
	 SUB(.max_demand = 8, .min_demand = 3, .batch_min = 5),
	 0,
	 {NULL}},
	{"batch_wait",
	 "shared",
	 SUB(.max_demand = 8, .batch_wait_us = SLUICE_BATCH_WAIT_US_MAX),
	 0,
	 {NULL}},
	{"batch_wait_over",
	 "demand",
	 SUB(.max_demand = 8, .batch_wait_us = SLUICE_BATCH_WAIT_US_MAX + 1),
	 -EINVAL,
	 {"'c'", "batch_wait_us 3600000001", "3600000000"}},
	{"batch_min_auto",
	 "demand",
	 SUB(.max_demand = SLUICE_DEMAND_AUTO, .batch_min = 5),
	 -EINVAL,
	 {"'c'", "batch_min", "SLUICE_DEMAND_AUTO"}},
	{"batch_wait_auto",
	 "demand",
	 SUB(.max_demand = SLUICE_DEMAND_AUTO, .batch_wait_us = 5),
	 -EINVAL,
	 {"'c'", "batch_wait_us", "SLUICE_DEMAND_AUTO"}},
	{"batch_min_manual",
	 "demand",
	 SUB(.max_demand = 6, .batch_min = 7, .flags = SLUICE_SUBSCRIBE_MANUAL),
	 -EINVAL,
	 {"'c'", "batch_min 7", "max_demand 6"}},
	{"flags_unknown",
	 "demand",
	 SUB(.max_demand = 8, .flags = 2),
	 -EINVAL,
	 {"'c'", "'demand'", "flags 0x2"}},
	{"resv32_set",
	 "demand",
	 SUB(.max_demand = 8, .flags = 0x20),
	 -EINVAL,
	 {"'c'"}},
	{"resv_set",
	 "demand",
	 SUB(.max_demand = 8, .resv = {0, 1}),
	 -EINVAL,
	 {"subscription options", "resv[1]"}},
	{"on_end_last",
	 "demand",
	 SUB(.max_demand = 8, .on_end = SLUICE_TEMPORARY),
	 0,
	 {NULL}},
	{"on_end_unknown",
	 "demand",
	 SUB(.max_demand = 8, .on_end = (enum sluice_on_end)4),
	 -EINVAL,
	 {"'c'", "on_end 4", "temporary"}},
	{"manual",
	 "demand",
	 SUB(.max_demand = 8, .flags = SLUICE_SUBSCRIBE_MANUAL),
	 0,
	 {NULL}},
	{"manual_with_min",
	 "demand",
	 SUB(.max_demand = 8, .min_demand = 4,
	     .flags = SLUICE_SUBSCRIBE_MANUAL),
	 -EINVAL,
	 {"'c'", "min_demand", "manual"}},
	{"manual_with_refill",
	 "demand",
	 SUB(.max_demand = 8, .refill_events = 4,
	     .flags = SLUICE_SUBSCRIBE_MANUAL),
	 -EINVAL,
	 {"'c'", "refill_events", "manual"}},
	{"manual_of_shared",
	 "shared",
	 SUB(.max_demand = 8, .flags = SLUICE_SUBSCRIBE_MANUAL),
	 -EINVAL,
	 {"'c'", "manual", "shared"}},
	{"manual_tee_of_shared",
	 "shared",
	 SUB(.max_demand = 8, .tee = 2, .flags = SLUICE_SUBSCRIBE_MANUAL),
	 0,
	 {NULL}},
	{"selector",
	 "broadcast",
	 SUB(.max_demand = 8, .selector = want),
	 0,
	 {NULL}},
	{"selector_of_demand",
	 "demand",
	 SUB(.max_demand = 8, .selector = want),
	 -EINVAL,
	 {"'c'", "selector", "broadcast"}},
	{"partition_last",
	 "partition",
	 SUB(.max_demand = 8, .partition = SLUICE_PARTITION(1)),
	 0,
	 {NULL}},
	{"partition_over",
	 "partition",
	 SUB(.max_demand = 8, .partition = SLUICE_PARTITION(2)),
	 -EINVAL,
	 {"'c'", "partition 2", "0 to 1"}},
	{"partition_missing",
	 "partition",
	 SUB(.max_demand = 8),
	 -EINVAL,
	 {"'c'", "partition is missing", "0 to 1"}},
	{"partition_of_demand",
	 "demand",
	 SUB(.max_demand = 8, .partition = SLUICE_PARTITION(0)),
	 -EINVAL,
	 {"'c'", "partition 0", "no partitions"}},
};

static void a_subscription(void **state)
{
	const struct subscription_row *row = *state;
	struct sluice_subscription_opts o = row->opts;
	struct sluice_sub sub = {.pipeline = NULL};
	struct sluice_pipeline *p = flow_open(1);
	struct flow_sink sink = {.events = 0};

	flow_add(p,
		 SLUICE_STAGE(.name = row->producer, .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .dispatcher = row->producer,
			      .partitions = row->producer[0] == 'p' ? 2 : 0));
	flow_add_sink(p, "c", &sink);
	o.sub = &sub;
	assert_int_equal(sluice_subscribe(p, "c", row->producer, &o), row->rc);
	if (row->rc == 0) {
		assert_ptr_equal(sub.pipeline, p);
	} else {
		assert_null(sub.pipeline);
		check_says(row->says, UNIT_COUNT(row->says));
	}
	sluice_pipeline_close(p);
}

/* ---- in the graph -------------------------------------------------------- */

/* A producer that stays, and consumers c, d, ... that do. */
static struct sluice_pipeline *stay(struct flow_source *source,
				    struct flow_sink *sinks, uint32_t count,
				    const struct sluice_stage_opts *producer)
{
	struct sluice_pipeline *p = flow_open(2);
	struct sluice_stage_opts o = *producer;

	o.name = "a";
	o.kind = SLUICE_PRODUCER;
	o.out_bytes = 8;
	o.handle_demand = flow_count;
	o.state = source;
	flow_add(p, &o);
	for (uint32_t i = 0; i < count; i++) {
		const char name[2] = {(char)('c' + i), '\0'};

		flow_add(p, SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
					 .in_bytes = 8, .state = &sinks[i],
					 .handle_events = flow_collect,
					 .on_idle = SLUICE_IDLE_STAY));
	}
	return p;
}

static int subscribe(struct sluice_pipeline *p, const char *consumer,
		     uint32_t partition)
{
	return sluice_subscribe(
		p, consumer, "a",
		SLUICE_SUBSCRIPTION(.max_demand = 8, .partition = partition));
}

static void a_partition_is_taken(void **state)
{
	struct flow_source source = {.end = 0};
	struct flow_sink sinks[2] = {{.events = 0}, {.events = 0}};
	struct sluice_pipeline *p =
		stay(&source, sinks, 2,
		     SLUICE_STAGE(.dispatcher = "partition", .partitions = 3));

	(void)state;
	assert_int_equal(subscribe(p, "c", SLUICE_PARTITION(1)), 0);
	assert_int_equal(subscribe(p, "d", SLUICE_PARTITION(1)), -EBUSY);
	assert_text_has(sluice_last_error(), "'d'");
	assert_text_has(sluice_last_error(), "partition 1 is in use by 'c'");
	assert_int_equal(subscribe(p, "d", SLUICE_PARTITION(2)), 0);
	assert_int_equal(subscribe(p, "c", SLUICE_PARTITION(0)), 0);
	sluice_pipeline_close(p);
}

static void a_broadcast_twice(void **state)
{
	struct flow_source source = {.end = 0};
	struct flow_sink sinks[2] = {{.events = 0}, {.events = 0}};
	struct sluice_pipeline *p = stay(
		&source, sinks, 2, SLUICE_STAGE(.dispatcher = "broadcast"));

	(void)state;
	assert_int_equal(subscribe(p, "c", 0), 0);
	assert_int_equal(subscribe(p, "c", 0), -EEXIST);
	assert_text_has(sluice_last_error(), "'c'");
	assert_text_has(sluice_last_error(), "already");
	assert_int_equal(subscribe(p, "d", 0), 0);
	sluice_pipeline_close(p);
}

static void fewer_places_than_declared(void **state)
{
	struct flow_source source = {.end = EVENTS};
	struct flow_sink sinks[3];

	(void)state;
	for (uint32_t places = 2; places <= 3; places++) {
		struct sluice_pipeline *p =
			stay(&source, sinks, 3,
			     SLUICE_STAGE(.subscriptions_max = places));

		source.next = 0;
		memset(sinks, 0, sizeof(sinks));
		assert_int_equal(subscribe(p, "c", 0), 0);
		assert_int_equal(subscribe(p, "d", 0), 0);
		assert_int_equal(subscribe(p, "e", 0), 0);
		if (places == 2) {
			assert_int_equal(sluice_pipeline_start(p), -EINVAL);
			assert_text_has(sluice_last_error(), "'a'");
			assert_text_has(sluice_last_error(),
					"subscriptions_max 2");
			assert_text_has(sluice_last_error(), "3");
		} else {
			flow_start(p);
			assert_int_equal(
				sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
		}
		sluice_pipeline_close(p);
	}
}

/* While it runs: the limit left out is what was declared and 16 more. */
static void more_than_its_places(void **state)
{
	static const uint32_t limits[] = {1, 2, 0};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(limits); i++) {
		struct flow_source source = {.end = UINT64_MAX};
		struct flow_sink sinks[1] = {{.events = 0}};
		struct sluice_pipeline *p =
			stay(&source, sinks, 1,
			     SLUICE_STAGE(.subscriptions_max = limits[i]));
		uint32_t most = limits[i] ? limits[i] : 17;
		char says[32];

		assert_int_equal(subscribe(p, "c", 0), 0);
		flow_start(p);
		for (uint32_t n = 1; n < most; n++)
			assert_int_equal(subscribe(p, "c", 0), 0);
		assert_int_equal(subscribe(p, "c", 0), -ENOSPC);
		(void)snprintf(says, sizeof(says), "subscriptions_max of %u",
			       most);
		assert_text_has(sluice_last_error(), says);
		sluice_pipeline_close(p);
	}
}

/* A broadcast's ring may be smaller than the window of one that reads it, or
 * larger, or no power of two. */
static void a_ring_of_any_size(void **state)
{
	static const uint32_t sizes[] = {1, 2, 7, 8, 1000, 4096};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(sizes); i++) {
		struct flow_source source = {.end = EVENTS};
		struct flow_sink sinks[2] = {{.events = 0}, {.events = 0}};
		struct sluice_pipeline *p =
			stay(&source, sinks, 0,
			     SLUICE_STAGE(.dispatcher = "broadcast",
					  .ring_events = sizes[i]));

		flow_add_sink(p, "c", &sinks[0]);
		flow_add_sink(p, "d", &sinks[1]);
		flow_subscribe(p, "c", "a",
			       SLUICE_SUBSCRIPTION(.max_demand = 1000));
		flow_subscribe(p, "d", "a",
			       SLUICE_SUBSCRIPTION(.max_demand = 50,
						   .min_demand = 25));
		assert_int_equal(flow_run(p), 0);
		flow_check_all(&sinks[0], EVENTS);
		flow_check_all(&sinks[1], EVENTS);
		sluice_pipeline_close(p);
	}
}

static uint32_t freed;

static void state_freed(void *state)
{
	*(uint32_t *)state += 1;
}

/* A stage that was refused never had it. */
static void a_state_is_freed_once(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_stage_opts o = {.size = sizeof(o),
				      .name = "s",
				      .kind = SLUICE_CONSUMER,
				      .in_bytes = 8,
				      .on_idle = SLUICE_IDLE_STAY,
				      .state = &freed,
				      .state_free = state_freed};

	(void)state;
	freed = 0;
	assert_int_equal(sluice_stage_add(p, &o), -EINVAL);
	o.handle_events = flow_collect;
	assert_int_equal(sluice_stage_add(p, &o), 0);
	assert_int_equal(sluice_stage_add(p, &o), -EEXIST);
	flow_start(p);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	assert_int_equal(freed, 0);
	sluice_pipeline_close(p);
	assert_int_equal(freed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_partition_is_taken),
		cmocka_unit_test(a_broadcast_twice),
		cmocka_unit_test(fewer_places_than_declared),
		cmocka_unit_test(more_than_its_places),
		cmocka_unit_test(a_ring_of_any_size),
		cmocka_unit_test(a_state_is_freed_once),
	};
	struct CMUnitTest
		all[UNIT_COUNT(tests) + UNIT_COUNT(subscription_rows)];
	size_t at = UNIT_ADD_ROWS(all, 0, a_subscription, subscription_rows);

	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("new_opts_sub", all, NULL, NULL);
}
