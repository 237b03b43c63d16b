/* SPDX-License-Identifier: Apache-2.0 */
/* What waits for a pipeline's end is refused on a thread that would have to end
 * first: in every callback, hook and task. */
#include "engine/control.h"
#include "engine/port.h"
#include "stages/spawn.h"
#include "tests/support/gate.h"
#include "tests/unit/flow.h"

/* Where the calls are made. */
enum place {
	IN_INIT = 1,
	IN_FINI,
	IN_DEMAND,
	IN_EVENTS,
	IN_CALL,
	IN_CAST,
	IN_INFO,
	IN_TIMER,
	IN_SUBSCRIBE,
	IN_CANCEL,
	IN_DISCARD,
	IN_DEAD_LETTER,
	IN_KEY_OF,
	IN_SELECTOR,
	IN_LOG,
	IN_ON_STOP,
	IN_STATE_FREE,
	IN_TASK,
	IN_TASK_DEAD_LETTER,
	IN_PORT_KEY,
	IN_PORT_SELECTOR,
	PLACES,
};

static struct {
	struct sluice_pipeline *pipeline;
	struct sluice_stage *consumer;
	enum place place;
	uint32_t calls; /* times the place was come to */
	uint32_t wrong; /* calls that were not refused as they should be */
	int code;       /* what the first wrong one answered */
	struct gate done;
} probe;

static void expect(int rc, int want)
{
	if (rc == want)
		return;
	if (probe.wrong++ == 0)
		probe.code = rc;
}

