/* SPDX-License-Identifier: Apache-2.0 */
/* What a stage says about sharing out, and must be refused: by its dispatcher, by
 * the options beside it, or because its own strategy is not filled in. Each text
 * names the stage, the field, and the limit or who takes it. */
#include "flow.h"

#define PRODUCES                                                               \
	.size = sizeof(struct sluice_stage_opts), .name = "s",                 \
	.kind = SLUICE_PRODUCER, .out_bytes = 8, .handle_demand = flow_count
#define CONSUMES                                                               \
	.size = sizeof(struct sluice_stage_opts), .name = "s",                 \
	.kind = SLUICE_CONSUMER, .in_bytes = 8, .handle_events = flow_collect

static uint64_t key_zero(const void *event, uint32_t bytes, void *ctx)
{
	(void)event;
	(void)bytes;
	(void)ctx;
	return 0;
}

static int word;

static void refused(const struct sluice_stage_opts *opts,
		    const char *const says[], size_t count)
{
	struct sluice_pipeline *p = flow_open(1);

	assert_int_equal(sluice_stage_add(p, opts), -EINVAL);
	assert_text_has(sluice_last_error(), "'s'");
	for (size_t i = 0; i < count && says[i] != NULL; i++)
		assert_text_has(sluice_last_error(), says[i]);
	assert_null(sluice_stage_find(p, "s"));
	sluice_pipeline_close(p);
}

/* ---- options ------------------------------------------------------------- */

static struct refusal {
	const char *name;
	struct sluice_stage_opts opts;
	const char *says[3];
} refusals[] = {
	{"load_percent_under_the_limit",
	 {PRODUCES, .dispatcher = "sticky", .load_percent = 99},
	 {"load_percent 99", "under the limit of 100"}},
	{"load_percent_over_the_limit",
	 {PRODUCES, .dispatcher = "sticky", .load_percent = 1001},
	 {"load_percent 1001", "1000"}},
	{"order_events_under_the_limit",
	 {PRODUCES, .dispatcher = "ordered",
	  .order_offset = SLUICE_ORDER_OFFSET(0), .order_events = 1},
	 {"order_events 1", "under the limit of 2"}},
	{"an_option_of_another_dispatcher",
	 {PRODUCES, .dispatcher = "rr", .load_percent = 100},
	 {"'rr'", "no load_percent 100", "it is for sticky"}},
	{"an_option_of_several_others",
	 {PRODUCES, .key_groups = 8},
	 {"'demand'", "no key_groups 8", "it is for partition atomic"}},
	{"order_offset_as_it_was_meant",
	 {PRODUCES, .dispatcher = "rr", .order_offset = SLUICE_ORDER_OFFSET(7)},
	 {"'rr'", "no order_offset 7", "it is for ordered"}},
	{"key_function_without_keys",
	 {PRODUCES, .dispatcher = "rr", .key_of = key_zero},
	 {"'rr'", "no key_of", "partition hash atomic pkg sticky"}},
	{"key_function_and_offset",
	 {PRODUCES, .dispatcher = "partition", .key_of = key_zero,
	  .key_offset = 4},
	 {"key_of and key_bytes"}},
	{"partitions_that_move",
	 {PRODUCES, .dispatcher = "partition", .partitions = 4,
	  .rebalance_percent = 10},
	 {"'hash'", "no rebalance_percent 10", "it is for partition"}},
	{"partitions_and_key_groups",
	 {PRODUCES, .dispatcher = "partition", .partitions = 4,
	  .key_groups = 8},
	 {"'hash'", "no key_groups 8", "it is for partition atomic"}},
	{"hash_into_how_many",
	 {PRODUCES, .dispatcher = "hash"},
	 {"partitions is missing", "'hash'"}},
	{"shuffle_of_another",
	 {PRODUCES, .dispatcher = "rr", .flags = SLUICE_STAGE_SHUFFLE},
	 {"'rr'", "no SLUICE_STAGE_SHUFFLE in flags", "demand"}},
	{"skip_of_another",
	 {PRODUCES, .dispatcher = "demand", .flags = SLUICE_STAGE_SKIP},
	 {"'demand'", "no SLUICE_STAGE_SKIP in flags", "rr"}},
	{"a_port_that_is_to_be_ordered",
	 {.size = sizeof(struct sluice_stage_opts),
	  .name = "s",
	  .kind = SLUICE_PRODUCER,
	  .out_bytes = 8,
	  .flags = SLUICE_STAGE_PORT,
	  .dispatcher = "ordered",
	  .order_offset = SLUICE_ORDER_OFFSET(0)},
	 {"port", "numbered", "'ordered'"}},
	{"strategy_ctx_alone",
	 {PRODUCES, .strategy_ctx = &word},
	 {"strategy_ctx without a strategy"}},
	{"key_function_of_a_consumer",
	 {CONSUMES, .key_of = key_zero},
	 {"key_of", "stages that produce"}},
	{"strategy_ctx_of_a_consumer",
	 {CONSUMES, .strategy_ctx = &word},
	 {"strategy_ctx is", "stages that produce"}},
};

