/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many short pipelines of random shape on real threads, each held against its
 * ledger: small windows, small batches, blocking stages, more workers than
 * CPUs, wakes from a foreign thread, drains and stops in the middle.
 *
 *   stress_churn [runs]
 *
 * The shapes follow from SLUICE_TEST_SEED, which is printed; the schedule is
 * the machine's. Every producing stage numbers what it emits, so that on each
 * subscription numbers must rise; and at the end of a run that was not stopped
 * what was emitted must equal what was received, refused and discarded.
 */
#include "dispatch/dispatch.h" /* SLUICE_KEY_NONE */
#include "sluice.h"
#include "tests/support/deadline.h"
#include "tests/support/rng.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#define RUNS_DEFAULT 600u
#define STAGES_MAX   10u
#define SUBS_MAX     32u

enum finish { FINISH_JOIN, FINISH_DRAIN, FINISH_STOP, FINISH_CLOSE };

/* Events as one end of something saw them. */
struct tally {
	uint64_t events;
	uint64_t sum;
};

/* A subscription; the tallies belong to its consumer's thread. */
struct sub {
	uint32_t consumer;
	uint32_t producer;
	struct sluice_subscription_opts opts;
	struct tally received;
	struct tally refused;
	uint64_t next;     /* number expected at the least */
	uint64_t asked_of; /* one above the last the selector refused */
	uint64_t disorder;
	uint32_t sieve; /* refuses one event in so many */
};

/* A stage; all of it belongs to its thread while it runs. */
struct stage {
	char name[16];
	enum sluice_stage_kind kind;
	const char *dispatcher;
	struct rng rng;
	struct tally emitted;
	struct tally discarded;
	uint64_t received;
	uint64_t end;     /* producer: events in all; UINT64_MAX: endless */
	uint32_t shy;     /* producer: says "not now" one time in so many */
	uint32_t fan_out; /* middle */
	uint32_t pick;    /* partition: refuses one event in so many */
	uint32_t wrong;   /* calls that went as they never should */
	uint32_t inits;
	uint32_t finis;
	struct sub *inlet[SUBS_MAX];
	uint32_t inlets;
};

struct world {
	struct sluice_pipeline *pipeline;
	struct stage stage[STAGES_MAX];
	struct sub sub[SUBS_MAX];
	uint32_t stages;
	uint32_t subs;
	enum finish finish;
	sluice_a32 waking;
};

static struct world world;

static void tally_add(struct tally *tally, uint64_t number)
{
	tally->events++;
	tally->sum += (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

/* ---- callbacks ----------------------------------------------------------- */

static int on_init(struct sluice_stage *self)
{
	struct stage *stage = sluice_stage_state(self);

	stage->inits++;
	return SLUICE_OK;
}

static void on_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	struct stage *stage = sluice_stage_state(self);

	stage->finis++;
	stage->wrong +=
		reason == SLUICE_REASON_OPEN || reason == SLUICE_REASON_ERROR;
}

static void emit(struct sluice_stage *self, struct stage *stage, uint32_t n)
{
	uint64_t *events = sluice_emit(self, n);

	if (events == NULL) {
		stage->wrong++;
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		events[i] = stage->emitted.events;
		tally_add(&stage->emitted, events[i]);
	}
}

static int on_demand(struct sluice_stage *self, uint32_t demand)
{
	struct stage *stage = sluice_stage_state(self);
	uint64_t left = stage->end - stage->emitted.events;
	uint32_t n = demand;

	if (left > 0 && stage->shy && rng_below(&stage->rng, stage->shy) == 0)
		return SLUICE_OK;
	if (rng_below(&stage->rng, 4) == 0)
		n = rng_between(&stage->rng, 1, demand);
	if (left < n)
		n = (uint32_t)left;
	if (n > 0)
		emit(self, stage, n);
	return stage->emitted.events == stage->end ? SLUICE_END : SLUICE_OK;
}

static int on_events(struct sluice_stage *self,
		     const struct sluice_batch *batch)
{
	struct stage *stage = sluice_stage_state(self);
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);
	struct sub *sub = stage->inlet[batch->inlet];

	stage->wrong += batch->count == 0;
	for (uint32_t i = 0; i < batch->count; i++) {
		uint32_t copies = 0;

		sub->disorder += events[i] < sub->next;
		sub->next = events[i] + 1;
		tally_add(&sub->received, events[i]);
		if (stage->kind == SLUICE_PRODUCER_CONSUMER)
			copies = (uint32_t)rng_below(&stage->rng,
						     stage->fan_out + 1);
		if (copies > 0)
			emit(self, stage, copies);
	}
	stage->received += batch->count;
	return SLUICE_OK;
}