static void try_all(enum place place)
{
	struct sluice_pipeline *p = probe.pipeline;

	if (place != probe.place ||
	    __atomic_fetch_add(&probe.calls, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	expect(sluice_pipeline_join(p, SLUICE_FOREVER), -EDEADLK);
	expect(sluice_pipeline_drain(p, SLUICE_FOREVER), -EDEADLK);
	expect(sluice_pipeline_start(p), -EDEADLK);
	expect(sluice_pipeline_run(p), -EDEADLK);
	expect(strstr(sluice_last_error(), "would wait for the thread") != NULL,
	       1);
	sluice_pipeline_close(p); /* does nothing */
	gate_arrive(&probe.done);
}

/* ---- a stage with all callbacks ------------------------------------------- */

static int on_init(struct sluice_stage *self)
{
	try_all(IN_INIT);
	return sluice_timer_set(self, 0, 1, 0);
}

static void on_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	(void)self;
	(void)reason;
	try_all(IN_FINI);
}

static int on_demand(struct sluice_stage *self, uint32_t demand)
{
	uint64_t *event = sluice_emit(self, 1);

	(void)demand;
	try_all(IN_DEMAND);
	if (event == NULL)
		return SLUICE_FAIL;
	*event = 1;
	return SLUICE_OK;
}

/* More than is asked for: the buffer of none overflows. */
static int on_demand_surplus(struct sluice_stage *self, uint32_t demand)
{
	uint64_t *events = sluice_emit(self, demand + 1);

	if (events != NULL)
		memset(events, 0, (demand + 1) * sizeof(*events));
	return SLUICE_OK;
}

static int on_events(struct sluice_stage *self,
		     const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	try_all(IN_EVENTS);
	return probe.place == IN_DEAD_LETTER ? SLUICE_SKIP : SLUICE_OK;
}

static int on_call(struct sluice_stage *self,
		   const struct sluice_message *request,
		   struct sluice_answer *reply)
{
	(void)self;
	(void)request;
	(void)reply;
	try_all(IN_CALL);
	return SLUICE_OK;
}

static int on_cast(struct sluice_stage *self,
		   const struct sluice_message *message)
{
	(void)self;
	(void)message;
	try_all(IN_CAST);
	return SLUICE_OK;
}

static int on_info(struct sluice_stage *self,
		   const struct sluice_message *message)
{
	(void)self;
	(void)message;
	try_all(IN_INFO);
	return SLUICE_OK;
}

static int on_timer(struct sluice_stage *self, uint32_t timer)
{
	(void)self;
	(void)timer;
	try_all(IN_TIMER);
	return SLUICE_OK;
}

static int on_subscribe(struct sluice_stage *self,
			const struct sluice_link_event *event)
{
	(void)self;
	(void)event;
	try_all(IN_SUBSCRIBE);
	return SLUICE_OK;
}

static int on_cancel(struct sluice_stage *self,
		     const struct sluice_link_event *event)
{
	(void)self;
	(void)event;
	try_all(IN_CANCEL);
	return SLUICE_OK;
}

static int on_discard(struct sluice_stage *self, uint64_t count)
{
	(void)self;
	(void)count;
	try_all(IN_DISCARD);
	return 1;
}

static void on_dead_letter(struct sluice_stage *self,
			   const struct sluice_dead_letter *letter)
{
	(void)self;
	(void)letter;
	try_all(IN_DEAD_LETTER);
}

static void on_stop(struct sluice_stage *self)
{
	(void)self;
	try_all(IN_ON_STOP);
}

static void on_free(void *state)
{
	(void)state;
	try_all(IN_STATE_FREE);
}

static uint64_t on_key(const void *event, uint32_t bytes, void *ctx)
{
	(void)event;
	(void)bytes;
	(void)ctx;
	try_all(probe.place == IN_PORT_KEY ? IN_PORT_KEY : IN_KEY_OF);
	return 1;
}

static int on_select(const void *event, void *ctx)
{
	(void)event;
	(void)ctx;
	try_all(probe.place == IN_PORT_SELECTOR ? IN_PORT_SELECTOR
						: IN_SELECTOR);
	return 1;
}

static void on_log(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
	if (probe.pipeline != NULL)
		try_all(IN_LOG);
}

static int on_task(struct sluice_task *task, const void *event)
{
	(void)task;
	(void)event;
	try_all(IN_TASK);
	return probe.place == IN_TASK_DEAD_LETTER ? -EIO : 0;
}

static void on_task_dead_letter(void *ctx, const void *event, uint32_t attempts,
				int code)
{
	(void)ctx;
	(void)event;
	(void)attempts;
	(void)code;
	try_all(IN_TASK_DEAD_LETTER);
}

/* ---- the pipeline --------------------------------------------------------- */

static void build(enum place place)
{
	int keyed = place == IN_KEY_OF || place == IN_PORT_KEY;
	int surplus = place == IN_DISCARD || place == IN_LOG;
	struct sluice_stage_opts source = {
		.size = sizeof(source),
		.name = "a",
		.kind = SLUICE_PRODUCER,
		.out_bytes = 8,
		.dispatcher = keyed ? "partition" : "broadcast",
		.key_of = keyed ? on_key : NULL,
	};
	struct sluice_spawn *spawn;

	memset(&probe, 0, sizeof(probe));
	probe.place = place;
	probe.done = GATE_CLOSED;
	assert_int_equal(sluice_pipeline_open(
				 &probe.pipeline,
				 SLUICE_PIPELINE(.workers = 2, .log = on_log)),
			 0);
	if (place == IN_PORT_KEY || place == IN_PORT_SELECTOR) {
		source.flags = SLUICE_STAGE_PORT;
	} else {
		source.handle_demand = surplus ? on_demand_surplus : on_demand;
		source.on_discard = on_discard;
		source.buffer_events = surplus ? SLUICE_BUFFER_NONE : 0;
	}
	flow_add(probe.pipeline, &source);
	flow_add(probe.pipeline,
		 SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .init = on_init, .fini = on_fini,
			      .handle_events = on_events,
			      .handle_call = on_call, .handle_cast = on_cast,
			      .handle_info = on_info, .handle_timer = on_timer,
			      .on_subscribe = on_subscribe,
			      .on_cancel = on_cancel, .on_stop = on_stop,
			      .dead_letter = on_dead_letter,
			      .state_free = on_free));
	probe.consumer = sluice_stage_find(probe.pipeline, "c");
	flow_subscribe(
		probe.pipeline, "c", "a",
		SLUICE_SUBSCRIPTION(.selector = keyed ? NULL : on_select));
	assert_int_equal(
		sluice_spawn_add(
			probe.pipeline,
			SLUICE_STAGE(.name = "spawn", .in_bytes = 8,
				     .on_idle = SLUICE_IDLE_STAY),
			SLUICE_SPAWN(.task = on_task, .max_demand = 1,
				     .dead_letter = on_task_dead_letter),
			&spawn),
		0);
	if (place == IN_TASK || place == IN_TASK_DEAD_LETTER)
		assert_int_equal(sluice_spawn_subscribe(spawn, "a",
							SLUICE_PERMANENT, NULL),
				 0);
	if (place == IN_PORT_SELECTOR) {
		flow_add(probe.pipeline,
			 SLUICE_STAGE(.name = "out", .kind = SLUICE_CONSUMER,
				      .in_bytes = 8,
				      .flags = SLUICE_STAGE_PORT));
		flow_subscribe(probe.pipeline, "out", "a",
			       SLUICE_SUBSCRIPTION(.selector = on_select));
	}
}

