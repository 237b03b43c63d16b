/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* mkdtemp */
#include "engine/peer/address_priv.h"
#include "ring/base.h"
#include "tests/support/fds.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

/* Who asks; UID_REAL: who it is. */
#define UID_REAL UINT32_MAX
static uint32_t uid_said = UID_REAL;

uid_t __real_geteuid(void);
uid_t __wrap_geteuid(void);
uid_t __wrap_geteuid(void)
{
	return uid_said == UID_REAL ? __real_geteuid() : (uid_t)uid_said;
}

static const struct address_opts plain = {.mode = ADDRESS_MODE, .backlog = 16};

static int setup(void **state)
{
	(void)state;
	(void)strcpy(folder, "/tmp/sluice-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)unsetenv("SLUICE_DIR");
	(void)unsetenv("XDG_RUNTIME_DIR");
	(void)unsetenv("TMPDIR");
	uid_said = UID_REAL;
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

/* ---- names --------------------------------------------------------------- */

struct name_row {
	const char *test;
	const char *name;
	const char *says; /* NULL: it is one */
};

#define CHARS_63                                                               \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

static struct name_row name_rows[] = {
	{"name_letters", CHARS_63, NULL},
	{"name_marks", "a_.-", NULL},
	{"name_dots", "...", NULL},
	{"name_null", NULL, "has no name"},
	{"name_empty", "", "has no name"},
	{"name_long", CHARS_63 "x", "over the limit of 63"},
	{"name_dot", ".", "is not \".\""},
	{"name_dot_dot", "..", "is not \".\""},
	{"name_slash", "a/b", "A-Z a-z 0-9"},
	{"name_space", "a b", "A-Z a-z 0-9"},
	{"name_high", "\xc3\xa4", "A-Z a-z 0-9"},
};

static void names(void **state)
{
	const struct name_row *row = *state;

	if (row->says == NULL) {
		assert_int_equal(address_check_name(row->name), 0);
		return;
	}
	assert_int_equal(address_check_name(row->name), -EINVAL);
	assert_text_has(sluice_last_error(), row->says);
}

/* ---- folders ------------------------------------------------------------- */

static void expect_path(const struct address *address, const char *part)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s%s/p.sock", folder, part);
	assert_string_equal(address->path, path);
	(void)snprintf(path, sizeof(path), "%s%s/p.lock", folder, part);
	assert_string_equal(address->lock_path, path);
}

static void the_environment_says_where(void **state)
{
	struct address address;
	char text[128];

	(void)state;
	/* From the last to the first. */
	(void)setenv("TMPDIR", folder, 1);
	uid_said = 0;
	(void)address_find(&address, "p", NULL, 0);
	assert_string_equal(address.path, "/run/sluice/p.sock");
	uid_said = 1234;
	(void)address_find(&address, "p", NULL, 0);
	expect_path(&address, "/sluice-1234");
	uid_said = UID_REAL;
	(void)setenv("XDG_RUNTIME_DIR", folder, 1);
	assert_int_equal(address_find(&address, "p", NULL, 1), 0);
	expect_path(&address, "/sluice");
	(void)snprintf(text, sizeof(text), "%s/dir", folder);
	(void)setenv("SLUICE_DIR", text, 1);
	assert_int_equal(address_find(&address, "p", NULL, 1), 0);
	expect_path(&address, "/dir");
	assert_int_equal(address_find(&address, "p", folder, 1), 0);
	expect_path(&address, "");
	/* Set, and empty, is not set. */
	(void)setenv("SLUICE_DIR", "", 1);
	assert_int_equal(address_find(&address, "p", NULL, 0), 0);
	expect_path(&address, "/sluice");
}

static void a_folder_is_made_by_who_listens_only(void **state)
{
	struct address address;
	struct stat is;
	char path[128];

	(void)state;
	(void)setenv("XDG_RUNTIME_DIR", folder, 1);
	assert_int_equal(address_find(&address, "p", NULL, 0), -ENOENT);
	assert_text_has(sluice_last_error(), "/sluice' (XDG_RUNTIME_DIR)");
	assert_int_equal(address_find(&address, "p", NULL, 1), 0);
	(void)snprintf(path, sizeof(path), "%s/sluice", folder);
	assert_int_equal(stat(path, &is), 0);
	assert_int_equal(is.st_mode & 0777, 0700);
	assert_int_equal(address_find(&address, "p", NULL, 0), 0);
}

/* So is one that is named, in a folder that is there. */
static void a_folder_that_is_named_is_made(void **state)
{
	struct address address;
	struct stat is;
	char path[128];
	mode_t mask = umask(0027);

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/named", folder);
	assert_int_equal(address_find(&address, "p", path, 0), -ENOENT);
	assert_int_not_equal(stat(path, &is), 0);
	assert_int_equal(address_find(&address, "p", path, 1), 0);
	expect_path(&address, "/named");
	assert_int_equal(stat(path, &is), 0);
	assert_int_equal(is.st_mode & 0777, 0750);
	(void)snprintf(path, sizeof(path), "%s/none/named", folder);
	assert_int_equal(address_find(&address, "p", path, 1), -ENOENT);
	assert_text_has(sluice_last_error(),
			"/none/named' (folder) refused by mkdir");
	(void)snprintf(path, sizeof(path), "%s/none", folder);
	assert_int_not_equal(stat(path, &is), 0);
	(void)umask(mask);
}

static void a_path_has_107_bytes_at_most(void **state)
{
	struct address address;
	char path[256];
	size_t base = strlen(folder);

	(void)state;
	/* "/" and "p.sock" take seven. */
	(void)snprintf(path, sizeof(path), "%s/%0*d", folder,
		       (int)(107 - 7 - base - 1), 0);
	assert_int_equal(address_find(&address, "p", path, 1), 0);
	assert_int_equal(strlen(address.path), 107);
	(void)strcat(path, "0");
	assert_int_equal(address_find(&address, "p", path, 1), -ENAMETOOLONG);
	assert_text_has(sluice_last_error(),
			"has 108 bytes, over the limit of 107");
}

static void a_relative_folder_is_refused(void **state)
{
	struct address address;

	(void)state;
	(void)setenv("SLUICE_DIR", "here", 1);
	assert_int_equal(address_find(&address, "p", NULL, 1), -EINVAL);
	assert_text_has(sluice_last_error(), "SLUICE_DIR 'here'");
}

static void a_login_of_another_is_refused(void **state)
{
	struct address address;

	(void)state;
	(void)setenv("XDG_RUNTIME_DIR", folder, 1);
	uid_said = 1234;
	assert_int_equal(address_find(&address, "p", NULL, 1), -EPERM);
	assert_text_has(sluice_last_error(), "not to 1234; set SLUICE_DIR");
}

/* A temporary folder that somebody else has prepared. */
static void temporary(char path[128])
{
	(void)setenv("TMPDIR", folder, 1);
	uid_said = 1234; /* neither root nor who made it */
	(void)snprintf(path, 128, "%s/sluice-1234", folder);
}

static void a_strangers_folder_is_refused(void **state)
{
	struct address address;
	char path[128];

	(void)state;
	temporary(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(address_find(&address, "p", NULL, 1), -EPERM);
	assert_text_has(sluice_last_error(), "not to 1234");
}

static void a_link_is_refused(void **state)
{
	struct address address;
	char path[128];

	(void)state;
	temporary(path);
	assert_int_equal(symlink(folder, path), 0);
	assert_int_equal(address_find(&address, "p", NULL, 1), -ENOTDIR);
	assert_text_has(sluice_last_error(), "refused by open");
}

static void a_folder_for_all_is_refused(void **state)
{
	struct address address;
	char path[128];

	(void)state;
	(void)setenv("XDG_RUNTIME_DIR", folder, 1);
	(void)snprintf(path, sizeof(path), "%s/sluice", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, 0720), 0);
	assert_int_equal(address_find(&address, "p", NULL, 1), -EPERM);
	assert_text_has(sluice_last_error(), "has mode 0720 and may have 0755");
}

/* ---- lock and socket ------------------------------------------------------ */

static int listen_as(struct address *address, const char *name,
		     const struct address_opts *opts)
{
	int rc = address_find(address, name, folder, 1);

	if (rc == 0)
		rc = address_take(address);
	return rc < 0 ? rc : address_listen(address, opts);
}

static int connect_to(const struct address *address)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)strcpy(name.sun_path, address->path);
	if (connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0)
		return fd;
	(void)close(fd);
	return -errno;
}

