/* SPDX-License-Identifier: Apache-2.0 */
/* What consumers have granted is what events are shared out by: who has joined
 * gets its share at once, who is blocked gets nothing that an idle one could
 * have, and equals share an emission. An emission is made only when all who are
 * not blocked have granted all they can: so each outcome is the only right one. */
#include "tests/unit/grants.h"

/* The dispatchers that choose, and what is to be expected of them. */
static struct row rows[] = {
	{"demand", {.dispatcher = "demand"}, 2, 1, 1},
	{"demand_one", {.dispatcher = "demand", .chunk_events = 1}, 2, 1, 1},
	{"demand_whole",
	 {.dispatcher = "demand", .chunk_events = SLUICE_CHUNK_ALL},
	 2,
	 1,
	 0},
	{"demand_shuffled",
	 {.dispatcher = "demand", .flags = SLUICE_STAGE_SHUFFLE},
	 2,
	 1,
	 1},
	/* Turns are turns: its window, and then no more. */
	{"rr", {.dispatcher = "rr"}, 2, 16, 1},
	{"rr_skip", {.dispatcher = "rr", .flags = SLUICE_STAGE_SKIP}, 2, 1, 1},
	{"jbsq", {.dispatcher = "jbsq"}, 2, 1, 1},
	{"jbsq_of_two", {.dispatcher = "jbsq", .in_flight_max = 2}, 2, 1, 0},
	{"p2c", {.dispatcher = "p2c"}, 64, 1, 0},
	/* By the key, or nearly. */
	{"partition", {.dispatcher = "partition", .key_bytes = 8}, 64, 16, 0},
	{"atomic", {.dispatcher = "atomic", .key_bytes = 8}, 2, 16, 0},
	{"pkg", {.dispatcher = "pkg", .key_bytes = 8}, 64, 16, 0},
	{"sticky", {.dispatcher = "sticky", .key_bytes = 8}, 64, 16, 0},
};

static struct row *row_of(const char *name)
{
	struct row *row = rows;

	while (strcmp(row->name, name) != 0)
		row++;
	return row;
}

/* The others have had much; it gets its first event at once. */
static void a_joiner_has_its_share(void **state)
{
	const struct row *row = *state;
	struct sluice_pipeline *p;
	uint32_t n = 0;

	set_sinks(4096);
	p = open_row(row, 2, make_none);
	wait_idle(&sinks[0]);
	wait_idle(&sinks[1]);
	for (uint32_t i = 0; i < 10; i++) {
		emit(p, 1);
		wait_idle(&sinks[0]);
		wait_idle(&sinks[1]);
	}
	join(p, 2);
	wait_idle(&sinks[2]);
	while (got(&sinks[2]) == 0 && n < 64) {
		emit(p, 1);
		n++;
		for (uint32_t i = 0; i < 3; i++)
			wait_idle(&sinks[i]);
	}
	/* Behind the two who were there, at most. */
	assert_in_range(n, 1, row->joiner_within + (row->joiner_within < 64));
	assert_int_equal(got(&sinks[0]) + got(&sinks[1]) + got(&sinks[2]),
			 10 + n);
	close_row(p);
}

/* It holds its first event; what follows goes to the one that is idle, be its
 * window smaller. */
static void check_blocked(const struct row *row, uint32_t window,
			  uint32_t others, uint32_t emission)
{
	struct sluice_pipeline *p;
	struct sluice_subscription_stats stat;
	uint64_t before;

	set_sinks(window);
	sinks[0].blocks = 1;
	sinks[1].window = others;
	p = open_row(row, 2, make_none);
	wait_idle(&sinks[0]);
	wait_idle(&sinks[1]);
	do {
		emit(p, 1);
		wait_idle(&sinks[1]);
		assert_int_equal(sluice_subscription_stat(sinks[0].sub, &stat),
				 0);
	} while (stat.published == 0);
	assert_int_equal(gate_await(&gate, 1), 0);
	before = got(&sinks[1]);
	for (uint32_t i = 0; i < ROUNDS / emission; i++) {
		emit(p, emission);
		wait_idle(&sinks[1]);
		/* Strict turns end with its credit. */
		if (flow_stats(p, "source").buffered > 0)
			break;
	}
	assert_int_equal(sluice_subscription_stat(sinks[0].sub, &stat), 0);
	assert_in_range(stat.published, 1, row->blocked_at_most);
	assert_true(got(&sinks[1]) > before);
	__atomic_store_n(&sinks[0].blocks, 0, __ATOMIC_RELEASE);
	close_row(p);
	assert_int_equal(got(&sinks[0]) + got(&sinks[1]), made);
}

