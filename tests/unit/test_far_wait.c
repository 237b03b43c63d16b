/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for another process: each step, in a world that takes notes. */
#include "ring/far.h"
#include "tests/support/unit.h"

#include <sys/mman.h>

#define LATER_NS 5000u

/* What parked holds when it is armed for the @n-th time. */
#define ARMED(n) ((n)*SLUICE_BELL_ARMING | SLUICE_BELL_PARKED)

struct world {
	struct sluice_wait_ops ops;
	struct sluice_far_ops far;
	struct sluice_fences fences;
	struct sluice_bell bell;
	sluice_a32 rung;
	struct sluice_far_bell to; /* as another process rings the bell */
	struct sluice_far_sleeper sleeper;
	int refuses;    /* barrier() */
	int found;      /* what ready() says */
	int rung_then;  /* ready() is when the ringer comes */
	char calls[64]; /* one letter for each call, in order */
	int fd;         /* what the last call was about */
	uint32_t rung_at, parked_at, seen, armed;
	uint64_t deadline_ns;
};

static void note(struct world *w, char call)
{
	size_t length = strlen(w->calls);

	assert_in_range(length, 0, sizeof(w->calls) - 2);
	w->calls[length] = call;
	w->rung_at = sluice_load_relaxed(&w->rung);
	w->parked_at = sluice_load_relaxed(&w->bell.parked);
}

static uint64_t world_now_ns(void *ctx)
{
	(void)ctx;
	return LATER_NS;
}

static int world_barrier(void *ctx)
{
	struct world *w = ctx;

	note(w, 'b');
	return w->refuses;
}

static void world_wake_local(void *ctx, sluice_a32 *word)
{
	struct world *w = ctx;

	assert_ptr_equal(word, &w->bell.parked);
	note(w, 'l');
}

static void world_wake(void *ctx, sluice_a32 *rung)
{
	struct world *w = ctx;

	assert_ptr_equal(rung, &w->rung);
	note(w, 'w');
}

static void world_park(void *ctx, const sluice_a32 *rung, uint32_t seen,
		       const sluice_a32 *parked, uint32_t armed,
		       uint64_t deadline_ns)
{
	struct world *w = ctx;

	assert_ptr_equal(rung, &w->rung);
	assert_ptr_equal(parked, &w->bell.parked);
	note(w, 'p');
	w->seen = seen;
	w->armed = armed;
	w->deadline_ns = deadline_ns;
}

static void world_signal(void *ctx, int fd)
{
	struct world *w = ctx;

	note(w, 's');
	w->fd = fd;
}

static int world_take(void *ctx, int fd)
{
	struct world *w = ctx;

	note(w, 't');
	w->fd = fd;
	return 7;
}

static int world_ready(void *ctx)
{
	struct world *w = ctx;

	note(w, 'r');
	if (w->rung_then)
		(void)sluice_far_ring(&w->to);
	return w->found;
}

static void world_open(struct world *w, uint32_t kind)
{
	memset(w, 0, sizeof(*w));
	w->ops.ctx = w;
	w->ops.fences = &w->fences;
	w->ops.now_ns = world_now_ns;
	w->ops.barrier = world_barrier;
	w->ops.wake = world_wake_local;
	w->far = (struct sluice_far_ops){w, world_wake, world_park,
					 world_signal, world_take};
	sluice_store_relaxed(&w->fences.kind, kind);
	w->to = (struct sluice_far_bell){
		.parked = &w->bell.parked,
		.fences = &w->fences,
		.ops = &w->far,
		.rung = &w->rung,
		.fd = -1,
		.registered = 1,
	};
	w->sleeper = (struct sluice_far_sleeper){&w->bell, &w->rung, &w->far,
						 &w->ops};
}

static void check_calls(struct world *w, const char *calls)
{
	assert_string_equal(w->calls, calls);
	memset(w->calls, 0, sizeof(w->calls));
}

/* ---- the ringer ---------------------------------------------------------- */

/* Whatever fences the two use. */
static void one_who_is_awake_is_left_alone(void **state)
{
	struct world w;

	(void)state;
	for (uint32_t kind = 0; kind < 3; kind++)
		for (uint32_t registered = 0; registered < 2; registered++) {
			world_open(&w, kind);
			w.to.registered = registered;
			assert_int_equal(sluice_far_ring(&w.to), 0);
			check_calls(&w, "");
			assert_int_equal(sluice_load_relaxed(&w.rung), 0);
		}
}

