/* SPDX-License-Identifier: Apache-2.0 */
/* What a process does that attaches: the library's own calls, from end to end; only
 * the connection is the desk's. It may be over at any access. */
#include "tests/sim/gen3/visit.h"
#include "tests/sim/process.h"
#include "tests/sim/sim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SEND_MAX 8u
/* Who may leave does so after so many vain tries. */
#define PATIENCE 5u

static int is_sub(struct sluice_sub a, struct sluice_sub b)
{
	return a.pipeline == b.pipeline && a.index == b.index &&
	       a.generation == b.generation;
}

struct visitor *visitor_of(struct sluice_sub sub)
{
	/* Who has it now comes last. */
	for (uint32_t i = visit.count; i-- > 0;) {
		struct visitor *v = &visit.visitors[i];

		if (is_sub(v->fed, sub))
			return v;
	}
	return NULL;
}

struct visitor *visitor_before(const struct visitor *v)
{
	for (uint32_t i = v->index; i-- > 0;) {
		struct visitor *before = &visit.visitors[i];

		if (strcmp(before->name, v->name) == 0 &&
		    is_sub(before->sub, v->sub))
			return before;
	}
	return NULL;
}

uint32_t visitor_timeout(uint32_t lasts)
{
	static const uint32_t ms[] = {0, 1, 20, SLUICE_FOREVER};

	return lasts ? ms[sim_below(4)] : ms[sim_below(3)];
}

void visitor_lingers(void)
{
	for (uint32_t n = sim_below(3) ? 0 : sim_below(12); n > 0; n--)
		sim_yield();
}

int visitor_is_over(int rc)
{
	return rc == -EPIPE || rc == -EIO || rc == -ECANCELED;
}

/* ---- feeding ------------------------------------------------------------------- */

static int send_span(struct sluice_stage *port, const struct event *events,
		     uint32_t n, uint32_t ms)
{
	struct sluice_span span;
	int rc = sluice_send_reserve(port, &span, n, ms);

	if (rc <= 0)
		return rc;
	memcpy(span.events, events, span.count * sizeof(*events));
	sim_point();
	return sluice_send_commit(port, span.count);
}

static int send_some(struct visitor *v, struct sluice_stage *port, uint32_t ms)
{
	struct event events[SEND_MAX];
	uint32_t n = 1 + sim_below(SEND_MAX);

	if (n > EVENTS_MAX - v->sent)
		n = EVENTS_MAX - v->sent;
	for (uint32_t i = 0; i < n; i++)
		events[i] = tally_event(v->index + 1, v->sent + i);
	return sim_below(3) ? sluice_send(port, events, n, ms)
			    : send_span(port, events, n, ms);
}

static void feed(struct visitor *v, struct sluice_stage *port)
{
	while (v->sent < EVENTS_MAX && sim_below(20) != 0) {
		/* Somebody will take it. */
		int rc = send_some(v, port, visitor_timeout(1));

		if (visitor_is_over(rc))
			break;
		if (rc > 0)
			v->sent += (uint32_t)rc;
		else if (rc != -EAGAIN)
			wrong("%s: send: %s", v->name, sluice_last_error());
		visitor_lingers();
	}
}

/* ---- reading -------------------------------------------------------------------- */

static void take(struct visitor *v, const struct sluice_batch *batch)
{
	const struct spring *spring = &visit.spring[v->place];

	if (spring->common)
		common_visitor_takes(v, batch);
	else
		tally_take(&v->line, tally_level(v->place), v->index, batch,
			   (int)spring->keyed);
}

/* Returns 0, or what keeps it from going on. */
static int handle(struct visitor *v, struct sluice_stage *port,
		  const struct sluice_batch *batch)
{
	if (v->role == ROLE_ONLOOKER) {
		tally_copy(&v->line, batch, v->opts.conflate_keys != 0);
		return 0;
	}
	take(v, batch);
	if (v->role == ROLE_WORKER)
		return worker_answers(v, port, batch);
	for (uint32_t i = 0; i < batch->count; i++) {
		killer_meets(v, &((const struct event *)batch->events)[i]);
		sim_point();
		if (v->rx != NULL && v->rx->acked.value > batch->seq)
			wrong("lost: %s has a receipt for %llu, and %llu "
			      "is in its hands",
			      v->name, (unsigned long long)v->rx->acked.value,
			      (unsigned long long)batch->seq);
		v->finished = batch->seq + i + 1;
	}
	visitor_lingers();
	return 0;
}

static void ask(struct visitor *v, struct sluice_stage *port)
{
	uint32_t n = 1 + sim_below(8);

	if ((v->opts.flags & SLUICE_ATTACH_MANUAL) == 0 || v->got < v->asks ||
	    sim_below(3) == 0)
		return;
	v->asks += n;
	if (sluice_ask(sluice_port_sub(port), n) < 0)
		v->asks -= n;
}

static void count(struct visitor *v, const struct sluice_batch *batch)
{
	v->got += batch->count;
	if (v->opts.flags & SLUICE_ATTACH_MANUAL && v->got > v->asks)
		wrong("%s has got %llu, and asked for %llu", v->name,
		      (unsigned long long)v->got, (unsigned long long)v->asks);
}

static void leave_hand(struct visitor *v, const struct sluice_batch *batch)
{
	if (visitor_reads(v) && !visit.spring[v->place].common &&
	    batch->count > 0)
		tally_done(tally_level(v->place), v->index, batch);
}

