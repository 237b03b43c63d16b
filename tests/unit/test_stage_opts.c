/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a stage and of a pipeline that must be refused, each with its own
 * code and with words that name the stage, the field and the limit. */
#include "flow.h"

#define PRODUCES                                                               \
	.size = sizeof(struct sluice_stage_opts), .kind = SLUICE_PRODUCER,     \
	.handle_demand = flow_count
#define CONSUMES                                                               \
	.size = sizeof(struct sluice_stage_opts), .kind = SLUICE_CONSUMER,     \
	.handle_events = flow_collect
#define CONVERTS                                                               \
	.size = sizeof(struct sluice_stage_opts),                              \
	.kind = SLUICE_PRODUCER_CONSUMER, .handle_events = flow_collect
#define NAME_63                                                                \
	"abcdefghijklmnopqrstuvwxyz.ABCDEFGHIJKLMNOPQRSTUVWXYZ-012345678"

static uint64_t key_zero(const void *event, uint32_t bytes, void *ctx)
{
	(void)event;
	(void)bytes;
	(void)ctx;
	return 0;
}

/* ---- a stage that is refused --------------------------------------------- */

static struct refusal {
	const char *name;
	struct sluice_stage_opts opts;
	int rc;
	const char *says[3]; /* all of them */
} refusals[] = {
	{"name_missing",
	 {PRODUCES, .out_bytes = 8},
	 -EINVAL,
	 {"name", "missing"}},
	{"name_empty",
	 {PRODUCES, .out_bytes = 8, .name = ""},
	 -EINVAL,
	 {"name", "missing"}},
	{"name_too_long",
	 {PRODUCES, .out_bytes = 8, .name = NAME_63 "x"},
	 -EINVAL,
	 {"abcdefghij", "name", "63"}},
	{"name_with_a_space",
	 {PRODUCES, .out_bytes = 8, .name = "a b"},
	 -EINVAL,
	 {"'a b'", "name", "A-Z a-z 0-9 _ . -"}},
	{"name_with_a_slash",
	 {PRODUCES, .out_bytes = 8, .name = "a/b"},
	 -EINVAL,
	 {"'a/b'", "name"}},
	{"name_not_ascii",
	 {PRODUCES, .out_bytes = 8, .name = "\xc3\xa4"},
	 -EINVAL,
	 {"name", "A-Z"}},
	{"kind_zero",
	 {.size = sizeof(struct sluice_stage_opts),
	  .name = "s",
	  .out_bytes = 8,
	  .handle_demand = flow_count},
	 -EINVAL,
	 {"'s'", "kind 0", "SLUICE_PRODUCER"}},
	{"kind_unknown",
	 {.size = sizeof(struct sluice_stage_opts),
	  .name = "s",
	  .kind = (enum sluice_stage_kind)4,
	  .out_bytes = 8,
	  .handle_demand = flow_count},
	 -EINVAL,
	 {"'s'", "kind 4", "SLUICE_CONSUMER"}},
	{"out_bytes_zero",
	 {PRODUCES, .name = "s"},
	 -EINVAL,
	 {"'s'", "out_bytes is 0", "65536"}},
	{"out_bytes_over_the_limit",
	 {PRODUCES, .name = "s", .out_bytes = 65537},
	 -EINVAL,
	 {"'s'", "out_bytes 65537", "65536"}},
	{"in_bytes_zero",
	 {CONSUMES, .name = "s"},
	 -EINVAL,
	 {"'s'", "in_bytes is 0", "65536"}},
	{"in_bytes_over_the_limit",
	 {CONSUMES, .name = "s", .in_bytes = UINT32_MAX},
	 -EINVAL,
	 {"'s'", "in_bytes 4294967295", "65536"}},
	{"in_bytes_of_a_producer",
	 {PRODUCES, .name = "s", .out_bytes = 8, .in_bytes = 8},
	 -EINVAL,
	 {"'s'", "in_bytes", "kind"}},
	{"out_bytes_of_a_consumer",
	 {CONSUMES, .name = "s", .out_bytes = 8, .in_bytes = 8},
	 -EINVAL,
	 {"'s'", "out_bytes", "kind"}},
	{"middle_without_in_bytes",
	 {CONVERTS, .name = "s", .out_bytes = 8},
	 -EINVAL,
	 {"'s'", "in_bytes is 0"}},
	{"middle_without_out_bytes",
	 {CONVERTS, .name = "s", .in_bytes = 8},
	 -EINVAL,
	 {"'s'", "out_bytes is 0"}},
	{"handle_demand_missing",
	 {.size = sizeof(struct sluice_stage_opts),
	  .kind = SLUICE_PRODUCER,
	  .name = "s",
	  .out_bytes = 8},
	 -EINVAL,
	 {"'s'", "handle_demand is missing"}},
	{"handle_events_missing",
	 {.size = sizeof(struct sluice_stage_opts),
	  .kind = SLUICE_CONSUMER,
	  .name = "s",
	  .in_bytes = 8},
	 -EINVAL,
	 {"'s'", "handle_events is missing"}},
	{"middle_without_handle_events",
	 {.size = sizeof(struct sluice_stage_opts),
	  .kind = SLUICE_PRODUCER_CONSUMER,
	  .name = "s",
	  .in_bytes = 8,
	  .out_bytes = 8},
	 -EINVAL,
	 {"'s'", "handle_events is missing"}},
	{"handle_events_of_a_producer",
	 {PRODUCES, .name = "s", .out_bytes = 8, .handle_events = flow_collect},
	 -EINVAL,
	 {"'s'", "handle_events is set", "never"}},
	{"handle_demand_of_a_consumer",
	 {CONSUMES, .name = "s", .in_bytes = 8, .handle_demand = flow_count},
	 -EINVAL,
	 {"'s'", "handle_demand is set", "never"}},
	{"handle_demand_of_a_middle",
	 {CONVERTS, .name = "s", .in_bytes = 8, .out_bytes = 8,
	  .handle_demand = flow_count},
	 -EINVAL,
	 {"'s'", "handle_demand is set", "never"}},
	{"dispatcher_unknown",
	 {PRODUCES, .name = "s", .out_bytes = 8, .dispatcher = "fastest"},
	 -EINVAL,
	 {"'s'", "'fastest'", "demand broadcast rr"}},
	{"dispatcher_empty",
	 {PRODUCES, .name = "s", .out_bytes = 8, .dispatcher = ""},
	 -EINVAL,
	 {"'s'", "''", "demand broadcast rr"}},
	{"dispatcher_of_a_consumer",
	 {CONSUMES, .name = "s", .in_bytes = 8, .dispatcher = "demand"},
	 -EINVAL,
	 {"'s'", "dispatcher", "stages that produce"}},
	{"batch_events_of_a_consumer",
	 {CONSUMES, .name = "s", .in_bytes = 8, .batch_events = 1},
	 -EINVAL,
	 {"'s'", "batch_events", "stages that produce"}},
	{"fan_out_of_a_producer",
	 {PRODUCES, .name = "s", .out_bytes = 8, .fan_out_max = 2},
	 -EINVAL,
	 {"'s'", "fan_out_max", "producer_consumer"}},
	{"fan_out_over_the_limit",
	 {CONVERTS, .name = "s", .in_bytes = 8, .out_bytes = 8,
	  .fan_out_max = 65537},
	 -EINVAL,
	 {"'s'", "fan_out_max 65537", "65536"}},
	{"batch_events_over_the_limit",
	 {PRODUCES, .name = "s", .out_bytes = 8, .batch_events = 65537},
	 -EINVAL,
	 {"'s'", "batch_events 65537", "65536"}},
	{"spill_events_over_the_limit",
	 {PRODUCES, .name = "s", .out_bytes = 8, .dispatcher = "partition",
	  .spill_events = 16777217},
	 -EINVAL,
	 {"'s'", "spill_events 16777217", "16777216"}},
	{"key_groups_not_a_power_of_two",
	 {PRODUCES, .name = "s", .out_bytes = 8, .dispatcher = "partition",
	  .key_groups = 24},
	 -EINVAL,
	 {"'s'", "key_groups 24", "power of two"}},
	{"key_groups_over_the_limit",
	 {PRODUCES, .name = "s", .out_bytes = 8, .dispatcher = "partition",
	  .key_groups = 8192},
	 -EINVAL,
	 {"'s'", "key_groups 8192", "4096"}},
	{"key_field_behind_the_event",
	 {PRODUCES, .name = "s", .out_bytes = 8, .dispatcher = "partition",
	  .key_offset = 9, .key_bytes = 1},
	 -EINVAL,
	 {"'s'", "key field at 9 of 1", "out_bytes 8"}},
	{"key_field_past_the_end",
	 {PRODUCES, .name = "s", .out_bytes = 8, .dispatcher = "partition",
	  .key_offset = 4, .key_bytes = 5},
	 -EINVAL,
	 {"'s'", "key field at 4 of 5", "out_bytes 8"}},
	{"key_field_wraps_around",
	 {PRODUCES, .name = "s", .out_bytes = 8, .dispatcher = "partition",
	  .key_offset = 4, .key_bytes = UINT32_MAX},
	 -EINVAL,
	 {"'s'", "key field at 4", "out_bytes 8"}},
	{"key_offset_alone",
	 {PRODUCES, .name = "s", .out_bytes = 8, .dispatcher = "partition",
	  .key_offset = 4},
	 -EINVAL,
	 {"'s'", "key_offset", "key_bytes"}},
	{"key_field_and_function",
	 {PRODUCES, .name = "s", .out_bytes = 8, .dispatcher = "partition",
	  .key_bytes = 4, .key_of = key_zero},
	 -EINVAL,
	 {"'s'", "key_of", "key_bytes"}},
	{"blocking_on_a_cpu",
	 {PRODUCES, .name = "s", .out_bytes = 8, .blocking = 1,
	  .cpu = SLUICE_CPU(0)},
	 -EINVAL,
	 {"'s'", "blocking", "cpu"}},
	{"flags_set",
	 {PRODUCES, .name = "s", .out_bytes = 8, .flags = 0x80000000},
	 -EINVAL,
	 {"'s'", "flags", "0x80000000"}},
	{"resv_set",
	 {PRODUCES, .name = "s", .out_bytes = 8, .resv = {0, 0, 0, 1}},
	 -EINVAL,
	 {"stage options", "resv[3]", "zero"}},
	{"size_zero",
	 {.kind = SLUICE_PRODUCER, .name = "s", .out_bytes = 8},
	 -EINVAL,
	 {"stage options", "size 0"}},
	{"size_tiny",
	 {.size = 7, .kind = SLUICE_PRODUCER, .name = "s", .out_bytes = 8},
	 -EINVAL,
	 {"stage options", "size 7"}},
	{"size_before_the_name",
	 {.size = 8, .kind = SLUICE_PRODUCER, .name = "s", .out_bytes = 8},
	 -EINVAL,
	 {"name", "missing"}},
};

