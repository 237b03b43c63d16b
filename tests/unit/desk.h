/* SPDX-License-Identifier: Apache-2.0 */
/* A stage at a desk: it does what its messages ask, and writes down what came.
 * What the test reads of it, it reads behind an answer or the join. */
#ifndef SLUICE_TESTS_UNIT_DESK_H
#define SLUICE_TESTS_UNIT_DESK_H

#include "tests/support/gate.h"
#include "tests/unit/flow.h"

#include <stdio.h>

/* What a message asks the stage under test to do. */
enum deed {
	DEED_NONE,
	DEED_EMIT,     /* and answer with the events emitted so far */
	DEED_REPLY,    /* answer first, then wait at the gate */
	DEED_TWICE,    /* two replies; the answer is what the second came to */
	DEED_LARGE,    /* replies over the room, both ways */
	DEED_HOLLOW,   /* one byte without data, then an empty reply */
	DEED_WAIT,     /* at the gate */
	DEED_ERROR,    /* answer -ENODATA */
	DEED_FAIL,     /* answer SLUICE_FAIL */
	DEED_END,      /* answer SLUICE_END */
	DEED_NO_ROOM,  /* is told the room it has */
	DEED_CALL,     /* call another stage */
	DEED_INFO,     /* the same, a marker */
	DEED_PENDING,  /* answer with sluice_demand_pending() */
	DEED_NO_REPLY, /* in a cast: reply all the same */
};

#define NOTES 64u

/* The state of a stage under test; read by the test when it knows that the
 * stage has gone on. */
struct desk {
	struct flow_end ended;
	uint64_t emitted;
	uint32_t calls;
	uint32_t casts;
	uint32_t infos;
	int rc; /* of the last call the stage made itself */
	char text[128];
	struct sluice_stage *other;
	struct sluice_sub sub;
	uint64_t published[NOTES]; /* when marker i came */
	uint32_t order[NOTES];     /* what came, by its first word */
	uint32_t count;
};

static struct gate gate;

static inline int desk_emit(struct sluice_stage *self, struct desk *desk)
{
	uint64_t *events = sluice_emit(self, 10);

	if (events == NULL)
		return -ENOBUFS;
	for (uint32_t i = 0; i < 10; i++)
		events[i] = desk->emitted++;
	return SLUICE_OK;
}

static inline enum deed deed_of(const struct sluice_message *message)
{
	uint32_t deed = DEED_NONE;

	if (message->bytes >= sizeof(deed))
		memcpy(&deed, message->data, sizeof(deed));
	return (enum deed)deed;
}

static inline int desk_told(struct sluice_stage *self, enum deed deed)
{
	struct desk *desk = sluice_stage_state(self);
	char answer[8];

	switch ((int)deed) {
	case DEED_EMIT:
		return desk_emit(self, desk);
	case DEED_WAIT:
		gate_pass(&gate);
		return SLUICE_OK;
	case DEED_ERROR:
		return -ENODATA;
	case DEED_FAIL:
		return SLUICE_FAIL;
	case DEED_END:
		return SLUICE_END;
	case DEED_CALL:
		desk->rc = sluice_call(desk->other, "none", 4, answer,
				       sizeof(answer), FLOW_DEADLINE_MS);
		return SLUICE_OK;
	case DEED_INFO:
		desk->rc = sluice_info_sync(desk->other, NULL, 0,
					    FLOW_DEADLINE_MS);
		return SLUICE_OK;
	case DEED_NO_REPLY:
		desk->rc = sluice_reply(self, NULL, 0);
		return SLUICE_OK;
	default:
		return SLUICE_OK;
	}
}

static inline int desk_call(struct sluice_stage *self,
			    const struct sluice_message *request,
			    struct sluice_answer *reply)
{
	struct desk *desk = sluice_stage_state(self);
	enum deed deed = deed_of(request);
	uint64_t number = desk->emitted + 10;
	int rc;

