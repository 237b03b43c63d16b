/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions and graphs that must be refused: by sluice_subscribe() what can be told
 * from the two ends, by a check or a start what only the whole graph shows. */
#include "flow.h"

#include <stdlib.h>

#define SUBSCRIBES_MAX(max)                                                    \
	.size = sizeof(struct sluice_subscription_opts), .max_demand = (max)
#define SUBSCRIBES SUBSCRIBES_MAX(SLUICE_DEMAND_DEFAULT)

static int silent(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_OK;
}

static int never(struct sluice_stage *self, const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return -ECANCELED;
}

static int wants_all(const void *event, void *ctx)
{
	(void)event;
	(void)ctx;
	return 1;
}

static void add_producer(struct sluice_pipeline *p, const char *name,
			 const char *dispatcher, uint32_t bytes)
{
	flow_add(p, SLUICE_STAGE(.name = name, .kind = SLUICE_PRODUCER,
				 .out_bytes = bytes, .dispatcher = dispatcher,
				 .handle_demand = silent));
}

static void add_middle(struct sluice_pipeline *p, const char *name)
{
	flow_add(p, SLUICE_STAGE(.name = name, .in_bytes = 8, .out_bytes = 8,
				 .kind = SLUICE_PRODUCER_CONSUMER,
				 .handle_events = never));
}

static void add_consumer(struct sluice_pipeline *p, const char *name,
			 uint32_t bytes)
{
	flow_add(p, SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
				 .in_bytes = bytes, .handle_events = never));
}

/* ---- a subscription that is refused -------------------------------------- */

