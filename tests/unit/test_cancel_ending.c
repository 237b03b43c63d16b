/* SPDX-License-Identifier: Apache-2.0 */
/* A stage that is ending and waits for somebody to take what it has made: what it
 * reads from is let go of all the same, cancelled or not, at both ends. */
#include "actor.h"

#define EVENTS  100u
#define FAN_OUT 4u
#define STAGES  6u

/* a, a2, a3 -> b -> c; b makes four of one, and c has asked for one: three wait,
 * and the batch of a that they were made of is in b's hands. What a2 sends to b
 * lies in its ring; of a3 b has never asked for anything. */
static struct sluice_pipeline *pipeline;
static struct actor a, a2, a3, b, c, d;
static struct sluice_sub hand, ring, silent, out;
static int (*b_cancels)(struct sluice_stage *,
			const struct sluice_link_event *);

static int quadruple(struct sluice_stage *self,
		     const struct sluice_batch *batch)
{
	struct actor *actor = sluice_stage_state(self);
	uint64_t *made = sluice_emit(self, batch->count * FAN_OUT);

	if (made == NULL)
		return -ENOBUFS;
	for (uint32_t i = 0; i < batch->count * FAN_OUT; i++)
		made[i] =
			SLUICE_EVENTS(batch, uint64_t)[i / FAN_OUT] * FAN_OUT +
			i % FAN_OUT;
	(void)__atomic_add_fetch(&actor->handled, batch->count,
				 __ATOMIC_ACQ_REL);
	return SLUICE_OK;
}

static void add_source(const char *name, struct actor *actor, uint64_t end,
		       const char *dispatcher)
{
	*actor = (struct actor){.end = end, .stays = 1};
	flow_add(pipeline,
		 SLUICE_STAGE(ACTOR_SOURCE, .name = name, .state = actor,
			      .dispatcher = dispatcher,
			      .restart = SLUICE_RESTART_TRANSIENT,
			      .on_idle = SLUICE_IDLE_STAY));
}

static void add_sink(const char *name, struct actor *actor)
{
	*actor = (struct actor){.where = IN_NOTHING};
	flow_add(pipeline,
		 SLUICE_STAGE(ACTOR_SINK, .name = name,
			      .restart = SLUICE_RESTART_TRANSIENT,
			      .on_idle = SLUICE_IDLE_STAY, .state = actor));
}

static void add_middle(enum sluice_restart restart)
{
	struct sluice_stage_opts *opts = SLUICE_STAGE(
		ACTOR, .kind = SLUICE_PRODUCER_CONSUMER, .name = "b",
		.in_bytes = 8, .out_bytes = 8, .handle_events = quadruple,
		.fan_out_max = FAN_OUT, .restart = restart,
		.on_idle = SLUICE_IDLE_STAY, .state = &b);

	b = (struct actor){.where = IN_NOTHING};
	if (b_cancels != NULL)
		opts->on_cancel = b_cancels;
	flow_add(pipeline, opts);
}

static void subscribe_manual(const char *consumer, const char *producer,
			     struct sluice_sub *sub)
{
	flow_subscribe(pipeline, consumer, producer,
		       SLUICE_SUBSCRIPTION(.max_demand = 32, .sub = sub,
					   .flags = SLUICE_SUBSCRIBE_MANUAL));
}

static void build(const struct sluice_pipeline_opts *opts,
		  enum sluice_restart restart, const char *dispatcher)
{
	pipeline = actor_open(opts);
	add_source("a", &a, 1, "demand");
	add_source("a2", &a2, EVENTS, dispatcher);
	add_source("a3", &a3, EVENTS, "demand");
	add_middle(restart);
	add_sink("c", &c);
	add_sink("d", &d);
	subscribe_manual("b", "a2", &ring);
	flow_subscribe(pipeline, "b", "a", SLUICE_SUBSCRIPTION(.sub = &hand));
	subscribe_manual("b", "a3", &silent);
	subscribe_manual("c", "b", &out);
}

#define BUILD(restart, dispatcher)                                             \
	build(SLUICE_PIPELINE(.workers = 2), SLUICE_RESTART_##restart,         \
	      dispatcher)

/* Whoever fails leaves the pipeline to the teardown. */
static int setup(void **state)
{
	pipeline = NULL;
	b_cancels = NULL;
	return flow_setup(state);
}

static int teardown(void **state)
{
	sluice_pipeline_close(pipeline);
	return flow_teardown(state);
}

static uint32_t word(const uint32_t *at)
{
	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

/* As actor_await(), but it is the teardown that closes. */
static void await(const uint32_t *at, uint32_t least)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS && word(at) < least; ms++)
		flow_sleep_ms(1);
	assert_true(word(at) >= least);
}