	desk->calls++;
	switch ((int)deed) {
	case DEED_REPLY:
		rc = desk_emit(self, desk);
		if (rc == SLUICE_OK)
			rc = sluice_reply(self, &desk->emitted, 8);
		gate_pass(&gate);
		return rc;
	case DEED_TWICE:
		rc = sluice_reply(self, "one", 3);
		if (rc == 0)
			desk->rc = sluice_reply(self, "second", 6);
		reply->bytes = 1; /* counts for nothing now */
		return rc;
	case DEED_LARGE:
		desk->rc = sluice_reply(self, request->data, reply->room + 1);
		reply->bytes = reply->room + 1;
		return SLUICE_OK;
	case DEED_HOLLOW:
		desk->rc = sluice_reply(self, NULL, 1);
		if (desk->rc < 0)
			(void)snprintf(desk->text, sizeof(desk->text), "%s",
				       sluice_last_error());
		rc = sluice_reply(self, NULL, 0);
		reply->bytes = 1; /* counts for nothing now */
		return rc;
	case DEED_NO_ROOM:
		desk->rc = (int)reply->room;
		return SLUICE_OK;
	case DEED_PENDING:
		number = sluice_demand_pending(self);
		break;
	default:
		break;
	}
	rc = desk_told(self, deed);
	if (reply->room >= sizeof(number)) {
		memcpy(reply->data, &number, sizeof(number));
		reply->bytes = sizeof(number);
	}
	return rc;
}

static inline void desk_note(struct desk *desk, uint32_t what)
{
	struct sluice_subscription_stats stat;

	if (desk->count == NOTES)
		return;
	if (desk->sub.pipeline &&
	    sluice_subscription_stat(desk->sub, &stat) == 0)
		desk->published[desk->count] = stat.published;
	desk->order[desk->count++] = what;
}

static inline int desk_cast(struct sluice_stage *self,
			    const struct sluice_message *message)
{
	struct desk *desk = sluice_stage_state(self);

	desk->casts++;
	if (message->bytes == 8)
		desk_note(desk, ((const uint32_t *)message->data)[1]);
	return desk_told(self, deed_of(message));
}

static inline int desk_info(struct sluice_stage *self,
			    const struct sluice_message *message)
{
	struct desk *desk = sluice_stage_state(self);

	desk->infos++;
	desk_note(desk, message->bytes == 8
				? ((const uint32_t *)message->data)[1]
				: message->bytes);
	return desk_told(self, deed_of(message));
}

static inline int desk_nothing(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_OK;
}

#define DESK                                                                   \
	.handle_call = desk_call, .handle_cast = desk_cast,                    \
	.handle_info = desk_info, .fini = flow_fini,                           \
	.on_idle = SLUICE_IDLE_STAY

/* ---- building ------------------------------------------------------------ */

static inline void add_desk(struct sluice_pipeline *p, const char *name,
			    struct desk *desk)
{
	flow_add(p, SLUICE_STAGE(DESK, .name = name, .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = flow_collect,
				 .mailbox_messages = 4, .state = desk));
}

/* One desk that consumes, of a pipeline that runs. */
static inline struct sluice_pipeline *open_desk(struct desk *desk)
{
	struct sluice_pipeline *p = flow_open(1);

	gate = GATE_CLOSED;
	add_desk(p, "desk", desk);
	flow_start(p);
	return p;
}

/* One desk that produces, and its sink. */
static inline struct sluice_pipeline *
open_counter(struct desk *desk, struct flow_sink *sink,
	     const struct sluice_subscription_opts *subscription,
	     uint32_t buffer_events)
{
	struct sluice_pipeline *p = flow_open(2);
	struct sluice_subscription_opts o = *subscription;

	gate = GATE_CLOSED;
	flow_add(p,
		 SLUICE_STAGE(DESK, .name = "desk", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = desk_nothing,
			      .buffer_events = buffer_events, .state = desk));
	flow_add_sink(p, "sink", sink);
	o.sub = &desk->sub;
	flow_subscribe(p, "sink", "desk", &o);
	flow_start(p);
	return p;
}

static inline struct sluice_stage *desk_of(struct sluice_pipeline *p)
{
	return sluice_stage_find(p, "desk");
}

static inline void end_desk(struct sluice_pipeline *p)
{
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(p);
}

static inline int ask(struct sluice_pipeline *p, enum deed deed, void *reply,
		      uint32_t room)
{
	const uint32_t request = deed;

	return sluice_call(desk_of(p), &request, sizeof(request), reply, room,
			   FLOW_DEADLINE_MS);
}

static inline int tell(struct sluice_pipeline *p, enum deed deed,
		       uint32_t number)
{
	const uint32_t message[2] = {deed, number};

	return sluice_cast(desk_of(p), message, sizeof(message));
}

static inline uint64_t published(const struct desk *desk)
{
	struct sluice_subscription_stats stat = {0};

	assert_int_equal(sluice_subscription_stat(desk->sub, &stat), 0);
	return stat.published;
}

#endif