static struct refusal {
	const char *name;
	const char *consumer;
	const char *producer;
	struct sluice_subscription_opts opts;
	int rc;
	const char *says[4];
} refusals[] = {
	{"subscriber_unknown",
	 "nobody",
	 "out",
	 {SUBSCRIBES},
	 -ENOENT,
	 {"'nobody'"}},
	{"producer_unknown",
	 "in",
	 "nobody",
	 {SUBSCRIBES},
	 -ENOENT,
	 {"'nobody'"}},
	{"name_empty", "in", "", {SUBSCRIBES}, -ENOENT, {"''"}},
	{"a_producer_subscribes",
	 "out",
	 "all",
	 {SUBSCRIBES},
	 -EINVAL,
	 {"'out'", "producer", "'all'"}},
	{"to_a_consumer",
	 "in",
	 "wide",
	 {SUBSCRIBES},
	 -EINVAL,
	 {"'wide'", "consumer", "'in'"}},
	{"event_sizes_differ",
	 "wide",
	 "out",
	 {SUBSCRIBES},
	 -EINVAL,
	 {"'wide'", "in_bytes 16", "out_bytes 8", "'out'"}},
	{"max_zero",
	 "in",
	 "out",
	 {SUBSCRIBES_MAX(0)},
	 -EINVAL,
	 {"'in' to 'out'", "max_demand is 0", "[1, 1048576]"}},
	{"max_over_the_limit",
	 "in",
	 "out",
	 {SUBSCRIBES_MAX(1048577)},
	 -EINVAL,
	 {"'in' to 'out'", "max_demand 1048577", "1048576"}},
	{"min_minus_one",
	 "in",
	 "out",
	 {SUBSCRIBES, .min_demand = -1},
	 -EINVAL,
	 {"'in' to 'out'", "min_demand -1", "SLUICE_MIN_ZERO"}},
	{"min_is_max",
	 "in",
	 "out",
	 {SUBSCRIBES_MAX(5), .min_demand = 5},
	 -EINVAL,
	 {"'in' to 'out'", "min_demand 5", "max_demand 5", "at most 4"}},
	{"min_over_max",
	 "in",
	 "out",
	 {SUBSCRIBES_MAX(5), .min_demand = INT32_MAX},
	 -EINVAL,
	 {"'in' to 'out'", "min_demand 2147483647", "at most 4"}},
	{"min_is_the_default_max",
	 "in",
	 "out",
	 {SUBSCRIBES, .min_demand = 1000},
	 -EINVAL,
	 {"'in' to 'out'", "min_demand 1000", "at most 999"}},
	{"min_over_the_default_max",
	 "in",
	 "out",
	 {SUBSCRIBES, .min_demand = 2000},
	 -EINVAL,
	 {"'in' to 'out'", "min_demand 2000", "at most 999"}},
	{"min_and_refill",
	 "in",
	 "out",
	 {SUBSCRIBES, .min_demand = 5, .refill_events = 5},
	 -EINVAL,
	 {"'in' to 'out'", "min_demand", "refill_events"}},
	{"refill_over_max",
	 "in",
	 "out",
	 {SUBSCRIBES_MAX(5), .refill_events = 6},
	 -EINVAL,
	 {"'in' to 'out'", "refill_events 6", "max_demand 5"}},
	{"selector_under_demand",
	 "in",
	 "out",
	 {SUBSCRIBES, .selector = wants_all},
	 -EINVAL,
	 {"'in' to 'out'", "selector", "'broadcast'", "'demand'"}},
	{"selector_under_partition",
	 "in",
	 "parts",
	 {SUBSCRIBES, .selector = wants_all},
	 -EINVAL,
	 {"'in' to 'parts'", "selector", "'broadcast'", "'partition'"}},
	{"flags_set",
	 "in",
	 "out",
	 {SUBSCRIBES, .flags = 0x10},
	 -EINVAL,
	 {"'in' to 'out'", "flags", "0x10"}},
	{"weight_over_the_limit",
	 "in",
	 "out",
	 {SUBSCRIBES, .weight = 1025},
	 -EINVAL,
	 {"weight 1025", "1024"}},
	{"tee_and_conflate",
	 "in",
	 "out",
	 {SUBSCRIBES, .tee = 2, .conflate_keys = 4},
	 -EINVAL,
	 {"tee", "conflate_keys"}},
	{"conflate_keys_over_the_limit",
	 "in",
	 "out",
	 {SUBSCRIBES, .conflate_keys = (1u << 20) + 1},
	 -EINVAL,
	 {"conflate_keys 1048577", "1048576"}},
	{"key_without_conflate",
	 "in",
	 "out",
	 {SUBSCRIBES, .key_bytes = 4},
	 -EINVAL,
	 {"key", "conflate_keys"}},
	{"conflate_key_behind_the_event",
	 "in",
	 "out",
	 {SUBSCRIBES, .conflate_keys = 4, .key_offset = 6, .key_bytes = 4},
	 -EINVAL,
	 {"key field at 6 of 4"}},
	{"resv_set",
	 "in",
	 "out",
	 {SUBSCRIBES, .resv = {0, 1}},
	 -EINVAL,
	 {"subscription options", "resv[1]"}},
	{"size_zero",
	 "in",
	 "out",
	 {.size = 0},
	 -EINVAL,
	 {"subscription options", "size 0"}},
	{"size_tiny",
	 "in",
	 "out",
	 {.size = 7},
	 -EINVAL,
	 {"subscription options", "size 7"}},
};

static void subscription_is_refused(void **state)
{
	const struct refusal *row = *state;
	struct sluice_pipeline *p = flow_open(1);

	add_producer(p, "out", NULL, 8);
	add_producer(p, "all", "broadcast", 8);
	add_producer(p, "parts", "partition", 8);
	add_consumer(p, "in", 8);
	add_consumer(p, "wide", 16);
	assert_int_equal(
		sluice_subscribe(p, row->consumer, row->producer, &row->opts),
		row->rc);
	for (size_t i = 0; i < UNIT_COUNT(row->says) && row->says[i]; i++)
		assert_text_has(sluice_last_error(), row->says[i]);
	/* Nothing of it is left in the graph. */
	assert_int_equal(sluice_pipeline_start(p), -EINVAL);
	assert_text_has(sluice_last_error(), "'out' is a producer without");
	sluice_pipeline_close(p);
}

