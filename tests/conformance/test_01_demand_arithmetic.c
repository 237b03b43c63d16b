/* SPDX-License-Identifier: Apache-2.0 */
/* How much a sink asks for, when it asks again, and how large its batches are.
 *
 * A source may be told the sum of two asks that it finds together: where only
 * one can be under way at a time, what it is told is asserted exactly; where
 * more can, their sum is. */
#include "ring/credit.h"
#include "tests/conformance/stage.h"

/* Every demand but the first is some of these asks put together. */
static void check_told_multiples(struct actor *source, uint32_t first,
				 uint32_t unit)
{
	actor_lock(source);
	for (uint32_t i = 0; i < source->tells && i < ACTOR_NOTES; i++)
		if (i == 0 ? source->told[i] != first
			   : source->told[i] % unit != 0) {
			actor_unlock(source);
			fail_msg("demand %u is %u", i, source->told[i]);
		}
	actor_unlock(source);
}

/* Every batch of the sink's @events has @size. */
static void check_all_sizes(struct actor *sink, uint64_t events, uint32_t size)
{
	WAIT_UNTIL(sink, sink->events >= events);
	assert_int_equal(sink->batches, events / size);
	for (uint32_t i = 0; i < sink->batches && i < ACTOR_BATCHES; i++) {
		assert_int_equal(sink->batch[i].count, size);
		assert_int_equal(sink->batch[i].first, (uint64_t)i * size);
	}
}

static void S01_defaults(void **state)
{
	struct actor *source = add_counter("source", 4000);
	struct actor *sink = add_sink("sink");
	struct sluice_sub sub = subscribe(sink, source, 1000, SLUICE_MIN_HALF);

	(void)state;
	rig_start();
	check_counts(sink, 0, 4000);
	check_all_sizes(sink, 4000, 500);
	check_told_multiples(source, 1000, 500);
	WAIT_SUB(sub, granted, 5000);
}

static void S02_max_100_min_80(void **state)
{
	struct actor *source = add_counter("source", 4000);
	struct actor *sink = add_sink("sink");
	struct sluice_sub sub = subscribe(sink, source, 100, 80);

	(void)state;
	rig_start();
	check_counts(sink, 0, 4000);
	check_all_sizes(sink, 4000, 20);
	check_told_multiples(source, 100, 20);
	WAIT_SUB(sub, granted, 4100);
}

static void S03_max_100_min_20(void **state)
{
	struct actor *source = add_counter("source", 3600);
	struct actor *sink = add_sink("sink");

	(void)state;
	(void)subscribe(sink, source, 100, 20);
	rig_start();
	check_counts(sink, 0, 3600);
	check_sizes(sink, 80, 20, 80, 80, 20, 80, 80, 20, 80, 80, 20, 80);
	check_told(source, 100, 80, 100, 80, 100, 80, 100, 80);
}

static void S04_one_at_a_time(void **state)
{
	struct actor *source = add_counter("source", 300);
	struct actor *sink = add_sink("sink");
	struct sluice_sub sub = subscribe(sink, source, 1, SLUICE_MIN_ZERO);

	(void)state;
	rig_start();
	check_counts(sink, 0, 300);
	check_all_sizes(sink, 300, 1);
	check_told(source, 1, 1, 1, 1, 1, 1, 1, 1);
	WAIT_SUB(sub, granted, 301);
}

static void S05_max_10_min_0(void **state)
{
	struct actor *source = add_counter("source", 1000);
	struct actor *sink = add_sink("sink");
	struct sluice_sub sub = subscribe(sink, source, 10, SLUICE_MIN_ZERO);

	(void)state;
	rig_start();
	check_counts(sink, 0, 1000);
	check_all_sizes(sink, 1000, 10);
	check_told(source, 10, 10, 10, 10, 10, 10);
	WAIT_SUB(sub, granted, 1010);
}

static void S07_default_min_is_half(void **state)
{
	static const uint32_t max[] = {1, 2, 3, 5, 1000};
	static const uint32_t min[] = {0, 1, 1, 2, 500};
	struct sluice_credit credit;

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(max); i++) {
		assert_int_equal(
			sluice_credit_init(&credit, max[i], SLUICE_MIN_HALF, 0),
			0);
		assert_int_equal(credit.min_events, min[i]);
		assert_int_equal(credit.batch_events, max[i] - min[i]);
	}
}

