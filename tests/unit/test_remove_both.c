/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of a subscription are removed at one time, by two threads: what it holds
 * is released once. One end of each is in another process here, only for the test to
 * look on: that memory is given back by a call. */
#include "engine/control/control_priv.h"
#include "engine/link/subscription_priv.h"
#include "flow.h"

#include <pthread.h>

#define WINDOW 8u

static struct sluice_pipeline *pipeline;

/* What the process of a reader has mapped, and how often it was given back. */
static struct far_memory {
	struct sluice_tx_words tx;
	struct sluice_rx_words rx;
	struct notes notes;
	sluice_a32 notes_read;
	uint64_t slots[WINDOW];
	sluice_a32 released;
} memory[2];

static const char *const readers[] = {"first", "second"};

static struct sluice_stage *stage_named(const char *name)
{
	struct sluice_stage *stage = sluice_stage_find(pipeline, name);

	assert_non_null(stage);
	return stage;
}

static void wait_until(const sluice_a32 *word)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (sluice_load_acquire(word))
			return;
		flow_sleep_ms(1);
	}
}

/* ---- the other thread ------------------------------------------------------ */

static pthread_t other;
static struct sluice_stage *second;
static int other_rc;
static sluice_a32 source_gone;

static void *remove_second(void *arg)
{
	(void)arg;
	other_rc = sluice_stage_remove(second, FLOW_DEADLINE_MS);
	return NULL;
}

/* The source goes, and both its subscriptions with it. When it is at the first, the
 * second reader begins to go, and is at the second one until the source has gone. */
static void release(void *ctx)
{
	struct far_memory *m = ctx;
	uint32_t before = sluice_fetch_add(&m->released, 1);

	if (m == &memory[0]) {
		(void)pthread_create(&other, NULL, remove_second, NULL);
		wait_until(&memory[1].released);
	} else if (before == 0) {
		wait_until(&source_gone);
	}
}

/* ---- the test ---------------------------------------------------------------- */

static void add_reader(uint32_t i)
{
	struct subscription_far end = {
		.side = FAR_CONSUMER,
		.tx = &memory[i].tx,
		.rx = &memory[i].rx,
		.slots = (sluice_slot *)memory[i].slots,
		.notes = &memory[i].notes,
		.notes_read = &memory[i].notes_read,
		.release = release,
		.ctx = &memory[i],
	};

	flow_add(pipeline, SLUICE_STAGE(.name = readers[i], .in_bytes = 8,
					.kind = SLUICE_CONSUMER,
					.flags = SLUICE_STAGE_PORT));
	assert_int_equal(
		subscribe_far(pipeline, readers[i], "source",
			      SLUICE_SUBSCRIPTION(.max_demand = WINDOW), &end),
		0);
}

static void both_ends_go_at_one_time(void **state)
{
	struct flow_source source = {.end = 8};
	struct flow_source stays = {.end = UINT64_MAX};
	struct sluice_stage *left;

	(void)state;
	memset(memory, 0, sizeof(memory));
	sluice_store_release(&source_gone, 0);
	pipeline = flow_open(2);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .on_idle = SLUICE_IDLE_STAY, .state = &source));
	/* The pipeline is not to end. */
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "other", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .on_idle = SLUICE_IDLE_STAY, .state = &stays));
	flow_start(pipeline);
	for (uint32_t i = 0; i < 2; i++)
		add_reader(i);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(sluice_port_end(stage_named(readers[i]),
						 SLUICE_REASON_NORMAL),
				 0);
	left = stage_named("source");
	second = stage_named("second");
	assert_int_equal(sluice_stage_end(left, SLUICE_REASON_NORMAL, 0), 0);
	assert_int_equal(sluice_stage_remove(left, FLOW_DEADLINE_MS), 0);
	sluice_store_release(&source_gone, 1);
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_int_equal(other_rc, 0);
	sluice_pipeline_stop(pipeline);
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS),
			 -ECANCELED);
	sluice_pipeline_close(pipeline);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(memory[i].released.value, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_ends_go_at_one_time,
						flow_setup, flow_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
