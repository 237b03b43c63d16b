/* SPDX-License-Identifier: Apache-2.0 */
/* A handler fails at every point of a stream, with none, some or all of its
 * batch's output emitted: nothing is lost, and no output is seen twice. The sinks
 * write down what they have handled in the order they did. */
#include "flow.h"
#include "tests/support/rng.h"

#define EVENTS    20u /* of the source */
#define LOG_MAX   (4 * EVENTS)
#define SINKS     2u
#define AT_RANDOM UINT64_MAX

/* How much of its output a handler has emitted when it fails. */
enum emitted {
	EMITTED_NONE,
	EMITTED_SOME,
	EMITTED_ALL,
};

/* Shared by the sinks of one run. */
struct ledger {
	uint64_t event[LOG_MAX];
	uint32_t sink[LOG_MAX];
	uint32_t count;
};

/* The state of any of the stages. */
struct part {
	struct flow_end ended;
	uint64_t crash_at; /* event at which it fails; once */
	uint32_t crashes;  /* left */
	enum emitted emitted;
	int verdict;
	struct rng rng; /* AT_RANDOM */
	uint32_t inits;
	uint32_t marked; /* batches flagged as redelivered */
	uint32_t again;  /* batches with deliveries over 1 */
	uint64_t next;   /* source: event to make */
	uint32_t step;   /* source: most events a call */
	uint32_t index;  /* sink */
	struct ledger *ledger;
};

static int part_init(struct sluice_stage *self)
{
	struct part *part = sluice_stage_state(self);

	part->inits++;
	return 0;
}

/* Does it fail at one of these @n events? Then *emit is how many of them had
 * their output emitted, all of it. */
static int crashes_here(struct part *part, uint64_t first, uint32_t n,
			uint32_t *emit)
{
	uint64_t at = part->crash_at;

	if (part->crashes == 0)
		return 0;
	if (at == AT_RANDOM) {
		static const int verdicts[] = {SLUICE_FAIL, -EREMOTEIO,
					       SLUICE_RETRY};

		if (rng_below(&part->rng, 8) != 0)
			return 0;
		at = first + rng_below(&part->rng, n);
		part->emitted = (enum emitted)rng_below(&part->rng, 3);
		part->verdict = verdicts[rng_below(&part->rng, 3)];
	}
	if (at < first || at >= first + n)
		return 0;
	part->crashes--;
	*emit = part->emitted == EMITTED_NONE   ? 0
		: part->emitted == EMITTED_SOME ? (uint32_t)(at - first)
						: n;
	return 1;
}

static int source_make(struct sluice_stage *self, uint32_t demand)
{
	struct part *part = sluice_stage_state(self);
	uint32_t n = demand < part->step ? demand : part->step;
	uint32_t emit = 0;
	uint64_t *events;
	int crash;

	if (n > EVENTS - part->next)
		n = (uint32_t)(EVENTS - part->next);
	/* At the end there is nothing to emit, and still it may fail. */
	crash = crashes_here(part, part->next, n ? n : 1, &emit);
	if (!crash || emit > n)
		emit = n;
	events = emit ? sluice_emit(self, emit) : NULL;
	if (emit > 0 && events == NULL)
		return -ENOBUFS;
	for (uint32_t i = 0; i < emit; i++)
		events[i] = part->next + i;
	if (crash)
		return part->verdict;
	part->next += n;
	return n == 0 ? SLUICE_END : SLUICE_OK;
}

/* What the batch says of itself. */
static void part_read(struct part *part, const struct sluice_batch *batch)
{
	part->marked += (batch->flags & SLUICE_BATCH_REDELIVERED) != 0;
	part->again += batch->deliveries > 1;
}

