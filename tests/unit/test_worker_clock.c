/* SPDX-License-Identifier: Apache-2.0 */
/* When a worker looks at the clock, and what it tells of its stages then. The clock
 * is the test's, and no stage is stepped: the test says what steps did. */
#include "engine/run/clock_priv.h"
#include "engine/stage/time_priv.h"
#include "tests/support/unit.h"

#define STAGES 3u
#define BEGAN  UINT64_C(1000000000)
#define US     UINT64_C(1000)
#define MS     UINT64_C(1000000)

static uint64_t clock_ns;
static uint32_t reads;
static struct sluice_pipeline pipeline;
static struct worker worker;
static struct sluice_stage stages[STAGES];
static struct sluice_stage *list[STAGES];
static struct sluice_counters counters[STAGES];

static uint64_t now_ns(void *ctx)
{
	(void)ctx;
	reads++;
	return clock_ns;
}

static struct sluice_wait_ops ops = {.now_ns = now_ns};

/* Consumers: they wait for events, and for nothing else. */
static void open_worker(uint32_t count)
{
	memset(&pipeline, 0, sizeof(pipeline));
	memset(stages, 0, sizeof(stages));
	memset(counters, 0, sizeof(counters));
	pipeline.host.wait = &ops;
	worker = (struct worker){.pipeline = &pipeline, .stages = list};
	worker.count = count;
	clock_ns = BEGAN;
	for (uint32_t i = 0; i < STAGES; i++) {
		list[i] = &stages[i];
		stages[i].host = &pipeline.host;
		stages[i].counters = &counters[i];
		stages[i].worker = &worker;
		stages[i].opts.kind = SLUICE_CONSUMER;
		stage_time_begin(&stages[i]);
		stage_time_begun(&stages[i]);
	}
	clock_begin(&worker);
	reads = 0;
}

/* A round that takes @ns, in which the stages of bits @moved moved something. */
static void round_of(uint64_t ns, uint32_t moved)
{
	for (uint32_t i = 0; i < worker.count; i++) {
		clock_ns += ns / worker.count;
		clock_step(&worker, &stages[i], (moved >> i & 1) != 0);
	}
	if (moved != 0)
		clock_round(&worker);
	else
		clock_look(&worker, 1);
}

static uint64_t told(uint32_t stage, enum sluice_counter counter)
{
	return sluice_counter_read(&counters[stage], counter);
}

#define WORKED(i)  told(i, SLUICE_COUNTER_WORKING_NS)
#define IDLED(i)   told(i, SLUICE_COUNTER_IDLE_NS)
#define BLOCKED(i) told(i, SLUICE_COUNTER_BLOCKED_NS)

/* A look costs as much as an event or two. */
static void it_looks_about_every_25_us(void **state)
{
	(void)state;
	open_worker(1);
	for (uint32_t i = 0; i < 20000; i++)
		round_of(50, 1);
	assert_in_range(reads, 25, 200);
	assert_in_range(WORKED(0), 980 * US, 1000 * US);
	assert_int_equal(IDLED(0), 0);
	/* They grow longer: it looks more often. */
	reads = 0;
	for (uint32_t i = 0; i < 2000; i++)
		round_of(5 * US, 1);
	assert_in_range(reads, 10000 / 40, 10000 / 15);
	assert_int_equal(BLOCKED(0), 0);
}

static void a_burst_and_a_rest_are_told_apart(void **state)
{
	(void)state;
	open_worker(1);
	for (uint32_t i = 0; i < 100; i++) {
		for (uint32_t j = 0; j < 7; j++)
			round_of(100, 1);
		round_of(100, 0); /* this look found nothing: of the burst */
		round_of(30 * US, 0);
	}
	assert_in_range(WORKED(0), 70 * US, 80 * US);
	assert_in_range(IDLED(0), 2990 * US, 3010 * US);
	assert_int_equal(stages[0].run.time.told.doing, SLUICE_DOING_IDLE);
}

static void a_callback_that_blocks_is_found_at_once(void **state)
{
	(void)state;
	open_worker(1);
	for (uint32_t i = 0; i < 5000; i++)
		round_of(50, 1);
	round_of(8 * MS, 1);
	round_of(100, 0);
	assert_in_range(BLOCKED(0), 7 * MS, 7 * MS + 20 * US);
	assert_in_range(WORKED(0), MS + 240 * US, MS + 260 * US);
}