/* ---- batch splitting ----------------------------------------------------- */

/* @events come at once with @pending of them asked for; they are handled in
 * chunks, and each is followed by an ask. */
struct split_row {
	const char *name;
	uint32_t events;
	int32_t min;
	uint32_t max;
	uint32_t pending;
	struct {
		uint32_t size;
		uint32_t ask;
	} chunk[5];
	uint32_t after;
};

static struct split_row split_rows[] = {
	{"S08a", 1000, 500, 1000, 1000, {{500, 500}, {500, 500}}, 1000},
	{"S08b",
	 100,
	 80,
	 100,
	 100,
	 {{20, 20}, {20, 20}, {20, 20}, {20, 20}, {20, 20}},
	 100},
	{"S08c", 100, 20, 100, 100, {{80, 80}, {20, 0}}, 80},
	{"S08e", 100, 750, 1000, 900, {{100, 0}}, 800},
	{"S08g", 1, SLUICE_MIN_ZERO, 1, 1, {{1, 1}}, 1},
	{"S08h", 3, SLUICE_MIN_ZERO, 10, 10, {{3, 0}}, 7},
	{"S08i", 7, SLUICE_MIN_ZERO, 10, 7, {{7, 10}}, 10},
	{"S08l", 5, 2, 5, 5, {{3, 3}, {2, 0}}, 3},
	{"S08m", 700, 500, 1000, 1000, {{500, 500}, {200, 0}}, 800},
	/* Excess cannot be: of 13 events ten are sent, and three more when they
	 * have been asked for. All are handled as the case says. */
	{"S08o_excess_waits_to_be_asked_for",
	 13,
	 5,
	 10,
	 10,
	 {{5, 5}, {5, 5}, {3, 0}},
	 7},
};

static void split(void **state)
{
	const struct split_row *row = *state;
	struct sluice_credit credit;
	uint64_t acked = UNIT_NEAR_WRAP - 5;
	uint64_t granted = acked + row->pending;
	uint32_t left = row->events;
	uint32_t i = 0;

	assert_int_equal(sluice_credit_init(&credit, row->max, row->min, 0), 0);
	while (left > 0) {
		uint32_t size =
			left < credit.batch_events ? left : credit.batch_events;
		uint64_t next;

		if (size > granted - acked)
			size = (uint32_t)(granted - acked);
		acked += size;
		next = sluice_credit_after_ack(&credit, granted, acked);
		assert_true(i < UNIT_COUNT(row->chunk));
		assert_int_equal(size, row->chunk[i].size);
		assert_int_equal(next - granted, row->chunk[i].ask);
		granted = next;
		left -= size;
		i++;
		/* Nothing else ever returns credit. */
		assert_true(sluice_credit_when_idle(&credit, granted, acked) ==
			    granted);
	}
	assert_true(i == UNIT_COUNT(row->chunk) || row->chunk[i].size == 0);
	assert_int_equal(granted - acked, row->after);
}

static void S08o_whole_stages(void **state)
{
	struct actor *source = add_silent("source");
	struct actor *sink = add_sink("sink");
	struct sluice_sub sub = subscribe(sink, source, 10, 5);

	(void)state;
	rig_start();
	emit(source, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13);
	check_events(sink, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13);
	check_sizes(sink, 5, 5, 3);
	assert_int_equal(sub_stats(sub).granted, 20);
	assert_int_equal(actor_stats(source).buffered, 0);
}

/* ---- manual demand ------------------------------------------------------- */

static void S10_manual_sink(void **state)
{
	struct actor *source = add_counter("source", UINT64_MAX);
	struct actor *sink = add_sink("sink");
	struct sluice_sub sub = subscribe_manual(sink, source, 100);

	(void)state;
	rig_start();
	stage_settle();
	assert_int_equal(sink->batches, 0);
	for (uint32_t round = 1; round <= 4; round++) {
		ask(sub, 50);
		WAIT_UNTIL(sink, sink->events >= 50 * round);
		stage_settle();
		/* Not cut, and nothing more until it asks again. */
		assert_int_equal(sink->batches, round);
		assert_int_equal(sink->batch[round - 1].count, 50);
		assert_int_equal(sink->batch[round - 1].first,
				 50 * (round - 1));
		assert_int_equal(sub_stats(sub).granted, 50 * round);
	}
	check_told(source, 50, 50, 50, 50);
	assert_int_equal(source->tells, 4);
}

