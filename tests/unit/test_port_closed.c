/* SPDX-License-Identifier: Apache-2.0 */
/* How a port has ended: cleanly, of a failure, or stopped; in the code, the
 * text and sluice_port_closed(). */
#include "ports.h"

static struct sluice_port_status closed;

/* ---- receiving ----------------------------------------------------------- */

enum ending {
	COMPLETE,
	DRAINED,
	STOPPED,
	FAILED,          /* and the others go on */
	FAILED_UPSTREAM, /* with a stage between */
	FAILED_FOR_ALL,  /* the pipeline ends with it */
	TOLD,            /* by sluice_stage_end() */
	OWN_END,
};

static struct ended_row {
	const char *name;
	enum ending ending;
	int rc;
	enum sluice_reason reason;
	uint32_t code;
	uint32_t stopped;
	const char *peer;
	const char *text;
} recv_rows[] = {
	{"recv_complete", COMPLETE, -EPIPE, SLUICE_REASON_NORMAL, 0, 0, "src",
	 "port 'out' has ended with 'src': reason normal"},
	{"recv_drained", DRAINED, -EPIPE, SLUICE_REASON_SHUTDOWN, 0, 0, "src",
	 "port 'out' has ended with 'src': reason shutdown"},
	{"recv_stopped", STOPPED, -ECANCELED, SLUICE_REASON_SHUTDOWN, 0, 1,
	 NULL, "port 'out': the pipeline was stopped"},
	{"recv_failed", FAILED, -EIO, SLUICE_REASON_ERROR, EBADMSG, 0, "src",
	 "with 'src': reason error, code 74 (Bad message)"},
	{"recv_failed_upstream", FAILED_UPSTREAM, -EIO, SLUICE_REASON_ERROR,
	 EBADMSG, 0, "middle",
	 "with 'middle': reason error, code 74 (Bad message)"},
	{"recv_failed_for_all", FAILED_FOR_ALL, -EIO, SLUICE_REASON_SHUTDOWN, 0,
	 1, NULL,
	 "port 'out': the pipeline has failed: stage 'src': handle_demand "
	 "returned -74"},
	{"recv_told", TOLD, -EIO, SLUICE_REASON_ERROR, 7, 0, NULL,
	 "port 'out' has ended: reason error, code 7"},
	{"recv_own_end", OWN_END, -EPIPE, SLUICE_REASON_NORMAL, 0, 0, NULL,
	 "port 'out' has ended: reason normal"},
};

/* Some events, then it is over, unless it has to be told. */
static enum ending ending_of_src;

static int some_events(struct sluice_stage *self, uint32_t demand)
{
	int rc = flow_count(self, demand);

	switch ((int)ending_of_src) {
	case COMPLETE:
		return rc;
	case FAILED:
	case FAILED_UPSTREAM:
	case FAILED_FOR_ALL:
		/* What the failing call emitted is void. */
		return source.next > 8 ? -EBADMSG : SLUICE_OK;
	default:
		return SLUICE_OK;
	}
}

static void build_receiving(const struct ended_row *row)
{
	int between = row->ending == FAILED_UPSTREAM;

	ending_of_src = row->ending;
	source.end = row->ending == COMPLETE ? 8 : UINT64_MAX;
	source.most = 4;
	pipeline = flow_open(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "src", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = some_events,
			      .state = &source,
			      .restart = row->ending == FAILED_FOR_ALL
						 ? SLUICE_RESTART_NONE
						 : SLUICE_RESTART_TEMPORARY));
	if (between)
		flow_add(pipeline,
			 SLUICE_STAGE(.name = "middle",
				      .kind = SLUICE_PRODUCER_CONSUMER,
				      .in_bytes = 8, .out_bytes = 8,
				      .handle_events = flow_pass));
	(void)add_port("out", SLUICE_CONSUMER, NULL);
	if (between)
		flow_subscribe(pipeline, "middle", "src", NULL);
	flow_subscribe(pipeline, "out", between ? "middle" : "src",
		       SLUICE_SUBSCRIPTION(.max_demand = 4));
	flow_start(pipeline);
}

static void check_closed(const struct ended_row *row,
			 const struct sluice_stage *port)
{
	assert_text_has(sluice_last_error(), row->text);
	assert_int_equal(sluice_port_closed(port, &closed), row->rc);
	assert_int_equal(closed.reason, row->reason);
	assert_int_equal(closed.code, row->code);
	assert_int_equal(closed.stopped, row->stopped);
	if (row->peer == NULL)
		assert_null(closed.peer);
	else
		assert_string_equal(closed.peer, row->peer);
	assert_int_equal(sluice_port_closed(port, NULL), row->rc);
}

