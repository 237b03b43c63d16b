/* SPDX-License-Identifier: Apache-2.0 */
/* Timers of a stage that runs. No duration is asserted: what must not happen is
 * shown not to have happened by the time that something later has. */
#include "flow.h"

#define HOUR_MS 3600000u

enum clock_deed {
	CLOCK_SET,
	CLOCK_CLEAR,
	CLOCK_READ,
};

struct clock_order {
	enum clock_deed deed;
	uint32_t timer;
	uint32_t delay_ms;
	uint32_t period_ms;
};

#define CLOCK_REARMED 14u /* sets itself again until it has come three times */
#define CLOCK_CLEARED 15u /* periodic; clears itself when it has, too */

struct clock {
	struct flow_end ended;
	uint32_t fired[SLUICE_TIMERS_MAX];
	uint32_t last; /* timer that came */
};

static uint32_t fired(const struct clock *clock, uint32_t timer)
{
	return __atomic_load_n(&clock->fired[timer], __ATOMIC_ACQUIRE);
}

static int clock_timer(struct sluice_stage *self, uint32_t timer)
{
	struct clock *clock = sluice_stage_state(self);
	uint32_t n =
		__atomic_add_fetch(&clock->fired[timer], 1, __ATOMIC_ACQ_REL);

	if (timer == CLOCK_CLEARED && n == 3)
		sluice_timer_clear(self, timer);
	if (timer == CLOCK_REARMED && n < 3)
		return sluice_timer_set(self, timer, 0, 0);
	return SLUICE_OK;
}

static int clock_call(struct sluice_stage *self,
		      const struct sluice_message *request,
		      struct sluice_answer *reply)
{
	struct clock *clock = sluice_stage_state(self);
	struct clock_order order;
	int32_t rc = 0;

	memcpy(&order, request->data, sizeof(order));
	switch (order.deed) {
	case CLOCK_SET:
		rc = sluice_timer_set(self, order.timer, order.delay_ms,
				      order.period_ms);
		break;
	case CLOCK_CLEAR:
		sluice_timer_clear(self, order.timer);
		break;
	case CLOCK_READ:
		rc = (int32_t)clock->fired[order.timer];
		break;
	}
	memcpy(reply->data, &rc, sizeof(rc));
	reply->bytes = sizeof(rc);
	return SLUICE_OK;
}

static int clock_tell(struct sluice_pipeline *p, enum clock_deed deed,
		      uint32_t timer, uint32_t delay_ms, uint32_t period_ms)
{
	const struct clock_order order = {deed, timer, delay_ms, period_ms};
	int32_t rc = -1;

	assert_int_equal(sluice_call(sluice_stage_find(p, "clock"), &order,
				     sizeof(order), &rc, sizeof(rc),
				     FLOW_DEADLINE_MS),
			 sizeof(rc));
	return rc;
}

static void set_timer(struct sluice_pipeline *p, uint32_t timer,
		      uint32_t delay_ms, uint32_t period_ms)
{
	assert_int_equal(clock_tell(p, CLOCK_SET, timer, delay_ms, period_ms),
			 0);
}

static struct sluice_pipeline *open_clock(struct clock *clock, int handler)
{
	struct sluice_pipeline *p = flow_open(1);

	flow_add(p, SLUICE_STAGE(.name = "clock", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = flow_collect,
				 .handle_call = clock_call,
				 .handle_timer = handler ? clock_timer : NULL,
				 .on_idle = SLUICE_IDLE_STAY, .fini = flow_fini,
				 .state = clock));
	flow_start(p);
	return p;
}

static void end_clock(struct sluice_pipeline *p)
{
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(p);
}

static void await_timer(struct sluice_pipeline *p, const struct clock *clock,
			uint32_t timer, uint32_t times)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (fired(clock, timer) >= times)
			return;
		flow_sleep_ms(1);
	}
	sluice_pipeline_close(p);
	fail_msg("timer %u does not come", timer);
}

