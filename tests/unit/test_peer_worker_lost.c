/* SPDX-License-Identifier: Apache-2.0 */
/* Workers whose connection alone is lost, while they live: their places are kept as those
 * of the dead are, and what they write then counts only as far as it is settled. */
#include "engine/graph/subscriptions_priv.h"
#include "engine/peer/share_priv.h"
#include "peer_worker.h"

#include <sys/socket.h>

#define LONG_MS 3600000u
#define FDS     64 /* it has fewer */
#define HALF    32u

/* ---- a peer of the library's ----------------------------------------------------- */

static void lives_without_a_connection(void)
{
	struct sluice_batch batch;

	attach_as("worker");
	batch = receive();
	answer(&batch);
	batch = receive();
	VISITOR_MUST(batch.count > 0);
	for (int fd = 3; fd < FDS; fd++)
		(void)shutdown(fd, SHUT_RDWR);
	visitor_stays(1);
}

static void does_the_rest(void)
{
	struct sluice_batch batch;

	attach_as("worker");
	batch = receive();
	VISITOR_MUST(batch.flags & SLUICE_BATCH_REDELIVERED);
	VISITOR_MUST(batch.deliveries == 2);
	answer(&batch);
	work();
	leave();
}

static void one_comes_back(const char *dispatcher)
{
	struct visitor first = visitor_fork(lives_without_a_connection);
	struct visitor second = visitor_fork(does_the_rest);

	open_holding(dispatcher, LONG_MS);
	visitor_go(&first);
	child_await(&visited->stage, 1);
	visitor_await_phase("worker", SLUICE_SUB_HELD);
	visitor_go(&second);
	visitor_wait(&second);
	visitor_drain();
	assert_int_equal(check_book(0), 0);
	visitor_kill(&first);
}

static void its_place_is_kept(void **state)
{
	(void)state;
	one_comes_back("demand");
}

static void its_place_is_kept_in_the_order(void **state)
{
	(void)state;
	one_comes_back("ordered");
	assert_int_equal(book.disorder, 0);
}

/* ---- one that goes on writing ------------------------------------------------------ */

/* Its two ends, by hand. */
static struct share_found ends[2];
static uint64_t answered;

static void by_hand(struct attach *attach)
{
	struct wire_hello hello;
	int rc;

	wire_init(&hello, WIRE_HELLO, sizeof(hello));
	hello.role = WIRE_WORKER;
	hello.max_demand = 64;
	hello.ring_events = 128;
	(void)strcpy(hello.pipeline, "test");
	(void)strcpy(hello.peer, "worker");
	(void)strcpy(hello.from, "source");
	(void)strcpy(hello.to, "sink");
	rc = attach_open(attach, &hello, visitor_folder,
			 attach_due(TEST_DEADLINE_MS));
	VISITOR_MUST(rc == 0);
	VISITOR_MUST(share_find(&ends[WIRE_FROM], attach, WIRE_FROM) == 0);
	VISITOR_MUST(share_find(&ends[WIRE_TO], attach, WIRE_TO) == 0);
	VISITOR_MUST(attach_ready(attach) == 0);
}

static void signal_engine(void)
{
	const uint64_t one = 1;

	VISITOR_MUST(write(ends[WIRE_FROM].far.bell.fd, &one, sizeof(one)) ==
		     (ssize_t)sizeof(one));
}

static void ask_up_to(uint64_t position)
{
	sluice_store_release(&ends[WIRE_FROM].words.rx->granted, position);
	signal_engine();
}

/* The results of events up to @end, and @junk more that are of none. */
static void publish_up_to(uint64_t end, uint64_t junk)
{
	for (uint64_t at = answered; at != end + junk; at++) {
		struct item item;
		uint64_t from = at % 64 * sizeof(item);
		uint64_t to = at % 128 * sizeof(item);

		memcpy(&item, ends[WIRE_FROM].words.slots + from, sizeof(item));
		item.value = at < end ? item.value + 1 : 1;
		memcpy(ends[WIRE_TO].words.slots + to, &item, sizeof(item));
	}
	answered = end;
	sluice_store_release(&ends[WIRE_TO].words.tx->published, end + junk);
	signal_engine();
}

static void await_events(uint64_t n)
{
	while (sluice_load_acquire(&ends[WIRE_FROM].words.tx->published) < n)
		flow_sleep_ms(1);
}

/* It has its results ready when its connection is lost, hands them over once it may, and
 * then what is none. It says what it has done in `sent`, and is told by `stage`. */
static void writes_on(void)
{
	struct attach attach;

	by_hand(&attach);
	ask_up_to(HALF);
	await_events(HALF);
	ask_up_to(2 * HALF);
	child_await(&visited->stage, 1);
	VISITOR_MUST(shutdown(attach.socket, SHUT_RDWR) == 0);
	child_await(&visited->stage, 2);
	publish_up_to(HALF, 0);
	sluice_store_release(&ends[WIRE_FROM].words.rx->acked, HALF);
	sluice_store_release(&visited->sent, 1);
	child_await(&visited->stage, 3);
	publish_up_to(HALF, 8);
	sluice_store_release(&ends[WIRE_FROM].words.rx->acked, HALF + 8);
	sluice_store_release(&visited->sent, 2);
	for (;;)
		(void)pause();
}

/* The worker's subscription: that which it reads, or that which it feeds. */
static struct subscription *of_worker(int fed)
{
	struct subscription *found = NULL;

	pipeline_lock(pipeline);
	for (uint32_t i = 0; i < pipeline->sub_count; i++) {
		struct subscription *sub = subscription_at(pipeline, i);

		if (sub->far.side == (fed ? FAR_PRODUCER : FAR_CONSUMER))
			found = sub;
	}
	pipeline_unlock(pipeline);
	assert_non_null(found);
	return found;
}

/* What its source believes of its receipts has its results before the cut: though it
 * hands these over when its connection is lost already. And behind that is nothing. */
static void it_writes_on(const char *dispatcher)
{
	struct visitor first = visitor_fork(writes_on);
	struct visitor second = visitor_fork(works);

	count_stops_at = HALF;
	sluice_store_release(&count_stopped, 0);
	sluice_store_release(&count_goes_on, 0);
	open_holding(dispatcher, LONG_MS);
	visitor_go(&first);
	child_await(&count_stopped, 1);
	sluice_store_release(&visited->stage, 1);
	child_await(&of_worker(0)->by_control.hold, 1);
	sluice_store_release(&visited->stage, 2);
	child_await(&visited->sent, 1);
	assert_int_equal(sluice_load_acquire(&of_worker(1)->by_control.hold),
			 0);
	sluice_store_release(&count_goes_on, 1);
	child_await(&of_worker(1)->by_producer.held, 1);
	sluice_store_release(&visited->stage, 3);
	child_await(&visited->sent, 2);
	visitor_go(&second);
	visitor_wait(&second);
	visitor_drain();
	count_stops_at = 0;
	assert_int_equal(check_book(0), 0);
	visitor_kill(&first);
}

static void one_writes_on(void **state)
{
	(void)state;
	it_writes_on("demand");
}

static void one_writes_on_in_the_order(void **state)
{
	(void)state;
	it_writes_on("ordered");
	assert_int_equal(book.disorder, 0);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(its_place_is_kept),
		cmocka_unit_test(its_place_is_kept_in_the_order),
		cmocka_unit_test(one_writes_on),
		cmocka_unit_test(one_writes_on_in_the_order),
	};

	visitor_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
