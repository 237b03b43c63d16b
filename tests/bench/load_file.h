/* SPDX-License-Identifier: Apache-2.0 */
/* A trace in a file, which is in memory, so that none is left behind. */
#ifndef SLUICE_TESTS_BENCH_LOAD_FILE_H
#define SLUICE_TESTS_BENCH_LOAD_FILE_H

#include "bench/load/trace.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static char path[64];
static int fd = -1;
static struct trace own; /* what was read, when it was opened at a load */

static inline int file_made(void **state)
{
	(void)state;
	fd = memfd_create("trace", MFD_CLOEXEC);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fd < 0;
}

static inline int file_gone(void **state)
{
	(void)state;
	trace_close(&own);
	return close(fd);
}

static inline void file_has(const char *text, size_t bytes)
{
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, text, bytes, 0), bytes);
}

/* Read, and opened at @load. */
static inline int file_open(struct trace *trace, double load)
{
	const struct trace_opts opts = {
		.arrival = {ARRIVAL_TRACE, 0, path},
		.service = {SERVICE_FIXED, 0, 0, 1000},
		.load = load,
		.consumers = 4,
		.own = &own,
	};
	int rc;

	if (load == 0)
		return trace_read(trace, &opts);
	trace_close(&own);
	rc = trace_read(&own, &opts);
	return rc < 0 ? rc : trace_open(trace, &opts);
}

static inline struct trace file_opened(double load)
{
	struct trace trace;

	if (file_open(&trace, load) != 0)
		fail_msg("%s", cli_error());
	assert_non_null(trace.event);
	return trace;
}

static inline struct trace file_text(const char *text)
{
	file_has(text, strlen(text));
	return file_opened(0);
}

static inline struct trace drawn(enum arrival_kind kind, double load)
{
	const struct trace_opts opts = {
		.seed = 5,
		.count = 20000,
		.arrival = {kind, 16, NULL},
		.service = {SERVICE_EXP, 0, 0, 1000},
		.keys = {KEY_ZIPF, 0.99, 1000},
		.load = load,
		.consumers = 4,
	};
	struct trace trace;

	if (trace_open(&trace, &opts) != 0)
		fail_msg("%s", cli_error());
	assert_non_null(trace.event);
	return trace;
}

#define FILE_TEST(f) cmocka_unit_test_setup_teardown(f, file_made, file_gone)

/* Rows of a table, from @first to @count, have a file as well. */
static inline void file_rows(struct CMUnitTest *tests, size_t first,
			     size_t count)
{
	for (size_t i = first; i < count; i++) {
		tests[i].setup_func = file_made;
		tests[i].teardown_func = file_gone;
	}
}

#endif
