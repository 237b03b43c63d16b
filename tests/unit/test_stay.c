/* SPDX-License-Identifier: Apache-2.0 */
/* Who may keep a pipeline from ending, and when it is too late. */
#include "engine/run/run_priv.h"
#include "tests/unit/flow.h"

#include <errno.h>

static void a_pipeline_does_not_end_while_somebody_stays(void **state)
{
	struct flow_source source = {.end = UINT64_MAX};
	struct flow_sink sink = {0};
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	flow_add_source(p, "a", &source);
	flow_add_sink(p, "c", &sink);
	flow_subscribe(p, "c", "a", NULL);
	/* It does not run yet. */
	assert_int_equal(pipeline_stay(p), -EPIPE);
	flow_start(p);
	assert_int_equal(pipeline_stay(p), 0);
	sluice_pipeline_stop(p);
	/* It runs, and is told to stop: nobody else stays. */
	assert_int_equal(pipeline_stay(p), -EPIPE);
	assert_int_equal(sluice_pipeline_join(p, 20), -ETIMEDOUT);
	pipeline_stay_no_more(p);
	(void)(flow_join(p) + 1);
	assert_int_equal(pipeline_stay(p), -EPIPE);
	sluice_pipeline_close(p);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipeline_does_not_end_while_somebody_stays),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("stay", tests, NULL, NULL);
}
