/* SPDX-License-Identifier: Apache-2.0 */
/* A start that failed leaves everything as it was: what was declared, asked for,
 * set and subscribed before it, whatever its callbacks have done; and nothing
 * that points to memory that is gone. It may be tried again, and again. */
#include "flow.h"

#include "engine/graph/pipeline_priv.h"
#include "tests/support/pthread_create.h"

#define EVENTS 100u
#define WINDOW 16u

/* ---- threads that are not to be had -------------------------------------- */

static uint32_t threads_left = UINT32_MAX; /* atomic */

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attr,
			  void *(*run)(void *), void *arg)
{
	if (__atomic_load_n(&threads_left, __ATOMIC_RELAXED) == 0)
		return EAGAIN;
	(void)__atomic_sub_fetch(&threads_left, 1, __ATOMIC_RELAXED);
	return __real_pthread_create(id, attr, run, arg);
}

/* ---- a pipeline whose init callbacks do all they may --------------------- */

/* source -> middle -> sink, and spare, which is subscribed to nothing. */
static const char *const names[] = {"source", "middle", "sink", "spare"};

static struct {
	struct sluice_pipeline *pipeline;
	struct sluice_sub subs[2];
	struct sluice_sub extra; /* made by an init */
	int fails;               /* who fails in its init, or nobody: -1 */
	int greets;              /* the same, in on_subscribe */
	int meddles;             /* inits do more than they should */
	uint32_t inits[4];
	uint32_t finis[4];
	uint64_t next;
	uint64_t end;
	uint64_t sum;
	uint64_t events;
	uint64_t extra_events;
} it;

static uint32_t index_of(const struct sluice_stage *stage)
{
	uint32_t i = 0;

	while (strcmp(names[i], sluice_stage_name(stage)) != 0)
		i++;
	return i;
}

/* Returns 0, or what cannot be done in an init. */
static int meddle(uint32_t who)
{
	int rc = 0;

	switch (who) {
	case 0:
		rc = sluice_demand_set(sluice_stage_find(it.pipeline, names[0]),
				       SLUICE_DEMAND_FORWARD);
		break;
	case 1:
		rc = sluice_resubscribe(it.subs[0],
					SLUICE_SUBSCRIPTION(.max_demand = 3));
		break;
	case 2:
		rc = sluice_ask(it.subs[1], 1000);
		break;
	default:
		rc = sluice_subscribe(
			it.pipeline, "spare", "source",
			SLUICE_SUBSCRIPTION(.max_demand = 8, .sub = &it.extra));
		break;
	}
	return rc;
}

static int it_init(struct sluice_stage *self)
{
	uint32_t who = index_of(self);

	it.inits[who]++;
	if (it.meddles && meddle(who) != 0)
		return -EDOM;
	return it.fails == (int)who ? -EACCES : SLUICE_OK;
}

static void it_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	(void)reason;
	it.finis[index_of(self)]++;
}

static int it_greet(struct sluice_stage *self,
		    const struct sluice_link_event *event)
{
	(void)event;
	return it.greets == (int)index_of(self) ? -EPERM : SLUICE_OK;
}

static int it_produce(struct sluice_stage *self, uint32_t demand)
{
	for (; demand > 0 && it.next < it.end; demand--) {
		uint64_t *event = sluice_emit(self, 1);

		if (event == NULL)
			return -ENOBUFS;
		*event = it.next++;
	}
	return it.next == it.end ? SLUICE_END : SLUICE_OK;
}

static int it_collect(struct sluice_stage *self,
		      const struct sluice_batch *batch)
{
	if (index_of(self) == 3) {
		it.extra_events += batch->count;
		return SLUICE_OK;
	}
	for (uint32_t i = 0; i < batch->count; i++)
		it.sum += SLUICE_EVENTS(batch, uint64_t)[i];
	it.events += batch->count;
	return SLUICE_OK;
}

