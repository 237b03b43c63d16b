/* SPDX-License-Identifier: Apache-2.0 */
/* A consumer in another process dies: its place is kept for one of its name. */
#include "visitor.h"

#include "engine/peer/attach_priv.h"

#define KEYS    16u
#define LONG_MS 3600000u

static uint64_t key_of(const void *event, uint32_t bytes, void *ctx)
{
	uint64_t key;

	(void)bytes;
	(void)ctx;
	memcpy(&key, event, sizeof(key));
	return key % KEYS; /* few, so that each consumer has some */
}

static int keyed(const char *dispatcher)
{
	return strcmp(dispatcher, "partition") == 0;
}

static sluice_a32 begun;

static int count_once_begun(struct sluice_stage *self, uint32_t demand)
{
	return sluice_load_acquire(&begun) ? flow_count(self, demand)
					   : SLUICE_OK;
}

static void open_keyed(uint32_t hold_ms, const char *dispatcher)
{
	source = (struct flow_source){.end = VISITOR_EVENTS};
	pipeline = flow_open_named(2);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = count_once_begun,
			      .flags = SLUICE_STAGE_PEERS_CONSUME,
			      .dispatcher = dispatcher,
			      .key_of = keyed(dispatcher) ? key_of : NULL,
			      .on_idle = SLUICE_IDLE_STAY, .state = &source));
	visitor_listen_holding(hold_ms);
	flow_start(pipeline);
}

static void open_plain(uint32_t hold_ms)
{
	visitor_open(SLUICE_STAGE_PEERS_CONSUME, 0);
	visitor_listen_holding(hold_ms);
	flow_start(pipeline);
}

/* Each came once, or was in somebody's hands and came again, marked. */
static void check_all(uint32_t times_most)
{
	for (uint32_t i = 0; i < VISITOR_EVENTS; i++) {
		uint32_t times = sluice_load_acquire(&visited->handled[i]);

		assert_in_range(times, 1, times_most);
		if (times > 1)
			assert_true(sluice_load_acquire(&visited->again[i]) >=
				    times - 1);
	}
}

/* ---- who reads ------------------------------------------------------------------- */

static struct sluice_stage *attach(const char *name, uint32_t window)
{
	return visitor_attach(SLUICE_ATTACH(.name = name, .from = "source",
					    .max_demand = window,
					    .timeout_ms = TEST_DEADLINE_MS));
}

static void note_key(uint64_t event, uint32_t shift)
{
	uint32_t keys = sluice_load_acquire(&visited->sent);

	while (!sluice_compare_exchange(
		&visited->sent, &keys,
		keys | 1u << (shift + (uint32_t)(event % KEYS))))
		;
}

/* As visitor_reads_all(), and which keys it has seen stands at @shift. */
static void reads_keys(const char *name, uint32_t shift, uint32_t most)
{
	struct sluice_stage *port = attach(name, 64);
	struct sluice_batch batch;
	int rc;

	/* Who is to have something in hand comes first. */
	if (shift > 0)
		child_await(&visited->stage, 1);
	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0) {
		VISITOR_MUST((batch.flags & SLUICE_BATCH_REDELIVERED) == 0 ||
			     batch.deliveries == 2);
		for (uint32_t i = 0; i < batch.count; i++)
			note_key(SLUICE_EVENTS(&batch, uint64_t)[i], shift);
		visitor_count(&batch);
		while (sluice_load_acquire(&visited->count) >= most)
			visitor_stays(1);
	}
	VISITOR_MUST(rc == -EPIPE);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

static void first_reads(void)
{
	reads_keys("reader", 0, 500);
}

static void first_takes_a_batch(void)
{
	reads_keys("reader", 0, 1);
}

static void second_reads(void)
{
	reads_keys("reader", 0, UINT32_MAX);
}

static void other_reads(void)
{
	reads_keys("other", KEYS, UINT32_MAX);
}

