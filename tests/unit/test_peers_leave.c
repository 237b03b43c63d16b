/* SPDX-License-Identifier: Apache-2.0 */
/* A process that feeds leaves when all that it has sent is in the ring, however long
 * the stage that it feeds takes for it; and one that finds nobody is told so. */
#include "visitor.h"

#define FED 10u

/* Finishes nothing before it may. */
static int waits_and_collects(struct sluice_stage *self,
			      const struct sluice_batch *batch)
{
	for (uint32_t ms = 0;
	     sluice_load_acquire(&visited->stage) == 0 && ms < TEST_DEADLINE_MS;
	     ms++)
		flow_sleep_ms(1);
	return flow_collect(self, batch);
}

static void feeds(void)
{
	visitor_sends(0, FED);
}

static void it_need_not_be_finished(void **state)
{
	struct visitor feeder = visitor_fork(feeds);

	(void)state;
	memset(&sink, 0, sizeof(sink));
	pipeline = flow_open_named(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8,
			      .handle_events = waits_and_collects,
			      .flags = SLUICE_STAGE_PEERS_FEED, .blocking = 1,
			      .on_idle = SLUICE_IDLE_STAY, .state = &sink));
	visitor_listen();
	flow_start(pipeline);
	visitor_go(&feeder);
	visitor_wait(&feeder);
	assert_int_equal(sink.events, 0);
	sluice_store_release(&visited->stage, 1);
	visitor_drain();
	flow_check_all(&sink, FED);
}

/* As when nobody has ever listened here. */
static void there_is_no_folder(void **state)
{
	struct sluice_stage *port;

	(void)state;
	assert_int_equal(
		sluice_attach(&port, SLUICE_ATTACH(.pipeline = "test",
						   .folder = "/none/here",
						   .to = "sink")),
		-ECONNREFUSED);
	assert_text_has(sluice_last_error(), "'/none/here'");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_need_not_be_finished,
						visitor_setup,
						visitor_teardown),
		cmocka_unit_test(there_is_no_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
