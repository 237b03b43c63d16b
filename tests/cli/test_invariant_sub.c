/* SPDX-License-Identifier: Apache-2.0 */
/* Two snapshots of a sound pipeline, and each thing that may be wrong with one: a subscription. */
#include "tests/cli/wrong.h"

/* ---- what may be wrong with the second ---------------------------------------- */

static void no_consumer(void)
{
	now.sub[1].consumer[0] = 'x';
}
static void no_producer(void)
{
	now.sub[1].producer[0] = 'c';
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
	now.sub[1].counts.acked = 8;
	now.sub[1].counts.depth = 4;
	now.sub[1].sub.generation++;
}
static void ended_with_credit(void)
{
	has_ended();
	now.sub[1].counts.credit = 1;
}
static void without_a_window(void)
{
	now.sub[1].window = 0;
}
static void window_over_its_most(void)
{
	now.sub[1].window = 32;
	now.sub[1].window_most = 16;
}
static void granted_over_its_most(void)
{
	before.sub[1].window_most = 1;
	now.sub[1].window = 1;
	now.sub[1].window_most = 1;
	before.sub[1].counts.granted = before.sub[1].counts.published;
	before.sub[1].counts.credit = 0;
}
static void never_full(void)
{
	before.sub[1].counts.high = 0;
	now.sub[1].counts.high = 0;
}
static void onlooker_waits(void)
{
	now.sub[2].counts.waiting = 1;
}
static void without_a_sample(void)
{
	before.sub[1].latency = (struct sluice_latency_stats){0};
	now.sub[1].latency = (struct sluice_latency_stats){.max_ns = 1};
}
static void carries_another(void)
{
	now.sub[1].counts.acked = 11;
	now.sub[1].counts.depth = 1;
}
static void in_its_place(void)
{
	now.sub[1].sub.index = 0;
	now.sub[1].sub.generation = 7;
}
static void two_at_an_inlet(void)
{
	before.sub[2].inlet = 0;
	now.sub[2].inlet = 0;
}
static void other_producer(void)
{
	before.sub[1].producer[0] = 'a';
}
static void ended_and_went_on(void)
{
	before.sub[1].phase = SLUICE_SUB_ENDED;
	has_ended();
}
static void less_full(void)
{
	before.sub[1].counts.high = 11;
}
static void less_late(void)
{
	before.sub[1].latency.max_ns = 6;
}
static void too_many_samples(void)
{
	before.sub[1].latency.count = 11;
	now.sub[1].latency.count = 11;
}
static void was_held(void)
{
	before.sub[1].phase = SLUICE_SUB_HELD;
}
static void held_and_cancelled(void)
{
	before.sub[1].phase = SLUICE_SUB_CANCELLED;
	now.sub[1].phase = SLUICE_SUB_HELD;
}

static struct wrong_row wrong_rows[] = {
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
	{"ended, with credit", ended_with_credit, "subscription 1, 'x' of 'm'",
	 "has ended, and has"},
	{"no window", without_a_window, "subscription 1, 'c' of 'm'",
	 "its window is 0"},
	{"window over its most", window_over_its_most,
	 "subscription 1, 'c' of 'm'", "its window is 32, and 16 at most"},
	{"granted over its most", granted_over_its_most,
	 "subscription 1, 'c' of 'm'", "and its window is 1 at most"},
	{"never found waiting", never_full, "subscription 1, 'c' of 'm'",
	 "none was ever found"},
	{"an onlooker's spill", onlooker_waits, "subscription 2, 'c' of 'a'",
	 "it looks on, and has"},
	{"a latency of nothing", without_a_sample, "subscription 1, 'c' of 'm'",
	 "without a sample"},
	{"carries another count", carries_another, "subscription 1, 'c' of 'm'",
	 "carried 10, and acked 11"},
	{"in another's place", in_its_place, "subscription 0, 'c' of 'm'",
	 "another subscription has its place"},
	{"two at an inlet", two_at_an_inlet, "subscription 1, 'c' of 'm'",
	 "inlet 0 of its consumer is that of 'a', too"},
	{"another producer", other_producer, "subscription 1, 'c' of 'm'",
	 "made as has changed"},
	{"one that ended, and goes on", ended_and_went_on,
	 "subscription 1, 'x' of 'm'", "ended, and went on"},
	{"less full", less_full, "subscription 1, 'c' of 'm'",
	 "the most events found, went from 11 back to 10"},
	{"less late", less_late, "subscription 1, 'c' of 'm'",
	 "latency, went from 6 back to 5"},
	{"more samples than events", too_many_samples,
	 "subscription 1, 'c' of 'm'", "samples of its latency, 11 is over"},
	{"a place that was kept", was_held, NULL, NULL},
	{"cancelled, and kept", held_and_cancelled,
	 "subscription 1, 'c' of 'm'", "phase 2 back to 4"},
};

int main(void)
{
	struct CMUnitTest tests[96];
	size_t count = UNIT_ADD_ROWS(tests, 0, is_found, wrong_rows);

	return _cmocka_run_group_tests("invariant_sub", tests, count, NULL,
				       NULL);
}
