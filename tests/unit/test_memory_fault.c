/* SPDX-License-Identifier: Apache-2.0 */
/* A start, and a subscription made later, without memory: each call that may fail
 * does so once, for every kind of subscription that needs memory of its own. What
 * was refused leaves nothing, and works when it is tried again. */
#include "engine/link/memory_priv.h"
#include "tests/support/edge.h"
#include "tests/unit/ordered_flow.h"

#include <stdlib.h>

#define EVENTS 500u
#define N_MAX  400u /* nothing makes so many calls of one kind */

/* ---- the edge: calls of the test's own thread ---------------------------- */

static _Thread_local struct {
	const char *call; /* the one that fails, NULL for none */
	uint32_t left;    /* calls before that */
} edge;

static int edge_fails(const char *call)
{
	if (edge.call == NULL || strcmp(call, edge.call) != 0 ||
	    edge.left-- > 0)
		return 0;
	edge.call = NULL;
	errno = ENOMEM;
	return 1;
}

void *__real_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__real_aligned_alloc(size_t align, size_t bytes);
void *__wrap_aligned_alloc(size_t align, size_t bytes);

void *__wrap_calloc(size_t count, size_t bytes)
{
	return edge_fails("calloc") ? NULL : __real_calloc(count, bytes);
}

void *__wrap_aligned_alloc(size_t align, size_t bytes)
{
	return edge_fails("aligned_alloc") ? NULL
					   : __real_aligned_alloc(align, bytes);
}

static const char *const calls[] = {"memfd_create", "fallocate", "mmap",
				    "calloc", "aligned_alloc"};

/* ---- kinds of subscriptions ---------------------------------------------- */

static int wants_all(const void *event, void *ctx)
{
	(void)event;
	(void)ctx;
	return 1;
}

static struct kind {
	const char *name;
	const char *dispatcher;
	struct sluice_subscription_opts opts;
} kinds[] = {
	{"plain", "demand", {.max_demand = 32}},
	{"exact", "demand", {.max_demand = 32, .min_demand = 7}},
	{"spill", "partition", {.max_demand = 32}},
	{"broadcast", "broadcast", {.max_demand = 32}},
	{"selector", "broadcast", {.max_demand = 32, .selector = wants_all}},
	{"shared", "shared", {.max_demand = 32}},
	{"tee", "demand", {.max_demand = 32, .tee = 1}},
	{"conflate", "demand", {.max_demand = 32, .conflate_keys = 8}},
	{"ordered", "ordered", {.max_demand = 32}},
};

static struct flow_source source;
static struct item_sink sinks[UNIT_COUNT(calls) + 2];
static const char *const sink_names[] = {"c0", "c1", "c2", "c3",
					 "c4", "c5", "c6"};

static int set_up(void **state)
{
	source = (struct flow_source){.end = EVENTS};
	memset(sinks, 0, sizeof(sinks));
	return flow_setup(state);
}

static int try_to_subscribe(struct sluice_pipeline *p, const struct kind *kind,
			    const char *consumer, const char *producer)
{
	struct sluice_subscription_opts o = kind->opts;

	o.size = sizeof(o);
	return sluice_subscribe(p, consumer, producer, &o);
}

/* A source, and sinks; of an ordered one the first worker stands between. */
static struct sluice_pipeline *build(const struct kind *kind)
{
	struct sluice_pipeline *p = flow_open(2);
	int ordered = strcmp(kind->dispatcher, "ordered") == 0;

	flow_add(p, SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
				 .out_bytes = sizeof(struct item),
				 .dispatcher = kind->dispatcher,
				 .order_offset = ordered ? ITEM_OFFSET : 0,
				 .handle_demand = item_make, .state = &source));
	flow_add(p, SLUICE_STAGE(ITEM_WORKER, .name = "worker",
				 .on_idle = SLUICE_IDLE_STAY,
				 .handle_events = item_pass));
	for (uint32_t i = 0; i < UNIT_COUNT(sink_names); i++)
		flow_add(p,
			 SLUICE_STAGE(.name = sink_names[i],
				      .kind = SLUICE_CONSUMER,
				      .in_bytes = sizeof(struct item),
				      .order_of = ordered && i == 0 ? "source"
								    : NULL,
				      .on_idle = SLUICE_IDLE_STAY,
				      .handle_events = item_join,
				      .state = &sinks[i]));
	if (ordered) {
		flow_subscribe(p, "worker", "source", NULL);
		flow_subscribe(p, "c0", "worker", NULL);
	} else {
		flow_subscribe(p, "c0", "source", NULL);
	}
	return p;
}

