/* SPDX-License-Identifier: Apache-2.0 */
/* Peers of a pipeline in the same process: they attach to it and watch it over its
 * socket, which lies in a folder of its own. */
#ifndef SLUICE_TESTS_UNIT_NEIGHBOUR_H
#define SLUICE_TESTS_UNIT_NEIGHBOUR_H

#include "flow.h"

#include <stdlib.h>
#include <unistd.h>

static char folder[64];
static struct sluice_pipeline *pipeline;

/* "test", without a stage. */
static inline void neighbour_open(void)
{
	(void)strcpy(folder, "/tmp/sluice-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	pipeline = flow_open_named(1);
}

/* It is started, and listens; otherwise as @opts say. */
static inline void neighbour_start(const struct sluice_listen_opts *opts)
{
	struct sluice_listen_opts o = *opts;

	o.folder = folder;
	assert_int_equal(sluice_pipeline_listen(pipeline, &o), 0);
	flow_start(pipeline);
}

static inline void neighbour_close(void)
{
	sluice_pipeline_stop(pipeline);
	sluice_pipeline_close(pipeline);
	assert_int_equal(rmdir(folder), 0);
}

/* As @name; otherwise as @opts say. Returns as sluice_attach(). */
static inline int attach_as(struct sluice_stage **port, const char *name,
			    struct sluice_attach_opts opts)
{
	opts.size = sizeof(opts);
	opts.pipeline = "test";
	opts.folder = folder;
	opts.name = name;
	if (opts.timeout_ms == 0)
		opts.timeout_ms = FLOW_DEADLINE_MS;
	return sluice_attach(port, &opts);
}

static inline struct sluice_watch *watch_open(void)
{
	struct sluice_watch *watch = NULL;

	assert_int_equal(
		sluice_watch_open(&watch, SLUICE_WATCH(.pipeline = "test",
						       .folder = folder)),
		0);
	return watch;
}

/* It is shown how the pipeline stands. */
static inline void watch_sees(struct sluice_watch *watch)
{
	struct sluice_snapshot *now;

	assert_int_equal(sluice_watch_read(watch, &now, FLOW_DEADLINE_MS), 0);
	sluice_snapshot_close(now);
}

#endif
