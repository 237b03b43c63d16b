/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline begins to listen, its thread is refused, and just then it is asked to listen
 * once more: who asks meets no listener that is about to go. */
#include "tests/support/pthread_create.h"
#include "flow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sluice_pipeline *pipeline;
static char folders[2][64];

/* What comes before the next thread, which is refused. */
static int (*meanwhile)(void);
static int meanwhile_rc;

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attr,
			  void *(*run)(void *), void *arg)
{
	int (*first)(void) = meanwhile;

	if (first == NULL)
		return __real_pthread_create(id, attr, run, arg);
	meanwhile = NULL;
	meanwhile_rc = first();
	return EAGAIN;
}

static int setup(void **state)
{
	for (uint32_t i = 0; i < 2; i++) {
		(void)strcpy(folders[i], "/tmp/sluice-test-XXXXXX");
		assert_non_null(mkdtemp(folders[i]));
	}
	return flow_setup(state);
}

static int teardown(void **state)
{
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(rmdir(folders[i]), 0);
	return flow_teardown(state);
}

static int listen_in(uint32_t i)
{
	return sluice_pipeline_listen(pipeline,
				      SLUICE_LISTEN(.folder = folders[i]));
}

static int listen_in_the_other(void)
{
	return listen_in(1);
}

static void expect_a_connection(const char *folder)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(name.sun_path, sizeof(name.sun_path), "%s/test.sock",
		       folder);
	assert_int_equal(
		connect(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	(void)close(fd);
}

static void who_comes_meanwhile_listens(void **state)
{
	(void)state;
	pipeline = flow_open_named(1);
	meanwhile = listen_in_the_other;
	meanwhile_rc = 1;
	assert_int_equal(listen_in(0), -EAGAIN);
	assert_text_has(sluice_last_error(), "no thread for its peers");
	assert_int_equal(meanwhile_rc, 0);
	expect_a_connection(folders[1]);
	assert_int_equal(listen_in(0), -EALREADY);
	sluice_pipeline_close(pipeline);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_comes_meanwhile_listens,
						setup, teardown),
	};

	return cmocka_run_group_tests_name("listen_meanwhile", tests, NULL,
					   NULL);
}
