/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/stress/kills/kills.h"

#include "engine/peer/attach_priv.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define PASSES_MAX 40u /* of a point, before the visitor dies there */

/* Of one life. */
static struct {
	uint32_t who; /* of the feeders, or of the readers */
	uint32_t visitor;
	char name[32];
	struct rng rng;
	enum point dies_at;          /* POINTS: nowhere */
	uint32_t passes;             /* that are left to it there */
	struct sluice_stage *sender; /* a worker's port, else NULL */
} life;

static void wrong(const char *what, int rc)
{
	(void)fprintf(stderr, "stress_kills: %s %s: %d, %s\n", life.name, what,
		      rc, sluice_last_error());
	_exit(2);
}

/* Nobody goes of his own will once all are waited for to be there: who means to is
 * not there any more, and asks then. One of the two additions is the first: either
 * the other one is seen here, or main sees that the visitor has gone. */
static int may_go(void)
{
	sluice_a32 *attached = &books->attached[life.visitor];
	uint32_t was = sluice_exchange(attached, 0);

	if (sluice_fetch_add(&books->over, 0) == OVER_NOT)
		return 1;
	sluice_store_release(attached, was);
	return 0;
}

static int is_calm(void)
{
	return sluice_load_acquire(&books->calm) != 0;
}

static void pass(enum point point)
{
	if (point != life.dies_at || is_calm() || --life.passes > 0 ||
	    !may_go())
		return;
	count(&books->died[point], 1);
	(void)raise(SIGKILL);
}

static int reads(void)
{
	return life.visitor >= FEEDERS;
}

static int works(void)
{
	return reads() && part->workers;
}

static uint32_t window(void)
{
	return reads() ? WINDOW : 0;
}

static uint32_t ring_events(void)
{
	return reads() && !works() ? 0 : 4 * BURST_MAX;
}

/* ---- attaching ------------------------------------------------------------------ */

/* What a library does between the two messages, and no more. */
static void dies_welcomed(void)
{
	struct attach attach = ATTACH_NONE;
	struct wire_hello hello;

	wire_init(&hello, WIRE_HELLO, sizeof(hello));
	hello.role = works()   ? WIRE_WORKER
		     : reads() ? WIRE_CONSUMER
			       : WIRE_PRODUCER;
	(void)strcpy(hello.pipeline, PIPELINE);
	(void)strcpy(hello.peer, life.name);
	(void)strcpy(reads() ? hello.from : hello.to, "hub");
	if (works())
		(void)strcpy(hello.to, "sink");
	/* As below, or a place that is kept would not be for it. */
	hello.max_demand = window();
	hello.ring_events = ring_events();
	if (attach_open(&attach, &hello, folder,
			attach_due(TEST_DEADLINE_MS)) == 0) {
		life.passes = 1;
		pass(POINT_WELCOMED);
	}
	/* It was too early, or is too late: as any other then. */
	attach_close(&attach, SLUICE_REASON_NORMAL, 0);
}

static struct sluice_stage *attach(uint64_t *accepted)
{
	struct sluice_stage *port = NULL;
	int rc;

	/* Whoever had its name before is gone: nobody has to ask twice. */
	rc = sluice_attach(&port,
			   SLUICE_ATTACH(.pipeline = PIPELINE, .folder = folder,
					 .name = life.name,
					 .from = reads() ? "hub" : NULL,
					 .to = works()   ? "sink"
					       : reads() ? NULL
							 : "hub",
					 .max_demand = window(),
					 .ring_events = ring_events(),
					 .timeout_ms = TEST_DEADLINE_MS,
					 .accepted = accepted));
	if (rc < 0)
		wrong("attaches", rc);
	sluice_store_release(&books->attached[life.visitor], 1);
	pass(POINT_ATTACHED);
	return port;
}

static void leave(struct sluice_stage *port)
{
	int rc = sluice_detach(port, TEST_DEADLINE_MS);

	if (rc < 0)
		wrong("detaches", rc);
}

/* ---- a reader ------------------------------------------------------------------- */

/* Each is the next of its key, or one that was handed out before. */
static void act_in_order(const struct event *event)
{
	uint32_t key = event->feeder * KEYS + event->number % KEYS;
	uint32_t at = event->number / KEYS;
	uint32_t done = sluice_load_acquire(&books->done[key]);

	if (at > done)
		count(&books->disorder, 1);
	if (at >= done)
		sluice_store_release(&books->done[key], at + 1);
}

