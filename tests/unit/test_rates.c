/* SPDX-License-Identifier: Apache-2.0 */
/* Rates between two snapshots: of what is in both, of what came and of what went. */
#include "tests/unit/look.h"

#define ROWS   4u
#define SPAN_S 2u

/* A snapshot that is made up. */
struct made {
	struct sluice_stage_snapshot stage[ROWS];
	struct sluice_subscription_snapshot sub[ROWS];
	const struct sluice_stage_snapshot *stages[ROWS];
	const struct sluice_subscription_snapshot *subs[ROWS];
	struct sluice_snapshot snapshot;
};

static struct made before, now;
static struct sluice_rates *rates;

static void made_stage(struct made *made, const char *name, uint64_t serial)
{
	struct sluice_snapshot *s = &made->snapshot;
	struct sluice_stage_snapshot *row = &made->stage[s->stage_count];

	*row = (struct sluice_stage_snapshot){.size = sizeof(*row),
					      .serial = serial};
	(void)snprintf(row->name, sizeof(row->name), "%s", name);
	made->stages[s->stage_count++] = row;
}

static void made_sub(struct made *made, uint32_t index, uint32_t generation)
{
	struct sluice_snapshot *s = &made->snapshot;
	struct sluice_subscription_snapshot *row =
		&made->sub[s->subscription_count];

	*row = (struct sluice_subscription_snapshot){
		.size = sizeof(*row),
		.sub = {.index = index, .generation = generation},
		.consumer = "b",
		.producer = "a",
	};
	made->subs[s->subscription_count++] = row;
}

static void made_empty(struct made *made, uint64_t time_s)
{
	*made = (struct made){
		.snapshot = {.size = sizeof(made->snapshot),
			     .time_ns = time_s * UINT64_C(1000000000),
			     .stages = made->stages,
			     .subscriptions = made->subs,
			     .name = "p"}};
}

/* Two of a pipeline with stages "a" and "b", and two subscriptions. */
static int made_two(void **state)
{
	(void)state;
	made_empty(&before, 10);
	made_empty(&now, 10 + SPAN_S);
	for (uint32_t i = 0; i < 2; i++) {
		struct made *made = i == 0 ? &before : &now;

		made_stage(made, "a", 1);
		made_stage(made, "b", 2);
		made_sub(made, 0, 1);
		made_sub(made, 1, 1);
	}
	return 0;
}

static int made_close(void **state)
{
	(void)state;
	sluice_rates_close(rates);
	rates = NULL;
	return 0;
}

static void rate(void)
{
	sluice_rates_close(rates);
	rates = NULL;
	assert_int_equal(
		sluice_snapshot_rates(&before.snapshot, &now.snapshot, &rates),
		0);
	assert_int_equal(rates->size, sizeof(*rates));
}

/* What a test compares is exact. */
static void assert_rate(double is, double expected)
{
	if (is < expected || is > expected)
		fail_msg("%.17g is not %.17g", is, expected);
}

/* ---- one that is in both ----------------------------------------------------- */

static void each_count_has_its_rate(void **state)
{
	struct sluice_stage_stats *a = &before.stage[1].counts;
	struct sluice_stage_stats *b = &now.stage[1].counts;
	const struct sluice_stage_rates *row;

	(void)state;
	*a = (struct sluice_stage_stats){.events_in = 100,
					 .batches_in = 10,
					 .events_out = 1000,
					 .batches_out = 20,
					 .restarts = 3};
	*b = (struct sluice_stage_stats){.events_in = 140,
					 .batches_in = 16,
					 .events_out = 1200,
					 .batches_out = 21,
					 .restarts = 8};
	before.sub[1].carried = 7;
	now.sub[1].carried = 27;
	before.sub[1].counts.batches = 3;
	now.sub[1].counts.batches = 9;
	rate();
	assert_int_equal(rates->span_ns, SPAN_S * UINT64_C(1000000000));
	assert_int_equal(rates->stage_count, 2);
	assert_int_equal(rates->subscription_count, 2);
	row = rates->stages[1];
	assert_int_equal(row->size, sizeof(*row));
	assert_int_equal(row->flags, 0);
	assert_int_equal(row->serial, 2);
	assert_string_equal(row->name, "b");
	assert_rate(row->events_in_per_s, 20);
	assert_rate(row->batches_in_per_s, 3);
	assert_rate(row->events_out_per_s, 100);
	assert_rate(row->batches_out_per_s, 0.5);
	assert_int_equal(row->restarts, 5);
	assert_int_equal(rates->subscriptions[1]->size,
			 sizeof(*rates->subscriptions[1]));
	assert_int_equal(rates->subscriptions[1]->flags, 0);
	assert_int_equal(rates->subscriptions[1]->sub.index, 1);
	assert_string_equal(rates->subscriptions[1]->consumer, "b");
	assert_string_equal(rates->subscriptions[1]->producer, "a");
	assert_rate(rates->subscriptions[1]->events_per_s, 10);
	assert_rate(rates->subscriptions[1]->batches_per_s, 3);
	assert_rate(rates->subscriptions[0]->events_per_s, 0);
}

