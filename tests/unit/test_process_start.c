/* SPDX-License-Identifier: Apache-2.0 */
/* How the program of a process stage is started: what it finds, what is refused, and
 * what is left of it when its pipeline's process is no more. */
#include "engine/peer/attach_priv.h"
#include "engine/peer/exec_priv.h"
#include "engine/peer/wire_priv.h"
#include "program.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- parts --------------------------------------------------------------------- */

static void looks_at_signals(void)
{
	struct sigaction action;
	sigset_t mask;

	PROGRAM_MUST(sigprocmask(SIG_SETMASK, NULL, &mask) == 0);
	for (int i = 1; i < 32; i++) {
		PROGRAM_MUST(sigismember(&mask, i) == 0);
		PROGRAM_MUST(sigaction(i, NULL, &action) == 0);
#ifndef __SANITIZE_THREAD__
#ifndef __SANITIZE_ADDRESS__
		PROGRAM_MUST(action.sa_handler == SIG_DFL);
#endif
#endif
	}
}

/* What it was not given is not there; what is given once is taken once. */
static int looks(void)
{
	struct sluice_stage *port = NULL;

	/* The one that reads /proc, and the socket. */
	PROGRAM_MUST(fds_count() == 3 + 1 + 1);
	looks_at_signals();
	PROGRAM_MUST(getpgrp() == getpid());
	PROGRAM_MUST(strcmp(getenv("COLOUR"), "blue") == 0);
	PROGRAM_MUST(strcmp(getenv(EXEC_FD), "3") == 0);
	PROGRAM_MUST(sluice_attach(&port, SLUICE_ATTACH(.from = "source",
							.name = "reader",
							.event_bytes = 8)) ==
		     0);
	PROGRAM_MUST(getenv(EXEC_FD) == NULL);
	PROGRAM_MUST(strcmp(sluice_stage_name(port), "reader") == 0);
	PROGRAM_MUST(sluice_attach(&port, SLUICE_ATTACH()) == -EINVAL);
	PROGRAM_MUST(strstr(sluice_last_error(), "SLUICE_FD is not set"));
	(void)sluice_fetch_add(&programs->attached, 1);
	return 0;
}

static int is_another(void)
{
	struct sluice_stage *port = NULL;

	PROGRAM_MUST(sluice_attach(&port, SLUICE_ATTACH(.from = "sink")) ==
		     -EINVAL);
	PROGRAM_MUST(strstr(sluice_last_error(), "from 'sink': the engine"));
	(void)sluice_fetch_add(&programs->told, 1);
	return 0;
}

static int names_another_size(void)
{
	struct sluice_stage *port = NULL;

	PROGRAM_MUST(sluice_attach(&port, SLUICE_ATTACH(.event_bytes = 16)) ==
		     -EINVAL);
	return 5;
}

/* It says what the library would not. */
static int lies(void)
{
	struct attach attach;
	struct wire_hello hello;

	PROGRAM_MUST(attach_offer(EXEC_SOCKET, &hello, attach_due(1000)) == 0);
	(void)strcpy(hello.peer, "another");
	PROGRAM_MUST(attach_over(&attach, EXEC_SOCKET, &hello,
				 attach_due(TEST_DEADLINE_MS)) == -EPERM);
	return 0;
}

/* Without a word, and it lives on. */
static int hangs_up(void)
{
	struct attach attach;
	struct wire_hello hello;

	PROGRAM_MUST(attach_offer(EXEC_SOCKET, &hello, attach_due(1000)) == 0);
	PROGRAM_MUST(attach_over(&attach, EXEC_SOCKET, &hello,
				 attach_due(TEST_DEADLINE_MS)) == 0);
	PROGRAM_MUST(attach_ready(&attach) == 0);
	(void)close(EXEC_SOCKET);
	return program_hangs();
}

static int talks_nonsense(void)
{
	(void)send(EXEC_SOCKET, "hello", 5, 0);
	return program_hangs();
}

/* Windows of its own. */
static int reads_its_way(void)
{
	struct sluice_stage *port = NULL;
	struct sluice_batch batch;
	int rc;

	PROGRAM_MUST(sluice_attach(&port, SLUICE_ATTACH(.max_demand = 2)) == 0);
	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0) {
		PROGRAM_MUST(batch.count <= 2);
		/* The end of a stream that never began is another. */
		sluice_store_release(&programs->attached, 1);
	}
	PROGRAM_MUST(rc == -EPIPE);
	return sluice_detach(port, TEST_DEADLINE_MS) == 0 ? 0 : 96;
}

