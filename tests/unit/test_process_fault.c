/* SPDX-License-Identifier: Apache-2.0 */
/* A process stage is started, and the system refuses something: it is said, nothing is
 * held, no child is left, and who is started again comes through. */
#include "engine/peer/attach_priv.h"
#include "engine/peer/exec_priv.h"
#include "program.h"
#include "ring/base_priv.h"
#include "tests/support/faults.h"

#include <sys/wait.h>

#define N_MAX  200u         /* nobody makes so many calls of one kind */
#define ENGINE "test/peers" /* the thread that starts them */

/* ---- parts --------------------------------------------------------------------- */

static struct sluice_stage *part_read(void)
{
	struct sluice_stage *port = program_attach();
	struct sluice_batch batch;
	int rc;

	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0)
		program_count(&batch);
	PROGRAM_MUST(rc == -EPIPE);
	return port;
}

static int reads(void)
{
	return sluice_detach(part_read(), TEST_DEADLINE_MS) == 0 ? 0 : 96;
}

static int reads_and_hangs(void)
{
	PROGRAM_MUST(sluice_detach(part_read(), TEST_DEADLINE_MS) == 0);
	return program_hangs();
}

/* While its stream goes on. */
static int leaves(void)
{
	struct sluice_stage *port = program_attach();
	struct sluice_batch batch;

	PROGRAM_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
	return sluice_detach(port, TEST_DEADLINE_MS) == 0 ? 0 : 96;
}

static int dies_and_reads(void)
{
	if (program_is_first()) {
		(void)program_attach();
		(void)raise(SIGKILL);
	}
	return reads();
}

/* Not before the engine has said so, and knows that it has. */
static int dies_before_and_reads(void)
{
	if (program_is_first())
		(void)raise(SIGKILL);
	return reads();
}

static int fails_when_it_is_told(void)
{
	struct pollfd polled = {.fd = EXEC_SOCKET, .events = POLLIN};
	struct attach attach;
	struct wire_hello hello;
	struct wire_word end;

	PROGRAM_MUST(attach_offer(EXEC_SOCKET, &hello, UINT64_MAX) == 0);
	PROGRAM_MUST(attach_over(&attach, EXEC_SOCKET, &hello, UINT64_MAX) ==
		     0);
	PROGRAM_MUST(attach_ready(&attach) == 0);
	(void)sluice_fetch_add(&programs->attached, 1);
	PROGRAM_MUST(poll(&polled, 1, (int)TEST_DEADLINE_MS) == 1);
	PROGRAM_MUST(attach_ended(&attach, &end) == 1);
	return 7;
}

static const struct program_part parts[] = {
	{"reads", reads},
	{"reads_and_hangs", reads_and_hangs},
	{"leaves", leaves},
	{"dies_and_reads", dies_and_reads},
	{"dies_before_and_reads", dies_before_and_reads},
	{"fails_when_it_is_told", fails_when_it_is_told},
};

/* ---- in the test ------------------------------------------------------------------ */

static void open_reader(const char *part, enum sluice_restart restart,
			uint32_t end_ms)
{
	program_open(SLUICE_PIPELINE(.name = "test", .backoff_ms = 1,
				     .backoff_max_ms = 2));
	program_source();
	program_add(SLUICE_PROCESS(.name = "reader", .from = "source",
				   .max_demand = 64, .restart = restart,
				   .end_ms = end_ms),
		    part);
}