static void it_open(uint32_t workers)
{
	memset(&it, 0, sizeof(it));
	it.fails = -1;
	it.greets = -1;
	it.end = EVENTS;
	it.pipeline = flow_open(workers);
#define IT .init = it_init, .fini = it_fini, .on_subscribe = it_greet
	flow_add(it.pipeline,
		 SLUICE_STAGE(IT, .name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = it_produce));
	flow_add(it.pipeline,
		 SLUICE_STAGE(IT, .name = "middle",
			      .kind = SLUICE_PRODUCER_CONSUMER, .in_bytes = 8,
			      .out_bytes = 8, .handle_events = flow_pass));
	flow_add(it.pipeline,
		 SLUICE_STAGE(IT, .name = "sink", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = it_collect));
	flow_add(it.pipeline,
		 SLUICE_STAGE(IT, .name = "spare", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = it_collect,
			      .on_idle = SLUICE_IDLE_STAY));
	flow_subscribe(
		it.pipeline, "middle", "source",
		SLUICE_SUBSCRIPTION(.max_demand = WINDOW, .sub = &it.subs[0]));
	flow_subscribe(it.pipeline, "sink", "middle",
		       SLUICE_SUBSCRIPTION(.max_demand = WINDOW,
					   .sub = &it.subs[1],
					   .flags = SLUICE_SUBSCRIBE_MANUAL));
}

/* ---- as it was ----------------------------------------------------------- */

/* Nothing is started, everything is declared. */
static void check_declared(void)
{
	struct sluice_subscription_stats sub_stat;
	struct sluice_stage_stats stat;

	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(
			sluice_subscription_stat(it.subs[i], &sub_stat),
			-EBUSY);
		assert_text_has(sluice_last_error(), "not started");
		assert_int_equal(
			sluice_cancel(it.subs[i], SLUICE_REASON_NORMAL, 0),
			-EBUSY);
		assert_int_equal(
			sluice_resubscribe(
				it.subs[i],
				SLUICE_SUBSCRIPTION(.max_demand = WINDOW)),
			0);
	}
	assert_int_equal(sluice_ask(it.subs[0], 1), -EINVAL);
	assert_int_equal(sluice_ask(it.subs[1], 0), 0);
	for (uint32_t i = 0; i < 4; i++) {
		struct sluice_stage *stage =
			sluice_stage_find(it.pipeline, names[i]);

		assert_int_equal(
			sluice_stage_stat(it.pipeline, names[i], &stat),
			-EBUSY);
		assert_int_equal(
			sluice_stage_end(stage, SLUICE_REASON_NORMAL, 0),
			-EPIPE);
		sluice_wake(stage);
		assert_int_equal(it.inits[i] - it.finis[i],
				 it.fails == (int)i ? it.inits[i] : 0);
	}
	if (it.extra.pipeline != NULL) {
		assert_int_equal(sluice_ask(it.extra, 1), -ENOENT);
		assert_int_equal(
			sluice_cancel(it.extra, SLUICE_REASON_NORMAL, 0),
			-ENOENT);
		assert_int_equal(sluice_subscription_stat(it.extra, &sub_stat),
				 -ENOENT);
	}
	flow_check_released();
}

/* Its windows and its demand are those that were declared: nothing flows before
 * it is asked for, and then as much as was asked. */
static void check_starts(void)
{
	struct sluice_subscription_stats stat;

	memset(it.inits, 0, sizeof(it.inits));
	memset(it.finis, 0, sizeof(it.finis));
	it.fails = -1;
	it.greets = -1;
	it.meddles = 0;
	flow_start(it.pipeline);
	assert_int_equal(sluice_subscription_stat(it.subs[0], &stat), 0);
	assert_int_equal(stat.granted, WINDOW);
	assert_int_equal(sluice_subscription_stat(it.subs[1], &stat), 0);
	assert_int_equal(stat.granted, 0);
	assert_int_equal(
		sluice_demand_get(sluice_stage_find(it.pipeline, names[0])),
		SLUICE_DEMAND_FORWARD);
	assert_int_equal(sluice_ask(it.subs[1], EVENTS), 0);
	flow_wait_handled(it.pipeline, "sink", EVENTS);
	assert_int_equal(sluice_pipeline_drain(it.pipeline, FLOW_DEADLINE_MS),
			 0);
	assert_int_equal(it.events, EVENTS);
	assert_int_equal(it.sum, flow_sum(EVENTS));
	assert_int_equal(it.extra_events, 0);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(it.inits[i], 1);
		assert_int_equal(it.finis[i], 1);
	}
	sluice_pipeline_close(it.pipeline);
}

