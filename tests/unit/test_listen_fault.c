/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline begins to listen, and the system refuses something: each call that may
 * fail does so once. Nothing is held then, the reason is told, and it works when it is
 * tried again. */
#include "flow.h"
#include "ring/base_priv.h"
#include "tests/support/faults.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>

#define N_MAX 100u /* nothing makes so many calls of one kind */

static char runtime[64];
static char folder[80];
static char socket_path[96];

static int setup(void **state)
{
	(void)strcpy(runtime, "/tmp/sluice-test-XXXXXX");
	assert_non_null(mkdtemp(runtime));
	(void)snprintf(folder, sizeof(folder), "%s/sluice", runtime);
	(void)snprintf(socket_path, sizeof(socket_path), "%s/test.sock",
		       folder);
	(void)unsetenv("SLUICE_DIR");
	(void)setenv("XDG_RUNTIME_DIR", runtime, 1);
	return flow_setup(state);
}

static int teardown(void **state)
{
	(void)rmdir(folder);
	assert_int_equal(rmdir(runtime), 0);
	return flow_teardown(state);
}

/* With all there is to refuse: names to copy, a group. */
static int listen_to(struct sluice_pipeline *p)
{
	static const char *const stages[] = {"source", "sink", NULL};
	const struct sluice_peer_allow allow[] = {
		{.uid = SLUICE_ID(geteuid())},
		{.gid = SLUICE_ID(7), .stages = stages},
		{.gid = SLUICE_ID(8), .stages = stages},
	};

	return sluice_pipeline_listen(
		p, SLUICE_LISTEN(.group = SLUICE_ID(getegid()), .allow = allow,
				 .allow_count = UNIT_COUNT(allow)));
}

/* What a process has left that was killed. */
static void leave_a_socket(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)mkdir(folder, 0700);
	(void)strcpy(name.sun_path, socket_path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&name, sizeof(name)),
			 0);
	(void)close(fd);
}

