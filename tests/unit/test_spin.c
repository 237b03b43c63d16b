/* SPDX-License-Identifier: Apache-2.0 */
/* How long who has found nothing looks on before it sleeps, by a made-up clock: each pause
 * lasts a microsecond, each sleep until there is something, and so much longer as a
 * wake-up costs. */
#include "engine/run/spin_priv.h"
#include "tests/support/unit.h"

#define US        UINT64_C(1000)
#define MS        (1000 * US)
#define BOUND_NS  (50 * US)
#define WAKE_NS   (60 * US)
#define CPUS      2u
#define STORED_NS (4 * BOUND_NS) /* as spin.c says */

static uint64_t now_ns;
static uint64_t vain_ns; /* spun before sleeps */
static uint32_t pauses;
static uint32_t looks; /* at the clock */

static void pause_a_us(void *ctx, uint32_t n)
{
	(void)ctx;
	(void)n;
	pauses++;
	now_ns += US;
}

static void yield_to_nobody(void *ctx)
{
	(void)ctx;
}

static struct sluice_wait_ops wait = {.pause = pause_a_us,
				      .yield = yield_to_nobody};
static sluice_a32 spinning;
static struct platform platform = {.wait = &wait, .spinning = &spinning};
static struct sluice_pipeline pipeline;

static int set_up(void **state)
{
	(void)state;
	now_ns = 1000 * MS;
	vain_ns = 0;
	pauses = 0;
	looks = 0;
	sluice_store_relaxed(&spinning, 0);
	pipeline.host.wait = &wait;
	pipeline.platform = &platform;
	pipeline.cpu_time = CPUS;
	return 0;
}

static struct worker worker_that_spins(uint64_t most_ns)
{
	return (struct worker){
		.pipeline = &pipeline,
		.spin = {.most_ns = most_ns, .yields = most_ns > 0},
	};
}

/* Nothing is to be found before @gap_ns have passed. Returns non-zero: it has slept
 * meanwhile. */
static int wait_for(struct worker *worker, uint64_t gap_ns)
{
	uint64_t from_ns = now_ns;
	int slept = 0;

	spin_begin(worker);
	while (now_ns - from_ns < gap_ns) {
		if (spin_briefly(worker))
			continue;
		looks++;
		if (!spin_on(worker, now_ns))
			continue;
		vain_ns += now_ns - from_ns;
		slept = 1;
		now_ns = from_ns + gap_ns + WAKE_NS;
	}
	spin_found(worker, now_ns);
	return slept;
}

static uint32_t slept_of(struct worker *worker, uint32_t n, uint64_t gap_ns)
{
	uint32_t slept = 0;

	for (uint32_t i = 0; i < n; i++)
		slept += (uint32_t)wait_for(worker, gap_ns);
	return slept;
}

static void short_gaps_are_spun_through(void **state)
{
	struct worker worker = worker_that_spins(BOUND_NS);

	(void)state;
	assert_int_equal(slept_of(&worker, 10000, 40 * US), 0);
}

static void what_comes_at_once_needs_no_clock(void **state)
{
	struct worker worker = worker_that_spins(BOUND_NS);

	(void)state;
	assert_int_equal(slept_of(&worker, 100, 3 * US), 0);
	assert_int_equal(looks, 0);
}

/* Whatever comes, and however seldom. */
static void an_idle_thread_sleeps(void **state)
{
	static const uint64_t gaps_ns[] = {100 * US, MS, 10 * MS, 100 * MS};

	(void)state;
	for (uint32_t i = 0; i < UNIT_COUNT(gaps_ns); i++) {
		struct worker worker = worker_that_spins(BOUND_NS);
		uint64_t from_ns = now_ns;

		vain_ns = 0;
		assert_int_equal(slept_of(&worker, 1000, gaps_ns[i]), 1000);
		/* The first looks, 3 us here, are free; and that is no more
		 * than what is left of the CPU. */
		assert_in_range(vain_ns, 0,
				STORED_NS + (now_ns - from_ns) / 128 +
					1000 * 4 * US);
	}
}

static void nobody_spins_beyond_the_bound(void **state)
{
	struct worker worker = worker_that_spins(BOUND_NS);

	(void)state;
	assert_int_equal(wait_for(&worker, 10 * MS), 1);
	assert_in_range(vain_ns, BOUND_NS, BOUND_NS + 4 * US);
}

/* It learns from a few, for it can afford to try now and then. */
static void short_gaps_are_found_again(void **state)
{
	struct worker worker = worker_that_spins(BOUND_NS);

	(void)state;
	(void)slept_of(&worker, 1000, 100 * US);
	assert_int_equal(wait_for(&worker, 100 * US), 1);
	/* Asleep, they seem to be longer than the bound. */
	(void)slept_of(&worker, 100, 10 * US);
	assert_int_equal(slept_of(&worker, 1000, 10 * US), 0);
}

/* After an hour of short gaps it spins no longer than after a second. */
static void old_times_do_not_count(void **state)
{
	struct worker worker = worker_that_spins(BOUND_NS);

	(void)state;
	(void)slept_of(&worker, 100000, 40 * US);
	vain_ns = 0;
	(void)slept_of(&worker, 20, 100 * US);
	assert_in_range(vain_ns, STORED_NS - BOUND_NS,
			STORED_NS + 20 * (4 * US + (130 * US) / 128));
}

