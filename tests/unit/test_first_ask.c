/* SPDX-License-Identifier: Apache-2.0 */
/* A manual subscription takes part from its first ask on: one that was declared
 * and has asked for nothing holds nobody up, with whatever dispatcher. */
#include "tests/unit/flow.h"

#define EVENTS 20000u

static struct row {
	const char *name;
	struct sluice_stage_opts opts;
} rows[] = {
	{"demand", {.dispatcher = "demand"}},
	{"broadcast", {.dispatcher = "broadcast"}},
	{"rr", {.dispatcher = "rr"}},
	{"rr_skip", {.dispatcher = "rr", .flags = SLUICE_STAGE_SKIP}},
	{"jbsq", {.dispatcher = "jbsq", .in_flight_max = 4}},
	{"p2c", {.dispatcher = "p2c"}},
	{"partition", {.dispatcher = "partition", .spill_events = 64}},
	{"atomic", {.dispatcher = "atomic", .spill_events = 64}},
	{"pkg", {.dispatcher = "pkg", .spill_events = 64}},
	{"sticky", {.dispatcher = "sticky"}},
};

/* Who asks by hand, and what it was told. */
struct hand {
	struct flow_sink sink;
	uint32_t ask_in_init;
	uint32_t inits;
	uint32_t begun;
	uint32_t over;
};

static struct flow_source source;
static struct flow_sink other;
static struct hand hand;
static struct sluice_sub hand_sub;
static uint32_t source_begun;
static uint32_t source_over;

static uint32_t see(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void note(uint32_t *word)
{
	(void)__atomic_add_fetch(word, 1, __ATOMIC_ACQ_REL);
}

static int hand_init(struct sluice_stage *self)
{
	struct hand *h = sluice_stage_state(self);

	note(&h->inits);
	return h->ask_in_init && h->inits == 1
		       ? sluice_ask(sluice_inlet_sub(self, 0), h->ask_in_init)
		       : 0;
}

static int hand_fails(struct sluice_stage *self,
		      const struct sluice_message *message)
{
	(void)self;
	(void)message;
	return SLUICE_FAIL;
}

static int hand_begins(struct sluice_stage *self,
		       const struct sluice_link_event *event)
{
	struct hand *h = sluice_stage_state(self);

	(void)event;
	note(&h->begun);
	return SLUICE_OK;
}

static int hand_ends(struct sluice_stage *self,
		     const struct sluice_link_event *event)
{
	struct hand *h = sluice_stage_state(self);

	(void)event;
	note(&h->over);
	return SLUICE_OK;
}

static int is_of_hand(const struct sluice_link_event *event)
{
	return strcmp(event->peer, "hand") == 0;
}

static int source_begins(struct sluice_stage *self,
			 const struct sluice_link_event *event)
{
	(void)self;
	if (is_of_hand(event))
		note(&source_begun);
	return SLUICE_OK;
}

static int source_ends(struct sluice_stage *self,
		       const struct sluice_link_event *event)
{
	(void)self;
	if (is_of_hand(event))
		note(&source_over);
	return SLUICE_OK;
}

static uint32_t at_once; /* events of a call */

/* Events from a call on: the test decides when there are some. */
static int source_call(struct sluice_stage *self,
		       const struct sluice_message *request,
		       struct sluice_answer *answer)
{
	uint64_t *events = sluice_emit(self, at_once);

	(void)request;
	(void)answer;
	if (events == NULL)
		return -ENOBUFS;
	for (uint32_t i = 0; i < at_once; i++)
		events[i] = source.next++;
	return SLUICE_OK;
}

static int makes_none(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_OK;
}

/* @counts: the source makes EVENTS by itself. */
static struct sluice_pipeline *open_row(const struct row *row, int counts)
{
	struct sluice_pipeline *p = flow_open(2);
	struct sluice_stage_opts o = row->opts;

	at_once = 1;
	source = (struct flow_source){.end = EVENTS};
	other = (struct flow_sink){0};
	source_begun = 0;
	source_over = 0;
	o.size = sizeof(o);
	o.name = "source";
	o.kind = SLUICE_PRODUCER;
	o.out_bytes = 8;
	o.handle_demand = counts ? flow_count : makes_none;
	o.handle_call = source_call;
	o.on_subscribe = source_begins;
	o.on_cancel = source_ends;
	o.fini = flow_fini;
	o.state = &source;
	flow_add(p, &o);
	flow_add_sink(p, "other", &other);
	flow_add(p, SLUICE_STAGE(.name = "hand", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = flow_collect,
				 .init = hand_init, .handle_cast = hand_fails,
				 .on_subscribe = hand_begins,
				 .on_cancel = hand_ends,
				 .restart = SLUICE_RESTART_TRANSIENT,
				 .fini = flow_fini, .state = &hand));
	flow_subscribe(p, "other", "source", NULL);
	flow_subscribe(p, "hand", "source",
		       SLUICE_SUBSCRIPTION(.max_demand = 64,
					   .flags = SLUICE_SUBSCRIBE_MANUAL,
					   .sub = &hand_sub));
	return p;
}

static void make_one(struct sluice_pipeline *p)
{
	assert_int_equal(sluice_call(sluice_stage_find(p, "source"), NULL, 0,
				     NULL, 0, FLOW_DEADLINE_MS),
			 0);
}

/* It never asks: the other gets all there is, and both ends of it are told. */
static void who_asks_for_nothing(void **state)
{
	const struct row *row = *state;
	struct sluice_pipeline *p;

	hand = (struct hand){0};
	p = open_row(row, 1);
	assert_int_equal(flow_run(p), 0);
	sluice_pipeline_close(p);
	flow_check_all(&other, EVENTS);
	assert_int_equal(hand.sink.events, 0);
	assert_int_equal(hand.begun, 1);
	assert_int_equal(hand.over, 1);
	assert_int_equal(source_begun, 1);
}

/* It may be changed before it asks, and its stage may fail; then it asks, and
 * what it asked for comes. */
static void who_asks_at_last(void **state)
{
	const struct row *row = *state;
	struct sluice_subscription_stats stat;
	struct sluice_pipeline *p;

	hand = (struct hand){0};
	p = open_row(row, 0);
	flow_start(p);
	for (uint32_t i = 0; i < 300; i++)
		make_one(p);
	flow_wait_handled(p, "other", 300);
	assert_int_equal(
		sluice_resubscribe(hand_sub,
				   SLUICE_SUBSCRIPTION(.max_demand = 9)),
		0);
	assert_int_equal(sluice_cast(sluice_stage_find(p, "hand"), NULL, 0), 0);
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS && see(&hand.inits) < 2;
	     ms++)
		flow_sleep_ms(1);
	assert_int_equal(see(&hand.inits), 2);
	assert_int_equal(sluice_subscription_stat(hand_sub, &stat), 0);
	assert_int_equal(stat.published, 0);
	assert_int_equal(stat.depth, 0);
	for (uint32_t i = 0; i < 300; i++)
		make_one(p);
	flow_wait_handled(p, "other", 600);
	assert_int_equal(sluice_ask(hand_sub, 5), 0);
	assert_int_equal(sluice_ask(hand_sub, 2), 0);
	/* By key, too, one of so many is for it; and of two at once one goes to whom
	 * has nothing in hand, however fast the other is. */
	at_once = 2;
	for (uint32_t i = 0; i < 3000; i++) {
		make_one(p);
		if (flow_stats(p, "hand").events_in == 7)
			break;
	}
	flow_wait_handled(p, "hand", 7);
	assert_int_equal(sluice_cancel(hand_sub, SLUICE_REASON_NORMAL, 0), 0);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(p);
	assert_int_equal(hand.sink.events, 7);
	assert_int_equal(hand.sink.disorder, 0);
	assert_int_equal(hand.begun, 1);
	assert_int_equal(hand.over, 1);
	assert_int_equal(source_begun, 1);
	assert_int_equal(source_over, 1);
	if (strcmp(row->opts.dispatcher, "broadcast") == 0)
		assert_int_equal(other.events, source.next);
	else
		assert_int_equal(other.events + 7, source.next);
}

