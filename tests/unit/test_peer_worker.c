/* SPDX-License-Identifier: Apache-2.0 */
/* Other processes that consume from "source" and feed "sink": whatever becomes of
 * them, each event has its result, once or, where somebody died, twice. */
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

static int count_items(struct sluice_stage *self, uint32_t demand)
{
	uint32_t n = EVENTS - counted < demand ? (uint32_t)(EVENTS - counted)
					       : demand;
	struct item *items = sluice_emit(self, n);

	for (uint32_t i = 0; items != NULL && i < n; i++)
		items[i] = (struct item){.value = counted++};
	return counted == EVENTS ? SLUICE_END : SLUICE_OK;
}

static int book_items(struct sluice_stage *self,
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

static uint64_t key_of(const void *event, uint32_t bytes, void *ctx)
{
	struct item item;

	(void)bytes;
	(void)ctx;
	memcpy(&item, event, sizeof(item));
	return item.value % 13;
}

static void open_as(const char *dispatcher)
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
	visitor_listen();
	flow_start(pipeline);
}

/* Each result has come at least once; @twice of them twice, at most. Returns how many
 * of them did. */
static uint32_t check_book(uint32_t twice)
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

static void attach_as(const char *name)
{
	VISITOR_MUST(
		sluice_attach(&in, SLUICE_ATTACH(.pipeline = "test",
						 .folder = visitor_folder,
						 .name = name, .from = "source",
						 .to = "sink", .max_demand = 64,
						 .ring_events = 128)) == 0);
	out = sluice_port_sender(in);
	VISITOR_MUST(out != NULL && out != in);
	VISITOR_MUST(sluice_port_sender(out) == out);
	VISITOR_MUST(sluice_port_event_bytes(in) == sizeof(struct item));
	VISITOR_MUST(sluice_port_event_bytes(out) == sizeof(struct item));
}

static void send_items(const struct item *items, uint32_t n)
{
	for (uint32_t sent = 0; sent < n;) {
		int rc = sluice_send(out, items + sent, n - sent,
				     TEST_DEADLINE_MS);

		VISITOR_MUST(rc > 0);
		sent += (uint32_t)rc;
	}
}

/* One result for each; the value is one above the event's. */
static void answer(const struct sluice_batch *batch)
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

static struct sluice_batch receive(void)
{
	struct sluice_batch batch;

	VISITOR_MUST(sluice_recv(in, &batch, TEST_DEADLINE_MS) > 0);
	return batch;
}

static void work(void)
{
	struct sluice_batch batch;
	int rc;

	while ((rc = sluice_recv(in, &batch, TEST_DEADLINE_MS)) > 0)
		answer(&batch);
	VISITOR_MUST(rc == -EPIPE);
}

static void leave(void)
{
	VISITOR_MUST(sluice_detach(in, TEST_DEADLINE_MS) == 0);
}

static void works(void)
{
	attach_as("worker");
	work();
	leave();
}

static void works_too(void)
{
	attach_as("other");
	work();
	leave();
}

static void works_as_well(void)
{
	attach_as("third");
	work();
	leave();
}

/* ---- all is well --------------------------------------------------------------- */

static void one_works(void **state)
{
	struct visitor worker = visitor_fork(works);

	(void)state;
	open_as("demand");
	visitor_go(&worker);
	visitor_wait(&worker);
	visitor_drain();
	assert_int_equal(check_book(0), 0);
	assert_int_equal(book.disorder, 0);
}

static void three_work(const char *dispatcher)
{
	struct visitor first = visitor_fork(works);
	struct visitor second = visitor_fork(works_too);
	struct visitor third = visitor_fork(works_as_well);

	open_as(dispatcher);
	visitor_go(&first);
	visitor_go(&second);
	visitor_go(&third);
	visitor_wait(&first);
	visitor_wait(&second);
	visitor_wait(&third);
	visitor_drain();
	assert_int_equal(check_book(0), 0);
}

static void three_work_behind_partition(void **state)
{
	(void)state;
	three_work("partition");
}

static void three_work_behind_jbsq(void **state)
{
	(void)state;
	three_work("jbsq");
}

