/* SPDX-License-Identifier: Apache-2.0 */
/* Draining: what was emitted arrives, or is counted when time is up. */
#include "flow.h"

#include "engine/graph/pipeline_priv.h"

#include <pthread.h>

/* ---- drain --------------------------------------------------------------- */

static struct drain_row {
	const char *name;
	const char *dispatcher;
	uint32_t workers;
	uint32_t blocking;
	uint32_t max_demand;
} drain_rows[] = {
	{"drain_demand_1_worker", "demand", 1, 0, 0},
	{"drain_demand_2_workers", "demand", 2, 0, 0},
	{"drain_demand_8_workers", "demand", 8, 0, 7},
	{"drain_demand_blocking", "demand", 1, 1, 100},
	{"drain_broadcast_1_worker", "broadcast", 1, 0, 0},
	{"drain_broadcast_2_workers", "broadcast", 2, 0, 3},
	{"drain_broadcast_8_workers", "broadcast", 8, 0, 0},
	{"drain_broadcast_blocking", "broadcast", 2, 1, 50},
	{"drain_partition_1_worker", "partition", 1, 0, 0},
	{"drain_partition_2_workers", "partition", 2, 0, 0},
	{"drain_partition_8_workers", "partition", 8, 0, 2},
	{"drain_partition_blocking", "partition", 2, 1, 30},
};

/* An endless source made to end: all that it emitted arrives. */
static void drain_loses_nothing(void **state)
{
	static const char *const names[] = {"c0", "c1", "c2"};
	const struct drain_row *row = *state;
	struct sluice_pipeline *p = flow_open(row->workers);
	struct flow_source source = {.end = UINT64_MAX};
	struct flow_sink sink[3] = {{.events = 0}};
	int all = strcmp(row->dispatcher, "broadcast") == 0;
	uint64_t events = 0;
	uint64_t sum = 0;

	flow_add(p,
		 SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .fini = flow_fini,
			      .handle_demand = flow_count,
			      .dispatcher = row->dispatcher, .state = &source));
	for (uint32_t i = 0; i < 3; i++) {
		flow_add(p, SLUICE_STAGE(.name = names[i], .in_bytes = 8,
					 .kind = SLUICE_CONSUMER,
					 .handle_events = flow_collect,
					 .fini = flow_fini,
					 .blocking = row->blocking,
					 .state = &sink[i]));
		flow_subscribe(
			p, names[i], "a",
			SLUICE_SUBSCRIPTION(.max_demand = row->max_demand));
	}
	flow_start(p);
	flow_wait_handled(p, "c0", 500);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(sink[i].disorder, 0);
		flow_check_ended(&sink[i].ended, SLUICE_REASON_SHUTDOWN);
		if (all)
			flow_check_all(&sink[i], source.next);
		events += sink[i].events;
		sum += sink[i].sum;
	}
	assert_int_equal(events, all ? 3 * source.next : source.next);
	assert_int_equal(sum, flow_sum(source.next) * (all ? 3 : 1));
	assert_int_equal(flow_stats(p, "a").events_out, source.next);
	flow_check_ended(&source.ended, SLUICE_REASON_SHUTDOWN);
	assert_int_equal(sluice_pipeline_join(p, 0), 0);
	sluice_pipeline_close(p);
}

/* Whoever drains at once gets what a source gives when it is asked once. */
static void a_drain_right_after_the_start(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		struct flow_source source = {.end = 100};
		struct flow_sink sink = {0};
		struct sluice_pipeline *p = flow_open(2);

		flow_add_source(p, "a", &source);
		flow_add_sink(p, "c", &sink);
		flow_subscribe(p, "c", "a",
			       SLUICE_SUBSCRIPTION(.max_demand = 10));
		flow_start(p);
		assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
		assert_true(source.next >= 10);
		flow_check_all(&sink, source.next);
		sluice_pipeline_close(p);
	}
}

/* A consumer that sits in its first callback until it is told otherwise. */
struct sitter {
	struct flow_end ended;
	const struct sluice_pipeline *pipeline;
	sluice_a32 entered;
	sluice_a32 release;  /* leave */
	uint32_t until_stop; /* or once the pipeline is being stopped */
	uint32_t batches;
	uint64_t events;
};