/* Event e goes out as 2e and 2e + 1. */
static int middle_double(struct sluice_stage *self,
			 const struct sluice_batch *batch)
{
	struct part *part = sluice_stage_state(self);
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);
	uint32_t emit = batch->count;
	int crash = crashes_here(part, events[0], batch->count, &emit);
	uint64_t *out;

	part_read(part, batch);
	for (uint32_t i = 0; i < emit; i++) {
		out = sluice_emit(self, 2);
		if (out == NULL)
			return -ENOBUFS;
		out[0] = 2 * events[i];
		out[1] = 2 * events[i] + 1;
	}
	if (!crash)
		return SLUICE_OK;
	/* And one half of an event's output. */
	out = emit < batch->count && part->emitted == EMITTED_SOME
		      ? sluice_emit(self, 1)
		      : NULL;
	if (out != NULL)
		*out = 2 * events[emit];
	return part->verdict;
}

static int sink_log(struct sluice_stage *self, const struct sluice_batch *batch)
{
	struct part *part = sluice_stage_state(self);
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);
	struct ledger *ledger = part->ledger;
	uint32_t last = batch->count - 1;
	uint32_t emit;

	part_read(part, batch);
	/* Its events need not be in a row: the span from first to last. */
	if (crashes_here(part, events[0],
			 (uint32_t)(events[last] - events[0]) + 1, &emit))
		return part->verdict;
	for (uint32_t i = 0; i <= last; i++) {
		uint32_t at =
			__atomic_fetch_add(&ledger->count, 1, __ATOMIC_ACQ_REL);

		if (at >= LOG_MAX)
			return -EOVERFLOW;
		ledger->event[at] = events[i];
		ledger->sink[at] = part->index;
	}
	return SLUICE_OK;
}

/* ---- a run --------------------------------------------------------------- */

enum who {
	WHO_SOURCE,
	WHO_MIDDLE,
	WHO_SINK,
};

struct run {
	const char *dispatcher; /* NULL: a chain, source, middle, sink */
	enum sluice_restart restart;
	uint32_t workers;
	uint32_t max_demand;
	int32_t min_demand;
	struct part part[2 + SINKS]; /* source, middle, sinks */
	struct ledger ledger;
	int rc;
};

static uint64_t key_of_four(const void *event, uint32_t bytes, void *ctx)
{
	uint64_t value;

	(void)bytes;
	(void)ctx;
	memcpy(&value, event, sizeof(value));
	return value % 4;
}

static void run_connect(const struct run *run, struct sluice_pipeline *p,
			const char *consumer, const char *producer)
{
	flow_subscribe(p, consumer, producer,
		       SLUICE_SUBSCRIPTION(.max_demand = run->max_demand,
					   .min_demand = run->min_demand));
}

static void run_add_sink(struct run *run, struct sluice_pipeline *p,
			 uint32_t index)
{
	static const char *const names[SINKS] = {"c0", "c1"};
	struct part *part = &run->part[2 + index];

	part->index = index;
	part->ledger = &run->ledger;
	flow_add(p, SLUICE_STAGE(.name = names[index], .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = sink_log,
				 .init = part_init, .fini = flow_fini,
				 .restart = run->restart, .state = part));
	run_connect(run, p, names[index], run->dispatcher ? "a" : "b");
}

static struct sluice_pipeline *run_build(struct run *run)
{
	struct sluice_pipeline *p = NULL;
	struct sluice_stage_opts *source =
		SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
			     .out_bytes = 8, .handle_demand = source_make,
			     .dispatcher = run->dispatcher, .init = part_init,
			     .fini = flow_fini, .restart = run->restart,
			     .state = &run->part[0]);

	assert_int_equal(sluice_pipeline_open(
				 &p, SLUICE_PIPELINE(.workers = run->workers,
						     .max_restarts = 1024,
						     .backoff_ms = 1,
						     .backoff_max_ms = 1)),
			 0);
	if (run->dispatcher && strcmp(run->dispatcher, "partition") == 0)
		source->key_of = key_of_four;
	if (run->part[0].step == 0)
		run->part[0].step = 3;
	flow_add(p, source);
	if (run->dispatcher == NULL) {
		flow_add(p, SLUICE_STAGE(.name = "b", .in_bytes = 8,
					 .kind = SLUICE_PRODUCER_CONSUMER,
					 .out_bytes = 8, .fan_out_max = 2,
					 .handle_events = middle_double,
					 .init = part_init, .fini = flow_fini,
					 .restart = run->restart,
					 .state = &run->part[1]));
		run_connect(run, p, "b", "a");
	}
	for (uint32_t i = 0; i < (run->dispatcher ? SINKS : 1); i++)
		run_add_sink(run, p, i);
	return p;
}

