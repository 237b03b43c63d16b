/* SPDX-License-Identifier: Apache-2.0 */
/* Talking to a stage: every answer a call, a cast or a marker can have, what
 * leaves before a reply, and who may not ask whom. */
#include "desk.h"

/* ---- calls --------------------------------------------------------------- */

static void a_call_is_answered(void **state)
{
	struct desk desk = {0};
	struct sluice_pipeline *p = open_desk(&desk);
	uint64_t number = 0;

	(void)state;
	assert_int_equal(ask(p, DEED_NONE, &number, sizeof(number)), 8);
	assert_int_equal(number, 10);
	assert_int_equal(ask(p, DEED_NONE, NULL, 0), 0);
	assert_int_equal(ask(p, DEED_NO_ROOM, &number, 5), 0);
	assert_int_equal(desk.rc, 5);
	assert_int_equal(
		sluice_call(desk_of(p), NULL, 0, NULL, 0, SLUICE_FOREVER), 0);
	assert_int_equal(desk.calls, 4);
	end_desk(p);
}

/* The events of an answer leave before it: whoever has the answer finds them. */
static void events_leave_before_the_answer(void **state)
{
	struct flow_sink sink = {.events = 0};
	struct desk desk = {0};
	struct sluice_pipeline *p = open_counter(
		&desk, &sink, SLUICE_SUBSCRIPTION(.max_demand = 1000), 0);

	(void)state;
	for (uint64_t i = 1; i <= 50; i++) {
		uint64_t number = 0;

		assert_int_equal(ask(p, DEED_EMIT, &number, sizeof(number)), 8);
		assert_int_equal(number, i * 10);
		assert_int_equal(published(&desk), i * 10);
	}
	end_desk(p);
	flow_check_all(&sink, 500);
}

static void a_reply_comes_before_the_events(void **state)
{
	struct flow_sink sink = {.events = 0};
	struct desk desk = {0};
	struct sluice_pipeline *p = open_counter(
		&desk, &sink, SLUICE_SUBSCRIPTION(.max_demand = 1000), 0);
	uint64_t number = 0;

	(void)state;
	assert_int_equal(ask(p, DEED_REPLY, &number, sizeof(number)), 8);
	assert_int_equal(number, 10);
	/* The callback still waits at the gate, and its events with it. */
	assert_int_equal(published(&desk), 0);
	gate_open(&gate, 1);
	flow_wait_handled(p, "sink", 10);
	end_desk(p);
	flow_check_all(&sink, 10);
}

static void a_call_is_answered_once(void **state)
{
	struct desk desk = {0};
	struct sluice_pipeline *p = open_desk(&desk);
	char text[8] = "";

	(void)state;
	assert_int_equal(ask(p, DEED_TWICE, text, sizeof(text)), 3);
	assert_memory_equal(text, "one", 3);
	/* The second call goes behind the end of the first. */
	assert_int_equal(ask(p, DEED_NONE, NULL, 0), 0);
	assert_int_equal(desk.rc, -EALREADY);
	assert_int_equal(tell(p, DEED_NO_REPLY, 0), 0);
	assert_int_equal(ask(p, DEED_NONE, NULL, 0), 0);
	assert_int_equal(desk.rc, -EPERM);
	end_desk(p);
}

static void an_answer_over_the_room(void **state)
{
	struct desk desk = {0};
	struct sluice_pipeline *p = open_desk(&desk);
	char text[4] = "abc";

	(void)state;
	assert_int_equal(ask(p, DEED_LARGE, text, 3), -EMSGSIZE);
	assert_int_equal(desk.rc, -EMSGSIZE);
	assert_memory_equal(text, "abc", 4); /* untouched */
	end_desk(p);
}

/* The refused reply is none: the call is still to be answered. */
static void a_reply_without_data(void **state)
{
	struct desk desk = {0};
	struct sluice_pipeline *p = open_desk(&desk);
	char text[4] = "abc";

	(void)state;
	assert_int_equal(ask(p, DEED_HOLLOW, text, 3), 0);
	assert_int_equal(desk.rc, -EINVAL);
	assert_text_has(desk.text, "a reply of 1 bytes without data");
	assert_memory_equal(text, "abc", 4); /* untouched */
	end_desk(p);
}