/* What was in hand comes first, in order and marked, and then the rest. */
static void reads_in_order(void)
{
	struct sluice_stage *port = attach("reader", 64);
	struct sluice_batch batch;
	uint64_t next = 0;
	uint32_t first = 1;
	int rc;

	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0) {
		const uint64_t *events = SLUICE_EVENTS(&batch, uint64_t);

		if (first) {
			VISITOR_MUST(batch.flags & SLUICE_BATCH_REDELIVERED);
			VISITOR_MUST(events[0] > 0 && events[0] <= 500);
			next = events[0];
		}
		first = 0;
		for (uint32_t i = 0; i < batch.count; i++)
			VISITOR_MUST(events[i] == next++);
		visitor_count(&batch);
	}
	VISITOR_MUST(rc == -EPIPE && next == VISITOR_EVENTS);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

static void await_phase(enum sluice_sub_phase phase)
{
	visitor_await_phase("reader", phase);
}

/* ---- it comes back ----------------------------------------------------------------- */

static void one_comes_back(void **state)
{
	struct visitor first = visitor_fork(first_reads);
	struct visitor second = visitor_fork(reads_in_order);

	(void)state;
	open_plain(LONG_MS);
	visitor_go(&first);
	child_await(&visited->stage, 1);
	visitor_kill(&first);
	await_phase(SLUICE_SUB_HELD);
	visitor_go(&second);
	visitor_wait(&second);
	visitor_drain();
	check_all(2);
}

/* What is its business is nobody else's, however far the other has come. */
static void keys_stay(const char *dispatcher)
{
	struct visitor first = visitor_fork(first_takes_a_batch);
	struct visitor second = visitor_fork(second_reads);
	struct visitor other = visitor_fork(other_reads);
	uint32_t keys;

	sluice_store_release(&begun, 0);
	open_keyed(LONG_MS, dispatcher);
	visitor_go(&first);
	visitor_go(&other);
	await_phase(SLUICE_SUB_OPEN);
	visitor_await_phase("other", SLUICE_SUB_OPEN);
	sluice_store_release(&begun, 1);
	sluice_wake(sluice_stage_find(pipeline, "source"));
	child_await(&visited->stage, 1);
	visitor_kill(&first);
	await_phase(SLUICE_SUB_HELD);
	/* The other goes on as far as it can without those keys. */
	flow_sleep_ms(20);
	visitor_go(&second);
	visitor_wait(&second);
	visitor_wait(&other);
	visitor_drain();
	check_all(2);
	keys = sluice_load_acquire(&visited->sent);
	if (keyed(dispatcher))
		assert_int_equal(keys & keys >> KEYS & 0xffff, 0);
}

static void keys_of_a_partition(void **state)
{
	(void)state;
	keys_stay("partition");
}

static void who_chooses_passes_it_over(void **state)
{
	(void)state;
	keys_stay("demand");
}

static void who_competes_passes_it_over(void **state)
{
	(void)state;
	keys_stay("shared");
}

static void dies_welcomed(void)
{
	struct attach attach = ATTACH_NONE;
	struct wire_hello hello;
	int rc;

	wire_init(&hello, WIRE_HELLO, sizeof(hello));
	hello.role = WIRE_CONSUMER;
	hello.max_demand = 64;
	(void)strcpy(hello.pipeline, "test");
	(void)strcpy(hello.peer, "reader");
	(void)strcpy(hello.from, "source");
	/* What the first had in hand has to be settled. */
	do
		rc = attach_open(&attach, &hello, visitor_folder,
				 attach_due(TEST_DEADLINE_MS));
	while (rc == -EAGAIN);
	VISITOR_MUST(rc == 0);
	visitor_stays(2);
}

static void reads_a_batch(void)
{
	struct sluice_stage *port = attach("reader", 64);
	struct sluice_batch batch;

	VISITOR_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
	VISITOR_MUST(batch.flags & SLUICE_BATCH_REDELIVERED);
	VISITOR_MUST(batch.deliveries == 2);
	visitor_stays(3);
}

/* The marks of all deaths before. */
static void reads_the_rest(void)
{
	struct sluice_stage *port = attach("reader", 64);
	struct sluice_batch batch;
	int rc;

	VISITOR_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
	VISITOR_MUST(batch.flags & SLUICE_BATCH_REDELIVERED);
	VISITOR_MUST(batch.deliveries == 3);
	do
		visitor_count(&batch);
	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0);
	VISITOR_MUST(rc == -EPIPE);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

