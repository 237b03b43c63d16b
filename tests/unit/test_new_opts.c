/* SPDX-License-Identifier: Apache-2.0 */
/* Options that say how stages live, buffer, fail and come again: what must be
 * refused, with words that name the field and the limit, and what lies on the
 * limit and is accepted. */
#include "flow.h"

#define STAGE .size = sizeof(struct sluice_stage_opts), .name = "s"
#define PRODUCES                                                               \
	STAGE, .kind = SLUICE_PRODUCER, .handle_demand = flow_count,           \
	       .out_bytes = 8
#define CONSUMES                                                               \
	STAGE, .kind = SLUICE_CONSUMER, .handle_events = flow_collect,         \
	       .in_bytes = 8
#define CONVERTS                                                               \
	STAGE, .kind = SLUICE_PRODUCER_CONSUMER, .in_bytes = 8,                \
	       .out_bytes = 8, .handle_events = flow_collect
#define PORT STAGE, .flags = SLUICE_STAGE_PORT
#define PIPE(...)                                                              \
	{                                                                      \
		.size = sizeof(struct sluice_pipeline_opts), __VA_ARGS__       \
	}

static int discard(struct sluice_stage *self, uint64_t count)
{
	(void)self;
	(void)count;
	return 0;
}

static void bury(struct sluice_stage *self,
		 const struct sluice_dead_letter *letter)
{
	(void)self;
	(void)letter;
}

static int timer(struct sluice_stage *self, uint32_t which)
{
	(void)self;
	(void)which;
	return SLUICE_OK;
}

static int begin(struct sluice_stage *self)
{
	(void)self;
	return SLUICE_OK;
}

/* ---- stages -------------------------------------------------------------- */

