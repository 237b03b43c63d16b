/* SPDX-License-Identifier: Apache-2.0 */
/* A program aborts at one value, each time it is started: that value is given up, and the
 * next start goes on behind it. */
#include "program.h"

#include <errno.h>
#include <sys/resource.h>

#define FATAL 137u

/* However often it dies it may be started again, soon. */
#define AGAIN                                                                  \
	.max_restarts = 100, .max_seconds = 1, .backoff_ms = 1,                \
	.backoff_max_ms = 5

struct item {
	uint64_t value;
	uint64_t number; /* of `ordered`; else 0 */
};

/* ---- the program ------------------------------------------------------------------- */

static void handle(const struct sluice_batch *batch, uint32_t i)
{
	uint64_t value = SLUICE_EVENTS(batch, struct item)[i].value;

	if (value == FATAL)
		abort();
	(void)sluice_fetch_add(&programs->handled[value], 1);
	if (batch->flags & SLUICE_BATCH_REDELIVERED)
		(void)sluice_fetch_add(&programs->again[value], 1);
}

static int runs(int works)
{
	const struct rlimit none = {0, 0};
	struct sluice_stage *port;
	struct sluice_batch batch;
	int rc;

	PROGRAM_MUST(setrlimit(RLIMIT_CORE, &none) == 0);
	port = program_attach();
	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0)
		for (uint32_t i = 0; i < batch.count; i++) {
			const struct item *item =
				&SLUICE_EVENTS(&batch, struct item)[i];

			handle(&batch, i);
			PROGRAM_MUST(!works ||
				     sluice_send(sluice_port_sender(port), item,
						 1, TEST_DEADLINE_MS) == 1);
		}
	PROGRAM_MUST(rc == -EPIPE);
	return sluice_detach(port, TEST_DEADLINE_MS) == 0 ? 0 : 96;
}

static int reads(void)
{
	return runs(0);
}

static int works(void)
{
	return runs(1);
}

static const struct program_part parts[] = {
	{"reads", reads},
	{"works", works},
};

/* ---- the engine -------------------------------------------------------------------- */

/* Of the threads of the stages. */
static struct {
	uint32_t dead;
	uint64_t value;
	uint32_t deliveries;
	char consumer[SLUICE_NAME_BYTES];
	uint32_t times[PROGRAM_EVENTS];
	uint64_t next;
	uint32_t disorder;
} book;

static int count_items(struct sluice_stage *self, uint32_t demand)
{
	uint64_t left = source.end - source.next;
	uint32_t n = left < demand ? (uint32_t)left : demand;
	struct item *items = sluice_emit(self, n);

	for (uint32_t i = 0; items != NULL && i < n; i++)
		items[i] = (struct item){.value = source.next++};
	return source.next == source.end ? SLUICE_END : SLUICE_OK;
}

static void bury(struct sluice_stage *self,
		 const struct sluice_dead_letter *letter)
{
	(void)self;
	book.dead++;
	book.value = ((const struct item *)letter->event)->value;
	book.deliveries = letter->deliveries;
	(void)snprintf(book.consumer, sizeof(book.consumer), "%s",
		       letter->consumer);
}

static int book_items(struct sluice_stage *self,
		      const struct sluice_batch *batch)
{
	(void)self;
	for (uint32_t i = 0; i < batch->count; i++) {
		uint64_t value = SLUICE_EVENTS(batch, struct item)[i].value;

		book.disorder += value < book.next;
		book.next = value + 1;
		book.times[value % PROGRAM_EVENTS]++;
	}
	return SLUICE_OK;
}

static void open_source(const struct sluice_pipeline_opts *opts,
			const char *dispatcher, int buries)
{
	int orders = strcmp(dispatcher, "ordered") == 0;

	memset(&book, 0, sizeof(book));
	source = (struct flow_source){.end = PROGRAM_EVENTS};
	program_open(opts);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = sizeof(struct item),
			      .handle_demand = count_items,
			      .dispatcher = dispatcher,
			      .order_offset =
				      orders ? SLUICE_ORDER_OFFSET(8) : 0,
			      .dead_letter = buries ? bury : NULL,
			      .state = &source));
}

static void add_reader(uint32_t max_deliveries)
{
	program_add(SLUICE_PROCESS(.name = "program", .from = "source",
				   .max_deliveries = max_deliveries,
				   .max_demand = 64,
				   .restart = SLUICE_RESTART_TRANSIENT,
				   .end_ms = SLUICE_PROCESS_MS_MAX),
		    "reads");
}

static uint64_t dead_letters(void)
{
	return flow_stats(pipeline, "source").dead_letters;
}

static void check_others(void)
{
	for (uint32_t i = 0; i < PROGRAM_EVENTS; i++) {
		uint32_t handled = sluice_load_acquire(&programs->handled[i]);

		if (i == FATAL) {
			assert_int_equal(handled, 0);
			continue;
		}
		assert_in_range(handled, 1, 3);
		assert_in_range(sluice_load_acquire(&programs->again[i]),
				handled - 1, handled);
	}
}

