/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/base_priv.h"
#include "ring/credit.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The closed table of base.h, with a word that each text must hold. */
static const struct {
	int rc;
	const char *says;
} codes[] = {
	{0, "success"},          {-EAGAIN, "no credit"},
	{-EINVAL, "option"},     {-E2BIG, "newer"},
	{-EEXIST, "in use"},     {-ENOENT, "no such"},
	{-EBUSY, "state"},       {-ENOMEM, "memory"},
	{-ENOSPC, "limit"},      {-EPROTO, "not a sluice region"},
	{-EPIPE, "ended"},       {-ETIMEDOUT, "deadline"},
	{-ECANCELED, "stopped"}, {-EALREADY, "already"},
	{-EDEADLK, "itself"},    {-EMSGSIZE, "fit"},
	{-ENOTSUP, "callback"},  {-EPERM, "here"},
	{-ELOOP, "too often"},   {-ERANGE, "partition"},
	{-ECHILD, "parent"},
};

static void strerror_names_every_code(void **state)
{
	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(codes); i++)
		assert_text_has(sluice_strerror(codes[i].rc), codes[i].says);
}

static void strerror_texts_differ(void **state)
{
	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(codes); i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(sluice_strerror(codes[i].rc),
						sluice_strerror(codes[j].rc));
}

static void strerror_of_a_stranger_is_not_null(void **state)
{
	static const int strangers[] = {-4000, -4096, INT_MIN};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(strangers); i++)
		assert_text_has(sluice_strerror(strangers[i]), "callback");
	assert_text_has(sluice_strerror(1), "count");
	assert_text_has(sluice_strerror(INT_MAX), "count");
}

/* Every code that the system has a text for has one here, and nothing else. */
static void strerror_knows_what_the_system_knows(void **state)
{
	(void)state;
	assert_text_has(sluice_strerror(-EXDEV), "ross-device");
	assert_text_has(sluice_strerror(-EBADMSG), "ad message");
	assert_text_has(sluice_strerror(-EDEADLK), "itself");
	/* No error at all has none. */
	assert_string_equal(sluice_errno_text(0), "error of a callback");
	assert_string_equal(sluice_errno_text(EINVAL), "error of a callback");
	for (int e = 1; e < 4096; e++) {
		const char *theirs = strerror(e);
		const char *ours = sluice_errno_text(-e);

		if (strncmp(theirs, "Unknown error", 13) == 0 ||
		    strncmp(theirs, "No error information", 20) == 0)
			assert_string_equal(ours, "error of a callback");
		else
			assert_string_not_equal(ours, "error of a callback");
#if defined(__GLIBC__)
		if (strcmp(ours, "error of a callback") != 0)
			assert_string_equal(ours, theirs);
#endif
	}
}

static void last_error_holds_what_failed(void **state)
{
	(void)state;
	assert_int_equal(sluice_fail(-EBUSY, "stage '%s': %d", "a", 7), -EBUSY);
	assert_string_equal(sluice_last_error(), "stage 'a': 7");
	assert_int_equal(sluice_fail(-EINVAL, "other"), -EINVAL);
	assert_string_equal(sluice_last_error(), "other");
}

static void last_error_outlives_success(void **state)
{
	struct sluice_credit credit;

	(void)state;
	(void)sluice_fail(-EINVAL, "kept");
	assert_int_equal(sluice_credit_init(&credit, 10, 0, 0), 0);
	assert_string_equal(sluice_last_error(), "kept");
}

static void last_error_cuts_a_long_text(void **state)
{
	char text[2000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(sluice_fail(-EINVAL, "%s", text), -EINVAL);
	assert_true(strlen(sluice_last_error()) > 100);
	assert_true(strlen(sluice_last_error()) < sizeof(text) - 1);
	assert_memory_equal(sluice_last_error(), text,
			    strlen(sluice_last_error()));
}

/* What a second thread saw; the main thread judges it. */
struct seen {
	char at_start[64];
	char after[64];
	const char *where;
};

static void *fail_elsewhere(void *arg)
{
	struct seen *seen = arg;

	(void)snprintf(seen->at_start, sizeof(seen->at_start), "%.60s",
		       sluice_last_error());
	(void)sluice_fail(-EBUSY, "theirs");
	(void)snprintf(seen->after, sizeof(seen->after), "%.60s",
		       sluice_last_error());
	seen->where = sluice_last_error();
	return NULL;
}

static void last_error_is_of_one_thread(void **state)
{
	struct seen seen = {.at_start = "not looked"};
	pthread_t thread;

	(void)state;
	(void)sluice_fail(-EINVAL, "mine");
	assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, &seen),
			 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_string_equal(seen.at_start, "");
	assert_string_equal(seen.after, "theirs");
	assert_ptr_not_equal(seen.where, sluice_last_error());
	assert_string_equal(sluice_last_error(), "mine");
}

/* Runs in a child: the way it ends is the result. */
static void assert_in_child(int holds)
{
	struct rlimit no_core = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)signal(SIGABRT, SIG_DFL);
	SLUICE_ASSERT(holds);
	_exit(0);
}

static int status_of_assert(int holds)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		assert_in_child(holds);
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void assert_aborts_only_when_broken(void **state)
{
	int status = status_of_assert(0);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	status = status_of_assert(1);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strerror_names_every_code),
		cmocka_unit_test(strerror_texts_differ),
		cmocka_unit_test(strerror_of_a_stranger_is_not_null),
		cmocka_unit_test(strerror_knows_what_the_system_knows),
		cmocka_unit_test(last_error_holds_what_failed),
		cmocka_unit_test(last_error_outlives_success),
		cmocka_unit_test(last_error_cuts_a_long_text),
		cmocka_unit_test(last_error_is_of_one_thread),
		cmocka_unit_test(assert_aborts_only_when_broken),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
