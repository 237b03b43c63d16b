/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that a stage waits for, and what else its worker waits for beside them. */
#include "eye.h"

/* However it is placed: between two writes its worker has gone to sleep. */
static void it_is_told_of_what_can_be_read(void **state)
{
	(void)state;
	for (uint32_t blocking = 0; blocking <= 1; blocking++) {
		struct sluice_pipeline *p = flow_open(1);
		struct eye eye = {0};
		int fd[2];

		eye_pair(fd);
		eye_add(p, "eye", &eye, blocking);
		flow_start(p);
		assert_int_equal(eye_say(p, "eye", EYE_WATCH, fd[0],
					 SLUICE_IO_READ, NULL),
				 0);
		for (uint32_t i = 1; i <= 20; i++) {
			assert_int_equal(write(fd[1], "x", 1), 1);
			eye_await(&eye.bytes, i);
			flow_sleep_ms(i % 4);
		}
		assert_int_equal(sluice_load_acquire(&eye.events[fd[0]]),
				 SLUICE_IO_READ);
		eye_stop(p);
		(void)close(fd[0]);
		(void)close(fd[1]);
	}
}

/* Beside a descriptor that is never ready all else comes as ever: events, messages,
 * timers, a drain. */
static void all_else_comes_too(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct eye eye = {0};
	int fd[2];

	(void)state;
	eye_pair(fd);
	eye_add(p, "eye", &eye, 0);
	eye.first = fd[0];
	flow_start(p);
	for (uint64_t i = 0; i < 20; i++) {
		assert_int_equal(sluice_send(sluice_stage_find(p, "in-eye"), &i,
					     1, FLOW_DEADLINE_MS),
				 1);
		flow_wait_events(p, &eye.sink, i + 1);
		flow_sleep_ms(i % 4);
		assert_int_equal(eye_say(p, "eye", EYE_TIMER, 0, 0, NULL), 0);
		eye_await(&eye.timers, (uint32_t)i + 1);
	}
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	assert_int_equal(flow_join(p), 0);
	assert_int_equal(sluice_load_acquire(&eye.told[fd[0]]), 0);
	sluice_pipeline_close(p);
	(void)close(fd[0]);
	(void)close(fd[1]);
}

/* ---- as poll() ---------------------------------------------------------------- */

static void it_is_told_until_it_has_read(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct eye eye = {.manner = {EYE_LOOKS}};
	int fd[2];

	(void)state;
	eye_pair(fd);
	eye_add(p, "eye", &eye, 0);
	flow_start(p);
	assert_int_equal(write(fd[1], "xyz", 3), 3);
	assert_int_equal(
		eye_say(p, "eye", EYE_WATCH, fd[0], SLUICE_IO_READ, NULL), 0);
	eye_await(&eye.told[fd[0]], 100);
	/* Both: a socket of its own can be written, too. */
	assert_int_equal(eye_say(p, "eye", EYE_WATCH, fd[1],
				 SLUICE_IO_READ | SLUICE_IO_WRITE, NULL),
			 0);
	eye_await(&eye.told[fd[1]], 2);
	assert_int_equal(sluice_load_acquire(&eye.events[fd[1]]),
			 SLUICE_IO_WRITE);
	sluice_store_release(&eye.manner, EYE_UNWATCHES);
	eye_await(&eye.told[fd[0]], sluice_load_acquire(&eye.told[fd[0]]) + 1);
	/* It is not told any more: or it would have been, by the time that others are. */
	sluice_store_release(&eye.manner, EYE_READS);
	assert_int_equal(
		eye_say(p, "eye", EYE_WATCH, fd[0], SLUICE_IO_READ, NULL), 0);
	eye_await(&eye.bytes, 3);
	eye_stop(p);
	(void)close(fd[0]);
	(void)close(fd[1]);
}

static void the_other_end_goes(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct eye eye = {.manner = {EYE_UNWATCHES}};
	int fd[2];

	(void)state;
	eye_pair(fd);
	eye_add(p, "eye", &eye, 0);
	eye.first = fd[0];
	flow_start(p);
	(void)close(fd[1]);
	eye_await(&eye.told[fd[0]], 1);
	assert_int_equal(sluice_load_acquire(&eye.events[fd[0]]),
			 SLUICE_IO_READ | SLUICE_IO_ERROR);
	eye_stop(p);
	(void)close(fd[0]);
}

/* Nothing can be read there, ever: what was asked for is told with the error. */
static void an_error_alone(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct eye eye = {.manner = {EYE_UNWATCHES}};
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	eye_add(p, "eye", &eye, 0);
	eye.first = fd[1];
	flow_start(p);
	(void)close(fd[0]);
	eye_await(&eye.told[fd[1]], 1);
	assert_int_equal(sluice_load_acquire(&eye.events[fd[1]]),
			 SLUICE_IO_READ | SLUICE_IO_ERROR);
	eye_stop(p);
	(void)close(fd[1]);
}

