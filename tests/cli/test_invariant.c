/* SPDX-License-Identifier: Apache-2.0 */
/* Two snapshots of a sound pipeline, and each thing that may be wrong with one. */
#include "tools/sluice/invariant.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>

#define STAGES 3u
#define SUBS   3u

/* "a" feeds "m", which feeds "c"; "c" looks on at "a" as well. */
struct pair {
	struct sluice_stage_snapshot stage[STAGES];
	struct sluice_subscription_snapshot sub[SUBS];
	const struct sluice_stage_snapshot *stages[STAGES];
	const struct sluice_subscription_snapshot *subs[SUBS];
	struct sluice_snapshot snapshot;
};

static void stage_of(struct sluice_stage_snapshot *row, const char *name,
		     enum sluice_stage_kind kind, uint64_t serial)
{
	*row = (struct sluice_stage_snapshot){.size = sizeof(*row),
					      .kind = kind,
					      .phase = SLUICE_PHASE_RUNNING,
					      .serial = serial};
	(void)snprintf(row->name, sizeof(row->name), "%s", name);
	if (kind != SLUICE_CONSUMER)
		(void)snprintf(row->dispatcher, sizeof(row->dispatcher),
			       "demand");
}

static void sub_of(struct sluice_subscription_snapshot *row, uint32_t index,
		   const char *consumer, const char *producer)
{
	*row = (struct sluice_subscription_snapshot){
		.size = sizeof(*row),
		.phase = SLUICE_SUB_OPEN,
		.sub.index = index,
	};
	(void)snprintf(row->consumer, sizeof(row->consumer), "%s", consumer);
	(void)snprintf(row->producer, sizeof(row->producer), "%s", producer);
}

/* After @n events. */
static void pair_at(struct pair *pair, uint64_t n)
{
	memset(pair, 0, sizeof(*pair));
	stage_of(&pair->stage[0], "a", SLUICE_PRODUCER, 1);
	stage_of(&pair->stage[1], "m", SLUICE_PRODUCER_CONSUMER, 2);
	stage_of(&pair->stage[2], "c", SLUICE_CONSUMER, 3);
	sub_of(&pair->sub[0], 0, "m", "a");
	sub_of(&pair->sub[1], 1, "c", "m");
	sub_of(&pair->sub[2], 2, "c", "a");
	pair->sub[2].kind = SLUICE_SUB_TEE;
	for (uint32_t i = 0; i < SUBS; i++) {
		pair->sub[i].carried = n;
		pair->sub[i].latency =
			(struct sluice_latency_stats){.count = n,
						      .p50_ns = 1,
						      .p90_ns = 2,
						      .p99_ns = 3,
						      .p999_ns = 4,
						      .max_ns = 5};
		pair->sub[i].counts =
			(struct sluice_subscription_stats){.acked = n,
							   .published = n + 2,
							   .granted = n + 5,
							   .depth = 2,
							   .credit = 3,
							   .batches = n / 2};
		pair->subs[i] = &pair->sub[i];
	}
	for (uint32_t i = 0; i < STAGES; i++) {
		pair->stage[i].time = (struct sluice_times){.lived_ns = 4 * n,
							    .working_ns = n,
							    .idle_ns = n,
							    .no_credit_ns = n,
							    .blocked_ns = n};
		pair->stages[i] = &pair->stage[i];
	}
	pair->stage[0].counts.events_out = n + 2;
	pair->stage[1].counts.events_in = n;
	pair->stage[1].counts.events_out = n + 2;
	pair->stage[2].counts.events_in = n;
	pair->snapshot =
		(struct sluice_snapshot){.size = sizeof(pair->snapshot),
					 .phase = SLUICE_PHASE_RUNNING,
					 .time_ns = n,
					 .stages = pair->stages,
					 .subscriptions = pair->subs,
					 .stage_count = STAGES,
					 .subscription_count = SUBS,
					 .name = "p"};
}

/* ---- what may be wrong with the second ---------------------------------------- */

static struct pair before, now;

