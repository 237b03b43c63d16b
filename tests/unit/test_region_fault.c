/* SPDX-License-Identifier: Apache-2.0 */
/* A region when the kernel says no. The linker puts a wrapper before each call
 * that region.c makes (see CMakeLists.txt); it fails once it is told to. */
#include "ring/region.h"
#include "tests/support/edge.h"
#include "tests/support/fds.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>

/* The number is part of the kernel's interface; old libraries do not name it.
 * Without _GNU_SOURCE neither name is there. */
#define NOEXEC_SEAL 0x0008u
#define ADD_SEALS   1033
#define PAGES(n)    ((n)*sluice_region_page_bytes())
#define FAIL_EVERY  UINT32_MAX

/* ---- the edge ------------------------------------------------------------ */

static struct {
	const char *call;  /* the call that is to fail, NULL for none */
	int error;         /* what errno it leaves */
	uint32_t failures; /* how many times yet */
	uint32_t seen;     /* how often it was made */
	off_t most;        /* a fallocate of more is interrupted; 0: none */
} edge;

/* Does @call fail this time? */
static int edge_fails(const char *call)
{
	if (edge.call == NULL || strcmp(call, edge.call) != 0)
		return 0;
	edge.seen++;
	if (edge.most > 0 && edge_fallocate_bytes > edge.most) {
		errno = EINTR;
		return 1;
	}
	if (edge.failures == 0)
		return 0;
	edge.failures--;
	errno = edge.error;
	return 1;
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);

/* Nothing in this program passes an argument but with this one command. */
int __wrap_fcntl(int fd, int command, ...)
{
	va_list args;
	int seals;

	if (command != ADD_SEALS)
		return __real_fcntl(fd, command);
	va_start(args, command);
	seals = va_arg(args, int);
	va_end(args);
	return edge_fails("fcntl") ? -1 : __real_fcntl(fd, command, seals);
}

static void edge_arm(const char *call, int error, uint32_t failures)
{
	memset(&edge, 0, sizeof(edge));
	edge.call = call;
	edge.error = error;
	edge.failures = failures;
}

/* ---- open fails at each step --------------------------------------------- */

static struct step {
	const char *name;
	const char *call;
	int error;
	int rc;
	const char *says; /* of the error, in the words of strerror() */
} steps[] = {
	{"memfd_create_no_more_fds", "memfd_create", EMFILE, -EMFILE,
	 "Too many open files"},
	{"memfd_create_refused_twice", "memfd_create", EINVAL, -EINVAL,
	 "Invalid argument"},
	{"ftruncate_too_big", "ftruncate", EFBIG, -EFBIG, "File too large"},
	{"fallocate_no_space", "fallocate", ENOSPC, -ENOSPC,
	 "No space left on device"},
	{"mmap_no_memory", "mmap", ENOMEM, -ENOMEM, "Cannot allocate memory"},
	{"mmap_locked_out", "mmap", EAGAIN, -EAGAIN,
	 "Resource temporarily unavailable"},
	{"mmap_with_no_reason", "mmap", 0, -ENOMEM, "Cannot allocate memory"},
	{"sealing_not_permitted", "fcntl", EPERM, -EPERM,
	 "Operation not permitted"},
};

static void open_fails_and_holds_nothing(void **state)
{
	const struct step *row = *state;
	int fds = fds_count();
	struct sluice_region region;
	char says[128];
	int rc;

	assert_true(fds > 0);
	memset(&region, 0x5a, sizeof(region)); /* out is what it says */
	edge_arm(row->call, row->error, FAIL_EVERY);
	rc = sluice_region_open(&region, "faulty", PAGES(3), 1);
	edge.call = NULL;
	assert_true(edge.seen > 0);
	assert_int_equal(rc, row->rc);
	(void)snprintf(says, sizeof(says),
		       "'faulty': %llu bytes refused by %s: %s",
		       (unsigned long long)PAGES(3),
		       strcmp(row->call, "fcntl") == 0 ? "sealing" : row->call,
		       row->says);
	assert_text_has(sluice_last_error(), says);
	assert_null(region.base);
	assert_int_equal(region.fd, -1);
	assert_int_equal(region.bytes, 0);
	assert_int_equal(fds_count(), fds);
	assert_int_equal(fds_mappings("memfd:sluice:"), 0);
	sluice_region_close(&region);
	assert_int_equal(fds_count(), fds);
}

/* Each call of the rows above is one that open makes, once. */
static void open_works_when_nothing_fails(void **state)
{
	int fds = fds_count();

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(steps); i++) {
		struct sluice_region region;

		edge_arm(steps[i].call, steps[i].error, 0);
		assert_int_equal(sluice_region_open(&region, "good", 0, 1), 0);
		edge.call = NULL;
		assert_int_equal(edge.seen, 1);
		assert_int_equal(fds_count(), fds);
		assert_int_equal(fds_mappings("memfd:sluice:good"), 1);
		sluice_region_close(&region);
		assert_int_equal(fds_count(), fds);
		assert_int_equal(fds_mappings("memfd:sluice:"), 0);
	}
}

/* A kernel from before the flag says that the argument is invalid. */
static void open_does_without_a_flag_the_kernel_lacks(void **state)
{
	int fds = fds_count();
	struct sluice_region region;

	(void)state;
	edge_arm("memfd_create", EINVAL, 1);
	assert_int_equal(sluice_region_open(&region, "older", 0, 1), 0);
	edge.call = NULL;
	assert_int_equal(edge.seen, 2);
	assert_int_equal(edge_memfd_flags & NOEXEC_SEAL, 0);
	assert_int_equal(sluice_region_seal(&region), 0);
	assert_int_equal(sluice_region_verify(region.base, region.bytes), 0);
	sluice_region_close(&region);
	assert_int_equal(fds_count(), fds);
}