/* The code goes to the caller; and the stage has failed. */
static void a_call_that_fails_the_stage(void **state)
{
	static const struct {
		enum deed deed;
		int rc;
	} rows[] = {{DEED_ERROR, -ENODATA}, {DEED_FAIL, -EIO}};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
		struct desk desk = {0};
		struct sluice_pipeline *p = open_desk(&desk);

		assert_int_equal(ask(p, rows[i].deed, NULL, 0), rows[i].rc);
		assert_text_has(sluice_last_error(), "'desk'");
		assert_int_equal(flow_join(p), rows[i].rc);
		assert_text_has(sluice_last_error(), "'desk'");
		assert_text_has(sluice_last_error(), "handle_call");
		flow_check_ended(&desk.ended, SLUICE_REASON_ERROR);
		sluice_pipeline_close(p);
	}
}

static void a_call_that_ends_the_stage_is_answered(void **state)
{
	struct desk desk = {0};
	struct sluice_pipeline *p = open_desk(&desk);
	uint64_t number;

	(void)state;
	assert_int_equal(ask(p, DEED_END, &number, sizeof(number)), 8);
	assert_int_equal(flow_join(p), 0);
	flow_check_ended(&desk.ended, SLUICE_REASON_NORMAL);
	sluice_pipeline_close(p);
}

/* ---- deadlines, limits --------------------------------------------------- */

/* The caller has gone; the stage answers all the same, and frees the letter. */
static void a_call_times_out(void **state)
{
	struct desk desk = {0};
	struct sluice_pipeline *p = open_desk(&desk);
	const uint32_t request = DEED_WAIT;
	uint64_t number = 77;

	(void)state;
	assert_int_equal(sluice_call(desk_of(p), &request, sizeof(request),
				     &number, sizeof(number), 1),
			 -ETIMEDOUT);
	assert_text_has(sluice_last_error(), "'desk'");
	assert_text_has(sluice_last_error(), "1 ms");
	assert_int_equal(sluice_info_sync(desk_of(p), NULL, 0, 0), -ETIMEDOUT);
	assert_int_equal(gate_await(&gate, 1), 0);
	gate_open(&gate, 1);
	assert_int_equal(ask(p, DEED_NONE, NULL, 0), 0);
	assert_int_equal(desk.calls, 2);
	assert_int_equal(desk.infos, 1); /* it was still handled */
	assert_int_equal(number, 77);    /* and not written to */
	end_desk(p);
}

/* Casts that wait do not keep a stage from being ended. */
static void a_full_mailbox_takes_the_end(void **state)
{
	struct desk desk = {.emitted = 0};
	struct sluice_pipeline *p = open_desk(&desk);

	(void)state;
	assert_int_equal(tell(p, DEED_WAIT, 0), 0);
	assert_int_equal(gate_await(&gate, 1), 0);
	while (tell(p, DEED_NONE, 1) == 0)
		;
	assert_int_equal(
		sluice_stage_end(desk_of(p), SLUICE_REASON_SHUTDOWN, 0), 0);
	gate_open(&gate, 1);
	assert_int_equal(flow_join(p), 0);
	flow_check_ended(&desk.ended, SLUICE_REASON_SHUTDOWN);
	sluice_pipeline_close(p);
}

static void a_full_mailbox(void **state)
{
	struct desk desk = {0};
	struct sluice_pipeline *p = open_desk(&desk);
	const uint32_t nothing[2] = {DEED_NONE, 9};

	(void)state;
	assert_int_equal(tell(p, DEED_WAIT, 0), 0);
	assert_int_equal(gate_await(&gate, 1), 0);
	for (uint32_t i = 1; i < 4; i++)
		assert_int_equal(tell(p, DEED_NONE, i), 0);
	/* Four, with the one in hand. */
	assert_int_equal(tell(p, DEED_NONE, 9), -EAGAIN);
	assert_text_has(sluice_last_error(), "'desk'");
	assert_text_has(sluice_last_error(), "4 messages");
	assert_int_equal(sluice_info(desk_of(p), nothing, 8), -EAGAIN);
	assert_int_equal(ask(p, DEED_NONE, NULL, 0), -EAGAIN);
	assert_int_equal(sluice_info_sync(desk_of(p), NULL, 0, 1), -EAGAIN);
	gate_open(&gate, 1);
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (ask(p, DEED_NONE, NULL, 0) != -EAGAIN)
			break;
		flow_sleep_ms(1);
	}
	assert_int_equal(desk.count, 4);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(desk.order[i], i);
	assert_int_equal(desk.infos, 0);
	end_desk(p);
}

#define CASTS 40u

struct busy {
	uint32_t casts;
	uint32_t batches;
	uint32_t casts_at[2]; /* when each batch came */
};

static int busy_events(struct sluice_stage *self,
		       const struct sluice_batch *batch)
{
	struct busy *busy = sluice_stage_state(self);

	(void)batch;
	busy->casts_at[busy->batches % 2] = busy->casts;
	if (busy->batches++ == 0)
		gate_pass(&gate);
	return SLUICE_OK;
}

