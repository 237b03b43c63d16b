/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline with a window that follows its link, and looks at that, for test_auto.c and
 * test_auto_with.c. */
#ifndef SLUICE_TESTS_UNIT_FOLLOWED_H
#define SLUICE_TESTS_UNIT_FOLLOWED_H

#include "flow.h"

#define EVENTS 200000u
#define MOST   16384u /* of events of 8 bytes */

/* Static: a test that fails leaves its threads running until the teardown has closed the
 * pipeline. */
static struct sluice_pipeline *pipeline;
static struct flow_source source;
static struct flow_sink sinks[2];
static struct sluice_sub sub;
static uint32_t burns_us;    /* an event takes so long */
static uint32_t fails;       /* the next batch, once */
static uint32_t window_seen; /* by the batch after that */

static uint32_t window_now(struct sluice_sub id, uint32_t *most)
{
	const struct sluice_subscription_snapshot *row;
	struct sluice_snapshot *seen;
	uint32_t window;

	assert_int_equal(sluice_pipeline_stat(pipeline, &seen), 0);
	row = sluice_snapshot_subscription(seen, id);
	assert_non_null(row);
	window = row->window;
	if (most != NULL)
		*most = row->window_most;
	sluice_snapshot_close(seen);
	return window;
}

static void check_window(uint32_t window, uint32_t most)
{
	uint32_t is_most;

	assert_int_equal(window_now(sub, &is_most), window);
	assert_int_equal(is_most, most);
}

static int setup(void **state)
{
	source = (struct flow_source){0};
	memset(sinks, 0, sizeof(sinks));
	pipeline = NULL;
	burns_us = 0;
	fails = 0;
	window_seen = 0;
	return flow_setup(state);
}

static int teardown(void **state)
{
	sluice_pipeline_close(pipeline);
	return flow_teardown(state);
}

static void followed_prepare(struct CMUnitTest *tests, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		tests[i].setup_func = setup;
		tests[i].teardown_func = teardown;
	}
}

#endif