static void the_blocked_have_nothing_that_the_idle_could(void **state)
{
	check_blocked(*state, 16, 16, 1);
}

static void whatever_their_windows(void **state)
{
	check_blocked(*state, 4096, 50, 1);
}

static void and_however_much_comes(void **state)
{
	check_blocked(*state, 1000, 1000, 10);
	check_blocked(*state, 4096, 50, 50);
}

/* Each event is for all: the others have what the blocked one has room for. */
static void all_wait_for_a_blocked_reader(void **state)
{
	const struct row row = {.opts = {.dispatcher = "broadcast"}};
	struct sluice_subscription_stats stat;
	struct sluice_pipeline *p;

	(void)state;
	set_sinks(16);
	sinks[0].blocks = 1;
	p = open_row(&row, 2, make_none);
	for (uint32_t i = 0; i < 20; i++)
		emit(p, 1);
	assert_int_equal(flow_stats(p, "source").buffered, 4);
	wait_idle(&sinks[1]);
	assert_int_equal(got(&sinks[1]), 16);
	assert_int_equal(sluice_subscription_stat(sinks[0].sub, &stat), 0);
	assert_int_equal(stat.published, 16);
	__atomic_store_n(&sinks[0].blocks, 0, __ATOMIC_RELEASE);
	close_row(p);
	assert_int_equal(got(&sinks[0]), 20);
	assert_int_equal(got(&sinks[1]), 20);
}

static int answer(struct sluice_stage *self, const struct sluice_batch *batch)
{
	int rc = flow_pass(self, batch);

	return rc == SLUICE_OK ? take(self, batch) : rc;
}

/* Of two who answer in order one is blocked: the other has all that follows. */
static void a_blocked_worker_has_one_event(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_subscription_stats stat;
	uint64_t before;

	(void)state;
	gate = GATE_CLOSED;
	made = 0;
	set_sinks(1000);
	sinks[0].blocks = 1;
	flow_add(p,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .dispatcher = "ordered",
			      .order_offset = SLUICE_ORDER_OFFSET(0),
			      .handle_demand = make_none, .handle_call = make));
	flow_add(p, SLUICE_STAGE(.name = "join", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = take,
				 .state = &sinks[2], .order_of = "source"));
	for (uint32_t i = 0; i < 2; i++) {
		flow_add(p, SLUICE_STAGE(.name = sink_name(i),
					 .kind = SLUICE_PRODUCER_CONSUMER,
					 .in_bytes = 8, .out_bytes = 8,
					 .handle_events = answer, .blocking = 1,
					 .state = &sinks[i]));
		join(p, i);
		flow_subscribe(p, "join", sink_name(i), NULL);
	}
	flow_start(p);
	wait_idle(&sinks[0]);
	wait_idle(&sinks[1]);
	emit(p, 1);
	emit(p, 1);
	assert_int_equal(gate_await(&gate, 1), 0);
	wait_idle(&sinks[1]);
	before = got(&sinks[1]);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		emit(p, 1);
		wait_idle(&sinks[1]);
	}
	assert_int_equal(sluice_subscription_stat(sinks[0].sub, &stat), 0);
	assert_int_equal(stat.published, 1);
	assert_int_equal(got(&sinks[1]), before + ROUNDS);
	__atomic_store_n(&sinks[0].blocks, 0, __ATOMIC_RELEASE);
	close_row(p);
	assert_int_equal(got(&sinks[2]), ROUNDS + 2);
}

/* A source that waits for its events knows what was granted meanwhile. */
static void while_the_source_was_waiting(void **state)
{
	const struct row *row = *state;
	struct sluice_pipeline *p;

	set_sinks(16);
	sinks[0].blocks = 1;
	p = open_row(row, 2, make_one);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		assert_int_equal(gate_await(&source_gate, i + 1), 0);
		wait_idle(&sinks[1]);
		gate_open(&source_gate, 1);
	}
	for (uint32_t ms = 0; got(&sinks[1]) < ROUNDS - 1; ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	__atomic_store_n(&sinks[0].blocks, 0, __ATOMIC_RELEASE);
	close_row(p);
	assert_int_equal(got(&sinks[0]) + got(&sinks[1]), ROUNDS);
}

