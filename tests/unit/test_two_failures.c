/* SPDX-License-Identifier: Apache-2.0 */
/* Failures that come together: two callbacks of one stage in one step, an init
 * while the pipeline is being stopped, stages of one group within one look of
 * the supervisor. Nobody is down for ever. */
#include "actor.h"

#include "engine/stage/stage_priv.h"

#include "tests/support/gate.h"

/* ---- two callbacks in one step ------------------------------------------- */

#define BURST  16u
#define BURSTS 4u

/* A source that emits more than it is asked for, so that a marker waits behind
 * held events; and a sink that sends it the marker, then a cast, which comes in
 * the same round as the credit for the last of those events: flushing what the
 * cast has emitted lets the marker through. */
static struct {
	struct sluice_stage *source;
	int cast_rc;
	int info_rc;
	int broken; /* the first time it is up, callbacks answer as above */
	uint32_t inits;
	uint32_t casts;
	uint32_t infos;
	uint32_t handled;
	uint64_t next;
	uint64_t end;
	int stays;
} two;

static int two_init(struct sluice_stage *self)
{
	(void)self;
	two.broken = two.inits == 0;
	(void)__atomic_add_fetch(&two.inits, 1, __ATOMIC_ACQ_REL);
	return SLUICE_OK;
}

static int two_burst(struct sluice_stage *self, uint32_t demand)
{
	uint64_t *events;

	(void)demand;
	if (two.next == two.end)
		return __atomic_load_n(&two.stays, __ATOMIC_ACQUIRE)
			       ? SLUICE_OK
			       : SLUICE_END;
	events = sluice_emit(self, BURST);
	for (uint32_t i = 0; events != NULL && i < BURST; i++)
		events[i] = two.next++;
	return events == NULL ? -ENOBUFS : SLUICE_OK;
}

static int two_cast(struct sluice_stage *self,
		    const struct sluice_message *message)
{
	(void)self;
	(void)message;
	two.casts++;
	return two.broken ? two.cast_rc : SLUICE_OK;
}

static int two_info(struct sluice_stage *self,
		    const struct sluice_message *message)
{
	(void)self;
	(void)message;
	two.infos++;
	return two.broken ? two.info_rc : SLUICE_OK;
}

static int two_collect(struct sluice_stage *self,
		       const struct sluice_batch *batch)
{
	int rc = SLUICE_OK;

	(void)self;
	(void)__atomic_add_fetch(&two.handled, batch->count, __ATOMIC_ACQ_REL);
	if (two.handled == 4)
		rc = sluice_info(two.source, "m", 1);
	if (two.handled == 12)
		rc = sluice_cast(two.source, "c", 1);
	return rc;
}

static struct two_row {
	const char *name;
	int cast_rc;
	int info_rc;
	enum sluice_restart restart;
	uint32_t inits; /* at the end */
} two_rows[] = {
	{"cast_and_marker_fail", -EIO, -EPROTO, SLUICE_RESTART_TRANSIENT, 2},
	{"cast_and_marker_say_fail", SLUICE_FAIL, SLUICE_FAIL,
	 SLUICE_RESTART_PERMANENT, 2},
	{"cast_is_well_and_marker_fails", SLUICE_OK, -EIO,
	 SLUICE_RESTART_TRANSIENT, 2},
	{"cast_fails_and_marker_ends", -EIO, SLUICE_END,
	 SLUICE_RESTART_TRANSIENT, 2},
	/* It has said that it is done: it ends once it is up again. */
	{"cast_ends_and_marker_fails", SLUICE_END, -EIO,
	 SLUICE_RESTART_TRANSIENT, 2},
	{"permanent_cast_ends_and_marker_fails", SLUICE_END, -EIO,
	 SLUICE_RESTART_PERMANENT, 2},
	{"permanent_cast_and_marker_end", SLUICE_END, SLUICE_END,
	 SLUICE_RESTART_PERMANENT, 2},
};

