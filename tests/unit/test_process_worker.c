/* SPDX-License-Identifier: Apache-2.0 */
/* Process stages that consume and feed: one program is one stage, also behind
 * `ordered`; what a program that dies had in hand the next one does. */
#include "program.h"

#define FAST    .backoff_ms = 1, .backoff_max_ms = 20
#define KILL_AT 500u /* events, and then the first program dies */

struct item {
	uint64_t value;
	uint64_t number; /* of `ordered`; else 0 */
};

/* What "sink" has seen: its thread's. */
static struct {
	uint32_t times[PROGRAM_EVENTS];
	uint64_t next; /* one above the last one */
	uint32_t disorder;
	uint32_t wrong;
} book;

/* ---- the program ------------------------------------------------------------------- */

static void send_all(struct sluice_stage *sender, const struct item *items,
		     uint32_t n)
{
	while (n > 0) {
		int rc = sluice_send(sender, items, n, TEST_DEADLINE_MS);

		PROGRAM_MUST(rc > 0);
		items += rc;
		n -= (uint32_t)rc;
	}
}

/* The value comes back as its double. */
static void answer(struct sluice_stage *sender,
		   const struct sluice_batch *batch, uint32_t most)
{
	const struct item *items = SLUICE_EVENTS(batch, struct item);

	for (uint32_t i = 0; i < batch->count; i++) {
		struct item result = items[i];

		PROGRAM_MUST(result.value < PROGRAM_EVENTS);
		(void)sluice_fetch_add(&programs->handled[result.value], 1);
		if (batch->flags & SLUICE_BATCH_REDELIVERED)
			(void)sluice_fetch_add(&programs->again[result.value],
					       1);
		if (sluice_fetch_add(&programs->count, 1) + 1 >= most &&
		    program_is_first())
			(void)raise(SIGKILL);
		result.value *= 2;
		send_all(sender, &result, 1);
	}
}

static int work(uint32_t most)
{
	struct sluice_stage *port = program_attach();
	struct sluice_stage *sender = sluice_port_sender(port);
	struct sluice_batch batch;
	int rc;

	PROGRAM_MUST(sender != NULL);
	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0)
		answer(sender, &batch, most);
	PROGRAM_MUST(rc == -EPIPE);
	return sluice_detach(port, TEST_DEADLINE_MS) == 0 ? 0 : 96;
}

static int works(void)
{
	return work(UINT32_MAX);
}

static int works_and_dies(void)
{
	return work(KILL_AT);
}

static const struct program_part parts[] = {
	{"works", works},
	{"works_and_dies", works_and_dies},
};

/* ---- the engine -------------------------------------------------------------------- */

static int count_items(struct sluice_stage *self, uint32_t demand)
{
	uint64_t left = source.end - source.next;
	uint32_t n = left < demand ? (uint32_t)left : demand;
	struct item *items = sluice_emit(self, n);

	for (uint32_t i = 0; items != NULL && i < n; i++)
		items[i] = (struct item){.value = source.next++};
	return source.next == source.end ? SLUICE_END : SLUICE_OK;
}

static int book_items(struct sluice_stage *self,
		      const struct sluice_batch *batch)
{
	(void)self;
	for (uint32_t i = 0; i < batch->count; i++) {
		uint64_t value = SLUICE_EVENTS(batch, struct item)[i].value;

		if (value % 2 != 0 || value / 2 >= PROGRAM_EVENTS) {
			book.wrong++;
			continue;
		}
		value /= 2;
		book.disorder += value != book.next;
		book.next = value + 1;
		book.times[value]++;
	}
	return SLUICE_OK;
}

/* Neither stage says that it is to stay, and nothing is subscribed. */
static void open_stages(const char *dispatcher)
{
	int orders = strcmp(dispatcher, "ordered") == 0;

	memset(&book, 0, sizeof(book));
	program_open(SLUICE_PIPELINE(FAST));
	source = (struct flow_source){.end = PROGRAM_EVENTS};
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = sizeof(struct item),
			      .handle_demand = count_items,
			      .dispatcher = dispatcher,
			      .order_offset =
				      orders ? SLUICE_ORDER_OFFSET(8) : 0,
			      .fini = flow_fini, .state = &source));
	memset(&sink, 0, sizeof(sink));
	flow_add(pipeline, SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
					.in_bytes = sizeof(struct item),
					.handle_events = book_items,
					.order_of = orders ? "source" : NULL,
					.fini = flow_fini, .state = &sink));
}