/* What is spun in vain among short ones is a part of those, and no more. */
static void long_gaps_earn_nothing(void **state)
{
	struct worker worker = worker_that_spins(BOUND_NS);
	uint64_t from_ns = now_ns;
	uint64_t through_ns = 0;

	(void)state;
	for (uint32_t i = 0; i < 10000; i++) {
		through_ns +=
			10 * US + (wait_for(&worker, 10 * US) ? WAKE_NS : 0);
		(void)wait_for(&worker, 60 * US);
	}
	assert_in_range(vain_ns, 0,
			STORED_NS + through_ns / 4 + (now_ns - from_ns) / 128 +
				20000 * 4 * US);
}

static void never_is_never(void **state)
{
	struct worker worker = worker_that_spins(0);

	(void)state;
	assert_int_equal(slept_of(&worker, 100, US), 100);
	assert_int_equal(pauses, 0);
	assert_int_equal(sluice_load_relaxed(&spinning), 0);
}

static void forever_is_for_ever(void **state)
{
	struct worker worker = worker_that_spins(SPIN_NS_FOREVER);

	(void)state;
	assert_int_equal(slept_of(&worker, 100, 10 * MS), 0);
}

/* ---- several --------------------------------------------------------------- */

/* A wait in which nothing has come for so long. Returns non-zero: it is to sleep. */
static int wait_on(struct worker *worker, uint64_t for_ns)
{
	uint64_t from_ns = now_ns;

	spin_begin(worker);
	while (now_ns - from_ns < for_ns)
		if (!spin_briefly(worker) && spin_on(worker, now_ns))
			return 1;
	return 0;
}

static void no_more_spin_than_there_are_cpus(void **state)
{
	uint64_t most_ns[] = {BOUND_NS, SPIN_NS_FOREVER};

	for (uint32_t i = 0; i < UNIT_COUNT(most_ns); i++) {
		struct worker first = worker_that_spins(most_ns[i]);
		struct worker second = first;
		struct worker third = first;

		(void)set_up(state);
		assert_int_equal(wait_on(&first, 40 * US), 0);
		assert_int_equal(wait_on(&second, 40 * US), 0);
		assert_int_equal(sluice_load_relaxed(&spinning), CPUS);
		assert_int_equal(wait_on(&third, 40 * US), 1);
		assert_int_equal(sluice_load_relaxed(&spinning), CPUS);
		/* For a moment it may. */
		assert_int_equal(wait_on(&third, 4 * US), 0);
		spin_found(&first, now_ns);
		assert_int_equal(wait_on(&third, 40 * US), 0);
		spin_found(&second, now_ns);
		spin_found(&third, now_ns);
		assert_int_equal(sluice_load_relaxed(&spinning), 0);
	}
}

static void who_sleeps_is_not_counted(void **state)
{
	struct worker worker = worker_that_spins(BOUND_NS);

	(void)state;
	assert_int_equal(wait_on(&worker, 30 * US), 0);
	assert_int_equal(sluice_load_relaxed(&spinning), 1);
	spin_stop(&worker, now_ns);
	assert_int_equal(sluice_load_relaxed(&spinning), 0);
	assert_int_equal(wait_on(&worker, 100 * US), 1);
	assert_int_equal(sluice_load_relaxed(&spinning), 0);
}

static void who_works_is_not_counted(void **state)
{
	struct worker worker = worker_that_spins(BOUND_NS);

	(void)state;
	assert_int_equal(wait_on(&worker, 30 * US), 0);
	spin_found(&worker, now_ns);
	assert_int_equal(sluice_load_relaxed(&spinning), 0);
}

/* Who is told to make way does, and until there is something. */
static void who_is_stopped_sleeps(void **state)
{
	struct worker worker = worker_that_spins(SPIN_NS_FOREVER);

	(void)state;
	spin_begin(&worker);
	spin_stop(&worker, now_ns);
	assert_int_equal(spin_briefly(&worker), 0);
	assert_int_equal(spin_on(&worker, now_ns), 1);
	spin_found(&worker, now_ns);
	assert_int_equal(spin_briefly(&worker), 1);
}

#define SPIN_TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPIN_TEST(short_gaps_are_spun_through),
		SPIN_TEST(what_comes_at_once_needs_no_clock),
		SPIN_TEST(an_idle_thread_sleeps),
		SPIN_TEST(nobody_spins_beyond_the_bound),
		SPIN_TEST(short_gaps_are_found_again),
		SPIN_TEST(old_times_do_not_count),
		SPIN_TEST(long_gaps_earn_nothing),
		SPIN_TEST(never_is_never),
		SPIN_TEST(forever_is_for_ever),
		SPIN_TEST(no_more_spin_than_there_are_cpus),
		SPIN_TEST(who_sleeps_is_not_counted),
		SPIN_TEST(who_works_is_not_counted),
		SPIN_TEST(who_is_stopped_sleeps),
	};

	return cmocka_run_group_tests_name("spin", tests, NULL, NULL);
}
