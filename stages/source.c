/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Producers over plain C data.
 *
 * What was emitted leaves only when the callback answers SLUICE_OK or
 * SLUICE_END, and an error takes back all of the call. So an error that comes
 * behind some events is kept until the next call; and what was read and not
 * emitted stays in the state.
 */
#include "stages/source.h"
#include "stages/ready_priv.h"

#include <stdlib.h>

/* A read: few enough bytes to stay in a core's caches on their way out. */
#define SOURCE_READ_BYTES 65536u

struct source_array {
	const unsigned char *events;
	uint64_t count;
	uint64_t next;
	uint32_t bytes; /* of one event */
};

struct source_iterator {
	sluice_source_next_fn next;
	void *ctx;
	int answer;           /* of next, kept until its turn; 1: none */
	uint32_t bytes;       /* of one event */
	unsigned char held[]; /* the event that next fills */
};

struct source_file {
	FILE *file;
	int answer;     /* kept until its turn, or SLUICE_OK */
	uint32_t bytes; /* of one record */
	uint32_t room;  /* records that fit held */
	size_t filled;  /* bytes read and not emitted */
	unsigned char held[];
};

/* Room in front of callbacks' verdicts: bytes that are refused later still get
 * no more memory than the largest event. */
static size_t source_event_bytes(const struct sluice_stage_opts *o)
{
	return o->out_bytes <= SLUICE_EVENT_BYTES_MAX ? o->out_bytes
						      : SLUICE_EVENT_BYTES_MAX;
}

static int source_add(struct sluice_pipeline *pipeline,
		      struct sluice_stage_opts *o, void *state,
		      int (*handle_demand)(struct sluice_stage *, uint32_t))
{
	int rc;

	o->state = state;
	o->state_free = free;
	o->handle_demand = handle_demand;
	rc = sluice_stage_add(pipeline, o);
	if (rc < 0)
		free(state);
	return rc;
}

/* ---- array --------------------------------------------------------------- */

static int source_array_demand(struct sluice_stage *self, uint32_t demand)
{
	struct source_array *array = sluice_stage_state(self);
	uint64_t left = array->count - array->next;
	uint32_t n = left < demand ? (uint32_t)left : demand;

	if (n > 0) {
		void *out = sluice_emit(self, n);

		if (out == NULL)
			return -ENOSPC;
		memcpy(out, array->events + array->next * array->bytes,
		       (size_t)n * array->bytes);
		array->next += n;
	}
	return array->next == array->count ? SLUICE_END : SLUICE_OK;
}

int sluice_source_array_add(struct sluice_pipeline *pipeline,
			    const struct sluice_stage_opts *opts,
			    const void *events, uint64_t count)
{
	SLUICE_KEEP_ERRNO;
	struct sluice_stage_opts o;
	struct source_array *array;
	int rc = ready_take(&o, opts, SLUICE_PRODUCER);

	if (rc < 0)
		return rc;
	if (events == NULL && count > 0)
		return sluice_fail(-EINVAL,
				   "stage '%.63s': events is NULL, but count "
				   "is %llu",
				   ready_name(&o), (unsigned long long)count);
	array = calloc(1, sizeof(*array));
	if (array == NULL)
		return ready_no_memory(&o);
	array->events = events;
	array->count = count;
	array->bytes = o.out_bytes;
	return source_add(pipeline, &o, array, source_array_demand);
}

/* ---- iterator ------------------------------------------------------------ */

/* The answer that ends a call, given back once. */
static int source_iterator_answer(struct source_iterator *iterator)
{
	int answer = iterator->answer;

	iterator->answer = 1;
	if (answer == 0)
		return SLUICE_END;
	return answer < 0 ? answer : -EINVAL;
}

static int source_iterator_demand(struct sluice_stage *self, uint32_t demand)
{
	struct source_iterator *iterator = sluice_stage_state(self);
	uint32_t n = 0;

	while (iterator->answer == 1 && n < demand) {
		void *out;

		memset(iterator->held, 0, iterator->bytes);
		iterator->answer =
			iterator->next(iterator->held, iterator->ctx);
		if (iterator->answer != 1)
			break;
		out = sluice_emit(self, 1);
		if (out == NULL)
			return -ENOSPC;
		memcpy(out, iterator->held, iterator->bytes);
		n++;
	}
	if (iterator->answer == 1)
		return SLUICE_OK;
	/* The end may go with the events before it, an error may not. */
	if (n > 0 && iterator->answer != 0)
		return SLUICE_OK;
	return source_iterator_answer(iterator);
}