static void two_callbacks_fail(void **state)
{
	const struct two_row *row = *state;
	struct sluice_pipeline *p =
		actor_open(SLUICE_PIPELINE(.workers = 1, .max_restarts = 20));
	int permanent = row->restart == SLUICE_RESTART_PERMANENT;
	int ends = !permanent && row->cast_rc == SLUICE_END;

	memset(&two, 0, sizeof(two));
	two.cast_rc = row->cast_rc;
	two.info_rc = row->info_rc;
	two.end = BURSTS * BURST;
	two.stays = permanent;
	flow_add(p, SLUICE_STAGE(.name = "p", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = two_burst,
				 .init = two_init, .handle_cast = two_cast,
				 .handle_info = two_info,
				 .restart = row->restart));
	flow_add(p, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = two_collect));
	flow_subscribe(p, "c", "p",
		       SLUICE_SUBSCRIPTION(.max_demand = 4,
					   .min_demand = SLUICE_MIN_ZERO));
	two.source = sluice_stage_find(p, "p");
	flow_start(p);
	if (permanent) {
		actor_await(p, &two.handled, BURSTS * BURST);
		actor_await(p, &two.inits, row->inits);
		assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	} else {
		assert_int_equal(flow_join(p), 0);
	}
	assert_int_equal(two.inits, row->inits);
	assert_int_equal(two.casts, 1);
	assert_int_equal(two.infos, 1);
	/* What it had emitted leaves in any case. */
	assert_int_equal(two.handled, two.next);
	if (!ends)
		assert_int_equal(two.handled, BURSTS * BURST);
	assert_int_equal(flow_stats(p, "p").restarts, row->inits - 1);
	sluice_pipeline_close(p);
}

/* ---- a stop while it is being started again ------------------------------ */

static struct gate gate;

/* Begins well; then fails after somebody has stopped the pipeline. */
static struct late {
	struct sluice_pipeline *pipeline;
	int rc;
	int waits; /* for the test to stop it */
	uint32_t inits;
	uint32_t finis;
} late;

static int late_init(struct sluice_stage *self)
{
	(void)self;
	if (__atomic_add_fetch(&late.inits, 1, __ATOMIC_ACQ_REL) == 1)
		return SLUICE_OK;
	if (late.waits)
		gate_pass(&gate);
	else
		sluice_pipeline_stop(late.pipeline);
	return late.rc;
}

static void late_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	(void)self;
	(void)reason;
	late.finis++;
}

static int late_cancel(struct sluice_stage *self,
		       const struct sluice_link_event *event)
{
	(void)self;
	(void)event;
	return late.inits == 1 ? -EPROTO : SLUICE_OK;
}

static int late_cast(struct sluice_stage *self,
		     const struct sluice_message *message)
{
	(void)self;
	(void)message;
	return -EPROTO;
}

static int late_swallow(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return SLUICE_OK;
}

static int late_one(struct sluice_stage *self, uint32_t demand)
{
	uint64_t *event = sluice_emit(self, 1);

	(void)demand;
	if (event != NULL)
		*event = 1;
	return SLUICE_END;
}

static int late_none(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_OK;
}

static struct late_row {
	const char *name;
	int rc;
	int waits;
	int ending; /* it fails with its last subscription */
	enum sluice_restart restart;
} late_rows[] = {
	{"ending_init_stops_and_fails", -EIO, 0, 1, SLUICE_RESTART_TRANSIENT},
	{"ending_init_fails_at_a_stop", -EIO, 1, 1, SLUICE_RESTART_TRANSIENT},
	{"ending_init_says_end_at_a_stop", SLUICE_END, 1, 1,
	 SLUICE_RESTART_PERMANENT},
	{"ending_init_succeeds_at_a_stop", SLUICE_OK, 1, 1,
	 SLUICE_RESTART_TRANSIENT},
	{"running_init_stops_and_fails", -EIO, 0, 0, SLUICE_RESTART_TRANSIENT},
	{"running_init_fails_at_a_stop", -EIO, 1, 0, SLUICE_RESTART_PERMANENT},
	{"running_init_succeeds_at_a_stop", SLUICE_OK, 1, 0,
	 SLUICE_RESTART_PERMANENT},
};

static void init_meets_a_stop(void **state)
{
	const struct late_row *row = *state;
	int rc;

	late = (struct late){.rc = row->rc, .waits = row->waits};
	gate = GATE_CLOSED;
	late.pipeline = actor_open(SLUICE_PIPELINE(.workers = 2));
	flow_add(late.pipeline,
		 SLUICE_STAGE(.name = "p", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8,
			      .handle_demand =
				      row->ending ? late_one : late_none));
	flow_add(late.pipeline,
		 SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = late_swallow,
			      .init = late_init, .fini = late_fini,
			      .on_cancel = late_cancel,
			      .handle_cast = late_cast,
			      .restart = row->restart));
	flow_subscribe(late.pipeline, "c", "p", NULL);
	flow_start(late.pipeline);
	if (!row->ending)
		assert_int_equal(
			sluice_cast(sluice_stage_find(late.pipeline, "c"), NULL,
				    0),
			0);
	if (row->waits) {
		assert_int_equal(gate_await(&gate, 1), 0);
		sluice_pipeline_stop(late.pipeline);
		gate_open(&gate, 1);
	}
	rc = flow_join(late.pipeline);
	/* It may have come to its own end just before it saw the stop. */
	if (row->rc != SLUICE_OK || !row->ending)
		assert_int_equal(rc, -ECANCELED);
	assert_int_equal(late.inits, 2);
	assert_int_equal(late.finis, row->rc == SLUICE_OK ? 2 : 1);
	sluice_pipeline_close(late.pipeline);
}