static void a_timer_comes_once(void **state)
{
	struct clock clock = {.last = 0};
	struct sluice_pipeline *p = open_clock(&clock, 1);

	(void)state;
	set_timer(p, 0, 1, 0);
	set_timer(p, 1, 0, 0);
	await_timer(p, &clock, 0, 1);
	await_timer(p, &clock, 1, 1);
	set_timer(p, 2, 20, 0);
	await_timer(p, &clock, 2, 1);
	assert_int_equal(clock_tell(p, CLOCK_READ, 0, 0, 0), 1);
	assert_int_equal(clock_tell(p, CLOCK_READ, 1, 0, 0), 1);
	end_clock(p);
	assert_int_equal(clock.fired[2], 1);
}

static void a_timer_comes_again_until_cleared(void **state)
{
	struct clock clock = {.last = 0};
	struct sluice_pipeline *p = open_clock(&clock, 1);
	int count;

	(void)state;
	set_timer(p, 2, 1, 1);
	await_timer(p, &clock, 2, 5);
	assert_int_equal(clock_tell(p, CLOCK_CLEAR, 2, 0, 0), 0);
	count = clock_tell(p, CLOCK_READ, 2, 0, 0);
	set_timer(p, 3, 20, 0);
	await_timer(p, &clock, 3, 1);
	assert_int_equal(clock_tell(p, CLOCK_READ, 2, 0, 0), count);
	end_clock(p);
}

static void a_timer_is_replaced(void **state)
{
	struct clock clock = {.last = 0};
	struct sluice_pipeline *p = open_clock(&clock, 1);

	(void)state;
	set_timer(p, 4, HOUR_MS, 0);
	set_timer(p, 4, 1, 0); /* sooner */
	await_timer(p, &clock, 4, 1);
	set_timer(p, 5, 20, 1);
	set_timer(p, 5, UINT32_MAX, 0); /* later, and once */
	set_timer(p, 6, 30, 0);
	await_timer(p, &clock, 6, 1);
	assert_int_equal(clock_tell(p, CLOCK_READ, 5, 0, 0), 0);
	end_clock(p);
}

static void timers_are_set_and_cleared_in_their_handler(void **state)
{
	struct clock clock = {.last = 0};
	struct sluice_pipeline *p = open_clock(&clock, 1);

	(void)state;
	set_timer(p, CLOCK_REARMED, 0, 0);
	set_timer(p, CLOCK_CLEARED, 1, 1);
	await_timer(p, &clock, CLOCK_REARMED, 3);
	await_timer(p, &clock, CLOCK_CLEARED, 3);
	set_timer(p, 0, 20, 0);
	await_timer(p, &clock, 0, 1);
	assert_int_equal(clock_tell(p, CLOCK_READ, CLOCK_REARMED, 0, 0), 3);
	assert_int_equal(clock_tell(p, CLOCK_READ, CLOCK_CLEARED, 0, 0), 3);
	end_clock(p);
}

/* A timer's events leave, its END ends: as of any other callback. */
static int emit_and_end(struct sluice_stage *self, uint32_t timer)
{
	uint64_t *event = sluice_emit(self, 1);
	struct flow_source *source = sluice_stage_state(self);

	(void)timer;
	if (event == NULL)
		return -ENOBUFS;
	*event = source->next++;
	return source->next == source->end ? SLUICE_END : SLUICE_OK;
}

static int set_a_timer(struct sluice_stage *self)
{
	return sluice_timer_set(self, 0, 0, 1);
}

static int make_nothing(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_OK;
}

static void a_timer_drives_a_producer(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct flow_source source = {.end = 20};
	struct flow_sink sink = {.events = 0};

	(void)state;
	flow_add(p,
		 SLUICE_STAGE(.name = "ticks", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = make_nothing,
			      .handle_timer = emit_and_end, .init = set_a_timer,
			      .fini = flow_fini, .state = &source));
	flow_add_sink(p, "sink", &sink);
	flow_subscribe(p, "sink", "ticks", NULL);
	assert_int_equal(flow_run(p), 0);
	flow_check_all(&sink, 20);
	flow_check_ended(&source.ended, SLUICE_REASON_NORMAL);
	sluice_pipeline_close(p);
}