/* All are idle: 64 events are eight for each. */
static void equals_share_an_emission(void **state)
{
	const struct row *row = *state;
	struct sluice_pipeline *p;

	set_sinks(1000);
	p = open_row(row, CONSUMERS, make_none);
	for (uint32_t round = 1; round <= 5; round++) {
		uint32_t most = 0;

		for (uint32_t i = 0; i < CONSUMERS; i++)
			wait_idle(&sinks[i]);
		emit(p, 8 * CONSUMERS);
		for (uint32_t i = 0; i < CONSUMERS; i++) {
			wait_idle(&sinks[i]);
			if (got(&sinks[i]) > most)
				most = (uint32_t)got(&sinks[i]);
		}
		if (row->opts.chunk_events == SLUICE_CHUNK_ALL)
			assert_int_equal(most % (8 * CONSUMERS), 0);
		else
			assert_int_equal(most, 8 * round);
	}
	close_row(p);
}

/* Who takes for itself and is blocked by it holds back its share of what lay there,
 * 8 of 64, the next 7 of 56, and so on: not half of it. */
static void takers_have_even_shares(void **state)
{
	const struct row row = {.opts = {.dispatcher = "shared"}};
	struct sluice_subscription_stats stat;
	struct sluice_pipeline *p;

	(void)state;
	set_sinks(1000);
	for (uint32_t i = 0; i < CONSUMERS; i++)
		sinks[i].blocks = 1;
	p = open_row(&row, CONSUMERS, make_none);
	emit(p, 8 * CONSUMERS);
	assert_int_equal(gate_await(&gate, CONSUMERS), 0);
	for (uint32_t i = 0; i < CONSUMERS; i++) {
		assert_int_equal(sluice_subscription_stat(sinks[i].sub, &stat),
				 0);
		assert_in_range(stat.published, 1, 8);
	}
	close_row(p);
	for (uint32_t i = 1; i < CONSUMERS; i++)
		sinks[0].events += sinks[i].events;
	assert_int_equal(sinks[0].events, 8 * CONSUMERS);
}

/* ---- weights --------------------------------------------------------------- */

/* Strict turns: of each four events three are for the first. */
static void turns_have_weights(void **state)
{
	static struct flow_sink heavy;
	static struct flow_sink light;
	static struct flow_source source;
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	heavy = (struct flow_sink){0};
	light = (struct flow_sink){0};
	source = (struct flow_source){.end = 4000};
	flow_add(p, SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = flow_count,
				 .dispatcher = "rr", .fini = flow_fini,
				 .state = &source));
	flow_add_sink(p, "heavy", &heavy);
	flow_add_sink(p, "light", &light);
	flow_subscribe(p, "heavy", "source", SLUICE_SUBSCRIPTION(.weight = 3));
	flow_subscribe(p, "light", "source", NULL);
	assert_int_equal(flow_run(p), 0);
	sluice_pipeline_close(p);
	assert_int_equal(heavy.events, 3000);
	assert_int_equal(light.events, 1000);
	/* 3, 7, 11 ... */
	assert_int_equal(light.sum, 4 * flow_sum(1000) + 3 * 1000);
}

#define ADD(label, test_, row)                                                 \
	do {                                                                   \
		(void)snprintf(names[count], sizeof(names[count]), "%s%s",     \
			       #test_, (label));                               \
		tests[count].name = names[count];                              \
		tests[count].test_func = (test_);                              \
		tests[count].initial_state = (row);                            \
		count++;                                                       \
	} while (0)

int main(void)
{
	static char names[4 * UNIT_COUNT(rows) + 8][80];
	static struct CMUnitTest tests[4 * UNIT_COUNT(rows) + 8];
	size_t count = 0;

	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
		char label[32];

		(void)snprintf(label, sizeof(label), ": %s", rows[i].name);
		ADD(label, a_joiner_has_its_share, &rows[i]);
		ADD(label, the_blocked_have_nothing_that_the_idle_could,
		    &rows[i]);
		if (rows[i].blocked_at_most == 1)
			ADD(label, while_the_source_was_waiting, &rows[i]);
		if (rows[i].equal ||
		    rows[i].opts.chunk_events == SLUICE_CHUNK_ALL)
			ADD(label, equals_share_an_emission, &rows[i]);
	}
	ADD(": demand", whatever_their_windows, row_of("demand"));
	ADD(": demand", and_however_much_comes, row_of("demand"));
	ADD(": rr_skip", whatever_their_windows, row_of("rr_skip"));
	ADD(": rr_skip", and_however_much_comes, row_of("rr_skip"));
	ADD("", all_wait_for_a_blocked_reader, NULL);
	ADD("", a_blocked_worker_has_one_event, NULL);
	ADD("", takers_have_even_shares, NULL);
	ADD("", turns_have_weights, NULL);
	flow_watch(tests, count);
	return cmocka_run_group_tests_name("grants", tests, NULL, NULL);
}
