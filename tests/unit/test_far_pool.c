/* SPDX-License-Identifier: Apache-2.0 */
/* What a process is given of a pool: how much, when, and with which marks. */
#include "far_pool_end.h"

/* ---- it is given all ----------------------------------------------------------- */

/* And the source, which has sent all, waits for the last receipt. */
static void it_is_alone(void **state)
{
	const struct sluice_stage *stage;

	(void)state;
	open_with(0);
	paced_go(pipeline, EVENTS);
	stage = sluice_stage_find(pipeline, "source");
	take_all(EVENTS - 1);
	await_published(EVENTS);
	assert_int_not_equal(sluice_load_acquire(&stage->words.phase_seen),
			     STAGE_ENDED);
	assert_int_equal(sluice_load_acquire(&far.tx.closed), 0);
	take_all(1);
	close_after(EVENTS);
}

/* What it is sent it has asked for. */
static void it_asks_for_little(void **state)
{
	(void)state;
	start_source(0);
	flow_start(pipeline);
	come();
	paced_go(pipeline, 3 * WINDOW);
	await_published(WINDOW);
	assert_int_equal(sluice_load_acquire(
				 &sluice_stage_find(pipeline, "source")
					  ->out.pool.ring->mpmc.words->popped),
			 WINDOW);
	take_all(3 * WINDOW);
	paced_go(pipeline, EVENTS);
	take_all(EVENTS - 3 * WINDOW);
	close_after(EVENTS);
}

static void each_goes_to_one(void **state)
{
	(void)state;
	open_with(1);
	paced_go(pipeline, EVENTS);
	take_what_comes(EVENTS);
	close_after(EVENTS);
}

/* ---- how much ------------------------------------------------------------------ */

/* An even share when it has nothing, rounded up, and then as much as leaves others
 * theirs; two pieces at a time. */
static void it_has_its_share(void **state)
{
	(void)state;
	open_beside_one();
	paced_go(pipeline, 1 + 2 * BATCH);
	await_published(BATCH + BATCH / 2); /* of 16, and then of 8 */
	take_all(BATCH);
	await_published(BATCH + BATCH / 2 + 2); /* of 4 */
	take_all(BATCH / 2);
	await_published(2 * BATCH - 1); /* of 2 */
	take_all(2);
	take_all(1);
	await_published(2 * BATCH); /* of the last, when it had nothing */
	take_all(1);
	sluice_store_release(&paced_holds, 0);
	paced_go(pipeline, EVENTS);
	take_what_comes(EVENTS);
	close_after(EVENTS);
}

/* ---- when ---------------------------------------------------------------------- */

static int waits_for(uint64_t events)
{
	return outlet_pool_left(&sluice_stage_find(pipeline, "source")->out) ==
	       events;
}

static int one_waits(void)
{
	return waits_for(1);
}

static int it_is_rung(void)
{
	return sluice_load_acquire(&rung) == 1;
}

/* It sleeps: it is woken for what it is given, and not for what others are. */
static void it_is_woken(void **state)
{
	(void)state;
	open_beside_one();
	sluice_store_release(&parked, 5);
	paced_go(pipeline, 2);
	wait_for(it_is_rung);
	assert_int_equal(published(), 1);
	sluice_store_release(&parked, 7);
	paced_go(pipeline, 3);
	wait_for(one_waits);
	assert_true(it_is_rung());
	take_all(1);
	sluice_store_release(&paced_holds, 0);
	paced_go(pipeline, EVENTS);
	take_what_comes(EVENTS);
	close_after(EVENTS);
}

/* Nothing is emitted any more, nor may be: what it asks for comes all the same. */
static void its_source_accumulates(void **state)
{
	(void)state;
	open_with(0);
	paced_go(pipeline, WINDOW + 1);
	await_published(WINDOW);
	wait_for(one_waits);
	assert_int_equal(
		sluice_demand_set(sluice_stage_find(pipeline, "source"),
				  SLUICE_DEMAND_ACCUMULATE),
		0);
	take_all(WINDOW + 1);
	assert_int_equal(
		sluice_demand_set(sluice_stage_find(pipeline, "source"),
				  SLUICE_DEMAND_FORWARD),
		0);
	paced_go(pipeline, EVENTS);
	take_all(EVENTS - WINDOW - 1);
	close_after(EVENTS);
}

/* Its user has gone after the call: others see to what lies there. */
static void its_source_is_a_port(void **state)
{
	struct sluice_stage *port;
	uint64_t events[EVENTS];

	(void)state;
	start_source(SLUICE_STAGE_PORT);
	flow_start(pipeline);
	come();
	port = sluice_stage_find(pipeline, "source");
	for (uint32_t i = 0; i < EVENTS; i++)
		events[i] = i;
	assert_int_equal(sluice_send(port, events, EVENTS, TEST_DEADLINE_MS),
			 EVENTS);
	take_all(EVENTS);
	assert_int_equal(sluice_port_end(port, SLUICE_REASON_NORMAL), 0);
	close_after(EVENTS);
}

/* ---- marks --------------------------------------------------------------------- */

#define MARKED 60u

/* As if each had been handed out another time. */
static int push_marked(struct sluice_stage *self, uint32_t demand)
{
	struct flow_source *from = sluice_stage_state(self);

	assert_in_range(demand, MARKED, UINT32_MAX);
	for (; from->next < MARKED; from->next++)
		outlet_pool_push(&self->out, (unsigned char *)&from->next, 1,
				 1 + (uint32_t)(from->next % 2));
	return SLUICE_OK;
}

/* How often the event at @at had been handed out, by the marks. */
static uint32_t mark_of(uint64_t at, uint32_t *read)
{
	uint32_t filled = sluice_load_acquire(&far.notes.filled);
	const struct note *note = &far.notes.note[*read % NOTES_MAX];

	assert_true(filled - *read < NOTES_MAX);
	if (*read == filled || note->from != at)
		return 0;
	assert_int_equal(note->to, at + 1);
	sluice_store_release(&far.notes_read, ++*read);
	return note->deliveries;
}

/* There may be more of them than there is room for. */
static void each_has_its_mark(void **state)
{
	uint32_t read = 0;

	(void)state;
	start_pushing(0, push_marked);
	flow_start(pipeline);
	come();
	await_published(NOTES_MAX - 1);
	for (uint64_t at = 0; at < MARKED; at++) {
		const sluice_slot *first;
		uint64_t event;

		for (uint32_t ms = 0; sluice_spsc_peek(&reader, 1, &first) == 0;
		     ms++) {
			assert_true(ms < FLOW_DEADLINE_MS);
			flow_sleep_ms(1);
		}
		memcpy(&event, first, 8);
		assert_int_equal(event, at);
		assert_int_equal(mark_of(at, &read), 1 + at % 2);
		(void)sluice_spsc_release(&reader, 1);
		ring("source");
	}
	sluice_pipeline_stop(pipeline);
	sluice_pipeline_close(pipeline);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_alone),
		cmocka_unit_test(it_asks_for_little),
		cmocka_unit_test(each_goes_to_one),
		cmocka_unit_test(it_has_its_share),
		cmocka_unit_test(it_is_woken),
		cmocka_unit_test(its_source_accumulates),
		cmocka_unit_test(its_source_is_a_port),
		cmocka_unit_test(each_has_its_mark),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