static void run_all(struct run *run)
{
	struct sluice_pipeline *p = run_build(run);

	run->rc = flow_run(p);
	sluice_pipeline_close(p);
	assert_true(run->ledger.count <= LOG_MAX);
}

/* Every event once, and those of a sink, or of a key, in order. */
static void check_dealt(const struct run *run)
{
	const struct ledger *l = &run->ledger;
	uint32_t seen[EVENTS] = {0};
	uint64_t above_sink[SINKS] = {0};
	uint64_t above_key[4] = {0};
	int keyed = strcmp(run->dispatcher, "partition") == 0;

	for (uint32_t i = 0; i < l->count; i++) {
		uint64_t e = l->event[i];

		assert_true(e < EVENTS);
		seen[e]++;
		/* A sink that gets what another has left gets older ones. */
		if (run->restart != SLUICE_RESTART_TEMPORARY)
			assert_true(e >= above_sink[l->sink[i]]);
		above_sink[l->sink[i]] = e + 1;
		if (keyed)
			assert_true(e >= above_key[e % 4]);
		above_key[e % 4] = e + 1;
	}
	for (uint32_t i = 0; i < EVENTS; i++)
		assert_int_equal(seen[i], 1);
}

/* All in order for each sink; one that has ended for good had a prefix. */
static void check_broadcast(const struct run *run)
{
	const struct ledger *l = &run->ledger;
	uint64_t next[SINKS] = {0};

	for (uint32_t i = 0; i < l->count; i++)
		assert_int_equal(l->event[i], next[l->sink[i]]++);
	for (uint32_t i = 0; i < SINKS; i++)
		if (run->restart != SLUICE_RESTART_TEMPORARY || i != 0)
			assert_int_equal(next[i], EVENTS);
}

static void check_ledger(const struct run *run)
{
	if (run->dispatcher == NULL) {
		assert_int_equal(run->ledger.count, 2 * EVENTS);
		for (uint32_t i = 0; i < 2 * EVENTS; i++)
			assert_int_equal(run->ledger.event[i], i);
	} else if (strcmp(run->dispatcher, "broadcast") == 0) {
		check_broadcast(run);
	} else {
		check_dealt(run);
	}
}

/* ---- every point --------------------------------------------------------- */

static struct point {
	const char *name;
	const char *dispatcher;
	enum who who;
	int verdict;
	enum sluice_restart restart;
	uint32_t max_demand;
	int32_t min_demand;
} points[] = {
#define CHAIN(name, who, verdict)                                              \
	{name "_in_a_chain",       NULL, who, verdict,                         \
	 SLUICE_RESTART_TRANSIENT, 8,    4},                                   \
	{                                                                      \
		name "_in_a_chain_of_loose_windows", NULL, who, verdict,       \
			SLUICE_RESTART_TRANSIENT, 5, 0                         \
	}
	CHAIN("source_fails", WHO_SOURCE, SLUICE_FAIL),
	CHAIN("source_has_an_error", WHO_SOURCE, -EREMOTEIO),
	CHAIN("source_retries", WHO_SOURCE, SLUICE_RETRY),
	CHAIN("middle_fails", WHO_MIDDLE, SLUICE_FAIL),
	CHAIN("middle_has_an_error", WHO_MIDDLE, -EREMOTEIO),
	CHAIN("middle_retries", WHO_MIDDLE, SLUICE_RETRY),
	CHAIN("sink_fails", WHO_SINK, SLUICE_FAIL),
	CHAIN("sink_has_an_error", WHO_SINK, -EREMOTEIO),
	CHAIN("sink_retries", WHO_SINK, SLUICE_RETRY),
#define FAN(dispatcher)                                                          \
	{dispatcher "_source_fails", dispatcher, WHO_SOURCE, SLUICE_FAIL,        \
	 SLUICE_RESTART_TRANSIENT,   8,          4},                             \
		{dispatcher "_sink_fails", dispatcher, WHO_SINK, SLUICE_FAIL,    \
		 SLUICE_RESTART_TRANSIENT, 8,          4},                       \
		{dispatcher "_sink_retries", dispatcher, WHO_SINK, SLUICE_RETRY, \
		 SLUICE_RESTART_TRANSIENT,   5,          0},                     \
	{                                                                        \
		dispatcher "_sink_is_given_up", dispatcher, WHO_SINK,            \
			-EREMOTEIO, SLUICE_RESTART_TEMPORARY, 8, 4               \
	}
	FAN("demand"),
	FAN("broadcast"),
	FAN("partition"),
};