static void expect_no_child(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* ---- each call fails once ----------------------------------------------------------- */

static struct fault_row {
	const char *test;
	const char *call;
	int error;
	uint32_t at_least; /* calls that are refused */
	const char *says;
} rows[] = {
	{"once_calloc", "calloc", ENOMEM, 3, "no memory"},
	{"once_aligned", "aligned_alloc", ENOMEM, 3, "no memory"},
	{"once_memfd", "memfd_create", EMFILE, 2, "Too many open files"},
	{"once_mmap", "mmap", ENOMEM, 2, "Cannot allocate memory"},
	{"once_open", "open", EMFILE, 2, "Too many open files"},
	{"once_eventfd", "eventfd", EMFILE, 1, "Too many open files"},
	{"once_socketpair", "socketpair", EMFILE, 3, "Too many open files"},
	{"once_fcntl", "fcntl", EMFILE, 2, "Too many open files"},
	{"once_fork", "fork", EAGAIN, 1, "temporarily unavailable"},
	{"once_pidfd", "pidfd_open", EMFILE, 1, "Too many open files"},
	{"once_sendmsg", "sendmsg", ENOBUFS, 2, "No buffer space available"},
	/* As if it had hung up: its process sees that, and exits, at once or later. */
	{"once_recvmsg", "recvmsg", ENOMEM, 2, "stage 'reader': process "},
	{"once_poll", "poll", ENOMEM, 3, "nothing"},
};

static void one_is_started_again(void **state)
{
	const struct fault_row *row = *state;
	uint32_t refused = 0;
	uint32_t once = 1;

	for (uint32_t n = 1; once != 0; n++) {
		int64_t live = fault_live();

		assert_int_equal(program_setup(state), 0);
		open_reader("reads", SLUICE_RESTART_TRANSIENT, 0);
		fault_arm(row->call, row->error, n, ENGINE);
		assert_int_equal(flow_run(pipeline), 0);
		once = fault_disarm();
		refused += once;
		program_close();
		program_check_all(1);
		if (program_has_said("restarting in"))
			assert_true(program_has_said(row->says));
		expect_no_child();
		assert_int_equal(program_teardown(state), 0);
		assert_int_equal(fault_live(), live);
	}
	assert_in_range(refused, row->at_least, N_MAX);
}

/* ---- without a restart ---------------------------------------------------------------- */

static struct said_row {
	const char *test;
	const char *call;
	int error;
	uint32_t at;
	const char *says; /* NULL: the program's name, and the error */
} said_rows[] = {
	{"no_socket", "socketpair", EMFILE, 1,
	 "it cannot be started: Too many open files"},
	{"no_gate", "socketpair", EMFILE, 2,
	 "it cannot be started: Too many open files"},
	{"no_hello", "sendmsg", ENOBUFS, 1,
	 "it cannot be started: No buffer space available"},
	{"no_child", "fork", EAGAIN, 1,
	 "it cannot be started: Resource temporarily unavailable"},
	{"no_pidfd", "pidfd_open", EMFILE, 1,
	 "it cannot be started: Too many open files"},
	{"no_second_pidfd", "fcntl", EMFILE, 1,
	 "no descriptor: Too many open files"},
	{"no_place", "dup2", EBUSY, 1, NULL},
};

static void why_it_is_not_started_is_told(void **state)
{
	const struct said_row *row = *state;
	char says[PATH_MAX + 64];

	assert_int_equal(program_setup(state), 0);
	if (row->says != NULL)
		(void)snprintf(says, sizeof(says), "stage 'reader': %s",
			       row->says);
	else
		(void)snprintf(says, sizeof(says), "stage 'reader': %s: %s",
			       program_path, sluice_errno_text(-row->error));
	open_reader("reads", SLUICE_RESTART_NONE, SLUICE_PROCESS_MS_MAX);
	fault_arm(row->call, row->error, row->at, ENGINE);
	assert_int_equal(flow_run(pipeline), -row->error);
	(void)fault_disarm();
	assert_string_equal(sluice_last_error(), says);
	program_close();
	expect_no_child();
	assert_int_equal(sluice_load_acquire(&programs->attached), 0);
	assert_int_equal(program_teardown(state), 0);
}

/* ---- without poll() -------------------------------------------------------------------- */

/* As in a sandbox: whether a process has ended is looked at now and then, and nobody
 * waits for one that lives on. */
static void the_engine_may_not_poll(void **state)
{
	(void)state;
	open_reader("dies_and_reads", SLUICE_RESTART_TRANSIENT, 0);
	fault_arm("poll", ENOSYS, FAULT_EACH, ENGINE);
	assert_int_equal(flow_run(pipeline), 0);
	assert_true(fault_disarm() > 0);
	program_close();
	program_check_all(2);
	assert_int_equal(sluice_load_acquire(&programs->starts), 2);
	expect_no_child();
}

static void without_a_poll_one_that_hangs_is_killed(void **state)
{
	(void)state;
	open_reader("reads_and_hangs", SLUICE_RESTART_NONE, 1);
	fault_arm("poll", ENOSYS, FAULT_EACH, ENGINE);
	assert_int_equal(flow_run(pipeline), -EOWNERDEAD);
	assert_text_has(sluice_last_error(),
			"has not ended within end_ms, 1, and was killed");
	(void)fault_disarm();
	program_close();
	program_check_all(1);
	expect_no_child();
}

/* ---- a kernel that does not know how it has ended ---------------------------------------- */

/* And a host whose children are forgotten as they die. */
static void (*old_kernel(void))(int)
{
	fault_arm("ioctl", ENOTTY, FAULT_EACH, ENGINE);
	return signal(SIGCHLD, SIG_IGN);
}

static void old_kernel_ends(void (*before)(int))
{
	assert_true(fault_disarm() > 0);
	(void)signal(SIGCHLD, before);
	program_close();
}

static void one_that_died_has_failed(void **state)
{
	void (*before)(int) = old_kernel();

	(void)state;
	open_reader("dies_before_and_reads", SLUICE_RESTART_TRANSIENT, 0);
	assert_int_equal(flow_run(pipeline), 0);
	old_kernel_ends(before);
	program_check_all(1);
	assert_int_equal(sluice_load_acquire(&programs->starts), 2);
	assert_true(program_has_said("has died, and somebody else has been "
				     "told how; restarting in"));
}

static void one_that_has_left_has_ended(void **state)
{
	void (*before)(int) = old_kernel();

	(void)state;
	open_reader("leaves", SLUICE_RESTART_NONE, 0);
	source.end = UINT64_MAX;
	/* What is left in the end is another's business. */
	assert_int_not_equal(flow_run(pipeline), -EOWNERDEAD);
	old_kernel_ends(before);
	assert_false(program_has_said("has died"));
}

/* It would be told of, if it were known. */
static void one_that_was_told_has_ended(void **state)
{
	void (*before)(int) = old_kernel();

	(void)state;
	open_reader("fails_when_it_is_told", SLUICE_RESTART_NONE,
		    SLUICE_PROCESS_MS_MAX);
	source.end = UINT64_MAX;
	flow_start(pipeline);
	child_await(&programs->attached, 1);
	sluice_pipeline_stop(pipeline);
	assert_int_equal(flow_join(pipeline), -ECANCELED);
	old_kernel_ends(before);
	assert_string_equal(program_said.text, "");
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)

int main(int argc, char **argv)
{
	static const struct CMUnitTest plain[] = {
		TEST(the_engine_may_not_poll),
		TEST(without_a_poll_one_that_hangs_is_killed),
		TEST(one_that_died_has_failed),
		TEST(one_that_has_left_has_ended),
		TEST(one_that_was_told_has_ended),
	};
	struct CMUnitTest tests[UNIT_COUNT(rows) + UNIT_COUNT(said_rows) +
				UNIT_COUNT(plain)];
	size_t n;

	if (argc > 2)
		return program_main(argv, parts, UNIT_COUNT(parts));
	program_watch(NULL, 0); /* its path */
	n = UNIT_ADD_ROWS(tests, 0, one_is_started_again, rows);
	n = UNIT_ADD_ROWS(tests, n, why_it_is_not_started_is_told, said_rows);
	memcpy(tests + n, plain, sizeof(plain));
	return cmocka_run_group_tests_name("process_fault", tests, NULL, NULL);
}
