/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that attach. Each is forked before the engine has a thread, waits until
 * it is told to go, does its part and ends with 0, or says what was wrong. What they
 * count lies in memory that all of them share.
 */
#ifndef SLUICE_TESTS_UNIT_VISITOR_H
#define SLUICE_TESTS_UNIT_VISITOR_H

#include "child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define VISITOR_EVENTS 20000u

/* What all see. */
struct visited {
	sluice_a32 handled[VISITOR_EVENTS]; /* so often */
	sluice_a32 again[VISITOR_EVENTS];   /* of these, marked */
	sluice_a32 given[VISITOR_EVENTS];   /* to who was sent away */
	sluice_a32 count;                   /* handled, by all */
	sluice_a32 sent;                    /* taken from a visitor */
	sluice_a32 stage;                   /* where a visitor has come to */
};

struct visitor {
	pid_t pid;
	int go; /* the writing end of a pipe */
};

static struct visited *visited;
static char visitor_folder[64];

static struct sluice_pipeline *pipeline;
static struct flow_source source;
static struct flow_sink sink;

#define VISITOR_MUST(what) CHILD_MUST(what, #what, 1)

static inline int visitor_setup(void **state)
{
	visited = mmap(NULL, sizeof(*visited), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true((void *)visited != MAP_FAILED);
	(void)strcpy(visitor_folder, "/tmp/sluice-test-XXXXXX");
	assert_non_null(mkdtemp(visitor_folder));
	return flow_setup(state);
}

static inline int visitor_teardown(void **state)
{
	assert_int_equal(munmap(visited, sizeof(*visited)), 0);
	assert_int_equal(rmdir(visitor_folder), 0);
	return flow_teardown(state);
}

/* Each of the @count tests has visitors, and leaves nothing behind. */
static inline void visitor_watch(struct CMUnitTest *tests, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		tests[i].setup_func = visitor_setup;
		tests[i].teardown_func = visitor_teardown;
	}
}

static inline struct visitor visitor_fork(void (*part)(void))
{
	struct visitor visitor;
	int ends[2];
	char byte;

	assert_int_equal(pipe(ends), 0);
	visitor.pid = fork();
	assert_true(visitor.pid >= 0);
	if (visitor.pid > 0) {
		(void)close(ends[0]);
		visitor.go = ends[1];
		return visitor;
	}
	(void)close(ends[1]);
	(void)alarm(TEST_DEADLINE_S);
	if (read(ends[0], &byte, 1) != 1)
		_exit(2);
	(void)close(ends[0]);
	part();
	_exit(0);
}

static inline void visitor_go(struct visitor *visitor)
{
	assert_int_equal(write(visitor->go, "g", 1), 1);
	(void)close(visitor->go);
}

/* It has done its part. */
static inline void visitor_wait(const struct visitor *visitor)
{
	int status = -1;

	assert_int_equal(waitpid(visitor->pid, &status, 0), visitor->pid);
	assert_int_equal(status, 0);
}

static inline void visitor_kill(const struct visitor *visitor)
{
	int status = -1;

	assert_int_equal(kill(visitor->pid, SIGKILL), 0);
	assert_int_equal(waitpid(visitor->pid, &status, 0), visitor->pid);
	assert_true(WIFSIGNALED(status));
}

/* ---- parts ------------------------------------------------------------------- */

/* It says that it has come to @stage, and does nothing more until it is killed. */
static inline void visitor_stays(uint32_t stage)
{
	sluice_store_release(&visited->stage, stage);
	for (;;)
		(void)pause();
}

static inline void visitor_count(const struct sluice_batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		uint64_t event = SLUICE_EVENTS(batch, uint64_t)[i];

		VISITOR_MUST(event < VISITOR_EVENTS);
		(void)sluice_fetch_add(&visited->handled[event], 1);
		if (batch->flags & SLUICE_BATCH_REDELIVERED)
			(void)sluice_fetch_add(&visited->again[event], 1);
		(void)sluice_fetch_add(&visited->count, 1);
	}
}

/* Asks the engine of the test, otherwise as @opts say. Returns as sluice_attach(). */
static inline int visitor_try_attach(struct sluice_stage **port,
				     const struct sluice_attach_opts *opts)
{
	struct sluice_attach_opts o = *opts;

	o.pipeline = "test";
	o.folder = visitor_folder;
	return sluice_attach(port, &o);
}

static inline struct sluice_stage *
visitor_attach(const struct sluice_attach_opts *opts)
{
	struct sluice_stage *port;

	VISITOR_MUST(visitor_try_attach(&port, opts) == 0);
	return port;
}

/* An attach that is refused. */
struct visitor_refusal {
	struct sluice_attach_opts opts; /* without their size and the folder */
	int rc;
	const char *says;
};