static void stage_is_refused(void **state)
{
	const struct refusal *row = *state;
	struct sluice_pipeline *p = flow_open(1);
	int rc = sluice_stage_add(p, &row->opts);

	assert_int_equal(rc, row->rc);
	for (size_t i = 0; i < UNIT_COUNT(row->says) && row->says[i]; i++)
		assert_text_has(sluice_last_error(), row->says[i]);
	/* It is not there, and a good one may still take its name. */
	assert_null(sluice_stage_find(p, "s"));
	flow_add(p, SLUICE_STAGE(.name = "s", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = flow_count));
	assert_non_null(sluice_stage_find(p, "s"));
	sluice_pipeline_close(p);
}

static void stage_options_missing(void **state)
{
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	assert_int_equal(sluice_stage_add(p, NULL), -EINVAL);
	assert_text_has(sluice_last_error(), "options are missing");
	sluice_pipeline_close(p);
}

/* The refusals above stand at the limits: what lies on them is accepted. */
static void stage_limits_are_accepted(void **state)
{
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	flow_add(p, SLUICE_STAGE(.name = NAME_63, .kind = SLUICE_PRODUCER,
				 .out_bytes = 65536, .batch_events = 65536,
				 .spill_events = 1u << 24, .key_groups = 4096,
				 .key_offset = 65535, .key_bytes = 1,
				 .dispatcher = "partition",
				 .handle_demand = flow_count));
	assert_string_equal(sluice_stage_name(sluice_stage_find(p, NAME_63)),
			    NAME_63);
	flow_add(p,
		 SLUICE_STAGE(.name = "-", .kind = SLUICE_PRODUCER_CONSUMER,
			      .in_bytes = 1, .out_bytes = 1,
			      .dispatcher = "partition", .fan_out_max = 65536,
			      .key_groups = 1, .handle_events = flow_collect));
	sluice_pipeline_close(p);
}

