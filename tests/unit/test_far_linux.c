/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel does for two processes that wait for each other, and what it lets
 * neither do to the other. */
#define _GNU_SOURCE /* F_SETFL */
#include "ring/far.h"
#include "ring/region.h"
#include "tests/support/deadline.h"
#include "tests/support/sandbox.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NS_PER_MS UINT64_C(1000000)
#define FAR_NS    (TEST_DEADLINE_MS * NS_PER_MS)

/* A region of this process, and the view of it that others get. */
struct page {
	struct sluice_region region;
	struct shown {
		struct sluice_bell bell;
		struct sluice_fences fences;
		sluice_a32 rung;
		sluice_a32 word;
	} * own;
	const struct shown *seen;
	char *view; /* all of it, read-only */
};

static void page_open(struct page *p)
{
	uint64_t offset;
	char path[64];
	int fd;

	assert_int_equal(
		sluice_region_open_shared(&p->region, "page",
					  2 * sluice_region_page_bytes(), 1),
		0);
	assert_int_equal(
		sluice_region_alloc(&p->region, SLUICE_OBJECT_BELLS, "bells",
				    sizeof(*p->own), sizeof(*p->own),
				    sluice_region_page_bytes(), &offset),
		0);
	assert_int_equal(sluice_region_seal(&p->region), 0);
	p->own = sluice_region_at(&p->region, offset);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", p->region.fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	p->view = mmap(NULL, p->region.bytes, PROT_READ, MAP_SHARED, fd, 0);
	assert_true((void *)p->view != MAP_FAILED);
	assert_int_equal(close(fd), 0);
	p->seen = (const struct shown *)(const void *)(p->view + offset);
}

static void page_close(struct page *p)
{
	assert_int_equal(munmap(p->view, p->region.bytes), 0);
	sluice_region_close(&p->region);
}

static uint64_t now_ns(void)
{
	return sluice_wait_linux()->now_ns(NULL);
}

/* ---- the table ----------------------------------------------------------- */

static void table_is_complete_and_leaves_errno_alone(void **state)
{
	const struct sluice_far_ops *far = sluice_far_linux();
	sluice_a32 words[2] = {{1}, {1}};
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)state;
	assert_ptr_equal(far, sluice_far_linux());
	errno = 77;
	far->wake(far->ctx, &words[0]);
	far->signal(far->ctx, fd);
	far->signal(far->ctx, -1);
	assert_int_equal(far->take(far->ctx, fd), 1);
	assert_int_equal(far->take(far->ctx, fd), 0);
	assert_int_equal(far->take(far->ctx, -1), 0);
	far->park(far->ctx, &words[0], 1, &words[1], 1, now_ns() + NS_PER_MS);
	far->park(far->ctx, &words[0], 0, &words[1], 1, now_ns() + FAR_NS);
	far->park(far->ctx, &words[0], 1, &words[1], 0, now_ns() + FAR_NS);
	assert_int_equal(errno, 77);
	assert_int_equal(close(fd), 0);
}

static void park_returns_at_its_deadline(void **state)
{
	const struct sluice_far_ops *far = sluice_far_linux();
	sluice_a32 words[2] = {{1}, {1}};
	uint64_t until = now_ns() + 2 * NS_PER_MS;

	(void)state;
	while (now_ns() < until)
		far->park(far->ctx, &words[0], 1, &words[1], 1, until);
}

static void fences_begin_as_the_tables(void **state)
{
	const struct sluice_wait_ops *split = sluice_wait_linux();
	struct sluice_wait_ops leaving = *split;
	struct sluice_fences of_leaving = {{SLUICE_FENCES_LEAVING}, {5}};
	struct sluice_fences fences = {{77}, {77}};

	(void)state;
	sluice_fences_init(&fences, sluice_wait_linux_full());
	assert_int_equal(fences.kind.value, SLUICE_FENCES_FULL);
	assert_int_equal(fences.since_ns.value, 0);
	sluice_fences_init(&fences, split);
	assert_int_equal(fences.kind.value, split->fences->kind.value);
	assert_int_equal(sluice_wait_registered(),
			 split->fences->kind.value == SLUICE_FENCES_SPLIT);
	/* Nobody rings by these yet. */
	leaving.fences = &of_leaving;
	sluice_fences_init(&fences, &leaving);
	assert_int_equal(fences.kind.value, SLUICE_FENCES_FULL);
}

/* ---- two processes ------------------------------------------------------- */

static pid_t child_of(void (*run)(struct page *pages), struct page *pages)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		run(pages);
		_exit(2); /* it ends by itself */
	}
	return pid;
}

