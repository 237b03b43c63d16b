/* SPDX-License-Identifier: Apache-2.0 */
/* A peer attaches, and the system refuses something: each call that may fail does so
 * once, in the peer, and then in the engine's thread for peers. Both are this process.
 * The peer is told why, both hold nothing then, and the next one is let in. */
#include "neighbour.h"
#include "ring/base_priv.h"
#include "tests/support/faults.h"

#include <stdio.h>

#define N_MAX  200u /* nobody makes so many calls of one kind */
#define ENGINE "test/peers"

static struct flow_sink sink;

/* What is read comes from a port, so that there is none of it that nobody has read. */
static void engine_open(void)
{
	memset(&sink, 0, sizeof(sink));
	neighbour_open();
	flow_add(pipeline, SLUICE_STAGE(.name = "source",
					.kind = SLUICE_PRODUCER, .out_bytes = 8,
					.flags = SLUICE_STAGE_PORT |
						 SLUICE_STAGE_PEERS_CONSUME,
					.on_idle = SLUICE_IDLE_STAY));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = flow_collect,
			      .flags = SLUICE_STAGE_PEERS_FEED,
			      .on_idle = SLUICE_IDLE_STAY, .state = &sink));
	neighbour_start(SLUICE_LISTEN(.hold_ms = SLUICE_HOLD_MS(0)));
}

/* ---- what both hold --------------------------------------------------------------- */

struct held {
	int64_t live;
	int fds;
	int regions;
};

static struct held held_now(void)
{
	return (struct held){.live = fault_live(),
			     .fds = fds_count(),
			     .regions = fds_mappings("memfd:sluice:")};
}

static int held_no_more_than(const struct held *now, const struct held *before)
{
	return now->live <= before->live && now->fds == before->fds &&
	       now->regions == before->regions;
}

/* ---- a peer ------------------------------------------------------------------------ */

/* The engine lets go a moment later, whether anybody comes or not. It may not have heard
 * of somebody yet who went at once: what was seen counts, not what is there then. */
static void await_let_go(const struct held *before)
{
	struct held now = held_now();

	for (uint32_t ms = 0;
	     ms < FLOW_DEADLINE_MS && !held_no_more_than(&now, before); ms++) {
		flow_sleep_ms(1);
		now = held_now();
	}
	assert_in_range(now.live, 0, before->live);
	assert_int_equal(now.fds, before->fds);
	assert_int_equal(now.regions, before->regions);
}

/* It has heard of whoever came before when it refuses the next one. */
static void await_held(const struct held *before)
{
	struct sluice_stage *port;

	assert_int_equal(
		attach_as(&port, "next",
			  (struct sluice_attach_opts){.from = "nobody"}),
		-ENOENT);
	await_let_go(before);
	assert_null(sluice_stage_find(pipeline, "peer"));
}

static const struct sluice_attach_opts reads = {.from = "source"};
static const struct sluice_attach_opts writes = {.to = "sink"};

static int consume(void)
{
	struct sluice_stage *out = sluice_stage_find(pipeline, "source");
	uint64_t event = 1;
	struct sluice_stage *port;
	struct sluice_batch batch;
	int rc = attach_as(&port, "peer", reads);

	if (rc < 0)
		return rc;
	assert_int_equal(sluice_send(out, &event, 1, FLOW_DEADLINE_MS), 1);
	assert_int_equal(sluice_recv(port, &batch, FLOW_DEADLINE_MS), 1);
	assert_int_equal(sluice_recv(port, &batch, 0), -EAGAIN);
	assert_int_equal(sluice_detach(port, FLOW_DEADLINE_MS), 0);
	return 0;
}

static int feed(void)
{
	uint64_t event = 1;
	struct sluice_stage *port;
	int rc = attach_as(&port, "peer", writes);

	if (rc < 0)
		return rc;
	assert_int_equal(sluice_send(port, &event, 1, FLOW_DEADLINE_MS), 1);
	assert_int_equal(sluice_detach(port, FLOW_DEADLINE_MS), 0);
	return 0;
}

