/* SPDX-License-Identifier: Apache-2.0 */
/* Whole stages that keep a diary: what they were asked, handed and told, in
 * order. A test reads it while the pipeline runs: each line is written once, and
 * the number of lines is stored behind it. The stages are static: a test that
 * fails leaves its threads running until the teardown has closed the pipeline. */
#ifndef SLUICE_TESTS_CONFORMANCE_PIPE_H
#define SLUICE_TESTS_CONFORMANCE_PIPE_H

#include "tests/unit/flow.h"

#define PIPE_STAGES 8u
#define PIPE_NOTES  16384u
#define PIPE_RARE   1024u
#define PIPE_EVENTS 262144u

enum pipe_what {
	PIPE_ASKED,      /* count: the demand */
	PIPE_BATCH,      /* first, count, flags, deliveries, inlet */
	PIPE_SUBSCRIBED, /* link */
	PIPE_CANCELLED,  /* link */
	PIPE_ENDED,      /* count: the reason */
	PIPE_WHATS,
};

struct pipe_note {
	enum pipe_what what;
	uint32_t count;
	uint32_t flags;
	uint32_t deliveries;
	uint32_t inlet;
	uint64_t first;
	struct sluice_link_event link;
};

struct pipe_stage {
	const char *name;
	/* How it behaves; set before the start. */
	uint32_t silent; /* asked for events it makes none: casts emit */
	uint32_t copies; /* a middle: of each event; 0 = it drops them */
	/* on_subscribe refuses, from this link on; 0: never. */
	uint32_t no_link;
	uint64_t next;    /* a counter's next event */
	uint64_t end;     /* one above its last; 0 = endless */
	uint64_t fail_at; /* handle_events fails at this event; 0 = never */
	/* Calls back into the pipeline, where a test wants them. */
	int (*on_init)(struct sluice_stage *self);

	uint32_t links; /* the stage's: on_subscribe calls so far */
	uint32_t count; /* notes written */
	uint32_t seen;  /* events handled; the first of them are kept */
	/* Of all it handled; for after the join. */
	uint64_t sum;
	uint64_t last;
	uint32_t disorder; /* events below the one before */
	struct pipe_note notes[PIPE_NOTES];
	uint64_t events[PIPE_EVENTS];
};

static struct {
	struct sluice_pipeline *pipeline;
	uint32_t count;
	struct pipe_stage stage[PIPE_STAGES];
} pipe_all;

/* ---- the diary ----------------------------------------------------------- */

/* Asks and batches come without end: the first are kept, and room for all that
 * is rare. */
static inline void pipe_write(struct pipe_stage *s,
			      const struct pipe_note *note)
{
	int rare = note->what != PIPE_ASKED && note->what != PIPE_BATCH;

	if (s->count >= PIPE_NOTES - (rare ? 0 : PIPE_RARE))
		return;
	s->notes[s->count] = *note;
	__atomic_store_n(&s->count, s->count + 1, __ATOMIC_RELEASE);
}

static inline void pipe_write_count(struct pipe_stage *s, enum pipe_what what,
				    uint32_t count)
{
	pipe_write(s, &(struct pipe_note){.what = what, .count = count});
}

static inline void pipe_write_link(struct pipe_stage *s, enum pipe_what what,
				   const struct sluice_link_event *link)
{
	pipe_write(s, &(struct pipe_note){.what = what, .link = *link});
}

static inline uint32_t pipe_noted(struct pipe_stage *s)
{
	return __atomic_load_n(&s->count, __ATOMIC_ACQUIRE);
}

static inline uint32_t pipe_seen(struct pipe_stage *s)
{
	return __atomic_load_n(&s->seen, __ATOMIC_ACQUIRE);
}

/* As flow_join(), but it is the teardown that closes. */
static inline int pipe_join(void)
{
	int rc = sluice_pipeline_join(pipe_all.pipeline, FLOW_DEADLINE_MS);

	if (rc == -ETIMEDOUT)
		fail_msg("the pipeline hangs");
	return rc;
}

