/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers: other processes that consume from "source" and feed "sink", one result for
 * each event. The sink keeps a book of the results that have come.
 */
#ifndef SLUICE_TESTS_UNIT_PEER_WORKER_H
#define SLUICE_TESTS_UNIT_PEER_WORKER_H

#include "visitor.h"

#define EVENTS 6000u
#define BURST  64u

struct item {
	uint64_t value;
	uint64_t number; /* of `ordered`; else 0 */
};

/* What the engine's sink has seen; its thread's, but for `count`. */
static struct {
	uint8_t times[EVENTS + 1]; /* that result has come */
	uint64_t next;             /* one above the last new one */
	uint32_t disorder;         /* not that one */
	uint32_t wrong;
	sluice_a32 count;
} book;

/* ---- the engine ---------------------------------------------------------------- */

static uint64_t counted;

/* Above 0: once it has made so many the source stays in its callback, which it says, until
 * it may go on. */
static uint64_t count_stops_at;
static sluice_a32 count_stopped;
static sluice_a32 count_goes_on;

static inline void count_stop(void)
{
	if (count_stops_at == 0 || counted < count_stops_at)
		return;
	sluice_store_release(&count_stopped, 1);
	child_await(&count_goes_on, 1);
}

static inline int count_items(struct sluice_stage *self, uint32_t demand)
{
	uint32_t n = EVENTS - counted < demand ? (uint32_t)(EVENTS - counted)
					       : demand;
	struct item *items;

	count_stop();
	items = sluice_emit(self, n);
	for (uint32_t i = 0; items != NULL && i < n; i++)
		items[i] = (struct item){.value = counted++};
	return counted == EVENTS ? SLUICE_END : SLUICE_OK;
}

static inline int book_items(struct sluice_stage *self,
			     const struct sluice_batch *batch)
{
	const struct item *items = SLUICE_EVENTS(batch, struct item);

	(void)self;
	for (uint32_t i = 0; i < batch->count; i++) {
		uint64_t value = items[i].value - 1; /* as made below */

		if (value > EVENTS) {
			book.wrong++;
			continue;
		}
		book.disorder += value != book.next;
		book.next = value + 1;
		book.times[value]++;
	}
	(void)sluice_fetch_add(&book.count, batch->count);
	return SLUICE_OK;
}

static inline uint64_t key_of(const void *event, uint32_t bytes, void *ctx)
{
	struct item item;

	(void)bytes;
	(void)ctx;
	memcpy(&item, event, sizeof(item));
	return item.value % 13;
}

/* Places are kept for @hold_ms; 0: they are not. */
static inline void open_holding(const char *dispatcher, uint32_t hold_ms)
{
	int orders = strcmp(dispatcher, "ordered") == 0;
	int keys = strcmp(dispatcher, "partition") == 0;

	memset(&book, 0, sizeof(book));
	counted = 0;
	pipeline = flow_open_named(2);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = sizeof(struct item),
			      .handle_demand = count_items,
			      .dispatcher = dispatcher,
			      .key_of = keys ? key_of : NULL,
			      .order_offset =
				      orders ? SLUICE_ORDER_OFFSET(8) : 0,
			      .flags = SLUICE_STAGE_PEERS_CONSUME,
			      .on_idle = SLUICE_IDLE_STAY));
	flow_add(pipeline, SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
					.in_bytes = sizeof(struct item),
					.handle_events = book_items,
					.order_of = orders ? "source" : NULL,
					.flags = SLUICE_STAGE_PEERS_FEED,
					.on_idle = SLUICE_IDLE_STAY));
	visitor_listen_holding(hold_ms);
	flow_start(pipeline);
}

static inline void open_as(const char *dispatcher)
{
	open_holding(dispatcher, 0);
}

/* Each result has come at least once; @twice of them twice, at most. Returns how many
 * of them did. */
static inline uint32_t check_book(uint32_t twice)
{
	uint32_t more = 0;

	assert_int_equal(book.wrong, 0);
	for (uint32_t i = 0; i < EVENTS; i++) {
		assert_in_range(book.times[i], 1, 2);
		more += book.times[i] - 1u;
	}
	assert_in_range(more, 0, twice);
	return more;
}

