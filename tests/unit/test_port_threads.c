/* SPDX-License-Identifier: Apache-2.0 */
/* Threads at ports: nothing is lost between them and the stages, and none is left
 * waiting when the pipeline ends. */
#include "ports.h"

static struct threads_row {
	const char *name;
	uint32_t max_demand;
	int32_t min_demand;
	uint32_t pieces;
	uint32_t events;
} threads_rows[] = {
	{"two_threads_max_1", 1, SLUICE_MIN_ZERO, 3, 3000},
	{"two_threads_max_7", 7, 3, 20, 20000},
	{"two_threads_max_1000", 1000, 0, 512, 400000},
	{"two_threads_single_events", 64, 0, 1, 40000},
};

/* A thread sends pieces of random sizes, another receives: all comes, in order. */
static void two_threads(void **state)
{
	const struct threads_row *row = *state;
	struct rng rng = rng_start(row->name);
	struct sluice_stage *in, *out;

	pipeline = flow_open(1);
	in = add_port("in", SLUICE_PRODUCER, NULL);
	out = add_port("out", SLUICE_CONSUMER, NULL);
	flow_subscribe(pipeline, "out", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = row->max_demand,
					   .min_demand = row->min_demand));
	flow_start(pipeline);
	workers[0] = (struct worker_of_port){.seed = (uint32_t)rng_u64(&rng),
					     .pieces = row->pieces,
					     .events = row->events};
	spawn(&workers[0], run_sender, in);
	spawn(&workers[1], run_receiver, out);
	await(&workers[0]);
	await(&workers[1]);
	assert_int_equal(workers[0].rc, 0);
	assert_int_equal(workers[1].rc, -EPIPE);
	assert_int_equal(workers[1].events, row->events);
	assert_int_equal(workers[1].sum, flow_sum(row->events));
	assert_int_equal(workers[1].disorder, 0);
	assert_int_equal(join(), 0);
}

static struct shape_row {
	const char *name;
	const char *dispatcher;
	uint32_t sender;   /* 1: a port makes the events, else a stage */
	uint32_t receiver; /* 1: ports receive them, else stages */
} shape_rows[] = {
	{"port_to_stages_demand", "demand", 1, 0},
	{"port_to_stages_broadcast", "broadcast", 1, 0},
	{"port_to_stages_partition", "partition", 1, 0},
	{"stage_to_ports_demand", "demand", 0, 1},
	{"stage_to_ports_broadcast", "broadcast", 0, 1},
	{"stage_to_ports_partition", "partition", 0, 1},
	{"ports_to_ports_demand", "demand", 1, 1},
	{"ports_to_ports_broadcast", "broadcast", 1, 1},
	{"ports_to_ports_partition", "partition", 1, 1},
};

#define SHAPE_EVENTS UINT64_C(50000)

static void shape_add_sender(const struct shape_row *row)
{
	if (row->sender) {
		(void)add_port("in", SLUICE_PRODUCER, row->dispatcher);
		return;
	}
	source.end = SHAPE_EVENTS;
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .fini = flow_fini, .dispatcher = row->dispatcher,
			      .state = &source));
}

static void shapes(void **state)
{
	const struct shape_row *row = *state;
	int all = strcmp(row->dispatcher, "broadcast") == 0;
	uint64_t events = 0;
	uint64_t sum = 0;

	pipeline = flow_open(2);
	shape_add_sender(row);
	for (uint32_t i = 0; i < 3; i++) {
		if (row->receiver)
			(void)add_port(sink_names[i], SLUICE_CONSUMER, NULL);
		else
			flow_add_sink(pipeline, sink_names[i], &sinks[i]);
		flow_subscribe(pipeline, sink_names[i], "in",
			       SLUICE_SUBSCRIPTION(.max_demand = 50 + 50 * i));
	}
	flow_start(pipeline);
	for (uint32_t i = 0; row->receiver && i < 3; i++)
		spawn(&workers[i], run_receiver,
		      sluice_stage_find(pipeline, sink_names[i]));
	if (row->sender) {
		workers[3] = (struct worker_of_port){
			.seed = 1, .pieces = 300, .events = SHAPE_EVENTS};
		spawn(&workers[3], run_sender,
		      sluice_stage_find(pipeline, "in"));
		await(&workers[3]);
		assert_int_equal(workers[3].rc, 0);
	}
	for (uint32_t i = 0; row->receiver && i < 3; i++)
		await(&workers[i]);
	assert_int_equal(join(), 0);
	for (uint32_t i = 0; i < 3; i++) {
		const struct worker_of_port *w = &workers[i];

		events += row->receiver ? w->events : sinks[i].events;
		sum += row->receiver ? w->sum : sinks[i].sum;
		assert_int_equal(
			row->receiver ? w->disorder : sinks[i].disorder, 0);
		assert_int_equal(row->receiver ? w->rc : -EPIPE, -EPIPE);
	}
	assert_int_equal(events, all ? 3 * SHAPE_EVENTS : SHAPE_EVENTS);
	assert_int_equal(sum, (all ? 3 : 1) * flow_sum(SHAPE_EVENTS));
}