/* What lies on the limits is accepted. */
static void subscriptions_on_the_limits(void **state)
{
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	add_producer(p, "out", NULL, 8);
	add_producer(p, "all", "broadcast", 8);
	add_consumer(p, "in", 8);
	flow_subscribe(p, "in", "out",
		       SLUICE_SUBSCRIPTION(.max_demand = 1048576));
	flow_subscribe(p, "in", "out",
		       SLUICE_SUBSCRIPTION(.max_demand = 5, .min_demand = 4));
	flow_subscribe(p, "in", "out", SLUICE_SUBSCRIPTION(.min_demand = 999));
	flow_subscribe(p, "in", "out",
		       SLUICE_SUBSCRIPTION(.max_demand = 1,
					   .min_demand = SLUICE_MIN_ZERO));
	flow_subscribe(p, "in", "out",
		       SLUICE_SUBSCRIPTION(.max_demand = 1,
					   .min_demand = SLUICE_MIN_HALF));
	flow_subscribe(
		p, "in", "out",
		SLUICE_SUBSCRIPTION(.max_demand = 5, .refill_events = 5));
	flow_subscribe(p, "in", "all",
		       SLUICE_SUBSCRIPTION(.selector = wants_all));
	sluice_pipeline_close(p);
}

struct newer_subscription {
	struct sluice_subscription_opts known;
	uint64_t unknown;
};

static void subscription_options_of_a_newer_library(void **state)
{
	struct newer_subscription newer = {.known = {SUBSCRIBES}, .unknown = 1};
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	add_producer(p, "out", NULL, 8);
	add_consumer(p, "in", 8);
	newer.known.size = sizeof(newer);
	assert_int_equal(sluice_subscribe(p, "in", "out", &newer.known),
			 -E2BIG);
	assert_text_has(sluice_last_error(), "subscription options");
	newer.unknown = 0;
	assert_int_equal(sluice_subscribe(p, "in", "out", &newer.known), 0);
	sluice_pipeline_close(p);
}

static void consumers_up_to_the_limit(void **state)
{
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	add_producer(p, "out", NULL, 8);
	add_consumer(p, "in", 8);
	for (uint32_t i = 0; i < SLUICE_CONSUMERS_MAX; i++)
		flow_subscribe(p, "in", "out", NULL);
	assert_int_equal(sluice_subscribe(p, "in", "out", NULL), -ENOSPC);
	assert_text_has(sluice_last_error(), "'out'");
	assert_text_has(sluice_last_error(), "4096 consumers");
	sluice_pipeline_close(p);
}

/* ---- a graph that is refused --------------------------------------------- */

/* One step of building a graph: "+a" adds a producer a, "*b" a middle, "-c" a
 * consumer, "c<a" subscribes c to a. Names are single letters. */
static void build(struct sluice_pipeline *p, const char *step)
{
	char name[2] = {step[1], '\0'};
	char from[2] = {step[0], '\0'};
	char to[2] = {step[0] && step[1] ? step[2] : '\0', '\0'};

	if (step[0] == '+')
		add_producer(p, name, NULL, 8);
	else if (step[0] == '*')
		add_middle(p, name);
	else if (step[0] == '-')
		add_consumer(p, name, 8);
	else
		flow_subscribe(p, from, to, NULL);
}

static struct graph {
	const char *name;
	const char *steps[12];
	const char *says[3];
} graphs[] = {
	{"no_stages", {NULL}, {"'pipeline'", "no stages"}},
	{"producer_alone",
	 {"+a"},
	 {"'a'", "producer without a consumer", "on_idle to SLUICE_IDLE_STAY"}},
	{"consumer_alone",
	 {"-c"},
	 {"'c'", "consumer without a producer", "on_idle to SLUICE_IDLE_STAY"}},
	{"middle_without_a_producer",
	 {"*b", "-c", "c<b"},
	 {"'b'", "consumer without a producer"}},
	{"middle_without_a_consumer",
	 {"+a", "*b", "b<a"},
	 {"'b'", "producer without a consumer"}},
	{"second_consumer_forgotten",
	 {"+a", "-c", "c<a", "-d"},
	 {"'d'", "consumer without a producer"}},
	{"second_producer_forgotten",
	 {"+a", "-c", "c<a", "+b"},
	 {"'b'", "producer without a consumer"}},
	{"fed_by_itself", {"*b", "b<b"}, {"'b'", "cycle"}},
	{"fed_by_itself_too",
	 {"+a", "*b", "-c", "b<a", "b<b", "c<b"},
	 {"'b'", "cycle"}},
	{"a_ring_of_two", {"*a", "*b", "a<b", "b<a"}, {"'a'", "cycle"}},
	{"a_ring_of_three_with_a_way_in_and_out",
	 {"+s", "*x", "*y", "*z", "-t", "x<s", "y<x", "z<y", "x<z", "t<z"},
	 {"'x'", "cycle"}},
	{"behind_a_ring",
	 {"-t", "*a", "*b", "a<b", "b<a", "t<a"},
	 {"'t'", "downstream"}},
};