static int recv_until_it_ends(struct sluice_stage *port)
{
	struct sluice_batch batch;
	int rc;

	while ((rc = sluice_recv(port, &batch, FLOW_DEADLINE_MS)) > 0)
		;
	return rc;
}

static void *drain(void *arg)
{
	(void)arg;
	(void)!sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS);
	return NULL;
}

static void receiving(void **state)
{
	const struct ended_row *row = *state;
	struct sluice_batch batch;
	struct sluice_stage *port;
	pthread_t drainer;

	build_receiving(row);
	port = sluice_stage_find(pipeline, "out");
	assert_int_equal(sluice_port_closed(port, &closed), 0);
	assert_int_equal(closed.reason, SLUICE_REASON_OPEN);
	assert_true(sluice_recv(port, &batch, FLOW_DEADLINE_MS) > 0);
	switch ((int)row->ending) {
	case DRAINED:
		assert_int_equal(pthread_create(&drainer, NULL, drain, NULL),
				 0);
		break;
	case STOPPED:
		sluice_pipeline_stop(pipeline);
		break;
	case TOLD:
		assert_int_equal(sluice_stage_end(port, SLUICE_REASON_ERROR, 7),
				 0);
		break;
	case OWN_END:
		assert_int_equal(sluice_port_end(port, SLUICE_REASON_NORMAL),
				 0);
		break;
	default:
		break;
	}
	assert_int_equal(recv_until_it_ends(port), row->rc);
	check_closed(row, port);
	/* And so for ever. */
	assert_int_equal(sluice_recv(port, &batch, 0), row->rc);
	if (row->ending == DRAINED)
		assert_int_equal(pthread_join(drainer, NULL), 0);
	sluice_pipeline_stop(pipeline);
	(void)join();
	assert_int_equal(sluice_recv(port, &batch, 0), row->rc);
	check_closed(row, port);
}

/* ---- sending ------------------------------------------------------------- */

static struct ended_row send_rows[] = {
	{"send_last_consumer_done", COMPLETE, -EPIPE, SLUICE_REASON_NORMAL, 0,
	 0, "sink", "port 'in' has ended with 'sink': reason normal"},
	{"send_last_consumer_failed", FAILED, -EIO, SLUICE_REASON_ERROR,
	 EBADMSG, 0, "sink",
	 "with 'sink': reason error, code 74 (Bad message)"},
	{"send_failed_for_all", FAILED_FOR_ALL, -EIO, SLUICE_REASON_SHUTDOWN, 0,
	 1, NULL,
	 "the pipeline has failed: stage 'sink': handle_events returned -74"},
	{"send_drained", DRAINED, -EPIPE, SLUICE_REASON_SHUTDOWN, 0, 0, NULL,
	 "port 'in' has ended: reason shutdown"},
	{"send_stopped", STOPPED, -ECANCELED, SLUICE_REASON_SHUTDOWN, 0, 1,
	 NULL, "port 'in': the pipeline was stopped"},
	{"send_told", TOLD, -EIO, SLUICE_REASON_ERROR, 7, 0, NULL,
	 "port 'in' has ended: reason error, code 7"},
	{"send_own_end", OWN_END, -EPIPE, SLUICE_REASON_NORMAL, 0, 0, NULL,
	 "port 'in' has ended: reason normal"},
};

static int take_and_end(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	switch ((int)ending_of_src) {
	case COMPLETE:
		return SLUICE_END;
	case FAILED:
	case FAILED_FOR_ALL:
		return -EBADMSG;
	default:
		return SLUICE_OK;
	}
}

static void sending(void **state)
{
	const struct ended_row *row = *state;
	struct sluice_stage *port;
	int rc;

	ending_of_src = row->ending;
	pipeline = flow_open(1);
	port = add_port("in", SLUICE_PRODUCER, NULL);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = take_and_end,
			      .restart = row->ending == FAILED_FOR_ALL
						 ? SLUICE_RESTART_NONE
						 : SLUICE_RESTART_TEMPORARY));
	flow_subscribe(pipeline, "sink", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 4));
	flow_start(pipeline);
	assert_int_equal(send_row(port, 0, 1, FLOW_DEADLINE_MS), 1);
	switch ((int)row->ending) {
	case DRAINED:
		assert_int_equal(
			sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
		break;
	case STOPPED:
		sluice_pipeline_stop(pipeline);
		break;
	case TOLD:
		assert_int_equal(sluice_stage_end(port, SLUICE_REASON_ERROR, 7),
				 0);
		break;
	case OWN_END:
		assert_int_equal(sluice_port_end(port, SLUICE_REASON_NORMAL),
				 0);
		break;
	default:
		break;
	}
	while ((rc = send_row(port, 0, 1, FLOW_DEADLINE_MS)) == 1)
		;
	assert_int_equal(rc, row->rc);
	check_closed(row, port);
	(void)join();
	assert_int_equal(send_row(port, 0, 1, 0), row->rc);
	check_closed(row, port);
}

