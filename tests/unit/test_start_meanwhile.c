/* SPDX-License-Identifier: Apache-2.0 */
/* While a start fails, others call: they are answered as before the start, and not
 * that what was declared has ended. */
#include "tests/support/gate.h"
#include "tests/unit/flow.h"

#include <pthread.h>

#define EVENTS  100u
#define CALLERS 3u
#define STARTS  100u

/* source -> middle -> sink, by hand; in -> eater and feeder -> out, which are
 * ports; and spare, subscribed to nothing. */
static const char *const names[] = {"source", "middle", "sink",
				    "eater",  "feeder", "spare"};

static struct {
	struct sluice_pipeline *pipeline;
	struct sluice_sub automatic;
	struct sluice_sub manual;
	const char *fails;  /* whose init does; NULL: nobody's */
	const char *greets; /* the same, on_subscribe */
	const char *first;  /* whose init runs before that */
	const char *holds;  /* whose fini waits at the gate */
	int joins;          /* spare's init subscribes, once the start fails */
	int joined;         /* what it was answered */
	int begun;          /* it has; atomic */
	uint64_t next;
	uint64_t sum;
	uint64_t events;
} it;

static struct gate gate;

static int is(const struct sluice_stage *stage, const char *name)
{
	return name != NULL && strcmp(sluice_stage_name(stage), name) == 0;
}

static int wait_for(int (*ready)(struct sluice_stage *),
		    struct sluice_stage *self)
{
	for (uint32_t ms = 0; !ready(self); ms++) {
		if (ms > FLOW_DEADLINE_MS)
			return 0;
		flow_sleep_ms(1);
	}
	return 1;
}

static int stopping(struct sluice_stage *self)
{
	return sluice_stage_stopping(self);
}

static int has_begun(struct sluice_stage *self)
{
	(void)self;
	return __atomic_load_n(&it.begun, __ATOMIC_ACQUIRE);
}

static int it_init(struct sluice_stage *self)
{
	if (is(self, it.first))
		__atomic_store_n(&it.begun, 1, __ATOMIC_RELEASE);
	if (it.joins && is(self, "spare")) {
		if (!wait_for(stopping, self))
			return -ETIMEDOUT;
		it.joined =
			sluice_subscribe(it.pipeline, "spare", "source", NULL);
	}
	if (!is(self, it.fails))
		return SLUICE_OK;
	return it.first == NULL || wait_for(has_begun, self) ? -EACCES
							     : -ETIMEDOUT;
}

static int it_greet(struct sluice_stage *self,
		    const struct sluice_link_event *event)
{
	(void)event;
	return is(self, it.greets) ? -EPERM : SLUICE_OK;
}

/* The others have ended by then, as a rule. */
static void it_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	(void)reason;
	if (is(self, it.holds))
		gate_pass(&gate);
	else if (it.fails != NULL || it.greets != NULL)
		flow_sleep_ms(1);
}

static int it_produce(struct sluice_stage *self, uint32_t demand)
{
	for (; demand > 0 && it.next < EVENTS; demand--) {
		uint64_t *event = sluice_emit(self, 1);

		if (event == NULL)
			return -ENOBUFS;
		*event = it.next++;
	}
	return it.next == EVENTS ? SLUICE_END : SLUICE_OK;
}

static int it_end(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_END;
}

static int it_collect(struct sluice_stage *self,
		      const struct sluice_batch *batch)
{
	if (!is(self, "sink"))
		return SLUICE_OK;
	for (uint32_t i = 0; i < batch->count; i++)
		it.sum += SLUICE_EVENTS(batch, uint64_t)[i];
	it.events += batch->count;
	return SLUICE_OK;
}

static int it_message(struct sluice_stage *self,
		      const struct sluice_message *message)
{
	(void)self;
	(void)message;
	return SLUICE_OK;
}

static int it_answer(struct sluice_stage *self,
		     const struct sluice_message *request,
		     struct sluice_answer *answer)
{
	(void)self;
	(void)request;
	(void)answer;
	return SLUICE_OK;
}

