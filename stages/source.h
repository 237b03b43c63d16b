/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file source.h
 * Ready-made producers: an array, an iterator, a file of records.
 *
 * Each call adds one stage. @opts are options as for any stage: name,
 * out_bytes, dispatcher, cpu and so on. Refused are handle_demand, state and
 * state_free: the source has its own. So sluice_stage_state() is not for the
 * program's other callbacks and its key_of. kind may be left out.
 *
 * A source ends with SLUICE_END behind its last event. It keeps its place when
 * the stage is restarted: no event is lost and none comes twice. With
 * SLUICE_RESTART_PERMANENT it is asked again even after its end; an array has
 * no more events then, an iterator or a file that has grown may have some.
 */
#ifndef SLUICE_STAGES_SOURCE_H
#define SLUICE_STAGES_SOURCE_H

#include "../engine/pipeline.h"

#include <stdio.h>

SLUICE_BEGIN_DECLS

/**
 * sluice_source_array_add - a producer of the events of an array.
 *
 * @events  @count events of out_bytes each, copied as they are asked for. They
 *          stay the caller's, who must not change them until the stage has
 *          ended
 * @count   may be 0: a stream that ends at once
 *
 * Returns as sluice_stage_add().
 */
SLUICE_API int sluice_source_array_add(struct sluice_pipeline *pipeline,
				       const struct sluice_stage_opts *opts,
				       const void *events,
				       uint64_t count) SLUICE_MUST_CHECK;

/** Fill @event, which is out_bytes of zeros. Returns 1 for an event; 0 when
 * there are no more; or a negative errno: the events before it leave, and the
 * stage fails. Any other value counts as -EINVAL. Threads: the stage's. */
typedef int (*sluice_source_next_fn)(void *event, void *ctx);

/**
 * sluice_source_iterator_add - a producer of what @next gives.
 *
 * @next  is called for one event at a time, and only for events that were asked
 *        for. The events leave together, once all that were asked for are
 *        there, at most batch_events: set batch_events to 1 if an event takes
 *        long to make, and `blocking` if @next waits.
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
 * @file  any open stream that fread() reads: records of out_bytes in a row,
 *        from the stream's position on. It stays the caller's, but must not be
 *        used until the stage has ended
 *
 * Events leave together, once all that were asked for are there, at most
 * batch_events. The stage gets a thread of its own, unless cpu is set.
 *
 * A last record that is cut short fails the stage with -EILSEQ, a failed read
 * with -EIO; the records before it leave first. A restarted stage goes on from
 * there: bytes that it has read are kept.
 *
 * Returns as sluice_stage_add().
 */
SLUICE_API int sluice_source_file_add(struct sluice_pipeline *pipeline,
				      const struct sluice_stage_opts *opts,
				      FILE *file) SLUICE_MUST_CHECK;

SLUICE_END_DECLS

#endif
