/* SPDX-License-Identifier: Apache-2.0 */
/* What the program of a process stage has started goes with it, however it goes. */
#include "engine/peer/pidfd_priv.h"
#include "program.h"

#include <poll.h>

#define STALL_MS 400u

/* In its program: a child that does nothing, and whose parent goes on when the test has
 * looked at it. */
static void starts_a_child(void)
{
	pid_t child = fork();

	if (child == 0) {
		(void)alarm(TEST_DEADLINE_S);
		(void)program_hangs();
	}
	PROGRAM_MUST(child > 0);
	sluice_store_release(&programs->child, (uint32_t)child);
	child_await(&programs->told, 1);
}

static int exits_with_3(void)
{
	starts_a_child();
	return 3;
}

static int leaves(void)
{
	struct sluice_stage *port = program_attach();

	starts_a_child();
	return sluice_detach(port, TEST_DEADLINE_MS) == 0 ? 0 : 96;
}

static int hangs_at_the_end(void)
{
	struct sluice_stage *port = program_attach();
	struct sluice_batch batch;

	starts_a_child();
	while (sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0)
		continue;
	return program_hangs();
}

static int stands_still(void)
{
	struct sluice_stage *port = program_attach();
	struct sluice_batch batch;

	starts_a_child();
	PROGRAM_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
	return program_hangs();
}

static const struct program_part parts[] = {
	{"exits_with_3", exits_with_3},
	{"leaves", leaves},
	{"hangs_at_the_end", hangs_at_the_end},
	{"stands_still", stands_still},
};

static struct group_row {
	const char *test; /* its part */
	int listens;      /* and sends away who stands still */
	const char *says;
} rows[] = {
	{"exits_with_3", 0, "has exited with 3"},
	{"leaves", 0, NULL},
	{"hangs_at_the_end", 0, "has not ended within end_ms"},
	{"stands_still", 1, "stands still"},
};

static void listen_in(char *folder)
{
	assert_non_null(mkdtemp(folder));
	assert_int_equal(
		sluice_pipeline_listen(
			pipeline, SLUICE_LISTEN(.folder = folder,
						.on_stall = SLUICE_STALL_EVICT,
						.stall_ms = STALL_MS)),
		0);
}

/* By its pidfd, which it has while it lives. */
static int child_seen(void)
{
	int pidfd;

	child_await(&programs->child, 1);
	pidfd = pidfd_of((int)sluice_load_acquire(&programs->child));
	assert_true(pidfd >= 0);
	return pidfd;
}

static void its_children_go_with_it(void **state)
{
	const struct group_row *row = *state;
	char folder[64] = "/tmp/sluice-test-XXXXXX";
	struct pollfd polled = {.events = POLLIN};

	assert_int_equal(program_setup(state), 0);
	program_open(SLUICE_PIPELINE(.name = "test"));
	program_source();
	program_add(SLUICE_PROCESS(.name = "reader", .from = "source",
				   .end_ms = 1,
				   .attach_ms = SLUICE_PROCESS_MS_MAX,
				   .restart = SLUICE_RESTART_TEMPORARY),
		    row->test);
	flow_start(pipeline);
	polled.fd = child_seen();
	if (row->listens)
		listen_in(folder);
	sluice_store_release(&programs->told, 1);
	(void)flow_join(pipeline);
	assert_int_equal(poll(&polled, 1, (int)TEST_DEADLINE_MS), 1);
	(void)close(polled.fd);
	program_close();
	if (row->says != NULL)
		assert_text_has(program_said.text, row->says);
	if (row->listens)
		assert_int_equal(rmdir(folder), 0);
	assert_int_equal(program_teardown(state), 0);
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[UNIT_COUNT(rows)];

	if (argc > 1)
		return program_main(argv, parts, UNIT_COUNT(parts));
	(void)UNIT_ADD_ROWS(tests, 0, its_children_go_with_it, rows);
	program_watch(tests, 0); /* its path alone */
	return cmocka_run_group_tests_name("process_group", tests, NULL, NULL);
}