static void options_are_refused(void **state)
{
	const struct refusal *row = *state;

	refused(&row->opts, row->says, UNIT_COUNT(row->says));
}

/* One step from the refusals. */
static void limits_are_accepted(void **state)
{
	static const struct sluice_stage_opts good[] = {
		{PRODUCES, .dispatcher = "sticky", .load_percent = 100},
		{PRODUCES, .dispatcher = "sticky", .load_percent = 1000},
		{PRODUCES, .dispatcher = "ordered", .order_events = 2,
		 .order_offset = SLUICE_ORDER_OFFSET(0)},
		{PRODUCES, .dispatcher = "pkg", .key_of = key_zero},
		{PRODUCES, .dispatcher = "partition", .partitions = 4},
		{PRODUCES, .dispatcher = "partition", .rebalance_percent = 10},
		{PRODUCES, .flags = SLUICE_STAGE_SHUFFLE},
		{PRODUCES, .dispatcher = "rr", .flags = SLUICE_STAGE_SKIP},
	};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(good); i++) {
		struct sluice_pipeline *p = flow_open(1);

		flow_add(p, &good[i]);
		assert_non_null(sluice_stage_find(p, "s"));
		sluice_pipeline_close(p);
	}
}

/* ---- a strategy of the program's own ------------------------------------- */

static const char *const not_filled_in[] = {"has empty fields",
					    "SLUICE_STRATEGY_TABLE"};

static void own_refused(const struct sluice_strategy *own,
			const char *const says[], size_t count)
{
	const struct sluice_stage_opts opts = {PRODUCES, .strategy = own};

	refused(&opts, says, count);
}

static void a_strategy_has_all_its_functions(void **state)
{
	const struct sluice_strategy *whole = sluice_strategy_find("rr");

	(void)state;
#define WITHOUT(field)                                                         \
	do {                                                                   \
		struct sluice_strategy own = *whole;                           \
                                                                               \
		memset(&own.field, 0, sizeof(own.field));                      \
		own_refused(&own, not_filled_in, UNIT_COUNT(not_filled_in));   \
	} while (0)
	WITHOUT(size);
	WITHOUT(name);
	WITHOUT(help);
	WITHOUT(init);
	WITHOUT(placeable);
	WITHOUT(pick);
	WITHOUT(join);
	WITHOUT(ready);
	WITHOUT(leave);
#undef WITHOUT
}

static void a_strategy_asks_for_what_there_is(void **state)
{
	static const char *const rings[] = {"'rr'", "unknown rings 99"};
	static const char *const needs[] = {"'rr'", "needs 0x8000"};
	static const char *const bytes[] = {"state of strategy 'rr'", "1048577",
					    "1048576"};
	static const char *const resv[] = {"strategy", "resv[2]", "zero"};
	struct sluice_strategy own = *sluice_strategy_find("rr");
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	own.rings = 99;
	own_refused(&own, rings, UNIT_COUNT(rings));
	own.rings = SLUICE_RINGS_SEPARATE;
	own.needs = 0x8000;
	own_refused(&own, needs, UNIT_COUNT(needs));
	own.needs = 0;
	own.state_bytes = SLUICE_STRATEGY_STATE_MAX + 1;
	own_refused(&own, bytes, UNIT_COUNT(bytes));
	own.state_bytes = SLUICE_STRATEGY_STATE_MAX;
	own.resv[2] = 1;
	assert_int_equal(sluice_stage_add(p,
					  &(const struct sluice_stage_opts){
						  PRODUCES, .strategy = &own}),
			 -EINVAL);
	for (size_t i = 0; i < UNIT_COUNT(resv); i++)
		assert_text_has(sluice_last_error(), resv[i]);
	own.resv[2] = 0;
	flow_add(p,
		 &(const struct sluice_stage_opts){PRODUCES, .strategy = &own});
	sluice_pipeline_close(p);
}

static void a_strategy_stands_alone(void **state)
{
	static const char *const both[] = {
		"'broadcast' and strategy are both set", "set one"};
	static const char *const consumer[] = {"strategy is",
					       "stages that produce"};
	const struct sluice_strategy *own = sluice_strategy_find("rr");
	const struct sluice_stage_opts two = {PRODUCES, .strategy = own,
					      .dispatcher = "broadcast"};
	const struct sluice_stage_opts consumes = {CONSUMES, .strategy = own};

	(void)state;
	refused(&two, both, UNIT_COUNT(both));
	refused(&consumes, consumer, UNIT_COUNT(consumer));
}

int main(void)
{
	struct CMUnitTest tests[UNIT_COUNT(refusals) + 4];
	size_t n = 0;

	n = UNIT_ADD_ROWS(tests, n, options_are_refused, refusals);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(limits_are_accepted);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(
		a_strategy_has_all_its_functions);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(
		a_strategy_asks_for_what_there_is);
	tests[n++] =
		(struct CMUnitTest)cmocka_unit_test(a_strategy_stands_alone);
	flow_watch(tests, n);
	return cmocka_run_group_tests_name("dispatch_opts", tests, NULL, NULL);
}