static int busy_cast(struct sluice_stage *self,
		     const struct sluice_message *message)
{
	struct busy *busy = sluice_stage_state(self);

	(void)message;
	busy->casts++;
	return SLUICE_OK;
}

/* However much it is written to, it gets to its events in between: the second lay
 * there before any of the letters. */
static void letters_leave_a_turn_to_events(void **state)
{
	struct sluice_pipeline *p = flow_open(2);
	struct flow_source source = {.end = 2};
	struct busy busy = {.casts = 0};

	(void)state;
	gate = GATE_CLOSED;
	flow_add_source(p, "source", &source);
	flow_add(p, SLUICE_STAGE(.name = "desk", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = busy_events,
				 .handle_cast = busy_cast, .state = &busy));
	flow_subscribe(p, "desk", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 2, .min_demand = 1));
	flow_start(p);
	assert_int_equal(gate_await(&gate, 1), 0);
	for (uint32_t i = 0; i < CASTS; i++)
		assert_int_equal(tell(p, DEED_NONE, i), 0);
	gate_open(&gate, 1);
	assert_int_equal(flow_join(p), 0);
	assert_int_equal(busy.batches, 2);
	assert_int_equal(busy.casts_at[0], 0);
	assert_in_range(busy.casts_at[1], 1, CASTS - 1);
	sluice_pipeline_close(p);
}

/* Whoever waits for a stage that ends is told so. */
static void *call_in_vain(void *p)
{
	return (void *)(intptr_t)ask(p, DEED_NONE, NULL, 0);
}

static void waiting_for_a_stage_that_ends(void **state)
{
	struct desk desk = {0};
	struct sluice_pipeline *p = open_desk(&desk);
	struct sluice_stage *stage = desk_of(p);
	const uint32_t end = DEED_END;
	pthread_t caller;
	void *rc = NULL;

	(void)state;
	assert_int_equal(tell(p, DEED_WAIT, 0), 0);
	assert_int_equal(gate_await(&gate, 1), 0);
	assert_int_equal(sluice_cast(stage, &end, sizeof(end)), 0);
	assert_int_equal(pthread_create(&caller, NULL, call_in_vain, p), 0);
	assert_int_equal(sluice_info(stage, NULL, 0), 0);
	gate_open(&gate, 1);
	(void)pthread_join(caller, &rc);
	assert_int_equal((intptr_t)rc, -EPIPE);
	assert_int_equal(flow_join(p), 0);
	assert_int_equal(desk.calls, 0);
	assert_int_equal(desk.infos, 0);
	sluice_pipeline_close(p);
}

static void check_not_running(struct sluice_stage *stage)
{
	assert_int_equal(sluice_info(stage, NULL, 0), -EPIPE);
	assert_text_has(sluice_last_error(), "'desk' is not running");
	assert_int_equal(sluice_info_sync(stage, NULL, 0, 1), -EPIPE);
	assert_int_equal(sluice_cast(stage, NULL, 0), -EPIPE);
	assert_int_equal(sluice_call(stage, NULL, 0, NULL, 0, 1), -EPIPE);
	assert_int_equal(sluice_stage_end(stage, SLUICE_REASON_NORMAL, 0),
			 -EPIPE);
}

static void before_the_start_and_after_the_end(void **state)
{
	struct desk desk = {0};
	struct sluice_pipeline *p = flow_open(1);

	(void)state;
	add_desk(p, "desk", &desk);
	check_not_running(desk_of(p));
	flow_start(p);
	assert_int_equal(ask(p, DEED_NONE, NULL, 0), 0);
	assert_int_equal(sluice_stage_end(desk_of(p), SLUICE_REASON_NORMAL, 0),
			 0);
	assert_int_equal(flow_join(p), 0);
	check_not_running(desk_of(p));
	sluice_pipeline_close(p);
}

/* ---- refusals ------------------------------------------------------------ */

static void messages_are_checked(void **state)
{
	static char large[SLUICE_MESSAGE_BYTES_MAX + 1];
	struct desk desk = {0};
	struct sluice_pipeline *p = open_desk(&desk);
	struct sluice_stage *stage = desk_of(p);

	(void)state;
	assert_int_equal(sluice_cast(stage, large, sizeof(large)), -EINVAL);
	assert_text_has(sluice_last_error(), "'desk'");
	assert_text_has(sluice_last_error(), "1048577");
	assert_text_has(sluice_last_error(), "1048576");
	assert_int_equal(sluice_info(stage, large, sizeof(large)), -EINVAL);
	assert_int_equal(sluice_info_sync(stage, large, sizeof(large), 1),
			 -EINVAL);
	assert_int_equal(sluice_call(stage, large, sizeof(large), NULL, 0, 1),
			 -EINVAL);
	assert_int_equal(sluice_call(stage, NULL, 0, large, sizeof(large), 1),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "room 1048577");
	assert_int_equal(sluice_cast(stage, NULL, 1), -EINVAL);
	assert_text_has(sluice_last_error(), "1 bytes without data");
	assert_int_equal(sluice_cast(stage, large, sizeof(large) - 1), 0);
	assert_int_equal(sluice_call(stage, large, sizeof(large) - 1, large,
				     sizeof(large) - 1, FLOW_DEADLINE_MS),
			 8);
	end_desk(p);
}

