/* SPDX-License-Identifier: Apache-2.0 */
/* A program without a pipeline: where it is found, what it is given, and what is left
 * when the system refuses something. The program is the test itself. */
#define _GNU_SOURCE /* dup3 */
#include "child.h"
#include "engine/peer/exec_priv.h"
#include "ring/base_priv.h"
#include "tests/support/faults.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

/* What the program says at once; or what is said for it. */
struct words {
	int32_t code;
	uint32_t extra; /* descriptors that it was not given */
};

#define STARTED 1
#define HANGS   "hangs" /* an argument: the program does not exit */

static char path[PATH_MAX];
static char folder[64];
static int ends[2]; /* of the socket: ours, and the program's */
static int bystander
	[2]; /* another connection, whose second end is at EXEC_SOCKET */

/* ---- in the program -------------------------------------------------------------- */

static int program(const char *how)
{
	struct words words = {.code = STARTED};
	int given = 0;

	(void)alarm(TEST_DEADLINE_S);
	for (int fd = 0; fd <= EXEC_SOCKET; fd++)
		given += fcntl(fd, F_GETFD, 0) >= 0;
	words.extra = (uint32_t)(fds_count() - 1 - given); /* one reads /proc */
	if (send(EXEC_SOCKET, &words, sizeof(words), 0) < 0)
		return 1;
	while (strcmp(how, HANGS) == 0)
		(void)pause();
	return 0;
}

/* ---- in its first moment ---------------------------------------------------------- */

/* What a child waits for before it does anything; if nobody waits for it, no longer than
 * its parent lives. */
static enum { NOTHING, TICKS, ORPHANED } awaited;
static sluice_a32 *ticks; /* shared */
static pid_t forker;

#define TICKS_ENOUGH 20u

static void child_holds(void)
{
	while (awaited != NOTHING && getppid() == forker &&
	       (awaited == ORPHANED ||
		sluice_load_acquire(ticks) < TICKS_ENOUGH))
		flow_sleep_ms(1);
}

static void tick(int signal)
{
	(void)signal;
	(void)sluice_fetch_add(ticks, 1);
}

/* ---- in the test ------------------------------------------------------------------ */

static int setup(void **state)
{
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[n > 0 ? n : 0] = '\0';
	(void)strcpy(folder, "/tmp/sluice-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	ticks = mmap(NULL, sizeof(*ticks), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true((void *)ticks != MAP_FAILED);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				    bystander),
			 0);
	if (bystander[0] == EXEC_SOCKET)
		bystander[0] = fcntl(EXEC_SOCKET, F_DUPFD_CLOEXEC, 4);
	if (bystander[1] != EXEC_SOCKET) {
		assert_int_equal(dup3(bystander[1], EXEC_SOCKET, O_CLOEXEC),
				 EXEC_SOCKET);
		(void)close(bystander[1]);
	}
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	awaited = NOTHING;
	forker = getpid();
	return flow_setup(state);
}

/* No descriptor, and no child. */
static int teardown(void **state)
{
	int rc = flow_teardown(state);

	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	(void)close(ends[0]);
	(void)close(ends[1]);
	(void)close(EXEC_SOCKET);
	(void)close(bystander[0]);
	(void)munmap(ticks, sizeof(*ticks));
	assert_int_equal(rmdir(folder), 0);
	return rc;
}

static int start(int socket, const char *how, int *pidfd)
{
	static struct words words;
	char part[16];
	char *const argv[] = {path, part, NULL};
	char *const env[] = {NULL};
	const struct exec exec = {
		.program = path,
		.argv = argv,
		.env = env,
		.socket = socket,
		.message = &words,
		.bytes = sizeof(words),
		.error = &words.code,
	};

	(void)snprintf(part, sizeof(part), "%s", how);
	return exec_start(&exec, pidfd);
}

static struct words heard(void)
{
	struct pollfd polled = {.fd = ends[0], .events = POLLIN};
	struct words words = {0};

	assert_int_equal(poll(&polled, 1, (int)TEST_DEADLINE_MS), 1);
	assert_int_equal(recv(ends[0], &words, sizeof(words), 0),
			 sizeof(words));
	return words;
}

static void expect_end(int pidfd, int status, int signal)
{
	struct pollfd polled = {.fd = pidfd, .events = POLLIN};
	struct exec_end end;

	assert_int_equal(poll(&polled, 1, (int)TEST_DEADLINE_MS), 1);
	assert_int_equal(exec_reap(pidfd, &end), 1);
	assert_int_equal(end.known, 1);
	assert_int_equal(end.status, status);
	assert_int_equal(end.signal, signal);
	(void)close(pidfd);
}

static void expect_started(int socket)
{
	int pidfd = -1;
	struct words words;

	assert_true(start(socket, "", &pidfd) > 0);
	words = heard();
	assert_int_equal(words.code, STARTED);
	assert_int_equal(words.extra, 0);
	expect_end(pidfd, 0, 0);
}