static void rung_is_counted_before_the_wake(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, SLUICE_FENCES_SPLIT);
	(void)sluice_bell_show(&w.bell, SLUICE_BELL_PARKED);
	assert_int_equal(sluice_far_ring(&w.to), 1);
	check_calls(&w, "w");
	assert_int_equal(w.rung_at, 1);
	/* What the other process has is as it was. */
	assert_int_equal(w.parked_at, ARMED(1));
}

static void each_arming_is_rung_once(void **state)
{
	struct world w;

	(void)state;
	for (int by_signal = 0; by_signal < 2; by_signal++) {
		world_open(&w, SLUICE_FENCES_FULL);
		if (by_signal) {
			w.to.rung = NULL;
			w.to.fd = 42;
		}
		for (int i = 0; i < 3; i++) {
			(void)sluice_bell_show(&w.bell, SLUICE_BELL_PARKED);
			assert_int_equal(sluice_far_ring(&w.to), 1);
			assert_int_equal(sluice_far_ring(&w.to), 0);
			/* Awake, and not yet seen to have slept again. */
			sluice_store_relaxed(&w.bell.parked, 0);
			assert_int_equal(sluice_far_ring(&w.to), 0);
		}
		check_calls(&w, by_signal ? "sss" : "www");
		assert_int_equal(sluice_load_relaxed(&w.rung),
				 by_signal ? 0 : 3);
		assert_int_equal(w.fd, by_signal ? 42 : 0);
	}
}

/* Two threads of a process that ring the same sleeper do not rely on each other. */
static void another_thread_rings_as_well(void **state)
{
	struct world w;
	struct sluice_far_bell second;

	(void)state;
	world_open(&w, SLUICE_FENCES_SPLIT);
	second = w.to;
	(void)sluice_bell_show(&w.bell, SLUICE_BELL_PARKED);
	assert_int_equal(sluice_far_ring(&w.to), 1);
	assert_int_equal(sluice_far_ring(&second), 1);
	assert_int_equal(sluice_load_relaxed(&w.rung), 2);
}

/* A bell whose thread is away: who answers for it is told, for nobody sleeps on the
 * word then. */
static void a_relayed_bell_is_rung_by_a_signal(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, SLUICE_FENCES_SPLIT);
	sluice_bell_relay(&w.bell, &w.ops);
	assert_int_equal(sluice_far_ring(&w.to), 1);
	assert_int_equal(sluice_far_ring(&w.to), 0);
	sluice_bell_relay(&w.bell, &w.ops);
	assert_int_equal(sluice_far_ring(&w.to), 1);
	check_calls(&w, "bsbs");
}

/* It costs a call each, and nothing else; what lies there is never written. */
static void wild_words_are_only_looked_at(void **state)
{
	static const uint32_t wild[] = {1, 2, 3, 0x80000000, UINT32_MAX, 77};
	struct sluice_bell *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct world w;

	(void)state;
	assert_true((void *)page != MAP_FAILED);
	world_open(&w, SLUICE_FENCES_SPLIT);
	w.to.parked = &page->parked;
	w.to.fences = (const struct sluice_fences *)(const void *)(page + 1);
	for (size_t i = 0; i < UNIT_COUNT(wild); i++) {
		assert_int_equal(mprotect(page, 4096, PROT_READ | PROT_WRITE),
				 0);
		sluice_store_relaxed(&page->parked, wild[i]);
		((struct sluice_fences *)(void *)(page + 1))->kind.value =
			wild[i];
		assert_int_equal(mprotect(page, 4096, PROT_READ), 0);
		assert_int_equal(sluice_far_ring(&w.to), 1);
		assert_int_equal(sluice_far_ring(&w.to), 0);
	}
	check_calls(&w, "wssssw");
	assert_int_equal(munmap(page, 4096), 0);
}

/* ---- the sleeper --------------------------------------------------------- */

