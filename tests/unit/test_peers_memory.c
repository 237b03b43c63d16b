/* SPDX-License-Identifier: Apache-2.0 */
/* What peers may take up: bytes_max of all, bytes_per_peer of one. Most of them are of this
 * process, which may as well attach to its own pipeline. */
#include "visitor.h"

#include <pthread.h>

/* A ring, so large that what is beside it does not count: there is room for two. */
#define WINDOW     (1u << 16)
#define RING_BYTES (UINT64_C(8) * WINDOW)
#define ROOM_FOR_2 (2 * RING_BYTES + RING_BYTES * 3 / 4)
#define ROOM_FOR_1 (RING_BYTES + RING_BYTES * 3 / 4)
#define COMERS     8u

/* What a peer leaves unread would lie in its memory until somebody has it. */
static int sends_nothing(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_OK;
}

static void open_dealing(const char *dispatcher,
			 const struct sluice_listen_opts *opts)
{
	struct sluice_listen_opts o = *opts;

	o.folder = visitor_folder;
	o.hello_ms = TEST_DEADLINE_MS;
	memset(&sink, 0, sizeof(sink));
	pipeline = flow_open_named(2);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = sends_nothing,
			      .flags = SLUICE_STAGE_PEERS_CONSUME,
			      .dispatcher = dispatcher,
			      .ring_events = dispatcher ? WINDOW : 0,
			      .on_idle = SLUICE_IDLE_STAY));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = flow_collect,
			      .flags = SLUICE_STAGE_PEERS_FEED,
			      .on_idle = SLUICE_IDLE_STAY, .state = &sink));
	assert_int_equal(sluice_pipeline_listen(pipeline, &o), 0);
	flow_start(pipeline);
}

static void open_with(const struct sluice_listen_opts *opts)
{
	open_dealing(NULL, opts);
}

static int try_as(const char *name, struct sluice_stage **port)
{
	return visitor_try_attach(
		port, SLUICE_ATTACH(.name = name, .from = "source",
				    .max_demand = WINDOW,
				    .timeout_ms = TEST_DEADLINE_MS));
}

static struct sluice_stage *attach_as(const char *name)
{
	struct sluice_stage *port = NULL;

	if (try_as(name, &port) != 0)
		fail_msg("%s", sluice_last_error());
	return port;
}

static void leave(struct sluice_stage *port)
{
	assert_int_equal(sluice_detach(port, TEST_DEADLINE_MS), 0);
}

static void expect_refused(const char *name)
{
	struct sluice_stage *port = NULL;

	assert_int_equal(try_as(name, &port), -ENOSPC);
	assert_text_has(sluice_last_error(),
			": max_demand 65536 of 8 bytes each takes ");
	assert_text_has(sluice_last_error(), " of bytes_max, ");
}

/* When its memory is there again. */
static struct sluice_stage *attach_at_last(const char *name)
{
	struct sluice_stage *port = NULL;
	int rc = -ENOSPC;

	for (uint32_t ms = 0; rc == -ENOSPC; ms++) {
		assert_true(ms < TEST_DEADLINE_MS);
		rc = try_as(name, &port);
		flow_sleep_ms(1);
	}
	if (rc != 0)
		fail_msg("%s", sluice_last_error());
	return port;
}

static void close_all(void)
{
	sluice_pipeline_stop(pipeline);
	sluice_pipeline_close(pipeline);
}

/* ---- bytes_max ----------------------------------------------------------------- */

static void who_leaves_makes_room(void **state)
{
	struct sluice_stage *first;
	struct sluice_stage *second;

	(void)state;
	open_with(SLUICE_LISTEN(.bytes_max = ROOM_FOR_2));
	first = attach_as("first");
	second = attach_as("second");
	expect_refused("third");
	leave(first);
	first = attach_at_last("third");
	expect_refused("fourth");
	leave(first);
	leave(second);
	close_all();
}

/* All of them have asked before any has left. */
static struct {
	pthread_barrier_t all;
	sluice_a32 admitted;
} comers;

static void *comes(void *name)
{
	struct sluice_stage *port = NULL;
	int rc;

	(void)pthread_barrier_wait(&comers.all);
	rc = try_as(name, &port);
	if (rc == 0)
		(void)sluice_fetch_add(&comers.admitted, 1);
	else if (rc != -ENOSPC)
		(void)sluice_fetch_add(&comers.admitted, 100);
	(void)pthread_barrier_wait(&comers.all);
	if (rc == 0)
		rc = sluice_detach(port, TEST_DEADLINE_MS);
	return NULL;
}