/* It went down as often as it crashed, and came up again. */
static void check_part(const struct run *run, const struct point *row)
{
	const struct part *part = &run->part[row->who];
	uint32_t crashed = part->crashes == 0;
	uint32_t downs = row->verdict == SLUICE_RETRY ? 0 : crashed;

	if (row->restart == SLUICE_RESTART_TEMPORARY)
		assert_int_equal(run->rc, crashed ? row->verdict : 0);
	else
		assert_int_equal(run->rc, 0);
	assert_int_equal(part->inits, row->restart == SLUICE_RESTART_TEMPORARY
					      ? 1
					      : 1 + downs);
	assert_int_equal(part->ended.finis, part->inits);
	if (row->who == WHO_SOURCE || row->restart == SLUICE_RESTART_TEMPORARY)
		return;
	/* What comes again says so, and nothing else does. */
	assert_int_equal(part->marked > 0, crashed);
	assert_int_equal(part->again > 0, crashed);
}

static void fails_at_every_point(void **state)
{
	const struct point *row = *state;
	uint32_t last =
		row->who == WHO_SINK && !row->dispatcher ? 2 * EVENTS : EVENTS;

	for (uint32_t k = 0; k <= last; k++)
		for (uint32_t e = EMITTED_NONE; e <= EMITTED_ALL; e++) {
			struct run run = {
				.dispatcher = row->dispatcher,
				.restart = row->restart,
				.workers = 1 + k % 3,
				.max_demand = row->max_demand,
				.min_demand = row->min_demand,
			};
			struct part *part = &run.part[row->who];

			if (row->who == WHO_SINK && e > EMITTED_NONE)
				continue; /* it emits nothing */
			part->crash_at = k;
			part->crashes = 1;
			part->emitted = (enum emitted)e;
			part->verdict = row->verdict;
			run_all(&run);
			check_ledger(&run);
			check_part(&run, row);
		}
}

/* ---- everybody, at random ------------------------------------------------ */

static void all_fail_at_random(void **state)
{
	static const char *const dispatchers[] = {NULL, "demand", "broadcast",
						  "partition"};
	struct rng rng = rng_start("crash_points all_fail_at_random");

	(void)state;
	for (uint32_t script = 0; script < 60; script++) {
		struct run run = {
			.dispatcher = dispatchers[script % 4],
			.restart = SLUICE_RESTART_TRANSIENT,
			.workers = rng_between(&rng, 1, 4),
			.max_demand = rng_between(&rng, 1, 12),
		};

		if (run.max_demand > 1 && rng_below(&rng, 2))
			run.min_demand = (int32_t)rng_between(
				&rng, 1, run.max_demand - 1);
		for (uint32_t i = 0; i < UNIT_COUNT(run.part); i++) {
			run.part[i].crash_at = AT_RANDOM;
			run.part[i].crashes = (uint32_t)rng_below(&rng, 6);
			run.part[i].rng.state = rng_u64(&rng);
		}
		run.part[0].step = rng_between(&rng, 1, EVENTS);
		run_all(&run);
		assert_int_equal(run.rc, 0);
		check_ledger(&run);
	}
}

int main(void)
{
	struct CMUnitTest tests[UNIT_COUNT(points) + 1] = {
		cmocka_unit_test(all_fail_at_random),
	};

	(void)UNIT_ADD_ROWS(tests, 1, fails_at_every_point, points);
	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("crash_points", tests, NULL, NULL);
}