static void child_end(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int rung_twice(void *ctx)
{
	const struct page *pages = ctx;

	return sluice_load_acquire(&pages[0].seen->word) >= 2;
}

/* Page 0 is that of the ringer, page 1 its own. It sleeps on memory that it may not
 * write. */
static void sleep_until_rung(struct page *pages)
{
	struct sluice_wait_ops ops = *sluice_wait_linux();
	const struct sluice_far_sleeper sleeper = {
		.bell = &pages[1].own->bell,
		.rung = &pages[0].seen->rung,
		.far = sluice_far_linux(),
		.ops = &ops,
	};
	uint64_t until = now_ns() + FAR_NS;

	ops.fences = &pages[1].own->fences;
	while (!rung_twice(pages) && now_ns() < until)
		(void)sluice_far_park(&sleeper, rung_twice, pages, until);
	_exit(rung_twice(pages) ? 0 : 1);
}

/* As before Linux 5.16. */
static void sleep_blindly_until_rung(struct page *pages)
{
	if (sandbox_enter(449, SECCOMP_RET_ERRNO | ENOSYS) == 0)
		sleep_until_rung(pages);
	_exit(0);
}

/* In a sandbox that allows no futex_waitv. */
static void sleep_refused_until_rung(struct page *pages)
{
	if (sandbox_enter(449, SECCOMP_RET_ERRNO | EPERM) == 0)
		sleep_until_rung(pages);
	_exit(0);
}

static void ring_twice(void (*sleeper)(struct page *pages))
{
	struct page pages[2];
	struct sluice_far_bell to;
	pid_t pid;

	page_open(&pages[0]);
	page_open(&pages[1]);
	sluice_fences_init(&pages[1].own->fences, sluice_wait_linux());
	to = (struct sluice_far_bell){
		.parked = &pages[1].seen->bell.parked,
		.fences = &pages[1].seen->fences,
		.ops = sluice_far_linux(),
		.rung = &pages[0].own->rung,
		.fd = -1,
		.registered = (uint32_t)sluice_wait_registered(),
	};
	pid = child_of(sleeper, pages);
	for (uint32_t turn = 1; turn <= 2; turn++) {
		for (uint32_t ms = 0;
		     ms < 100 &&
		     sluice_load_acquire(&pages[1].seen->bell.parked) == 0;
		     ms++)
			(void)usleep(1000);
		sluice_store_release(&pages[0].own->word, turn);
		(void)sluice_far_ring(&to);
	}
	child_end(pid);
	page_close(&pages[0]);
	page_close(&pages[1]);
}

static void one_sleeps_on_what_it_may_only_read(void **state)
{
	(void)state;
	ring_twice(sleep_until_rung);
}

static void one_sleeps_without_futex_waitv(void **state)
{
	(void)state;
	ring_twice(sleep_blindly_until_rung);
	ring_twice(sleep_refused_until_rung);
}

struct neighbour {
	struct sluice_far_sleeper sleeper;
	struct sluice_wait_ops ops;
	sluice_a32 seen;
};

static int was_called(void *ctx)
{
	struct neighbour *n = ctx;

	return sluice_load_acquire(&n->seen) != 0;
}

static void *sleep_until_called(void *arg)
{
	struct neighbour *n = arg;
	uint64_t until = now_ns() + FAR_NS;

	while (!was_called(n) && now_ns() < until)
		(void)sluice_far_park(&n->sleeper, was_called, n, until);
	return was_called(n) ? n : NULL;
}

static void a_neighbour_wakes_it_as_well(void **state)
{
	static sluice_a32 rung;
	struct page page;
	struct neighbour n = {.ops = *sluice_wait_linux()};
	pthread_t thread;
	void *called;

	(void)state;
	page_open(&page);
	n.ops.fences = &page.own->fences;
	sluice_fences_init(n.ops.fences, sluice_wait_linux());
	n.sleeper = (struct sluice_far_sleeper){&page.own->bell, &rung,
						sluice_far_linux(), &n.ops};
	assert_int_equal(pthread_create(&thread, NULL, sleep_until_called, &n),
			 0);
	while (sluice_load_acquire(&page.own->bell.parked) == 0)
		(void)sched_yield();
	sluice_store_release(&n.seen, 1);
	sluice_bell_ring(&page.own->bell, &n.ops);
	assert_int_equal(pthread_join(thread, &called), 0);
	assert_ptr_equal(called, &n);
	page_close(&page);
}

/* ---- what the other process may try -------------------------------------- */

/* It holds the descriptor as well, and their flags are one: whoever waits for
 * signals never blocks. */
static void take_does_not_block_on_a_blocking_descriptor(void **state)
{
	const struct sluice_far_ops *far = sluice_far_linux();
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)state;
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	assert_int_equal(far->take(far->ctx, fd), 0);
	far->signal(far->ctx, fd);
	far->signal(far->ctx, fd);
	assert_int_equal(far->take(far->ctx, fd), 1);
	assert_int_equal(far->take(far->ctx, fd), 0);
	assert_int_equal(close(fd), 0);
}

