/* SPDX-License-Identifier: Apache-2.0 */
/* What a snapshot tells of a pipeline that is declared, and of one that runs. */
#include "engine/run/run_priv.h"
#include "tests/unit/look.h"

static uint32_t broken;

static int handle_and_break(struct sluice_stage *self,
			    const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	if (__atomic_fetch_add(&broken, 1, __ATOMIC_ACQ_REL) == 0)
		return SLUICE_FAIL;
	return SLUICE_OK;
}

/* ---- before the start ---------------------------------------------------- */

static struct stage_case {
	struct sluice_stage_opts opts;
	const char *dispatcher;
} stage_cases[] = {
	{{.name = "made", .kind = SLUICE_PRODUCER, .out_bytes = 8}, "demand"},
	{{.name = "dealt",
	  .kind = SLUICE_PRODUCER,
	  .out_bytes = 8,
	  .blocking = 1,
	  .dispatcher = "rr"},
	 "rr"},
	{{.name = "sent",
	  .kind = SLUICE_PRODUCER,
	  .out_bytes = 8,
	  .flags = SLUICE_STAGE_PORT,
	  .dispatcher = "broadcast"},
	 "broadcast"},
	{{.name = "middle",
	  .kind = SLUICE_PRODUCER_CONSUMER,
	  .in_bytes = 8,
	  .out_bytes = 8},
	 "demand"},
	{{.name = "taken", .kind = SLUICE_CONSUMER, .in_bytes = 8}, ""},
};

static void each_stage_is_what_was_declared(void **state)
{
	static const struct sluice_stage_stats none;

	(void)state;
	pipeline = flow_open(1);
	look();
	assert_int_equal(seen->stage_count, 0);
	assert_int_equal(seen->subscription_count, 0);
	assert_string_equal(seen->name, "pipeline");
	for (uint32_t i = 0; i < UNIT_COUNT(stage_cases); i++) {
		struct sluice_stage_opts o = stage_cases[i].opts;

		o.size = sizeof(o);
		if (!(o.flags & SLUICE_STAGE_PORT)) {
			if (o.kind == SLUICE_PRODUCER)
				o.handle_demand = flow_count;
			else
				o.handle_events = flow_collect;
		}
		flow_add(pipeline, &o);
	}
	look();
	assert_int_equal(seen->phase, SLUICE_PHASE_DECLARED);
	assert_int_equal(seen->stage_count, UNIT_COUNT(stage_cases));
	for (uint32_t i = 0; i < UNIT_COUNT(stage_cases); i++) {
		const struct stage_case *c = &stage_cases[i];
		const struct sluice_stage_snapshot *row = seen->stages[i];

		assert_ptr_equal(stage_row(c->opts.name), row);
		assert_string_equal(row->name, c->opts.name);
		assert_int_equal(row->kind, c->opts.kind);
		assert_string_equal(row->dispatcher, c->dispatcher);
		assert_int_equal(row->port,
				 (c->opts.flags & SLUICE_STAGE_PORT) != 0);
		assert_int_equal(row->blocking, c->opts.blocking);
		assert_int_equal(row->phase, SLUICE_PHASE_DECLARED);
		assert_int_equal(row->worker, SLUICE_WORKER_NONE);
		assert_int_equal(row->cpu, SLUICE_CPU_NONE);
		assert_int_equal(row->serial, i + 1);
		assert_memory_equal(&row->counts, &none, sizeof(none));
	}
}

static struct sub_case {
	const char *consumer;
	struct sluice_subscription_opts opts;
	enum sluice_sub_kind kind;
	uint32_t inlet;
} sub_cases[] = {
	{"left", {.max_demand = 7}, SLUICE_SUB_DISPATCHED, 0},
	{"left", {.max_demand = 8, .tee = 2}, SLUICE_SUB_TEE, 1},
	{"right",
	 {.max_demand = 9, .flags = SLUICE_SUBSCRIBE_MANUAL},
	 SLUICE_SUB_DISPATCHED,
	 0},
	{"right",
	 {.max_demand = 16, .conflate_keys = 4},
	 SLUICE_SUB_CONFLATE,
	 1},
};