/* ---- of several streams the worst counts --------------------------------- */

static void the_worst_stream_counts(void **state)
{
	struct sluice_stage *in[3], *out;

	(void)state;
	pipeline = flow_open(1);
	in[0] = add_port("in0", SLUICE_PRODUCER, NULL);
	in[1] = add_port("in1", SLUICE_PRODUCER, NULL);
	in[2] = add_port("in2", SLUICE_PRODUCER, NULL);
	out = add_port("out", SLUICE_CONSUMER, NULL);
	for (uint32_t i = 0; i < 3; i++)
		flow_subscribe(pipeline, "out", sluice_stage_name(in[i]), NULL);
	flow_start(pipeline);
	for (uint32_t i = 0; i < 3; i++) {
		send_all(in[i], 0, 10);
		assert_int_equal(
			sluice_port_end(in[i], i == 1 ? SLUICE_REASON_ERROR
						      : SLUICE_REASON_NORMAL),
			0);
	}
	assert_int_equal(recv_until_it_ends(out), -EIO);
	assert_text_has(sluice_last_error(), "with 'in1': reason error");
	assert_int_equal(sluice_port_closed(out, &closed), -EIO);
	assert_string_equal(closed.peer, "in1");
	assert_int_equal(flow_stats(pipeline, "out").events_in, 30);
	assert_int_equal(join(), 0);
}

/* ---- a send that is cut short -------------------------------------------- */

/* A strategy that says there is room, and places three at a time. */
struct sluice_mean {
	uint32_t unused;
};

static void sluice_mean_init(struct sluice_mean *s,
			     const struct sluice_lanes *lanes,
			     const struct sluice_dispatch_opts *opts)
{
	(void)lanes;
	(void)opts;
	s->unused = 0;
}

static uint64_t sluice_mean_placeable(const struct sluice_mean *s,
				      const struct sluice_lanes *lanes)
{
	(void)s;
	return sluice_lanes_sum(lanes);
}

static uint32_t sluice_mean_pick(struct sluice_mean *s,
				 struct sluice_lanes *lanes,
				 const struct sluice_events *events,
				 struct sluice_run *runs, uint32_t *n_runs)
{
	uint32_t n = events->count < 3 ? events->count : 3;

	(void)s;
	if (n > lanes->lane[0].credit)
		n = (uint32_t)lanes->lane[0].credit;
	sluice_lane_take(lanes, 0, n);
	sluice_run_add(runs, n_runs, 0, n);
	return n;
}

SLUICE_STRATEGY_FREE_MEMBERS(mean)

static const char *sluice_mean_verify(const struct sluice_mean *s,
				      const struct sluice_lanes *lanes)
{
	(void)s;
	return sluice_lanes_verify(lanes);
}

SLUICE_STRATEGY_TABLE(mean, SLUICE_RINGS_SEPARATE, 0, "three at a time");

static void a_prefix_is_taken(void **state)
{
	struct sluice_stage *in, *out;

	(void)state;
	pipeline = flow_open(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .flags = SLUICE_STAGE_PORT,
			      .strategy = &sluice_mean_strategy));
	in = sluice_stage_find(pipeline, "in");
	out = add_port("out", SLUICE_CONSUMER, NULL);
	flow_subscribe(pipeline, "out", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 64));
	flow_start(pipeline);
	for (uint64_t sent = 0; sent < 30; sent += 3)
		assert_int_equal(send_row(in, sent, 10, 0), 3);
	assert_int_equal(recv_row(out, 0, 30), 30);
	assert_int_equal(flow_stats(pipeline, "in").events_out, 30);
}

static uint64_t key_is_value(const void *event, uint32_t bytes, void *ctx)
{
	uint64_t value;

	(void)ctx;
	memcpy(&value, event, bytes);
	return value;
}

/* A partition that there is not: what came before it was taken, the pipeline
 * fails, and the next call says why. */