/* A child of a process stage takes neither its socket nor its name. */
static int fd_of(const char *text)
{
	struct sluice_stage *port = NULL;
	int rc;

	(void)setenv(EXEC_FD, text, 1);
	rc = sluice_attach(&port, SLUICE_ATTACH());
	return rc == -EINVAL && strstr(sluice_last_error(),
				       "names no socket of that kind") != NULL;
}

static int fd_is_wrong(void)
{
	PROGRAM_MUST(fd_of("") && fd_of("x") && fd_of("3x") && fd_of("-1") &&
		     fd_of("0") && fd_of("99") && fd_of("4294967299") &&
		     fd_of("99999999999999999999"));
	(void)sluice_fetch_add(&programs->told, 1);
	return 0;
}

static const struct program_part parts[] = {
	{"hangs", program_hangs},
	{"looks", looks},
	{"is_another", is_another},
	{"names_another_size", names_another_size},
	{"lies", lies},
	{"hangs_up", hangs_up},
	{"talks_nonsense", talks_nonsense},
	{"reads_its_way", reads_its_way},
	{"fd_is_wrong", fd_is_wrong},
};

/* ---- what it finds ------------------------------------------------------------- */

static void add_reader(const char *part)
{
	program_add(SLUICE_PROCESS(.name = "reader", .from = "source",
				   .restart = SLUICE_RESTART_TEMPORARY),
		    part);
}

static void it_has_what_it_was_given(void **state)
{
	const char *const env[] = {"COLOUR=blue", "SLUICE_FD=17", NULL};
	sigset_t shut;
	sigset_t before;

	(void)state;
	program_open_flow(SLUICE_PIPELINE(.name = "test"));
	(void)sigfillset(&shut);
	(void)pthread_sigmask(SIG_SETMASK, &shut, &before);
	(void)signal(SIGUSR1, SIG_IGN);
	program_add(
		SLUICE_PROCESS(.name = "reader", .from = "source", .env = env),
		"looks");
	flow_start(pipeline);
	child_await(&programs->attached, 1);
	(void)signal(SIGUSR1, SIG_DFL);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	program_await_said("has died");
	program_drain();
}

/* This process has no stdin, stdout or stderr of its own. */
static void one_of_a_daemon(void **state)
{
	int kept[3];
	int rc;

	(void)state;
	for (int fd = 0; fd < 3; fd++)
		kept[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	program_open_flow(SLUICE_PIPELINE(.name = "test"));
	program_add(SLUICE_PROCESS(.name = "reader", .from = "source"),
		    "reads_its_way");
	for (int fd = 0; fd < 3; fd++)
		(void)close(fd);
	flow_start(pipeline);
	child_await(&programs->attached, 1);
	rc = sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS);
	program_close();
	for (int fd = 0; fd < 3; fd++) {
		(void)dup2(kept[fd], fd);
		(void)close(kept[fd]);
	}
	assert_int_equal(rc, 0);
	assert_int_equal(sluice_load_acquire(&programs->starts), 1);
}

static void it_may_have_windows_of_its_own(void **state)
{
	(void)state;
	program_open(SLUICE_PIPELINE(.name = "test"));
	program_source();
	program_add(SLUICE_PROCESS(.name = "reader", .from = "source",
				   .max_demand = 64),
		    "reads_its_way");
	assert_int_equal(flow_run(pipeline), 0);
	program_close();
}

static void told(const char *part)
{
	program_open_flow(SLUICE_PIPELINE(.name = "test"));
	add_reader(part);
	flow_start(pipeline);
	child_await(&programs->told, 1);
	program_drain();
}

static void it_is_nobody_else(void **state)
{
	(void)state;
	told("is_another");
}

static void a_wrong_number_is_refused(void **state)
{
	(void)state;
	told("fd_is_wrong");
}

static void refused(const char *part, const char *says)
{
	program_open_flow(SLUICE_PIPELINE(.name = "test"));
	add_reader(part);
	flow_start(pipeline);
	program_await_said(says);
	program_drain();
}

static void what_it_says_is_judged(void **state)
{
	(void)state;
	refused("lies", "it was started to be a consumer of 'source', and "
			"nothing else");
}

static void what_makes_no_sense_is_refused(void **state)
{
	(void)state;
	refused("talks_nonsense", "stage 'reader': hello: 5 bytes");
}

static void one_that_hangs_up_is_killed(void **state)
{
	(void)state;
	refused("hangs_up", "has closed its connection without a word");
}

static void another_size_is_refused(void **state)
{
	(void)state;
	refused("names_another_size",
		"stage 'source': from_bytes 16 does not match");
}

/* ---- what cannot be executed --------------------------------------------------- */

static char script[80];

static void script_make(const char *text, mode_t mode)
{
	FILE *file;

	(void)snprintf(script, sizeof(script), "%s.sh", program_file);
	file = fopen(script, "we");
	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
	assert_int_equal(chmod(script, mode), 0);
}