static void add_worker(const char *name, const char *part)
{
	program_add(SLUICE_PROCESS(.name = name, .from = "source", .to = "sink",
				   .event_bytes = sizeof(struct item),
				   .to_bytes = sizeof(struct item),
				   .max_demand = 64, .ring_events = 128,
				   .restart = SLUICE_RESTART_TRANSIENT,
				   .end_ms = SLUICE_PROCESS_MS_MAX),
		    part);
}

/* Each event has its result, at most @twice of them two. */
static void check_book(uint32_t twice)
{
	uint32_t more = 0;

	assert_int_equal(book.wrong, 0);
	for (uint32_t i = 0; i < PROGRAM_EVENTS; i++) {
		assert_in_range(book.times[i], 1, 2);
		more += book.times[i] - 1;
	}
	assert_in_range(more, 0, twice);
	flow_check_ended(&source.ended, SLUICE_REASON_NORMAL);
	flow_check_ended(&sink.ended, SLUICE_REASON_NORMAL);
}

static void run_it(uint32_t starts_least, uint32_t starts_most)
{
	assert_int_equal(flow_run(pipeline), 0);
	program_close();
	assert_in_range(sluice_load_acquire(&programs->starts), starts_least,
			starts_most);
}

/* ---- tests --------------------------------------------------------------------------- */

static void one_works(void **state)
{
	(void)state;
	open_stages("demand");
	add_worker("worker", "works");
	run_it(1, 1);
	check_book(0);
	program_check_all(1);
	assert_int_equal(book.disorder, 0);
}

/* What it had not acknowledged comes to the next, marked. */
static void one_dies_and_is_restarted(void **state)
{
	(void)state;
	open_stages("demand");
	add_worker("worker", "works_and_dies");
	run_it(2, 2);
	check_book(64);
	program_check_all(2);
}

static void two_work_in_order(void **state)
{
	(void)state;
	open_stages("ordered");
	add_worker("first", "works");
	add_worker("second", "works");
	run_it(2, 2);
	check_book(0);
	assert_int_equal(book.disorder, 0);
}

/* A result that was sent before its worker died comes once: its number is known. */
static void one_of_two_in_order_dies(void **state)
{
	(void)state;
	open_stages("ordered");
	add_worker("first", "works_and_dies");
	add_worker("second", "works_and_dies");
	run_it(2, 3); /* the other may do the rest before */
	check_book(0);
	assert_int_equal(book.disorder, 0);
}

static uint64_t seen_beside;

static int count_beside(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	(void)self;
	seen_beside += batch->count;
	return SLUICE_OK;
}

/* The stage has no SLUICE_STAGE_PEERS_CONSUME: its ring is shown to the process that it
 * waits for. */
static void one_reads_a_broadcast(void **state)
{
	(void)state;
	open_stages("broadcast");
	add_worker("worker", "works");
	run_it(1, 1);
	check_book(0);
}

/* What was broadcast before its program had attached it does not see: all, perhaps, and
 * then it is not started. Both ends end. */
static void one_works_beside_a_stage(void **state)
{
	(void)state;
	seen_beside = 0;
	open_stages("broadcast");
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "other", .kind = SLUICE_CONSUMER,
			      .in_bytes = sizeof(struct item),
			      .handle_events = count_beside));
	flow_subscribe(pipeline, "other", "source", NULL);
	add_worker("worker", "works");
	assert_int_equal(flow_run(pipeline), 0);
	program_close();
	assert_int_equal(seen_beside, PROGRAM_EVENTS);
	flow_check_ended(&sink.ended, SLUICE_REASON_NORMAL);
}

static void sizes_are_checked(void **state)
{
	(void)state;
	open_stages("demand");
	assert_int_equal(
		program_try(SLUICE_PROCESS(.name = "worker", .from = "source",
					   .to = "sink", .to_bytes = 8),
			    "works"),
		-EINVAL);
	assert_text_has(sluice_last_error(), "to_bytes 8 does not match");
	assert_int_equal(
		program_try(SLUICE_PROCESS(.name = "worker", .from = "source",
					   .to = "none"),
			    "works"),
		-ENOENT);
	assert_text_has(sluice_last_error(), "stage 'none'");
	program_close();
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(one_works),
		cmocka_unit_test(one_dies_and_is_restarted),
		cmocka_unit_test(two_work_in_order),
		cmocka_unit_test(one_of_two_in_order_dies),
		cmocka_unit_test(one_reads_a_broadcast),
		cmocka_unit_test(one_works_beside_a_stage),
		cmocka_unit_test(sizes_are_checked),
	};

	if (argc > 1)
		return program_main(argv, parts, UNIT_COUNT(parts));
	program_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