/* Until b has one batch in hand, and five events of a2 in its ring. */
static void start(void)
{
	struct sluice_subscription_stats stat = {0};

	flow_start(pipeline);
	assert_int_equal(sluice_ask(out, 1), 0);
	await(&c.handled, 1);
	assert_int_equal(sluice_ask(ring, 5), 0);
	for (uint32_t ms = 0; stat.depth < 5 && ms < FLOW_DEADLINE_MS; ms++) {
		flow_sleep_ms(1);
		assert_int_equal(sluice_subscription_stat(ring, &stat), 0);
	}
	assert_int_equal(stat.depth, 5);
}

static void end_b(void)
{
	assert_int_equal(sluice_stage_end(sluice_stage_find(pipeline, "b"),
					  SLUICE_REASON_SHUTDOWN, 0),
			 0);
}

static void cancel(struct sluice_sub sub)
{
	assert_int_equal(sluice_cancel(sub, SLUICE_REASON_NORMAL, 1), 0);
}

/* b has let go of it, cancelled or not. */
static void wait_gone(struct sluice_sub sub, const char *of)
{
	struct sluice_subscription_stats stat;

	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (sluice_subscription_stat(sub, &stat) == -ENOENT)
			return;
		flow_sleep_ms(1);
	}
	fail_msg("b keeps its subscription to '%s'", of);
}

/* What has waited comes, each once, and b ends. */
static void take_the_rest(void)
{
	assert_int_equal(sluice_ask(out, FAN_OUT), 0);
	await(&c.handled, FAN_OUT);
	actor_check_all(&c, FAN_OUT);
	assert_int_equal(b.handled, 1);
}

static void finish(int rc)
{
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), rc);
}

/* ---- cancelled ----------------------------------------------------------- */

static void what_is_in_hand_is_cancelled(void **state)
{
	(void)state;
	BUILD(NONE, "demand");
	start();
	end_b();
	cancel(hand);
	wait_gone(hand, "a");
	await(&a.cancels, 1);
	assert_int_equal(word(&b.cancels), 1);
	assert_int_equal(word(&b.ended.finis), 0);
	take_the_rest();
	await(&b.ended.finis, 1);
	finish(-EPIPE); /* nobody reads a2 */
}

/* While b runs it cannot get to their ends, and need not when it is ending. */
static void they_were_cancelled_before(void **state)
{
	(void)state;
	BUILD(NONE, "demand");
	start();
	cancel(hand);
	cancel(ring);
	cancel(silent);
	await(&b.cancels, 1); /* there is nothing of a3 */
	end_b();
	wait_gone(hand, "a");
	wait_gone(ring, "a2");
	wait_gone(silent, "a3");
	await(&a.cancels, 1);
	await(&a2.cancels, 1);
	await(&a3.cancels, 1);
	assert_int_equal(word(&b.cancels), 3);
	take_the_rest();
	await(&b.ended.finis, 1);
	finish(-EPIPE);
}

static void fail_at_a_cast(struct actor *actor, const char *name)
{
	actor->rc = -EPROTO;
	actor->times = 1;
	__atomic_store_n(&actor->where, IN_CAST, __ATOMIC_RELEASE);
	assert_int_equal(
		sluice_cast(sluice_stage_find(pipeline, name), NULL, 0), 0);
}

/* A restart looks at them: with its hooks, when there is somebody to tell. */
static void it_is_down(void **state)
{
	(void)state;
	build(SLUICE_PIPELINE(.workers = 2, .backoff_ms = 100,
			      .backoff_max_ms = 100),
	      SLUICE_RESTART_TRANSIENT, "demand");
	start();
	fail_at_a_cast(&b, "b");
	await(&b.ended.finis, 1);
	cancel(hand);
	cancel(ring);
	cancel(silent);
	/* It runs on, and handles what was sent. */
	assert_int_equal(sluice_ask(out, 6 * FAN_OUT), 0);
	wait_gone(hand, "a");
	wait_gone(ring, "a2");
	wait_gone(silent, "a3");
	await(&c.handled, 6 * FAN_OUT);
	assert_int_equal(word(&b.cancels), 3);
	assert_int_equal(word(&b.inits), 2);
	finish(0);
}

static void it_is_down_and_was_ending(void **state)
{
	(void)state;
	build(SLUICE_PIPELINE(.workers = 2, .backoff_ms = 100,
			      .backoff_max_ms = 100),
	      SLUICE_RESTART_TRANSIENT, "demand");
	start();
	end_b();
	wait_gone(ring, "a2");
	fail_at_a_cast(&b, "b");
	await(&b.ended.finis, 1);
	cancel(hand);
	wait_gone(hand, "a");
	assert_int_equal(word(&b.cancels), 1);
	assert_int_equal(word(&b.inits), 2);
	take_the_rest();
	await(&b.ended.finis, 2);
	finish(-EPIPE);
}