/* ---- the pipeline ends while a thread waits ------------------------------ */

enum ending {
	BY_STOP,
	BY_DRAIN,
	BY_FAILURE, /* of another stage */
};

static struct waiting_row {
	const char *name;
	enum ending ending;
	uint32_t sends; /* 1: it waits for credit, else for events */
} waiting_rows[] = {
	{"stop_while_a_thread_sends", BY_STOP, 1},
	{"stop_while_a_thread_receives", BY_STOP, 0},
	{"drain_while_a_thread_receives", BY_DRAIN, 0},
	{"failure_while_a_thread_sends", BY_FAILURE, 1},
	{"failure_while_a_thread_receives", BY_FAILURE, 0},
};

static int fail_when_called(struct sluice_stage *self,
			    const struct sluice_message *message)
{
	(void)self;
	(void)message;
	return -EBADMSG;
}

static void ends_while_a_thread_waits(void **state)
{
	const struct waiting_row *row = *state;
	struct sluice_stage *in, *out;
	struct worker_of_port *w = &workers[0];
	int rc;

	pipeline = flow_open(1);
	in = add_port("in", SLUICE_PRODUCER, NULL);
	out = add_port("out", SLUICE_CONSUMER, NULL);
	flow_subscribe(pipeline, "out", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 4));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "bad", .in_bytes = 8,
			      .kind = SLUICE_CONSUMER,
			      .handle_events = flow_collect,
			      .handle_cast = fail_when_called,
			      .state = &sinks[0], .on_idle = SLUICE_IDLE_STAY));
	flow_start(pipeline);
	w->pieces = 64;
	w->events = row->sends ? UINT64_MAX : 0;
	spawn(w, row->sends ? run_sender : run_receiver, row->sends ? in : out);
	wait_ready(w);
	/* It waits for credit, or is about to. To call with the port as well would
	 * be to take it away between two of its calls. */
	if (row->sends)
		while (flow_stats(pipeline, "in").events_out < 4)
			flow_sleep_ms(1);
	switch (row->ending) {
	case BY_STOP:
		sluice_pipeline_stop(pipeline);
		break;
	case BY_DRAIN:
		assert_int_equal(
			sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
		break;
	case BY_FAILURE:
		assert_int_equal(
			sluice_cast(sluice_stage_find(pipeline, "bad"), "", 1),
			0);
		break;
	}
	await(w);
	assert_int_equal(w->rc, row->ending == BY_DRAIN     ? -EPIPE
				: row->ending == BY_FAILURE ? -EIO
							    : -ECANCELED);
	rc = join();
	assert_int_equal(rc, row->ending == BY_DRAIN     ? 0
			     : row->ending == BY_FAILURE ? -EBADMSG
							 : -ECANCELED);
}

/* What was sent before the drain arrives; a receiver has until the deadline. */
static void drain_delivers_what_was_sent(void **state)
{
	struct sluice_stage *in, *out;

	(void)state;
	open_pair(100, &in, &out);
	send_all(in, 0, 100);
	spawn(&workers[0], run_receiver, out);
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	await(&workers[0]);
	assert_int_equal(workers[0].events, 100);
	assert_int_equal(workers[0].rc, -EPIPE);
	assert_int_equal(send_row(in, 100, 1, 0), -EPIPE);
}

static void close_ends_ports_that_nobody_uses(void **state)
{
	struct sluice_stage *in, *out;

	(void)state;
	open_pair(100, &in, &out);
	send_all(in, 0, 50);
	sluice_pipeline_close(pipeline);
	pipeline = NULL;
}

static struct CMUnitTest tests[40] = {
	cmocka_unit_test(drain_delivers_what_was_sent),
	cmocka_unit_test(close_ends_ports_that_nobody_uses),
};

int main(void)
{
	size_t count = 0;

	while (tests[count].name != NULL)
		count++;
	count = UNIT_ADD_ROWS(tests, count, two_threads, threads_rows);
	count = UNIT_ADD_ROWS(tests, count, shapes, shape_rows);
	count = UNIT_ADD_ROWS(tests, count, ends_while_a_thread_waits,
			      waiting_rows);
	ports_watch(tests, count);
	return _cmocka_run_group_tests("port_threads", tests, count, NULL,
				       NULL);
}
