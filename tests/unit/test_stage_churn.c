/* SPDX-License-Identifier: Apache-2.0 */
/* A pool of stages that grows and shrinks while events flow, with each strategy:
 * stages are added, subscribed, ended and removed by the hundred, and no event is
 * lost or handled twice. */
#include "ordered_flow.h"
#include "tests/support/rng.h"

#define POOL   5u /* the first stays throughout */
#define LEDGER (1u << 22)
#define KEYS   61u

/* What one stage of the pool has done. Its own while it is there. */
struct member {
	struct flow_end ended;
	struct sluice_stage *stage;
	uint64_t events;
	uint64_t next; /* one above its last event; 0: it had none */
	uint32_t gaps;
	uint32_t freed;
};

static struct sluice_pipeline *pipeline;
static struct flow_source source;
static struct member members[POOL];
static unsigned char ledger[LEDGER]; /* how often each event was handled */
static uint64_t keys;
static uint64_t of_gone; /* events that removed ones have handled */

static const char *const names[POOL] = {"pool0", "pool1", "pool2", "pool3",
					"pool4"};

/* ---- the stages ---------------------------------------------------------- */

static uint64_t key_of(const void *event, uint32_t bytes, void *ctx)
{
	(void)bytes;
	(void)ctx;
	return *(const uint64_t *)event % keys;
}

static void member_note(struct member *m, uint64_t event)
{
	if (event < LEDGER)
		(void)__atomic_add_fetch(&ledger[event], 1, __ATOMIC_RELAXED);
	m->gaps += m->next != 0 && event != m->next;
	m->next = event + 1;
}

static int member_handle(struct sluice_stage *self,
			 const struct sluice_batch *batch)
{
	struct member *m = sluice_stage_state(self);
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);

	for (uint32_t i = 0; i < batch->count; i++)
		member_note(m, events[i]);
	m->events += batch->count;
	return SLUICE_OK;
}

static void member_free(void *state)
{
	((struct member *)state)->freed++;
}

/* Stops by itself before the ledger is full. */
static int source_make(struct sluice_stage *self, uint32_t demand)
{
	struct flow_source *s = sluice_stage_state(self);
	uint64_t left = LEDGER - s->next;
	uint32_t n = demand < s->most ? demand : s->most;
	uint64_t *events;

	if (left < n)
		n = (uint32_t)left;
	if (n == 0)
		return SLUICE_OK;
	events = sluice_emit(self, n);
	for (uint32_t i = 0; events != NULL && i < n; i++)
		events[i] = s->next++;
	return SLUICE_OK;
}

/* ---- a pool -------------------------------------------------------------- */

static struct pool_row {
	const char *name;
	const char *dispatcher;
	uint32_t workers;
	uint32_t keys; /* key_of; 0: none */
	uint32_t partitions;
	uint32_t rounds;
} pools[] = {
	{"demand", "demand", 2, 0, 0, 300},
	{"demand_1_worker", "demand", 1, 0, 0, 300},
	{"broadcast", "broadcast", 2, 0, 0, 300},
	{"partition", "partition", 2, KEYS, 0, 300},
	{"hash", "hash", 2, POOL, POOL, 300},
	{"rr", "rr", 2, 0, 0, 300},
	{"jbsq", "jbsq", 2, 0, 0, 300},
	{"p2c", "p2c", 2, 0, 0, 300},
	{"shared", "shared", 2, 0, 0, 300},
	{"atomic", "atomic", 2, KEYS, 0, 300},
	{"pkg", "pkg", 2, KEYS, 0, 300},
	{"sticky", "sticky", 2, KEYS, 0, 300},
};

static void pool_add(const struct pool_row *row, uint32_t i, uint32_t blocking)
{
	struct member *m = &members[i];

	*m = (struct member){.stage = NULL};
	flow_add(pipeline,
		 SLUICE_STAGE(.name = names[i], .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = member_handle,
			      .fini = flow_fini, .state = m,
			      .state_free = member_free, .blocking = blocking));
	m->stage = sluice_stage_find(pipeline, names[i]);
	assert_non_null(m->stage);
	flow_subscribe(
		pipeline, names[i], "source",
		SLUICE_SUBSCRIPTION(.max_demand = 64,
				    .partition = row->partitions ? i + 1 : 0));
}

/* It is ended, and forgotten. */
static void pool_remove(uint32_t i)
{
	struct member *m = &members[i];

	assert_int_equal(sluice_stage_end(m->stage, SLUICE_REASON_NORMAL, 0),
			 0);
	if (sluice_stage_remove(m->stage, FLOW_DEADLINE_MS) != 0)
		fail_msg("%s", sluice_last_error());
	m->stage = NULL;
	assert_int_equal(m->ended.finis, 1);
	assert_int_equal(m->freed, 1);
	assert_null(sluice_stage_find(pipeline, names[i]));
	of_gone += m->events;
}