static void its_time_is_what_it_lived_in_between(void **state)
{
	const struct sluice_stage_rates *row;

	(void)state;
	before.stage[0].time = (struct sluice_times){.lived_ns = 100,
						     .working_ns = 70,
						     .idle_ns = 10,
						     .no_credit_ns = 20};
	now.stage[0].time = (struct sluice_times){.lived_ns = 1100,
						  .working_ns = 570,
						  .idle_ns = 135,
						  .no_credit_ns = 270,
						  .blocked_ns = 125};
	rate();
	row = rates->stages[0];
	assert_int_equal(row->lived_ns, 1000);
	assert_rate(row->working, 0.5);
	assert_rate(row->idle, 0.125);
	assert_rate(row->no_credit, 0.25);
	assert_rate(row->blocked, 0.125);
	/* The other one did not live. */
	row = rates->stages[1];
	assert_int_equal(row->lived_ns, 0);
	assert_int_equal(row->flags, 0);
	assert_rate(row->working, 0);
	assert_rate(row->blocked, 0);
}

/* ---- what came, and what went -------------------------------------------------- */

/* "a" is in another place, "c" is new, and "b" another one of that name. */
static void rows_are_matched_by_identity(void **state)
{
	(void)state;
	made_empty(&now, 10 + SPAN_S);
	made_stage(&now, "b", 4);
	made_stage(&now, "c", 3);
	made_stage(&now, "a", 1);
	before.stage[0].counts.events_out = 5;
	now.stage[2].counts.events_out = 9;
	before.stage[1].counts.events_in = 1000;
	now.stage[0].counts.events_in = 6;
	now.stage[0].time = (struct sluice_times){
		.lived_ns = 4, .idle_ns = 3, .working_ns = 1};
	rate();
	assert_int_equal(rates->stage_count, 4);
	assert_int_equal(rates->stages[0]->flags, SLUICE_RATES_CAME);
	assert_rate(rates->stages[0]->events_in_per_s, 3);
	assert_rate(rates->stages[0]->idle, 0.75);
	assert_int_equal(rates->stages[1]->flags, SLUICE_RATES_CAME);
	assert_int_equal(rates->stages[2]->flags, 0);
	assert_rate(rates->stages[2]->events_out_per_s, 2);
	assert_int_equal(rates->stages[3]->flags, SLUICE_RATES_WENT);
	assert_int_equal(rates->stages[3]->serial, 2);
	assert_string_equal(rates->stages[3]->name, "b");
	assert_rate(rates->stages[3]->events_in_per_s, SLUICE_RATE_UNKNOWN);
	assert_rate(rates->stages[3]->batches_in_per_s, SLUICE_RATE_UNKNOWN);
	assert_rate(rates->stages[3]->events_out_per_s, SLUICE_RATE_UNKNOWN);
	assert_rate(rates->stages[3]->batches_out_per_s, SLUICE_RATE_UNKNOWN);
	assert_rate(rates->stages[3]->working, SLUICE_RATE_UNKNOWN);
	assert_rate(rates->stages[3]->blocked, SLUICE_RATE_UNKNOWN);
}

/* Nobody has the serial of a stage, but another pipeline of that name may. */
static void a_serial_of_another_name_is_another_stage(void **state)
{
	(void)state;
	now.stage[1].name[0] = 'x';
	rate();
	assert_int_equal(rates->stage_count, 3);
	assert_int_equal(rates->stages[1]->flags, SLUICE_RATES_CAME);
	assert_int_equal(rates->stages[2]->flags, SLUICE_RATES_WENT);
}

static void a_place_that_is_used_again_is_another_subscription(void **state)
{
	(void)state;
	before.sub[0].carried = 1000;
	now.sub[0].carried = 8;
	now.sub[0].counts.batches = 2;
	now.sub[0].sub.generation = 2;
	before.sub[1].carried = 3;
	now.sub[1].carried = 5;
	rate();
	assert_int_equal(rates->subscription_count, 3);
	assert_int_equal(rates->subscriptions[0]->flags, SLUICE_RATES_CAME);
	assert_rate(rates->subscriptions[0]->events_per_s, 4);
	assert_rate(rates->subscriptions[0]->batches_per_s, 1);
	assert_int_equal(rates->subscriptions[1]->flags, 0);
	assert_rate(rates->subscriptions[1]->events_per_s, 1);
	assert_int_equal(rates->subscriptions[2]->flags, SLUICE_RATES_WENT);
	assert_int_equal(rates->subscriptions[2]->sub.generation, 1);
	assert_rate(rates->subscriptions[2]->events_per_s, SLUICE_RATE_UNKNOWN);
	assert_rate(rates->subscriptions[2]->batches_per_s,
		    SLUICE_RATE_UNKNOWN);
}

