/* SPDX-License-Identifier: Apache-2.0 */
/* Consumers into plain C data. */
#include "stages/sink.h"
#include "stages/ready_priv.h"
#include "engine/control.h"

#include <stdlib.h>

#define SINK_BUFFER_BYTES 65536u

struct sink_array {
	unsigned char *events;
	uint64_t capacity;
	uint64_t *count;
	uint32_t bytes; /* of one event */
};

/* What was taken of a batch that failed, so that it is not taken twice. */
struct sink_taken {
	uint64_t seq; /* of its first event */
	uint32_t inlet;
	uint32_t count; /* 0: nothing was */
};

/* Batches that failed and have not come back. More than one only when a write
 * fails again on another inlet before that; the oldest makes room. */
#define SINK_TAKEN 8u

struct sink_file {
	FILE *file;
	struct sink_taken taken[SINK_TAKEN];
	uint32_t taken_next; /* the oldest of them */
	uint32_t bytes;      /* of one event */
	uint32_t room;       /* events that fit the buffer */
	size_t first;        /* bytes below it are written */
	size_t end;          /* bytes below it are to be written */
	unsigned char buffer[];
};

static int sink_add(struct sluice_pipeline *pipeline,
		    struct sluice_stage_opts *o, void *state,
		    int (*handle_events)(struct sluice_stage *,
					 const struct sluice_batch *))
{
	int rc;

	o->state = state;
	o->state_free = free;
	o->handle_events = handle_events;
	rc = sluice_stage_add(pipeline, o);
	if (rc < 0)
		free(state);
	return rc;
}

/* ---- array --------------------------------------------------------------- */

static int sink_array_events(struct sluice_stage *self,
			     const struct sluice_batch *batch)
{
	struct sink_array *array = sluice_stage_state(self);
	uint64_t count = *array->count;

	if (batch->count > array->capacity - count) {
		/* SLUICE_END would acknowledge the batch; this gives it back.
		 * -EPIPE: somebody else has ended the stage meanwhile. */
		int rc = sluice_stage_end(self, SLUICE_REASON_NORMAL, 0);

		return rc < 0 && rc != -EPIPE ? rc : SLUICE_RETRY;
	}
	memcpy(array->events + count * array->bytes, batch->events,
	       (size_t)batch->count * array->bytes);
	count += batch->count;
	__atomic_store_n(array->count, count, __ATOMIC_RELEASE);
	return count == array->capacity ? SLUICE_END : SLUICE_OK;
}

int sluice_sink_array_add(struct sluice_pipeline *pipeline,
			  const struct sluice_stage_opts *opts, void *events,
			  uint64_t capacity, uint64_t *count)
{
	SLUICE_KEEP_ERRNO;
	struct sluice_stage_opts o;
	struct sink_array *array;
	int rc = ready_take(&o, opts, SLUICE_CONSUMER);

	if (rc < 0)
		return rc;
	if (events == NULL || count == NULL || capacity == 0)
		return sluice_fail(-EINVAL, "stage '%.63s': %s", ready_name(&o),
				   events == NULL  ? "events is NULL"
				   : count == NULL ? "count is NULL"
						   : "capacity is 0");
	array = calloc(1, sizeof(*array));
	if (array == NULL)
		return ready_no_memory(&o);
	array->events = events;
	array->capacity = capacity;
	array->count = count;
	array->bytes = o.in_bytes;
	*count = 0;
	return sink_add(pipeline, &o, array, sink_array_events);
}

/* ---- file ---------------------------------------------------------------- */

/* Write what waits, until nothing more is taken: a device may take a part, and
 * has that for good. */
static int sink_file_write(struct sink_file *sink)
{
	SLUICE_KEEP_ERRNO;

	while (sink->first < sink->end) {
		size_t n;
		int rc;

		errno = 0;
		n = fwrite(sink->buffer + sink->first, 1,
			   sink->end - sink->first, sink->file);
		rc = errno > 0 ? -errno : -EIO;
		clearerr(sink->file);
		if (n == 0)
			return rc;
		sink->first += n;
	}
	sink->first = 0;
	sink->end = 0;
	return 0;
}

/* Put @n events into the buffer, and write it out when it has no room. Returns
 * how many are in it now or written, all of them unless *rc says why. */