/* It is asked for first, though; and no other failure is tried twice. */
static void open_asks_for_the_flag_once(void **state)
{
	struct sluice_region region;

	(void)state;
	edge_arm("memfd_create", ENFILE, 1);
	assert_int_equal(sluice_region_open(&region, "older", 0, 1), -ENFILE);
	edge.call = NULL;
	assert_int_equal(edge.seen, 1);
	assert_int_equal(edge_memfd_flags & NOEXEC_SEAL, NOEXEC_SEAL);
}

/* ---- what is allocated in it --------------------------------------------- */

static void alloc_is_refused(void **state)
{
	struct sluice_region region;
	uint64_t first = 0;
	uint64_t at = 77;

	(void)state;
	assert_int_equal(sluice_region_open(&region, "small", PAGES(2), 3), 0);
	assert_int_equal(sluice_region_alloc(&region, SLUICE_OBJECT_SLOTS, NULL,
					     8, 8, 8, &at),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "name is NULL");
	assert_int_equal(sluice_region_alloc(&region, SLUICE_OBJECT_SLOTS, "a",
					     8, 8, 8, NULL),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "offset is NULL");
	assert_int_equal(sluice_region_alloc(&region, SLUICE_OBJECT_SLOTS, "a",
					     8, 8, 8, &first),
			 0);
	/* Too large, and nothing left where it would have to begin. */
	assert_int_equal(sluice_region_alloc(&region, SLUICE_OBJECT_SLOTS, "b",
					     PAGES(2), 8, 8, &at),
			 -ENOSPC);
	assert_text_has(sluice_last_error(), "'small'");
	assert_text_has(sluice_last_error(), "for 'b' are over its limit");
	assert_int_equal(sluice_region_alloc(&region, SLUICE_OBJECT_SLOTS, "b",
					     8, 8, PAGES(16), &at),
			 -ENOSPC);
	assert_text_has(sluice_last_error(), "8 bytes for 'b' are over");
	assert_int_equal(at, 77);
	/* What was refused has taken nothing. */
	assert_int_equal(sluice_region_alloc(&region, SLUICE_OBJECT_SLOTS, "b",
					     8, 8, 8, &at),
			 0);
	assert_int_equal(at, first + 8);
	sluice_region_close(&region);
}

/* ---- signals ------------------------------------------------------------- */

static void open_goes_on_when_interrupted(void **state)
{
	static const char *const calls[] = {"ftruncate", "fallocate"};
	struct sluice_region region;

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(calls); i++) {
		edge_arm(calls[i], EINTR, 5);
		assert_int_equal(
			sluice_region_open(&region, "timed", PAGES(3), 1), 0);
		edge.call = NULL;
		assert_int_equal(edge.seen, 6);
		sluice_region_close(&region);
	}
}

/* A kernel that undoes what it has done at each signal, and a signal so often
 * that four pages are the most that gets through: smaller pieces do, and all
 * pages are there in the end. */
static void open_gets_through_between_signals(void **state)
{
	struct sluice_region region;
	struct stat is;

	(void)state;
	edge_arm("fallocate", EINTR, 0);
	edge.most = (off_t)PAGES(4);
	assert_int_equal(
		sluice_region_open_shared(&region, "timed", PAGES(103), 1), 0);
	edge.call = NULL;
	assert_true(edge.seen > 103 / 4);
	assert_int_equal(fstat(region.fd, &is), 0);
	assert_int_equal(is.st_size, PAGES(103));
	assert_true((uint64_t)is.st_blocks * 512 >= PAGES(103));
	sluice_region_close(&region);
}

/* A limit on files is answered, not signalled: SIGXFSZ would end us here. */
static void open_heeds_the_file_size_limit(void **state)
{
	uint64_t page = sluice_region_page_bytes();
	int fds = fds_count();
	struct sluice_region region;
	struct rlimit before;
	struct rlimit low;
	sigset_t pending;
	char limit[64];

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	for (uint64_t pages = 0; pages < 4; pages++) {
		low = before;
		low.rlim_cur = pages * page;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
		errno = 77;
		assert_int_equal(
			sluice_region_open(&region, "big", 4 * page, 1),
			-EFBIG);
		assert_int_equal(errno, 77);
		assert_null(region.base);
		assert_int_equal(region.fd, -1);
		assert_text_has(sluice_last_error(), "'big'");
		(void)snprintf(limit, sizeof(limit), "limit of %llu",
			       (unsigned long long)(pages * page));
		assert_text_has(sluice_last_error(), limit);
		assert_int_equal(sigpending(&pending), 0);
		assert_int_equal(sigismember(&pending, SIGXFSZ), 0);
	}
	low.rlim_cur = 4 * page;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	assert_int_equal(sluice_region_open(&region, "big", 4 * page, 1), 0);
	sluice_region_close(&region);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(fds_count(), fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_works_when_nothing_fails),
		cmocka_unit_test(open_does_without_a_flag_the_kernel_lacks),
		cmocka_unit_test(open_asks_for_the_flag_once),
		cmocka_unit_test(alloc_is_refused),
		cmocka_unit_test(open_goes_on_when_interrupted),
		cmocka_unit_test(open_gets_through_between_signals),
		cmocka_unit_test(open_heeds_the_file_size_limit),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(steps)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, open_fails_and_holds_nothing, steps);
	memcpy(all + at, tests, sizeof(tests));
	return cmocka_run_group_tests_name("region_fault", all, NULL, NULL);
}