static void sound(void)
{
}
static void ends_early(void)
{
	before.snapshot.phase = SLUICE_PHASE_ENDED;
}
static void clock_back(void)
{
	now.snapshot.time_ns = 1;
}
static void two_of_a_name(void)
{
	now.stage[1].name[0] = 'a';
}
static void lost_time(void)
{
	now.stage[1].time.idle_ns--;
}
static void consumer_emits(void)
{
	now.stage[2].counts.events_out = 1;
}
static void producer_handles(void)
{
	now.stage[0].counts.events_in = 1;
}
static void no_dispatcher(void)
{
	now.stage[0].dispatcher[0] = '\0';
}
static void a_dispatcher(void)
{
	now.stage[2].dispatcher[0] = 'x';
}
static void held_by_nobody(void)
{
	now.stage[0].held_up_by[0] = 'x';
}
static void stage_back(void)
{
	before.stage[1].phase = SLUICE_PHASE_ENDED;
}
static void was_down(void)
{
	before.stage[1].phase = SLUICE_PHASE_DOWN;
}
static void less_in(void)
{
	now.stage[1].counts.events_in = 1;
}
static void fewer_restarts(void)
{
	before.stage[1].counts.restarts = 1;
}
static void lives_less(void)
{
	now.stage[1].time = before.stage[1].time;
	before.stage[1].time.lived_ns++;
}
static void another_stage(void)
{
	less_in();
	now.stage[1].serial = 9;
}
static void handed_on(void)
{
	now.stage[1].counts.events_out = 9;
}
static void looked_on(void)
{
	before.sub[2].carried = 13;
}
static void passed_on(void)
{
	looked_on();
	now.stage[0].counts.passed_over = 1;
	now.sub[2].carried = 13;
}
static void each_has_all(void)
{
	now.stage[0].dispatcher[0] = 'b';
	memcpy(now.stage[0].dispatcher, "broadcast", 10);
	before.sub[2].kind = SLUICE_SUB_DISPATCHED;
}
static void each_its_own(void)
{
	before.sub[2].kind = SLUICE_SUB_DISPATCHED;
}
static void no_consumer(void)
{
	now.sub[1].consumer[0] = 'x';
}
static void no_producer(void)
{
	now.sub[1].producer[0] = 'c';
}
static void has_ended(void)
{
	now.sub[1].phase = SLUICE_SUB_ENDED;
	now.sub[1].consumer[0] = 'x';
	now.sub[1].counts.depth = 0;
	now.sub[1].counts.granted = now.sub[1].counts.published;
}
static void unsent_acked(void)
{
	now.sub[1].counts.acked = 13;
}
static void ungranted_sent(void)
{
	now.sub[1].counts.published = 16;
}
static void wrong_depth(void)
{
	now.sub[1].counts.depth = 3;
}
static void wrong_credit(void)
{
	now.sub[1].counts.credit = 4;
}
static void coming_carries(void)
{
	before.sub[1].phase = SLUICE_SUB_COMING;
	now.sub[1].phase = SLUICE_SUB_COMING;
}
static void percentiles(void)
{
	now.sub[1].latency.p90_ns = 4;
}
static void sub_back(void)
{
	before.sub[1].phase = SLUICE_SUB_CANCELLED;
}
static void carries_less(void)
{
	before.sub[1].carried = 9;
	now.sub[1].carried = 8;
}
static void fewer_batches(void)
{
	now.sub[1].counts.batches = 0;
}
static void fewer_samples(void)
{
	now.sub[1].latency.count = 1;
}
static void grants_taken_back(void)
{
	before.sub[1].counts.granted = 99;
	before.sub[1].counts.credit = 99 - before.sub[1].counts.published;
}
static void empty_batches(void)
{
	before.sub[1].counts.batches = 11;
	now.sub[1].counts.batches = 11;
}
static void another_sub(void)
{
	carries_less();
	now.sub[1].sub.generation++;
}