static void park_sleeps_on_what_it_saw_before_it_armed(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, SLUICE_FENCES_SPLIT);
	sluice_store_relaxed(&w.rung, 5);
	assert_int_equal(sluice_far_park(&w.sleeper, world_ready, &w, 99), 0);
	check_calls(&w, "brp");
	assert_int_equal(w.seen, 5);
	assert_int_equal(w.armed, ARMED(1));
	assert_int_equal(w.parked_at, ARMED(1));
	assert_int_equal(w.deadline_ns, 99);
	assert_int_equal(sluice_load_relaxed(&w.bell.parked), 0);
	assert_int_equal(sluice_far_park(&w.sleeper, world_ready, &w, 99), 0);
	assert_int_equal(w.armed, ARMED(2));
}

static void park_that_finds_work_does_not_sleep(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, SLUICE_FENCES_FULL);
	w.found = 7;
	assert_int_equal(sluice_far_park(&w.sleeper, world_ready, &w, 99), 7);
	check_calls(&w, "r");
	assert_int_equal(w.parked_at, ARMED(1));
	assert_int_equal(sluice_load_relaxed(&w.bell.parked), 0);
}

/* Rung between its re-check and its sleep: the word is not as it was. */
static void ring_before_the_sleep_is_not_lost(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, SLUICE_FENCES_SPLIT);
	w.rung_then = 1;
	assert_int_equal(sluice_far_park(&w.sleeper, world_ready, &w, 99), 0);
	check_calls(&w, "brwp");
	assert_int_equal(w.seen, 0);
	assert_int_equal(w.rung_at, 1);
}

/* A neighbour's ring clears what it sleeps on, too. */
static void neighbours_ring_the_bell(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, SLUICE_FENCES_SPLIT);
	(void)sluice_bell_show(&w.bell, SLUICE_BELL_PARKED);
	sluice_bell_ring(&w.bell, &w.ops);
	check_calls(&w, "l");
	assert_int_equal(w.parked_at, 0);
	assert_int_equal(sluice_load_relaxed(&w.rung), 0);
}

/* In the page that the ringers look at; and until they do, sleeps are short. */
static void a_refused_barrier_is_told(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, SLUICE_FENCES_SPLIT);
	w.refuses = 1;
	(void)sluice_far_park(&w.sleeper, world_ready, &w, UINT64_MAX);
	check_calls(&w, "brp");
	assert_int_equal(w.deadline_ns, LATER_NS + SLUICE_FENCES_SLEEP_NS);
	assert_int_equal(sluice_load_relaxed(&w.fences.kind),
			 SLUICE_FENCES_LEAVING);
	(void)sluice_far_park(&w.sleeper, world_ready, &w, 99);
	assert_int_equal(w.deadline_ns, 99);
}

/* ---- who answers --------------------------------------------------------- */

static void answer_takes_and_then_rings(void **state)
{
	struct world w;
	struct sluice_bell *bells[] = {NULL, &w.bell, NULL};

	(void)state;
	world_open(&w, SLUICE_FENCES_SPLIT);
	(void)sluice_bell_show(&w.bell, SLUICE_BELL_PARKED);
	assert_int_equal(sluice_far_answer(&w.far, 42, bells, 3, &w.ops), 7);
	check_calls(&w, "tl");
	assert_int_equal(w.fd, 42);
	assert_int_equal(sluice_load_relaxed(&w.bell.parked), 0);
	/* Nobody sleeps. */
	assert_int_equal(sluice_far_answer(&w.far, 42, bells, 3, &w.ops), 7);
	check_calls(&w, "t");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_who_is_awake_is_left_alone),
		cmocka_unit_test(rung_is_counted_before_the_wake),
		cmocka_unit_test(each_arming_is_rung_once),
		cmocka_unit_test(another_thread_rings_as_well),
		cmocka_unit_test(a_relayed_bell_is_rung_by_a_signal),
		cmocka_unit_test(wild_words_are_only_looked_at),
		cmocka_unit_test(park_sleeps_on_what_it_saw_before_it_armed),
		cmocka_unit_test(park_that_finds_work_does_not_sleep),
		cmocka_unit_test(ring_before_the_sleep_is_not_lost),
		cmocka_unit_test(neighbours_ring_the_bell),
		cmocka_unit_test(a_refused_barrier_is_told),
		cmocka_unit_test(answer_takes_and_then_rings),
	};

	return cmocka_run_group_tests_name("far_wait", tests, NULL, NULL);
}