/* rc 0: it is accepted. */
static struct stage_row {
	const char *name;
	struct sluice_stage_opts opts;
	int rc;
	const char *says[3];
} stage_rows[] = {
	{"flags_unknown",
	 {PRODUCES, .flags = 1u << 31},
	 -EINVAL,
	 {"flags", "0x80000000"}},
	{"watch_consumer",
	 {CONSUMES, .flags = SLUICE_STAGE_PEERS_WATCH},
	 -EINVAL,
	 {"flags", "PEERS_WATCH", "produce"}},
	{"feed_producer",
	 {PRODUCES, .flags = SLUICE_STAGE_PEERS_FEED},
	 -EINVAL,
	 {"flags", "PEERS_FEED", "consume"}},
	{"consume_consumer",
	 {CONSUMES, .flags = SLUICE_STAGE_PEERS_CONSUME},
	 -EINVAL,
	 {"flags", "PEERS_CONSUME", "produce"}},
	{"shuffle_producer", {PRODUCES, .flags = 2}, 0, {NULL}},
	{"shuffle_middle", {CONVERTS, .flags = 2}, 0, {NULL}},
	{"shuffle_consumer",
	 {CONSUMES, .flags = 2},
	 -EINVAL,
	 {"'s'", "SLUICE_STAGE_SHUFFLE in flags", "produce"}},

	{"partitions_limit",
	 {PRODUCES, .dispatcher = "partition", .partitions = 4096},
	 0,
	 {NULL}},
	{"partitions_over",
	 {PRODUCES, .dispatcher = "partition", .partitions = 4097},
	 -EINVAL,
	 {"'s'", "partitions 4097", "4096"}},
	{"partitions_of_demand",
	 {PRODUCES, .partitions = 2},
	 -EINVAL,
	 {"'s'", "partitions 2", "'demand'"}},
	{"partitions_of_broadcast",
	 {PRODUCES, .dispatcher = "broadcast", .partitions = 2},
	 -EINVAL,
	 {"'s'", "partitions 2", "'broadcast'"}},
	{"partitions_of_a_consumer",
	 {CONSUMES, .partitions = 2},
	 -EINVAL,
	 {"'s'", "partitions", "produce"}},

	{"buffer_limit", {PRODUCES, .buffer_events = 1u << 24}, 0, {NULL}},
	{"buffer_one", {CONVERTS, .buffer_events = 1}, 0, {NULL}},
	{"buffer_none",
	 {PRODUCES, .buffer_events = SLUICE_BUFFER_NONE},
	 0,
	 {NULL}},
	{"buffer_over",
	 {PRODUCES, .buffer_events = (1u << 24) + 1},
	 -EINVAL,
	 {"'s'", "buffer_events 16777217", "16777216"}},
	{"buffer_almost_none",
	 {PRODUCES, .buffer_events = SLUICE_BUFFER_NONE - 1},
	 -EINVAL,
	 {"'s'", "buffer_events 4294967294", "16777216"}},
	{"buffer_of_a_consumer",
	 {CONSUMES, .buffer_events = 1},
	 -EINVAL,
	 {"'s'", "buffer_", "produce"}},

	{"keep_last", {CONVERTS, .buffer_keep = SLUICE_KEEP_LAST}, 0, {NULL}},
	{"keep_first", {PRODUCES, .buffer_keep = SLUICE_KEEP_FIRST}, 0, {NULL}},
	{"keep_block", {PRODUCES, .buffer_keep = SLUICE_KEEP_BLOCK}, 0, {NULL}},
	{"keep_unknown",
	 {PRODUCES, .buffer_keep = (enum sluice_keep)4},
	 -EINVAL,
	 {"'s'", "buffer_keep 4", "0 to 3"}},
	{"keep_negative",
	 {PRODUCES, .buffer_keep = (enum sluice_keep) - 1},
	 -EINVAL,
	 {"'s'", "buffer_keep -1"}},
	{"keep_of_a_consumer",
	 {CONSUMES, .buffer_keep = SLUICE_KEEP_LAST},
	 -EINVAL,
	 {"'s'", "buffer_", "produce"}},

	{"accumulate",
	 {PRODUCES, .demand = SLUICE_DEMAND_ACCUMULATE},
	 0,
	 {NULL}},
	{"accumulate_of_a_middle",
	 {CONVERTS, .demand = SLUICE_DEMAND_ACCUMULATE},
	 -EINVAL,
	 {"'s'", "accumulate", "producer"}},
	{"accumulate_of_a_consumer",
	 {CONSUMES, .demand = SLUICE_DEMAND_ACCUMULATE},
	 -EINVAL,
	 {"'s'", "demand", "produce"}},
	{"demand_unknown",
	 {PRODUCES, .demand = (enum sluice_demand_mode)2},
	 -EINVAL,
	 {"'s'", "demand 2", "0 to 1"}},

	{"ring_limit",
	 {PRODUCES, .dispatcher = "broadcast", .ring_events = 1u << 20},
	 0,
	 {NULL}},
	{"ring_over",
	 {PRODUCES, .dispatcher = "broadcast", .ring_events = (1u << 20) + 1},
	 -EINVAL,
	 {"'s'", "ring_events 1048577", "1048576"}},
	{"ring_of_a_partition",
	 {PRODUCES, .dispatcher = "partition", .ring_events = 8},
	 -EINVAL,
	 {"'s'", "ring_events 8", "broadcast"}},
	{"copy_plain", {PRODUCES, .copy_method = SLUICE_COPY_PLAIN}, 0, {NULL}},
	{"copy_unknown",
	 {PRODUCES, .copy_method = SLUICE_COPY_METHODS},
	 -EINVAL,
	 {"'s'", "copy_method 6", "0 to 5"}},
	{"copy_of_a_consumer",
	 {CONSUMES, .copy_method = SLUICE_COPY_PLAIN},
	 -EINVAL,
	 {"'s'", "copy_method", "produce"}},
	{"reserved_word", {PRODUCES, .resv = {1}}, -EINVAL, {"zero"}},
	{"in_hand_of_a_producer",
	 {PRODUCES, .in_hand_max = 1},
	 -EINVAL,
	 {"'s'", "in_hand_max", "consume"}},
	{"ring_of_a_consumer",
	 {CONSUMES, .ring_events = 8},
	 -EINVAL,
	 {"'s'", "ring_events", "produce"}},

	{"idle_stay", {CONSUMES, .on_idle = SLUICE_IDLE_STAY}, 0, {NULL}},
	{"idle_unknown",
	 {CONSUMES, .on_idle = (enum sluice_idle)2},
	 -EINVAL,
	 {"'s'", "on_idle 2", "0 to 1"}},
	{"restart_last",
	 {PRODUCES, .restart = SLUICE_RESTART_TEMPORARY},
	 0,
	 {NULL}},
	{"restart_unknown",
	 {PRODUCES, .restart = (enum sluice_restart)4},
	 -EINVAL,
	 {"'s'", "restart 4", "0 to 3"}},

	{"deliveries_many",
	 {CONSUMES, .max_deliveries = UINT32_MAX},
	 0,
	 {NULL}},
	{"deliveries_of_a_producer",
	 {PRODUCES, .max_deliveries = 1},
	 -EINVAL,
	 {"'s'", "max_deliveries", "consume"}},
	{"dead_letter_of_a_middle", {CONVERTS, .dead_letter = bury}, 0, {NULL}},
	/* Of what processes die of. */
	{"dead_letter_of_a_producer",
	 {PRODUCES, .dead_letter = bury},
	 0,
	 {NULL}},
	{"discard_of_a_consumer",
	 {CONSUMES, .on_discard = discard},
	 -EINVAL,
	 {"'s'", "on_discard", "produce"}},

	{"subscriptions_limit",
	 {PRODUCES, .subscriptions_max = 4096},
	 0,
	 {NULL}},
	{"subscriptions_over",
	 {CONSUMES, .subscriptions_max = 4097},
	 -EINVAL,
	 {"'s'", "subscriptions_max 4097", "4096"}},
	{"mailbox_limit", {CONSUMES, .mailbox_messages = 1u << 20}, 0, {NULL}},
	{"mailbox_over",
	 {CONSUMES, .mailbox_messages = (1u << 20) + 1},
	 -EINVAL,
	 {"'s'", "mailbox_messages 1048577", "1048576"}},

	{"port_producer",
	 {PORT, .kind = SLUICE_PRODUCER, .out_bytes = 8},
	 0,
	 {NULL}},
	{"port_consumer",
	 {PORT, .kind = SLUICE_CONSUMER, .in_bytes = 8},
	 0,
	 {NULL}},
	{"port_middle",
	 {PORT, .kind = SLUICE_PRODUCER_CONSUMER, .in_bytes = 8,
	  .out_bytes = 8},
	 -EINVAL,
	 {"'s'", "port", "a producer or a consumer"}},
	{"port_with_handle_demand",
	 {PORT, .kind = SLUICE_PRODUCER, .out_bytes = 8,
	  .handle_demand = flow_count},
	 -EINVAL,
	 {"'s'", "port", "no callbacks"}},
	{"port_with_handle_events",
	 {PORT, .kind = SLUICE_CONSUMER, .in_bytes = 8,
	  .handle_events = flow_collect},
	 -EINVAL,
	 {"'s'", "port", "no callbacks"}},
	{"port_with_init",
	 {PORT, .kind = SLUICE_CONSUMER, .in_bytes = 8, .init = begin},
	 -EINVAL,
	 {"'s'", "port", "no callbacks"}},
	{"port_with_handle_timer",
	 {PORT, .kind = SLUICE_CONSUMER, .in_bytes = 8, .handle_timer = timer},
	 -EINVAL,
	 {"'s'", "port", "no callbacks"}},
	{"port_with_on_discard",
	 {PORT, .kind = SLUICE_PRODUCER, .out_bytes = 8, .on_discard = discard},
	 -EINVAL,
	 {"'s'", "port", "no callbacks"}},
	{"port_on_a_cpu",
	 {PORT, .kind = SLUICE_PRODUCER, .out_bytes = 8, .cpu = SLUICE_CPU(0)},
	 -EINVAL,
	 {"'s'", "cpu", "port"}},
	{"port_that_blocks",
	 {PORT, .kind = SLUICE_PRODUCER, .out_bytes = 8, .blocking = 1},
	 -EINVAL,
	 {"'s'", "blocking", "port"}},
	{"port_restarted",
	 {PORT, .kind = SLUICE_CONSUMER, .in_bytes = 8,
	  .restart = SLUICE_RESTART_PERMANENT},
	 -EINVAL,
	 {"'s'", "restart", "port"}},
};

