/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline that listens, and children of its process: what they hold, and what is
 * left of an engine that was killed. */
#include "tests/support/child_threads.h"
#include "tests/unit/reception.h"

#include <signal.h>

/* Called by its address: what gcc counts of branches it forgets in a child that is made
 * by a plain call, after the handlers of pthread_atfork() have run there. */
static pid_t (*volatile make_child)(void) = fork;

/* In a child: says that it runs, and lives on until its parent lets go of it. */
static int lives_on(const int hold[2])
{
	char byte;

	(void)close(hold[1]);
	(void)packet_send(hold[0], "", 1, NULL, 0);
	return (int)recv(hold[0], &byte, 1, 0);
}

/* A child with a @life. When this returns, it or a child of its own runs, so what it
 * does at once it has done. Who closes *@hold lets go of it. */
static pid_t child_with(int (*life)(const int hold[2]), int *hold)
{
	int ends[2];
	pid_t child;
	char byte;

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	child = make_child();
	if (child == 0)
		_exit(life(ends));
	(void)close(ends[0]);
	assert_int_equal(recv(ends[1], &byte, 1, 0), 1);
	*hold = ends[1];
	return child;
}

static struct attach visitor;

static int lives_on_without_the_visitor(const int hold[2])
{
	(void)close(visitor.socket); /* of this process, too */
	return lives_on(hold);
}

static void a_child_that_lives_on_holds_nothing(void **state)
{
	struct sluice_listen_opts opts = {.size = sizeof(opts)};
	struct sluice_pipeline *next;
	pid_t child;
	int status;
	int hold;

	(void)state;
	reception_open(plain);
	visit_well(&visitor, WIRE_CONSUMER);
	reception_await(&reception.ready, 1);
	child = child_with(lives_on_without_the_visitor, &hold);
	sluice_pipeline_close(pipeline);
	/* The peer sees that, and the name is free, though the child lives. */
	visit_is_told_of_the_end(&visitor, "has ended");
	opts.folder = folder;
	assert_int_equal(
		sluice_pipeline_open(&next, SLUICE_PIPELINE(.name = "p")), 0);
	assert_int_equal(sluice_pipeline_listen(next, &opts), 0);
	sluice_pipeline_close(next);
	(void)close(hold);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(rmdir(folder), 0);
}

/* In a child: an engine, with a child of its own that lives on. */
static int engine_with_a_child(const int hold[2])
{
	if (sluice_pipeline_open(&pipeline, SLUICE_PIPELINE(.name = "p")) < 0 ||
	    reception_listen(plain) < 0)
		return 1;
	if (make_child() == 0)
		_exit(lives_on(hold));
	for (;;)
		(void)poll(NULL, 0, 1000);
}

/* Its lock file is there still, and its child would hold the lock. */
static void a_killed_engines_child_holds_nothing(void **state)
{
	int status;
	pid_t child;
	int hold;

	(void)state;
	reception_declare("p");
	child = child_with(engine_with_a_child, &hold);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(fds_entries(folder), 2);
	assert_int_equal(reception_listen(plain), 0);
	(void)close(hold);
	reception_close();
}

/* In a child: an engine that runs, and may have a visitor. The parent's copy of the
 * pipeline is none that it may use. */
static int engine_that_runs(const int hold[2])
{
	if (sluice_pipeline_open(&pipeline, SLUICE_PIPELINE(.name = "p")) < 0)
		return 1;
	reception_stage("out", SLUICE_PRODUCER, SLUICE_STAGE_PEERS_CONSUME);
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
	int status;
	pid_t child;
	int hold;

	(void)state;
	reception_declare("p");
	child = child_with(engine_that_runs, &hold);
	visit_well(&visitor, WIRE_CONSUMER);
	assert_int_equal(attach_ended(&visitor, &word), 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	polled.fd = visitor.socket;
	assert_true(poll(&polled, 1, (int)TEST_DEADLINE_MS) > 0);
	assert_int_equal(attach_ended(&visitor, &word), -EPIPE);
	assert_text_has(sluice_last_error(), "gone without a word");
	/* What it was given is there all the same. */
	assert_memory_equal(visitor.maps[0].base, &magic, sizeof(magic));
	attach_close(&visitor, SLUICE_REASON_NORMAL, 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	(void)close(hold);
	assert_int_equal(reception_listen(plain), 0);
	reception_close();
}

static void a_child_closes_its_copy_only(void **state)
{
	pid_t child;
	int status;

	(void)state;
	reception_open(plain);
	visit_well(&visitor, WIRE_CONSUMER);
	reception_await(&reception.ready, 1);
	child = make_child();
	if (child == 0) {
		int rc = sluice_pipeline_listen(pipeline, NULL) == -ECHILD;

		sluice_pipeline_close(pipeline);
		_exit(!rc);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(fds_entries(folder), 2);
	attach_close(&visitor, SLUICE_REASON_NORMAL, 0);
	reception_expect_gone(1, PEER_LEFT, SLUICE_REASON_NORMAL, 0);
	visit_well(&visitor, WIRE_CONSUMER);
	attach_close(&visitor, SLUICE_REASON_NORMAL, 0);
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