/* It looks once. */
static int look(void)
{
	struct sluice_watch *watch;
	struct sluice_snapshot *now;
	int rc = sluice_watch_open(
		&watch, SLUICE_WATCH(.pipeline = "test", .folder = folder,
				     .timeout_ms = FLOW_DEADLINE_MS));

	if (rc < 0)
		return rc;
	assert_int_equal(sluice_watch_read(watch, NULL, 0), -EINVAL);
	rc = sluice_watch_read(watch, &now, FLOW_DEADLINE_MS);
	if (rc == 0)
		sluice_snapshot_close(now);
	sluice_watch_close(watch);
	return rc;
}

/* Places of stages, once made, are there for the next ones: more of them than are
 * needed at a time, for one is free a moment after its stage has gone. */
static struct held make_places(int (*peer)(void))
{
	struct sluice_stage *ports[8];
	struct held before = held_now();
	int64_t live = INT64_MAX;
	char name[8];

	for (uint32_t i = 0; i < UNIT_COUNT(ports); i++) {
		(void)snprintf(name, sizeof(name), "p%u", i);
		assert_int_equal(attach_as(&ports[i], name,
					   peer == feed ? writes : reads),
				 0);
	}
	for (uint32_t i = 0; i < UNIT_COUNT(ports); i++)
		assert_int_equal(sluice_detach(ports[i], FLOW_DEADLINE_MS), 0);
	before.live = INT64_MAX;
	/* A seat may be freed a moment after what it held. */
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(peer(), 0);
		await_held(&before);
		live = fault_live() < live ? fault_live() : live;
	}
	before.live = live;
	return before;
}

/* ---- each call fails once ----------------------------------------------------------- */