/* Before the start, and while it runs. */
static void each_subscription_is_what_was_declared(void **state)
{
	struct sluice_sub subs[UNIT_COUNT(sub_cases)];

	(void)state;
	pipeline = flow_open(1);
	add_source(0, NULL);
	add_sink("left", &sinks[0]);
	add_sink("right", &sinks[1]);
	for (uint32_t i = 0; i < UNIT_COUNT(sub_cases); i++) {
		struct sluice_subscription_opts o = sub_cases[i].opts;

		o.size = sizeof(o);
		o.sub = &subs[i];
		flow_subscribe(pipeline, sub_cases[i].consumer, "source", &o);
	}
	for (uint32_t started = 0; started < 2; started++) {
		look();
		assert_int_equal(seen->subscription_count,
				 UNIT_COUNT(sub_cases));
		for (uint32_t i = 0; i < UNIT_COUNT(sub_cases); i++) {
			const struct sub_case *c = &sub_cases[i];
			const struct sluice_subscription_snapshot *row =
				sub_row(subs[i]);

			assert_ptr_equal(row, seen->subscriptions[i]);
			assert_string_equal(row->consumer, c->consumer);
			assert_string_equal(row->producer, "source");
			assert_int_equal(row->kind, c->kind);
			assert_int_equal(row->inlet, c->inlet);
			assert_int_equal(row->window, c->opts.max_demand);
			assert_int_equal(row->manual, c->opts.flags != 0);
			/* One that has asked for nothing does not take part. */
			assert_int_equal(row->phase,
					 started && !row->manual
						 ? SLUICE_SUB_OPEN
						 : SLUICE_SUB_COMING);
			assert_int_equal(row->carried, 0);
		}
		if (!started)
			flow_start(pipeline);
	}
	assert_int_equal(sluice_resubscribe(
				 subs[0], SLUICE_SUBSCRIPTION(.max_demand = 5)),
			 0);
	look();
	assert_int_equal(sub_row(subs[0])->window, 5);
}

static int init_fails(struct sluice_stage *self)
{
	(void)self;
	return -EIO;
}

static void a_start_that_fails_leaves_it_as_it_was(void **state)
{
	struct sluice_sub sub;

	(void)state;
	pipeline = flow_open(1);
	add_source(EVENTS, NULL);
	flow_add(pipeline, SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
					.in_bytes = 8, .init = init_fails,
					.handle_events = flow_collect));
	flow_subscribe(pipeline, "sink", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 4, .sub = &sub));
	assert_int_equal(sluice_pipeline_start(pipeline), -EIO);
	look();
	assert_int_equal(seen->phase, SLUICE_PHASE_DECLARED);
	assert_int_equal(stage_row("sink")->phase, SLUICE_PHASE_DECLARED);
	assert_int_equal(stage_row("sink")->worker, SLUICE_WORKER_NONE);
	assert_int_equal(sub_row(sub)->phase, SLUICE_SUB_COMING);
}

/* ---- while it runs ------------------------------------------------------- */

/* Three are in its hands, seven more it would take. */
static void what_lies_there_is_told(void **state)
{
	struct sluice_subscription_stats of_sub;
	struct sluice_stage_stats of_stage;
	struct sluice_sub sub;
	uint64_t before_ns;

	(void)state;
	open_gated(&sub);
	look_until_out("source", EVENTS);
	assert_int_equal(seen->phase, SLUICE_PHASE_RUNNING);
	assert_int_equal(stage_row("gated")->phase, SLUICE_PHASE_RUNNING);
	assert_int_equal(stage_row("gated")->blocking, 1);
	assert_int_equal(stage_row("gated")->cpu, SLUICE_CPU_NONE);
	assert_true(stage_row("gated")->worker < 2);
	assert_true(stage_row("source")->worker < 2);
	assert_int_not_equal(stage_row("gated")->worker,
			     stage_row("source")->worker);
	assert_int_equal(stage_row("source")->cpu,
			 pipeline->workers[stage_row("source")->worker].cpu);
	assert_int_equal(stage_row("source")->counts.events_out, EVENTS);
	assert_int_equal(sub_row(sub)->phase, SLUICE_SUB_OPEN);
	assert_int_equal(sub_row(sub)->carried, 0);
	assert_int_equal(sub_row(sub)->counts.depth, EVENTS);
	assert_int_equal(sub_row(sub)->counts.credit, WINDOW - EVENTS);
	assert_int_equal(sluice_subscription_stat(sub, &of_sub), 0);
	assert_memory_equal(&of_sub, &sub_row(sub)->counts, sizeof(of_sub));
	assert_int_equal(sluice_stage_stat(pipeline, "gated", &of_stage), 0);
	assert_memory_equal(&of_stage, &stage_row("gated")->counts,
			    sizeof(of_stage));
	before_ns = seen->time_ns;
	flow_sleep_ms(1);
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 0), 0);
	look();
	assert_true(seen->time_ns > before_ns);
	assert_int_equal(sub_row(sub)->phase, SLUICE_SUB_CANCELLED);
	gate_open(&gate, EVENTS);
	look_until_sub(sub, SLUICE_SUB_ENDED);
	assert_int_equal(sub_row(sub)->carried, EVENTS);
	assert_int_equal(stage_row("gated")->counts.events_in, EVENTS);
}

