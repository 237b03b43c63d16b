/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process stages whose program is the test itself: started with the name of a part as
 * its argument it does that part, and ends. What the parts count lies in a file that all
 * of them map.
 *
 *     main:   if (argc > 1) return program_main(argv, parts, UNIT_COUNT(parts));
 *     test:   program_add(SLUICE_PROCESS(.name = "reader", .from = "source"), "reads");
 */
#ifndef SLUICE_TESTS_UNIT_PROGRAM_H
#define SLUICE_TESTS_UNIT_PROGRAM_H

#include "child.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PROGRAM_EVENTS 5000u

/* What all see. */
struct programs {
	sluice_a32 handled[PROGRAM_EVENTS]; /* so often */
	sluice_a32 again[PROGRAM_EVENTS];   /* of these, marked */
	sluice_a32 count;                   /* handled, by all */
	sluice_a32 starts;
	sluice_a32 attached;
	sluice_a32 died;  /* on purpose */
	sluice_a32 told;  /* the end of their stream */
	sluice_a32 pid;   /* of the last */
	sluice_a32 child; /* that one has started */
};

struct program_part {
	const char *name;
	int (*run)(void);
};

static struct programs *programs;
static char program_path[PATH_MAX];
static char program_file[64];
static struct sluice_pipeline *pipeline;
static struct flow_source source;
static struct flow_sink sink;

/* ---- in the program -------------------------------------------------------------- */

#define PROGRAM_MUST(what) CHILD_MUST(what, #what, 99)

static inline struct programs *program_map(const char *file)
{
	int fd = open(file, O_RDWR | O_CLOEXEC);
	struct programs *map = mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE,
				    MAP_SHARED, fd, 0);

	(void)close(fd);
	return (void *)map == MAP_FAILED ? NULL : map;
}

static inline int program_main(char **argv, const struct program_part *parts,
			       size_t count)
{
	programs = program_map(argv[2]);
	if (programs == NULL)
		return 98;
	(void)alarm(TEST_DEADLINE_S);
	sluice_store_release(&programs->pid, (uint32_t)getpid());
	(void)sluice_fetch_add(&programs->starts, 1);
	for (size_t i = 0; i < count; i++)
		if (strcmp(parts[i].name, argv[1]) == 0)
			_exit(parts[i].run()); /* with threads, perhaps */
	return 97;
}

static inline struct sluice_stage *program_attach(void)
{
	struct sluice_stage *port = NULL;

	PROGRAM_MUST(sluice_attach(&port, SLUICE_ATTACH()) == 0);
	(void)sluice_fetch_add(&programs->attached, 1);
	return port;
}

/* Until it is killed. */
static inline int program_hangs(void)
{
	while (programs != NULL)
		(void)pause();
	return 0;
}

static inline void program_count(const struct sluice_batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		uint64_t event = SLUICE_EVENTS(batch, uint64_t)[i];

		if (event >= PROGRAM_EVENTS)
			continue; /* of an endless source */
		(void)sluice_fetch_add(&programs->handled[event], 1);
		if (batch->flags & SLUICE_BATCH_REDELIVERED)
			(void)sluice_fetch_add(&programs->again[event], 1);
		(void)sluice_fetch_add(&programs->count, 1);
	}
}

/* It is to die, or to stay, once and for all. */
static inline int program_is_first(void)
{
	return sluice_fetch_add(&programs->died, 1) == 0;
}

/* ---- in the test ------------------------------------------------------------------ */

static inline int program_setup(void **state)
{
	int fd;

	(void)strcpy(program_file, "/tmp/sluice-test-XXXXXX");
	fd = mkstemp(program_file);
	if (fd < 0 || ftruncate(fd, sizeof(*programs)) < 0)
		return -1;
	(void)close(fd);
	programs = program_map(program_file);
	return programs == NULL ? -1 : flow_setup(state);
}

static inline int program_teardown(void **state)
{
	assert_int_equal(munmap(programs, sizeof(*programs)), 0);
	assert_int_equal(unlink(program_file), 0);
	return flow_teardown(state);
}

static inline void program_watch(struct CMUnitTest *tests, size_t count)
{
	ssize_t n = readlink("/proc/self/exe", program_path,
			     sizeof(program_path) - 1);

	program_path[n > 0 ? n : 0] = '\0';
	for (size_t i = 0; i < count; i++) {
		tests[i].setup_func = program_setup;
		tests[i].teardown_func = program_teardown;
	}
}

/* What the pipeline says. */
static struct {
	pthread_mutex_t lock;
	char text[8192];
} program_said = {.lock = PTHREAD_MUTEX_INITIALIZER};

static inline void program_log(void *ctx, const char *text)
{
	size_t n;

	(void)ctx;
	(void)pthread_mutex_lock(&program_said.lock);
	n = strlen(program_said.text);
	(void)snprintf(program_said.text + n, sizeof(program_said.text) - n,
		       "%s\n", text);
	(void)pthread_mutex_unlock(&program_said.lock);
}

static inline int program_has_said(const char *part)
{
	int said;

	(void)pthread_mutex_lock(&program_said.lock);
	said = strstr(program_said.text, part) != NULL;
	(void)pthread_mutex_unlock(&program_said.lock);
	return said;
}

static inline void program_await_said(const char *part)
{
	for (uint32_t ms = 0; !program_has_said(part); ms++) {
		assert_true(ms < TEST_DEADLINE_MS);
		flow_sleep_ms(1);
	}
}

/* "source", which counts, or "sink", or both, without a subscription; neither says that
 * it is to stay. */
static inline void program_open(const struct sluice_pipeline_opts *opts)
{
	struct sluice_pipeline_opts o = *opts;

	program_said.text[0] = '\0';
	o.log = program_log;
	o.workers = 1;
	pipeline = NULL;
	assert_int_equal(sluice_pipeline_open(&pipeline, &o), 0);
}

static inline void program_source(void)
{
	source = (struct flow_source){.end = PROGRAM_EVENTS};
	flow_add_source(pipeline, "source", &source);
}

static inline void program_sink(void)
{
	memset(&sink, 0, sizeof(sink));
	flow_add_sink(pipeline, "sink", &sink);
}

/* An endless "source", and "sink" behind it. */
static inline void program_open_flow(const struct sluice_pipeline_opts *opts)
{
	program_open(opts);
	program_source();
	program_sink();
	flow_subscribe(pipeline, "sink", "source", NULL);
	source.end = UINT64_MAX;
}

static inline int program_try(const struct sluice_process_opts *opts,
			      const char *part)
{
	const char *const argv[] = {program_path, part, program_file, NULL};
	struct sluice_process_opts o = *opts;

	o.argv = argv;
	return sluice_process_add(pipeline, &o);
}

static inline void program_add(const struct sluice_process_opts *opts,
			       const char *part)
{
	if (program_try(opts, part) != 0)
		fail_msg("%s", sluice_last_error());
}

static inline void program_close(void)
{
	sluice_pipeline_close(pipeline);
	pipeline = NULL;
}

static inline void program_drain(void)
{
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	program_close();
}

/* Each event was handled, at most so often; what came twice was marked. */
static inline void program_check_all(uint32_t most)
{
	for (uint32_t i = 0; i < PROGRAM_EVENTS; i++) {
		uint32_t handled = sluice_load_acquire(&programs->handled[i]);

		assert_in_range(handled, 1, most);
		assert_true(handled == 1 ||
			    sluice_load_acquire(&programs->again[i]) > 0);
	}
}

#endif