/* The n-th note (from 0) that says @what, or NULL when it is not there yet. */
static inline const struct pipe_note *pipe_find(struct pipe_stage *s,
						enum pipe_what what, uint32_t n)
{
	uint32_t count = pipe_noted(s);

	for (uint32_t i = 0; i < count; i++)
		if (s->notes[i].what == what && n-- == 0)
			return &s->notes[i];
	return NULL;
}

static inline uint32_t pipe_count(struct pipe_stage *s, enum pipe_what what)
{
	uint32_t count = pipe_noted(s);
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++)
		n += s->notes[i].what == what;
	return n;
}

/* Wait for the n-th note that says @what. */
static inline const struct pipe_note *pipe_wait(struct pipe_stage *s,
						enum pipe_what what, uint32_t n)
{
	static const char *const words[PIPE_WHATS] = {
		"asked", "batch", "subscribed", "cancelled", "ended"};

	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		const struct pipe_note *note = pipe_find(s, what, n);

		if (note != NULL)
			return note;
		flow_sleep_ms(1);
	}
	fail_msg("'%s' waits for '%s' number %u", s->name, words[what], n);
	return &s->notes[0]; /* not reached */
}

static inline void pipe_wait_seen(struct pipe_stage *s, uint32_t events)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (pipe_seen(s) >= events)
			return;
		flow_sleep_ms(1);
	}
	fail_msg("'%s' has seen %u of %u events", s->name, pipe_seen(s),
		 events);
}

/* ---- callbacks ----------------------------------------------------------- */

static inline int pipe_emit(struct sluice_stage *self, const void *data,
			    uint32_t bytes)
{
	void *events = bytes ? sluice_emit(self, bytes / 8) : NULL;

	if (events == NULL)
		return bytes ? -ENOSPC : 0;
	memcpy(events, data, bytes);
	return 0;
}

static inline int pipe_demand(struct sluice_stage *self, uint32_t demand)
{
	struct pipe_stage *s = sluice_stage_state(self);
	uint64_t left = s->end ? s->end - s->next : UINT64_MAX;
	uint32_t n = s->silent ? 0 : demand;
	uint64_t *events;

	pipe_write_count(s, PIPE_ASKED, demand);
	if (n > left)
		n = (uint32_t)left;
	events = n ? sluice_emit(self, n) : NULL;
	for (uint32_t i = 0; events != NULL && i < n; i++)
		events[i] = s->next++;
	return s->end && s->next == s->end ? SLUICE_END : SLUICE_OK;
}

/* Asked to emit the events of the request. */
static inline int pipe_call(struct sluice_stage *self,
			    const struct sluice_message *request,
			    struct sluice_answer *reply)
{
	(void)reply;
	return pipe_emit(self, request->data, request->bytes);
}

/* Told to fail ("f") or to end ("e"). */
static inline int pipe_cast(struct sluice_stage *self,
			    const struct sluice_message *message)
{
	(void)self;
	return *(const char *)message->data == 'f' ? -EBADMSG : SLUICE_END;
}

static inline int pipe_events(struct sluice_stage *self,
			      const struct sluice_batch *batch)
{
	struct pipe_stage *s = sluice_stage_state(self);
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);
	uint32_t seen = s->seen;

	for (uint32_t i = 0; s->fail_at != 0 && i < batch->count; i++)
		if (events[i] == s->fail_at)
			return -EBADMSG;
	for (uint32_t i = 0; i < batch->count; i++, seen++) {
		if (seen < PIPE_EVENTS)
			s->events[seen] = events[i];
		s->sum += events[i];
		s->disorder += events[i] < s->last;
		s->last = events[i];
	}
	for (uint32_t i = 0; s->copies && i < batch->count; i++) {
		uint64_t *copies = sluice_emit(self, s->copies);

		for (uint32_t k = 0; copies != NULL && k < s->copies; k++)
			copies[k] = events[i];
	}
	__atomic_store_n(&s->seen, seen, __ATOMIC_RELEASE);
	pipe_write(s, &(struct pipe_note){
			      .what = PIPE_BATCH,
			      .count = batch->count,
			      .flags = batch->flags,
			      .deliveries = batch->deliveries,
			      .inlet = batch->inlet,
			      .first = events[0],
		      });
	return SLUICE_OK;
}