/* Two are ready at once, and whichever comes first has both unwatched, and two others
 * watched in their places. */
static void what_was_unwatched_is_not_told(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		struct sluice_pipeline *p = flow_open(1);
		struct eye eye = {.manner = {EYE_UNWATCHES_ALL}};
		int fd[2];

		eye_pair(fd);
		eye_pair(eye.next);
		eye.last[0] = fd[0];
		eye.last[1] = fd[1];
		eye_add(p, "eye", &eye, 0);
		assert_int_equal(write(fd[0], "x", 1), 1);
		assert_int_equal(write(fd[1], "x", 1), 1);
		flow_start(p);
		assert_int_equal(eye_say(p, "eye", EYE_WATCH_LAST, 0,
					 SLUICE_IO_READ, NULL),
				 0);
		/* The answer to the second call is behind the first of these. */
		assert_int_equal(eye_say(p, "eye", EYE_TIMER, 0, 0, NULL), 0);
		eye_await(&eye.timers, 1);
		assert_int_equal(sluice_load_acquire(&eye.told[fd[0]]) +
					 sluice_load_acquire(&eye.told[fd[1]]),
				 1);
		for (uint32_t j = 0; j < 2; j++)
			assert_int_equal(
				sluice_load_acquire(&eye.told[eye.next[j]]), 0);
		eye_stop(p);
		for (uint32_t j = 0; j < 2; j++) {
			(void)close(fd[j]);
			(void)close(eye.next[j]);
		}
	}
}

/* ---- closed while it is watched ------------------------------------------------- */

/* Its number is another's, and that is watched; the worker is told of that alone. */
static void a_number_that_is_used_again(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct eye eye = {0};
	int fd[2];
	int other[2];

	(void)state;
	eye_pair(fd);
	eye_add(p, "eye", &eye, 0);
	eye.first = fd[0];
	flow_start(p);
	assert_int_equal(eye_say(p, "eye", EYE_CLOSE, fd[0], 0, NULL), 0);
	eye_pair(other);
	assert_int_equal(other[0], fd[0]);
	assert_int_equal(
		eye_say(p, "eye", EYE_WATCH, other[0], SLUICE_IO_READ, NULL),
		0);
	assert_int_equal(write(other[1], "x", 1), 1);
	eye_await(&eye.bytes, 1);
	assert_int_equal(eye_say(p, "eye", EYE_UNWATCH, other[0], 0, NULL), 0);
	assert_int_equal(eye_say(p, "eye", EYE_UNWATCH, other[0], 0, NULL),
			 -ENOENT);
	/* Closed, and unwatched then. */
	assert_int_equal(
		eye_say(p, "eye", EYE_WATCH, other[0], SLUICE_IO_READ, NULL),
		0);
	assert_int_equal(eye_say(p, "eye", EYE_CLOSE, other[0], 0, NULL), 0);
	assert_int_equal(eye_say(p, "eye", EYE_UNWATCH, other[0], 0, NULL), 0);
	eye_stop(p);
	(void)close(fd[1]);
	(void)close(other[1]);
}

