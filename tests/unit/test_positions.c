/* SPDX-License-Identifier: Apache-2.0 */
/* batch->seq is the position of the batch's first event on its subscription, and
 * a dead letter's seq that of its event: whatever a selector left out before it,
 * and whoever reads. Here an event's number is its position. */
#include "tests/unit/flow.h"

#include <stdio.h>

#define EVENTS 3000u

struct reader {
	uint64_t events;
	uint64_t wrong;      /* batches whose seq is not their first event */
	uint64_t letters;    /* dead ones */
	uint64_t dead_wrong; /* whose seq is not their event */
	uint32_t skip;       /* all batches */
	uint64_t bad_one_in; /* events that are failed whenever they come */
	uint32_t redelivered;
};

static struct flow_source source;
static struct reader reader;
static struct flow_sink other;

static int set_up(void **state)
{
	source = (struct flow_source){.end = EVENTS};
	memset(&reader, 0, sizeof(reader));
	memset(&other, 0, sizeof(other));
	return flow_setup(state);
}

static int odd(const void *event, void *ctx)
{
	uint64_t number;

	(void)ctx;
	memcpy(&number, event, sizeof(number));
	return (int)(number & 1);
}

/* Runs of those that are wanted and of those that are not, of many lengths. */
static int patchy(const void *event, void *ctx)
{
	uint64_t number;

	(void)ctx;
	memcpy(&number, event, sizeof(number));
	return number % 7 > 2 && number % 11 != 5;
}

static int read_events(struct sluice_stage *self,
		       const struct sluice_batch *batch)
{
	struct reader *r = sluice_stage_state(self);
	const uint64_t *events = SLUICE_EVENTS(batch, uint64_t);

	r->wrong += batch->seq != events[0];
	r->redelivered += (batch->flags & SLUICE_BATCH_REDELIVERED) != 0;
	for (uint32_t i = 0; r->bad_one_in && i < batch->count; i++)
		if (events[i] % r->bad_one_in == 1)
			return SLUICE_RETRY;
	if (r->skip)
		return SLUICE_SKIP;
	r->events += batch->count;
	return SLUICE_OK;
}

static void bury(struct sluice_stage *self,
		 const struct sluice_dead_letter *letter)
{
	struct reader *r = sluice_stage_state(self);
	uint64_t number;

	memcpy(&number, letter->event, sizeof(number));
	r->letters++;
	r->dead_wrong += letter->seq != number;
}

static struct sluice_pipeline *build(const char *dispatcher,
				     const struct sluice_subscription_opts *o)
{
	struct sluice_pipeline *p = flow_open(2);

	flow_add(p,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .dispatcher = dispatcher,
			      .handle_demand = flow_count, .state = &source));
	flow_add(p, SLUICE_STAGE(.name = "reader", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = read_events,
				 .dead_letter = bury, .state = &reader));
	flow_subscribe(p, "reader", "source", o);
	return p;
}

static void run(struct sluice_pipeline *p)
{
	assert_int_equal(flow_run(p), 0);
	assert_int_equal(reader.wrong, 0);
	assert_int_equal(reader.dead_wrong, 0);
	sluice_pipeline_close(p);
}

/* ---- who reads, and what is left out ------------------------------------- */

static struct row {
	const char *name;
	const char *dispatcher;
	struct sluice_subscription_opts opts;
	uint32_t batch_events; /* 0: any */
} rows[] = {
	{"broadcast", "broadcast", {.max_demand = 20, .selector = odd}, 0},
	{"broadcast_patchy",
	 "broadcast",
	 {.max_demand = 100, .selector = patchy},
	 0},
	{"broadcast_exact",
	 "broadcast",
	 {.max_demand = 30, .min_demand = 11, .selector = patchy},
	 0},
	{"broadcast_all", "broadcast", {.max_demand = 50}, 0},
	{"tee", "demand", {.max_demand = EVENTS, .tee = 1, .selector = odd}, 0},
	{"conflate",
	 "demand",
	 {.max_demand = EVENTS, .conflate_keys = EVENTS, .selector = patchy},
	 0},
	{"shared", "shared", {.max_demand = 20}, 0},
	{"demand", "demand", {.max_demand = 20}, 0},
};