/* Cancelled before it has asked. */
static void who_is_cancelled(void **state)
{
	const struct row *row = *state;
	struct sluice_pipeline *p;

	hand = (struct hand){0};
	p = open_row(row, 0);
	flow_start(p);
	assert_int_equal(sluice_cancel(hand_sub, SLUICE_REASON_NORMAL, 7), 0);
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS && see(&source_over) == 0;
	     ms++)
		flow_sleep_ms(1);
	for (uint32_t i = 0; i < 100; i++)
		make_one(p);
	flow_wait_handled(p, "other", 100);
	assert_int_equal(sluice_pipeline_drain(p, FLOW_DEADLINE_MS), 0);
	sluice_pipeline_close(p);
	assert_int_equal(hand.over, 1);
	assert_int_equal(source_over, 1);
	assert_int_equal(other.events, 100);
}

/* Whoever has asked before anything is stepped is there from the first event
 * on. */
static void check_member(uint32_t before, uint32_t in_init)
{
	const struct row row = {"", {.dispatcher = "broadcast"}};
	struct sluice_pipeline *p;

	hand = (struct hand){.ask_in_init = in_init};
	p = open_row(&row, 1);
	assert_int_equal(sluice_ask(hand_sub, before), 0);
	flow_start(p);
	flow_wait_handled(p, "hand", 40);
	assert_int_equal(sluice_ask(hand_sub, UINT32_MAX), 0);
	assert_int_equal(flow_join(p), 0);
	sluice_pipeline_close(p);
	flow_check_all(&other, EVENTS);
	flow_check_all(&hand.sink, EVENTS);
}

static void who_asked_before_the_start(void **state)
{
	(void)state;
	check_member(40, 0);
}

static void who_asks_in_its_init(void **state)
{
	(void)state;
	check_member(0, 40);
}

#define TABLE(test)                                                            \
	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {                        \
		(void)snprintf(names[count], sizeof(names[count]), "%s: %s",   \
			       #test, rows[i].name);                           \
		tests[count] = (struct CMUnitTest){names[count], test, NULL,   \
						   NULL, &rows[i]};            \
		count++;                                                       \
	}

int main(void)
{
	static char names[3 * UNIT_COUNT(rows)][64];
	static struct CMUnitTest tests[3 * UNIT_COUNT(rows) + 2];
	size_t count = 0;

	TABLE(who_asks_for_nothing)
	TABLE(who_asks_at_last)
	TABLE(who_is_cancelled)
	tests[count++] =
		(struct CMUnitTest)cmocka_unit_test(who_asked_before_the_start);
	tests[count++] =
		(struct CMUnitTest)cmocka_unit_test(who_asks_in_its_init);
	flow_watch(tests, count);
	return cmocka_run_group_tests_name("first ask", tests, NULL, NULL);
}