/* One that never came as far as to read does not count. */
static void it_dies_again(void **state)
{
	struct visitor first = visitor_fork(first_reads);
	struct visitor welcomed = visitor_fork(dies_welcomed);
	struct visitor second = visitor_fork(reads_a_batch);
	struct visitor third = visitor_fork(reads_the_rest);

	(void)state;
	open_plain(LONG_MS);
	visitor_go(&first);
	child_await(&visited->stage, 1);
	visitor_kill(&first);
	visitor_go(&welcomed);
	child_await(&visited->stage, 2);
	visitor_kill(&welcomed);
	visitor_go(&second);
	child_await(&visited->stage, 3);
	visitor_kill(&second);
	visitor_go(&third);
	visitor_wait(&third);
	visitor_drain();
	check_all(2);
}

static void comes_back_and_stops(void)
{
	struct sluice_stage *port = attach("reader", 64);
	struct sluice_batch batch;
	int rc;

	VISITOR_MUST(raise(SIGSTOP) == 0);
	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0)
		;
	VISITOR_MUST(rc == -EIO);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

static void other_takes_the_rest(void)
{
	visitor_receives("other", UINT32_MAX);
}

static struct sluice_stage *asks(uint32_t n)
{
	struct sluice_stage *port = visitor_attach(
		SLUICE_ATTACH(.flags = SLUICE_ATTACH_MANUAL, .name = "reader",
			      .from = "source", .max_demand = 64));
	struct sluice_batch batch;
	uint32_t got = 0;

	VISITOR_MUST(sluice_ask(sluice_port_sub(port), n) == 0);
	while (got < n) {
		VISITOR_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
		visitor_count(&batch);
		got += batch.count;
	}
	VISITOR_MUST(got == n);
	VISITOR_MUST(sluice_recv(port, &batch, 20) == -EAGAIN);
	return port;
}

static void asks_for_five(void)
{
	(void)asks(5);
	visitor_stays(1);
}

static void asks_for_three(void)
{
	VISITOR_MUST(sluice_detach(asks(3), TEST_DEADLINE_MS) == 0);
}

/* Who comes back is given what was asked for, and no more. */
static void it_asks_as_before(void **state)
{
	struct visitor first = visitor_fork(asks_for_five);
	struct visitor second = visitor_fork(asks_for_three);
	struct visitor other = visitor_fork(other_takes_the_rest);

	(void)state;
	open_plain(LONG_MS);
	visitor_go(&first);
	child_await(&visited->stage, 1);
	visitor_kill(&first);
	await_phase(SLUICE_SUB_HELD);
	visitor_go(&second);
	visitor_wait(&second);
	visitor_go(&other);
	visitor_wait(&other);
	visitor_drain();
	check_all(1);
}

/* What was in hand waits for it, and nobody else has a word to say that would make
 * anybody look. */
static void it_comes_back_and_stops(void **state)
{
	struct visitor first = visitor_fork(first_reads);
	struct visitor second = visitor_fork(comes_back_and_stops);
	struct visitor other = visitor_fork(other_takes_the_rest);
	int status = 0;

	(void)state;
	visitor_open(SLUICE_STAGE_PEERS_CONSUME, 0);
	assert_int_equal(
		sluice_pipeline_listen(
			pipeline, SLUICE_LISTEN(.folder = visitor_folder,
						.on_stall = SLUICE_STALL_DETACH,
						.stall_ms = 1500)),
		0);
	flow_start(pipeline);
	visitor_go(&first);
	child_await(&visited->stage, 1);
	visitor_kill(&first);
	await_phase(SLUICE_SUB_HELD);
	visitor_go(&second);
	assert_int_equal(waitpid(second.pid, &status, WUNTRACED), second.pid);
	assert_true(WIFSTOPPED(status));
	await_phase(SLUICE_SUB_ENDED);
	assert_int_equal(kill(second.pid, SIGCONT), 0);
	visitor_wait(&second);
	visitor_go(&other);
	visitor_wait(&other);
	visitor_drain();
	check_all(2);
}

/* ---- it does not ------------------------------------------------------------------- */

