/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline that listens, and children of its process: what they hold, and what is
 * left of an engine that was killed. */
#include "tests/unit/reception.h"

#include <signal.h>

/* Which lets no child start threads. */
#ifdef __SANITIZE_THREAD__
#define UNDER_TSAN 1
#else
#define UNDER_TSAN 0
#endif

static const struct sluice_listen_opts plain;

static void a_child_that_lives_on_holds_nothing(void **state)
{
	struct sluice_listen_opts opts = {.size = sizeof(opts)};
	struct sluice_pipeline *next;
	struct attach attach;
	int hold[2];
	pid_t child;
	int status;
	char byte;

	(void)state;
	reception_open(plain);
	visit_well(&attach, WIRE_CONSUMER);
	reception_await(&reception.ready, 1);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, hold), 0);
	child = fork();
	if (child == 0) {
		(void)close(hold[1]);
		(void)close(attach.socket); /* the visitor's end, ours too */
		(void)packet_send(hold[0], "", 1, NULL, 0);
		_exit((int)recv(hold[0], &byte, 1, 0));
	}
	(void)close(hold[0]);
	/* It runs, so what it does at once it has done. */
	assert_int_equal(recv(hold[1], &byte, 1, 0), 1);
	sluice_pipeline_close(pipeline);
	/* The peer sees that, and the name is free, though the child lives. */
	visit_is_told_of_the_end(&attach, "has ended");
	opts.folder = folder;
	assert_int_equal(
		sluice_pipeline_open(&next, SLUICE_PIPELINE(.name = "p")), 0);
	assert_int_equal(sluice_pipeline_listen(next, &opts), 0);
	sluice_pipeline_close(next);
	(void)close(hold[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(rmdir(folder), 0);
}

/* In a child: an engine, with a child of its own that lives on. */
static int engine_with_a_child(const int hold[2])
{
	char byte;
	pid_t child;

	if (sluice_pipeline_open(&pipeline, SLUICE_PIPELINE(.name = "p")) < 0 ||
	    reception_listen(plain) < 0)
		return 1;
	child = fork();
	if (child == 0) {
		(void)close(hold[1]);
		(void)packet_send(hold[0], "", 1, NULL, 0);
		_exit((int)recv(hold[0], &byte, 1, 0));
	}
	for (;;)
		(void)poll(NULL, 0, 1000);
}

/* Its lock file is there still, and its child would hold the lock. */
static void a_killed_engines_child_holds_nothing(void **state)
{
	int hold[2];
	int status;
	pid_t child;
	char byte;

	(void)state;
	if (UNDER_TSAN)
		skip();
	reception_declare("p");
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, hold), 0);
	child = fork();
	if (child == 0)
		_exit(engine_with_a_child(hold));
	(void)close(hold[0]);
	assert_int_equal(recv(hold[1], &byte, 1, 0), 1);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(fds_entries(folder), 2);
	assert_int_equal(reception_listen(plain), 0);
	(void)close(hold[1]);
	reception_close();
}

/* In a child: an engine that runs, and has one visitor. */
static int engine_with_a_visitor(const int hold[2])
{
	if (reception_listen(plain) < 0 || sluice_pipeline_start(pipeline) < 0)
		return 1;
	(void)packet_send(hold[0], "", 1, NULL, 0);
	for (;;)
		(void)poll(NULL, 0, 1000);
}

/* Its peers see it, and the next one starts at once. */
static void a_killed_engine_is_missed(void **state)
{
	const uint64_t magic = SLUICE_REGION_MAGIC;
	struct pollfd polled = {.events = POLLIN};
	struct wire_word word;
	struct attach attach;
	int hold[2];
	int status;
	pid_t child;
	char byte;

	(void)state;
	if (UNDER_TSAN)
		skip();
	reception_declare("p");
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, hold), 0);
	child = fork();
	if (child == 0) {
		/* The parent's copy is none that it may use. */
		if (sluice_pipeline_open(&pipeline,
					 SLUICE_PIPELINE(.name = "p")) < 0)
			_exit(1);
		reception_stage("out", SLUICE_PRODUCER,
				SLUICE_STAGE_PEERS_CONSUME);
		_exit(engine_with_a_visitor(hold));
	}
	assert_int_equal(recv(hold[1], &byte, 1, 0), 1);
	visit_well(&attach, WIRE_CONSUMER);
	assert_int_equal(attach_ended(&attach, &word), 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	polled.fd = attach.socket;
	assert_true(poll(&polled, 1, (int)TEST_DEADLINE_MS) > 0);
	assert_int_equal(attach_ended(&attach, &word), -EPIPE);
	assert_text_has(sluice_last_error(), "gone without a word");
	/* What it was given is there all the same. */
	assert_memory_equal(attach.maps[0].base, &magic, sizeof(magic));
	attach_close(&attach, SLUICE_REASON_NORMAL, 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	(void)close(hold[0]);
	(void)close(hold[1]);
	assert_int_equal(reception_listen(plain), 0);
	reception_close();
}

static void a_child_closes_its_copy_only(void **state)
{
	struct attach attach;
	pid_t child;
	int status;

	(void)state;
	reception_open(plain);
	visit_well(&attach, WIRE_CONSUMER);
	reception_await(&reception.ready, 1);
	child = fork();
	if (child == 0) {
		int rc = sluice_pipeline_listen(pipeline, NULL) == -ECHILD;

		sluice_pipeline_close(pipeline);
		_exit(!rc);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(fds_entries(folder), 2);
	attach_close(&attach, SLUICE_REASON_NORMAL, 0);
	reception_expect_gone(1, PEER_LEFT, SLUICE_REASON_NORMAL, 0);
	visit_well(&attach, WIRE_CONSUMER);
	attach_close(&attach, SLUICE_REASON_NORMAL, 0);
	reception_close();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_that_lives_on_holds_nothing),
		cmocka_unit_test(a_killed_engines_child_holds_nothing),
		cmocka_unit_test(a_killed_engine_is_missed),
		cmocka_unit_test(a_child_closes_its_copy_only),
	};

	return cmocka_run_group_tests_name("kin", tests, NULL, NULL);
}