static void check_says(const char *const *says, size_t count)
{
	for (size_t i = 0; i < count && says[i] != NULL; i++)
		assert_text_has(sluice_last_error(), says[i]);
}

static void a_stage(void **state)
{
	const struct stage_row *row = *state;
	struct sluice_pipeline *p = flow_open(1);

	assert_int_equal(sluice_stage_add(p, &row->opts), row->rc);
	if (row->rc == 0) {
		assert_non_null(sluice_stage_find(p, "s"));
	} else {
		assert_null(sluice_stage_find(p, "s"));
		check_says(row->says, UNIT_COUNT(row->says));
	}
	sluice_pipeline_close(p);
}

/* ---- pipelines ----------------------------------------------------------- */

static void hear(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

static struct pipeline_row {
	const char *name;
	struct sluice_pipeline_opts opts;
	int rc;
	const char *says[3];
} pipeline_rows[] = {
	{"supervision_last",
	 PIPE(.supervision = SLUICE_ONE_FOR_ALL),
	 0,
	 {NULL}},
	{"supervision_unknown",
	 PIPE(.supervision = (enum sluice_supervision)3),
	 -EINVAL,
	 {"'pipeline'", "supervision 3", "SLUICE_REST_FOR_ONE"}},
	{"restarts_limit", PIPE(.max_restarts = 1024), 0, {NULL}},
	{"restarts_none",
	 PIPE(.max_restarts = SLUICE_RESTARTS_NONE),
	 0,
	 {NULL}},
	{"restarts_over",
	 PIPE(.max_restarts = 1025),
	 -EINVAL,
	 {"max_restarts 1025", "1024"}},
	{"seconds_limit", PIPE(.max_seconds = 86400), 0, {NULL}},
	{"seconds_over",
	 PIPE(.max_seconds = 86401),
	 -EINVAL,
	 {"max_seconds 86401", "86400"}},
	{"backoff_limit", PIPE(.backoff_ms = 5000), 0, {NULL}},
	{"backoff_over_the_default",
	 PIPE(.backoff_ms = 5001),
	 -EINVAL,
	 {"backoff_ms 5001", "backoff_max_ms 5000"}},
	{"backoff_over_its_maximum",
	 PIPE(.name = "named", .backoff_ms = 8, .backoff_max_ms = 7),
	 -EINVAL,
	 {"'named'", "backoff_ms 8", "backoff_max_ms 7"}},
	{"backoff_left_out_over_a_maximum",
	 PIPE(.backoff_max_ms = 1),
	 0,
	 {NULL}},
	{"backoff_of_weeks",
	 PIPE(.backoff_ms = UINT32_MAX, .backoff_max_ms = UINT32_MAX),
	 0,
	 {NULL}},
	{"stable_any", PIPE(.stable_ms = UINT32_MAX), 0, {NULL}},
	{"spin_over",
	 PIPE(.spin_us = SLUICE_SPIN_US_MAX + 1),
	 -EINVAL,
	 {"spin_us 1000001", "limit of 1000000"}},
	{"log", PIPE(.log = hear), 0, {NULL}},
	{"resv_last",
	 PIPE(.resv = {0, 0, 0, 0, 0, 0, 1}),
	 -EINVAL,
	 {"pipeline options", "resv[6]"}},
};

static void a_pipeline(void **state)
{
	const struct pipeline_row *row = *state;
	struct sluice_pipeline *p = NULL;

	assert_int_equal(sluice_pipeline_open(&p, &row->opts), row->rc);
	if (row->rc != 0) {
		assert_null(p);
		check_says(row->says, UNIT_COUNT(row->says));
	}
	sluice_pipeline_close(p);
}

int main(void)
{
	struct CMUnitTest
		all[UNIT_COUNT(stage_rows) + UNIT_COUNT(pipeline_rows)];
	size_t at = UNIT_ADD_ROWS(all, 0, a_stage, stage_rows);

	(void)UNIT_ADD_ROWS(all, at, a_pipeline, pipeline_rows);
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("new_opts", all, NULL, NULL);
}