static void stage_name_is_taken(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct flow_source source = {0};
	struct flow_sink sink = {0};

	(void)state;
	flow_add_source(p, "same", &source);
	assert_int_equal(
		sluice_stage_add(p, SLUICE_STAGE(.name = "same",
						 .kind = SLUICE_CONSUMER,
						 .in_bytes = 8,
						 .handle_events = flow_collect,
						 .state = &sink)),
		-EEXIST);
	assert_text_has(sluice_last_error(), "'same'");
	assert_text_has(sluice_last_error(), "in use");
	assert_ptr_equal(sluice_stage_state(sluice_stage_find(p, "same")),
			 &source);
	sluice_pipeline_close(p);
}

static void stage_strings_are_copied(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	char name[] = "copied";
	char dispatcher[] = "broadcast";

	(void)state;
	flow_add(p, SLUICE_STAGE(.name = name, .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = flow_count,
				 .dispatcher = dispatcher));
	memset(name, 'x', sizeof(name) - 1);
	memset(dispatcher, 'x', sizeof(dispatcher) - 1);
	assert_non_null(sluice_stage_find(p, "copied"));
	assert_null(sluice_stage_find(p, "xxxxxx"));
	sluice_pipeline_close(p);
}

static void stages_up_to_the_limit(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	char name[16];

	(void)state;
	for (uint32_t i = 0; i < SLUICE_STAGES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "s%u", i);
		flow_add(p, SLUICE_STAGE(.name = name, .kind = SLUICE_PRODUCER,
					 .out_bytes = 8,
					 .handle_demand = flow_count));
	}
	assert_int_equal(
		sluice_stage_add(p, SLUICE_STAGE(.name = "one_more",
						 .kind = SLUICE_PRODUCER,
						 .out_bytes = 8,
						 .handle_demand = flow_count)),
		-ENOSPC);
	assert_text_has(sluice_last_error(), "4096 stages");
	sluice_pipeline_close(p);
}