static void it_is_found_and_goes_without_a_trace(void **state)
{
	struct address address;
	struct stat is;
	int before = fds_count();
	int fd = listen_as(&address, "p", &plain);
	int peer;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(stat(address.path, &is), 0);
	assert_true(S_ISSOCK(is.st_mode));
	assert_int_equal(is.st_mode & 0777, 0700);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(address.lock, F_GETFD), FD_CLOEXEC);
	peer = connect_to(&address);
	assert_true(peer >= 0);
	(void)close(peer);
	(void)close(fd);
	address_leave(&address);
	assert_int_equal(fds_count(), before);
	assert_int_equal(fds_entries(folder), 0);
	address_leave(&address); /* once more is nothing */
}

static void mode_and_group_are_set_whatever_the_umask(void **state)
{
	struct address address;
	struct address_opts opts = plain;
	mode_t before = umask(0077);
	struct stat is;
	int fd;

	(void)state;
	opts.mode = 0660;
	opts.has_group = 1;
	opts.group = getegid();
	fd = listen_as(&address, "p", &opts);
	(void)umask(before);
	assert_true(fd >= 0);
	assert_int_equal(stat(address.path, &is), 0);
	assert_int_equal(is.st_mode & 0777, 0660);
	assert_int_equal(is.st_gid, getegid());
	(void)close(fd);
	address_leave(&address);
}