/* 0 workers: each stage on a thread of its own. */
static void it_open(uint32_t workers)
{
	uint32_t own = workers == 0;

	memset(&it, 0, sizeof(it));
	gate = GATE_CLOSED;
	it.pipeline = flow_open(own ? 1 : workers);
#define IT                                                                     \
	.blocking = own, .init = it_init, .fini = it_fini,                     \
	.on_subscribe = it_greet, .handle_info = it_message,                   \
	.handle_cast = it_message, .handle_call = it_answer
	flow_add(it.pipeline,
		 SLUICE_STAGE(IT, .name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = it_produce));
	flow_add(it.pipeline,
		 SLUICE_STAGE(IT, .name = "middle",
			      .kind = SLUICE_PRODUCER_CONSUMER, .in_bytes = 8,
			      .out_bytes = 8, .handle_events = flow_pass));
	flow_add(it.pipeline,
		 SLUICE_STAGE(IT, .name = "feeder", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = it_end));
	flow_add(it.pipeline,
		 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .flags = SLUICE_STAGE_PORT));
	flow_add(it.pipeline,
		 SLUICE_STAGE(.name = "out", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .flags = SLUICE_STAGE_PORT));
	for (uint32_t i = 0; i < UNIT_COUNT(names); i++)
		if (sluice_stage_find(it.pipeline, names[i]) == NULL)
			flow_add(it.pipeline,
				 SLUICE_STAGE(
					 IT, .name = names[i],
					 .kind = SLUICE_CONSUMER, .in_bytes = 8,
					 .on_idle = i == 5 ? SLUICE_IDLE_STAY
							   : SLUICE_IDLE_END,
					 .handle_events = it_collect));
	flow_subscribe(
		it.pipeline, "middle", "source",
		SLUICE_SUBSCRIPTION(.max_demand = 16, .sub = &it.automatic));
	flow_subscribe(it.pipeline, "sink", "middle",
		       SLUICE_SUBSCRIPTION(.max_demand = 16, .sub = &it.manual,
					   .flags = SLUICE_SUBSCRIBE_MANUAL));
	flow_subscribe(it.pipeline, "eater", "in", NULL);
	flow_subscribe(it.pipeline, "out", "feeder", NULL);
}

/* ---- the calls ----------------------------------------------------------- */

static struct sluice_stage *stage_of(const char *name)
{
	return sluice_stage_find(it.pipeline, name);
}

static int call_ask(void)
{
	return sluice_ask(it.manual, 1);
}

static int call_ask_automatic(void)
{
	return sluice_ask(it.automatic, 1);
}

static int call_stat(void)
{
	struct sluice_subscription_stats stat;

	return sluice_subscription_stat(it.automatic, &stat);
}

static int call_resubscribe(void)
{
	return sluice_resubscribe(it.manual,
				  SLUICE_SUBSCRIPTION(.max_demand = 16));
}

static int call_cancel(void)
{
	return sluice_cancel(it.automatic, SLUICE_REASON_NORMAL, 0);
}

static int call_stage_stat(void)
{
	struct sluice_stage_stats stat;

	return sluice_stage_stat(it.pipeline, "middle", &stat);
}

static int call_info(void)
{
	return sluice_info(stage_of("middle"), NULL, 0);
}

static int call_info_sync(void)
{
	return sluice_info_sync(stage_of("source"), NULL, 0, 0);
}

static int call_call(void)
{
	return sluice_call(stage_of("sink"), NULL, 0, NULL, 0, 1);
}

static int call_cast(void)
{
	return sluice_cast(stage_of("source"), NULL, 0);
}

static int call_demand(void)
{
	return sluice_demand_set(stage_of("source"), SLUICE_DEMAND_FORWARD);
}

static int call_end(void)
{
	return sluice_stage_end(stage_of("middle"), SLUICE_REASON_NORMAL, 0);
}

static int call_wake(void)
{
	sluice_wake(stage_of("source"));
	return 0;
}

static int call_send(void)
{
	uint64_t event = 0;

	return sluice_send(stage_of("in"), &event, 1, 0);
}

static int call_recv(void)
{
	struct sluice_batch batch;

	return sluice_recv(stage_of("out"), &batch, 0);
}

static int call_port_end(void)
{
	return sluice_port_end(stage_of("in"), SLUICE_REASON_NORMAL);
}

static int call_in_closed(void)
{
	return sluice_port_closed(stage_of("in"), NULL);
}

static int call_out_closed(void)
{
	return sluice_port_closed(stage_of("out"), NULL);
}

static int call_join(void)
{
	return sluice_pipeline_join(it.pipeline, 0);
}

static int call_find(void)
{
	return stage_of("out") == NULL;
}

/* What each may be answered: before the start, or in its init callbacks. */
static const struct {
	const char *name;
	int (*call)(void);
	int answers[4]; /* 0 is always right but for those below */
	int never_0;
} calls[] = {
	{"ask", call_ask, {0}, 0},
	{"ask, automatic", call_ask_automatic, {-EINVAL}, 1},
	{"subscription_stat", call_stat, {-EBUSY}, 0},
	{"resubscribe", call_resubscribe, {-EBUSY}, 0},
	{"cancel", call_cancel, {-EBUSY, -EALREADY}, 0},
	{"stage_stat", call_stage_stat, {-EBUSY}, 0},
	{"info", call_info, {-EPIPE, -EAGAIN}, 0},
	{"info_sync", call_info_sync, {-EPIPE, -EAGAIN, -ETIMEDOUT}, 1},
	{"call", call_call, {-EPIPE, -EAGAIN, -ETIMEDOUT}, 1},
	{"cast", call_cast, {-EPIPE, -EAGAIN}, 0},
	{"demand_set", call_demand, {0}, 0},
	{"stage_end", call_end, {-EPIPE}, 0},
	{"wake", call_wake, {0}, 0},
	{"send", call_send, {-EBUSY}, 1},
	{"recv", call_recv, {-EBUSY}, 1},
	{"port_end", call_port_end, {-EBUSY}, 1},
	{"port_closed, in", call_in_closed, {0}, 0},
	{"port_closed, out", call_out_closed, {0}, 0},
	{"join", call_join, {-EBUSY, -ETIMEDOUT}, 1},
	{"stage_find", call_find, {0}, 0},
};