/* ---- tests --------------------------------------------------------------------------- */

/* It has @limit lives before it, and one behind it. */
static void given_up_after(uint32_t max_deliveries, uint32_t limit)
{
	open_source(SLUICE_PIPELINE(AGAIN), "demand", 1);
	add_reader(max_deliveries);
	assert_int_equal(flow_run(pipeline), 0);
	assert_int_equal(dead_letters(), 1);
	program_close();
	assert_int_equal(book.dead, 1);
	assert_int_equal(book.value, FATAL);
	assert_int_equal(book.deliveries, limit);
	assert_string_equal(book.consumer, "program");
	assert_int_equal(sluice_load_acquire(&programs->starts), limit + 1);
	check_others();
}

static void it_is_given_up(void **state)
{
	(void)state;
	given_up_after(0, 3);
}

static void as_its_own_options_say(void **state)
{
	(void)state;
	given_up_after(5, 5);
}

/* Those of the listener are for whoever has none. */
static void as_the_listener_says(void **state)
{
	char folder[] = "/tmp/sluice-test-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(folder));
	open_source(SLUICE_PIPELINE(AGAIN, .name = "test"), "demand", 1);
	assert_int_equal(sluice_pipeline_listen(
				 pipeline, SLUICE_LISTEN(.folder = folder,
							 .max_deliveries = 4)),
			 0);
	add_reader(0);
	assert_int_equal(flow_run(pipeline), 0);
	program_close();
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(book.deliveries, 4);
	assert_int_equal(sluice_load_acquire(&programs->starts), 5);
}

/* Nobody takes it: it is counted, and told. */
static void without_a_dead_letter(void **state)
{
	(void)state;
	open_source(SLUICE_PIPELINE(AGAIN), "demand", 0);
	add_reader(3);
	assert_int_equal(flow_run(pipeline), 0);
	assert_int_equal(dead_letters(), 1);
	program_close();
	assert_true(program_has_said(
		"stage 'source': event 137 for 'program' is given up: its "
		"process was gone 3 times while it had that, and there is no "
		"dead_letter"));
	check_others();
}

/* As often as it comes, so often is its program started again: nobody has said anything of
 * either. */
static void with_all_defaults(void **state)
{
	(void)state;
	open_source(SLUICE_PIPELINE(.name = NULL), "demand", 1);
	add_reader(0);
	assert_int_equal(flow_run(pipeline), 0);
	assert_int_equal(dead_letters(), 1);
	program_close();
	assert_int_equal(book.value, FATAL);
	assert_int_equal(book.deliveries, 3);
	assert_int_equal(sluice_load_acquire(&programs->starts), 4);
	check_others();
}

static void with_too_few_restarts(void **state)
{
	(void)state;
	open_source(SLUICE_PIPELINE(.backoff_ms = 1, .backoff_max_ms = 5),
		    "demand", 1);
	add_reader(5);
	assert_true(flow_run(pipeline) < 0);
	assert_text_has(sluice_last_error(), "stage 'program'");
	program_close();
	assert_int_equal(book.dead, 0);
	assert_int_equal(sluice_load_acquire(&programs->starts), 4);
}

/* Its number is passed over, and the others keep their order. */
static void behind_an_order(void **state)
{
	(void)state;
	open_source(SLUICE_PIPELINE(AGAIN), "ordered", 1);
	flow_add(pipeline, SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
					.in_bytes = sizeof(struct item),
					.handle_events = book_items,
					.order_of = "source"));
	program_add(SLUICE_PROCESS(.name = "program", .from = "source",
				   .to = "sink",
				   .event_bytes = sizeof(struct item),
				   .to_bytes = sizeof(struct item),
				   .max_demand = 64, .ring_events = 128,
				   .restart = SLUICE_RESTART_TRANSIENT,
				   .end_ms = SLUICE_PROCESS_MS_MAX),
		    "works");
	assert_int_equal(flow_run(pipeline), 0);
	assert_int_equal(dead_letters(), 1);
	program_close();
	assert_int_equal(book.value, FATAL);
	assert_int_equal(book.deliveries, 3);
	assert_int_equal(book.disorder, 0);
	for (uint32_t i = 0; i < PROGRAM_EVENTS; i++)
		assert_int_equal(book.times[i], i != FATAL);
	check_others();
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_given_up),
		cmocka_unit_test(as_its_own_options_say),
		cmocka_unit_test(as_the_listener_says),
		cmocka_unit_test(without_a_dead_letter),
		cmocka_unit_test(with_all_defaults),
		cmocka_unit_test(with_too_few_restarts),
		cmocka_unit_test(behind_an_order),
	};

	if (argc > 1)
		return program_main(argv, parts, UNIT_COUNT(parts));
	program_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