/* @asked: the pipeline that is asked where a row names none. */
static inline void visitor_is_refused(const struct visitor_refusal *rows,
				      size_t count, const char *asked)
{
	for (size_t i = 0; i < count; i++) {
		struct sluice_attach_opts opts = rows[i].opts;
		struct sluice_stage *port;
		int rc;

		opts.size = sizeof(opts);
		opts.folder = visitor_folder;
		if (opts.pipeline == NULL)
			opts.pipeline = asked;
		rc = sluice_attach(&port, &opts);
		if (rc != rows[i].rc ||
		    strstr(sluice_last_error(), rows[i].says) == NULL) {
			fprintf(stderr, "row %zu: %d, %s\n", i, rc,
				sluice_last_error());
			_exit(1);
		}
	}
}

/* Receives from "source" until the end, as @name; or until @most events are handled
 * by all, and then it holds what it has for good. */
static inline struct sluice_stage *visitor_reads_all(const char *name,
						     uint32_t most)
{
	struct sluice_stage *port =
		visitor_attach(SLUICE_ATTACH(.name = name, .from = "source",
					     .max_demand = 64));
	struct sluice_batch batch;
	int rc;

	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0) {
		visitor_count(&batch);
		while (sluice_load_acquire(&visited->count) >= most)
			(void)pause();
	}
	VISITOR_MUST(rc == -EPIPE);
	return port;
}

static inline void visitor_receives(const char *name, uint32_t most)
{
	VISITOR_MUST(sluice_detach(visitor_reads_all(name, most),
				   TEST_DEADLINE_MS) == 0);
}

/* Sends events from @from on to "sink", up to @to, as "writer". */
static inline void visitor_sends(uint64_t from, uint64_t to)
{
	struct sluice_stage *port;
	uint64_t accepted = UINT64_MAX;

	port = visitor_attach(SLUICE_ATTACH(.name = "writer", .to = "sink",
					    .accepted = &accepted));
	VISITOR_MUST(accepted == from);
	for (uint64_t event = from; event < to; event++) {
		VISITOR_MUST(sluice_send(port, &event, 1, TEST_DEADLINE_MS) ==
			     1);
		(void)sluice_fetch_add(&visited->sent, 1);
	}
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

/* ---- the engine --------------------------------------------------------------- */

/* "source", which counts, and "sink"; not subscribed, both stay. */
static inline void visitor_open_dealing(const char *dispatcher,
					uint32_t source_flags,
					uint32_t sink_flags)
{
	source = (struct flow_source){.end = VISITOR_EVENTS};
	memset(&sink, 0, sizeof(sink));
	pipeline = flow_open_named(2);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .flags = source_flags, .dispatcher = dispatcher,
			      .on_idle = SLUICE_IDLE_STAY, .state = &source));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = flow_collect,
			      .flags = sink_flags, .on_idle = SLUICE_IDLE_STAY,
			      .state = &sink));
}

static inline void visitor_open(uint32_t source_flags, uint32_t sink_flags)
{
	visitor_open_dealing(NULL, source_flags, sink_flags);
}

/* @hold_ms 0: who has died leaves what it had to others. */
static inline void visitor_listen_holding(uint32_t hold_ms)
{
	assert_int_equal(
		sluice_pipeline_listen(
			pipeline,
			SLUICE_LISTEN(.folder = visitor_folder,
				      .hello_ms = TEST_DEADLINE_MS,
				      .hold_ms = SLUICE_HOLD_MS(hold_ms))),
		0);
}

static inline void visitor_listen(void)
{
	visitor_listen_holding(0);
}

/* Wait until the place of @name is @phase. */
static inline void visitor_await_phase(const char *name,
				       enum sluice_sub_phase phase)
{
	int is = 0;

	for (uint32_t ms = 0; !is; ms++) {
		struct sluice_snapshot *now = NULL;

		assert_true(ms < TEST_DEADLINE_MS);
		assert_int_equal(sluice_pipeline_stat(pipeline, &now), 0);
		for (uint32_t i = 0; i < now->subscription_count; i++)
			is |= strcmp(now->subscriptions[i]->consumer, name) ==
				      0 &&
			      now->subscriptions[i]->phase == phase;
		sluice_snapshot_close(now);
		flow_sleep_ms(1);
	}
}

static inline void visitor_drain(void)
{
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(pipeline);
}

/* Each was handled, @most times at most: again only marked, if somebody had it in hand.
 * Returns how many were handled again. */
static inline uint32_t visitor_check_all(uint32_t most)
{
	uint32_t again = 0;

	for (uint32_t i = 0; i < VISITOR_EVENTS; i++) {
		uint32_t times = sluice_load_acquire(&visited->handled[i]);

		assert_in_range(times, 1, most);
		again += times > 1;
		if (times > 1)
			assert_int_equal(
				sluice_load_acquire(&visited->again[i]),
				times - 1);
	}
	return again;
}

/* Remove the socket and the lock of an engine that was killed. */
static inline void visitor_unlink(void)
{
	static const char *const left[] = {"sock", "lock"};
	char path[96];

	for (uint32_t i = 0; i < UNIT_COUNT(left); i++) {
		(void)snprintf(path, sizeof(path), "%s/test.%s", visitor_folder,
			       left[i]);
		assert_int_equal(unlink(path), 0);
	}
}

static inline void visitor_stop(void)
{
	sluice_pipeline_stop(pipeline);
	sluice_pipeline_close(pipeline);
}

#endif