static void try_in_vain(int rc)
{
	memset(it.inits, 0, sizeof(it.inits));
	memset(it.finis, 0, sizeof(it.finis));
	assert_int_equal(sluice_pipeline_start(it.pipeline), rc);
	check_declared();
}

/* ---- the ways in which it fails ------------------------------------------ */

static void an_init_or_hook_fails(void **state)
{
	(void)state;
	for (uint32_t workers = 1; workers <= 4; workers += 3)
		for (int who = 0; who < 4; who++) {
			it_open(workers);
			for (int times = 0; times < 3; times++) {
				it.fails = who;
				try_in_vain(-EACCES);
				it.fails = -1;
				it.greets = who;
				if (who < 3) /* spare is not greeted */
					try_in_vain(-EPERM);
			}
			check_starts();
		}
}

/* No thread for the supervisor, for the first worker, the second ... */
static void threads_run_out(void **state)
{
	(void)state;
	it_open(3);
	for (uint32_t n = 0; n < 4; n++)
		for (int times = 0; times < 2; times++) {
			int rc;

			__atomic_store_n(&threads_left, n, __ATOMIC_RELAXED);
			rc = sluice_pipeline_start(it.pipeline);
			__atomic_store_n(&threads_left, UINT32_MAX,
					 __ATOMIC_RELAXED);
			assert_int_equal(rc, -EAGAIN);
			assert_text_has(sluice_last_error(), "no thread");
			check_declared();
		}
	check_starts();
}

/* What init callbacks and others did in a start that failed is undone. */
static void what_was_done_is_undone(void **state)
{
	struct sluice_stage *source;

	(void)state;
	it_open(1); /* in order of declaration */
	source = sluice_stage_find(it.pipeline, names[0]);
	assert_int_equal(sluice_demand_set(source, SLUICE_DEMAND_ACCUMULATE),
			 0);
	for (int times = 0; times < 3; times++) {
		it.meddles = 1;
		it.fails = 3;
		memset(it.inits, 0, sizeof(it.inits));
		memset(it.finis, 0, sizeof(it.finis));
		assert_int_equal(sluice_pipeline_start(it.pipeline), -EACCES);
		assert_non_null(it.extra.pipeline);
		assert_int_equal(sluice_demand_get(source),
				 SLUICE_DEMAND_ACCUMULATE);
		check_declared();
	}
	assert_int_equal(sluice_demand_set(source, SLUICE_DEMAND_FORWARD), 0);
	check_starts();
}

/* An id of a subscription that a start made that failed never means another. */
static void old_ids_stay_old(void **state)
{
	struct sluice_sub old;
	struct sluice_sub made;

	(void)state;
	it_open(1);
	it.meddles = 1;
	it.fails = 3;
	assert_int_equal(sluice_pipeline_start(it.pipeline), -EACCES);
	old = it.extra;
	flow_subscribe(it.pipeline, "spare", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 8, .sub = &made,
					   .flags = SLUICE_SUBSCRIBE_MANUAL));
	assert_int_equal(made.index, old.index);
	assert_int_equal(sluice_ask(old, 5), -ENOENT);
	assert_int_equal(sluice_ask(made, 0), 0);
	it.extra.pipeline = NULL;
	try_in_vain(-EACCES);
	check_starts();
}

/* What is declared after a start that failed is added to what was before. */
static void one_more_is_declared(void **state)
{
	(void)state;
	it_open(2);
	it.fails = 2;
	try_in_vain(-EACCES);
	for (uint32_t i = 0; i < 3; i++) {
		struct sluice_sub made;

		flow_subscribe(
			it.pipeline, "spare", "source",
			SLUICE_SUBSCRIPTION(.max_demand = 8, .sub = &made,
					    .flags = SLUICE_SUBSCRIBE_MANUAL));
		assert_int_equal(made.index, 2 + i);
		it.fails = (int)i;
		try_in_vain(-EACCES);
	}
	check_starts();
}

/* ---- others look on ------------------------------------------------------ */

static sluice_a32 looking;