static void expect_a_connection(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)strcpy(name.sun_path, socket_path);
	assert_int_equal(
		connect(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	(void)close(fd);
}

/* ---- each call fails once -------------------------------------------------------- */

static struct fault_row {
	const char *test;
	const char *call;
	int error;
	int rc;            /* 0: it goes without */
	uint32_t at_least; /* calls that are refused */
	const char *says;
} rows[] = {
	{"calloc", "calloc", ENOMEM, -ENOMEM, 5, "no memory"},
	{"malloc", "malloc", ENOMEM, -ENOMEM, 3, "pipeline 'test': no thread"},
	{"eventfd", "eventfd", EMFILE, -EMFILE, 1, "no descriptor for peers"},
	{"fcntl", "fcntl", EMFILE, -EMFILE, 1, "no descriptor for peers"},
	{"mkdir", "mkdir", EACCES, -EACCES, 1, "refused by mkdir: Permission"},
	{"chmod", "chmod", EPERM, -EPERM, 2, "refused by chmod"},
	{"chown", "chown", EPERM, -EPERM, 1, "refused by chown (group)"},
	{"open", "open", EACCES, -EACCES, 2, "refused by open: Permission"},
	{"flock", "flock", ENOLCK, -ENOLCK, 1, "lock file"},
	{"flock_taken", "flock", EWOULDBLOCK, -EADDRINUSE, 1,
	 "is in use by another pipeline, of process (not said)"},
	{"ftruncate", "ftruncate", EIO, 0, 1, NULL},
	{"statx", "statx", ENOMEM, -ENOMEM, 3, "refused by statx"},
	{"unlink", "unlink", EPERM, -EPERM, 1, "refused by unlink"},
	{"socket", "socket", EMFILE, -EMFILE, 1, "refused by socket"},
	{"bind", "bind", EACCES, -EACCES, 1, "refused by bind"},
	{"listen", "listen", EOPNOTSUPP, -EOPNOTSUPP, 1, "refused by listen"},
	{"pthread_create", "pthread_create", EAGAIN, -EAGAIN, 1,
	 "no thread for its peers"},
};

static void check_refused(const struct fault_row *row, int rc)
{
	const char *says = row->says;

	assert_int_equal(rc, row->rc);
	/* Before there is a thread it is other memory that is missing. */
	if (strcmp(row->call, "malloc") == 0 &&
	    strstr(sluice_last_error(), says) == NULL)
		says = "listen: no memory for allow";
	assert_text_has(sluice_last_error(), says);
}

static void listening_fails_and_holds_nothing(void **state)
{
	const struct fault_row *row = *state;
	uint32_t refused = 0;

	assert_int_equal(setup(state), 0);
	for (uint32_t n = 1; n < N_MAX; n++) {
		struct sluice_pipeline *p = flow_open_named(1);
		int stale = strcmp(row->call, "unlink") == 0;
		int64_t live = fault_live();
		int fds = fds_count();
		int once;
		int rc;

		if (stale)
			leave_a_socket();
		(void)sluice_fail(-1, "nothing is told");
		fault_arm(row->call, row->error, n, FAULT_MINE);
		rc = listen_to(p);
		once = fault_disarm() != 0;
		refused += (uint32_t)once;
		if (rc < 0) {
			check_refused(row, rc);
			assert_int_equal(fault_live(), live);
			assert_int_equal(fds_count(), fds);
			/* A lock file that is not locked is nobody's, and may be
			 * another's by the time it would be taken away. */
			assert_int_equal(stale, access(socket_path, F_OK) == 0);
			assert_int_equal(listen_to(p), 0);
		}
		expect_a_connection();
		sluice_pipeline_close(p);
		assert_int_equal(fds_entries(folder), 0);
		(void)rmdir(folder);
		if (!once)
			break;
	}
	assert_in_range(refused, row->at_least, N_MAX - 2);
	assert_int_equal(teardown(state), 0);
}

/* ---- others -------------------------------------------------------------------------- */

/* Somebody takes the lock file away whenever it has been locked. */
static void a_lock_that_never_stays_is_given_up(void **state)
{
	struct sluice_pipeline *p = flow_open_named(1);
	int fds = fds_count();

	(void)state;
	fault_arm("statx_itself", ENOENT, FAULT_EACH, FAULT_MINE);
	assert_int_equal(listen_to(p), -EADDRINUSE);
	assert_true(fault_disarm() > 1);
	assert_text_has(sluice_last_error(), "is taken away again and again");
	assert_int_equal(fds_count(), fds);
	assert_int_equal(listen_to(p), 0);
	sluice_pipeline_close(p);
}

/* Whoever holds the lock has not written there who it is. */
static void who_holds_the_lock_may_not_be_known(void **state)
{
	struct sluice_pipeline *p = flow_open_named(1);
	struct sluice_pipeline *other = flow_open_named(1);

	(void)state;
	fault_arm("ftruncate", EIO, 1, FAULT_MINE);
	assert_int_equal(listen_to(p), 0);
	assert_int_equal(fault_disarm(), 1);
	assert_int_equal(listen_to(other), -EADDRINUSE);
	assert_text_has(sluice_last_error(), "of process (not said)");
	sluice_pipeline_close(p);
	assert_int_equal(listen_to(other), 0);
	sluice_pipeline_close(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest plain[] = {
		TEST(a_lock_that_never_stays_is_given_up),
		TEST(who_holds_the_lock_may_not_be_known),
	};
	struct CMUnitTest tests[UNIT_COUNT(rows) + UNIT_COUNT(plain)];
	size_t n = UNIT_ADD_ROWS(tests, 0, listening_fails_and_holds_nothing,
				 rows);

	memcpy(tests + n, plain, sizeof(plain));
	return cmocka_run_group_tests_name("listen_fault", tests, NULL, NULL);
}
