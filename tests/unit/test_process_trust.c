/* SPDX-License-Identifier: Apache-2.0 */
/* A handler sees what a process stage writes after it has sent it, if the process is trusted,
 * and else not. */
#include "program.h"

static uint64_t seen; /* the sink's, at the end */

static int waits_for_another(struct sluice_stage *self,
			     const struct sluice_batch *batch)
{
	const volatile uint64_t *event = batch->events;

	(void)self;
	sluice_store_release(&programs->count, 1);
	child_await(&programs->told, 1);
	seen = *event;
	return SLUICE_OK;
}

static int writes_twice(void)
{
	struct sluice_stage *port = program_attach();
	struct sluice_span span;
	volatile uint64_t *event;

	PROGRAM_MUST(sluice_send_reserve(port, &span, 1, TEST_DEADLINE_MS) ==
		     1);
	event = span.events;
	*event = 7;
	PROGRAM_MUST(sluice_send_commit(port, 1) == 1);
	child_await(&programs->count, 1);
	*event = 8;
	sluice_store_release(&programs->told, 1);
	return sluice_detach(port, TEST_DEADLINE_MS) == 0 ? 0 : 96;
}

static const struct program_part parts[] = {
	{"writes_twice", writes_twice},
};

static void sees_then(uint32_t flags, uint64_t event)
{
	program_open(SLUICE_PIPELINE(.name = "test"));
	flow_add(pipeline, SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
					.in_bytes = 8,
					.handle_events = waits_for_another));
	program_add(SLUICE_PROCESS(.name = "x", .to = "sink", .flags = flags),
		    "writes_twice");
	assert_int_equal(flow_run(pipeline), 0);
	program_close();
	assert_int_equal(seen, event);
}

static void one_is_not_trusted(void **state)
{
	(void)state;
	sees_then(0, 7);
}

static void one_is_trusted(void **state)
{
	(void)state;
	sees_then(SLUICE_PROCESS_TRUSTED, 8);
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(one_is_not_trusted),
		cmocka_unit_test(one_is_trusted),
	};

	if (argc > 1)
		return program_main(argv, parts, UNIT_COUNT(parts));
	program_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("process_trust", tests, NULL, NULL);
}