/* On the consumer's thread. */
static int on_select(const void *event, void *ctx)
{
	struct sub *sub = ctx;
	uint64_t number;

	memcpy(&number, event, sizeof(number));
	if (number % sub->sieve != 0)
		return 1;
	/* However often it is asked. */
	if (number >= sub->asked_of)
		tally_add(&sub->refused, number);
	sub->asked_of = number + 1;
	return 0;
}

/* On the producer's thread. */
static uint64_t on_key(const void *event, uint32_t bytes, void *ctx)
{
	struct stage *stage = ctx;
	uint64_t number;

	(void)bytes;
	memcpy(&number, event, sizeof(number));
	if (stage->pick == 0 || number % stage->pick != 0)
		return number / 3;
	tally_add(&stage->discarded, number);
	return SLUICE_KEY_NONE;
}

/* ---- a shape ------------------------------------------------------------- */

static void draw_stage(struct rng *rng, struct stage *stage, uint32_t index)
{
	static const char *const names[] = {
		"demand", "broadcast", "partition", "rr",  "jbsq",
		"p2c",    "shared",    "atomic",    "pkg", "sticky"};

	(void)snprintf(stage->name, sizeof(stage->name), "s%u", index);
	stage->rng.state = rng_u64(rng);
	stage->dispatcher = names[rng_below(rng, 10)];
	stage->end = rng_below(rng, 8) ? rng_below(rng, 3000) : 0;
	stage->shy = rng_below(rng, 2) ? rng_between(rng, 1, 10) : 0;
	stage->shy += stage->shy == 1; /* always shy is never done */
	stage->fan_out = (uint32_t)rng_below(rng, 5);
	stage->pick = rng_below(rng, 2) ? rng_between(rng, 1, 9) : 0;
}

static void draw_sub(struct rng *rng, struct world *w, uint32_t consumer,
		     uint32_t producer)
{
	struct sub *sub = &w->sub[w->subs];
	struct sluice_subscription_opts *o = &sub->opts;
	uint32_t max = rng_between(rng, 1, rng_below(rng, 2) ? 5 : 60);

	/* Nobody reads a broadcast twice. */
	for (uint32_t s = 0; s < w->subs; s++)
		if (w->sub[s].consumer == consumer &&
		    w->sub[s].producer == producer &&
		    w->stage[producer].dispatcher &&
		    strcmp(w->stage[producer].dispatcher, "broadcast") == 0)
			return;
	w->subs++;
	sluice_subscription_opts_init(o);
	sub->consumer = consumer;
	sub->producer = producer;
	o->max_demand = max;
	switch (rng_below(rng, 5)) {
	case 0:
		o->min_demand = SLUICE_MIN_ZERO;
		break;
	case 1:
		o->min_demand = SLUICE_MIN_HALF;
		break;
	case 2:
		o->min_demand = (int32_t)rng_below(rng, max);
		break;
	case 3:
		o->refill_events = rng_between(rng, 1, max);
		break;
	default:
		break;
	}
	if (strcmp(w->stage[producer].dispatcher, "broadcast") == 0 &&
	    rng_below(rng, 2)) {
		sub->sieve = rng_between(rng, 1, 4);
		o->selector = on_select;
		o->selector_ctx = sub;
	}
	w->stage[consumer].inlet[w->stage[consumer].inlets++] = sub;
}

/* Producers first, consumers last; each subscribes to stages before it, and
 * nobody is left alone. */
