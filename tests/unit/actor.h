/* SPDX-License-Identifier: Apache-2.0 */
/* Stages that fail when and where they are told to, and write down what is done
 * to them: how often they were begun and ended, and why; what they were handed,
 * how often, and what they were done with. */
#ifndef SLUICE_TESTS_UNIT_ACTOR_H
#define SLUICE_TESTS_UNIT_ACTOR_H

#include "tests/unit/flow.h"

#include <pthread.h>

#define ACTOR_EVENTS 256u
#define ACTOR_NOTES  32u

/* Where it fails. */
enum where {
	IN_NOTHING,
	IN_INIT,
	IN_DEMAND,
	IN_EVENTS,
	IN_CAST,
	IN_CALL,
	IN_INFO,
	IN_TIMER,
	IN_SUBSCRIBE,
	IN_CANCEL,
};

struct actor {
	struct flow_end ended;
	enum where where;
	int rc;         /* what it answers there, */
	uint32_t times; /* so often, */
	uint32_t after; /* after so many calls that went well */

	uint32_t bad_inits; /* of those after the first, how many fail so */
	uint32_t inits;
	enum sluice_reason reasons[ACTOR_NOTES]; /* of each fini */
	uint32_t subscribes;
	uint32_t cancels;

	/* A source: counts up to end, and ends when it may. */
	uint64_t next;
	uint64_t end;
	uint32_t stays;

	/* A consumer. */
	uint64_t poison;            /* 0 or an event that fails its batch */
	uint32_t ok[ACTOR_EVENTS];  /* times each was handled */
	uint32_t got[ACTOR_EVENTS]; /* times each was handed out */
	uint64_t above;             /* the last it has handled */
	uint32_t disorder;
	uint32_t handled;
	uint32_t count; /* batches, and the first of them: */
	uint32_t deliveries[ACTOR_NOTES];
	uint32_t flags[ACTOR_NOTES];
	uint32_t events[ACTOR_NOTES];

	uint32_t letters; /* dead, and the first of them: */
	struct sluice_dead_letter letter[ACTOR_NOTES];
	uint64_t letter_event[ACTOR_NOTES];
};

/* What to answer in @where. */
static inline int actor_act(struct actor *actor, enum where where)
{
	if (actor->where != where || actor->times == 0)
		return SLUICE_OK;
	if (actor->after > 0) {
		actor->after--;
		return SLUICE_OK;
	}
	actor->times--;
	return actor->rc;
}

static inline int actor_init(struct sluice_stage *self)
{
	struct actor *actor = sluice_stage_state(self);
	uint32_t n = __atomic_add_fetch(&actor->inits, 1, __ATOMIC_ACQ_REL);

	if (n > 1 && actor->bad_inits > 0) {
		actor->bad_inits--;
		return -EHOSTDOWN;
	}
	if (actor->where == IN_TIMER && sluice_timer_set(self, 0, 0, 0) != 0)
		return -ENOTSUP;
	return actor_act(actor, IN_INIT);
}

static inline void actor_fini(struct sluice_stage *self,
			      enum sluice_reason reason)
{
	struct actor *actor = sluice_stage_state(self);

	if (actor->ended.finis < ACTOR_NOTES)
		actor->reasons[actor->ended.finis] = reason;
	actor->ended.reason = reason;
	(void)__atomic_add_fetch(&actor->ended.finis, 1, __ATOMIC_ACQ_REL);
}

static inline int actor_demand(struct sluice_stage *self, uint32_t demand)
{
	struct actor *actor = sluice_stage_state(self);
	uint64_t before = actor->next;
	int rc = actor_act(actor, IN_DEMAND);

	for (; demand > 0 && actor->next < actor->end; demand--) {
		uint64_t *event = sluice_emit(self, 1);

		if (event == NULL)
			return -ENOBUFS;
		*event = actor->next++;
	}
	if (rc != SLUICE_OK && rc != SLUICE_END) {
		actor->next = before; /* none of it happened */
		return rc;
	}
	if (actor->next == actor->end &&
	    __atomic_load_n(&actor->stays, __ATOMIC_ACQUIRE) == 0)
		return SLUICE_END;
	return rc;
}

static inline void actor_note_batch(struct actor *actor,
				    const struct sluice_batch *batch)
{
	uint32_t at = actor->count++;

	for (uint32_t i = 0; i < batch->count; i++)
		actor->got[SLUICE_EVENTS(batch, uint64_t)[i] % ACTOR_EVENTS]++;
	if (at >= ACTOR_NOTES)
		return;
	actor->deliveries[at] = batch->deliveries;
	actor->flags[at] = batch->flags;
	actor->events[at] = batch->count;
}

/* Hands on what it gets, if it is a producer_consumer. */
static inline int actor_events(struct sluice_stage *self,
			       const struct sluice_batch *batch)
{
	struct actor *actor = sluice_stage_state(self);
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);
	uint64_t *out = sluice_emit(self, batch->count);
	int rc = actor_act(actor, IN_EVENTS);

	actor_note_batch(actor, batch);
	if (out != NULL)
		memcpy(out, events, batch->count * sizeof(*out));
	for (uint32_t i = 0; actor->poison && i < batch->count; i++)
		if (events[i] == actor->poison)
			return actor->rc;
	if (rc != SLUICE_OK && rc != SLUICE_END)
		return rc;
	for (uint32_t i = 0; i < batch->count; i++) {
		actor->ok[events[i] % ACTOR_EVENTS]++;
		actor->disorder += events[i] < actor->above;
		actor->above = events[i] + 1;
	}
	(void)__atomic_add_fetch(&actor->handled, batch->count,
				 __ATOMIC_ACQ_REL);
	return rc;
}

