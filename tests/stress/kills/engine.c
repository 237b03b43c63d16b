/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/stress/kills/kills.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define ORDER_AT SLUICE_ORDER_OFFSET(offsetof(struct event, order))

static void must(int rc, const char *what)
{
	if (rc >= 0)
		return;
	(void)fprintf(stderr, "stress_kills: engine: %s: %d, %s\n", what, rc,
		      sluice_last_error());
	_exit(2);
}

static void hub_check(const struct event *event)
{
	sluice_a32 *taken;

	if (event->feeder >= FEEDERS) {
		count(&books->torn, 1);
		return;
	}
	taken = &books->taken[event->feeder];
	/* Relaxed: the one writer is here. */
	if (event->number != sluice_load_relaxed(taken))
		count(&books->gaps, 1);
	sluice_store_release(taken, event->number + 1);
}

static int hub_handle(struct sluice_stage *self,
		      const struct sluice_batch *batch)
{
	const struct event *events = SLUICE_EVENTS(batch, struct event);
	struct event *out = sluice_emit(self, batch->count);

	if (out == NULL)
		return -ENOBUFS;
	for (uint32_t i = 0; i < batch->count; i++)
		hub_check(&events[i]);
	memcpy(out, events, batch->count * sizeof(*out));
	return SLUICE_OK;
}

static uint64_t hub_key(const void *event, uint32_t bytes, void *ctx)
{
	struct event it;

	(void)bytes;
	(void)ctx;
	memcpy(&it, event, sizeof(it));
	return it.feeder * KEYS + it.number % KEYS;
}

/* What it sees is what has come. */
static int keeper_handle(struct sluice_stage *self,
			 const struct sluice_batch *batch)
{
	const struct event *events = SLUICE_EVENTS(batch, struct event);

	(void)self;
	for (uint32_t i = 0; i < batch->count; i++)
		if (event_is_whole(&events[i]))
			count(&books->effect[events[i].feeder]
					    [events[i].number],
			      1);
		else
			count(&books->torn, 1);
	return SLUICE_OK;
}

static void keep(struct sluice_pipeline *p)
{
	must(sluice_stage_add(p, SLUICE_STAGE(.name = "keeper",
					      .kind = SLUICE_CONSUMER,
					      .in_bytes = sizeof(struct event),
					      .handle_events = keeper_handle)),
	     "keeper");
	must(sluice_subscribe(p, "keeper", "hub", NULL), "subscribe");
}

static void sink_check(const struct event *event)
{
	sluice_a32 *next;

	if (event->feeder >= FEEDERS || event->number >= EVENTS_MAX) {
		count(&books->torn, 1);
		return;
	}
	count(&books->result[event->feeder][event->number], 1);
	next = &books->next[event->feeder];
	/* Relaxed: the one writer is here. */
	if (part->ordered && event->number != sluice_load_relaxed(next))
		count(&books->disorder, 1);
	sluice_store_release(next, event->number + 1);
}

static int sink_handle(struct sluice_stage *self,
		       const struct sluice_batch *batch)
{
	(void)self;
	for (uint32_t i = 0; i < batch->count; i++)
		sink_check(&SLUICE_EVENTS(batch, struct event)[i]);
	return SLUICE_OK;
}

static void tell(struct sluice_pipeline *p)
{
	struct sluice_snapshot *now = NULL;

	sluice_store_release(&books->tell, 0);
	if (sluice_pipeline_stat(p, &now) < 0)
		return;
	for (uint32_t i = 0; i < now->stage_count; i++) {
		const struct sluice_stage_snapshot *s = now->stages[i];

		(void)fprintf(stderr, "# %s: phase %d, held up by '%s'\n",
			      s->name, (int)s->phase, s->held_up_by);
	}
	for (uint32_t i = 0; i < now->subscription_count; i++) {
		const struct sluice_subscription_snapshot *s =
			now->subscriptions[i];

		(void)fprintf(stderr,
			      "# %s of %s: phase %d, published %llu, acked "
			      "%llu, granted %llu, waiting %llu\n",
			      s->consumer, s->producer, (int)s->phase,
			      (unsigned long long)s->counts.published,
			      (unsigned long long)s->counts.acked,
			      (unsigned long long)s->counts.granted,
			      (unsigned long long)s->counts.waiting);
	}
	sluice_snapshot_close(now);
}

void engine_main(void)
{
	struct sluice_pipeline *p = NULL;

	must(sluice_pipeline_open(
		     &p, SLUICE_PIPELINE(.name = PIPELINE, .workers = 1)),
	     "open");
	must(sluice_stage_add(
		     p,
		     SLUICE_STAGE(.name = "hub",
				  .kind = SLUICE_PRODUCER_CONSUMER,
				  .flags = SLUICE_STAGE_PEERS_FEED |
					   SLUICE_STAGE_PEERS_CONSUME,
				  .in_bytes = sizeof(struct event),
				  .out_bytes = sizeof(struct event),
				  .dispatcher = part->dispatcher,
				  .key_of = part->key ? hub_key : NULL,
				  .order_offset = part->ordered ? ORDER_AT : 0,
				  .on_idle = SLUICE_IDLE_STAY,
				  .handle_events = hub_handle)),
	     "hub");
	if (part->each)
		keep(p);
	if (part->workers)
		must(sluice_stage_add(
			     p, SLUICE_STAGE(.name = "sink",
					     .kind = SLUICE_CONSUMER,
					     .flags = SLUICE_STAGE_PEERS_FEED,
					     .in_bytes = sizeof(struct event),
					     .order_of = part->ordered ? "hub"
								       : NULL,
					     .on_idle = SLUICE_IDLE_STAY,
					     .handle_events = sink_handle)),
		     "sink");
	must(sluice_pipeline_listen(
		     p,
		     SLUICE_LISTEN(.folder = folder,
				   /* Who is slow is no stranger here. */
				   .hello_ms = TEST_DEADLINE_MS,
				   .hold_ms = SLUICE_HOLD_MS(
					   holds ? TEST_DEADLINE_MS : 0),
				   /* Nothing is to blame for the deaths here. */
				   .max_deliveries =
					   SLUICE_PEER_DELIVERIES_FOREVER,
				   .on_stall = stalls ? SLUICE_STALL_DETACH
						      : SLUICE_STALL_WAIT,
				   .stall_ms = stalls ? STALL_MS : 0)),
	     "listen");
	must(sluice_pipeline_start(p), "start");
	sluice_store_release(&books->listens, 1);
	while (sluice_load_acquire(&books->over) != OVER_ALL) {
		if (sluice_load_acquire(&books->tell))
			tell(p);
		rest_us(1000);
	}
	must(sluice_pipeline_drain(p, TEST_DEADLINE_MS), "drain");
	sluice_pipeline_close(p);
	_exit(0);
}
