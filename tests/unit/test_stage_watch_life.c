/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that stages wait for, and the life of these: they share a worker, come and
 * go, are restarted, are busy. */
#include "eye.h"

#include <sys/resource.h>

#define EYES 4u

/* Each is told of its own, on one worker and on several. */
static void stages_share_a_worker(void **state)
{
	(void)state;
	for (uint32_t workers = 1; workers <= 2; workers++) {
		struct sluice_pipeline *p = flow_open(workers);
		struct eye eyes[EYES] = {{.refuses = 0}};
		int fd[EYES][2];

		for (uint32_t i = 0; i < EYES; i++) {
			char name[8];

			(void)snprintf(name, sizeof(name), "eye%u", i);
			eye_pair(fd[i]);
			eye_add(p, name, &eyes[i], 0);
			eyes[i].first = fd[i][0];
		}
		flow_start(p);
		for (uint32_t n = 1; n <= 100; n++)
			for (uint32_t i = 0; i < EYES; i++)
				assert_int_equal(write(fd[i][1], "x", 1), 1);
		for (uint32_t i = 0; i < EYES; i++) {
			eye_await(&eyes[i].bytes, 100);
			for (uint32_t j = 0; j < EYES; j++)
				assert_int_equal(
					sluice_load_acquire(
						&eyes[i].told[fd[j][0]]) > 0,
					i == j);
		}
		/* One ends: the others go on. */
		assert_int_equal(sluice_stage_end(sluice_stage_find(p, "eye0"),
						  SLUICE_REASON_NORMAL, 0),
				 0);
		for (uint32_t i = 1; i < EYES; i++) {
			assert_int_equal(write(fd[i][1], "x", 1), 1);
			eye_await(&eyes[i].bytes, 101);
		}
		eye_stop(p);
		for (uint32_t i = 0; i < EYES; i++) {
			(void)close(fd[i][0]);
			(void)close(fd[i][1]);
		}
	}
}

/* What it watched ends with it: its next init watches the same again, and is told. */
static void a_restart_begins_anew(void **state)
{
	struct sluice_pipeline *p = NULL;
	struct eye eye = {.refuses = 0};
	int fd[2];

	(void)state;
	assert_int_equal(
		sluice_pipeline_open(&p, SLUICE_PIPELINE(.workers = 1,
							 .backoff_ms = 1,
							 .max_restarts = 100)),
		0);
	eye_pair(fd);
	eye_add(p, "eye", &eye, 0);
	eye.first = fd[0];
	flow_start(p);
	for (uint32_t i = 1; i <= 5; i++) {
		assert_int_equal(write(fd[1], "x", 1), 1);
		eye_await(&eye.bytes, i);
		assert_true(eye_say(p, "eye", EYE_FAIL, 0, 0, NULL) < 0);
		/* While it is down nobody looks, and nothing is lost. */
		eye_await(&eye.inits, i + 1);
	}
	eye_stop(p);
	(void)close(fd[0]);
	(void)close(fd[1]);
}

/* A start that fails leaves nothing behind: neither does its second try. */
static void a_start_fails(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct eye eye = {.refuses = -EIO};
	int fd[2];

	(void)state;
	eye_pair(fd);
	eye_add(p, "eye", &eye, 0);
	eye.first = fd[0];
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(sluice_pipeline_start(p), -EIO);
	eye.refuses = 0;
	flow_start(p);
	assert_int_equal(write(fd[1], "x", 1), 1);
	eye_await(&eye.bytes, 1);
	eye_stop(p);
	(void)close(fd[0]);
	(void)close(fd[1]);
}

/* A stage that comes while the pipeline runs, and goes. */
static void one_that_comes_late(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct eye eyes[6] = {{.refuses = 0}};
	struct eye first = {.refuses = 0};
	int fd[2];

	(void)state;
	eye_pair(fd);
	eye_add(p, "first", &first, 0);
	flow_start(p);
	for (uint32_t i = 0; i < 6; i++) {
		eye_add(p, "late", &eyes[i], i % 2);
		assert_int_equal(eye_say(p, "late", EYE_WATCH, fd[0],
					 SLUICE_IO_READ, NULL),
				 0);
		assert_int_equal(write(fd[1], "x", 1), 1);
		eye_await(&eyes[i].bytes, 1);
		assert_int_equal(
			sluice_port_end(sluice_stage_find(p, "in-late"),
					SLUICE_REASON_NORMAL),
			0);
		assert_int_equal(
			sluice_stage_remove(sluice_stage_find(p, "late"),
					    FLOW_DEADLINE_MS),
			0);
		assert_int_equal(
			sluice_stage_remove(sluice_stage_find(p, "in-late"),
					    FLOW_DEADLINE_MS),
			0);
	}
	eye_stop(p);
	(void)close(fd[0]);
	(void)close(fd[1]);
}

