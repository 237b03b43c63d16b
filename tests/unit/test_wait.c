/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/wait.h"
#include "tests/support/deadline.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

#define NS_PER_MS UINT64_C(1000000)
/* So far away that only an error gets there: a hang then has a message. */
#define FAR_NS (TEST_DEADLINE_MS * NS_PER_MS)

/* What parked holds when it is armed for the @n-th time. */
#define ARMED(n) ((n)*SLUICE_BELL_ARMING | SLUICE_BELL_PARKED)

/* ---- a world that only takes notes --------------------------------------- */

struct world {
	struct sluice_wait_ops ops;
	struct sluice_fences fences;
	uint64_t now_ns;
	int refuses; /* barrier() */
	struct sluice_bell bell;
	char calls[64];      /* one letter for each call, in order */
	uint32_t paused[64]; /* what pause() was asked for */
	size_t pauses;
	const sluice_a32 *word; /* what the last park or wake was about */
	uint32_t parked_then;   /* the word at that moment */
	uint32_t expected;
	uint64_t deadline_ns;
	int found;         /* what ready() says */
	int rung_by_ready; /* ready() is when the ringer comes */
};

static void note(struct world *w, char call)
{
	size_t length = strlen(w->calls);

	if (length + 1 < sizeof(w->calls))
		w->calls[length] = call;
}

static uint64_t world_now_ns(void *ctx)
{
	struct world *w = ctx;

	note(w, 'n');
	return w->now_ns;
}

static int world_barrier(void *ctx)
{
	struct world *w = ctx;

	note(w, 'b');
	w->parked_then = sluice_load_relaxed(&w->bell.parked);
	return w->refuses;
}

static void world_park(void *ctx, sluice_a32 *word, uint32_t expected,
		       uint64_t deadline_ns)
{
	struct world *w = ctx;

	note(w, 'p');
	w->word = word;
	w->parked_then = sluice_load_relaxed(word);
	w->expected = expected;
	w->deadline_ns = deadline_ns;
}

static void world_wake(void *ctx, sluice_a32 *word)
{
	struct world *w = ctx;

	note(w, 'w');
	w->word = word;
	w->parked_then = sluice_load_relaxed(word);
}

static void world_pause(void *ctx, uint32_t n)
{
	struct world *w = ctx;

	note(w, '.');
	if (w->pauses < UNIT_COUNT(w->paused))
		w->paused[w->pauses++] = n;
}

static void world_yield(void *ctx)
{
	note(ctx, 'y');
}

static int world_ready(void *ctx)
{
	struct world *w = ctx;

	note(w, 'r');
	if (w->rung_by_ready)
		sluice_bell_ring(&w->bell, &w->ops);
	return w->found;
}

static void world_open(struct world *w, uint32_t kind)
{
	memset(w, 0, sizeof(*w));
	w->ops.ctx = w;
	w->ops.fences = &w->fences;
	sluice_store_relaxed(&w->fences.kind, kind);
	w->ops.now_ns = world_now_ns;
	w->ops.barrier = world_barrier;
	w->ops.park = world_park;
	w->ops.wake = world_wake;
	w->ops.pause = world_pause;
	w->ops.yield = world_yield;
}

/* ---- the bell ------------------------------------------------------------ */

static void bell_fills_a_line(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct sluice_bell), SLUICE_LINE_BYTES);
}

static void ring_with_nobody_parked_makes_no_call(void **state)
{
	struct world w;

	(void)state;
	for (uint32_t kind = 0; kind < 2; kind++) {
		world_open(&w, kind);
		for (int i = 0; i < 3; i++)
			sluice_bell_ring(&w.bell, &w.ops);
		assert_string_equal(w.calls, "");
		assert_int_equal(sluice_load_relaxed(&w.bell.parked), 0);
	}
}

/* Not even a store: the bell may lie in a region that is mapped read-only, and
 * its line stays shared. */
