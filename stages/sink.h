/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sink.h
 * Ready-made consumers: an array, a file of records.
 *
 * Each call adds one stage. @opts are options as for any stage: name, in_bytes,
 * cpu and so on. Refused are handle_events, state and state_free (and fini, for
 * a file): the sink has its own. So sluice_stage_state() is not for the
 * program's other callbacks. kind may be left out.
 *
 * A sink keeps its place when the stage is restarted.
 */
#ifndef SLUICE_STAGES_SINK_H
#define SLUICE_STAGES_SINK_H

#include "../engine/pipeline.h"

#include <stdio.h>

SLUICE_BEGIN_DECLS

/**
 * sluice_sink_array_add - a consumer that keeps its events in an array.
 *
 * @events    room for @capacity events of in_bytes each; stays the caller's,
 *            who must keep it until the stage has ended
 * @capacity  at least 1
 * @count     out: events in the array; set to 0 here. May be read at any time,
 *            by any thread, with an acquire load: the events below it are there
 *
 * The stage ends when the array is full, or when a batch comes that does not
 * fit: none of its events are taken, and they go back to the producer with all
 * that follow. So the array is filled to its last event only if batches have
 * one event (max_demand - min_demand is 1), or if their sizes add up to its
 * capacity.
 *
 * Returns as sluice_stage_add().
 */
SLUICE_API int sluice_sink_array_add(struct sluice_pipeline *pipeline,
				     const struct sluice_stage_opts *opts,
				     void *events, uint64_t capacity,
				     uint64_t *count) SLUICE_MUST_CHECK;

/**
 * sluice_sink_file_add - a consumer that appends its events to a file.
 *
 * @file  any open stream that fwrite() writes: gets the events, in_bytes each,
 *        in a row. It stays the caller's, but must not be used until the stage
 *        has ended. Its buffer is turned off, because stdio's loses its bytes
 *        when a write fails; the sink has a buffer of its own
 *
 * The sink's buffer of 64 KiB is written when it is full, at SLUICE_BATCH_END
 * (when no event waits), and when the stage ends. The stage gets a thread of
 * its own, unless cpu is set.
 *
 * A write that fails fails the stage with its errno. Bytes that were written
 * are not written again, and the others are not lost: a restarted stage goes on
 * in the middle of a record if need be, and each event is in the file once. Two
 * exceptions: bytes that fini cannot write are lost (none, if the stream has
 * come to its end: its last batch is written before); and an event that goes to
 * dead_letter after max_deliveries may be in the file in part, as a whole, or
 * not at all, depending on the device.
 *
 * Returns as sluice_stage_add().
 */
SLUICE_API int sluice_sink_file_add(struct sluice_pipeline *pipeline,
				    const struct sluice_stage_opts *opts,
				    FILE *file) SLUICE_MUST_CHECK;

SLUICE_END_DECLS

#endif