static inline int pipe_subscribed(struct sluice_stage *self,
				  const struct sluice_link_event *link)
{
	struct pipe_stage *s = sluice_stage_state(self);

	pipe_write_link(s, PIPE_SUBSCRIBED, link);
	s->links++;
	return s->no_link != 0 && s->links >= s->no_link ? -EACCES : 0;
}

static inline int pipe_cancelled(struct sluice_stage *self,
				 const struct sluice_link_event *link)
{
	pipe_write_link(sluice_stage_state(self), PIPE_CANCELLED, link);
	return 0;
}

static inline int pipe_init(struct sluice_stage *self)
{
	struct pipe_stage *s = sluice_stage_state(self);

	return s->on_init ? s->on_init(self) : 0;
}

static inline void pipe_fini(struct sluice_stage *self,
			     enum sluice_reason reason)
{
	pipe_write_count(sluice_stage_state(self), PIPE_ENDED, reason);
}

/* ---- building ------------------------------------------------------------ */

static inline void pipe_open(uint32_t workers)
{
	pipe_all.pipeline = flow_open(workers);
}

/* Add a stage with the callbacks of its kind; @opts says the rest: by default a
 * stage stays when nobody is there. */
static inline struct pipe_stage *pipe_add(const struct sluice_stage_opts *opts)
{
	struct pipe_stage *s = &pipe_all.stage[pipe_all.count++];
	struct sluice_stage_opts o = *opts;

	assert_true(pipe_all.count <= PIPE_STAGES);
	s->name = o.name;
	s->copies = o.kind == SLUICE_PRODUCER_CONSUMER ? 1 : 0;
	o.state = s;
	if (o.kind != SLUICE_PRODUCER) {
		o.in_bytes = 8;
		o.handle_events = pipe_events;
	} else {
		o.handle_demand = pipe_demand;
	}
	if (o.kind != SLUICE_CONSUMER)
		o.out_bytes = 8;
	if (o.handle_call == NULL)
		o.handle_call = pipe_call;
	o.handle_cast = pipe_cast;
	o.init = pipe_init;
	o.fini = pipe_fini;
	o.on_subscribe = pipe_subscribed;
	o.on_cancel = pipe_cancelled;
	flow_add(pipe_all.pipeline, &o);
	return s;
}

#define PIPE_ADD(what, stage_name, ...)                                        \
	pipe_add(SLUICE_STAGE(.name = (stage_name), .kind = (what),            \
			      .on_idle = SLUICE_IDLE_STAY, __VA_ARGS__))

static inline struct pipe_stage *pipe_source(const char *name)
{
	return PIPE_ADD(SLUICE_PRODUCER, name);
}

static inline struct pipe_stage *pipe_silent(const char *name)
{
	struct pipe_stage *s = pipe_source(name);

	s->silent = 1;
	return s;
}

static inline struct pipe_stage *pipe_sink(const char *name)
{
	return PIPE_ADD(SLUICE_CONSUMER, name);
}

static inline struct sluice_sub
pipe_subscribe(const char *consumer, const char *producer,
	       const struct sluice_subscription_opts *opts)
{
	struct sluice_subscription_opts o = *opts;
	struct sluice_sub sub = {0};

	o.sub = &sub;
	flow_subscribe(pipe_all.pipeline, consumer, producer, &o);
	assert_ptr_equal(sub.pipeline, pipe_all.pipeline);
	return sub;
}

#define PIPE_SUBSCRIBE(consumer, producer, ...)                                \
	pipe_subscribe((consumer), (producer), SLUICE_SUBSCRIPTION(__VA_ARGS__))