static void a_name_is_taken_once(void **state)
{
	struct address address;
	struct address second;
	char pid[32];
	int fd = listen_as(&address, "p", &plain);
	int other;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(listen_as(&second, "p", &plain), -EADDRINUSE);
	(void)snprintf(pid, sizeof(pid), "of process %d", (int)getpid());
	assert_text_has(sluice_last_error(), pid);
	address_leave(&second); /* which has taken nothing */
	other = listen_as(&second, "p.lock", &plain); /* another name */
	assert_true(other >= 0);
	assert_true(connect_to(&address) >= 0);
	(void)close(other);
	(void)close(fd);
	address_leave(&second);
	address_leave(&address);
	fd = listen_as(&address, "p", &plain);
	assert_true(fd >= 0);
	(void)close(fd);
	address_leave(&address);
}

static void what_a_killed_process_left_is_replaced_at_once(void **state)
{
	struct address address;
	pid_t child;
	int status;
	int fd;

	(void)state;
	for (int i = 0; i < 20; i++) {
		child = fork();
		if (child == 0) {
			if (listen_as(&address, "p", &plain) < 0)
				_exit(1);
			(void)raise(SIGKILL);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(fds_entries(folder), 2);
		fd = listen_as(&address, "p", &plain);
		assert_true(fd >= 0);
		assert_true(connect_to(&address) >= 0);
		(void)close(fd);
		if (i % 2)
			address_leave(&address);
		else
			address_drop(&address);
	}
}

/* A child has a copy of the lock, and by closing it takes nothing away. */
static void a_child_gives_nothing_away(void **state)
{
	struct address address;
	struct address second;
	int fd = listen_as(&address, "p", &plain);
	pid_t child = fork();
	int status;

	(void)state;
	assert_true(fd >= 0);
	if (child == 0) {
		address_drop(&address);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(listen_as(&second, "p", &plain), -EADDRINUSE);
	assert_true(connect_to(&address) >= 0);
	(void)close(fd);
	address_leave(&address);
}

static void what_is_no_socket_stays(void **state)
{
	struct address address;
	struct stat is;
	int fd;

	(void)state;
	assert_int_equal(address_find(&address, "p", folder, 1), 0);
	fd = open(address.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(listen_as(&address, "p", &plain), -EEXIST);
	assert_text_has(sluice_last_error(), "is no socket");
	address_leave(&address);
	assert_int_equal(stat(address.path, &is), 0);
}

static void a_lock_that_is_a_link_is_refused(void **state)
{
	struct address address;

	(void)state;
	assert_int_equal(address_find(&address, "p", folder, 1), 0);
	assert_int_equal(symlink("/dev/null", address.lock_path), 0);
	assert_int_equal(address_take(&address), -ELOOP);
	assert_text_has(sluice_last_error(), "lock file");
}

static void the_lock_of_another_is_refused(void **state)
{
	struct address address;

	(void)state;
	assert_int_equal(address_find(&address, "p", folder, 1), 0);
	uid_said = 1234;
	assert_int_equal(address_take(&address), -EPERM);
	assert_text_has(sluice_last_error(), "is no file of uid 1234");
	assert_int_equal(address.lock, -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest plain_tests[] = {
		TEST(the_environment_says_where),
		TEST(a_folder_is_made_by_who_listens_only),
		TEST(a_folder_that_is_named_is_made),
		TEST(a_path_has_107_bytes_at_most),
		TEST(a_relative_folder_is_refused),
		TEST(a_login_of_another_is_refused),
		TEST(a_strangers_folder_is_refused),
		TEST(a_link_is_refused),
		TEST(a_folder_for_all_is_refused),
		TEST(it_is_found_and_goes_without_a_trace),
		TEST(mode_and_group_are_set_whatever_the_umask),
		TEST(a_name_is_taken_once),
		TEST(what_a_killed_process_left_is_replaced_at_once),
		TEST(a_child_gives_nothing_away),
		TEST(what_is_no_socket_stays),
		TEST(a_lock_that_is_a_link_is_refused),
		TEST(the_lock_of_another_is_refused),
	};
	struct CMUnitTest
		tests[UNIT_COUNT(name_rows) + UNIT_COUNT(plain_tests)];
	size_t n = UNIT_ADD_ROWS(tests, 0, names, name_rows);

	memcpy(tests + n, plain_tests, sizeof(plain_tests));
	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
