/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file watch.h
 * A pipeline of another process, seen from outside: what sluice_pipeline_stat() says of
 * it there, about ten times a second.
 *
 *   struct sluice_watch *watch;
 *   struct sluice_snapshot *now;
 *
 *   rc = sluice_watch_open(&watch, SLUICE_WATCH(.pipeline = "orders"));
 *   while (rc == 0 && (rc = sluice_watch_read(watch, &now, 1000)) == 0) {
 *           show(now);
 *           sluice_snapshot_close(now);
 *   }
 *   sluice_watch_close(watch);
 *
 * An observer has no stage in the pipeline, writes nothing that the pipeline
 * reads, and nobody waits for it: the engine's thread NAME/peers copies the
 * snapshot to memory that observers have mapped to read only. While there is no
 * observer that costs nothing. The pipeline has to listen (listen.h), with an
 * allow list that has SLUICE_PEER_OBSERVER for the observer's user, in a row
 * that names no stages.
 *
 * Snapshots are those of snapshot.h, and rates.h has the rates between two; their times
 * are of the clock that all processes have. But a subscription's `sub` has no pipeline
 * here, so that calls refuse it: it is good for sluice_snapshot_subscription() and
 * sluice_snapshot_rates() alone, and in held_up_at an index of UINT32_MAX is none.
 */
#ifndef SLUICE_ENGINE_WATCH_H
#define SLUICE_ENGINE_WATCH_H

#include "snapshot.h"

SLUICE_BEGIN_DECLS

#define SLUICE_WATCH_MS_DEFAULT 5000u

struct sluice_watch;

/** A field that is 0 has its default. */
struct sluice_watch_opts {
	uint32_t size;  /* of this struct, bytes */
	uint32_t flags; /* zero */
	/** The pipeline's name. */
	const char *pipeline;
	/** Where the socket lies; NULL: as in struct sluice_listen_opts. */
	const char *folder;
	/** How long to wait for the engine's answer; 0 = 5000. A pipeline that
	 * does not listen is not waited for. */
	uint32_t timeout_ms;
	uint32_t resv32;  /* zero */
	uint64_t resv[8]; /* zero */
};

/** Watch options; a field that is not named has its default. */
#define SLUICE_WATCH(...) SLUICE_OPTIONS(sluice_watch_opts, __VA_ARGS__)

/** Zero @opts and set its size. */
SLUICE_API void sluice_watch_opts_init(struct sluice_watch_opts *opts);

/**
 * sluice_watch_open - watch a pipeline of another process, or of this one.
 *
 * @out  out: untouched on failure
 *
 * A pipeline can be watched as soon as it listens, before its start and while it drains
 * too.
 *
 * Returns 0; -EINVAL for options that are wrong; -ECONNREFUSED when no such pipeline
 * listens; -ETIMEDOUT; what the engine answers, and sluice_last_error() is in its words
 * then: -EACCES, -ENOSPC, -EPIPE when it has ended; -EPROTO when it is another version;
 * -ENOMEM, -EMFILE. Threads: any. Blocks: up to the timeout.
 */
SLUICE_API int
sluice_watch_open(struct sluice_watch **out,
		  const struct sluice_watch_opts *opts) SLUICE_MUST_CHECK;

/**
 * sluice_watch_read - a snapshot that is newer than the last one that was read.
 *
 * @out         out: which sluice_snapshot_close() frees, also after the watch has been
 *              closed; untouched on failure
 * @timeout_ms  how long to wait for one; SLUICE_FOREVER. The first is there at once,
 *              and while the engine's process is stopped none comes.
 *
 * Returns 0; -EAGAIN when none came in time; -EPIPE when the pipeline has ended, and
 * sluice_last_error() says how: the last snapshot, of its end, was read before;
 * -EOWNERDEAD when its process has died; -ENOMEM; -EINVAL; -ECHILD in a child of
 * fork(). A pipeline that has become too large for the memory is attached to again,
 * which has the answers of sluice_watch_open() as well. Threads: one at a time. Blocks:
 * up to the timeout.
 */
SLUICE_API int sluice_watch_read(struct sluice_watch *watch,
				 struct sluice_snapshot **out,
				 uint32_t timeout_ms) SLUICE_MUST_CHECK;

/** Watch it no more. Accepts NULL. Threads: any; no other is in a call with it. */
SLUICE_API void sluice_watch_close(struct sluice_watch *watch);

SLUICE_END_DECLS

#endif