/* One that is full is signalled already. */
static void signal_does_not_block_on_a_full_descriptor(void **state)
{
	const struct sluice_far_ops *far = sluice_far_linux();
	uint64_t most = UINT64_MAX - 1;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)state;
	assert_int_equal(write(fd, &most, sizeof(most)), sizeof(most));
	far->signal(far->ctx, fd);
	assert_int_equal(far->take(far->ctx, fd), 1);
	assert_int_equal(close(fd), 0);
}

/* The other end of a socket is the other process's, and what it does there, or does
 * not, keeps nobody here. */
static void signal_does_not_block_on_a_socket(void **state)
{
	const struct sluice_far_ops *far = sluice_far_linux();
	uint32_t taken = 0;
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(far->take(far->ctx, ends[1]), 0);
	errno = 77;
	for (uint32_t i = 0; i < 100000; i++)
		far->signal(far->ctx, ends[0]);
	while (far->take(far->ctx, ends[1]))
		taken++;
	assert_in_range(taken, 1, 99999);
	(void)close(ends[1]);
	far->signal(far->ctx, ends[0]);
	assert_int_equal(far->take(far->ctx, ends[0]), 0);
	assert_int_equal(errno, 77);
	(void)close(ends[0]);
}

/* Whoever maps a bell, even read-only, could move its sleeper to a word of his own,
 * if it slept on a shared futex: and no ring would find it there. */
static void move_the_sleeper(struct page *pages)
{
	uint64_t until = now_ns() + FAR_NS;
	long moved = 0;
	int asleep = 0;

	while (asleep < 200 && now_ns() < until) {
		const struct shown *seen = pages[0].seen;

		asleep += sluice_load_acquire(&seen->bell.parked) != 0;
		moved += syscall(SYS_futex, &seen->bell.parked, FUTEX_REQUEUE,
				 1, (void *)(uintptr_t)10, &seen->word, 0);
		(void)usleep(100);
	}
	_exit(moved != 0 || asleep < 200);
}

struct victim {
	struct page page;
	struct sluice_wait_ops ops;
	sluice_a32 over;
};

static int is_over(void *ctx)
{
	return sluice_load_acquire(&((struct victim *)ctx)->over) != 0;
}

static void *sleep_often(void *arg)
{
	struct victim *v = arg;

	while (!is_over(v))
		(void)sluice_bell_park(&v->page.own->bell, &v->ops, is_over, v,
				       UINT64_MAX);
	return NULL;
}

static void a_stranger_moves_no_sleeper(void **state)
{
	struct victim v = {.ops = *sluice_wait_linux()};
	pthread_t thread;
	pid_t pid;

	(void)state;
	page_open(&v.page);
	v.ops.fences = &v.page.own->fences;
	sluice_fences_init(v.ops.fences, sluice_wait_linux());
	/* Before there are threads. */
	pid = child_of(move_the_sleeper, &v.page);
	assert_int_equal(pthread_create(&thread, NULL, sleep_often, &v), 0);
	child_end(pid);
	sluice_store_release(&v.over, 1);
	sluice_bell_ring(&v.page.own->bell, &v.ops);
	assert_int_equal(pthread_join(thread, NULL), 0);
	page_close(&v.page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_complete_and_leaves_errno_alone),
		cmocka_unit_test(park_returns_at_its_deadline),
		cmocka_unit_test(fences_begin_as_the_tables),
		cmocka_unit_test(one_sleeps_on_what_it_may_only_read),
		cmocka_unit_test(one_sleeps_without_futex_waitv),
		cmocka_unit_test(a_neighbour_wakes_it_as_well),
		cmocka_unit_test(take_does_not_block_on_a_blocking_descriptor),
		cmocka_unit_test(signal_does_not_block_on_a_full_descriptor),
		cmocka_unit_test(signal_does_not_block_on_a_socket),
		cmocka_unit_test(a_stranger_moves_no_sleeper),
	};

	return cmocka_run_group_tests_name("far_linux", tests, NULL, NULL);
}