static struct fault_row {
	const char *test;
	int (*peer)(void);
	const char *call;
	int error;
	int otherwise;      /* another code that may come of it; 0: none */
	const char *thread; /* in which it fails */
	uint32_t at_least;  /* calls that are refused */
} rows[] = {
	{"reads_calloc", consume, "calloc", ENOMEM, 0, FAULT_MINE, 2},
	{"reads_malloc", consume, "malloc", ENOMEM, 0, FAULT_MINE, 2},
	{"reads_aligned", consume, "aligned_alloc", ENOMEM, 0, FAULT_MINE, 5},
	{"reads_memfd", consume, "memfd_create", EMFILE, 0, FAULT_MINE, 2},
	{"reads_mmap", consume, "mmap", ENOMEM, 0, FAULT_MINE, 5},
	{"reads_fallocate", consume, "fallocate", ENOSPC, 0, FAULT_MINE, 2},
	{"reads_thread", consume, "pthread_create", EAGAIN, 0, FAULT_MINE, 1},
	{"reads_eventfd", consume, "eventfd", EMFILE, 0, FAULT_MINE, 1},
	{"reads_socket", consume, "socket", EMFILE, 0, FAULT_MINE, 1},
	{"reads_setsockopt", consume, "setsockopt", EDOM, 0, FAULT_MINE, 1},
	{"reads_connect", consume, "connect", EACCES, 0, FAULT_MINE, 1},
	{"reads_sendmsg", consume, "sendmsg", ENOBUFS, 0, FAULT_MINE, 2},
	{"reads_poll", consume, "poll", ENOMEM, 0, FAULT_MINE, 1},
	{"reads_recvmsg", consume, "recvmsg", ENOMEM, 0, FAULT_MINE, 1},
	{"reads_statx", consume, "statx", ENOMEM, -EPROTO, FAULT_MINE, 4},
	{"reads_fcntl", consume, "fcntl", EINVAL, -EPROTO, FAULT_MINE, 3},
	{"feeds_calloc", feed, "calloc", ENOMEM, 0, FAULT_MINE, 2},
	{"feeds_aligned", feed, "aligned_alloc", ENOMEM, 0, FAULT_MINE, 5},
	{"feeds_mmap", feed, "mmap", ENOMEM, 0, FAULT_MINE, 5},

	{"reads_send_again", consume, "sendmsg", EINTR, 0, FAULT_MINE, 2},
	{"reads_receive_again", consume, "recvmsg", EINTR, 0, FAULT_MINE, 1},
	{"looks_heap", look, "heap", ENOMEM, 0, FAULT_MINE, 2},
	{"looks_strdup", look, "strdup", ENOMEM, 0, FAULT_MINE, 1},
	{"looks_mmap", look, "mmap", ENOMEM, 0, FAULT_MINE, 1},
	{"looks_sendmsg", look, "sendmsg", ENOBUFS, 0, FAULT_MINE, 1},
	{"looks_poll", look, "poll", ENOMEM, 0, FAULT_MINE, 1},

	{"let_read_calloc", consume, "calloc", ENOMEM, 0, ENGINE, 3},
	{"let_read_malloc", consume, "malloc", ENOMEM, 0, ENGINE, 0},
	{"let_read_aligned", consume, "aligned_alloc", ENOMEM, 0, ENGINE, 3},
	{"let_read_memfd", consume, "memfd_create", EMFILE, 0, ENGINE, 2},
	{"let_read_ftruncate", consume, "ftruncate", EFBIG, 0, ENGINE, 2},
	{"let_read_fallocate", consume, "fallocate", ENOSPC, 0, ENGINE, 2},
	{"let_read_mmap", consume, "mmap", ENOMEM, 0, ENGINE, 2},
	{"let_read_fcntl", consume, "fcntl", EMFILE, 0, ENGINE, 5},
	{"let_read_open", consume, "open", EMFILE, 0, ENGINE, 2},
	{"let_read_socketpair", consume, "socketpair", EMFILE, 0, ENGINE, 1},
	{"let_read_eventfd", consume, "eventfd", EMFILE, 0, ENGINE, 1},
	{"let_read_getsockopt", consume, "getsockopt", EPERM, 0, ENGINE, 2},
	{"let_read_sendmsg", consume, "sendmsg", ENOBUFS, 0, ENGINE, 1},
	{"let_feed_calloc", feed, "calloc", ENOMEM, 0, ENGINE, 3},
	{"let_feed_aligned", feed, "aligned_alloc", ENOMEM, 0, ENGINE, 3},
	{"let_feed_memfd", feed, "memfd_create", EMFILE, 0, ENGINE, 2},
	{"let_look_heap", look, "heap", ENOMEM, 0, ENGINE, 2},
	{"let_look_memfd", look, "memfd_create", EMFILE, 0, ENGINE, 1},
	{"let_look_ftruncate", look, "ftruncate", EFBIG, 0, ENGINE, 1},
	{"let_look_fallocate", look, "fallocate", ENOSPC, 0, ENGINE, 1},
	{"let_look_mmap", look, "mmap", ENOMEM, 0, ENGINE, 1},
	{"let_look_fcntl", look, "fcntl", EPERM, 0, ENGINE, 1},
	{"let_look_open", look, "open", EMFILE, 0, ENGINE, 1},
	{"let_read_poll_again", consume, "poll", EINTR, 0, ENGINE, 1},
	{"let_come_emfile", consume, "accept4", EMFILE, 0, ENGINE, 2},
	{"let_come_enfile", consume, "accept4", ENFILE, -EMFILE, ENGINE, 2},
	{"let_come_aborted", consume, "accept4", ECONNABORTED, 0, ENGINE, 1},
	{"let_come_signal", consume, "accept4", EINTR, 0, ENGINE, 1},
	{"let_come_later", consume, "accept4", ENOMEM, 0, ENGINE, 1},
};

static void attaching_fails_and_holds_nothing(void **state)
{
	const struct fault_row *row = *state;
	uint32_t refused = 0;
	struct held before;
	int rc = 0;

	assert_int_equal(flow_setup(state), 0);
	engine_open();
	before = make_places(row->peer);
	for (uint32_t n = 1; n < N_MAX; n++) {
		uint32_t once;

		(void)sluice_fail(-1, "nothing is told");
		fault_arm(row->call, row->error, n, row->thread);
		rc = row->peer();
		once = fault_disarm();
		refused += once;
		if (rc != 0) {
			assert_true(rc == -row->error || rc == row->otherwise);
			assert_string_not_equal(sluice_last_error(),
						"nothing is told");
			await_let_go(&before);
		}
		await_held(&before);
		if (once == 0)
			break;
	}
	assert_int_equal(rc, 0);
	assert_in_range(refused, row->at_least, N_MAX - 2);
	neighbour_close();
	assert_int_equal(flow_teardown(state), 0);
}