static void three_work_in_order(void **state)
{
	(void)state;
	three_work("ordered");
	assert_int_equal(book.disorder, 0);
}

static void says_one_more(void)
{
	struct item last = {.value = EVENTS + 1};

	attach_as("worker");
	work();
	flow_sleep_ms(20);
	send_items(&last, 1);
	leave();
}

/* What it reads has ended, and it still has something to say: a drain waits. */
static void the_end_passes_through(void **state)
{
	struct visitor worker = visitor_fork(says_one_more);

	(void)state;
	open_as("demand");
	visitor_go(&worker);
	visitor_await(&visited->count, EVENTS);
	visitor_drain();
	visitor_wait(&worker);
	assert_int_equal(book.times[EVENTS], 1);
	(void)check_book(0);
}

static void works_and_ends_by_its_port(void)
{
	attach_as("worker");
	work();
	VISITOR_MUST(sluice_port_end(out, SLUICE_REASON_NORMAL) == 0);
	visitor_stays(1);
}

/* It has closed what it feeds: nobody waits for its process. */
static void it_closes_and_stays(void **state)
{
	struct visitor worker = visitor_fork(works_and_ends_by_its_port);

	(void)state;
	open_as("demand");
	visitor_go(&worker);
	visitor_await(&visited->stage, 1);
	visitor_drain();
	visitor_kill(&worker);
	assert_int_equal(check_book(0), 0);
}

static void works_a_little(void)
{
	attach_as("worker");
	for (uint32_t i = 0; i < 5; i++) {
		struct sluice_batch batch = receive();

		answer(&batch);
	}
	leave();
}

static void one_leaves(const char *dispatcher)
{
	struct visitor first = visitor_fork(works_a_little);
	struct visitor second = visitor_fork(works);

	open_as(dispatcher);
	visitor_go(&first);
	visitor_wait(&first);
	visitor_go(&second);
	visitor_wait(&second);
	visitor_drain();
	assert_int_equal(check_book(0), 0);
	for (uint32_t i = 0; i < EVENTS; i++)
		assert_int_equal(sluice_load_acquire(&visited->handled[i]), 1);
}

/* What it has in its ring goes to the next, what it has in hand it has finished. */
static void one_leaves_in_good_order(void **state)
{
	(void)state;
	one_leaves("demand");
}

static void one_leaves_the_order(void **state)
{
	(void)state;
	one_leaves("ordered");
	assert_int_equal(book.disorder, 0);
}

/* ---- they die ------------------------------------------------------------------ */

static void hand_over(const struct sluice_batch *batch)
{
	sluice_store_release(&visited->sent, batch->count);
	visitor_stays(1);
}

static void dies_before_it_sends(void)
{
	struct sluice_batch batch;

	attach_as("worker");
	batch = receive();
	answer(&batch);
	batch = receive();
	hand_over(&batch);
}

static void dies_with_a_hole(void)
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

static void dies_before_the_receipt(void)
{
	struct sluice_batch batch;

	attach_as("worker");
	batch = receive();
	answer(&batch);
	batch = receive();
	answer(&batch);
	hand_over(&batch);
}

/* @part comes to a point, and is killed there; the next one does the rest. Returns
 * how many results came twice. */
static uint32_t one_dies(const char *dispatcher, void (*part)(void))
{
	struct visitor first = visitor_fork(part);
	struct visitor second = visitor_fork(works);
	uint32_t hand;
	uint32_t twice;

	open_as(dispatcher);
	visitor_go(&first);
	visitor_await(&visited->stage, 1);
	hand = sluice_load_acquire(&visited->sent);
	visitor_kill(&first);
	visitor_go(&second);
	visitor_wait(&second);
	visitor_drain();
	twice = check_book(hand);
	/* The next one was told that they may be there already. */
	for (uint32_t i = 0; i < EVENTS; i++)
		if (book.times[i] == 2)
			assert_int_equal(
				sluice_load_acquire(&visited->again[i]), 1);
	return twice;
}

static void one_dies_before_it_sends(void **state)
{
	(void)state;
	assert_int_equal(one_dies("demand", dies_before_it_sends), 0);
}