/* ---- a group ------------------------------------------------------------- */

#define GROUP_EVENTS 200u

/* y fails; z fails when y's failure is being handled, and is noticed; x, which
 * was to go down for them, fails by itself while the supervisor writes that to
 * the log. */
static struct {
	uint32_t calls[3];
	uint32_t handled[3];
	uint32_t x_in;
	uint32_t z_in;
	uint32_t x_fails;
	uint32_t z_fails;
	uint64_t next;
	struct sluice_stage *x;
} group;

static uint32_t group_see(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void group_wait(const uint32_t *word)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS && !group_see(word); ms++)
		flow_sleep_ms(1);
}

static int group_produce(struct sluice_stage *self, uint32_t demand)
{
	uint64_t *event;

	(void)demand;
	if (group.next == GROUP_EVENTS)
		return SLUICE_END;
	event = sluice_emit(self, 1);
	if (event != NULL)
		*event = group.next++;
	return SLUICE_OK;
}

static int group_handle(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	int who = sluice_stage_name(self)[0] - 'x';

	if (group.calls[who]++ == 0) {
		if (who == 0) {
			__atomic_store_n(&group.x_in, 1, __ATOMIC_RELEASE);
			group_wait(&group.x_fails);
		} else if (who == 1) { /* when the others have begun, too */
			group_wait(&group.x_in);
			group_wait(&group.z_in);
		} else {
			__atomic_store_n(&group.z_in, 1, __ATOMIC_RELEASE);
			group_wait(&group.z_fails);
		}
		return -EIO;
	}
	(void)__atomic_add_fetch(&group.handled[who], batch->count,
				 __ATOMIC_ACQ_REL);
	return SLUICE_OK;
}

/* On the supervisor's thread: it looks at nothing meanwhile. */
static void group_log(void *ctx, const char *text)
{
	(void)ctx;
	if (strstr(text, "restarting in") == NULL)
		return;
	if (strstr(text, "'y'") != NULL) {
		__atomic_store_n(&group.z_fails, 1, __ATOMIC_RELEASE);
	} else if (strstr(text, "'z'") != NULL) {
		__atomic_store_n(&group.x_fails, 1, __ATOMIC_RELEASE);
		for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
			if (sluice_load_acquire(&group.x->words.downs) > 0)
				break;
			flow_sleep_ms(1);
		}
	}
}

static struct group_row {
	const char *name;
	enum sluice_supervision supervision;
} group_rows[] = {
	{"one_for_one_fails_together", SLUICE_ONE_FOR_ONE},
	{"rest_for_one_fails_together", SLUICE_REST_FOR_ONE},
	{"one_for_all_fails_together", SLUICE_ONE_FOR_ALL},
};

static void a_group_fails_together(void **state)
{
	const struct group_row *row = *state;
	static const char *const names[] = {"x", "y", "z"};
	struct sluice_pipeline *p = actor_open(
		SLUICE_PIPELINE(.supervision = row->supervision,
				.max_restarts = 50, .backoff_ms = 1,
				.backoff_max_ms = 2, .log = group_log));

	memset(&group, 0, sizeof(group));
	for (uint32_t i = 0; i < 3; i++)
		flow_add(p, SLUICE_STAGE(.name = names[i],
					 .kind = SLUICE_CONSUMER, .in_bytes = 8,
					 .handle_events = group_handle,
					 .restart = SLUICE_RESTART_TRANSIENT,
					 .blocking = 1));
	flow_add(p, SLUICE_STAGE(.name = "p", .kind = SLUICE_PRODUCER,
				 .out_bytes = 8, .handle_demand = group_produce,
				 .dispatcher = "broadcast",
				 .restart = SLUICE_RESTART_TRANSIENT,
				 .blocking = 1));
	for (uint32_t i = 0; i < 3; i++)
		flow_subscribe(p, names[i], "p", NULL);
	group.x = sluice_stage_find(p, "x");
	flow_start(p);
	assert_int_equal(flow_join(p), 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(group.handled[i], GROUP_EVENTS);
	sluice_pipeline_close(p);
}

int main(void)
{
	static struct CMUnitTest all[UNIT_COUNT(two_rows) +
				     UNIT_COUNT(late_rows) +
				     UNIT_COUNT(group_rows)];
	size_t at = UNIT_ADD_ROWS(all, 0, two_callbacks_fail, two_rows);

	at = UNIT_ADD_ROWS(all, at, init_meets_a_stop, late_rows);
	(void)UNIT_ADD_ROWS(all, at, a_group_fails_together, group_rows);
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("two_failures", all, NULL, NULL);
}