/* ---- where it is found ------------------------------------------------------------- */

#define PATH_BYTES 128

/* Where @name is in the folder; and a file there. */
static void in_folder(char at[PATH_BYTES], const char *name)
{
	(void)snprintf(at, PATH_BYTES, "%s/%s", folder, name);
}

static void make_file(const char *at, mode_t mode)
{
	int fd = open(at, O_WRONLY | O_CREAT | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	(void)close(fd);
}

static void expect_found(const char *name, const char *where, int code)
{
	int rc = 0;
	char *found = exec_find(name, &rc);

	if (where == NULL) {
		assert_null(found);
		assert_int_equal(rc, code);
	} else {
		assert_non_null(found);
		assert_string_equal(found, where);
	}
	free(found);
}

/* Folder @first, and then that of the test. */
static void path_set(const char *first, char before[PATH_MAX])
{
	char both[2 * PATH_BYTES];

	(void)snprintf(before, PATH_MAX, "%s", getenv("PATH"));
	(void)snprintf(both, sizeof(both), "%s:%s", first, folder);
	(void)setenv("PATH", both, 1);
}

/* One of the same name that comes first is passed over. */
static void a_folder_is_no_program(void **state)
{
	char before[PATH_MAX];
	char first[PATH_BYTES];
	char inner[PATH_BYTES];
	char prog[PATH_BYTES];

	(void)state;
	in_folder(first, "first");
	in_folder(inner, "first/prog");
	in_folder(prog, "prog");
	assert_int_equal(mkdir(first, 0700), 0);
	assert_int_equal(mkdir(inner, 0700), 0);
	path_set(first, before);
	expect_found(inner, NULL, -EACCES);
	expect_found("prog", NULL, -EACCES);
	make_file(prog, 0700);
	expect_found("prog", prog, 0);
	(void)setenv("PATH", before, 1);
	assert_int_equal(unlink(prog), 0);
	assert_int_equal(rmdir(inner), 0);
	assert_int_equal(rmdir(first), 0);
}

/* That it is there and may not be run is told, rather than that it is not there. */
static void a_file_may_not_be_run(void **state)
{
	char before[PATH_MAX];
	char none[PATH_BYTES];
	char prog[PATH_BYTES];

	(void)state;
	in_folder(none, "none");
	in_folder(prog, "prog");
	make_file(prog, 0600);
	path_set(none, before);
	expect_found(prog, NULL, -EACCES);
	expect_found("prog", NULL, -EACCES);
	assert_int_equal(chmod(prog, 0700), 0);
	expect_found("prog", prog, 0);
	(void)setenv("PATH", before, 1);
	assert_int_equal(unlink(prog), 0);
}

static void there_is_no_memory_to_find_it(void **state)
{
	char before[PATH_MAX];

	(void)state;
	path_set("/nonexistent", before);
	for (uint32_t n = 1; n <= 2; n++) {
		fault_arm("malloc", ENOMEM, n, FAULT_MINE);
		expect_found("prog", NULL, -ENOMEM);
		assert_int_equal(fault_disarm(), 1);
	}
	(void)setenv("PATH", before, 1);
}

/* ---- what it is given --------------------------------------------------------------- */

static void its_socket_is_where_it_belongs(void **state)
{
	(void)state;
	assert_int_equal(dup3(ends[1], EXEC_SOCKET, O_CLOEXEC), EXEC_SOCKET);
	expect_started(EXEC_SOCKET);
}

/* Linux before 5.9, or a sandbox. */
static void descriptors_are_closed_one_by_one(void **state)
{
	struct rlimit before;
	struct rlimit few;
	int extra = fcntl(ends[0], F_DUPFD, 200);

	(void)state;
	assert_true(extra >= 200);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 256;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	fault_arm("close_range", ENOSYS, FAULT_EACH, FAULT_MINE);
	expect_started(ends[1]);
	(void)fault_disarm();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	(void)close(extra);
}

/* ---- what is refused ------------------------------------------------------------------ */

/* In the child, which says it over its socket: what was sent there before is not lost for
 * that, and what lies at the place of the socket is another's. */
static void says_why_not(const char *call, int error)
{
	int pidfd = -1;
	char byte = 0;

	assert_int_equal(send(ends[0], "hello", 5, 0), 5);
	assert_int_equal(send(bystander[0], "b", 1, 0), 1);
	fault_arm(call, error, 1, FAULT_MINE);
	assert_true(start(ends[1], "", &pidfd) > 0);
	assert_int_equal(fault_disarm(), 0); /* not here */
	assert_int_equal(heard().code, -error);
	expect_end(pidfd, EXEC_FAILED, 0);
	assert_int_equal(recv(bystander[0], &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(recv(EXEC_SOCKET, &byte, 1, MSG_DONTWAIT), 1);
	assert_int_equal(byte, 'b');
}

static void the_socket_cannot_be_moved(void **state)
{
	(void)state;
	says_why_not("dup2", EBUSY);
}

static void the_socket_cannot_be_kept(void **state)
{
	(void)state;
	says_why_not("fcntl", EINVAL);
}

static void expect_refused(const char *call, int error)
{
	int pidfd = -1;

	fault_arm(call, error, 1, FAULT_MINE);
	assert_int_equal(start(ends[1], "", &pidfd), -error);
	assert_int_equal(fault_disarm(), 1);
	assert_int_equal(pidfd, -1);
	flow_check_released();
}

static struct refused_row {
	const char *test;
	const char *call;
	int error;
} refused_rows[] = {
	{"no_gate", "socketpair", EMFILE},
	{"no_child", "fork", EAGAIN},
	{"no_pidfd", "pidfd_open", EMFILE},
};

static void starting_is_refused(void **state)
{
	const struct refused_row *row = *state;

	assert_int_equal(setup(state), 0);
	expect_refused(row->call, row->error);
	expect_started(ends[1]);
	assert_int_equal(teardown(state), 0);
}

/* While it is waited for signals arrive. */
static void one_is_waited_for_in_spite_of_signals(void **state)
{
	const struct itimerval often = {.it_interval = {.tv_usec = 1000},
					.it_value = {.tv_usec = 1000}};
	const struct itimerval never = {0};
	const struct sigaction action = {.sa_handler = tick};
	struct sigaction before;

	(void)state;
	(void)sigaction(SIGALRM, &action, &before);
	awaited = TICKS;
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	expect_refused("pidfd_open", EMFILE);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	(void)sigaction(SIGALRM, &before, NULL);
}

/* Then it is the kernel that forgets a child. */
static void nobody_waits_for_children(void **state)
{
	void (*before)(int) = signal(SIGCHLD, SIG_IGN);
	int pidfd = -1;

	(void)state;
	fault_arm("pidfd_open", EMFILE, 1, FAULT_MINE);
	assert_int_equal(start(ends[1], "", &pidfd), -EMFILE);
	assert_int_equal(fault_disarm(), 1);
	(void)signal(SIGCHLD, before);
}

/* ---- how it ends ---------------------------------------------------------------------- */

/* It is looked at, and not waited for. */
static void one_has_not_ended(void **state)
{
	struct exec_end end;
	int pidfd = -1;

	(void)state;
	assert_true(start(ends[1], HANGS, &pidfd) > 0);
	assert_int_equal(exec_reap(pidfd, &end), 0);
	assert_int_equal(heard().code, STARTED);
	assert_int_equal(exec_reap(pidfd, &end), 0);
	exec_kill(pidfd);
	expect_end(pidfd, 0, SIGKILL);
}

static void middle(void)
{
	int pidfd;

	forker = getpid();
	awaited = ORPHANED;
	_exit(start(ends[1], "", &pidfd) > 0 ? 0 : 1);
}

/* It has been let go, and its host died before it could ask to be told. */
static void one_without_a_host_does_not_begin(void **state)
{
	struct pollfd polled = {.events = POLLIN};
	struct words words;
	pid_t child = fork();
	int status = -1;

	(void)state;
	if (child == 0)
		middle();
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	(void)close(ends[1]);
	polled.fd = ends[0];
	assert_int_equal(poll(&polled, 1, (int)TEST_DEADLINE_MS), 1);
	assert_int_equal(recv(ends[0], &words, sizeof(words), 0), 0);
	ends[1] = fcntl(ends[0], F_DUPFD_CLOEXEC, 0); /* for the teardown */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	static const struct CMUnitTest plain[] = {
		TEST(a_folder_is_no_program),
		TEST(a_file_may_not_be_run),
		TEST(there_is_no_memory_to_find_it),
		TEST(its_socket_is_where_it_belongs),
		TEST(descriptors_are_closed_one_by_one),
		TEST(the_socket_cannot_be_moved),
		TEST(the_socket_cannot_be_kept),
		TEST(one_is_waited_for_in_spite_of_signals),
		TEST(nobody_waits_for_children),
		TEST(one_has_not_ended),
		TEST(one_without_a_host_does_not_begin),
	};
	struct CMUnitTest tests[UNIT_COUNT(refused_rows) + UNIT_COUNT(plain)];
	size_t n;

	if (argc > 1)
		_exit(program(argv[1]));
	(void)pthread_atfork(NULL, NULL, child_holds);
	n = UNIT_ADD_ROWS(tests, 0, starting_is_refused, refused_rows);
	memcpy(tests + n, plain, sizeof(plain));
	return cmocka_run_group_tests_name("exec", tests, NULL, NULL);
}