static void draw_world(struct rng *rng, struct world *w)
{
	uint32_t producers = rng_between(rng, 1, 3);
	uint32_t middles = (uint32_t)rng_below(rng, 4);
	uint32_t consumers = rng_between(rng, 1, 3);
	uint32_t sources = producers + middles;

	memset(w, 0, sizeof(*w));
	w->stages = sources + consumers;
	w->finish = (enum finish)rng_below(rng, 4);
	for (uint32_t i = 0; i < w->stages; i++) {
		draw_stage(rng, &w->stage[i], i);
		w->stage[i].kind = i < producers ? SLUICE_PRODUCER
				   : i < sources ? SLUICE_PRODUCER_CONSUMER
						 : SLUICE_CONSUMER;
		if (w->finish != FINISH_JOIN && rng_below(rng, 2))
			w->stage[i].end = UINT64_MAX;
	}
	for (uint32_t i = producers; i < w->stages; i++)
		for (uint32_t n = rng_between(rng, 1, 2); n > 0; n--)
			draw_sub(rng, w, i,
				 (uint32_t)rng_below(
					 rng, i < sources ? i : sources));
	for (uint32_t i = 0; i < sources; i++) {
		uint32_t first = i < producers ? producers : i + 1;
		uint32_t found = 0;

		for (uint32_t s = 0; s < w->subs; s++)
			found |= w->sub[s].producer == i;
		if (!found)
			draw_sub(rng, w, rng_between(rng, first, w->stages - 1),
				 i);
	}
}

/* What this dispatcher takes. */
static void dispatch_opts(struct rng *rng, const char *dispatcher,
			  struct sluice_stage_opts *o)
{
	uint32_t needs = sluice_strategy_find(dispatcher)->needs;

	if (needs & SLUICE_NEEDS_KEYS)
		o->key_of = on_key;
	if (needs & SLUICE_NEEDS_SPILL)
		o->spill_events = rng_between(rng, 1, 40);
	if (strcmp(dispatcher, "demand") == 0)
		o->chunk_events = (uint32_t)rng_below(rng, 4);
}

static int declare(struct rng *rng, struct world *w)
{
	int rc = sluice_pipeline_open(
		&w->pipeline,
		SLUICE_PIPELINE(.workers = rng_between(rng, 1, 8),
				.spin_us = rng_below(rng, 2) ? 1 : 0));

	for (uint32_t i = 0; rc == 0 && i < w->stages; i++) {
		struct stage *stage = &w->stage[i];
		struct sluice_stage_opts o;

		sluice_stage_opts_init(&o);
		o.name = stage->name;
		o.kind = stage->kind;
		o.state = stage;
		o.init = on_init;
		o.fini = on_fini;
		o.blocking = rng_below(rng, 5) == 0;
		if (stage->kind == SLUICE_PRODUCER)
			o.handle_demand = on_demand;
		else
			o.handle_events = on_events;
		if (stage->kind != SLUICE_PRODUCER)
			o.in_bytes = 8;
		if (stage->kind != SLUICE_CONSUMER) {
			o.out_bytes = 8;
			o.dispatcher = stage->dispatcher;
			dispatch_opts(rng, stage->dispatcher, &o);
			o.batch_events = (uint32_t)rng_below(rng, 20);
		}
		if (stage->kind == SLUICE_PRODUCER_CONSUMER)
			o.fan_out_max = stage->fan_out;
		rc = sluice_stage_add(w->pipeline, &o);
	}
	for (uint32_t s = 0; rc == 0 && s < w->subs; s++)
		rc = sluice_subscribe(
			w->pipeline, w->stage[w->sub[s].consumer].name,
			w->stage[w->sub[s].producer].name, &w->sub[s].opts);
	return rc;
}

/* ---- a run --------------------------------------------------------------- */

static void nap(uint32_t us)
{
	struct timespec time = {0, (long)us * 1000};

	(void)nanosleep(&time, NULL);
}

/* The foreign thread: wakes every producer, again and again. */
static void *wake_all(void *arg)
{
	struct world *w = arg;

	while (sluice_load_acquire(&w->waking)) {
		for (uint32_t i = 0; i < w->stages; i++)
			if (w->stage[i].kind == SLUICE_PRODUCER)
				sluice_wake(sluice_stage_find(
					w->pipeline, w->stage[i].name));
		nap(50);
	}
	return NULL;
}

/* End it the way that was drawn. Returns what the pipeline answered. */
static int finish(struct rng *rng, struct world *w)
{
	if (w->finish != FINISH_JOIN)
		nap((uint32_t)rng_below(rng, 2000));
	if (w->finish == FINISH_DRAIN)
		return sluice_pipeline_drain(w->pipeline, TEST_DEADLINE_MS);
	if (w->finish == FINISH_STOP)
		sluice_pipeline_stop(w->pipeline);
	if (w->finish == FINISH_CLOSE)
		return -ECANCELED; /* as a stop, and nobody asked */
	return sluice_pipeline_join(w->pipeline, TEST_DEADLINE_MS);
}