/* In a set of this process there is one with this number. */
static int is_in_a_set(int fd)
{
	char wanted[32];
	int found = 0;

	(void)snprintf(wanted, sizeof(wanted), "tfd: %8d ", fd);
	for (int i = 0; i < 64 && !found; i++) {
		char path[64];
		char line[256];
		FILE *file;

		(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", i);
		file = fopen(path, "r");
		while (file != NULL && fgets(line, sizeof(line), file))
			found |= strncmp(line, wanted, strlen(wanted)) == 0;
		if (file != NULL)
			(void)fclose(file);
	}
	return found;
}

/* Its file lives on by another number, which is always ready: nobody can take it out of
 * the set. The worker makes another one, and does not come back to it for ever. */
static void a_file_that_lives_on(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct eye eye = {.manner = {EYE_LOOKS}};
	int fd[2];
	int more[2];
	int twin;

	(void)state;
	eye_pair(fd);
	eye_pair(more);
	twin = dup(fd[0]);
	eye_add(p, "eye", &eye, 0);
	flow_start(p);
	assert_int_equal(write(fd[1], "x", 1), 1);
	assert_int_equal(
		eye_say(p, "eye", EYE_WATCH, fd[0], SLUICE_IO_READ, NULL), 0);
	assert_int_equal(
		eye_say(p, "eye", EYE_WATCH, more[0], SLUICE_IO_READ, NULL), 0);
	eye_await(&eye.told[fd[0]], 1);
	assert_true(is_in_a_set(fd[0]));
	assert_int_equal(eye_say(p, "eye", EYE_CLOSE, fd[0], 0, NULL), 0);
	assert_int_equal(eye_say(p, "eye", EYE_UNWATCH, fd[0], 0, NULL), 0);
	for (uint32_t ms = 0; is_in_a_set(fd[0]); ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	/* All others are in the new one. */
	sluice_store_release(&eye.manner, EYE_READS);
	assert_int_equal(write(more[1], "xyz", 3), 3);
	eye_await(&eye.bytes, 3);
	eye_stop(p);
	(void)close(twin);
	(void)close(fd[1]);
	(void)close(more[0]);
	(void)close(more[1]);
}

/* ---- refused ---------------------------------------------------------------------- */

static void each_refusal_says_why(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct eye eye = {0};
	struct eye other = {0};
	struct flow_sink sink = {0};
	struct flow_source source = {.end = UINT64_MAX, .most = 1};
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct eye_reply said;
	int fd[2];

	(void)state;
	eye_pair(fd);
	eye_add(p, "eye", &eye, 0);
	eye_add(p, "other", &other, 0);
	flow_add_source(p, "source", &source);
	flow_add_sink(p, "sink", &sink);
	flow_subscribe(p, "sink", "source", NULL);
	assert_int_equal(sluice_stage_watch(sluice_stage_find(p, "eye"), fd[0],
					    SLUICE_IO_READ),
			 -EPERM);
	flow_start(p);
	assert_int_equal(sluice_stage_watch(NULL, fd[0], SLUICE_IO_READ),
			 -EINVAL);
	assert_int_equal(sluice_stage_watch(sluice_stage_find(p, "sink"), fd[0],
					    SLUICE_IO_READ),
			 -ENOTSUP);
	assert_text_has(sluice_last_error(), "'sink' has no handle_io");
	assert_int_equal(sluice_stage_watch(sluice_stage_find(p, "eye"), fd[0],
					    SLUICE_IO_READ),
			 -EPERM);
	assert_text_has(sluice_last_error(), "inside of its callbacks");
	assert_int_equal(
		sluice_stage_unwatch(sluice_stage_find(p, "eye"), fd[0]),
		-EPERM);
	assert_int_equal(
		eye_say(p, "eye", EYE_WATCH, file, SLUICE_IO_READ, &said),
		-EPERM);
	assert_text_has(said.text, "always ready");
	assert_int_equal(eye_say(p, "eye", EYE_WATCH, fd[0], 0, &said),
			 -EINVAL);
	assert_int_equal(eye_say(p, "eye", EYE_WATCH, fd[0],
				 SLUICE_IO_READ | SLUICE_IO_ERROR, &said),
			 -EINVAL);
	assert_text_has(said.text, "events 0x5");
	assert_int_equal(
		eye_say(p, "eye", EYE_WATCH, -1, SLUICE_IO_READ, &said),
		-EBADF);
	assert_int_equal(
		eye_say(p, "eye", EYE_WATCH, 1000, SLUICE_IO_READ, &said),
		-EBADF);
	assert_text_has(said.text, "descriptor 1000");
	assert_int_equal(
		eye_say(p, "eye", EYE_WATCH, fd[0], SLUICE_IO_READ, &said), 0);
	assert_int_equal(
		eye_say(p, "eye", EYE_WATCH, fd[0], SLUICE_IO_WRITE, &said),
		-EEXIST);
	assert_text_has(said.text, "by 'eye'");
	assert_int_equal(
		eye_say(p, "other", EYE_WATCH, fd[0], SLUICE_IO_READ, &said),
		-EEXIST);
	assert_text_has(said.text, "by 'eye'");
	assert_int_equal(eye_say(p, "other", EYE_UNWATCH, fd[0], 0, &said),
			 -ENOENT);
	assert_text_has(said.text, "is not watched");
	assert_int_equal(eye_say(p, "eye", EYE_UNWATCH, fd[0], 0, &said), 0);
	assert_int_equal(
		eye_say(p, "other", EYE_WATCH, fd[0], SLUICE_IO_READ, &said),
		0);
	eye_stop(p);
	(void)close(file);
	(void)close(fd[0]);
	(void)close(fd[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_told_of_what_can_be_read),
		cmocka_unit_test(all_else_comes_too),
		cmocka_unit_test(it_is_told_until_it_has_read),
		cmocka_unit_test(the_other_end_goes),
		cmocka_unit_test(an_error_alone),
		cmocka_unit_test(what_was_unwatched_is_not_told),
		cmocka_unit_test(a_number_that_is_used_again),
		cmocka_unit_test(a_file_that_lives_on),
		cmocka_unit_test(each_refusal_says_why),
	};
	struct CMUnitTest all[UNIT_COUNT(tests)];

	memcpy(all, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("stage_watch", all, NULL, NULL);
}