static void one_dies_before_the_receipt(void **state)
{
	uint32_t twice = one_dies("jbsq", dies_before_the_receipt);

	(void)state;
	assert_int_equal(twice, sluice_load_acquire(&visited->sent));
}

/* No hole, and nothing twice: numbers that have come are known. */
static void one_dies_in_the_order(void **state)
{
	(void)state;
	assert_int_equal(one_dies("ordered", dies_before_it_sends), 0);
	assert_int_equal(book.disorder, 0);
}

static void one_dies_in_the_order_later(void **state)
{
	(void)state;
	assert_int_equal(one_dies("ordered", dies_before_the_receipt), 0);
	assert_int_equal(book.disorder, 0);
}

/* What has come behind the hole waits for the next worker. */
static void one_leaves_a_hole_in_the_order(void **state)
{
	(void)state;
	assert_int_equal(one_dies("ordered", dies_with_a_hole), 0);
	assert_int_equal(book.disorder, 0);
}

/* ---- what it cannot send it does not acknowledge ---------------------------------- */

static void gives_up(void)
{
	struct sluice_batch batch;

	attach_as("worker");
	batch = receive();
	answer(&batch);
	batch = receive();
	VISITOR_MUST(sluice_port_end(out, SLUICE_REASON_ERROR) == 0);
	VISITOR_MUST(sluice_recv(in, &batch, TEST_DEADLINE_MS) == -EIO);
	VISITOR_MUST(sluice_detach(in, TEST_DEADLINE_MS) == 0);
}

static void one_gives_up(void **state)
{
	struct visitor first = visitor_fork(gives_up);
	struct visitor second = visitor_fork(works);

	(void)state;
	open_as("demand");
	visitor_go(&first);
	visitor_wait(&first);
	visitor_go(&second);
	visitor_wait(&second);
	visitor_drain();
	assert_int_equal(check_book(0), 0);
}

static void works_until_the_sink_goes(void)
{
	struct sluice_batch batch;
	struct item item = {.value = 1};
	int rc;

	attach_as("worker");
	batch = receive();
	answer(&batch);
	batch = receive();
	sluice_store_release(&visited->stage, 1);
	do
		rc = sluice_send(out, &item, 1, TEST_DEADLINE_MS);
	while (rc > 0);
	VISITOR_MUST(rc == -EPIPE);
	VISITOR_MUST(sluice_recv(in, &batch, TEST_DEADLINE_MS) == -EPIPE);
	VISITOR_MUST(sluice_detach(in, TEST_DEADLINE_MS) == 0);
	sluice_store_release(&visited->stage, 2);
}

static void reads_the_rest(void)
{
	struct sluice_stage *port;
	struct sluice_batch batch;

	VISITOR_MUST(
		sluice_attach(&port, SLUICE_ATTACH(.pipeline = "test",
						   .folder = visitor_folder,
						   .name = "reader",
						   .from = "source")) == 0);
	while (sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0)
		for (uint32_t i = 0; i < batch.count; i++) {
			uint64_t value =
				SLUICE_EVENTS(&batch, struct item)[i].value;

			(void)sluice_fetch_add(&visited->handled[value], 1);
		}
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

/* Whatever it has not finished goes to whoever else reads. */
static void what_it_feeds_goes(void **state)
{
	struct visitor worker = visitor_fork(works_until_the_sink_goes);
	struct visitor reader = visitor_fork(reads_the_rest);
	int rc;

	(void)state;
	open_as("demand");
	visitor_go(&worker);
	visitor_await(&visited->stage, 1);
	assert_int_equal(sluice_stage_end(sluice_stage_find(pipeline, "sink"),
					  SLUICE_REASON_NORMAL, 0),
			 0);
	visitor_wait(&worker);
	visitor_go(&reader);
	visitor_wait(&reader);
	/* Results may have been on their way. */
	rc = sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS);
	assert_true(rc == 0 || rc == -EPIPE);
	sluice_pipeline_close(pipeline);
	for (uint32_t i = 0; i < EVENTS; i++)
		assert_int_equal(sluice_load_acquire(&visited->handled[i]), 1);
}

/* ---- the program ends it ------------------------------------------------------------ */