static struct wrong_row {
	const char *name;
	void (*make)(void);
	const char *of; /* NULL: nothing is wrong */
	const char *what;
} wrong_rows[] = {
	{"sound", sound, NULL, NULL},
	{"a pipeline that ended", ends_early, "pipeline 'p'", "phase 4 back"},
	{"a clock", clock_back, "pipeline 'p'", "its clock went from 8 back"},
	{"two of a name", two_of_a_name, "stage 'a'", "2 stages have"},
	{"lost time", lost_time, "stage 'm'", "add up to 39 ns of 40"},
	{"a consumer emits", consumer_emits, "stage 'c'", "only consumes"},
	{"a producer handles", producer_handles, "stage 'a'", "only produces"},
	{"no dispatcher", no_dispatcher, "stage 'a'", "dispatcher ''"},
	{"a dispatcher", a_dispatcher, "stage 'c'", "dispatcher 'x'"},
	{"held by nobody", held_by_nobody, "stage 'a'", "which is not there"},
	{"a stage goes back", stage_back, "stage 'm'", "phase 4 back to 1"},
	{"a stage was down", was_down, NULL, NULL},
	{"fewer events", less_in, "stage 'm'", "events_in went from 8 back"},
	{"fewer restarts", fewer_restarts, "stage 'm'", "restarts went from 1"},
	{"less time", lives_less, "stage 'm'", "time went from 33 back to 32"},
	{"another stage of the name", another_stage, NULL, NULL},
	/* Of 12 that the stage had sent, 10 are in the count. */
	{"handed on and not sent", handed_on, "stage 'm'",
	 "events_out went from 10 back to 9"},
	{"looked on", looked_on, "stage 'a'",
	 "c 13 is over what it has sent, 12"},
	{"passed over", passed_on, NULL, NULL},
	{"each has all", each_has_all, NULL, NULL},
	{"each has its own", each_its_own, "stage 'a'",
	 "events, 16 is over what it has sent, 12"},
	{"no consumer", no_consumer, "subscription 1, 'x' of 'm'",
	 "there is no consumer 'x'"},
	{"no producer", no_producer, "subscription 1, 'c' of 'c'",
	 "there is no producer 'c'"},
	{"one that has ended", has_ended, NULL, NULL},
	{"acked and not sent", unsent_acked, "subscription 1, 'c' of 'm'",
	 "acked 13, published 12, granted 15"},
	{"sent and not granted", ungranted_sent, "subscription 1, 'c' of 'm'",
	 "acked 10, published 16, granted 15"},
	{"a depth", wrong_depth, "subscription 1, 'c' of 'm'", "depth 3 and"},
	{"a credit", wrong_credit, "subscription 1, 'c' of 'm'",
	 "credit 4 are"},
	{"carries and has not begun", coming_carries,
	 "subscription 1, 'c' of 'm'", "it has not begun"},
	{"percentiles", percentiles, "subscription 1, 'c' of 'm'", "in order"},
	{"a subscription goes back", sub_back, "subscription 1, 'c' of 'm'",
	 "phase 2 back to 1"},
	{"carries less", carries_less, "subscription 1, 'c' of 'm'",
	 "carried went from 9 back to 8"},
	{"fewer batches", fewer_batches, "subscription 1, 'c' of 'm'",
	 "batches went from 4 back to 0"},
	{"fewer samples", fewer_samples, "subscription 1, 'c' of 'm'",
	 "samples of its latency went from 8 back to 1"},
	{"grants that are taken back", grants_taken_back,
	 "subscription 1, 'c' of 'm'", "granted went from 99 back to 15"},
	{"batches of nothing", empty_batches, "subscription 1, 'c' of 'm'",
	 "batches, 11 is over events in them, 10"},
	{"another subscription", another_sub, NULL, NULL},
};

static void is_found(void **state)
{
	const struct wrong_row *row = *state;
	struct inspection found = {.count = 0};
	int there = 0;

	pair_at(&before, 8);
	pair_at(&now, 10);
	row->make();
	invariants_check(&found, &before.snapshot, &now.snapshot);
	assert_int_equal(found.rc, 0);
	assert_true(found.checks > found.count);
	if (row->of == NULL)
		assert_int_equal(found.count, 0);
	for (uint32_t i = 0; row->of != NULL && i < found.count; i++)
		there |= strcmp(found.wrong[i].of.at, row->of) == 0 &&
			 strstr(found.wrong[i].what.at, row->what) != NULL;
	if (row->of != NULL && !there)
		fail_msg("not found: %s: %s; %u are, the first: %s", row->of,
			 row->what, found.count,
			 found.count > 0 ? found.wrong[0].what.at : "none");
	free(found.wrong);
}

static void a_long_list_is_kept(void **state)
{
	struct inspection found = {.count = 0};

	(void)state;
	pair_at(&before, 1000);
	pair_at(&now, 10);
	invariants_check(&found, &before.snapshot, &now.snapshot);
	assert_true(found.count > 16);
	assert_text_has(found.wrong[found.count - 1].of.at, "subscription 2");
	free(found.wrong);
}

int main(void)
{
	struct CMUnitTest tests[64] = {
		cmocka_unit_test(a_long_list_is_kept),
	};
	size_t count = UNIT_ADD_ROWS(tests, 1, is_found, wrong_rows);

	return _cmocka_run_group_tests("invariant", tests, count, NULL, NULL);
}