static void graph_is_refused(void **state)
{
	const struct graph *row = *state;
	struct sluice_pipeline *p = flow_open(1);

	for (size_t i = 0; i < UNIT_COUNT(row->steps) && row->steps[i]; i++)
		build(p, row->steps[i]);
	for (int start = 0; start < 2; start++) {
		assert_int_equal(start ? sluice_pipeline_start(p)
				       : sluice_pipeline_check(p),
				 -EINVAL);
		for (size_t i = 0; i < UNIT_COUNT(row->says) && row->says[i];
		     i++)
			assert_text_has(sluice_last_error(), row->says[i]);
	}
	flow_check_released();
	/* Refused means not started: not even a join will wait. */
	assert_int_equal(sluice_pipeline_join(p, SLUICE_FOREVER), -EBUSY);
	sluice_pipeline_close(p);
}

/* A diamond looks like a ring to those who do not mind the direction. */
static void diamond_is_not_a_ring(void **state)
{
	static const char *const steps[] = {"+a",  "*b",  "*c",  "-d", "b<a",
					    "c<a", "d<b", "d<c", "d<a"};
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(steps); i++)
		build(p, steps[i]);
	assert_int_equal(sluice_pipeline_start(p), 0);
	sluice_pipeline_close(p);
}

static void start_may_be_mended(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct flow_source source = {.end = 100};
	struct flow_sink sink = {0};

	(void)state;
	flow_add_source(p, "a", &source);
	assert_int_equal(sluice_pipeline_start(p), -EINVAL);
	flow_add_sink(p, "c", &sink);
	flow_subscribe(p, "c", "a", NULL);
	assert_int_equal(flow_run(p), 0);
	flow_check_all(&sink, 100);
	sluice_pipeline_close(p);
}

static void fewer_key_groups_than_consumers(void **state)
{
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	flow_add(p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .dispatcher = "partition",
				 .key_groups = 2, .handle_demand = silent));
	add_consumer(p, "c", 8);
	for (int i = 0; i < 3; i++)
		flow_subscribe(p, "c", "a", NULL);
	assert_int_equal(sluice_pipeline_start(p), -EINVAL);
	assert_text_has(sluice_last_error(), "'a'");
	assert_text_has(sluice_last_error(), "key_groups 2");
	assert_text_has(sluice_last_error(), "3 consumers");
	flow_check_released();
	sluice_pipeline_close(p);
}

static void more_consumers_than_the_default_key_groups(void **state)
{
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	add_producer(p, "a", "partition", 8);
	add_consumer(p, "c", 8);
	for (int i = 0; i < 257; i++)
		flow_subscribe(p, "c", "a", NULL);
	assert_int_equal(sluice_pipeline_start(p), -EINVAL);
	assert_text_has(sluice_last_error(), "key_groups 256");
	sluice_pipeline_close(p);
}

static void ring_over_its_bytes(void **state)
{
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	add_producer(p, "a", NULL, 65536);
	add_consumer(p, "c", 65536);
	flow_subscribe(p, "c", "a", SLUICE_SUBSCRIPTION(.max_demand = 65537));
	assert_int_equal(sluice_pipeline_start(p), -EINVAL);
	assert_text_has(sluice_last_error(), "'c' to 'a'");
	assert_text_has(sluice_last_error(), "max_demand 65537");
	assert_text_has(sluice_last_error(), "4294967296");
	flow_check_released();
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subscriptions_on_the_limits),
		cmocka_unit_test(subscription_options_of_a_newer_library),
		cmocka_unit_test(consumers_up_to_the_limit),
		cmocka_unit_test(diamond_is_not_a_ring),
		cmocka_unit_test(start_may_be_mended),
		cmocka_unit_test(fewer_key_groups_than_consumers),
		cmocka_unit_test(more_consumers_than_the_default_key_groups),
		cmocka_unit_test(ring_over_its_bytes),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(refusals) +
			      UNIT_COUNT(graphs)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, subscription_is_refused, refusals);
	at = UNIT_ADD_ROWS(all, at, graph_is_refused, graphs);
	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("graph", all, NULL, NULL);
}