static void S11_ask_of_nothing(void **state)
{
	struct actor *source = add_counter("source", UINT64_MAX);
	struct actor *sink = add_sink("sink");
	struct actor *other = add_sink("other");
	struct sluice_sub sub = subscribe_manual(sink, source, 100);
	struct sluice_sub automatic = {0};

	(void)state;
	rig_start();
	ask(sub, 0);
	stage_settle();
	assert_int_equal(sink->batches, 0);
	assert_int_equal(source->tells, 0);
	ask(sub, 7);
	check_events(sink, 0, 1, 2, 3, 4, 5, 6);
	/* A number of events has no sign here; what is refused at the call is
	 * to ask for a sink that asks by itself. */
	automatic = subscribe(other, source, 10, 5);
	assert_int_equal(sluice_ask(automatic, 1), -EINVAL);
	assert_text_has(sluice_last_error(), "automatic");
}

/* Demand adds up and never expires, also beyond the ring. */
static void S10_demand_adds_up(void **state)
{
	struct actor *source = add_silent("source");
	struct actor *sink = add_sink("sink");
	struct sluice_sub sub = subscribe_manual(sink, source, 4);

	(void)state;
	rig_start();
	ask(sub, 3);
	ask(sub, 3);
	ask(sub, 3);
	emit(source, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
	check_events(sink, 1, 2, 3, 4, 5, 6, 7, 8, 9);
	assert_int_equal(actor_stats(source).buffered, 2);
}

/* ---- refused at subscribe ------------------------------------------------ */

struct refused_row {
	const char *name;
	struct sluice_subscription_opts opts;
	const char *says;
};

#define SUB_ROW(...)                                                           \
	{                                                                      \
		.size = sizeof(struct sluice_subscription_opts), __VA_ARGS__   \
	}

static struct refused_row refused_rows[] = {
	{"S12_max_0", SUB_ROW(.max_demand = 0), "max_demand"},
	/* There is no infinity; what a negative or computed number becomes is
	 * over the limit. */
	{"S12_max_infinity", SUB_ROW(.max_demand = UINT32_MAX), "max_demand"},
	{"S12_min_negative", SUB_ROW(.max_demand = 10, .min_demand = -1),
	 "min_demand"},
	{"S12_min_5_max_5", SUB_ROW(.max_demand = 5, .min_demand = 5),
	 "min_demand"},
	{"S12_min_1000_max_left_out",
	 SUB_ROW(.max_demand = SLUICE_DEMAND_DEFAULT, .min_demand = 1000),
	 "999"},
	{"S12_min_2000_max_left_out",
	 SUB_ROW(.max_demand = SLUICE_DEMAND_DEFAULT, .min_demand = 2000),
	 "999"},
	{"S12_unknown_cancel_mode",
	 SUB_ROW(.max_demand = 10, .on_end = (enum sluice_on_end)9), "on_end"},
	{"S12_unknown_option", SUB_ROW(.max_demand = 10, .resv = {1}), ""},
	{"S12_unknown_flag", SUB_ROW(.max_demand = 10, .flags = 1u << 20),
	 "flags"},
};

static void refused_at_subscribe(void **state)
{
	const struct refused_row *row = *state;
	struct actor *source = add_counter("source", 50);
	struct actor *sink = add_sink("sink");

	assert_int_equal(
		sluice_subscribe(rig.pipeline, "sink", "source", &row->opts),
		-EINVAL);
	assert_text_has(sluice_last_error(), row->says);
	rig_start();
	assert_int_equal(
		sluice_subscribe(rig.pipeline, "sink", "source", &row->opts),
		-EINVAL);
	assert_text_has(sluice_last_error(), row->says);
	stage_settle();
	/* Nothing was subscribed, and the sink lives on. */
	assert_int_equal(source->tells, 0);
	(void)subscribe(sink, source, 10, 5);
	check_counts(sink, 0, 50);
}

/* ---- refused at start ---------------------------------------------------- */

struct stage_row {
	const char *name;
	struct sluice_stage_opts opts;
	const char *says;
};

#define STAGE_ROW(...)                                                         \
	{                                                                      \
		.size = sizeof(struct sluice_stage_opts), .name = "stage",     \
		__VA_ARGS__                                                    \
	}
#define SOURCE_ROW(...)                                                        \
	STAGE_ROW(.kind = SLUICE_PRODUCER, .out_bytes = 8,                     \
		  .handle_demand = actor_demand, __VA_ARGS__)
#define SINK_ROW(...)                                                          \
	STAGE_ROW(.kind = SLUICE_CONSUMER, .in_bytes = 8,                      \
		  .handle_events = actor_handle, __VA_ARGS__)

static struct stage_row stage_rows[] = {
	{"S13_buffer_size_negative",
	 SOURCE_ROW(.buffer_events = UINT32_MAX - 1), "buffer_events"},
	{"S13_buffer_keep", SOURCE_ROW(.buffer_keep = (enum sluice_keep)4),
	 "buffer_keep"},
	{"S13_demand_mode", SOURCE_ROW(.demand = (enum sluice_demand_mode)2),
	 "demand"},
	{"S13_no_such_dispatcher", SOURCE_ROW(.dispatcher = "fastest"),
	 "fastest"},
	{"S13_unknown_option", SOURCE_ROW(.resv = {1}), ""},
	{"S13_unknown_flag", SOURCE_ROW(.flags = 1u << 20), "flags"},
	{"S13_demand_mode_of_a_middle",
	 STAGE_ROW(.kind = SLUICE_PRODUCER_CONSUMER, .in_bytes = 8,
		   .out_bytes = 8, .handle_events = actor_handle,
		   .demand = SLUICE_DEMAND_ACCUMULATE),
	 "demand"},
	{"S13_buffer_size_of_a_sink", SINK_ROW(.buffer_events = 10), "buffer"},
	{"S13_buffer_keep_of_a_sink",
	 SINK_ROW(.buffer_keep = SLUICE_KEEP_FIRST), "buffer"},
	{"S13_demand_mode_of_a_sink",
	 SINK_ROW(.demand = SLUICE_DEMAND_ACCUMULATE), "demand"},
	{"S13_dispatcher_of_a_sink", SINK_ROW(.dispatcher = "demand"),
	 "dispatcher"},
};

static void refused_at_start(void **state)
{
	const struct stage_row *row = *state;

	assert_int_equal(sluice_stage_add(rig.pipeline, &row->opts), -EINVAL);
	assert_text_has(sluice_last_error(), row->says);
	assert_null(sluice_stage_find(rig.pipeline, "stage"));
}

static void S14_buffer_of_none_drops_at_once(void **state)
{
	struct actor *source = silent_new("source");
	struct actor *sink = add_sink("sink");

	(void)state;
	flow_add(rig.pipeline,
		 SOURCE_OPTS(source, .buffer_events = SLUICE_BUFFER_NONE));
	rig_start();
	emit(source, 1, 2, 3);
	stage_settle();
	assert_int_equal(actor_stats(source).overflowed, 3);
	assert_int_equal(actor_stats(source).buffered, 0);
	assert_int_equal(source->discards, 1);
	assert_int_equal(source->discard[0], 3);
	(void)subscribe(sink, source, 4, SLUICE_MIN_HALF);
	WAIT_UNTIL(source, source->tells >= 1);
	emit(source, 4, 5);
	check_events(sink, 4, 5);
}

int main(void)
{
	static struct CMUnitTest tests[64] = {
		cmocka_unit_test(S01_defaults),
		cmocka_unit_test(S02_max_100_min_80),
		cmocka_unit_test(S03_max_100_min_20),
		cmocka_unit_test(S04_one_at_a_time),
		cmocka_unit_test(S05_max_10_min_0),
		cmocka_unit_test(S07_default_min_is_half),
		cmocka_unit_test(S08o_whole_stages),
		cmocka_unit_test(S10_manual_sink),
		cmocka_unit_test(S10_demand_adds_up),
		cmocka_unit_test(S11_ask_of_nothing),
		cmocka_unit_test(S14_buffer_of_none_drops_at_once),
	};
	size_t count = 11;

	count = UNIT_ADD_ROWS(tests, count, split, split_rows);
	count = UNIT_ADD_ROWS(tests, count, refused_at_subscribe, refused_rows);
	count = UNIT_ADD_ROWS(tests, count, refused_at_start, stage_rows);
	return rig_run("conformance/01", tests, count);
}