/* ---- workers ------------------------------------------------------------------- */

static struct sluice_stage *in;
static struct sluice_stage *out;

static inline void attach_as(const char *name)
{
	in = visitor_attach(SLUICE_ATTACH(.name = name, .from = "source",
					  .to = "sink", .max_demand = 64,
					  .ring_events = 128));
	out = sluice_port_sender(in);
	VISITOR_MUST(out != NULL && out != in);
	VISITOR_MUST(sluice_port_sender(out) == out);
	VISITOR_MUST(sluice_port_event_bytes(in) == sizeof(struct item));
	VISITOR_MUST(sluice_port_event_bytes(out) == sizeof(struct item));
}

static inline void send_items(const struct item *items, uint32_t n)
{
	for (uint32_t sent = 0; sent < n;) {
		int rc = sluice_send(out, items + sent, n - sent,
				     TEST_DEADLINE_MS);

		VISITOR_MUST(rc > 0);
		sent += (uint32_t)rc;
	}
}

/* One result for each; the value is one above the event's. */
static inline void answer(const struct sluice_batch *batch)
{
	struct item items[BURST];

	VISITOR_MUST(batch->count <= BURST);
	memcpy(items, batch->events, batch->count * sizeof(items[0]));
	for (uint32_t i = 0; i < batch->count; i++) {
		VISITOR_MUST(items[i].value < EVENTS);
		(void)sluice_fetch_add(&visited->handled[items[i].value], 1);
		if (batch->flags & SLUICE_BATCH_REDELIVERED)
			(void)sluice_fetch_add(&visited->again[items[i].value],
					       1);
		items[i].value++;
	}
	send_items(items, batch->count);
	(void)sluice_fetch_add(&visited->count, batch->count);
}

static inline struct sluice_batch receive(void)
{
	struct sluice_batch batch;

	VISITOR_MUST(sluice_recv(in, &batch, TEST_DEADLINE_MS) > 0);
	return batch;
}

static inline void work(void)
{
	struct sluice_batch batch;
	int rc;

	while ((rc = sluice_recv(in, &batch, TEST_DEADLINE_MS)) > 0)
		answer(&batch);
	VISITOR_MUST(rc == -EPIPE);
}

static inline void leave(void)
{
	VISITOR_MUST(sluice_detach(in, TEST_DEADLINE_MS) == 0);
}

static inline void works(void)
{
	attach_as("worker");
	work();
	leave();
}

static inline void works_too(void)
{
	attach_as("other");
	work();
	leave();
}

/* One worker does @part, and when it has gone another does @next: nothing is done
 * twice. */
static inline void work_in_turn(const char *dispatcher, void (*part)(void),
				void (*next)(void))
{
	struct visitor first = visitor_fork(part);
	struct visitor second = visitor_fork(next);

	open_as(dispatcher);
	visitor_go(&first);
	visitor_wait(&first);
	visitor_go(&second);
	visitor_wait(&second);
	visitor_drain();
	assert_int_equal(check_book(0), 0);
}

/* ---- they die: `sent` is what was in hand then -------------------------------- */

static inline void hand_over(const struct sluice_batch *batch)
{
	sluice_store_release(&visited->sent, batch->count);
	visitor_stays(1);
}

static inline void dies_before_it_sends(void)
{
	struct sluice_batch batch;

	attach_as("worker");
	batch = receive();
	answer(&batch);
	batch = receive();
	hand_over(&batch);
}

static inline void dies_with_a_hole(void)
{
	struct sluice_batch batch;
	struct sluice_batch rest;

	attach_as("worker");
	batch = receive();
	answer(&batch);
	batch = receive();
	VISITOR_MUST(batch.count > 1);
	rest = batch;
	rest.events = (const struct item *)batch.events + 1;
	rest.count--;
	answer(&rest);
	hand_over(&batch);
}

static inline void dies_before_the_receipt(void)
{
	struct sluice_batch batch;

	attach_as("worker");
	batch = receive();
	answer(&batch);
	batch = receive();
	answer(&batch);
	hand_over(&batch);
}

#endif