/* @first dies, and what it had goes to the other, because of @why. */
static void given_up(uint32_t hold_ms, void (*dies)(void), void (*why)(void))
{
	struct visitor first = visitor_fork(dies);
	struct visitor other = visitor_fork(other_reads);

	open_plain(hold_ms);
	visitor_go(&first);
	child_await(&visited->stage, 1);
	visitor_go(&other);
	visitor_kill(&first);
	if (why != NULL)
		why();
	visitor_wait(&other);
	visitor_drain();
	check_all(2);
}

static void nobody_comes_in_time(void **state)
{
	(void)state;
	given_up(50, first_reads, NULL);
}

/* It had nothing, and the others do not wait for it. */
static void one_was_never_ready(void **state)
{
	struct visitor welcomed = visitor_fork(dies_welcomed);
	struct visitor other = visitor_fork(other_reads);

	(void)state;
	visitor_open_dealing("rr", SLUICE_STAGE_PEERS_CONSUME, 0);
	visitor_listen_holding(LONG_MS);
	flow_start(pipeline);
	visitor_go(&welcomed);
	child_await(&visited->stage, 2);
	visitor_kill(&welcomed);
	visitor_go(&other);
	visitor_wait(&other);
	visitor_drain();
	check_all(1);
}

static void one_without_a_name_reads(void)
{
	reads_keys(NULL, 0, 500);
}

static void one_without_a_name(void **state)
{
	(void)state;
	given_up(LONG_MS, one_without_a_name_reads, NULL);
}

static void end_its_stage(void)
{
	struct sluice_stage *stage;

	await_phase(SLUICE_SUB_HELD);
	stage = sluice_stage_find(pipeline, "reader");
	assert_non_null(stage);
	assert_int_equal(sluice_stage_end(stage, SLUICE_REASON_SHUTDOWN, 0), 0);
}

static void its_stage_is_ended(void **state)
{
	(void)state;
	given_up(LONG_MS, first_reads, end_its_stage);
}

/* All that is left is handled by the other before the drain has ended. */
static void drain_meanwhile(void)
{
	await_phase(SLUICE_SUB_HELD);
	if (sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS) != 0)
		fail_msg("%s", sluice_last_error());
}

static void others_drain_it(void **state)
{
	struct visitor first = visitor_fork(first_reads);
	struct visitor other = visitor_fork(other_reads);
	uint64_t handled = 0;

	(void)state;
	open_plain(LONG_MS);
	visitor_go(&first);
	child_await(&visited->stage, 1);
	visitor_go(&other);
	child_await(&visited->count, 600);
	visitor_kill(&first);
	drain_meanwhile();
	visitor_wait(&other);
	while (handled < VISITOR_EVENTS &&
	       sluice_load_acquire(&visited->handled[handled]) > 0)
		handled++;
	assert_int_equal(handled, source.next);
	sluice_pipeline_close(pipeline);
}

static void reads_with_another_window(void)
{
	struct sluice_stage *port = attach("reader", 32);
	struct sluice_batch batch;
	int rc;

	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0)
		visitor_count(&batch);
	VISITOR_MUST(rc == -EPIPE);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

/* It is let in, as anybody is; and what the first had comes to it as to anybody. */
static void it_comes_with_other_options(void **state)
{
	struct visitor first = visitor_fork(first_reads);
	struct visitor second = visitor_fork(reads_with_another_window);

	(void)state;
	open_plain(LONG_MS);
	visitor_go(&first);
	child_await(&visited->stage, 1);
	visitor_kill(&first);
	visitor_go(&second);
	visitor_wait(&second);
	visitor_drain();
	check_all(2);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(one_comes_back),
		cmocka_unit_test(keys_of_a_partition),
		cmocka_unit_test(who_chooses_passes_it_over),
		cmocka_unit_test(who_competes_passes_it_over),
		cmocka_unit_test(it_dies_again),
		cmocka_unit_test(it_asks_as_before),
		cmocka_unit_test(it_comes_back_and_stops),
		cmocka_unit_test(one_was_never_ready),
		cmocka_unit_test(nobody_comes_in_time),
		cmocka_unit_test(one_without_a_name),
		cmocka_unit_test(its_stage_is_ended),
		cmocka_unit_test(others_drain_it),
		cmocka_unit_test(it_comes_with_other_options),
	};

	visitor_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