static void all_may_have_gone(void **state)
{
	(void)state;
	made_empty(&now, 10 + SPAN_S);
	rate();
	assert_int_equal(rates->stage_count, 2);
	assert_int_equal(rates->subscription_count, 2);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(rates->stages[i]->flags, SLUICE_RATES_WENT);
		assert_int_equal(rates->subscriptions[i]->flags,
				 SLUICE_RATES_WENT);
	}
}

/* ---- what went back ------------------------------------------------------------ */

#define COUNT_OF(field_)                                                       \
	offsetof(struct sluice_stage_snapshot, counts.field_),                 \
		offsetof(struct sluice_stage_rates, field_##_per_s)
#define TIME_OF(name_)                                                         \
	offsetof(struct sluice_stage_snapshot, time.name_##_ns),               \
		offsetof(struct sluice_stage_rates, name_)

static struct back_row {
	const char *name;
	size_t count; /* a uint64_t of the snapshot's row */
	size_t rate;  /* a double of the row of rates */
} back_rows[] = {
	{"events in", COUNT_OF(events_in)},
	{"batches in", COUNT_OF(batches_in)},
	{"events out", COUNT_OF(events_out)},
	{"batches out", COUNT_OF(batches_out)},
	{"working", TIME_OF(working)},
	{"idle", TIME_OF(idle)},
	{"no credit", TIME_OF(no_credit)},
	{"blocked", TIME_OF(blocked)},
};

/* Its rate is not known, and the others are. */
static void a_count_that_went_back(void **state)
{
	const struct back_row *row = *state;
	double is;

	before.stage[1].counts.events_in = 2;
	before.stage[1].counts.events_out = 2;
	now.stage[1].counts.events_in = 4;
	now.stage[1].counts.events_out = 4;
	now.stage[1].time.lived_ns = 8;
	now.stage[1].time.working_ns = 8;
	*(uint64_t *)(void *)((char *)&before.stage[1] + row->count) = 9;
	rate();
	assert_int_equal(rates->stages[1]->flags, SLUICE_RATES_BACK);
	is = *(const double *)(const void *)((const char *)rates->stages[1] +
					     row->rate);
	assert_rate(is, SLUICE_RATE_UNKNOWN);
	if (row->rate != offsetof(struct sluice_stage_rates, events_out_per_s))
		assert_rate(rates->stages[1]->events_out_per_s, 1);
	if (row->rate != offsetof(struct sluice_stage_rates, events_in_per_s))
		assert_rate(rates->stages[1]->events_in_per_s, 1);
	assert_int_equal(rates->stages[0]->flags, 0);
}

static void other_counts_that_went_back(void **state)
{
	(void)state;
	before.stage[0].counts.restarts = 1;
	before.stage[1].time.lived_ns = 1;
	before.sub[0].carried = 1;
	before.sub[1].counts.batches = 1;
	now.sub[1].carried = 2;
	rate();
	assert_int_equal(rates->stages[0]->flags, SLUICE_RATES_BACK);
	assert_int_equal(rates->stages[0]->restarts, 0);
	assert_int_equal(rates->stages[1]->flags, SLUICE_RATES_BACK);
	assert_int_equal(rates->stages[1]->lived_ns, 0);
	assert_int_equal(rates->subscriptions[0]->flags, SLUICE_RATES_BACK);
	assert_rate(rates->subscriptions[0]->events_per_s, SLUICE_RATE_UNKNOWN);
	assert_rate(rates->subscriptions[0]->batches_per_s, 0);
	assert_int_equal(rates->subscriptions[1]->flags, SLUICE_RATES_BACK);
	assert_rate(rates->subscriptions[1]->events_per_s, 1);
	assert_rate(rates->subscriptions[1]->batches_per_s,
		    SLUICE_RATE_UNKNOWN);
}

/* ---- without an earlier one ----------------------------------------------------- */

static void of_one_alone_shares_are_those_of_its_life(void **state)
{
	(void)state;
	now.stage[0].counts.events_out = 5;
	now.stage[0].time = (struct sluice_times){
		.lived_ns = 4, .idle_ns = 1, .blocked_ns = 3};
	now.sub[0].carried = 5;
	assert_int_equal(sluice_snapshot_rates(NULL, &now.snapshot, &rates), 0);
	assert_int_equal(rates->span_ns, 0);
	assert_int_equal(rates->stage_count, 2);
	assert_int_equal(rates->stages[0]->flags, 0);
	assert_rate(rates->stages[0]->events_out_per_s, SLUICE_RATE_UNKNOWN);
	assert_rate(rates->stages[0]->idle, 0.25);
	assert_rate(rates->stages[0]->blocked, 0.75);
	assert_int_equal(rates->subscriptions[0]->flags, 0);
	assert_rate(rates->subscriptions[0]->events_per_s, SLUICE_RATE_UNKNOWN);
}

static void without_time_between_no_rate_is_known(void **state)
{
	(void)state;
	now.snapshot.time_ns = before.snapshot.time_ns;
	now.stage[0].counts.events_out = 5;
	rate();
	assert_int_equal(rates->span_ns, 0);
	assert_int_equal(rates->stages[0]->flags, 0);
	assert_rate(rates->stages[0]->events_out_per_s, SLUICE_RATE_UNKNOWN);
	assert_rate(rates->subscriptions[0]->events_per_s, SLUICE_RATE_UNKNOWN);
}

static void what_is_wrong_is_named(void **state)
{
	struct sluice_rates *none = (struct sluice_rates *)&now;

	(void)state;
	assert_int_equal(sluice_snapshot_rates(&before.snapshot, NULL, &none),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "now is NULL");
	assert_int_equal(
		sluice_snapshot_rates(&before.snapshot, &now.snapshot, NULL),
		-EINVAL);
	assert_text_has(sluice_last_error(), "out is NULL");
	assert_int_equal(
		sluice_snapshot_rates(&now.snapshot, &before.snapshot, &none),
		-EINVAL);
	assert_text_has(sluice_last_error(),
			"before was taken 2000000000 ns after now");
	now.snapshot.name[0] = 'q';
	assert_int_equal(
		sluice_snapshot_rates(&before.snapshot, &now.snapshot, &none),
		-EINVAL);
	assert_text_has(sluice_last_error(),
			"before is of pipeline 'p', now of 'q'");
	assert_ptr_equal(none, &now);
	sluice_rates_close(NULL);
}

/* ---- of a pipeline that runs ------------------------------------------------------ */

/* Rates keep nothing of the snapshots. */
static void those_of_a_pipeline(void **state)
{
	struct sluice_snapshot *first;
	struct sluice_rates *since = NULL;
	struct sluice_sub sub;
	double expected;

	(void)state;
	open_gated(&sub);
	look();
	first = seen;
	seen = NULL;
	gate_open(&gate, EVENTS);
	flow_wait_handled(pipeline, "gated", EVENTS);
	add_sink("late", &sinks[1]);
	look();
	assert_int_equal(sluice_snapshot_rates(first, seen, &since), 0);
	expected = (double)(stage_row("gated")->counts.events_in -
			    sluice_snapshot_stage(first, "gated")
				    ->counts.events_in) *
		   1e9 / (double)(seen->time_ns - first->time_ns);
	assert_int_equal(since->stage_count, 3);
	assert_int_equal(since->subscription_count, 1);
	sluice_snapshot_close(first);
	sluice_snapshot_close(seen);
	seen = NULL;
	for (uint32_t i = 0; i < since->stage_count; i++)
		if (strcmp(since->stages[i]->name, "gated") == 0)
			assert_rate(since->stages[i]->events_in_per_s,
				    expected);
	assert_int_equal(since->stages[2]->flags, SLUICE_RATES_CAME);
	assert_string_equal(since->stages[2]->name, "late");
	assert_true(since->subscriptions[0]->events_per_s > 0);
	sluice_rates_close(since);
}

#define MADE(test_) cmocka_unit_test_setup_teardown(test_, made_two, made_close)
#define BACK(row_)                                                             \
	{                                                                      \
		back_rows[row_].name, a_count_that_went_back, made_two,        \
			made_close, &back_rows[row_]                           \
	}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(those_of_a_pipeline),
		MADE(each_count_has_its_rate),
		MADE(its_time_is_what_it_lived_in_between),
		MADE(rows_are_matched_by_identity),
		MADE(a_serial_of_another_name_is_another_stage),
		MADE(a_place_that_is_used_again_is_another_subscription),
		MADE(all_may_have_gone),
		MADE(other_counts_that_went_back),
		MADE(of_one_alone_shares_are_those_of_its_life),
		MADE(without_time_between_no_rate_is_known),
		MADE(what_is_wrong_is_named),
		BACK(0),
		BACK(1),
		BACK(2),
		BACK(3),
		BACK(4),
		BACK(5),
		BACK(6),
		BACK(7),
	};

	look_watch(tests, 1);
	return cmocka_run_group_tests_name("rates", tests, NULL, NULL);
}
