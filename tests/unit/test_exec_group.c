/* SPDX-License-Identifier: Apache-2.0 */
/* A program that has started others: they go with it, whether it is killed or has ended,
 * and whoever has waited for it. The program is a shell, and what it starts sleeps with the
 * socket in its hands, so that the other end hears when nobody is left. */
#include "engine/peer/exec_priv.h"
#include "engine/peer/pidfd_priv.h"
#include "tests/support/deadline.h"
#include "tests/support/unit.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define SLEEPS "sleep 600 & echo >&3;"
/* Nobody of its own to wait for, and it does not end. */
#define HANGS SLEEPS "while :; do wait; done"

static int no_groups; /* Linux before 6.9 */
static pid_t killed;  /* the group that was killed by its number */

long __real_syscall(long number, long a, long b, long c, long d, long e,
		    long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e,
		    long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	if (number == SYS_pidfd_send_signal && no_groups && d != 0) {
		errno = EINVAL;
		return -1;
	}
	return __real_syscall(number, a, b, c, d, e, f);
}

int __real_kill(pid_t pid, int signal);
int __wrap_kill(pid_t pid, int signal);
int __wrap_kill(pid_t pid, int signal)
{
	killed = -pid;
	return __real_kill(pid, signal);
}

struct shell {
	pid_t pid;
	int pidfd;
	int socket; /* the other end of what all that it starts have */
};

/* When it has started its child. */
static struct shell shell_start(const char *script)
{
	char *const argv[] = {(char *)"sh", (char *)"-c",
			      (char *)(uintptr_t)script, NULL};
	char *const env[] = {(char *)"PATH=/usr/bin:/bin", NULL};
	int32_t error = 0;
	int ends[2];
	struct exec exec = {.program = "/bin/sh",
			    .argv = argv,
			    .env = env,
			    .message = &error,
			    .bytes = sizeof(error),
			    .error = &error};
	struct shell shell;
	struct pollfd polled = {.events = POLLIN};
	char byte;

	killed = 0;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	exec.socket = ends[1];
	shell.socket = polled.fd = ends[0];
	shell.pid = exec_start(&exec, &shell.pidfd);
	assert_true(shell.pid > 0);
	(void)close(ends[1]);
	assert_int_equal(poll(&polled, 1, (int)TEST_DEADLINE_MS), 1);
	assert_int_equal(recv(shell.socket, &byte, 1, 0), 1);
	return shell;
}

static struct exec_end shell_end(const struct shell *shell)
{
	struct pollfd polled = {.fd = shell->pidfd, .events = POLLIN};
	struct exec_end end = {0};

	assert_int_equal(poll(&polled, 1, (int)TEST_DEADLINE_MS), 1);
	assert_int_equal(exec_reap(shell->pidfd, &end), 1);
	return end;
}

/* No process has its socket any more. */
static void shell_close(const struct shell *shell)
{
	struct pollfd polled = {.fd = shell->socket, .events = POLLIN};
	char byte;

	assert_int_equal(poll(&polled, 1, (int)TEST_DEADLINE_MS), 1);
	assert_int_equal(recv(shell->socket, &byte, 1, 0), 0);
	(void)close(shell->socket);
	(void)close(shell->pidfd);
	assert_int_equal(waitpid(shell->pid, NULL, WNOHANG), -1);
	no_groups = 0;
}

static void one_is_killed(void **state)
{
	struct shell shell = shell_start(HANGS);

	(void)state;
	exec_kill(shell.pidfd);
	assert_int_equal(shell_end(&shell).signal, SIGKILL);
	shell_close(&shell);
}

/* What it had started has gone before anybody has waited for it: it may take long to die. */
static void its_group_does_not_wait_for_it(void **state)
{
	struct shell shell = shell_start(HANGS);
	struct pollfd polled = {.fd = shell.socket, .events = POLLIN};

	(void)state;
	if (pidfd_signal_group(shell.pidfd, 0) == -EINVAL)
		no_groups = 1;
	exec_kill(shell.pidfd);
	if (!no_groups)
		assert_int_equal(poll(&polled, 1, (int)TEST_DEADLINE_MS), 1);
	assert_int_equal(shell_end(&shell).signal, SIGKILL);
	shell_close(&shell);
}

static void one_ends(void **state)
{
	struct shell shell = shell_start(SLEEPS "exit 3");

	(void)state;
	assert_int_equal(shell_end(&shell).status, 3);
	shell_close(&shell);
	assert_int_equal(killed, 0);
}

/* By its number, which is its own until it is waited for. */
static void one_ends_on_linux_5_15(void **state)
{
	struct shell shell = shell_start(SLEEPS "exit 3");

	(void)state;
	no_groups = 1;
	assert_int_equal(shell_end(&shell).status, 3);
	assert_int_equal(killed, shell.pid);
	shell_close(&shell);
}

static void wait_for(const struct shell *shell)
{
	assert_int_equal(waitpid(shell->pid, NULL, 0), shell->pid);
}

static void somebody_else_has_waited(void **state)
{
	struct shell shell = shell_start(SLEEPS "exit 3");

	(void)state;
	wait_for(&shell);
	if (pidfd_signal_group(shell.pidfd, 0) == -EINVAL)
		(void)kill(-shell.pid, SIGKILL);
	(void)shell_end(&shell);
	shell_close(&shell);
}

/* Then its number may be another's. */
static void somebody_else_has_waited_on_linux_5_15(void **state)
{
	struct shell shell = shell_start(SLEEPS "exit 3");

	(void)state;
	no_groups = 1;
	wait_for(&shell);
	(void)shell_end(&shell);
	assert_int_equal(killed, 0);
	assert_int_equal(kill(-shell.pid, SIGKILL), 0); /* it lives */
	shell_close(&shell);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_is_killed),
		cmocka_unit_test(its_group_does_not_wait_for_it),
		cmocka_unit_test(one_ends),
		cmocka_unit_test(one_ends_on_linux_5_15),
		cmocka_unit_test(somebody_else_has_waited),
		cmocka_unit_test(somebody_else_has_waited_on_linux_5_15),
	};

	return cmocka_run_group_tests_name("exec_group", tests, NULL, NULL);
}
