/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting by the real calls, in one thread and between two. */
#include "ring/wait.h"
#include "tests/support/deadline.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

#define NS_PER_MS UINT64_C(1000000)
/* So far away that only an error gets there: a hang then has a message. */
#define FAR_NS (TEST_DEADLINE_MS * NS_PER_MS)

/* ---- the real calls ------------------------------------------------------ */

static void linux_table_is_complete(void **state)
{
	const struct sluice_wait_ops *ops = sluice_wait_linux();

	(void)state;
	assert_non_null(ops);
	assert_ptr_equal(ops, sluice_wait_linux());
	assert_true(ops->now_ns != NULL && ops->barrier != NULL &&
		    ops->park != NULL && ops->wake != NULL &&
		    ops->pause != NULL && ops->yield != NULL);
}

/* Not a time-out, nor a word that is not what was expected, nor a bell in memory
 * that is gone. */
static void linux_calls_leave_errno_alone(void **state)
{
	const struct sluice_wait_ops *ops = sluice_wait_linux();
	sluice_a32 word = {0};
	sluice_a32 *gone = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true((void *)gone != MAP_FAILED);
	assert_int_equal(munmap(gone, 4096), 0);
	errno = 77;
	ops->park(ops->ctx, &word, 0, ops->now_ns(ops->ctx) + NS_PER_MS);
	ops->park(ops->ctx, &word, 1, UINT64_MAX);
	ops->wake(ops->ctx, &word);
	ops->wake(ops->ctx, gone);
	(void)ops->barrier(ops->ctx);
	ops->yield(ops->ctx);
	ops->pause(ops->ctx, 1);
	assert_int_equal(errno, 77);
}

static void linux_clock_does_not_go_back(void **state)
{
	const struct sluice_wait_ops *ops = sluice_wait_linux();
	uint64_t last = ops->now_ns(ops->ctx);

	(void)state;
	assert_true(last != 0);
	for (int i = 0; i < 1000; i++) {
		uint64_t now;

		ops->pause(ops->ctx, 3);
		ops->yield(ops->ctx);
		(void)ops->barrier(ops->ctx);
		now = ops->now_ns(ops->ctx);
		assert_true(now >= last);
		last = now;
	}
}

static int nothing_ready(void *ctx)
{
	(void)ctx;
	return 0;
}

static void linux_park_returns_at_its_deadline(void **state)
{
	const struct sluice_wait_ops *ops = sluice_wait_linux();
	struct sluice_bell bell = {0};
	uint64_t deadline = ops->now_ns(ops->ctx) + 3 * NS_PER_MS;

	(void)state;
	assert_int_equal(
		sluice_bell_park(&bell, ops, nothing_ready, NULL, deadline), 0);
	assert_true(ops->now_ns(ops->ctx) >= deadline);
	assert_int_equal(sluice_load_relaxed(&bell.parked), 0);
	/* One that has passed already. */
	assert_int_equal(sluice_bell_park(&bell, ops, nothing_ready, NULL, 1),
			 0);
	assert_int_equal(sluice_load_relaxed(&bell.parked), 0);
}

static int rung_meanwhile(void *ctx)
{
	sluice_bell_ring(ctx, sluice_wait_linux());
	return 0;
}

static void linux_park_sees_a_ring_before_it_sleeps(void **state)
{
	const struct sluice_wait_ops *ops = sluice_wait_linux();
	struct sluice_bell bell = {0};
	uint64_t deadline = ops->now_ns(ops->ctx) + FAR_NS;

	(void)state;
	assert_int_equal(
		sluice_bell_park(&bell, ops, rung_meanwhile, &bell, deadline),
		0);
	assert_true(ops->now_ns(ops->ctx) < deadline);
}

/* ---- two threads --------------------------------------------------------- */

#define TURNS 1000

/* One of two players: waits for the other's count, then raises its own. */
struct player {
	const struct sluice_wait_ops *ops;
	struct sluice_bell bell;
	sluice_a32 count;
	struct player *other;
	uint32_t wanted;
	uint64_t deadline_ns;
	uint32_t late; /* the turn at which it gave up, else 0 */
};

static int player_ready(void *ctx)
{
	struct player *p = ctx;

	return sluice_load_acquire(&p->other->count) >= p->wanted;
}

static void play(struct player *p, uint32_t ahead)
{
	for (uint32_t turn = 1; turn <= TURNS; turn++) {
		p->wanted = turn - ahead;
		/* The only deadline is that of the whole game, so a wake-up
		 * that is lost cannot be made good by a time-out. */
		while (!player_ready(p)) {
			(void)sluice_bell_park(&p->bell, p->ops, player_ready,
					       p, p->deadline_ns);
			if (p->ops->now_ns(p->ops->ctx) >= p->deadline_ns) {
				p->late = turn;
				return;
			}
		}
		sluice_store_release(&p->count, turn);
		sluice_bell_ring(&p->other->bell, p->ops);
	}
}

static void *play_second(void *arg)
{
	play(arg, 0);
	return NULL;
}

static void ping_pong(const struct sluice_wait_ops *ops)
{
	uint64_t deadline = ops->now_ns(ops->ctx) + FAR_NS;
	struct player first = {.ops = ops, .deadline_ns = deadline};
	struct player second = first;
	pthread_t thread;

	first.other = &second;
	second.other = &first;
	assert_int_equal(pthread_create(&thread, NULL, play_second, &second),
			 0);
	play(&first, 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(first.late, 0);
	assert_int_equal(second.late, 0);
	assert_int_equal(sluice_load_relaxed(&first.count), TURNS);
	assert_int_equal(sluice_load_relaxed(&second.count), TURNS);
}

static void two_threads_wake_each_other(void **state)
{
	(void)state;
	ping_pong(sluice_wait_linux());
}

/* As on a kernel that refuses membarrier: full fences on both sides. */
static void two_threads_wake_each_other_without_membarrier(void **state)
{
	(void)state;
	ping_pong(sluice_wait_linux_full());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(linux_table_is_complete),
		cmocka_unit_test(linux_calls_leave_errno_alone),
		cmocka_unit_test(linux_clock_does_not_go_back),
		cmocka_unit_test(linux_park_returns_at_its_deadline),
		cmocka_unit_test(linux_park_sees_a_ring_before_it_sleeps),
		cmocka_unit_test(two_threads_wake_each_other),
		cmocka_unit_test(
			two_threads_wake_each_other_without_membarrier),
	};

	return cmocka_run_group_tests_name("wait_linux", tests, NULL, NULL);
}
