/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host: what a stage needs of the pipeline around it, and all it knows of one.
 * A few words, and a few calls, which run/host.c answers. Of host.c. Not
 * installed.
 *
 * Words        writer                readers    order    meaning
 * command      any, only ever up;    any        acq_rel  enum pipeline_command
 *              a start that failed
 *              puts it back
 * phase        the starting thread;  any        acq_rel  enum pipeline_phase
 *              the supervisor
 * aborted      who steps a stage     who joins  acq_rel  1: a stage was ended
 *                                                        before its streams
 * undelivered  who steps a stage     who joins  acq_rel  events that had no
 *                                                        consumer left to go to
 *
 * Knows      words and texts
 * Knows not  threads, other stages, struct sluice_pipeline
 */
#ifndef SLUICE_ENGINE_HOST_PRIV_H
#define SLUICE_ENGINE_HOST_PRIV_H

#include "ring/wait.h"

struct sluice_stage;
struct host;

/* What all stages are told to do; only ever raised. */
enum pipeline_command {
	PIPELINE_RUN = 0,
	PIPELINE_DRAIN = 1, /* producers end, the rest follows */
	PIPELINE_STOP = 2,  /* every stage ends after its current callback */
};

enum pipeline_phase {
	PIPELINE_DECLARED = 0,
	PIPELINE_PLANNING = 1, /* a start checks and allocates; or it has
				  failed, and is taken back */
	PIPELINE_STARTING = 2, /* init callbacks run */
	PIPELINE_RUNNING = 3,
	PIPELINE_FINISHED = 4, /* every thread but the supervisor is gone */
};

struct host_ops {
	/* A line for the user's log. */
	void (*log)(struct host *host, const char *text);
	/* What failed, in words, and its code; the first one counts. @stop: and
	 * every stage is to end; else the others go on, and join will say so. */
	void (*fail)(struct host *host, int rc, const char *text, int stop);
	/* There is something for the supervisor to look at. */
	void (*alarm)(struct host *host);
	/* A port was signalled; between its user's calls it must be looked
	 * after. */
	void (*call_port)(struct sluice_stage *port);
	/* Descriptors that a stage waits for, of its own worker: sluice_stage_watch() and
	 * sluice_stage_unwatch(), and all that it has. */
	int (*watch)(struct sluice_stage *stage, int fd, uint32_t events);
	int (*unwatch)(struct sluice_stage *stage, int fd);
	void (*unwatch_all)(struct sluice_stage *stage);
	/* How long a producer waits that has answered RETRY @retries times in a
	 * row, ns. */
	uint64_t (*retry_delay)(struct host *host, uint32_t retries);
};

struct host {
	const struct host_ops *ops;
	const struct sluice_wait_ops *wait;
	uint32_t logs; /* the pipeline has a log */

	sluice_a32 command __attribute__((aligned(SLUICE_LINE_BYTES)));
	sluice_a32 phase;
	sluice_a32 aborted;
	sluice_a64 undelivered;
};

static inline enum pipeline_command host_command(const struct host *host)
{
	return (enum pipeline_command)sluice_load_acquire(&host->command);
}

static inline enum pipeline_phase host_phase(const struct host *host)
{
	return (enum pipeline_phase)sluice_load_acquire(&host->phase);
}

/* Monotonic time, ns. */
static inline uint64_t host_now(const struct host *host)
{
	return host->wait->now_ns(host->wait->ctx);
}

static inline void host_alarm(struct host *host)
{
	host->ops->alarm(host);
}

/* The calls of the table, with a text that is put together (not if there is no
 * log to read it). */
void host_log(struct host *host, const char *fmt, ...) SLUICE_PRINTF(2, 3);
void host_fail(struct host *host, int rc, const char *fmt, ...)
	SLUICE_PRINTF(3, 4);
void host_note_failure(struct host *host, int rc, const char *fmt, ...)
	SLUICE_PRINTF(3, 4);

#endif
