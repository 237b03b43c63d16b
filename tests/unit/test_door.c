/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
/* The mark of this process comes to be at the first open: without memory for it
 * nothing is opened, and of two threads that are first, one makes it. */
#include "engine/control/door_priv.h"

#include "flow.h"

#include <sys/mman.h>

/* ---- the edge ------------------------------------------------------------ */

static int refuse;              /* the next mapping */
static void (*meanwhile)(void); /* once, in the middle of it */
static uint32_t unmapped;

void *__real_mmap(void *at, size_t bytes, int protection, int flags, int fd,
		  off_t offset);
void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd,
		  off_t offset);
int __real_madvise(void *at, size_t bytes, int advice);
int __wrap_madvise(void *at, size_t bytes, int advice);
int __real_munmap(void *at, size_t bytes);
int __wrap_munmap(void *at, size_t bytes);

void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd,
		  off_t offset)
{
	if (!refuse)
		return __real_mmap(at, bytes, protection, flags, fd, offset);
	refuse = 0;
	errno = ENOMEM;
	return MAP_FAILED;
}

int __wrap_madvise(void *at, size_t bytes, int advice)
{
	void (*run)(void) = meanwhile;

	meanwhile = NULL;
	if (run != NULL)
		run();
	return __real_madvise(at, bytes, advice);
}

int __wrap_munmap(void *at, size_t bytes)
{
	unmapped++;
	return __real_munmap(at, bytes);
}

/* ---- in this order ------------------------------------------------------- */

static const uint32_t *theirs;
static uint32_t their_mark;

static void no_memory_for_the_mark(void **state)
{
	struct sluice_pipeline *p = NULL;

	(void)state;
	refuse = 1;
	assert_int_equal(
		sluice_pipeline_open(&p, SLUICE_PIPELINE(.name = "first")),
		-ENOMEM);
	assert_text_has(sluice_last_error(), "pipeline 'first': no memory");
	assert_null(p);
	assert_int_equal(refuse, 0);
	assert_int_equal(unmapped, 0);
}

static void another_is_first(void)
{
	assert_int_equal(door_mark(&theirs, &their_mark), 0);
}

static void two_are_first(void **state)
{
	const uint32_t *ours = NULL;
	uint32_t mark = 0;

	(void)state;
	meanwhile = another_is_first;
	assert_int_equal(door_mark(&ours, &mark), 0);
	assert_null(meanwhile);
	assert_non_null(theirs);
	assert_ptr_equal(ours, theirs);
	assert_int_equal(mark, their_mark);
	assert_int_equal(*ours, mark);
	assert_int_not_equal(mark, 0);
	assert_int_equal(unmapped, 1); /* the page that was not wanted */
}

/* No page is made any more, and the mark stays. */
static void the_mark_stays(void **state)
{
	const uint32_t *ours = NULL;
	uint32_t mark = 0;
	struct sluice_pipeline *p;

	(void)state;
	refuse = 1;
	assert_int_equal(door_mark(&ours, &mark), 0);
	assert_int_equal(refuse, 1);
	refuse = 0;
	assert_ptr_equal(ours, theirs);
	assert_int_equal(mark, their_mark);
	p = flow_open(1);
	assert_ptr_equal(p->mark_at, theirs);
	assert_int_equal(p->mark, their_mark);
	assert_true(door_here(p));
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_memory_for_the_mark),
		cmocka_unit_test(two_are_first),
		cmocka_unit_test(the_mark_stays),
	};

	return cmocka_run_group_tests_name("door", tests, NULL, NULL);
}