static int sit(struct sluice_stage *self, const struct sluice_batch *batch)
{
	struct sitter *sitter = sluice_stage_state(self);

	sluice_store_release(&sitter->entered, 1);
	while (sluice_load_acquire(&sitter->release) == 0) {
		if (sitter->until_stop &&
		    host_command(&sitter->pipeline->host) == PIPELINE_STOP)
			break;
		flow_sleep_ms(1);
	}
	sitter->batches++;
	sitter->events += batch->count;
	return SLUICE_OK;
}

static struct sluice_pipeline *sitter_open_with(const char *dispatcher,
						struct flow_source *source,
						struct sitter *sitter)
{
	struct sluice_pipeline *p = flow_open(1);

	sitter->pipeline = p;
	flow_add(p, SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = flow_count,
				 .fini = flow_fini, .dispatcher = dispatcher,
				 .state = source));
	flow_add(p, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = sit,
				 .fini = flow_fini, .blocking = 1,
				 .state = sitter));
	flow_subscribe(p, "c", "a", SLUICE_SUBSCRIPTION(.max_demand = 100));
	flow_start(p);
	while (sluice_load_acquire(&sitter->entered) == 0)
		flow_sleep_ms(1);
	return p;
}

static struct sluice_pipeline *sitter_open(struct flow_source *source,
					   struct sitter *sitter)
{
	return sitter_open_with("demand", source, sitter);
}

/* Where consumers take for themselves: what lies there is left as well. */
static void what_nobody_took_is_left(void **state)
{
	struct flow_source source = {.end = 500};
	struct sitter sitter = {.until_stop = 1};
	struct sluice_pipeline *p =
		sitter_open_with("shared", &source, &sitter);
	char says[64];

	(void)state;
	assert_int_equal(sluice_pipeline_drain(p, 20), -ETIMEDOUT);
	(void)snprintf(says, sizeof(says), " %llu events were left",
		       (unsigned long long)(source.next - sitter.events));
	assert_text_has(sluice_last_error(), says);
	sluice_pipeline_close(p);
}

static void drain_has_a_deadline(void **state)
{
	struct flow_source source = {.end = UINT64_MAX};
	struct sitter sitter = {.until_stop = 1};
	struct sluice_pipeline *p = sitter_open(&source, &sitter);
	char says[64];

	(void)state;
	/* Its deadline over, drain stops the pipeline; that frees the sitter,
	 * whose batch is then handled, and what lies behind it is not. */
	assert_int_equal(sluice_pipeline_drain(p, 50), -ETIMEDOUT);
	(void)snprintf(says, sizeof(says), "%llu events were left",
		       (unsigned long long)(source.next - sitter.events));
	assert_text_has(sluice_last_error(), "not drained after 50 ms");
	assert_text_has(sluice_last_error(), says);
	assert_int_equal(sitter.batches, 1);
	assert_in_range(sitter.events, 1, 50);
	assert_int_equal(source.next, 100);
	flow_check_ended(&sitter.ended, SLUICE_REASON_SHUTDOWN);
	assert_int_equal(flow_join(p), -ECANCELED);
	sluice_pipeline_close(p);
}

static void drain_cannot_interrupt_a_callback(void **state)
{
	struct flow_source source = {.end = UINT64_MAX};
	struct sitter sitter = {.until_stop = 0};
	struct sluice_pipeline *p = sitter_open(&source, &sitter);

	(void)state;
	assert_int_equal(sluice_pipeline_drain(p, 20), -ETIMEDOUT);
	assert_text_has(sluice_last_error(), "not drained after 20 ms");
	assert_text_has(sluice_last_error(), "a callback has not returned");
	sluice_store_release(&sitter.release, 1);
	sluice_pipeline_close(p);
	assert_int_equal(sitter.batches, 1);
	flow_check_ended(&sitter.ended, SLUICE_REASON_SHUTDOWN);
}