static void *look_on(void *arg)
{
	struct sluice_subscription_stats sub_stat;
	struct sluice_stage_stats stat;
	int *odd = arg;

	while (sluice_load_acquire(&looking)) {
		int rc = sluice_subscription_stat(it.subs[1], &sub_stat);

		*odd |= rc != 0 && rc != -EBUSY && rc != -ENOENT;
		rc = sluice_stage_stat(it.pipeline, "middle", &stat);
		*odd |= rc != 0 && rc != -EBUSY;
		rc = sluice_info(sluice_stage_find(it.pipeline, "middle"), NULL,
				 0);
		*odd |= rc != -ENOTSUP;
		(void)sluice_ask(it.subs[1], 0);
	}
	return NULL;
}

static void statistics_are_read_meanwhile(void **state)
{
	pthread_t onlooker;
	int odd = 0;

	(void)state;
	it_open(2);
	sluice_store_release(&looking, 1);
	assert_int_equal(__real_pthread_create(&onlooker, NULL, look_on, &odd),
			 0);
	for (uint32_t i = 0; i < 200; i++) {
		it.fails = (int)(i % 4);
		assert_int_equal(sluice_pipeline_start(it.pipeline), -EACCES);
	}
	sluice_store_release(&looking, 0);
	(void)pthread_join(onlooker, NULL);
	assert_int_equal(odd, 0);
	check_starts();
}

/* ---- a stage forgets ----------------------------------------------------- */

/* Whatever a run has left behind. */
static void a_stage_forgets_a_run(void **state)
{
	struct sluice_stage *stage;

	(void)state;
	it_open(1);
	stage = sluice_stage_find(it.pipeline, "middle");
	stage->run.phase = STAGE_ENDED;
	stage->run.reason = SLUICE_REASON_ERROR;
	stage->run.reason_code = 7;
	stage->run.worst = SLUICE_CLOSED(SLUICE_REASON_ERROR, 7);
	stage->run.initialised = 1;
	stage->run.starved = 1;
	stage->run.retries = 2;
	stage->run.retry_ns = 1;
	stage->run.gauge = 5;
	stage->run.emit_left = 6;
	stage->hand.unacked = 7;
	stage->hand.inlet = 8;
	stage->post.timers.armed = 9;
	stage->run.accumulate = 1;
	stage->fault.code = -EIO;
	sluice_store_release(&stage->words.downs, 10);
	sluice_store_release(&stage->words.restart, RESTART_UP);
	sluice_store_release(&stage->words.phase_seen, STAGE_DOWN);
	stage_reset(stage);
	assert_int_equal(stage->run.phase, STAGE_RUNNING);
	assert_int_equal(stage->run.reason, SLUICE_REASON_OPEN);
	assert_int_equal(stage->run.reason_code, 0);
	assert_int_equal(stage->run.worst, 0);
	assert_int_equal(stage->run.initialised, 0);
	assert_int_equal(stage->run.starved, 0);
	assert_int_equal(stage->run.retries, 0);
	assert_int_equal(stage->run.retry_ns, 0);
	assert_int_equal(stage->run.gauge, 0);
	assert_int_equal(stage->run.emit_left, 0);
	assert_int_equal(stage->hand.unacked, 0);
	assert_int_equal(stage->hand.inlet, 0);
	assert_int_equal(stage->post.timers.armed, 0);
	assert_int_equal(stage->run.accumulate, 0);
	assert_int_equal(stage->fault.code, 0);
	assert_int_equal(sluice_load_acquire(&stage->words.downs), 0);
	assert_int_equal(sluice_load_acquire(&stage->words.restart),
			 RESTART_NONE);
	assert_int_equal(sluice_load_acquire(&stage->words.phase_seen),
			 STAGE_RUNNING);
	check_starts();
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(an_init_or_hook_fails),
		cmocka_unit_test(threads_run_out),
		cmocka_unit_test(what_was_done_is_undone),
		cmocka_unit_test(old_ids_stay_old),
		cmocka_unit_test(one_more_is_declared),
		cmocka_unit_test(statistics_are_read_meanwhile),
		cmocka_unit_test(a_stage_forgets_a_run),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("start_again", tests, NULL, NULL);
}