static void pool_open(const struct pool_row *row)
{
	keys = row->keys;
	memset(ledger, 0, sizeof(ledger));
	of_gone = 0;
	source = (struct flow_source){.most = 16};
	pipeline = flow_open(row->workers);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = source_make,
			      .fini = flow_fini, .state = &source,
			      .dispatcher = row->dispatcher,
			      .partitions = row->partitions,
			      .key_of = row->keys ? key_of : NULL,
			      .on_idle = SLUICE_IDLE_STAY));
}

/* Each event came once; to a broadcast's, each from its first on without a gap,
 * and the one that stays has all of them. */
static void pool_check(const struct pool_row *row)
{
	uint64_t handled = of_gone;

	for (uint32_t i = 0; i < POOL; i++)
		handled += members[i].stage ? members[i].events : 0;
	if (strcmp(row->dispatcher, "broadcast") == 0) {
		assert_int_equal(members[0].events, source.next);
		for (uint32_t i = 0; i < POOL; i++)
			assert_int_equal(members[i].gaps, 0);
		return;
	}
	assert_int_equal(handled, source.next);
	for (uint64_t i = 0; i < LEDGER; i++)
		if (ledger[i] != (i < source.next))
			fail_msg("event %llu of %llu was handled %u times",
				 (unsigned long long)i,
				 (unsigned long long)source.next, ledger[i]);
}

static void a_pool_grows_and_shrinks(void **state)
{
	const struct pool_row *row = *state;
	struct rng rng = rng_start(row->name);
	int fds = 0;

	pool_open(row);
	pool_add(row, 0, 0);
	for (uint32_t i = 1; i < POOL; i++)
		members[i] = (struct member){.stage = NULL};
	flow_start(pipeline);
	for (uint32_t round = 0; round < row->rounds; round++) {
		uint32_t i = rng_between(&rng, 1, POOL - 1);

		if (members[i].stage != NULL)
			pool_remove(i);
		else
			pool_add(row, i, rng_below(&rng, 4) == 0);
		if (rng_below(&rng, 16) == 0)
			flow_sleep_ms(1);
		if (round == row->rounds / 2)
			fds = fds_count();
	}
	assert_true(fds_count() <= fds + 64);
	/* A partition that nobody reads would strand its events. */
	for (uint32_t i = 1; row->partitions > 0 && i < POOL; i++)
		if (members[i].stage == NULL)
			pool_add(row, i, 0);
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	pool_check(row);
	for (uint32_t i = 0; i < POOL; i++)
		assert_int_equal(members[i].freed,
				 members[i].stage == NULL &&
					 members[i].ended.finis > 0);
	sluice_pipeline_close(pipeline);
	for (uint32_t i = 0; i < POOL; i++)
		assert_int_equal(members[i].freed, members[i].ended.finis);
}

/* ---- workers between an ordered producer and its resequencer --------------- */

static void worker_add_late(uint32_t i)
{
	flow_add(pipeline, SLUICE_STAGE(.name = names[i], ITEM_WORKER,
					.handle_events = item_pass));
	members[i].stage = sluice_stage_find(pipeline, names[i]);
	flow_subscribe(pipeline, "join", names[i],
		       SLUICE_SUBSCRIPTION(.max_demand = 32));
	flow_subscribe(pipeline, names[i], "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 32));
}

static void ordered_workers_come_and_go(void **state)
{
	struct rng rng = rng_start("ordered_workers_come_and_go");
	struct item_sink sink = {0};

	(void)state;
	memset(members, 0, sizeof(members));
	source = (struct flow_source){.end = UINT64_MAX, .most = 16};
	pipeline = flow_open(2);
	item_add_source(pipeline, "source", &source, 256);
	flow_add(pipeline, SLUICE_STAGE(.name = names[0], ITEM_WORKER,
					.handle_events = item_pass));
	item_add_join(pipeline, "join", "source", &sink);
	flow_subscribe(pipeline, names[0], "source", NULL);
	flow_subscribe(pipeline, "join", names[0], NULL);
	flow_start(pipeline);
	for (uint32_t round = 0; round < 200; round++) {
		uint32_t i = rng_between(&rng, 1, POOL - 1);

		if (members[i].stage == NULL) {
			worker_add_late(i);
			continue;
		}
		assert_int_equal(sluice_stage_end(members[i].stage,
						  SLUICE_REASON_NORMAL, 0),
				 0);
		if (sluice_stage_remove(members[i].stage, FLOW_DEADLINE_MS) !=
		    0)
			fail_msg("%s", sluice_last_error());
		members[i].stage = NULL;
	}
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	item_check_all(&sink, source.next);
	sluice_pipeline_close(pipeline);
}

int main(void)
{
	struct CMUnitTest tests[UNIT_COUNT(pools) + 1] = {
		cmocka_unit_test(ordered_workers_come_and_go),
	};
	size_t count = 1;

	count = UNIT_ADD_ROWS(tests, count, a_pool_grows_and_shrinks, pools);
	flow_watch(tests, count);
	return _cmocka_run_group_tests("stage_churn", tests, count, NULL, NULL);
}