static void of_many_at_once_as_many_as_there_is_room(void **state)
{
	pthread_t thread[COMERS];
	char name[COMERS][8];

	(void)state;
	open_with(SLUICE_LISTEN(.bytes_max = ROOM_FOR_2));
	sluice_store_release(&comers.admitted, 0);
	assert_int_equal(pthread_barrier_init(&comers.all, NULL, COMERS), 0);
	for (uint32_t i = 0; i < COMERS; i++) {
		(void)snprintf(name[i], sizeof(name[i]), "p%u", i);
		assert_int_equal(
			pthread_create(&thread[i], NULL, comes, name[i]), 0);
	}
	for (uint32_t i = 0; i < COMERS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	(void)pthread_barrier_destroy(&comers.all);
	assert_int_equal(sluice_load_acquire(&comers.admitted), 2);
	close_all();
}

/* Its ring is everybody's. */
static void a_reader_of_a_broadcast_takes_no_ring(void **state)
{
	struct sluice_stage *port[3];
	static const char *const names[] = {"first", "second", "third"};

	(void)state;
	open_dealing("broadcast", SLUICE_LISTEN(.bytes_max = RING_BYTES));
	for (uint32_t i = 0; i < 3; i++)
		port[i] = attach_as(names[i]);
	for (uint32_t i = 0; i < 3; i++)
		leave(port[i]);
	close_all();
}

static void comes_and_stays(void)
{
	struct sluice_stage *port = NULL;

	VISITOR_MUST(try_as("reader", &port) == 0);
	visitor_stays(1);
}

static void comes_and_leaves(void)
{
	struct sluice_stage *port = NULL;

	VISITOR_MUST(try_as("reader", &port) == 0);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

/* For its successor it is there. */
static void a_place_that_is_kept_counts(void **state)
{
	struct visitor first = visitor_fork(comes_and_stays);
	struct visitor second = visitor_fork(comes_and_leaves);

	(void)state;
	open_with(SLUICE_LISTEN(.bytes_max = ROOM_FOR_1,
				.hold_ms = SLUICE_HOLD_MS(3600000)));
	visitor_go(&first);
	child_await(&visited->stage, 1);
	visitor_kill(&first);
	visitor_await_phase("reader", SLUICE_SUB_HELD);
	expect_refused("another");
	visitor_go(&second);
	visitor_wait(&second);
	leave(attach_at_last("another"));
	close_all();
}

/* ---- bytes_per_peer ------------------------------------------------------------- */

static int try_worker(struct sluice_stage **port, uint32_t ring_events)
{
	return visitor_try_attach(
		port, SLUICE_ATTACH(.name = "worker", .from = "source",
				    .to = "sink", .max_demand = WINDOW,
				    .ring_events = ring_events));
}

/* Its second ring is one too many. */
static void a_worker_has_two_rings(void **state)
{
	struct sluice_stage *port = NULL;

	(void)state;
	open_with(SLUICE_LISTEN(.bytes_max = 8 * RING_BYTES,
				.bytes_per_peer = ROOM_FOR_1));
	assert_int_equal(try_worker(&port, WINDOW), -ENOSPC);
	assert_text_has(sluice_last_error(), "peer 'worker': ring_events 65536 "
					     "of 8 bytes each takes ");
	assert_text_has(sluice_last_error(), " of bytes_per_peer, ");
	port = attach_as("first");
	leave(port);
	close_all();
}

/* And what of it was there is given back. */
static void a_worker_that_was_refused_has_nothing(void **state)
{
	struct sluice_stage *port = NULL;

	(void)state;
	open_with(SLUICE_LISTEN(.bytes_max = ROOM_FOR_1));
	assert_int_equal(try_worker(&port, WINDOW), -ENOSPC);
	port = attach_at_last("first");
	leave(port);
	close_all();
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(who_leaves_makes_room),
		cmocka_unit_test(of_many_at_once_as_many_as_there_is_room),
		cmocka_unit_test(a_reader_of_a_broadcast_takes_no_ring),
		cmocka_unit_test(a_place_that_is_kept_counts),
		cmocka_unit_test(a_worker_has_two_rings),
		cmocka_unit_test(a_worker_that_was_refused_has_nothing),
	};

	visitor_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("peers_memory", tests, NULL, NULL);
}