static uint32_t sink_file_put(struct sink_file *sink,
			      const unsigned char *events, uint32_t n, int *rc)
{
	size_t whole = (size_t)sink->room * sink->bytes;
	uint32_t put = 0;

	while (put < n) {
		size_t fit = (whole - sink->end) / sink->bytes;

		if (fit == 0) {
			*rc = sink_file_write(sink);
			if (*rc < 0)
				break;
			continue;
		}
		if (fit > n - put)
			fit = n - put;
		memcpy(sink->buffer + sink->end,
		       events + (size_t)put * sink->bytes, fit * sink->bytes);
		sink->end += fit * sink->bytes;
		put += (uint32_t)fit;
	}
	return put;
}

/* What was taken of @batch, or of the one it is a part of, when it was here
 * last; NULL: nothing. */
static struct sink_taken *sink_file_find(struct sink_file *sink,
					 const struct sluice_batch *batch)
{
	if ((batch->flags & SLUICE_BATCH_REDELIVERED) == 0)
		return NULL;
	for (uint32_t i = 0; i < SINK_TAKEN; i++) {
		struct sink_taken *taken = &sink->taken[i];

		if (taken->count > 0 && taken->inlet == batch->inlet &&
		    batch->seq >= taken->seq &&
		    batch->seq < taken->seq + taken->count)
			return taken;
	}
	return NULL;
}

/* The batch fails. Of the @put events the ones that are still in the buffer as a
 * whole are taken out again: they come back. @skip of it were taken before. */
static void sink_file_undo(struct sink_file *sink,
			   const struct sluice_batch *batch, uint32_t skip,
			   uint32_t put)
{
	struct sink_taken *taken = sink_file_find(sink, batch);
	size_t waits = (sink->end - sink->first) / sink->bytes;
	uint32_t out = waits < put ? (uint32_t)waits : put;

	sink->end -= (size_t)out * sink->bytes;
	if (put == out)
		return;
	if (taken == NULL)
		taken = &sink->taken[sink->taken_next++ % SINK_TAKEN];
	*taken =
		(struct sink_taken){batch->seq, batch->inlet, skip + put - out};
}

static int sink_file_events(struct sluice_stage *self,
			    const struct sluice_batch *batch)
{
	struct sink_file *sink = sluice_stage_state(self);
	struct sink_taken *taken = sink_file_find(sink, batch);
	const unsigned char *events = batch->events;
	uint32_t skip = 0;
	uint32_t put;
	int rc = 0;

	if (taken != NULL) {
		uint64_t rest = taken->seq + taken->count - batch->seq;

		skip = rest < batch->count ? (uint32_t)rest : batch->count;
	}
	put = sink_file_put(sink, events + (size_t)skip * sink->bytes,
			    batch->count - skip, &rc);
	if (rc == 0 && (batch->flags & SLUICE_BATCH_END))
		rc = sink_file_write(sink);
	if (rc < 0) {
		sink_file_undo(sink, batch, skip, put);
		return rc;
	}
	/* It may come back in smaller ones: the last of them is this. */
	if (taken != NULL &&
	    batch->seq + batch->count >= taken->seq + taken->count)
		taken->count = 0;
	return SLUICE_OK;
}

static void sink_file_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	struct sink_file *sink = sluice_stage_state(self);

	(void)reason;
	if (sink_file_write(sink) == 0)
		(void)fflush(sink->file);
}

int sluice_sink_file_add(struct sluice_pipeline *pipeline,
			 const struct sluice_stage_opts *opts, FILE *file)
{
	SLUICE_KEEP_ERRNO;
	struct sluice_stage_opts o;
	struct sink_file *sink;
	uint32_t bytes;
	uint32_t room;
	int rc = ready_take(&o, opts, SLUICE_CONSUMER);

	if (rc == 0)
		rc = ready_refuse(&o, "fini", o.fini != NULL);
	if (rc < 0)
		return rc;
	if (file == NULL)
		return sluice_fail(-EINVAL, "stage '%.63s': file is missing",
				   ready_name(&o));
	if (setvbuf(file, NULL, _IONBF, 0) != 0)
		return sluice_fail(
			-EIO,
			"stage '%.63s': the file's own buffer cannot "
			"be turned off",
			ready_name(&o));
	ready_blocks(&o);
	o.fini = sink_file_fini;
	bytes = o.in_bytes < SLUICE_EVENT_BYTES_MAX ? o.in_bytes
						    : SLUICE_EVENT_BYTES_MAX;
	room = bytes > 0 ? SINK_BUFFER_BYTES / bytes : 1;
	sink = calloc(1, sizeof(*sink) + (size_t)room * bytes);
	if (sink == NULL)
		return ready_no_memory(&o);
	sink->file = file;
	sink->bytes = o.in_bytes;
	sink->room = room;
	return sink_add(pipeline, &o, sink, sink_file_events);
}
