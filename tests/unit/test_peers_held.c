/* SPDX-License-Identifier: Apache-2.0 */
/* A consumer in another process dies: its place is kept for one of its name. */
#include "held.h"

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

/* ---- who reads ------------------------------------------------------------------- */

static void first_takes_a_batch(void)
{
	reads_keys("reader", 0, 1);
}

static void second_reads(void)
{
	reads_keys("reader", 0, UINT32_MAX);
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

/* ---- it comes back ----------------------------------------------------------------- */

static void one_comes_back(void **state)
{
	struct visitor first = visitor_fork(first_reads);
	struct visitor second = visitor_fork(reads_in_order);

	(void)state;
	open_plain(LONG_MS);
	first_goes_away(&first);
	visitor_go(&second);
	visitor_wait(&second);
	visitor_drain();
	(void)visitor_check_all(2);
}

/* So many batches, and the most that it found. */
static struct sluice_subscription_stats counts_of_reader(void)
{
	struct sluice_subscription_stats counts = {0};
	struct sluice_snapshot *now = NULL;

	assert_int_equal(sluice_pipeline_stat(pipeline, &now), 0);
	for (uint32_t i = 0; i < now->subscription_count; i++)
		if (strcmp(now->subscriptions[i]->consumer, "reader") == 0)
			counts = now->subscriptions[i]->counts;
	sluice_snapshot_close(now);
	return counts;
}

static void finishes_one_batch(void)
{
	struct sluice_stage *port = attach("reader", 64);
	struct sluice_batch batch;

	VISITOR_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
	VISITOR_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
	visitor_stays(2);
}

/* What was counted of the place goes on. */
static void counts_go_on(void **state)
{
	struct visitor first = visitor_fork(first_reads);
	struct visitor second = visitor_fork(finishes_one_batch);
	struct sluice_subscription_stats before;
	struct sluice_subscription_stats after;

	(void)state;
	open_plain(LONG_MS);
	first_goes_away(&first);
	before = counts_of_reader();
	assert_true(before.batches > 1 && before.high > 0);
	visitor_go(&second);
	child_await(&visited->stage, 2);
	await_phase(SLUICE_SUB_OPEN); /* the stage looks where it writes */
	after = counts_of_reader();
	assert_int_equal(after.batches, before.batches + 1);
	assert_true(after.high >= before.high);
	visitor_kill(&second);
	visitor_stop();
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
	(void)visitor_check_all(2);
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
	(void)visitor_check_all(2);
}

/* It may be given some more before it is told that it was sent away. What it has
 * acknowledged by then may be believed, and is nobody else's; the rest comes again. */
static void is_given(const struct sluice_batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++)
		(void)sluice_fetch_add(
			&visited->given[SLUICE_EVENTS(batch, uint64_t)[i]], 1);
}

static void given_at_the_end(void)
{
	for (uint32_t i = 0; i < VISITOR_EVENTS; i++)
		if (sluice_load_acquire(&visited->handled[i]) == 0 &&
		    sluice_load_acquire(&visited->given[i]) == 1)
			sluice_store_release(&visited->handled[i], 1);
}

static void comes_back_and_stops(void)
{
	struct sluice_stage *port = attach("reader", 64);
	struct sluice_batch batch;
	int rc;

	VISITOR_MUST(raise(SIGSTOP) == 0);
	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0)
		is_given(&batch);
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
	first_goes_away(&first);
	visitor_go(&second);
	visitor_wait(&second);
	visitor_go(&other);
	visitor_wait(&other);
	visitor_drain();
	(void)visitor_check_all(1);
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
	first_goes_away(&first);
	visitor_go(&second);
	assert_int_equal(waitpid(second.pid, &status, WUNTRACED), second.pid);
	assert_true(WIFSTOPPED(status));
	await_phase(SLUICE_SUB_ENDED);
	assert_int_equal(kill(second.pid, SIGCONT), 0);
	visitor_wait(&second);
	visitor_go(&other);
	visitor_wait(&other);
	visitor_drain();
	given_at_the_end();
	(void)visitor_check_all(2);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(one_comes_back),
		cmocka_unit_test(keys_of_a_partition),
		cmocka_unit_test(who_chooses_passes_it_over),
		cmocka_unit_test(who_competes_passes_it_over),
		cmocka_unit_test(it_dies_again),
		cmocka_unit_test(counts_go_on),
		cmocka_unit_test(it_asks_as_before),
		cmocka_unit_test(it_comes_back_and_stops),
	};

	visitor_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