/* ---- options structs from other times ------------------------------------ */

/* Tomorrow's options: today's, and fields that we do not know. */
struct newer_stage {
	struct sluice_stage_opts known;
	unsigned char unknown[24];
};

static void stage_options_of_a_newer_library(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct newer_stage newer = {
		.known = {PRODUCES, .name = "newer", .out_bytes = 8}};

	(void)state;
	newer.known.size = sizeof(newer);
	newer.unknown[23] = 1;
	assert_int_equal(sluice_stage_add(p, &newer.known), -E2BIG);
	assert_text_has(sluice_last_error(), "stage options");
	assert_null(sluice_stage_find(p, "newer"));
	newer.unknown[23] = 0;
	assert_int_equal(sluice_stage_add(p, &newer.known), 0);
	assert_non_null(sluice_stage_find(p, "newer"));
	sluice_pipeline_close(p);
}

/* Yesterday's options end early; what lies behind them is not looked at. */
static void stage_options_of_an_older_library(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_stage_opts older = {PRODUCES, .name = "older",
					  .out_bytes = 8};

	(void)state;
	older.size = (uint32_t)offsetof(struct sluice_stage_opts, dispatcher);
	older.dispatcher = "no such thing";
	memset(older.resv, 0xff, sizeof(older.resv));
	assert_int_equal(sluice_stage_add(p, &older), 0);
	sluice_pipeline_close(p);
}

struct newer_pipeline {
	struct sluice_pipeline_opts known;
	uint64_t unknown;
};