static void works_until_told(void)
{
	struct sluice_batch batch;
	int rc;

	attach_as("worker");
	while ((rc = sluice_recv(in, &batch, TEST_DEADLINE_MS)) > 0) {
		struct item items[BURST];

		memcpy(items, batch.events, batch.count * sizeof(items[0]));
		for (uint32_t i = 0; i < batch.count; i++)
			items[i].value++;
		rc = sluice_send(out, items, batch.count, TEST_DEADLINE_MS);
		if (rc < (int)batch.count)
			VISITOR_MUST(
				sluice_port_end(out, SLUICE_REASON_ERROR) <= 0);
		(void)sluice_fetch_add(&visited->count, batch.count);
	}
	leave();
}

/* While it works, and goes on for a moment. */
static void it_is_ended(const char *dispatcher, int cancels)
{
	struct visitor first = visitor_fork(works_until_told);
	struct visitor second = visitor_fork(works_too);
	struct sluice_stage *stage;
	int rc = 0;

	open_as(dispatcher);
	visitor_go(&first);
	visitor_await(&visited->count, 100);
	stage = sluice_stage_find(pipeline, "worker");
	if (stage != NULL && cancels)
		rc = sluice_cancel(sluice_port_sub(stage),
				   SLUICE_REASON_SHUTDOWN, 0);
	else if (stage != NULL)
		rc = sluice_stage_end(stage, SLUICE_REASON_SHUTDOWN, 0);
	(void)rc; /* it may be done already */
	/* ThreadSanitizer sees locks, and not that a process is let go. */
	assert_null(sluice_stage_find(pipeline, "other"));
	visitor_go(&second);
	visitor_wait(&first);
	visitor_wait(&second);
	visitor_drain();
	(void)check_book(2 * BURST);
}

static void the_program_ends_it(void **state)
{
	(void)state;
	it_is_ended("demand", 0);
}

static void the_program_ends_it_in_the_order(void **state)
{
	(void)state;
	it_is_ended("ordered", 0);
	assert_int_equal(book.disorder, 0);
}

static void the_program_cancels_it(void **state)
{
	(void)state;
	it_is_ended("demand", 1);
}

/* ---- numbers that it was not given -------------------------------------------------- */

static void is_sent_away(void)
{
	struct sluice_port_status status;
	struct sluice_batch batch;

	while (sluice_port_closed(out, &status) == 0)
		flow_sleep_ms(1);
	VISITOR_MUST(status.reason == SLUICE_REASON_ERROR);
	VISITOR_MUST(status.code == EBADMSG);
	VISITOR_MUST(sluice_recv(in, &batch, TEST_DEADLINE_MS) == -EIO);
	VISITOR_MUST(sluice_detach(in, TEST_DEADLINE_MS) == 0);
}

static void invents_a_number(void)
{
	struct sluice_batch batch;
	struct item item;

	attach_as("worker");
	batch = receive();
	answer(&batch);
	batch = receive();
	item = SLUICE_EVENTS(&batch, struct item)[0];
	item.value = 0;
	item.number += 1000000;
	send_items(&item, 1);
	is_sent_away();
}

static void answers_twice(void)
{
	struct sluice_batch batch;
	struct item items[2];

	attach_as("worker");
	batch = receive();
	answer(&batch);
	batch = receive();
	/* The last: what is below the window is nobody's. */
	items[0] = SLUICE_EVENTS(&batch, struct item)[batch.count - 1];
	items[0].value++;
	items[1] = items[0];
	send_items(items, 2);
	is_sent_away();
}

static void answers_for_another(void)
{
	struct sluice_batch batch;
	struct item item;

	attach_as("worker");
	batch = receive();
	/* All that this one was given lies below. */
	while (sluice_load_acquire(&visited->stage) == 0)
		flow_sleep_ms(1);
	item = SLUICE_EVENTS(&batch, struct item)[0];
	item.value = 0;
	item.number = sluice_load_acquire(&visited->sent);
	send_items(&item, 1);
	is_sent_away();
	sluice_store_release(&visited->stage, 2);
}