/* ---- observers -------------------------------------------------------------------------- */

/* Another is refused; and for a while there is no memory for a snapshot. */
static void who_watches_sees_on(void **state)
{
	struct sluice_watch *watch;

	(void)state;
	engine_open();
	watch = watch_open();
	watch_sees(watch);
	fault_arm("open", EMFILE, 1, ENGINE);
	assert_int_equal(look(), -EMFILE);
	assert_int_equal(fault_disarm(), 1);
	watch_sees(watch);
	fault_arm("heap", ENOMEM, FAULT_EACH, ENGINE);
	for (uint32_t ms = 0; FAULT_LOAD(refused) == 0; ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	(void)fault_disarm();
	watch_sees(watch);
	watch_sees(watch);
	sluice_watch_close(watch);
	neighbour_close();
}

/* Whoever waits does not spin. */
static void who_watches_may_not_poll(void **state)
{
	struct sluice_watch *watch;

	(void)state;
	engine_open();
	watch = watch_open();
	watch_sees(watch);
	fault_arm("poll", ENOSYS, FAULT_EACH, FAULT_MINE);
	watch_sees(watch);
	watch_sees(watch);
	(void)fault_disarm();
	sluice_watch_close(watch);
	neighbour_close();
}

/* ---- without poll() ------------------------------------------------------------------ */

/* As in a sandbox: both ends look now and then, and all goes on. */
static void without_a_poll(const char *thread)
{
	struct sluice_stage *in;
	struct sluice_stage *out;
	struct sluice_batch batch;
	uint64_t event = 1;

	engine_open();
	fault_arm("poll", ENOSYS, FAULT_EACH, thread);
	assert_int_equal(consume(), 0);
	assert_int_equal(feed(), 0);
	assert_int_equal(look(), 0);
	assert_int_equal(attach_as(&out, "out", writes), 0);
	assert_int_equal(attach_as(&in, "in", reads), 0);
	assert_int_equal(sluice_send(out, &event, 1, FLOW_DEADLINE_MS), 1);
	/* They are told of the end. */
	sluice_pipeline_stop(pipeline);
	assert_true(sluice_recv(in, &batch, FLOW_DEADLINE_MS) < 0);
	assert_int_equal(sluice_detach(in, FLOW_DEADLINE_MS), 0);
	(void)!sluice_detach(out, FLOW_DEADLINE_MS);
	assert_true(fault_disarm() > 0);
	neighbour_close();
}

static void the_engine_may_not_poll(void **state)
{
	(void)state;
	without_a_poll(ENGINE);
}

static void a_peers_thread_may_not_poll(void **state)
{
	(void)state;
	without_a_poll("pipeline/attach");
}

int main(void)
{
	static const struct CMUnitTest plain[] = {
		cmocka_unit_test_setup_teardown(who_watches_sees_on, flow_setup,
						flow_teardown),
		cmocka_unit_test_setup_teardown(who_watches_may_not_poll,
						flow_setup, flow_teardown),
		cmocka_unit_test_setup_teardown(the_engine_may_not_poll,
						flow_setup, flow_teardown),
		cmocka_unit_test_setup_teardown(a_peers_thread_may_not_poll,
						flow_setup, flow_teardown),
	};
	struct CMUnitTest tests[UNIT_COUNT(rows) + UNIT_COUNT(plain)];
	size_t n = UNIT_ADD_ROWS(tests, 0, attaching_fails_and_holds_nothing,
				 rows);

	memcpy(tests + n, plain, sizeof(plain));
	return cmocka_run_group_tests_name("attach_fault", tests, NULL, NULL);
}
