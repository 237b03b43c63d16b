/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipelines that another process attaches to, and the same ones with ports of
 * this process in its place. Of process_engine.c. Knows stages and ports; not the
 * other process.
 */
#ifndef SLUICE_BENCH_PROCESS_ENGINE_H
#define SLUICE_BENCH_PROCESS_ENGINE_H

#include "bench/rivals/process.h"

enum engine_shape {
	ENGINE_TO,    /* "sum", which is fed, on the first CPU */
	ENGINE_FROM,  /* "count", which is read, on the first CPU */
	ENGINE_TRIP,  /* the ports "there", which is read, and "back", fed */
	ENGINE_WHOLE, /* "count" on the first CPU, "sum" on the second */
};

struct engine {
	struct sluice_pipeline *pipeline;
	char folder[PROCESS_FOLDER_BYTES];
	enum engine_shape shape;
	uint32_t bytes; /* of an event */
	struct process_meter *meter;
	/* Of "count". */
	uint64_t next __attribute__((aligned(128)));
	uint64_t end;
	uint32_t warm;
	uint64_t preempted; /* since then */
};

/*
 * Declare a pipeline, and listen; @own: with ports of this process at the other end,
 * "port" or "port" and "port2". Its events are meter->n ones, and "sum" counts there.
 *
 * Returns 0 or a negative errno. It is to be closed in any case.
 */
int engine_open(struct engine *engine, enum engine_shape shape, uint32_t own,
		uint32_t bytes, struct process_meter *meter);

struct sluice_stage *engine_port(const struct engine *engine, const char *name);

/* Let it end if @rc is 0, else stop it; and forget it. Returns @rc, or how it ended. */
int engine_close(struct engine *engine, int rc);

#endif