/* What was wrong first; or a NULL name. */
struct odd {
	const char *name;
	int rc;
	char text[200];
};

static void call_all(struct odd *odd)
{
	for (size_t i = 0; i < UNIT_COUNT(calls); i++) {
		int rc = calls[i].call();
		int right = rc == 0 && !calls[i].never_0;

		for (size_t k = 0; k < UNIT_COUNT(calls[i].answers); k++)
			right |= rc < 0 && rc == calls[i].answers[k];
		if (right || odd->name != NULL)
			continue;
		odd->name = calls[i].name;
		odd->rc = rc;
		(void)snprintf(odd->text, sizeof(odd->text), "%s",
			       rc < 0 ? sluice_last_error() : "");
	}
}

static void check_odd(const struct odd *odd)
{
	if (odd->name != NULL)
		fail_msg("%s answered %d: %s", odd->name, odd->rc, odd->text);
}

/* ---- tests --------------------------------------------------------------- */

static void check_starts(void)
{
	struct sluice_batch batch;

	it.fails = NULL;
	it.greets = NULL;
	it.first = NULL;
	it.holds = NULL;
	it.joins = 0;
	flow_start(it.pipeline);
	assert_int_equal(sluice_ask(it.manual, EVENTS), 0);
	assert_int_equal(sluice_recv(stage_of("out"), &batch, FLOW_DEADLINE_MS),
			 -EPIPE);
	assert_int_equal(call_send(), 1);
	assert_int_equal(call_port_end(), 0);
	flow_wait_handled(it.pipeline, "sink", EVENTS);
	assert_int_equal(sluice_pipeline_drain(it.pipeline, FLOW_DEADLINE_MS),
			 0);
	assert_int_equal(flow_stats(it.pipeline, "eater").events_in, 1);
	assert_int_equal(it.events, EVENTS);
	assert_int_equal(it.sum, flow_sum(EVENTS));
	sluice_pipeline_close(it.pipeline);
}

static void *start(void *arg)
{
	*(int *)arg = sluice_pipeline_start(it.pipeline);
	return NULL;
}

/* It has failed, and is not taken back before a fini returns. */
static void while_it_is_taken_back(void **state)
{
	(void)state;
	it_open(0);
	call_all(&(struct odd){0});
	for (uint32_t i = 0; i < UNIT_COUNT(names); i++) {
		struct odd odd = {0};
		pthread_t starter;
		int rc = 0;

		it.begun = 0;
		it.first = names[i];
		it.holds = names[i];
		it.fails = names[(i + 1) % UNIT_COUNT(names)];
		assert_int_equal(pthread_create(&starter, NULL, start, &rc), 0);
		assert_int_equal(gate_await(&gate, i + 1), 0);
		for (uint32_t k = 0; k < 20; k++) {
			call_all(&odd);
			flow_sleep_ms(1);
		}
		gate_open(&gate, 1);
		(void)pthread_join(starter, NULL);
		assert_int_equal(rc, -EACCES);
		check_odd(&odd);
		call_all(&odd);
		check_odd(&odd);
	}
	check_starts();
}

static sluice_a32 calling;

static void *call_on(void *odd)
{
	while (sluice_load_acquire(&calling))
		call_all(odd);
	return NULL;
}

static void again_and_again(void **state)
{
	struct odd odd[CALLERS] = {0};
	pthread_t callers[CALLERS];

	(void)state;
	it_open(3);
	sluice_store_release(&calling, 1);
	for (uint32_t i = 0; i < CALLERS; i++)
		assert_int_equal(
			pthread_create(&callers[i], NULL, call_on, &odd[i]), 0);
	for (uint32_t i = 0; i < STARTS; i++) {
		int greets = i % 4 == 3 && i % 3 != 2;

		it.fails = greets ? NULL : names[i % UNIT_COUNT(names)];
		it.greets = greets ? names[i % 3] : NULL;
		assert_int_equal(sluice_pipeline_start(it.pipeline),
				 greets ? -EPERM : -EACCES);
	}
	sluice_store_release(&calling, 0);
	for (uint32_t i = 0; i < CALLERS; i++)
		(void)pthread_join(callers[i], NULL);
	for (uint32_t i = 0; i < CALLERS; i++)
		check_odd(&odd[i]);
	check_starts();
}

/* Another init, on another thread, sees that it fails. */
static void who_subscribes_is_to_wait(void **state)
{
	(void)state;
	it_open(0);
	for (uint32_t i = 0; i < 5; i++) {
		it.begun = 0;
		it.joined = 1;
		it.joins = 1;
		it.first = "spare";
		it.fails = names[i];

		assert_int_equal(sluice_pipeline_start(it.pipeline), -EACCES);
		assert_int_equal(it.joined, -EBUSY);
	}
	check_starts();
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(while_it_is_taken_back),
		cmocka_unit_test(again_and_again),
		cmocka_unit_test(who_subscribes_is_to_wait),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("start_meanwhile", tests, NULL,
					   NULL);
}