static void read_on(struct visitor *v, struct sluice_stage *port)
{
	struct event kept[EVENTS_MAX];
	struct sluice_batch hand = {.count = 0};
	uint32_t vain = 0;

	while (v->lasts || (sim_below(40) != 0 && vain < PATIENCE)) {
		struct sluice_batch batch;
		int rc;

		ask(v, port);
		rc = sluice_recv(port, &batch,
				 v->opts.flags & SLUICE_ATTACH_MANUAL
					 ? 1
					 : visitor_timeout(v->lasts));
		leave_hand(v, &hand); /* whatever it returned */
		hand.count = 0;
		if (visitor_is_over(rc)) {
			v->heard.ended = 1;
			break;
		}
		vain = rc < 0 ? vain + 1 : 0;
		if (rc == -EAGAIN)
			continue;
		if (rc <= 0 || rc != (int)batch.count || rc > (int)EVENTS_MAX) {
			wrong("%s: recv: %d, %s", v->name, rc,
			      sluice_last_error());
			break;
		}
		count(v, &batch);
		if (handle(v, port, &batch) < 0)
			break;
		memcpy(kept, batch.events, batch.count * sizeof(kept[0]));
		hand = batch;
		hand.events = kept;
	}
}

/* ---- its life --------------------------------------------------------------------- */

/* Somebody of that name, or who has that partition, may be there; or be dead without
 * being known to be. */
static int attach(struct visitor *v, struct sluice_stage **port)
{
	uint64_t before = 0;
	int rc;

	v->opts.accepted = visitor_feeds(v) ? &before : NULL;
	for (;;) {
		rc = sluice_attach(port, &v->opts);
		if (rc != -EEXIST && rc != -EAGAIN && rc != -EBUSY)
			break;
		(void)sim_sleep(&v->over, /* for a while */
				sim_platform()->wait->now_ns(NULL) +
					PLATFORM_NS_PER_MS);
	}
	if (rc == 0 && before != tally_taken(v->name))
		wrong("%s: %llu were taken before, and it is told %llu",
		      v->name, (unsigned long long)tally_taken(v->name),
		      (unsigned long long)before);
	return rc;
}

static void visitor_run(void *arg)
{
	struct visitor *v = arg;
	struct sluice_stage *port;
	int rc = attach(v, &port);

	v->attached = 1;
	sim_wake(&v->attached, 0);
	if (rc < 0) {
		if (rc != -EPIPE || !visit.draining)
			wrong("%s: attach: %d, %s", v->name, rc,
			      sluice_last_error());
	} else {
		say("%s has attached, process %u, after %llu accesses", v->name,
		    v->process,
		    (unsigned long long)process_accesses(v->process));
		if (v->late)
			process_doom(v->process, v->late);
		if (v->outlaw)
			outlaw_run(v);
		else if (v->role == ROLE_FEEDER)
			feed(v, port);
		else
			read_on(v, port);
		/* Its stage hears of that before we do. */
		if (v->role == ROLE_WORKER)
			visit.readers++;
		rc = sluice_detach(port, SLUICE_FOREVER);
		if (rc < 0 && !visit.draining)
			wrong("%s: detach: %s", v->name, sluice_last_error());
	}
	v->over = 1;
	sim_wake(&v->over, 0);
}

void visitor_wishes(struct visitor *v, const struct sluice_attach_opts *opts)
{
	v->opts = *opts;
	v->opts.name = v->name;
}

void visitor_start(struct visitor *v)
{
	v->socket = sim_event_open(NULL);
	v->process = process_start(visitor_run, v);
	if (v->doom)
		process_doom(v->process, v->doom);
}

/* Nobody may ask by hand then. */
static int deals_by_pool(const struct visitor *v)
{
	return strcmp(visit.spring[v->place].dispatcher, "shared") == 0;
}

static void opts_reading(struct sluice_attach_opts *o, const struct visitor *v)
{
	o->max_demand = 1 + sim_below(20);
	if (sim_below(3) == 0)
		o->min_demand = (int32_t)sim_below(o->max_demand);
	if (visit.spring[v->place].partitions && visitor_reads(v))
		o->partition = SLUICE_PARTITION(
			visit.spring[v->place].workers +
			sim_below(visit.spring[v->place].partitions -
				  visit.spring[v->place].workers));
	if (v->role == ROLE_ONLOOKER && sim_below(2)) {
		o->conflate_keys = 2 * KEYS;
		o->key_offset = offsetof(struct event, key);
		o->key_bytes = 4;
	} else if (v->role == ROLE_ONLOOKER) {
		o->tee = 1;
	}
	if (sim_below(4) == 0 && o->conflate_keys == 0 && !v->lasts &&
	    (o->tee || !deals_by_pool(v))) {
		o->flags = SLUICE_ATTACH_MANUAL;
		o->min_demand = 0;
	}
}

struct visitor *visitor_add(const char *name, enum role role, enum place place,
			    enum place feeds)
{
	static const char *const stages[] = {"source", "middle", "sink"};
	struct visitor *v = &visit.visitors[visit.count];

	*v = (struct visitor){
		.index = visit.count++,
		.role = role,
		.place = place,
		.lasts = (role == ROLE_READER || role == ROLE_WORKER) &&
			 visit.coming == 0,
		.feeds = feeds};
	(void)snprintf(v->name, sizeof(v->name), "%s", name);
	v->opts = (struct sluice_attach_opts){
		.size = sizeof(v->opts),
		.pipeline = "sim",
		.name = v->name,
		.timeout_ms = SLUICE_FOREVER,
	};
	if (visitor_feeds(v)) {
		v->opts.to = stages[visitor_fed(v)];
		v->opts.ring_events = 1u << sim_below(6);
	}
	if (role != ROLE_FEEDER) {
		v->opts.from = stages[place];
		opts_reading(&v->opts, v);
	}
	return v;
}