/* Beside stages that have no rest its worker looks all the same. */
static void a_busy_worker_looks(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct flow_source source = {.end = UINT64_MAX};
	struct flow_sink sink = {0};
	struct eye eye = {.refuses = 0};
	int fd[2];

	(void)state;
	eye_pair(fd);
	flow_add_source(p, "source", &source);
	flow_add_sink(p, "sink", &sink);
	flow_subscribe(p, "sink", "source", NULL);
	eye_add(p, "eye", &eye, 0);
	eye.first = fd[0];
	flow_start(p);
	for (uint32_t i = 1; i <= 50; i++) {
		assert_int_equal(write(fd[1], "x", 1), 1);
		eye_await(&eye.bytes, i);
	}
	eye_stop(p);
	(void)close(fd[0]);
	(void)close(fd[1]);
}

/* ---- a producer that reads --------------------------------------------------------- */

#define NUMBERS 20000u

struct reader {
	int fd;
	uint32_t
		fails_at; /* its 1st call fails, if this is 1, and so on; 0: none */
	uint32_t calls;
};

static int reader_init(struct sluice_stage *self)
{
	const struct reader *reader = sluice_stage_state(self);

	return sluice_stage_watch(self, reader->fd, SLUICE_IO_READ);
}

static int reader_demand(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_OK;
}

/* Numbers are written whole, and a few at a time are read. */
static int reader_io(struct sluice_stage *self, int fd, uint32_t events)
{
	struct reader *reader = sluice_stage_state(self);
	uint64_t *numbers;
	uint64_t read_here[16];
	ssize_t n;

	(void)events;
	if (++reader->calls == reader->fails_at)
		return SLUICE_FAIL;
	n = read(fd, read_here, sizeof(read_here));
	if (n == 0)
		return SLUICE_END;
	if (n < 0 || n % 8 != 0)
		return SLUICE_FAIL;
	numbers = sluice_emit(self, (uint32_t)n / 8);
	if (numbers == NULL)
		return -ENOBUFS;
	memcpy(numbers, read_here, (size_t)n);
	return SLUICE_OK;
}

/* From a pipe, past a window of three, into a sink; at its end the stream ends. A call
 * that fails has read nothing: it comes again, with the same. */
static void what_is_read_is_emitted(void **state)
{
	(void)state;
	for (uint32_t fails_at = 0; fails_at <= 2; fails_at++) {
		struct sluice_pipeline *p = NULL;
		struct reader reader = {.fails_at = fails_at};
		struct flow_sink sink = {0};
		int fd[2];

		assert_int_equal(sluice_pipeline_open(
					 &p, SLUICE_PIPELINE(.workers = 2,
							     .backoff_ms = 1)),
				 0);
		assert_int_equal(pipe(fd), 0);
		reader.fd = fd[0];
		flow_add(p,
			 SLUICE_STAGE(.name = "reader", .kind = SLUICE_PRODUCER,
				      .out_bytes = 8, .state = &reader,
				      .buffer_events = NUMBERS,
				      .restart = SLUICE_RESTART_TRANSIENT,
				      .init = reader_init,
				      .handle_demand = reader_demand,
				      .handle_io = reader_io));
		flow_add_sink(p, "sink", &sink);
		flow_subscribe(p, "sink", "reader",
			       SLUICE_SUBSCRIPTION(.max_demand = 3));
		flow_start(p);
		for (uint64_t i = 0; i < NUMBERS; i++)
			assert_int_equal(write(fd[1], &i, sizeof(i)),
					 sizeof(i));
		(void)close(fd[1]);
		assert_int_equal(flow_join(p), 0);
		flow_check_all(&sink, NUMBERS);
		sluice_pipeline_close(p);
		(void)close(fd[0]);
	}
}

/* ---- limits -------------------------------------------------------------------------- */

