/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* PTHREAD_PRIO_INHERIT */
/* The lock of a pipeline, where the system has no priority inheritance, or no
 * room for a lock at all. */
#include "engine/graph/platform_priv.h"

#include "flow.h"

#include <pthread.h>

/* ---- the edge ------------------------------------------------------------ */

/* What the calls answer, 0: what the system does. */
static int attr_rc;
static int protocol_rc;
static int inherit_rc; /* a mutex with attributes, */
static int plain_rc;   /* and one without */
static uint32_t attrs; /* that there are */
static uint32_t plain; /* mutexes without attributes that were made */

int __real_pthread_mutexattr_init(pthread_mutexattr_t *attr);
int __wrap_pthread_mutexattr_init(pthread_mutexattr_t *attr);
int __real_pthread_mutexattr_destroy(pthread_mutexattr_t *attr);
int __wrap_pthread_mutexattr_destroy(pthread_mutexattr_t *attr);
int __real_pthread_mutexattr_setprotocol(pthread_mutexattr_t *attr, int how);
int __wrap_pthread_mutexattr_setprotocol(pthread_mutexattr_t *attr, int how);
int __real_pthread_mutex_init(pthread_mutex_t *mutex,
			      const pthread_mutexattr_t *attr);
int __wrap_pthread_mutex_init(pthread_mutex_t *mutex,
			      const pthread_mutexattr_t *attr);

int __wrap_pthread_mutexattr_init(pthread_mutexattr_t *attr)
{
	if (attr_rc != 0)
		return attr_rc;
	attrs++;
	return __real_pthread_mutexattr_init(attr);
}

int __wrap_pthread_mutexattr_destroy(pthread_mutexattr_t *attr)
{
	attrs--;
	return __real_pthread_mutexattr_destroy(attr);
}

int __wrap_pthread_mutexattr_setprotocol(pthread_mutexattr_t *attr, int how)
{
	assert_int_equal(how, PTHREAD_PRIO_INHERIT);
	return protocol_rc ? protocol_rc
			   : __real_pthread_mutexattr_setprotocol(attr, how);
}

int __wrap_pthread_mutex_init(pthread_mutex_t *mutex,
			      const pthread_mutexattr_t *attr)
{
	int rc = attr != NULL ? inherit_rc : plain_rc;

	if (rc != 0)
		return rc;
	plain += attr == NULL;
	return __real_pthread_mutex_init(mutex, attr);
}

/* ---- the lock ------------------------------------------------------------ */

static struct row {
	const char *name;
	int attr_rc;
	int protocol_rc;
	int inherit_rc;
	int plain_rc;
	int rc;
	uint32_t plain;
} rows[] = {
	{"with_inheritance", 0, 0, 0, 0, 0, 0},
	{"no_inheritance_in_the_library", 0, ENOTSUP, 0, 0, 0, 1},
	{"no_inheritance_in_the_kernel", 0, 0, ENOTSUP, 0, 0, 1},
	{"no_room_for_attributes", ENOMEM, 0, 0, 0, -ENOMEM, 0},
	{"inheritance_is_not_allowed", 0, EPERM, 0, 0, -EPERM, 0},
	{"no_room", 0, 0, EAGAIN, 0, -EAGAIN, 0},
	{"no_inheritance_and_no_room", 0, ENOTSUP, 0, ENOMEM, -ENOMEM, 0},
};

static void edge_set(const struct row *row)
{
	attr_rc = row->attr_rc;
	protocol_rc = row->protocol_rc;
	inherit_rc = row->inherit_rc;
	plain_rc = row->plain_rc;
	attrs = 0;
	plain = 0;
}

/* Closes with what the library opens: nothing else counts mutexes meanwhile. */
static void lock_is_made(void **state)
{
	const struct platform *platform = platform_linux();
	const struct row *row = *state;
	void *mutex = NULL;

	edge_set(row);
	assert_int_equal(platform->mutex_open(platform->ctx, &mutex), row->rc);
	assert_int_equal(attrs, 0);
	assert_int_equal(plain, row->plain);
	edge_set(&rows[0]);
	if (row->rc < 0) {
		assert_null(mutex);
		return;
	}
	platform->mutex_lock(platform->ctx, mutex);
	assert_int_equal(pthread_mutex_trylock(mutex), EBUSY);
	platform->mutex_unlock(platform->ctx, mutex);
	assert_int_equal(pthread_mutex_trylock(mutex), 0);
	assert_int_equal(pthread_mutex_unlock(mutex), 0);
	platform->mutex_close(platform->ctx, mutex);
}

/* With such a lock a pipeline runs; without any it is not opened. */
static void pipeline_has_it(void **state)
{
	const struct row *row = *state;
	struct sluice_pipeline *p = NULL;
	struct flow_source source = {.end = 1000};
	struct flow_sink sink = {0};
	int rc;

	edge_set(row);
	rc = sluice_pipeline_open(&p, SLUICE_PIPELINE(.name = "locked"));
	edge_set(&rows[0]);
	if (row->rc < 0) {
		assert_int_equal(rc, -ENOMEM);
		assert_text_has(sluice_last_error(), "pipeline 'locked'");
		assert_null(p);
		return;
	}
	assert_int_equal(rc, 0);
	flow_add_source(p, "source", &source);
	flow_add_sink(p, "sink", &sink);
	flow_subscribe(p, "sink", "source", NULL);
	assert_int_equal(flow_run(p), 0);
	flow_check_all(&sink, 1000);
	sluice_pipeline_close(p);
}

int main(void)
{
	struct CMUnitTest tests[2 * UNIT_COUNT(rows)];
	size_t n = UNIT_ADD_ROWS(tests, 0, lock_is_made, rows);

	n = UNIT_ADD_ROWS(tests, n, pipeline_has_it, rows);
	flow_watch(tests, n);
	return cmocka_run_group_tests_name("platform", tests, NULL, NULL);
}