/* Nothing of it is called any more: between fini and init it has no state. */
static void it_could_not_come_up(void **state)
{
	uint32_t answer;
	int rc;

	(void)state;
	build(SLUICE_PIPELINE(.workers = 2, .backoff_ms = 1,
			      .backoff_max_ms = 1,
			      .supervision = SLUICE_ONE_FOR_ALL),
	      SLUICE_RESTART_TEMPORARY, "demand");
	b.bad_inits = 1;
	start();
	fail_at_a_cast(&a, "a");
	wait_gone(ring, "a2");
	cancel(hand);
	wait_gone(hand, "a");
	rc = sluice_call(sluice_stage_find(pipeline, "b"), NULL, 0, &answer,
			 sizeof(answer), FLOW_DEADLINE_MS);
	assert_int_equal(rc, -EPIPE);
	assert_int_equal(word(&b.cancels), 0);
	take_the_rest();
	assert_int_equal(b.ended.finis, 1);
	finish(-EHOSTDOWN);
}

/* ---- given back ---------------------------------------------------------- */

static void what_it_was_sent_goes_to_another(void **state)
{
	(void)state;
	BUILD(NONE, "demand");
	a2.end = 5;
	start();
	flow_subscribe(pipeline, "d", "a2", NULL);
	end_b();
	await(&d.handled, 5);
	actor_check_all(&d, 5);
	wait_gone(silent, "a3");
	assert_int_equal(word(&b.cancels), 0);
	assert_int_equal(word(&b.ended.finis), 0);
	take_the_rest();
	finish(0);
}

/* The slots that b has not read hold up all. */
static void other_readers_of_a_broadcast_go_on(void **state)
{
	(void)state;
	BUILD(NONE, "broadcast");
	start();
	flow_subscribe(pipeline, "d", "a2", NULL);
	await(&d.subscribes, 1);
	end_b();
	await(&d.handled, EVENTS - 5);
	for (uint32_t i = 5; i < EVENTS; i++)
		assert_int_equal(d.ok[i], 1);
	assert_int_equal(word(&b.ended.finis), 0);
	take_the_rest();
	finish(-EPIPE); /* what only b was to read */
}

static void its_producer_ends(void **state)
{
	struct sluice_stage *producer;

	(void)state;
	BUILD(NONE, "demand");
	start();
	producer = sluice_stage_find(pipeline, "a2");
	assert_int_equal(sluice_stage_end(producer, SLUICE_REASON_NORMAL, 0),
			 0);
	end_b();
	wait_gone(ring, "a2");
	assert_int_equal(word(&b.ended.finis), 0);
	take_the_rest();
	finish(-EPIPE);
	assert_int_equal(a2.ended.finis, 1);
}

static uint64_t acked_at_the_end(void)
{
	struct sluice_snapshot *seen = NULL;
	uint64_t acked;

	assert_int_equal(sluice_pipeline_stat(pipeline, &seen), 0);
	acked = sluice_snapshot_subscription(seen, hand)->counts.acked;
	sluice_snapshot_close(seen);
	return acked;
}

/* As b lets go of what it reads, everything is stopped, and a's stream is over
 * before b has heard of that. */
static int stop_amid(struct sluice_stage *self,
		     const struct sluice_link_event *event)
{
	(void)self;
	(void)event;
	sluice_pipeline_stop(pipeline);
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS && !word(&a.ended.finis);
	     ms++)
		flow_sleep_ms(1);
	return SLUICE_OK;
}

static void a_stop_takes_its_output(void **state)
{
	(void)state;
	b_cancels = stop_amid;
	build(SLUICE_PIPELINE(.workers = STAGES), SLUICE_RESTART_NONE,
	      "demand");
	start();
	cancel(ring);
	end_b();
	assert_int_equal(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS),
			 -ECANCELED);
	assert_int_equal(acked_at_the_end(), 0);
}

static void it_reads_from_nobody_else(void **state)
{
	(void)state;
	BUILD(NONE, "demand");
	start();
	end_b();
	wait_gone(ring, "a2");
	assert_int_equal(sluice_subscribe(pipeline, "b", "a2", NULL), -EPIPE);
	assert_text_has(sluice_last_error(), "'b'");
	take_the_rest();
	finish(-EPIPE);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_hand_is_cancelled),
		cmocka_unit_test(they_were_cancelled_before),
		cmocka_unit_test(it_is_down),
		cmocka_unit_test(it_is_down_and_was_ending),
		cmocka_unit_test(it_could_not_come_up),
		cmocka_unit_test(what_it_was_sent_goes_to_another),
		cmocka_unit_test(other_readers_of_a_broadcast_go_on),
		cmocka_unit_test(its_producer_ends),
		cmocka_unit_test(a_stop_takes_its_output),
		cmocka_unit_test(it_reads_from_nobody_else),
	};

	for (size_t i = 0; i < UNIT_COUNT(tests); i++) {
		tests[i].setup_func = setup;
		tests[i].teardown_func = teardown;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
