/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file source.h
 * Ready-made producers: an array, an iterator, a file of records.
 *
 * Each adds one stage. @opts says what it is called, its out_bytes, how its
 * events are shared out, where it runs: whatever a stage can be told, but for
 * handle_demand, state and state_free, which are the source's own and refused by
 * name. (So the other callbacks, key_of included, find nothing of theirs behind
 * sluice_stage_state(); kind may be left out.)
 *
 * A source ends with SLUICE_END behind its last event. It keeps its place when
 * the stage is restarted: nothing is lost and nothing comes twice. With
 * SLUICE_RESTART_PERMANENT it is asked again even after its end, which only an
 * iterator or a file that has grown can answer.
 */
#ifndef SLUICE_STAGES_SOURCE_H
#define SLUICE_STAGES_SOURCE_H

#include "../engine/pipeline.h"

#include <stdio.h>

SLUICE_BEGIN_DECLS

/**
 * sluice_source_array_add - a producer of the events of an array.
 *
 * @events  @count events of out_bytes each, copied as they are asked for; they
 *          stay the caller's, as they are until the stage has ended
 * @count   may be 0: a stream that ends at once
 *
 * Returns as sluice_stage_add().
 */
SLUICE_API int sluice_source_array_add(struct sluice_pipeline *pipeline,
				       const struct sluice_stage_opts *opts,
				       const void *events,
				       uint64_t count) SLUICE_MUST_CHECK;

/** Fill @event, which is out_bytes of zeros. Returns 1; 0 when there are no
 * more; a negative errno, which fails the stage behind the events before it.
 * Another answer is -EINVAL. Threads: the stage's. */
typedef int (*sluice_source_next_fn)(void *event, void *ctx);

/**
 * sluice_source_iterator_add - a producer of what @next gives.
 *
 * @next  is called for one event at a time, and only for events that were asked
 *        for. They leave when as many as were asked for are there, at most
 *        batch_events: set that to 1 if each takes long, and blocking if @next
 *        waits.
 * @ctx   for @next; stays the caller's
 *
 * Returns as sluice_stage_add().
 */
SLUICE_API int sluice_source_iterator_add(struct sluice_pipeline *pipeline,
					  const struct sluice_stage_opts *opts,
					  sluice_source_next_fn next,
					  void *ctx) SLUICE_MUST_CHECK;

/**
 * sluice_source_file_add - a producer of the records of a file.
 *
 * @file  records of out_bytes in a row, from its position on. It stays the
 *        caller's, and nobody else's to use until the stage has ended: an open
 *        stream of any sort that fread() reads.
 *
 * Events leave when as many as were asked for are there, at most batch_events.
 * The stage gets a thread of its own, unless cpu is set.
 *
 * A last record that is cut short fails the stage with -EILSEQ, a read that
 * fails with -EIO, behind the records before it. A restarted stage goes on
 * there: the bytes it has are kept.
 *
 * Returns as sluice_stage_add().
 */
SLUICE_API int sluice_source_file_add(struct sluice_pipeline *pipeline,
				      const struct sluice_stage_opts *opts,
				      FILE *file) SLUICE_MUST_CHECK;

SLUICE_END_DECLS

#endif