static void a_stage_without_handlers(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct flow_sink sink = {.events = 0};
	struct sluice_stage *stage;

	(void)state;
	flow_add(p, SLUICE_STAGE(.name = "deaf", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = flow_collect,
				 .on_idle = SLUICE_IDLE_STAY, .state = &sink));
	flow_start(p);
	stage = sluice_stage_find(p, "deaf");
	assert_int_equal(sluice_call(stage, NULL, 0, NULL, 0, 1), -ENOTSUP);
	assert_text_has(sluice_last_error(), "'deaf' has no handle_call");
	assert_int_equal(sluice_cast(stage, NULL, 0), -ENOTSUP);
	assert_text_has(sluice_last_error(), "'deaf' has no handle_cast");
	assert_int_equal(sluice_info(stage, NULL, 0), -ENOTSUP);
	assert_text_has(sluice_last_error(), "'deaf' has no handle_info");
	assert_int_equal(sluice_info_sync(stage, NULL, 0, 1), -ENOTSUP);
	end_desk(p);
}

/* ---- from inside callbacks ----------------------------------------------- */

/* Itself, and a neighbour that the same thread would have to step. */
static void asking_the_own_worker(void **state)
{
	(void)state;
	for (int other = 0; other < 2; other++) {
		struct desk desk = {0};
		struct desk second = {0};
		struct sluice_pipeline *p = flow_open(1);

		gate = GATE_CLOSED;
		add_desk(p, "desk", &desk);
		add_desk(p, "second", &second);
		desk.other = sluice_stage_find(p, other ? "second" : "desk");
		flow_start(p);
		assert_int_equal(tell(p, DEED_CALL, 0), 0);
		assert_int_equal(ask(p, DEED_NONE, NULL, 0), 0);
		assert_int_equal(desk.rc, -EDEADLK);
		assert_int_equal(tell(p, DEED_INFO, 0), 0);
		assert_int_equal(ask(p, DEED_NONE, NULL, 0), 0);
		assert_int_equal(desk.rc, -EDEADLK);
		end_desk(p);
	}
}

static void asking_another_worker(void **state)
{
	struct desk desk = {0};
	struct desk second = {0};
	struct sluice_pipeline *p = flow_open(2);

	(void)state;
	gate = GATE_CLOSED;
	add_desk(p, "desk", &desk);
	add_desk(p, "second", &second);
	desk.other = sluice_stage_find(p, "second");
	flow_start(p);
	assert_int_equal(tell(p, DEED_CALL, 0), 0);
	assert_int_equal(ask(p, DEED_NONE, NULL, 0), 0);
	assert_int_equal(desk.rc, 8);
	assert_int_equal(tell(p, DEED_INFO, 0), 0);
	assert_int_equal(ask(p, DEED_NONE, NULL, 0), 0);
	assert_int_equal(desk.rc, 0);
	end_desk(p);
	assert_int_equal(second.calls, 1);
	assert_int_equal(second.infos, 1);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_answered),
		cmocka_unit_test(events_leave_before_the_answer),
		cmocka_unit_test(a_reply_comes_before_the_events),
		cmocka_unit_test(a_call_is_answered_once),
		cmocka_unit_test(an_answer_over_the_room),
		cmocka_unit_test(a_reply_without_data),
		cmocka_unit_test(a_call_that_fails_the_stage),
		cmocka_unit_test(a_call_that_ends_the_stage_is_answered),
		cmocka_unit_test(a_call_times_out),
		cmocka_unit_test(a_full_mailbox),
		cmocka_unit_test(letters_leave_a_turn_to_events),
		cmocka_unit_test(a_full_mailbox_takes_the_end),
		cmocka_unit_test(waiting_for_a_stage_that_ends),
		cmocka_unit_test(before_the_start_and_after_the_end),
		cmocka_unit_test(messages_are_checked),
		cmocka_unit_test(a_stage_without_handlers),
		cmocka_unit_test(asking_the_own_worker),
		cmocka_unit_test(asking_another_worker),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