/* What brings the pipeline to the place, if it does not come there by itself. */
static void provoke(enum place place)
{
	struct sluice_pipeline *p = probe.pipeline;
	struct sluice_batch batch;
	uint64_t event = 1;

	if (place == IN_CALL)
		assert_int_equal(sluice_call(probe.consumer, NULL, 0, NULL, 0,
					     FLOW_DEADLINE_MS),
				 0);
	else if (place == IN_CAST)
		assert_int_equal(sluice_cast(probe.consumer, NULL, 0), 0);
	else if (place == IN_INFO)
		assert_int_equal(sluice_info_sync(probe.consumer, NULL, 0,
						  FLOW_DEADLINE_MS),
				 0);
	else if (place == IN_FINI || place == IN_ON_STOP || place == IN_CANCEL)
		assert_int_equal(
			sluice_stage_end(place == IN_CANCEL
						 ? sluice_stage_find(p, "a")
						 : probe.consumer,
					 SLUICE_REASON_NORMAL, 0),
			0);
	else if (place == IN_PORT_KEY || place == IN_PORT_SELECTOR)
		assert_int_equal(sluice_send(sluice_stage_find(p, "a"), &event,
					     1, FLOW_DEADLINE_MS),
				 1);
	if (place == IN_PORT_SELECTOR)
		assert_int_equal(sluice_recv(sluice_stage_find(p, "out"),
					     &batch, FLOW_DEADLINE_MS),
				 1);
}

static struct place_row {
	const char *name;
	enum place place;
} place_rows[] = {
	{"in_init", IN_INIT},
	{"in_fini", IN_FINI},
	{"in_handle_demand", IN_DEMAND},
	{"in_handle_events", IN_EVENTS},
	{"in_handle_call", IN_CALL},
	{"in_handle_cast", IN_CAST},
	{"in_handle_info", IN_INFO},
	{"in_handle_timer", IN_TIMER},
	{"in_on_subscribe", IN_SUBSCRIBE},
	{"in_on_cancel", IN_CANCEL},
	{"in_on_discard", IN_DISCARD},
	{"in_dead_letter", IN_DEAD_LETTER},
	{"in_key_of", IN_KEY_OF},
	{"in_selector", IN_SELECTOR},
	{"in_log", IN_LOG},
	{"in_on_stop", IN_ON_STOP},
	{"in_state_free", IN_STATE_FREE},
	{"in_task", IN_TASK},
	{"in_dead_letter_of_a_task", IN_TASK_DEAD_LETTER},
	{"in_key_of_a_port", IN_PORT_KEY},
	{"in_selector_of_a_port", IN_PORT_SELECTOR},
};

static void waiting_is_refused(void **state)
{
	const struct place_row *row = *state;

	build(row->place);
	flow_start(probe.pipeline);
	provoke(row->place);
	if (row->place != IN_STATE_FREE)
		assert_int_equal(gate_await(&probe.done, 1), 0);
	/* The others may, and it ends. */
	sluice_pipeline_stop(probe.pipeline);
	assert_int_not_equal(flow_join(probe.pipeline), -EDEADLK);
	sluice_pipeline_close(probe.pipeline);
	assert_true(probe.calls > 0);
	assert_int_equal(probe.code, 0);
	assert_int_equal(probe.wrong, 0);
}

int main(void)
{
	struct CMUnitTest all[UNIT_COUNT(place_rows)];

	(void)UNIT_ADD_ROWS(all, 0, waiting_is_refused, place_rows);
	return cmocka_run_group_tests_name("deadlock", all, NULL, NULL);
}
