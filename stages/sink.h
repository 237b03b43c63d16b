/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file sink.h
 * Ready-made consumers: an array, a file of records.
 *
 * Each adds one stage. @opts says what it is called, its in_bytes, where it
 * runs: whatever a stage can be told, but for handle_events, state and
 * state_free (and fini, for a file), which are the sink's own and refused by
 * name. (So the other callbacks find nothing of theirs behind
 * sluice_stage_state(); kind may be left out.)
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
 *            and must until the stage has ended
 * @capacity  at least 1
 * @count     out: events in the array; set to 0 here. May be read at any time,
 *            by any thread, with an acquire load: the events below it are there
 *
 * The stage ends when the array is full, or when a batch comes that does not
 * fit: nothing of that is taken, and it goes back to its producer with all that
 * follows. So the array is filled to the last event if batches are of one event
 * (max_demand - min_demand is 1) or their sizes add up to it.
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
 * @file  gets the events, in_bytes each, in a row. It stays the caller's, and
 *        nobody else's to use until the stage has ended: an open stream of any
 *        sort that fwrite() writes. Its buffer is turned off, for the sink has
 *        one: stdio's loses what it holds when a write fails.
 *
 * Written when the buffer of 64 KiB is full, at SLUICE_BATCH_END, that is when
 * no event waits, and when the stage ends. The stage gets a thread of its own,
 * unless cpu is set.
 *
 * A write that fails fails the stage, with its errno. Then nothing of the batch
 * is taken that was not written already, and what was is not written again: a
 * stage that is restarted (restart) goes on in the middle of a record if need
 * be, and each event is in the file once. Only what fini cannot write is lost:
 * that is nothing when the stream came to its end, for its last batch is written
 * before. An event that goes to dead_letter after max_deliveries is in the file
 * in part, as a whole, or not at all, depending on the device.
 *
 * Returns as sluice_stage_add().
 */
SLUICE_API int sluice_sink_file_add(struct sluice_pipeline *pipeline,
				    const struct sluice_stage_opts *opts,
				    FILE *file) SLUICE_MUST_CHECK;

SLUICE_END_DECLS

#endif