static void lends_its_number(void)
{
	struct sluice_batch batch;

	attach_as("other");
	batch = receive();
	sluice_store_release(
		&visited->sent,
		(uint32_t)SLUICE_EVENTS(&batch, struct item)[0].number);
	sluice_store_release(&visited->stage, 1);
	while (sluice_load_acquire(&visited->stage) < 2)
		flow_sleep_ms(1);
	answer(&batch);
	work();
	leave();
}

static void one_lies(void (*part)(void), void (*next)(void), int together)
{
	struct visitor liar = visitor_fork(part);
	struct visitor honest = visitor_fork(next);

	open_as("ordered");
	visitor_go(&liar);
	if (!together)
		visitor_wait(&liar);
	visitor_go(&honest);
	if (together)
		visitor_wait(&liar);
	visitor_wait(&honest);
	visitor_drain();
	assert_int_equal(check_book(0), 0);
	assert_int_equal(book.disorder, 0);
}

static void one_invents_a_number(void **state)
{
	(void)state;
	one_lies(invents_a_number, works_too, 0);
}

static void one_answers_twice(void **state)
{
	(void)state;
	one_lies(answers_twice, works_too, 0);
}

static void one_answers_for_another(void **state)
{
	(void)state;
	one_lies(answers_for_another, lends_its_number, 1);
}

/* ---- what is refused ------------------------------------------------------------- */

struct refusal_row {
	struct sluice_attach_opts opts;
	int rc;
	const char *says;
};

static const struct refusal_row refusals[] = {
	{{.to = "sink", .to_bytes = 16},
	 -EINVAL,
	 "to_bytes 16 is set, and from and to are not both"},
	{{.from = "source", .to = "sink", .resv32 = 1}, -EINVAL, "resv32"},
	{{.from = "source", .to = "sink", .event_bytes = 8},
	 -EINVAL,
	 "from_bytes 8 does not match its out_bytes 16"},
	{{.from = "source", .to = "sink", .to_bytes = 8},
	 -EINVAL,
	 "to_bytes 8 does not match its in_bytes 16"},
	{{.from = "source", .to = "nobody"}, -ENOENT, "'nobody'"},
	{{.from = "both", .to = "both"}, -EINVAL, "is a cycle"},
	{{.from = "all", .to = "sink"}, -ENOTSUP, "'shared'"},
	{{.from = "numbered", .to = "sink"}, -EINVAL, "restores the order"},
	{{.from = "source", .to = "join"},
	 -EINVAL,
	 "to restore the order of 'numbered'"},
	{{.from = "source", .to = "sink", .min_demand = 9, .max_demand = 4},
	 -EINVAL,
	 "min_demand"},
	{{.from = "source", .to = "sink", .name = "join"}, -EEXIST, "'join'"},
};

static void is_refused(void)
{
	for (size_t i = 0; i < UNIT_COUNT(refusals); i++) {
		struct sluice_attach_opts opts = refusals[i].opts;
		struct sluice_stage *port;
		int rc;

		opts.size = sizeof(opts);
		opts.folder = visitor_folder;
		opts.pipeline = "test";
		rc = sluice_attach(&port, &opts);
		if (rc != refusals[i].rc ||
		    strstr(sluice_last_error(), refusals[i].says) == NULL) {
			fprintf(stderr, "row %zu: %d, %s\n", i, rc,
				sluice_last_error());
			_exit(1);
		}
	}
	VISITOR_MUST(sluice_port_sender(NULL) == NULL);
}

static int pass_items(struct sluice_stage *self,
		      const struct sluice_batch *batch)
{
	void *events = sluice_emit(self, batch->count);

	if (events == NULL)
		return -ENOBUFS;
	memcpy(events, batch->events, batch->count * sizeof(struct item));
	return SLUICE_OK;
}

static int emit_none(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_OK;
}

/* A producer of its own kind, that peers may read. */
static void add_producer(const char *name, const char *dispatcher,
			 uint32_t order_offset)
{
	flow_add(pipeline, SLUICE_STAGE(.name = name, .kind = SLUICE_PRODUCER,
					.out_bytes = sizeof(struct item),
					.handle_demand = emit_none,
					.dispatcher = dispatcher,
					.order_offset = order_offset,
					.flags = SLUICE_STAGE_PEERS_CONSUME,
					.on_idle = SLUICE_IDLE_STAY));
}