/* The next of its feeder, or one that was handed out before. */
static void act_beside(const struct event *event, uint32_t flags)
{
	sluice_a32 *next = &books->beside[life.who][event->feeder];
	/* Relaxed: one process at a time writes it. */
	uint32_t due = sluice_load_relaxed(next);

	if (due != 0 && event->number < due) {
		count(&books->twice_beside, 1);
		if (!(flags & SLUICE_BATCH_REDELIVERED))
			count(&books->unmarked, 1);
		return;
	}
	if (due != 0 && event->number > due)
		count(&books->gaps, 1);
	sluice_store_relaxed(next, event->number + 1);
}

/* Whatever comes next is the first. */
static void begin_beside(void)
{
	for (uint32_t f = 0; f < FEEDERS; f++)
		sluice_store_relaxed(&books->beside[life.who][f], 0);
}

/* All there was has come to those who were there at the end. */
static void check_all_came(void)
{
	for (uint32_t f = 0; f < FEEDERS; f++) {
		uint32_t next =
			sluice_load_relaxed(&books->beside[life.who][f]);

		if (next != 0 && next != sluice_load_acquire(&books->taken[f]))
			count(&books->gaps, 1);
	}
}

static void act(const struct event *event, uint32_t flags)
{
	if (!event_is_whole(event)) {
		count(&books->torn, 1);
		return;
	}
	if (part->each) {
		act_beside(event, flags);
		return;
	}
	if (sluice_fetch_add(&books->effect[event->feeder][event->number], 1) >
		    0 &&
	    !(flags & SLUICE_BATCH_REDELIVERED))
		count(&books->unmarked, 1);
	if (part->keyed)
		act_in_order(event);
}

static void send_on(const struct event *events, uint32_t n)
{
	while (n > 0) {
		int rc = sluice_send(life.sender, events, n, TEST_DEADLINE_MS);

		if (rc <= 0)
			wrong("sends on", rc);
		events += rc;
		n -= (uint32_t)rc;
	}
}

/* A worker's: all results are out before the receipt. */
static void answer(const struct sluice_batch *batch)
{
	const struct event *events = SLUICE_EVENTS(batch, struct event);
	uint32_t half = batch->count / 2;

	send_on(events, half);
	pass(POINT_ANSWERED);
	send_on(events + half, batch->count - half);
	pass(POINT_FINISHED);
}

static void act_all(const struct sluice_batch *batch)
{
	const struct event *events = SLUICE_EVENTS(batch, struct event);

	pass(POINT_RECEIVED);
	for (uint32_t i = 0; i < batch->count; i++) {
		if (i == (batch->count + 1) / 2)
			pass(POINT_HALF);
		act(&events[i], batch->flags);
	}
	count(&books->effects_by[life.who], batch->count);
	count(&books->effects, batch->count);
	pass(POINT_DONE);
	if (life.sender != NULL)
		answer(batch);
}

/* As a reader does that acknowledges first: it takes the events away, asks for more,
 * and acts then. */
static void act_late(const struct sluice_batch *batch)
{
	static struct event kept[WINDOW];
	static struct sluice_batch before;

	if (before.count > 0)
		act_all(&before);
	before = *batch;
	if (batch->count > 0) /* or there are none at all */
		memcpy(kept, batch->events, batch->count * sizeof(kept[0]));
	before.events = kept;
}

static int was_sent_away(struct sluice_stage *port)
{
	struct sluice_port_status status;

	return sluice_port_closed(port, &status) < 0 &&
	       status.code == ETIMEDOUT;
}