/* The process may open no more: that is said, and later it works. */
static void no_descriptor_is_left(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct eye eye = {.refuses = 0};
	struct eye_reply said;
	struct rlimit before;
	struct rlimit none;
	int fd[2];

	(void)state;
	eye_pair(fd);
	eye_add(p, "eye", &eye, 0);
	flow_start(p);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (rlim_t more = 0; more <= 1; more++) {
		none = before;
		/* The bell's is opened, the set is not. */
		none.rlim_cur = (rlim_t)dup(fd[0]) + more;
		(void)close((int)(none.rlim_cur - more));
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
		assert_int_equal(eye_say(p, "eye", EYE_WATCH, fd[0],
					 SLUICE_IO_READ, &said),
				 -EMFILE);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	}
	assert_int_equal(
		eye_say(p, "eye", EYE_WATCH, fd[0], SLUICE_IO_READ, &said), 0);
	assert_int_equal(write(fd[1], "x", 1), 1);
	eye_await(&eye.bytes, 1);
	eye_stop(p);
	(void)close(fd[0]);
	(void)close(fd[1]);
}

/* More than there was memory for at first. */
static void many_at_once(void **state)
{
	enum { MANY = 20 };
	struct sluice_pipeline *p = flow_open(1);
	struct eye eye = {.refuses = 0};
	int fd[MANY][2];

	(void)state;
	eye_add(p, "eye", &eye, 0);
	flow_start(p);
	for (uint32_t i = 0; i < MANY; i++) {
		eye_pair(fd[i]);
		assert_int_equal(eye_say(p, "eye", EYE_WATCH, fd[i][0],
					 SLUICE_IO_READ, NULL),
				 0);
	}
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(write(fd[i][1], "x", 1), 1);
	eye_await(&eye.bytes, MANY);
	/* Every second one goes, and their places are used again. */
	for (uint32_t i = 0; i < MANY; i += 2)
		assert_int_equal(
			eye_say(p, "eye", EYE_UNWATCH, fd[i][0], 0, NULL), 0);
	for (uint32_t i = 0; i < MANY; i += 2)
		assert_int_equal(eye_say(p, "eye", EYE_WATCH, fd[i][0],
					 SLUICE_IO_READ, NULL),
				 0);
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(write(fd[i][1], "x", 1), 1);
	eye_await(&eye.bytes, 2 * MANY);
	eye_stop(p);
	for (uint32_t i = 0; i < MANY; i++) {
		(void)close(fd[i][0]);
		(void)close(fd[i][1]);
	}
}

/* Whoever sends to a port runs what sleeps, but no stage that watches: its worker is
 * woken. */
static void nobody_helps_it(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct eye eye = {.refuses = 0};
	int fd[2];

	(void)state;
	eye_pair(fd);
	flow_add(p,
		 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8,
			      .flags = SLUICE_STAGE_PORT | SLUICE_STAGE_HELP));
	eye_add(p, "eye", &eye, 0);
	flow_subscribe(p, "eye", "in", NULL);
	flow_start(p);
	for (uint64_t i = 0; i < 20; i++) {
		/* It watches nothing before. */
		if (i == 10)
			assert_int_equal(eye_say(p, "eye", EYE_WATCH, fd[0],
						 SLUICE_IO_READ, NULL),
					 0);
		flow_sleep_ms(2 + (uint32_t)i % 3);
		assert_int_equal(sluice_send(sluice_stage_find(p, "in"), &i, 1,
					     FLOW_DEADLINE_MS),
				 1);
		assert_int_equal(write(fd[1], "x", 1), 1);
		flow_wait_events(p, &eye.sink, i + 1);
	}
	eye_await(&eye.bytes, 20);
	assert_int_equal(flow_stats(p, "eye").helped, 0);
	eye_stop(p);
	(void)close(fd[0]);
	(void)close(fd[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stages_share_a_worker),
		cmocka_unit_test(a_restart_begins_anew),
		cmocka_unit_test(a_start_fails),
		cmocka_unit_test(one_that_comes_late),
		cmocka_unit_test(a_busy_worker_looks),
		cmocka_unit_test(what_is_read_is_emitted),
		cmocka_unit_test(no_descriptor_is_left),
		cmocka_unit_test(many_at_once),
		cmocka_unit_test(nobody_helps_it),
	};
	struct CMUnitTest all[UNIT_COUNT(tests)];

	memcpy(all, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("stage_watch_life", all, NULL, NULL);
}