static int is_ordered(const struct kind *kind)
{
	return strcmp(kind->dispatcher, "ordered") == 0;
}

/* What the start is to make: beside the first sink another subscription, and of
 * an ordered producer its join. */
static struct sluice_pipeline *declare(const struct kind *kind)
{
	struct sluice_pipeline *p = build(kind);

	if (!is_ordered(kind))
		assert_int_equal(try_to_subscribe(p, kind, "c1", "source"), 0);
	return p;
}

/* ---- a start ------------------------------------------------------------- */

static void a_start_fails_and_leaves_nothing(void **state)
{
	const struct kind *kind = *state;

	for (size_t c = 0; c < UNIT_COUNT(calls); c++) {
		uint32_t n;

		for (n = 0; n < N_MAX; n++) {
			struct sluice_pipeline *p = declare(kind);
			int rc;

			source.next = 0;
			edge.call = calls[c];
			edge.left = n;
			rc = sluice_pipeline_start(p);
			edge.call = NULL;
			if (rc == 0) {
				assert_int_equal(sluice_pipeline_drain(
							 p, FLOW_DEADLINE_MS),
						 0);
				sluice_pipeline_close(p);
				break;
			}
			assert_int_equal(rc, -ENOMEM);
			assert_true(strlen(sluice_last_error()) > 0);
			flow_check_released();
			/* Memory has come: the same pipeline starts. */
			assert_int_equal(sluice_pipeline_start(p), 0);
			assert_int_equal(
				sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
			sluice_pipeline_close(p);
		}
		assert_true(n < N_MAX);
	}
}

/* ---- while it runs ------------------------------------------------------- */

static void a_subscription_fails_and_leaves_nothing(void **state)
{
	const struct kind *kind = *state;
	const char *from = is_ordered(kind) ? "worker" : "source";
	struct sluice_pipeline *p = build(kind);

	source.end = UINT64_MAX;
	flow_start(p);
	for (size_t c = 0; c < UNIT_COUNT(calls); c++) {
		const char *name = is_ordered(kind) ? "c0" : sink_names[c + 2];
		int fds = fds_count();
		int regions = fds_mappings("memfd:sluice:");
		uint64_t before = flow_stats(p, name).events_in;
		uint32_t n;
		int rc = -1;

		for (n = 0; rc < 0 && n < N_MAX; n++) {
			edge.call = calls[c];
			edge.left = n;
			rc = try_to_subscribe(p, kind, name, from);
			edge.call = NULL;
			if (rc == 0)
				break;
			assert_int_equal(rc, -ENOMEM);
			/* Whose memory it was. */
			if (strstr(sluice_last_error(), name) == NULL)
				assert_text_has(sluice_last_error(), from);
			assert_int_equal(fds_count(), fds);
			assert_int_equal(fds_mappings("memfd:sluice:"),
					 regions);
		}
		assert_true(n > 0 && n < N_MAX);
		flow_wait_handled(p, name, before + 20);
	}
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(p);
}

/* Sizes that no memory has are refused before anybody is asked for it. */
static void sizes_do_not_overflow(void **state)
{
	unsigned char *least = line_calloc(0, 8);

	(void)state;
	assert_null(line_calloc(SIZE_MAX, 2));
	assert_null(line_calloc(1, SIZE_MAX));
	assert_non_null(least);
	assert_int_equal(least[0], 0);
	free(least);
}

int main(void)
{
	struct CMUnitTest tests[2 * UNIT_COUNT(kinds) + 1] = {
		cmocka_unit_test(sizes_do_not_overflow),
	};
	size_t n = 1;

	n = UNIT_ADD_ROWS(tests, n, a_start_fails_and_leaves_nothing, kinds);
	n = UNIT_ADD_ROWS(tests, n, a_subscription_fails_and_leaves_nothing,
			  kinds);
	flow_watch(tests, n);
	for (size_t i = 0; i < n; i++)
		tests[i].setup_func = set_up;
	return _cmocka_run_group_tests("memory_fault", tests, n, NULL, NULL);
}