static uint64_t passed(const struct row *row)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < EVENTS; i++)
		n += row->opts.selector == NULL || row->opts.selector(&i, NULL);
	return n;
}

/* Who stands aside needs somebody to be beside. */
static struct sluice_pipeline *build_row(const struct row *row)
{
	struct sluice_subscription_opts o = row->opts;
	struct sluice_pipeline *p;

	o.size = sizeof(o);
	p = build(row->dispatcher, &o);
	if (o.tee || o.conflate_keys) {
		flow_add(p, SLUICE_STAGE(.name = "other",
					 .kind = SLUICE_CONSUMER, .in_bytes = 8,
					 .handle_events = flow_collect,
					 .state = &other));
		flow_subscribe(p, "other", "source", NULL);
	}
	return p;
}

static void a_batch_begins_at_its_first_event(void **state)
{
	const struct row *row = *state;
	struct sluice_pipeline *p = build_row(row);

	run(p);
	assert_int_equal(reader.events, passed(row));
}

static void dead_letters_say_where_they_lay(void **state)
{
	const struct row *row = *state;
	struct sluice_pipeline *p = build_row(row);

	reader.skip = 1;
	run(p);
	assert_int_equal(reader.letters, passed(row));
}

/* Parts of a batch that failed, and each that is bad by itself. */
static void what_comes_again_lies_where_it_lay(void **state)
{
	const struct row *row = *state;
	struct sluice_pipeline *p = build_row(row);

	reader.bad_one_in = 9;
	run(p);
	assert_true(reader.redelivered > 0);
	assert_int_equal(reader.events + reader.letters, passed(row));
}

/* ---- a port -------------------------------------------------------------- */

static void a_port_is_told_the_same(void **state)
{
	struct sluice_pipeline *p = flow_open(1);
	struct sluice_batch batch;
	struct sluice_stage *port;
	uint64_t events = 0;
	int n;

	(void)state;
	flow_add(p,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .dispatcher = "broadcast",
			      .handle_demand = flow_count, .state = &source));
	flow_add(p, SLUICE_STAGE(.name = "port", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .flags = SLUICE_STAGE_PORT));
	flow_subscribe(
		p, "port", "source",
		SLUICE_SUBSCRIPTION(.max_demand = 64, .selector = patchy));
	flow_start(p);
	port = sluice_stage_find(p, "port");
	while ((n = sluice_recv(port, &batch, FLOW_DEADLINE_MS)) > 0) {
		assert_int_equal(batch.seq, SLUICE_EVENTS(&batch, uint64_t)[0]);
		events += (uint64_t)n;
	}
	assert_int_equal(n, -EPIPE);
	assert_int_equal(events, passed(&rows[1]));
	assert_int_equal(flow_join(p), 0);
	sluice_pipeline_close(p);
}

int main(void)
{
	struct CMUnitTest tests[3 * UNIT_COUNT(rows) + 1] = {
		cmocka_unit_test(a_port_is_told_the_same),
	};
	const struct {
		const char *what;
		CMUnitTestFunction run;
	} kinds[] = {
		{"a_batch_begins_at_its_first_event",
		 a_batch_begins_at_its_first_event},
		{"dead_letters_say_where_they_lay",
		 dead_letters_say_where_they_lay},
		{"what_comes_again_lies_where_it_lay",
		 what_comes_again_lies_where_it_lay},
	};
	static char names[3][UNIT_COUNT(rows)][80];
	size_t n = 1;

	for (size_t k = 0; k < UNIT_COUNT(kinds); k++)
		for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
			(void)snprintf(names[k][i], sizeof(names[k][i]),
				       "%s: %s", kinds[k].what, rows[i].name);
			tests[n++] =
				(struct CMUnitTest){names[k][i], kinds[k].run,
						    NULL, NULL, &rows[i]};
		}
	flow_watch(tests, n);
	for (size_t i = 0; i < n; i++)
		tests[i].setup_func = set_up;
	return cmocka_run_group_tests_name("positions", tests, NULL, NULL);
}
