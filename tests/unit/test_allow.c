/* SPDX-License-Identifier: Apache-2.0 */
/* Who may attach, and as what: by the kernel's word of who it is. */
#define _GNU_SOURCE /* setgroups */
#include "tests/unit/reception.h"

#include <grp.h>
#include <sys/stat.h>

#define ANOTHER_UID 65534u

/* In a process of that uid, gid and group, which may go where it likes: what
 * attach_open() returns. */
static int visit_as(uint32_t uid, uint32_t gid, uint32_t group,
		    enum wire_role role)
{
	gid_t groups[1] = {group};
	pid_t child;
	int status;

	assert_int_equal(chmod(folder, 0755), 0);
	child = fork();
	if (child == 0) {
		struct attach attach;
		int rc;

		if (setgroups(1, groups) < 0 || setgid(gid) < 0 ||
		    setuid(uid) < 0)
			_exit(255);
		rc = visit(&attach, role);
		attach_close(&attach, SLUICE_REASON_NORMAL, 0);
		_exit(-rc);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static void others_may_not_unless_they_are_listed(void **state)
{
	static const char *const stages[] = {"in", NULL};
	const struct sluice_peer_allow allow[] = {
		{.uid = SLUICE_ID(ANOTHER_UID),
		 .roles = SLUICE_PEER_CONSUMER | SLUICE_PEER_OBSERVER},
		{.gid = SLUICE_ID(700), .stages = stages},
	};

	(void)state;
	if (geteuid() != 0)
		skip();
	reception_open((struct sluice_listen_opts){.mode = 0777});
	assert_int_equal(visit_as(ANOTHER_UID, 5, 6, WIRE_CONSUMER), -EACCES);
	assert_int_equal(visit_as(0, 0, 0, WIRE_CONSUMER), 0);
	reception_await_all();
	reception_close();

	reception_open((struct sluice_listen_opts){
		.mode = 0777, .allow = allow, .allow_count = 2});
	assert_int_equal(visit_as(ANOTHER_UID, 5, 6, WIRE_CONSUMER), 0);
	assert_int_equal(visit_as(ANOTHER_UID, 5, 6, WIRE_OBSERVER), 0);
	assert_int_equal(visit_as(ANOTHER_UID, 5, 6, WIRE_PRODUCER), -EACCES);
	assert_int_equal(visit_as(ANOTHER_UID, 5, 6, WIRE_WORKER), -EACCES);
	/* By its group, first or further. */
	assert_int_equal(visit_as(4000, 700, 6, WIRE_PRODUCER), 0);
	assert_int_equal(visit_as(4000, 5, 700, WIRE_PRODUCER), 0);
	assert_int_equal(visit_as(4000, 5, 700, WIRE_CONSUMER), -EACCES);
	assert_int_equal(visit_as(4000, 5, 700, WIRE_WORKER), -EACCES);
	assert_int_equal(visit_as(4000, 5, 6, WIRE_PRODUCER), -EACCES);
	/* Root is listed as any other. */
	assert_int_equal(visit_as(0, 0, 0, WIRE_CONSUMER), -EACCES);
	reception_await_all();
	reception_close();
}

static void the_refusal_names_who_and_what(void **state)
{
	const struct sluice_peer_allow other = {.uid = SLUICE_ID(geteuid()),
						.roles = SLUICE_PEER_PRODUCER};
	const struct sluice_peer_allow nobody = {.uid = SLUICE_ID(4000)};
	struct attach attach;
	char says[128];

	(void)state;
	reception_open(
		(struct sluice_listen_opts){.allow = &other, .allow_count = 1});
	assert_int_equal(visit(&attach, WIRE_WORKER), -EACCES);
	(void)snprintf(says, sizeof(says),
		       "pipeline 'p': uid %u, gid %u may not be a worker of "
		       "'out' and 'in'",
		       (unsigned)geteuid(), (unsigned)getegid());
	assert_string_equal(sluice_last_error(), says);
	reception_close();
	reception_open((struct sluice_listen_opts){.allow = &nobody,
						   .allow_count = 1});
	assert_int_equal(visit(&attach, WIRE_PRODUCER), -EACCES);
	assert_text_has(sluice_last_error(), "may not attach");
	reception_close();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(others_may_not_unless_they_are_listed),
		cmocka_unit_test(the_refusal_names_who_and_what),
	};

	return cmocka_run_group_tests_name("allow", tests, NULL, NULL);
}