static void ring_with_nobody_parked_stores_nothing(void **state)
{
	struct sluice_bell *bell = mmap(NULL, sizeof(*bell), PROT_READ,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct world w;

	(void)state;
	assert_true((void *)bell != MAP_FAILED);
	world_open(&w, SLUICE_FENCES_SPLIT);
	sluice_bell_ring(bell, &w.ops);
	assert_string_equal(w.calls, "");
	assert_int_equal(munmap(bell, sizeof(*bell)), 0);
}

static void ring_clears_and_then_wakes_once(void **state)
{
	struct world w;

	(void)state;
	for (uint32_t kind = 0; kind < 2; kind++) {
		world_open(&w, kind);
		sluice_store_relaxed(&w.bell.parked, 1);
		w.parked_then = 7;
		for (int i = 0; i < 3; i++)
			sluice_bell_ring(&w.bell, &w.ops);
		assert_string_equal(w.calls, "w");
		assert_ptr_equal(w.word, &w.bell.parked);
		assert_int_equal(w.parked_then, 0);
		assert_int_equal(sluice_load_relaxed(&w.bell.parked), 0);
	}
}

static void park_that_finds_work_does_not_sleep(void **state)
{
	struct world w;

	(void)state;
	for (uint32_t kind = 0; kind < 2; kind++) {
		world_open(&w, kind);
		w.found = 7;
		assert_int_equal(
			sluice_bell_park(&w.bell, &w.ops, world_ready, &w, 99),
			7);
		assert_string_equal(w.calls, kind ? "br" : "r");
		assert_int_equal(sluice_load_relaxed(&w.bell.parked), 0);
	}
}

static void park_sleeps_once_on_its_own_word(void **state)
{
	struct world w;

	(void)state;
	for (uint32_t kind = 0; kind < 2; kind++) {
		world_open(&w, kind);
		assert_int_equal(
			sluice_bell_park(&w.bell, &w.ops, world_ready, &w, 99),
			0);
		assert_string_equal(w.calls, kind ? "brp" : "rp");
		assert_ptr_equal(w.word, &w.bell.parked);
		assert_int_equal(w.parked_then, ARMED(1));
		assert_int_equal(w.expected, ARMED(1));
		assert_int_equal(w.deadline_ns, 99);
		assert_int_equal(sluice_load_relaxed(&w.bell.parked), 0);
	}
}

static void park_is_armed_before_it_looks(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, SLUICE_FENCES_SPLIT);
	w.found = 1;
	(void)sluice_bell_park(&w.bell, &w.ops, world_ready, &w, 99);
	/* Noted by the barrier, which comes before the re-check. */
	assert_string_equal(w.calls, "br");
	assert_int_equal(w.parked_then, ARMED(1));
}

/* The bell rings after the re-check and before the sleep: the ringer has taken
 * the flag, so the sleeper does not find the value it would sleep on. */
static void ring_before_the_sleep_is_not_lost(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, SLUICE_FENCES_SPLIT);
	w.rung_by_ready = 1;
	(void)sluice_bell_park(&w.bell, &w.ops, world_ready, &w, 99);
	assert_string_equal(w.calls, "brwp");
	assert_int_equal(w.parked_then, 0);
	assert_int_equal(w.expected, ARMED(1));
}

/* One that is relayed: the ring goes to the bell it names, for as long as that
 * one's thread sleeps; and once. */
static void a_relayed_bell_rings_another(void **state)
{
	struct sluice_bell bells[3] = {{.relay = 0}};
	struct world w;

	(void)state;
	world_open(&w, 1);
	bells[2].relay = 2;
	sluice_bell_relay(&bells[2], &w.ops);
	assert_string_equal(w.calls, "b");
	assert_true(sluice_bell_relayed(&bells[2]));
	/* Its thread is awake: that it was rung is to be seen all the same. */
	sluice_bell_ring(&bells[2], &w.ops);
	assert_string_equal(w.calls, "b");
	assert_false(sluice_bell_relayed(&bells[2]));
	sluice_bell_relay(&bells[2], &w.ops);
	sluice_store_relaxed(&bells[0].parked, SLUICE_BELL_PARKED);
	sluice_bell_ring(&bells[2], &w.ops);
	assert_string_equal(w.calls, "bbw");
	assert_ptr_equal(w.word, &bells[0].parked);
	assert_int_equal(sluice_load_relaxed(&bells[0].parked), 0);
	sluice_store_relaxed(&bells[0].parked, SLUICE_BELL_PARKED);
	sluice_bell_ring(&bells[2], &w.ops);
	assert_string_equal(w.calls, "bbw");
	/* Parked, it is rung itself. */
	sluice_store_relaxed(&bells[2].parked, SLUICE_BELL_PARKED);
	sluice_bell_ring(&bells[2], &w.ops);
	assert_string_equal(w.calls, "bbww");
	assert_ptr_equal(w.word, &bells[2].parked);
}

/* ---- membarrier is refused ----------------------------------------------- */

#define LATER_NS 5000u

static uint32_t kind_of(const struct world *w)
{
	return sluice_load_relaxed(&w->fences.kind);
}

static void park_once(struct world *w, const char *calls)
{
	memset(w->calls, 0, sizeof(w->calls));
	(void)sluice_bell_park(&w->bell, &w->ops, world_ready, w, UINT64_MAX);
	assert_string_equal(w->calls, calls);
	assert_int_equal(sluice_load_relaxed(&w->bell.parked), 0);
}

/* From membarrier to full fences: it is tried once, then nobody sleeps long for
 * as long as somebody may not have heard of it, then it is over, for good. */
