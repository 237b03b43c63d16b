/* SPDX-License-Identifier: Apache-2.0 */
/* Fields that are refused together, each of them alone: callbacks of a port, what a
 * consumer cannot share out, the key of a subscription that conflates nothing. */
#include "flow.h"

static int any_events(struct sluice_stage *self,
		      const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return SLUICE_OK;
}

static uint64_t any_key(const void *event, uint32_t bytes, void *ctx)
{
	(void)event;
	(void)bytes;
	(void)ctx;
	return 0;
}

/* Room for a function of whatever kind: it is never called. */
#define SET(opts, field)                                                       \
	do {                                                                   \
		int (*any)(struct sluice_stage *,                              \
			   const struct sluice_batch *) = any_events;          \
                                                                               \
		assert_int_equal(sizeof((opts).field), sizeof(any));           \
		memcpy(&(opts).field, &any, sizeof(any));                      \
	} while (0)

static void refuse_stage(const struct sluice_stage_opts *opts, const char *says)
{
	struct sluice_pipeline *p = flow_open(1);

	assert_int_equal(sluice_stage_add(p, opts), -EINVAL);
	assert_text_has(sluice_last_error(), "'s'");
	assert_text_has(sluice_last_error(), says);
	assert_null(sluice_stage_find(p, "s"));
	sluice_pipeline_close(p);
}

static void a_port_has_no_callbacks(void **state)
{
	const struct sluice_stage_opts port =
		*SLUICE_STAGE(.name = "s", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .flags = SLUICE_STAGE_PORT);
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
#define ALONE(field)                                                           \
	do {                                                                   \
		struct sluice_stage_opts opts = port;                          \
                                                                               \
		SET(opts, field);                                              \
		refuse_stage(&opts, "a port has no callbacks");                \
	} while (0)
	ALONE(handle_demand);
	ALONE(handle_events);
	ALONE(init);
	ALONE(fini);
	ALONE(handle_call);
	ALONE(handle_cast);
	ALONE(handle_info);
	ALONE(handle_timer);
	ALONE(on_subscribe);
	ALONE(on_cancel);
	ALONE(dead_letter);
	ALONE(on_discard);
	ALONE(on_stop);
#undef ALONE
	flow_add(p, &port);
	sluice_pipeline_close(p);
}

static void a_consumer_shares_nothing_out(void **state)
{
	const struct sluice_stage_opts consumer =
		*SLUICE_STAGE(.name = "s", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = any_events);
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_stage_opts opts;

	(void)state;
#define ALONE(field, value)                                                    \
	do {                                                                   \
		opts = consumer;                                               \
		opts.field = (value);                                          \
		refuse_stage(&opts, "stages that produce");                    \
	} while (0)
	ALONE(fan_out_max, 2);
	ALONE(batch_events, 1);
	ALONE(buffer_events, 1);
	ALONE(buffer_keep, SLUICE_KEEP_FIRST);
	ALONE(demand, SLUICE_DEMAND_ACCUMULATE);
#undef ALONE
	opts = consumer;
	SET(opts, on_discard);
	refuse_stage(&opts, "stages that produce");
	flow_add(p, &consumer);
	sluice_pipeline_close(p);
}

static void a_key_is_for_conflation(void **state)
{
	struct flow_source source = {.end = 1};
	struct flow_sink sink = {0};
	struct flow_sink rest = {0}; /* who is beside asks for nothing */
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	flow_add_source(p, "a", &source);
	flow_add_sink(p, "b", &sink);
	flow_add_sink(p, "c", &rest);
	flow_subscribe(p, "c", "a", NULL);
#define ALONE(says, ...)                                                       \
	do {                                                                   \
		assert_int_equal(                                              \
			sluice_subscribe(p, "b", "a",                          \
					 SLUICE_SUBSCRIPTION(.max_demand = 9,  \
							     __VA_ARGS__)),    \
			-EINVAL);                                              \
		assert_text_has(sluice_last_error(), "'b' to 'a'");            \
		assert_text_has(sluice_last_error(), says);                    \
	} while (0)
	ALONE("conflate_keys, which uses it", .key_of = any_key);
	ALONE("conflate_keys, which uses it", .key_offset = 4);
	ALONE("conflate_keys, which uses it", .key_bytes = 4);
	ALONE("conflate_keys, which uses it", .key_ctx = &source);
	ALONE("key field at 4 of 5", .conflate_keys = 8, .key_offset = 4,
	      .key_bytes = 5);
	ALONE("key_of and key_bytes", .conflate_keys = 8, .key_of = any_key,
	      .key_bytes = 4);
#undef ALONE
	flow_subscribe(p, "b", "a",
		       SLUICE_SUBSCRIPTION(.max_demand = 9, .conflate_keys = 8,
					   .key_offset = 4, .key_bytes = 4));
	assert_int_equal(flow_run(p), 0);
	assert_int_equal(sink.events, 1);
	sluice_pipeline_close(p);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_has_no_callbacks),
		cmocka_unit_test(a_consumer_shares_nothing_out),
		cmocka_unit_test(a_key_is_for_conflation),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("alone", tests, NULL, NULL);
}