static int eightfold(struct sluice_stage *self,
		     const struct sluice_batch *batch)
{
	uint64_t *events = sluice_emit(self, 8 * batch->count);

	if (events == NULL)
		return -ENOBUFS;
	memset(events, 0, 8 * batch->count * sizeof(*events));
	return SLUICE_OK;
}

/* A batch is not acknowledged while output of it is still to be placed: its
 * producer gets no credit for it, and it counts as left. */
static void staged_output_holds_its_input(void **state)
{
	struct flow_source source = {.end = UINT64_MAX};
	struct sitter sitter = {.until_stop = 1};
	struct sluice_pipeline *p = flow_open(2);

	(void)state;
	sitter.pipeline = p;
	flow_add_source(p, "a", &source);
	flow_add(p, SLUICE_STAGE(.name = "b", .kind = SLUICE_PRODUCER_CONSUMER,
				 .in_bytes = 8, .out_bytes = 8,
				 .fan_out_max = 8, .handle_events = eightfold));
	flow_add(p, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = sit,
				 .fini = flow_fini, .blocking = 1,
				 .state = &sitter));
	flow_subscribe(p, "b", "a", SLUICE_SUBSCRIPTION(.max_demand = 1));
	flow_subscribe(p, "c", "b", SLUICE_SUBSCRIPTION(.max_demand = 1));
	flow_start(p);
	while (sluice_load_acquire(&sitter.entered) == 0)
		flow_sleep_ms(1);
	/* One event has gone in, one of its eight has come out. */
	assert_int_equal(sluice_pipeline_drain(p, 50), -ETIMEDOUT);
	assert_text_has(sluice_last_error(), "; 8 events were left");
	assert_int_equal(source.next, 1);
	assert_int_equal(sitter.events, 1);
	sluice_pipeline_close(p);
}

/* ---- a stage that is removed meanwhile -------------------------------------- */

static void *drains(void *pipeline)
{
	return (void *)(intptr_t)sluice_pipeline_drain(pipeline, 1000);
}

/* Its last producer's user has room reserved in the ring between the two, so their
 * subscription is not over, though the reader has ended and gone. It counts for nothing. */
static void one_who_read_has_gone(void **state)
{
	struct flow_source source = {.end = UINT64_MAX};
	struct sitter sitter = {.until_stop = 1};
	struct flow_sink sink = {.events = 0};
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_stage *port;
	struct sluice_span span;
	pthread_t other;
	void *rc;

	(void)state;
	sitter.pipeline = p;
	flow_add(p, SLUICE_STAGE(.name = "port", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .flags = SLUICE_STAGE_PORT));
	flow_add_sink(p, "reader", &sink);
	flow_add_source(p, "a", &source);
	flow_add(p, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = sit,
				 .fini = flow_fini, .blocking = 1,
				 .state = &sitter));
	flow_subscribe(p, "reader", "port", NULL);
	flow_subscribe(p, "c", "a", SLUICE_SUBSCRIPTION(.max_demand = 1));
	flow_start(p);
	port = sluice_stage_find(p, "port");
	assert_in_range(sluice_send_reserve(port, &span, 8, FLOW_DEADLINE_MS),
			1, 8);
	assert_int_equal(span.flags, SLUICE_SPAN_IN_RING);
	while (sluice_load_acquire(&sitter.entered) == 0)
		flow_sleep_ms(1);
	assert_int_equal(pthread_create(&other, NULL, drains, p), 0);
	assert_int_equal(sluice_stage_remove(sluice_stage_find(p, "reader"),
					     FLOW_DEADLINE_MS),
			 0);
	assert_int_equal(pthread_join(other, &rc), 0);
	assert_int_equal((intptr_t)rc, -ETIMEDOUT);
	assert_int_equal(sluice_send_commit(port, 1), -EPIPE);
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_who_read_has_gone),
		cmocka_unit_test(a_drain_right_after_the_start),
		cmocka_unit_test(drain_has_a_deadline),
		cmocka_unit_test(what_nobody_took_is_left),
		cmocka_unit_test(staged_output_holds_its_input),
		cmocka_unit_test(drain_cannot_interrupt_a_callback),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(drain_rows)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, drain_loses_nothing, drain_rows);
	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("drain", all, NULL, NULL);
}