static inline void pipe_start(void)
{
	flow_start(pipe_all.pipeline);
}

static inline struct sluice_stage *pipe_stage_of(const struct pipe_stage *s)
{
	struct sluice_stage *stage =
		sluice_stage_find(pipe_all.pipeline, s->name);

	assert_non_null(stage);
	return stage;
}

/* Have a stage emit @count numbers from @first on. When it returns they have
 * left, or wait in the buffer. */
static inline void pipe_emit_row(struct pipe_stage *s, uint64_t first,
				 uint32_t count)
{
	uint64_t events[1024];

	assert_true(count <= UNIT_COUNT(events));
	for (uint32_t i = 0; i < count; i++)
		events[i] = first + i;
	assert_int_equal(sluice_call(pipe_stage_of(s), events, 8 * count, NULL,
				     0, FLOW_DEADLINE_MS),
			 0);
}

/* A round trip: what was sent to it before has been taken up. */
static inline void pipe_touch(struct pipe_stage *s)
{
	pipe_emit_row(s, 0, 0);
}

static inline void pipe_order(struct pipe_stage *s, const char *order)
{
	assert_int_equal(sluice_cast(pipe_stage_of(s), order, 1), 0);
}

/* ---- what came ----------------------------------------------------------- */

/* Batches first, count, first, count, ..., UINT64_MAX: those, in this order,
 * and perhaps more behind them. */
static inline void pipe_check_batches(struct pipe_stage *s,
				      const uint64_t *want)
{
	for (uint32_t i = 0; want[2 * i] != UINT64_MAX; i++) {
		const struct pipe_note *note = pipe_wait(s, PIPE_BATCH, i);

		assert_int_equal(note->first, want[2 * i]);
		assert_int_equal(note->count, want[2 * i + 1]);
	}
}

#define PIPE_CHECK_BATCHES(stage, ...)                                         \
	pipe_check_batches((stage), (const uint64_t[]){__VA_ARGS__, UINT64_MAX})

/* All it has seen is @copies of every number from @first on, in order. */
static inline void pipe_check_row(struct pipe_stage *s, uint64_t first,
				  uint32_t copies)
{
	uint32_t seen = pipe_seen(s);

	for (uint32_t i = 0; i < seen && i < PIPE_EVENTS; i++)
		if (s->events[i] != first + i / copies)
			fail_msg("'%s': event %u is %llu", s->name, i,
				 (unsigned long long)s->events[i]);
}

/* What a hook was told. */
static inline void pipe_check_link(const struct pipe_note *note,
				   struct sluice_sub sub, enum sluice_side side,
				   const char *peer)
{
	assert_int_equal(note->link.side, side);
	assert_string_equal(note->link.peer, peer);
	assert_int_equal(note->link.sub.index, sub.index);
	assert_int_equal(note->link.sub.generation, sub.generation);
}

static inline void pipe_check_cancelled(const struct pipe_note *note,
					uint32_t kind,
					enum sluice_reason reason,
					uint32_t code)
{
	assert_int_equal(note->link.kind, kind);
	assert_int_equal(note->link.reason, reason);
	assert_int_equal(note->link.code, code);
}

static inline int pipe_setup(void **state)
{
	pipe_all.pipeline = NULL;
	pipe_all.count = 0;
	for (uint32_t i = 0; i < PIPE_STAGES; i++)
		memset(&pipe_all.stage[i], 0,
		       offsetof(struct pipe_stage, notes));
	return flow_setup(state);
}

static inline int pipe_teardown(void **state)
{
	sluice_pipeline_close(pipe_all.pipeline);
	return flow_teardown(state);
}

/* Each of the @count tests closes its pipeline and leaves nothing behind. */
static inline void pipe_watch(struct CMUnitTest *tests, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		tests[i].setup_func = pipe_setup;
		tests[i].teardown_func = pipe_teardown;
	}
}

#endif