int sluice_source_iterator_add(struct sluice_pipeline *pipeline,
			       const struct sluice_stage_opts *opts,
			       sluice_source_next_fn next, void *ctx)
{
	SLUICE_KEEP_ERRNO;
	struct sluice_stage_opts o;
	struct source_iterator *iterator;
	int rc = ready_take(&o, opts, SLUICE_PRODUCER);

	if (rc < 0)
		return rc;
	if (next == NULL)
		return sluice_fail(-EINVAL, "stage '%.63s': next is missing",
				   ready_name(&o));
	iterator = calloc(1, sizeof(*iterator) + source_event_bytes(&o));
	if (iterator == NULL)
		return ready_no_memory(&o);
	iterator->next = next;
	iterator->ctx = ctx;
	iterator->answer = 1;
	iterator->bytes = o.out_bytes;
	return source_add(pipeline, &o, iterator, source_iterator_demand);
}

/* ---- file ---------------------------------------------------------------- */

/* Read until @n records are there, or the file has no more for now. */
static void source_file_read(struct source_file *source, uint32_t n)
{
	size_t wanted = (size_t)n * source->bytes;

	if (source->filled >= wanted)
		return;
	source->filled += fread(source->held + source->filled, 1,
				wanted - source->filled, source->file);
	if (source->filled == wanted)
		return;
	if (ferror(source->file))
		source->answer = -EIO;
	else if (source->filled % source->bytes != 0)
		source->answer = -EILSEQ;
	else
		source->answer = SLUICE_END;
	/* Who asks again wants to know whether it has changed. */
	clearerr(source->file);
}

/* Emit the whole records among the first @n; what is behind them moves up. */
static int source_file_emit(struct sluice_stage *self,
			    struct source_file *source, uint32_t n)
{
	size_t whole = source->filled / source->bytes;
	size_t bytes;
	void *out;

	if (whole < n)
		n = (uint32_t)whole;
	if (n == 0)
		return 0;
	out = sluice_emit(self, n);
	if (out == NULL)
		return -ENOSPC;
	bytes = (size_t)n * source->bytes;
	memcpy(out, source->held, bytes);
	source->filled -= bytes;
	memmove(source->held, source->held + bytes, source->filled);
	return (int)n;
}

static int source_file_demand(struct sluice_stage *self, uint32_t demand)
{
	struct source_file *source = sluice_stage_state(self);
	uint32_t n = 0;
	int answer;

	while (source->answer == SLUICE_OK && n < demand) {
		uint32_t some = demand - n;
		int rc;

		if (some > source->room)
			some = source->room;
		source_file_read(source, some);
		rc = source_file_emit(self, source, some);
		if (rc < 0)
			return rc;
		n += (uint32_t)rc;
	}
	/* The end may go with the records before it, an error may not. */
	if (n > 0 && source->answer < 0)
		return SLUICE_OK;
	answer = source->answer;
	source->answer = SLUICE_OK;
	return answer;
}

int sluice_source_file_add(struct sluice_pipeline *pipeline,
			   const struct sluice_stage_opts *opts, FILE *file)
{
	SLUICE_KEEP_ERRNO;
	struct sluice_stage_opts o;
	struct source_file *source;
	size_t bytes;
	uint32_t room;
	int rc = ready_take(&o, opts, SLUICE_PRODUCER);

	if (rc < 0)
		return rc;
	if (file == NULL)
		return sluice_fail(-EINVAL, "stage '%.63s': file is missing",
				   ready_name(&o));
	ready_blocks(&o);
	bytes = source_event_bytes(&o);
	room = bytes > 0 ? (uint32_t)(SOURCE_READ_BYTES / bytes) : 1;
	source = calloc(1, sizeof(*source) + room * bytes);
	if (source == NULL)
		return ready_no_memory(&o);
	source->file = file;
	source->bytes = o.out_bytes;
	source->room = room;
	return source_add(pipeline, &o, source, source_file_demand);
}