static void timers_are_checked(void **state)
{
	struct clock clock = {.last = 0};
	struct sluice_pipeline *p = open_clock(&clock, 1);

	(void)state;
	assert_int_equal(clock_tell(p, CLOCK_SET, SLUICE_TIMERS_MAX, 1, 1),
			 -EINVAL);
	assert_int_equal(clock_tell(p, CLOCK_CLEAR, SLUICE_TIMERS_MAX, 0, 0),
			 0);
	end_clock(p);
	p = open_clock(&clock, 0);
	assert_int_equal(clock_tell(p, CLOCK_SET, 0, 1, 1), -ENOTSUP);
	end_clock(p);
}

#define CLOCK_FAILS 13u

static int failing_clock_timer(struct sluice_stage *self, uint32_t timer)
{
	/* It is due before the stage is up again. */
	if (timer == CLOCK_FAILS && sluice_timer_set(self, 0, 0, 0) != 0)
		return -ENOTSUP;
	(void)clock_timer(self, timer);
	return timer == CLOCK_FAILS ? SLUICE_FAIL : SLUICE_OK;
}

/* A stage that is started again has no timers but those it sets then. */
static void timers_end_with_a_failure(void **state)
{
	struct clock clock = {.last = 0};
	struct sluice_pipeline *p = NULL;

	(void)state;
	assert_int_equal(
		sluice_pipeline_open(&p, SLUICE_PIPELINE(.workers = 1,
							 .backoff_ms = 1,
							 .backoff_max_ms = 1)),
		0);
	flow_add(p, SLUICE_STAGE(.name = "clock", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = flow_collect,
				 .handle_call = clock_call,
				 .handle_timer = failing_clock_timer,
				 .restart = SLUICE_RESTART_TRANSIENT,
				 .on_idle = SLUICE_IDLE_STAY, .fini = flow_fini,
				 .state = &clock));
	flow_start(p);
	set_timer(p, CLOCK_FAILS, 0, 0);
	await_timer(p, &clock, CLOCK_FAILS, 1);
	/* Answered once it is up; and timers come between two answers. */
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(clock_tell(p, CLOCK_READ, CLOCK_FAILS, 0, 0),
				 1);
	assert_int_equal(flow_stats(p, "clock").restarts, 1);
	assert_int_equal(clock_tell(p, CLOCK_READ, 0, 0, 0), 0);
	end_clock(p);
}

static int ending_clock_init(struct sluice_stage *self)
{
	for (uint32_t timer = 0; timer < SLUICE_TIMERS_MAX; timer++) {
		int rc = sluice_timer_set(self, timer, 0, 0);

		if (rc < 0)
			return rc;
	}
	return SLUICE_OK;
}

static int ending_clock_timer(struct sluice_stage *self, uint32_t timer)
{
	(void)clock_timer(self, timer);
	return SLUICE_END;
}

/* All are due at once, and the first ends the stage: no other comes. */
static void timers_end_with_the_stage(void **state)
{
	struct clock clock = {.last = 0};
	struct sluice_pipeline *p = flow_open(1);
	uint32_t all = 0;

	(void)state;
	flow_add(p, SLUICE_STAGE(.name = "clock", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = flow_collect,
				 .handle_timer = ending_clock_timer,
				 .init = ending_clock_init, .fini = flow_fini,
				 .on_idle = SLUICE_IDLE_STAY, .state = &clock));
	assert_int_equal(flow_run(p), 0);
	for (uint32_t timer = 0; timer < SLUICE_TIMERS_MAX; timer++)
		all += fired(&clock, timer);
	assert_int_equal(all, 1);
	sluice_pipeline_close(p);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(a_timer_comes_once),
		cmocka_unit_test(a_timer_comes_again_until_cleared),
		cmocka_unit_test(a_timer_is_replaced),
		cmocka_unit_test(timers_are_set_and_cleared_in_their_handler),
		cmocka_unit_test(a_timer_drives_a_producer),
		cmocka_unit_test(timers_end_with_a_failure),
		cmocka_unit_test(timers_end_with_the_stage),
		cmocka_unit_test(timers_are_checked),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("stage_timer", tests, NULL, NULL);
}