static void refused_barrier_is_given_up_for_good(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, SLUICE_FENCES_SPLIT);
	w.now_ns = LATER_NS;
	park_once(&w, "brp");
	assert_int_equal(w.deadline_ns, UINT64_MAX);
	w.refuses = 1;
	park_once(&w, "bnnrp");
	assert_int_equal(kind_of(&w), SLUICE_FENCES_LEAVING);
	assert_int_equal(w.deadline_ns, LATER_NS + SLUICE_FENCES_SLEEP_NS);
	w.now_ns += SLUICE_FENCES_GRACE_NS - 1;
	park_once(&w, "nnrp");
	assert_int_equal(kind_of(&w), SLUICE_FENCES_LEAVING);
	assert_int_equal(w.deadline_ns, w.now_ns + SLUICE_FENCES_SLEEP_NS);
	w.now_ns++;
	park_once(&w, "nrp");
	assert_int_equal(kind_of(&w), SLUICE_FENCES_FULL);
	assert_int_equal(w.deadline_ns, UINT64_MAX);
	w.refuses = 0;
	park_once(&w, "rp");
	assert_int_equal(kind_of(&w), SLUICE_FENCES_FULL);
}

/* A relay whose look cannot be trusted counts as rung: look again. */
static void refusal_and_a_relay(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, SLUICE_FENCES_SPLIT);
	w.refuses = 1;
	w.now_ns = LATER_NS;
	sluice_bell_relay(&w.bell, &w.ops);
	assert_int_equal(kind_of(&w), SLUICE_FENCES_LEAVING);
	assert_false(sluice_bell_relayed(&w.bell));
	w.now_ns += SLUICE_FENCES_GRACE_NS;
	sluice_bell_relay(&w.bell, &w.ops);
	assert_int_equal(kind_of(&w), SLUICE_FENCES_FULL);
	assert_true(sluice_bell_relayed(&w.bell));
}

/* Whoever comes between the refusal and its time does not trust the look, and a
 * deadline that is near stays. */
static void refusal_without_its_time_is_not_trusted(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, SLUICE_FENCES_LEAVING);
	w.now_ns = SLUICE_FENCES_GRACE_NS * 10;
	park_once(&w, "nrp");
	assert_int_equal(kind_of(&w), SLUICE_FENCES_LEAVING);
	assert_int_equal(w.deadline_ns, w.now_ns + SLUICE_FENCES_SLEEP_NS);
	(void)sluice_bell_park(&w.bell, &w.ops, world_ready, &w, 99);
	assert_int_equal(w.deadline_ns, 99);
	/* One who was refused late says so again; that is soon over. */
	world_open(&w, SLUICE_FENCES_SPLIT);
	w.refuses = 1;
	w.found = 1;
	w.now_ns = LATER_NS;
	park_once(&w, "bnnr");
	assert_int_equal(kind_of(&w), SLUICE_FENCES_LEAVING);
}

/* ---- how an idle thread gets to the bell --------------------------------- */

static struct phases {
	const char *name;
	struct sluice_backoff_limits limits;
	const char *calls; /* until it says park, and once more */
} phases[] = {
	{"backoff_spins_then_yields", {8, 3, 0}, "........yyy"},
	{"backoff_spins_only", {4, 0, 0}, "...."},
	{"backoff_yields_only", {0, 2, 0}, "yy"},
	{"backoff_parks_at_once", {0, 0, 0}, ""},
	{"backoff_rests_long", {7, 1, 20}, ".......y"},
};

static void backoff_goes_through_its_phases(void **state)
{
	static const uint32_t longer[] = {1, 2, 4, 8, 16, 32, 32, 32};
	const struct phases *row = *state;
	size_t rounds = strlen(row->calls);
	struct sluice_backoff backoff = {0};
	struct world w;

	for (int again = 0; again < 2; again++) {
		world_open(&w, SLUICE_FENCES_SPLIT);
		for (size_t i = 0; i < rounds; i++)
			assert_int_equal(sluice_backoff_wait(&backoff,
							     &row->limits,
							     &w.ops),
					 0);
		for (int i = 0; i < 3; i++)
			assert_int_equal(sluice_backoff_wait(&backoff,
							     &row->limits,
							     &w.ops),
					 1);
		assert_string_equal(w.calls, row->calls);
		for (size_t i = 0; i < w.pauses; i++)
			assert_int_equal(w.paused[i],
					 longer[i] < row->limits.rest_pauses
						 ? row->limits.rest_pauses
						 : longer[i]);
		backoff.rounds = 0; /* as after work */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bell_fills_a_line),
		cmocka_unit_test(ring_with_nobody_parked_makes_no_call),
		cmocka_unit_test(ring_with_nobody_parked_stores_nothing),
		cmocka_unit_test(a_relayed_bell_rings_another),
		cmocka_unit_test(ring_clears_and_then_wakes_once),
		cmocka_unit_test(park_that_finds_work_does_not_sleep),
		cmocka_unit_test(park_sleeps_once_on_its_own_word),
		cmocka_unit_test(park_is_armed_before_it_looks),
		cmocka_unit_test(ring_before_the_sleep_is_not_lost),
		cmocka_unit_test(refused_barrier_is_given_up_for_good),
		cmocka_unit_test(refusal_without_its_time_is_not_trusted),
		cmocka_unit_test(refusal_and_a_relay),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(phases)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, backoff_goes_through_its_phases, phases);
	memcpy(all + at, tests, sizeof(tests));
	return cmocka_run_group_tests_name("wait", all, NULL, NULL);
}