static int add_program(const char *program)
{
	const char *const argv[] = {program, NULL};

	return sluice_process_add(
		pipeline,
		SLUICE_PROCESS(.name = "x", .argv = argv, .from = "source"));
}

static void one_that_is_not_there_is_refused(void **state)
{
	(void)state;
	program_open_flow(SLUICE_PIPELINE(.name = "test"));
	assert_int_equal(add_program("./prog"), -ENOENT);
	assert_string_equal(sluice_last_error(),
			    "stage 'x': ./prog: No such file or directory");
	assert_int_equal(add_program("sluice-no-such-program"), -ENOENT);
	assert_int_equal(add_program(""), -ENOENT);
	script_make("", 0600);
	assert_int_equal(add_program(script), -EACCES);
	(void)unlink(script);
	program_close();
}

static void one_that_cannot_be_executed_fails(void **state)
{
	char says[160];

	(void)state;
	program_open(SLUICE_PIPELINE(.name = "test"));
	program_source();
	script_make("\177ELF and nothing more", 0700);
	assert_int_equal(add_program(script), 0);
	assert_int_equal(flow_run(pipeline), -ENOEXEC);
	(void)snprintf(says, sizeof(says), "stage 'x': %s: Exec format error",
		       script);
	assert_string_equal(sluice_last_error(), says);
	program_close();
	(void)unlink(script);
}

static void one_is_found_by_the_path(void **state)
{
	char *before = strdup(getenv("PATH"));
	int rc = 0;

	(void)state;
	script_make("#!/bin/sh\n", 0600);
	/* Nobody may run it, wherever else it is not. */
	(void)setenv("PATH", "/nonexistent::/tmp:/tmp:/dev/null", 1);
	assert_null(exec_find(strrchr(script, '/') + 1, &rc));
	assert_int_equal(rc, -EACCES);
	(void)chmod(script, 0700);
	free(exec_find(strrchr(script, '/') + 1, &rc));
	(void)unsetenv("PATH");
	assert_null(exec_find("sh", &rc));
	assert_int_equal(rc, -ENOENT);
	(void)setenv("PATH", before, 1);
	free(before);
	(void)unlink(script);
	program_open_flow(SLUICE_PIPELINE(.name = "test"));
	assert_int_equal(add_program("true"), 0);
	flow_start(pipeline);
	program_drain();
}

/* ---- children, and death ------------------------------------------------------- */

/* A child of this process may close its copy. */
static void a_child_closes_its_copy(void **state)
{
	pid_t child;
	int status = -1;

	(void)state;
	program_open_flow(SLUICE_PIPELINE(.name = "test"));
	program_add(
		SLUICE_PROCESS(.name = "reader", .from = "source", .end_ms = 1),
		"hangs");
	flow_start(pipeline);
	child_await(&programs->starts, 1);
	child = fork();
	if (child == 0) {
		sluice_pipeline_close(pipeline);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	sluice_pipeline_stop(pipeline);
	program_close();
}

static void engine(void)
{
	program_open_flow(SLUICE_PIPELINE(.name = "test"));
	add_reader("hangs");
	if (sluice_pipeline_start(pipeline) < 0)
		_exit(1);
	program_hangs();
}

/* In a child, which is killed: who was started goes with it. */
static void a_killed_engine_takes_its_processes_with_it(void **state)
{
	pid_t child = fork();
	struct pollfd polled = {.events = POLLIN};

	(void)state;
	if (child == 0)
		engine();
	child_await(&programs->starts, 1);
	polled.fd = (int)syscall(SYS_pidfd_open,
				 sluice_load_acquire(&programs->pid), 0);
	assert_true(polled.fd >= 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(poll(&polled, 1, (int)TEST_DEADLINE_MS), 1);
	(void)close(polled.fd);
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(a_killed_engine_takes_its_processes_with_it),
		cmocka_unit_test(it_has_what_it_was_given),
		cmocka_unit_test(one_of_a_daemon),
		cmocka_unit_test(it_may_have_windows_of_its_own),
		cmocka_unit_test(it_is_nobody_else),
		cmocka_unit_test(a_wrong_number_is_refused),
		cmocka_unit_test(what_it_says_is_judged),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(one_that_hangs_up_is_killed),
		cmocka_unit_test(another_size_is_refused),
		cmocka_unit_test(one_that_is_not_there_is_refused),
		cmocka_unit_test(one_that_cannot_be_executed_fails),
		cmocka_unit_test(one_is_found_by_the_path),
		cmocka_unit_test(a_child_closes_its_copy),
	};

	if (argc > 2)
		return program_main(argv, parts, UNIT_COUNT(parts));
	program_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("process_start", tests, NULL, NULL);
}