static int wrong(const char *who, const char *what)
{
	(void)fprintf(stderr, "%s: %s\n", who, what);
	return 1;
}

static int equal(struct tally a, struct tally b)
{
	return a.events == b.events && a.sum == b.sum;
}

/* What @producer emitted against what became of it. */
static int check_outlet(const struct world *w, uint32_t producer, int complete)
{
	const struct stage *stage = &w->stage[producer];
	int to_all = strcmp(stage->dispatcher, "broadcast") == 0;
	struct tally total = {0};

	if (sluice_strategy_find(stage->dispatcher)->needs & SLUICE_NEEDS_KEYS)
		total = stage->discarded;
	for (uint32_t s = 0; s < w->subs; s++) {
		const struct sub *sub = &w->sub[s];
		struct tally seen = sub->received;

		if (sub->producer != producer)
			continue;
		seen.events += sub->refused.events;
		seen.sum += sub->refused.sum;
		if (to_all && complete && !equal(seen, stage->emitted))
			return wrong(stage->name, "a broadcast is incomplete");
		if (seen.events > stage->emitted.events)
			return wrong(stage->name, "events out of nothing");
		total.events += seen.events;
		total.sum += seen.sum;
	}
	if (!to_all && complete && !equal(total, stage->emitted))
		return wrong(stage->name, "events are missing or doubled");
	return 0;
}

static int check(const struct world *w, int complete)
{
	int bad = 0;

	/* A stop ends stages one by one: what one left is dealt out again. */
	for (uint32_t s = 0; complete && s < w->subs; s++)
		if (w->sub[s].disorder)
			bad |= wrong(w->stage[w->sub[s].consumer].name,
				     "events out of order");
	for (uint32_t i = 0; i < w->stages; i++) {
		const struct stage *stage = &w->stage[i];

		if (stage->kind != SLUICE_CONSUMER)
			bad |= check_outlet(w, i, complete);
		if (stage->wrong)
			bad |= wrong(stage->name, "a call went wrong");
		if (stage->inits != 1 || stage->finis != 1)
			bad |= wrong(stage->name, "init and fini do not pair");
		if (complete && w->finish == FINISH_JOIN &&
		    stage->kind == SLUICE_PRODUCER &&
		    stage->emitted.events != stage->end)
			bad |= wrong(stage->name, "ended too early");
	}
	return bad;
}

static int run(struct rng *rng, struct world *w, uint64_t *events)
{
	pthread_t waker;
	int rc;

	draw_world(rng, w);
	rc = declare(rng, w);
	if (rc == 0)
		rc = sluice_pipeline_start(w->pipeline);
	if (rc < 0)
		return wrong("start", sluice_last_error());
	sluice_store_release(&w->waking, 1);
	if (pthread_create(&waker, NULL, wake_all, w) != 0)
		return wrong("churn", "no thread to wake with");
	rc = finish(rng, w);
	if (rc != 0 && (rc != -ECANCELED || w->finish < FINISH_STOP))
		return wrong("finish", sluice_last_error());
	sluice_store_release(&w->waking, 0);
	(void)pthread_join(waker, NULL);
	sluice_pipeline_close(w->pipeline);
	for (uint32_t i = 0; i < w->stages; i++)
		*events += w->stage[i].received;
	return check(w, rc == 0);
}

int main(int argc, char **argv)
{
	unsigned long runs =
		argc > 1 ? strtoul(argv[1], NULL, 10) : RUNS_DEFAULT;
	struct rng seeds = rng_start("stress_churn");
	uint64_t events = 0;

	for (unsigned long i = 0; i < runs; i++) {
		/* The first run's seed is the one that was printed. */
		uint64_t seed = seeds.state;
		struct rng rng = {seed};

		if (run(&rng, &world, &events)) {
			(void)fprintf(stderr,
				      "run %lu: SLUICE_TEST_SEED=%" PRIu64
				      " %s 1\n",
				      i, seed, argv[0]);
			return 1;
		}
		(void)rng_u64(&seeds);
	}
	(void)printf("%lu pipelines, %" PRIu64 " events handled\n", runs,
		     events);
	return 0;
}