static void read_all(void)
{
	struct sluice_stage *port = attach(NULL);
	/* Some leave cleanly, when they have done enough. */
	uint32_t batches = rng_below(&life.rng, 8) == 0
				   ? rng_between(&life.rng, 1, 100)
				   : UINT32_MAX;
	struct sluice_batch batch = {0};
	int rc = 0;

	/* Of one that was sent away the place is not kept. */
	if (!holds || stalls)
		begin_beside();
	life.sender = sluice_port_sender(port);
	while ((is_calm() || batches-- > 0 || !may_go()) &&
	       (rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0) {
		sluice_store_release(&books->hand[life.who], batch.count);
		if (early_ack)
			act_late(&batch);
		else
			act_all(&batch);
	}
	if (rc == -EIO && stalls && was_sent_away(port))
		_exit(SENT_AWAY);
	if (rc < 0 && rc != -EPIPE)
		wrong("receives", rc);
	if (part->each && rc == -EPIPE)
		check_all_came();
	batch.count = 0;
	if (early_ack)
		act_late(&batch);
	/* Before it leaves: it may be killed on its way. */
	begin_beside();
	leave(port);
	sluice_store_release(&books->hand[life.who], 0);
}

/* ---- a feeder ------------------------------------------------------------------- */

static void event_fill(struct event *event, uint32_t number)
{
	event->feeder = life.who;
	event->number = number;
	event->order = 0;
	for (uint32_t i = 0; i < CHECKS; i++)
		event->check[i] = event_check(life.who, number, i);
}

/* Returns how many were sent. */
static uint32_t send_span(struct sluice_stage *port, uint32_t number,
			  uint32_t n)
{
	struct sluice_span span;
	int rc = sluice_send_reserve(port, &span, n, TEST_DEADLINE_MS);

	if (rc <= 0)
		wrong("reserves", rc);
	for (uint32_t i = 0; i < span.count; i++) {
		if (i == span.count / 2)
			pass(POINT_RESERVED);
		event_fill((struct event *)span.events + i, number + i);
	}
	pass(POINT_WRITTEN);
	rc = sluice_send_commit(port, span.count);
	if (rc != (int)span.count)
		wrong("commits", rc);
	return span.count;
}

static uint32_t send_copy(struct sluice_stage *port, uint32_t number,
			  uint32_t n)
{
	static struct event events[BURST_MAX];
	int rc;

	for (uint32_t i = 0; i < n; i++)
		event_fill(&events[i], number + i);
	rc = sluice_send(port, events, n, TEST_DEADLINE_MS);
	if (rc <= 0)
		wrong("sends", rc);
	return (uint32_t)rc;
}

static uint32_t send_some(struct sluice_stage *port, uint32_t number)
{
	uint32_t n = rng_between(&life.rng, 1, BURST_MAX);

	if (n > EVENTS_MAX - number)
		n = EVENTS_MAX - number;
	if (n == 0)
		return 0;
	sluice_store_release(&books->tried[life.who], number + n);
	n = rng_below(&life.rng, 2) ? send_span(port, number, n)
				    : send_copy(port, number, n);
	sluice_store_release(&books->sent[life.who], number + n);
	pass(POINT_SENT);
	return n;
}

/* What was said to have been taken counts; of the call in which it died, some. */
static void check_accepted(uint64_t accepted)
{
	if (accepted >= sluice_load_acquire(&books->sent[life.who]) &&
	    accepted <= sluice_load_acquire(&books->tried[life.who]))
		return;
	(void)fprintf(stderr,
		      "stress_kills: of %s %llu are said to be taken, %u were, "
		      "and %u were tried\n",
		      life.name, (unsigned long long)accepted,
		      sluice_load_acquire(&books->sent[life.who]),
		      sluice_load_acquire(&books->tried[life.who]));
	count(&books->accounts, 1);
}

static void feed(void)
{
	uint64_t accepted = UINT64_MAX;
	struct sluice_stage *port = attach(&accepted);
	uint32_t number;

	check_accepted(accepted);
	number = (uint32_t)accepted;
	sluice_store_release(&books->sent[life.who], number);
	while (sluice_load_acquire(&books->over) == OVER_NOT) {
		number += send_some(port, number);
		rest_us((uint32_t)rng_below(&life.rng, 300));
		if (rng_below(&life.rng, 500) == 0 && !is_calm())
			break; /* cleanly */
	}
	leave(port);
}

/* ---- both ------------------------------------------------------------------------ */

static enum point draw_point(struct rng *rng)
{
	static const enum point feeders[] = {POINT_WELCOMED, POINT_ATTACHED,
					     POINT_RESERVED, POINT_WRITTEN,
					     POINT_SENT};
	/* The last two are a worker's. */
	static const enum point readers[] = {
		POINT_WELCOMED, POINT_ATTACHED, POINT_RECEIVED, POINT_HALF,
		POINT_DONE,     POINT_ANSWERED, POINT_FINISHED};

	if (rng_below(rng, 3) == 0)
		return POINTS;
	return reads() ? readers[rng_below(rng, works() ? 7 : 5)]
		       : feeders[rng_below(rng, 5)];
}

void visitor_main(uint32_t visitor, uint64_t seed)
{
	life.visitor = visitor;
	life.who = visitor < FEEDERS ? visitor : visitor - FEEDERS;
	(void)snprintf(life.name, sizeof(life.name), "%s%u",
		       reads() ? "reader" : "feeder", life.who);
	life.rng.state = seed;
	life.dies_at = draw_point(&life.rng);
	life.passes = life.dies_at == POINT_ATTACHED
			      ? 1
			      : rng_between(&life.rng, 1, PASSES_MAX);
	(void)alarm(TEST_DEADLINE_S);
	if (life.dies_at == POINT_WELCOMED)
		dies_welcomed();
	if (reads())
		read_all();
	else
		feed();
	_exit(0);
}