static void pipeline_options_of_another_library(void **state)
{
	struct newer_pipeline newer = {.unknown = 1};
	struct sluice_pipeline *p = NULL;

	(void)state;
	newer.known.size = sizeof(newer);
	assert_int_equal(sluice_pipeline_open(&p, &newer.known), -E2BIG);
	assert_text_has(sluice_last_error(), "pipeline options");
	assert_null(p);
	newer.unknown = 0;
	assert_int_equal(sluice_pipeline_open(&p, &newer.known), 0);
	sluice_pipeline_close(p);
	newer.known.size = 8;
	newer.known.workers = UINT32_MAX; /* behind the older struct's end */
	assert_int_equal(sluice_pipeline_open(&p, &newer.known), 0);
	sluice_pipeline_close(p);
}

static struct pipeline_refusal {
	const char *name;
	struct sluice_pipeline_opts opts;
	const char *says[2];
} pipeline_refusals[] = {
	{"pipeline_size_zero", {.size = 0}, {"pipeline options", "size 0"}},
	{"pipeline_size_tiny", {.size = 4}, {"pipeline options", "size 4"}},
	{"pipeline_flags_set",
	 {.size = sizeof(struct sluice_pipeline_opts), .flags = 2},
	 {"flags", "0x2"}},
	{"pipeline_resv_set",
	 {.size = sizeof(struct sluice_pipeline_opts), .resv = {1}},
	 {"pipeline options", "resv[0]"}},
	{"pipeline_name_too_long",
	 {.size = sizeof(struct sluice_pipeline_opts), .name = NAME_63 "x"},
	 {"name", "63"}},
	{"pipeline_workers_over_the_limit",
	 {.size = sizeof(struct sluice_pipeline_opts), .workers = 1025},
	 {"workers 1025", "1024"}},
};

static void pipeline_is_refused(void **state)
{
	const struct pipeline_refusal *row = *state;
	struct sluice_pipeline *p = NULL;

	assert_int_equal(sluice_pipeline_open(&p, &row->opts), -EINVAL);
	for (size_t i = 0; i < UNIT_COUNT(row->says); i++)
		assert_text_has(sluice_last_error(), row->says[i]);
	assert_null(p); /* untouched on failure */
}

static void inits_fill_in_defaults(void **state)
{
	struct sluice_stage_opts stage;
	struct sluice_pipeline_opts pipeline;
	struct sluice_subscription_opts subscription;
	struct sluice_pipeline *p = NULL;

	(void)state;
	memset(&stage, 0xff, sizeof(stage));
	memset(&pipeline, 0xff, sizeof(pipeline));
	memset(&subscription, 0xff, sizeof(subscription));
	sluice_stage_opts_init(&stage);
	sluice_pipeline_opts_init(&pipeline);
	sluice_subscription_opts_init(&subscription);
	assert_int_equal(stage.size, sizeof(stage));
	assert_int_equal(subscription.size, sizeof(subscription));
	assert_int_equal(subscription.max_demand, SLUICE_DEMAND_DEFAULT);
	assert_null(stage.name);
	assert_int_equal(sluice_pipeline_open(&p, &pipeline), 0);
	sluice_pipeline_close(p);
	assert_int_equal(sluice_pipeline_open(&p, NULL), 0);
	sluice_pipeline_close(p);
	sluice_pipeline_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stage_options_missing),
		cmocka_unit_test(stage_limits_are_accepted),
		cmocka_unit_test(stage_name_is_taken),
		cmocka_unit_test(stage_strings_are_copied),
		cmocka_unit_test(stages_up_to_the_limit),
		cmocka_unit_test(stage_options_of_a_newer_library),
		cmocka_unit_test(stage_options_of_an_older_library),
		cmocka_unit_test(pipeline_options_of_another_library),
		cmocka_unit_test(inits_fill_in_defaults),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(refusals) +
			      UNIT_COUNT(pipeline_refusals)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, stage_is_refused, refusals);
	at = UNIT_ADD_ROWS(all, at, pipeline_is_refused, pipeline_refusals);
	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("stage_opts", all, NULL, NULL);
}