static inline void actor_bury(struct sluice_stage *self,
			      const struct sluice_dead_letter *letter)
{
	struct actor *actor = sluice_stage_state(self);
	uint32_t at = actor->letters++;

	if (at >= ACTOR_NOTES)
		return;
	actor->letter[at] = *letter;
	memcpy(&actor->letter_event[at], letter->event, sizeof(uint64_t));
}

static inline int actor_cast(struct sluice_stage *self,
			     const struct sluice_message *message)
{
	(void)message;
	return actor_act(sluice_stage_state(self), IN_CAST);
}

static inline int actor_info(struct sluice_stage *self,
			     const struct sluice_message *message)
{
	(void)message;
	return actor_act(sluice_stage_state(self), IN_INFO);
}

/* Answers with how often it was begun. */
static inline int actor_call(struct sluice_stage *self,
			     const struct sluice_message *message,
			     struct sluice_answer *reply)
{
	struct actor *actor = sluice_stage_state(self);

	(void)message;
	if (reply->room >= sizeof(actor->inits)) {
		memcpy(reply->data, &actor->inits, sizeof(actor->inits));
		reply->bytes = sizeof(actor->inits);
	}
	return actor_act(actor, IN_CALL);
}

static inline int actor_timer(struct sluice_stage *self, uint32_t timer)
{
	(void)timer;
	return actor_act(sluice_stage_state(self), IN_TIMER);
}

static inline int actor_subscribe(struct sluice_stage *self,
				  const struct sluice_link_event *event)
{
	struct actor *actor = sluice_stage_state(self);

	(void)event;
	(void)__atomic_add_fetch(&actor->subscribes, 1, __ATOMIC_ACQ_REL);
	return actor_act(actor, IN_SUBSCRIBE);
}

static inline int actor_cancel(struct sluice_stage *self,
			       const struct sluice_link_event *event)
{
	struct actor *actor = sluice_stage_state(self);

	(void)event;
	(void)__atomic_add_fetch(&actor->cancels, 1, __ATOMIC_ACQ_REL);
	return actor_act(actor, IN_CANCEL);
}

/* ---- building ------------------------------------------------------------ */

#define ACTOR                                                                  \
	.init = actor_init, .fini = actor_fini, .handle_cast = actor_cast,     \
	.handle_info = actor_info, .handle_call = actor_call,                  \
	.handle_timer = actor_timer, .on_subscribe = actor_subscribe,          \
	.on_cancel = actor_cancel
#define ACTOR_SOURCE                                                           \
	ACTOR, .kind = SLUICE_PRODUCER, .out_bytes = 8,                        \
	       .handle_demand = actor_demand
#define ACTOR_MIDDLE                                                           \
	ACTOR, .kind = SLUICE_PRODUCER_CONSUMER, .in_bytes = 8,                \
	       .out_bytes = 8, .handle_events = actor_events
#define ACTOR_SINK                                                             \
	ACTOR, .kind = SLUICE_CONSUMER, .in_bytes = 8,                         \
	       .handle_events = actor_events

/* What the pipeline was told in words. */
struct actor_log {
	pthread_mutex_t lock;
	char text[4096];
};

static inline void actor_log(void *ctx, const char *text)
{
	struct actor_log *log = ctx;
	size_t at;

	(void)pthread_mutex_lock(&log->lock);
	at = strlen(log->text);
	(void)snprintf(log->text + at, sizeof(log->text) - at, "%s\n", text);
	(void)pthread_mutex_unlock(&log->lock);
}

/* A pipeline that restarts at once; others of its options as @more says. */
static inline struct sluice_pipeline *
actor_open(const struct sluice_pipeline_opts *more)
{
	struct sluice_pipeline_opts o = *more;
	struct sluice_pipeline *p = NULL;

	if (o.backoff_ms == 0) {
		o.backoff_ms = 1;
		o.backoff_max_ms = 1;
	}
	if (sluice_pipeline_open(&p, &o) != 0)
		fail_msg("%s", sluice_last_error());
	return p;
}

/* Until a number that a stage writes has come to @least. */
static inline void actor_await(struct sluice_pipeline *p, const uint32_t *word,
			       uint32_t least)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (__atomic_load_n(word, __ATOMIC_ACQUIRE) >= least)
			return;
		flow_sleep_ms(1);
	}
	sluice_pipeline_close(p);
	fail_msg("%u are waited for in vain", least);
}

/* Let the source end, and wait for all the others. */
static inline int actor_finish(struct sluice_pipeline *p, const char *name)
{
	struct sluice_stage *source = sluice_stage_find(p, name);
	struct actor *actor = sluice_stage_state(source);

	__atomic_store_n(&actor->stays, 0, __ATOMIC_RELEASE);
	sluice_wake(source);
	return flow_join(p);
}

/* Each event of [0, n) was handled once, in order. */
static inline void actor_check_all(const struct actor *actor, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(actor->ok[i], 1);
	assert_int_equal(actor->handled, n);
	assert_int_equal(actor->disorder, 0);
}

#endif
