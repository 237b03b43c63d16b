/* SPDX-License-Identifier: Apache-2.0 */
/* How a program has ended that somebody else has waited for: the kernel is asked, which
 * is as old as the test says. */
#include "engine/peer/exec_priv.h"
#include "engine/peer/pidfd_priv.h"
#include "tests/support/unit.h"

#include <signal.h>
#include <sys/wait.h>

/* The first fields of struct pidfd_info. */
struct told {
	uint64_t mask;
	uint64_t cgroupid;
	uint32_t ids[11];
	int32_t exit_code;
};

static struct end_row {
	const char *test;
	int refused;   /* the kernel knows no such request */
	uint64_t mask; /* what it says: 8, how it has exited */
	int wstatus;   /* as wait() has it */
	struct exec_end end;
} rows[] = {
	{"linux_5_4", 1, 0, 0, {.known = 0}},
	{"linux_6_13", 0, 7, 0, {.known = 0}},
	{"exited_with_0", 0, 8, 0, {.known = 1}},
	{"exited_with_3", 0, 15, 3 << 8, {.known = 1, .status = 3}},
	{"killed", 0, 8, SIGKILL, {.known = 1, .signal = SIGKILL}},
	{"dumped", 0, 8, SIGSEGV | 0x80, {.known = 1, .signal = SIGSEGV}},
};

static const struct end_row *kernel;

long __real_syscall(long number, long a, long b, long c, long d, long e,
		    long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e,
		    long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	struct told *told;

	if (number != SYS_ioctl)
		return __real_syscall(number, a, b, c, d, e, f);
	if (kernel->refused) {
		errno = ENOTTY;
		return -1;
	}
	told = (struct told *)(uintptr_t)c; /* an address, as a number */
	told->mask = kernel->mask;
	told->exit_code = kernel->wstatus;
	return 0;
}

static void somebody_else_has_waited(void **state)
{
	struct exec_end end;
	pid_t child = fork();
	int pidfd;

	kernel = *state;
	if (child == 0)
		_exit(1);
	pidfd = pidfd_of(child);
	assert_true(pidfd >= 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	errno = EDOM;
	assert_int_equal(exec_reap(pidfd, &end), 1);
	assert_int_equal(errno, EDOM);
	assert_int_equal(end.known, kernel->end.known);
	assert_int_equal(end.status, kernel->end.status);
	assert_int_equal(end.signal, kernel->end.signal);
	(void)close(pidfd);
}

int main(void)
{
	struct CMUnitTest tests[UNIT_COUNT(rows)];

	(void)UNIT_ADD_ROWS(tests, 0, somebody_else_has_waited, rows);
	return cmocka_run_group_tests_name("exec_end", tests, NULL, NULL);
}