/* Of who writes into rings; until it ends it is told with its time. */
static void how_events_are_written_is_told(void **state)
{
	struct flow_source endless = {.end = UINT64_MAX};
	struct flow_sink end = {0};

	(void)state;
	pipeline = flow_open(2);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .copy_method = SLUICE_COPY_STREAM,
			      .state = &endless));
	flow_add_sink(pipeline, "sink", &end);
	flow_subscribe(pipeline, "sink", "source", NULL);
	look();
	assert_int_equal(stage_row("source")->copy_method, SLUICE_COPY_AUTO);
	flow_start(pipeline);
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		look();
		if (stage_row("source")->copy_method != SLUICE_COPY_AUTO)
			break;
		flow_sleep_ms(1);
	}
	assert_int_equal(stage_row("source")->copy_method, SLUICE_COPY_STREAM);
	assert_int_equal(stage_row("sink")->copy_method, SLUICE_COPY_AUTO);
}

static void open_breaking(uint32_t backoff_ms)
{
	broken = 0;
	assert_int_equal(
		sluice_pipeline_open(
			&pipeline,
			SLUICE_PIPELINE(.workers = 1, .backoff_ms = backoff_ms,
					.backoff_max_ms = backoff_ms)),
		0);
	add_source(1, NULL);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = handle_and_break,
			      .restart = SLUICE_RESTART_TRANSIENT));
	flow_subscribe(pipeline, "sink", "source", NULL);
	flow_start(pipeline);
}

static void a_stage_that_failed_is_down(void **state)
{
	(void)state;
	open_breaking(60000);
	look_until_stage("sink", SLUICE_PHASE_DOWN);
	assert_int_equal(stage_row("sink")->counts.restarts, 0);
	assert_int_equal(stage_row("source")->phase, SLUICE_PHASE_RUNNING);
}

static void a_stage_that_was_restarted_runs(void **state)
{
	(void)state;
	open_breaking(1);
	flow_wait_handled(pipeline, "sink", 1);
	look();
	assert_int_equal(stage_row("sink")->phase, SLUICE_PHASE_RUNNING);
	assert_int_equal(stage_row("sink")->counts.restarts, 1);
	assert_int_equal(stage_row("sink")->counts.redelivered, 1);
}

/* ---- what comes meanwhile ------------------------------------------------ */

#define MORE 40u
#define FEW  8u /* no more rows than there are to spare */

static struct platform growing;
static uint32_t locks_left; /* until they come */

static void add_more(void)
{
	add_source(0, NULL);
	for (uint32_t i = 0; i < MORE; i++) {
		char name[SLUICE_NAME_BYTES];

		(void)snprintf(name, sizeof(name), "sink%u", i);
		add_sink(name, &sinks[0]);
		if (i < FEW)
			flow_subscribe(pipeline, name, "source", NULL);
	}
}

static void growing_lock(void *ctx, void *mutex)
{
	if (locks_left > 0 && --locks_left == 0)
		add_more();
	platform_linux()->mutex_lock(ctx, mutex);
}

/* Between the look at how many there are and the look at them. */
static void the_list_grows_meanwhile(void **state)
{
	(void)state;
	growing = *platform_linux();
	growing.mutex_lock = growing_lock;
	assert_int_equal(
		pipeline_open_on(&pipeline, SLUICE_PIPELINE(0), &growing), 0);
	locks_left = 2;
	look();
	assert_int_equal(seen->stage_count, MORE + 1);
	assert_int_equal(seen->subscription_count, FEW);
	for (uint32_t i = 0; i < FEW; i++) {
		assert_string_equal(seen->stages[i + 1]->name,
				    seen->subscriptions[i]->consumer);
		assert_int_equal(seen->subscriptions[i]->sub.index, i);
	}
}

/* ---- refusals ------------------------------------------------------------ */

static void what_is_missing_is_named(void **state)
{
	struct sluice_snapshot *none = (struct sluice_snapshot *)&gate;
	struct sluice_sub nobody = {0};

	(void)state;
	pipeline = flow_open(1);
	assert_int_equal(sluice_pipeline_stat(NULL, &none), -EINVAL);
	assert_ptr_equal(none, &gate);
	assert_int_equal(sluice_pipeline_stat(pipeline, NULL), -EINVAL);
	assert_text_has(sluice_last_error(), "out is NULL");
	sluice_snapshot_close(NULL);
	look();
	assert_null(sluice_snapshot_stage(NULL, "a"));
	assert_null(sluice_snapshot_stage(seen, NULL));
	assert_null(sluice_snapshot_stage(seen, "a"));
	assert_null(sluice_snapshot_subscription(NULL, nobody));
	assert_null(sluice_snapshot_subscription(seen, nobody));
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(each_stage_is_what_was_declared),
		cmocka_unit_test(each_subscription_is_what_was_declared),
		cmocka_unit_test(a_start_that_fails_leaves_it_as_it_was),
		cmocka_unit_test(what_lies_there_is_told),
		cmocka_unit_test(how_events_are_written_is_told),
		cmocka_unit_test(a_stage_that_failed_is_down),
		cmocka_unit_test(a_stage_that_was_restarted_runs),
		cmocka_unit_test(the_list_grows_meanwhile),
		cmocka_unit_test(what_is_missing_is_named),
	};

	look_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