/* Each in its turn: who is slow is known from the second time on. */
static void of_several_the_slow_one_is_told(void **state)
{
	(void)state;
	open_worker(STAGES);
	for (uint32_t i = 0; i < 4; i++) {
		clock_ns += 4 * MS;
		clock_step(&worker, &stages[0], 1);
		clock_ns += US;
		clock_step(&worker, &stages[1], 1);
		clock_ns += US;
		clock_step(&worker, &stages[2], 0);
		clock_round(&worker);
	}
	assert_true(worker.clock.exact);
	assert_int_equal(BLOCKED(0), 3 * 3 * MS);
	assert_int_equal(BLOCKED(1) + BLOCKED(2), 0);
	/* It waits for its turn, which is work; or for events. */
	assert_in_range(WORKED(1), 12 * MS, 16 * MS + 10 * US);
	assert_in_range(WORKED(2), 0, US);
	/* No more. */
	for (uint32_t i = 0; i < 100; i++)
		round_of(300, 3);
	assert_false(worker.clock.exact);
}

/* Of a window of many rounds each has as much as it has moved in. */
static void several_share_a_window_by_rounds(void **state)
{
	(void)state;
	open_worker(STAGES);
	for (uint32_t i = 0; i < 40000; i++)
		round_of(90, i % 4 == 0 ? 7 : i % 2 == 0 ? 3 : 1);
	assert_in_range(WORKED(0), 3500 * US, 3600 * US);
	assert_in_range(WORKED(1), 1750 * US, 1850 * US);
	assert_in_range(WORKED(2), 850 * US, 950 * US);
	for (uint32_t i = 0; i < STAGES; i++)
		assert_in_range(WORKED(i) + IDLED(i), 3580 * US, 3600 * US);
}

/* Who was slow in a window of many rounds is not known, unless somebody has been
 * told; and what was told is true. */
static struct claim {
	enum sluice_doing told;
	uint32_t in_vain;             /* the step has moved nothing */
	uint64_t idle_ns, blocked_ns; /* at least */
} claims[] = {
	{SLUICE_DOING_NOTHING, 0, 0, 0},
	{SLUICE_DOING_IDLE, 0, 8 * MS, 0},
	{SLUICE_DOING_WORK, 0, 0, 7 * MS},
	{SLUICE_DOING_BLOCKED, 0, 0, 7 * MS},
	{SLUICE_DOING_BLOCKED, 1, 0, 7 * MS},
};

static void what_was_told_is_so(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < UNIT_COUNT(claims); i++) {
		const struct claim *c = &claims[i];

		open_worker(STAGES);
		for (uint32_t j = 0; j < 5000; j++)
			round_of(90, 3);
		clock_look(&worker, 0);
		sluice_store_stale(&stages[1].words.noticed,
				   stages[1].run.time.told.changes
						   << SLUICE_TIMES_DOING_BITS |
					   c->told);
		clock_ns += 8 * MS;
		clock_step(&worker, &stages[0], 1);
		clock_step(&worker, &stages[1], !c->in_vain);
		clock_step(&worker, &stages[2], 0);
		for (uint32_t j = 0; j < 5000; j++)
			round_of(90, 3);
		assert_in_range(BLOCKED(1), c->blocked_ns,
				c->blocked_ns + 20 * US);
		assert_in_range(IDLED(1), c->idle_ns, c->idle_ns + 30 * US);
		assert_int_equal(BLOCKED(0) + BLOCKED(2), 0);
	}
}

/* A worker that sleeps says when it wakes how long it did. */
static void while_nothing_changes_it_is_told_now_and_then(void **state)
{
	(void)state;
	open_worker(1);
	round_of(100, 1);
	round_of(100, 0);
	for (uint32_t i = 0; i < 300; i++)
		round_of(US, 0);
	assert_in_range(clock_ns - stages[0].run.time.told.since_ns, 0,
			SLUICE_TIMES_LOOK_NS / 2);
	clock_ns += 50 * MS;
	clock_look(&worker, 1);
	assert_in_range(IDLED(0), 50 * MS, 51 * MS);
}

static void its_last_callback_counts(void **state)
{
	struct sluice_times times;

	(void)state;
	open_worker(1);
	clock_step(&worker, &stages[0], 1);
	clock_ns += 5 * MS;
	stage_time_end(&stages[0]);
	clock_ns += 5 * MS;
	stage_time_end(&stages[0]);
	(void)sluice_times_read(&counters[0], &ops, &stages[0].words.inside,
				NULL, &times);
	assert_int_equal(times.doing, SLUICE_DOING_NOTHING);
	assert_int_equal(times.lived_ns, 5 * MS);
	assert_int_equal(times.working_ns, MS);
	assert_int_equal(times.blocked_ns, 4 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_looks_about_every_25_us),
		cmocka_unit_test(a_burst_and_a_rest_are_told_apart),
		cmocka_unit_test(a_callback_that_blocks_is_found_at_once),
		cmocka_unit_test(of_several_the_slow_one_is_told),
		cmocka_unit_test(several_share_a_window_by_rounds),
		cmocka_unit_test(what_was_told_is_so),
		cmocka_unit_test(while_nothing_changes_it_is_told_now_and_then),
		cmocka_unit_test(its_last_callback_counts),
	};

	return cmocka_run_group_tests_name("worker_clock", tests, NULL, NULL);
}