static void declare_refused(void)
{
	pipeline = flow_open_named(1);
	add_producer("source", "demand", 0);
	add_producer("all", "shared", 0);
	add_producer("numbered", "ordered", SLUICE_ORDER_OFFSET(8));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "both", .kind = SLUICE_PRODUCER_CONSUMER,
			      .in_bytes = sizeof(struct item),
			      .out_bytes = sizeof(struct item),
			      .handle_events = pass_items,
			      .flags = SLUICE_STAGE_PEERS_CONSUME |
				       SLUICE_STAGE_PEERS_FEED,
			      .on_idle = SLUICE_IDLE_STAY));
	for (uint32_t i = 0; i < 2; i++)
		flow_add(pipeline,
			 SLUICE_STAGE(.name = i ? "join" : "sink",
				      .kind = SLUICE_CONSUMER,
				      .in_bytes = sizeof(struct item),
				      .handle_events = book_items,
				      .order_of = i ? "numbered" : NULL,
				      .flags = SLUICE_STAGE_PEERS_FEED,
				      .on_idle = SLUICE_IDLE_STAY));
	visitor_listen();
	flow_start(pipeline);
}

static void refused(void **state)
{
	struct visitor peer = visitor_fork(is_refused);

	(void)state;
	declare_refused();
	visitor_go(&peer);
	visitor_wait(&peer);
	visitor_stop();
}

/* ---- the engine goes ------------------------------------------------------------- */

static void runs_an_engine(void)
{
	open_as("demand");
	visitor_stays(1);
}

static void works_until_the_engine_goes(void)
{
	struct sluice_batch batch;
	int rc;

	attach_as("worker");
	batch = receive();
	sluice_store_release(&visited->stage, 2);
	while (sluice_port_closed(out, NULL) == 0)
		flow_sleep_ms(1);
	rc = sluice_send(out, batch.events, 1, TEST_DEADLINE_MS);
	VISITOR_MUST(rc == -EIO);
	VISITOR_MUST(sluice_recv(in, &batch, TEST_DEADLINE_MS) == -EIO);
	VISITOR_MUST(strstr(sluice_last_error(), "Owner died") != NULL);
	VISITOR_MUST(sluice_detach(in, 0) == 0);
}

static void the_engine_goes(void **state)
{
	struct visitor engine = visitor_fork(runs_an_engine);
	struct visitor worker = visitor_fork(works_until_the_engine_goes);
	char path[80];

	(void)state;
	visitor_go(&engine);
	visitor_await(&visited->stage, 1);
	visitor_go(&worker);
	visitor_await(&visited->stage, 2);
	visitor_kill(&engine);
	visitor_wait(&worker);
	for (uint32_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/test.%s", visitor_folder,
			       i ? "lock" : "sock");
		(void)unlink(path);
	}
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(one_works),
		cmocka_unit_test(three_work_behind_partition),
		cmocka_unit_test(three_work_behind_jbsq),
		cmocka_unit_test(three_work_in_order),
		cmocka_unit_test(the_end_passes_through),
		cmocka_unit_test(it_closes_and_stays),
		cmocka_unit_test(one_leaves_in_good_order),
		cmocka_unit_test(one_leaves_the_order),
		cmocka_unit_test(one_dies_before_it_sends),
		cmocka_unit_test(one_dies_before_the_receipt),
		cmocka_unit_test(one_dies_in_the_order),
		cmocka_unit_test(one_dies_in_the_order_later),
		cmocka_unit_test(one_leaves_a_hole_in_the_order),
		cmocka_unit_test(one_gives_up),
		cmocka_unit_test(what_it_feeds_goes),
		cmocka_unit_test(the_program_ends_it),
		cmocka_unit_test(the_program_ends_it_in_the_order),
		cmocka_unit_test(the_program_cancels_it),
		cmocka_unit_test(one_invents_a_number),
		cmocka_unit_test(one_answers_twice),
		cmocka_unit_test(one_answers_for_another),
		cmocka_unit_test(refused),
		cmocka_unit_test(the_engine_goes),
	};

	visitor_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