static void a_misrouted_event(void **state)
{
	struct sluice_stage *in;
	uint64_t events[] = {0, 1, 0, 2, 1};
	int rc;

	(void)state;
	pipeline = flow_open(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .flags = SLUICE_STAGE_PORT,
			      .dispatcher = "partition", .partitions = 2,
			      .key_of = key_is_value));
	in = sluice_stage_find(pipeline, "in");
	for (uint32_t i = 0; i < 2; i++) {
		flow_add_sink(pipeline, sink_names[i], &sinks[i]);
		flow_subscribe(
			pipeline, sink_names[i], "in",
			SLUICE_SUBSCRIPTION(.partition = SLUICE_PARTITION(i)));
	}
	flow_start(pipeline);
	rc = sluice_send(in, events, 5, FLOW_DEADLINE_MS);
	assert_in_range(rc, 3, 5);
	assert_int_equal(sluice_send(in, events, 1, 0), -EIO);
	assert_text_has(sluice_last_error(), "not in [0, 1]");
	assert_int_equal(join(), -ERANGE);
	assert_int_equal(flow_stats(pipeline, "in").stranded, 1);
}

/* ---- wrong use, and leaving ---------------------------------------------- */

static void wrong_use(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_batch batch;

	(void)state;
	open_pair(10, &in, &out);
	assert_int_equal(sluice_port_closed(NULL, NULL), -EINVAL);
	assert_int_equal(sluice_send(NULL, "", 1, 0), -EINVAL);
	assert_text_has(sluice_last_error(), "stage is NULL");
	assert_int_equal(sluice_recv(NULL, &batch, 0), -EINVAL);
	assert_int_equal(sluice_recv(out, NULL, 0), -EINVAL);
	assert_text_has(sluice_last_error(), "'out': batch is NULL");
	assert_int_equal(sluice_port_end(NULL, SLUICE_REASON_NORMAL), -EINVAL);
	assert_int_equal(sluice_port_end(in, SLUICE_REASON_NORMAL), 0);
	assert_int_equal(sluice_port_end(in, SLUICE_REASON_NORMAL), -EALREADY);
	assert_text_has(sluice_last_error(), "'in' has ended already");
}

static void how_large_events_are(void **state)
{
	struct sluice_stage *port;

	(void)state;
	pipeline = flow_open(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
			      .flags = SLUICE_STAGE_PORT, .out_bytes = 24));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "out", .kind = SLUICE_CONSUMER,
			      .flags = SLUICE_STAGE_PORT, .in_bytes = 7));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "none", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = flow_collect));
	port = sluice_stage_find(pipeline, "in");
	assert_int_equal(sluice_port_event_bytes(port), 24);
	port = sluice_stage_find(pipeline, "out");
	assert_int_equal(sluice_port_event_bytes(port), 7);
	port = sluice_stage_find(pipeline, "none");
	assert_int_equal(sluice_port_event_bytes(port), 0);
	assert_int_equal(sluice_port_event_bytes(NULL), 0);
}

/* Close waits for those who are inside their last call. */
static void close_waits_for_users(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 40; i++) {
		struct sluice_stage *in, *out;

		memset(workers, 0, sizeof(workers));
		open_pair(4, &in, &out);
		workers[0].pieces = 3;
		workers[0].events = UINT64_MAX;
		spawn(&workers[0], run_sender, in);
		spawn(&workers[1], run_receiver, out);
		wait_ready(&workers[0]);
		wait_ready(&workers[1]);
		flow_sleep_ms(i % 3);
		sluice_pipeline_stop(pipeline);
		(void)join();
		await(&workers[0]);
		await(&workers[1]);
		assert_int_equal(workers[0].rc, -ECANCELED);
		assert_int_equal(workers[1].rc, -ECANCELED);
		sluice_pipeline_close(pipeline);
		pipeline = NULL;
	}
}

static struct CMUnitTest tests[40] = {
	cmocka_unit_test(the_worst_stream_counts),
	cmocka_unit_test(a_prefix_is_taken),
	cmocka_unit_test(a_misrouted_event),
	cmocka_unit_test(wrong_use),
	cmocka_unit_test(how_large_events_are),
	cmocka_unit_test(close_waits_for_users),
};

int main(void)
{
	size_t count = 0;

	while (tests[count].name != NULL)
		count++;
	count = UNIT_ADD_ROWS(tests, count, receiving, recv_rows);
	count = UNIT_ADD_ROWS(tests, count, sending, send_rows);
	ports_watch(tests, count);
	return _cmocka_run_group_tests("port_closed", tests, count, NULL, NULL);
}
