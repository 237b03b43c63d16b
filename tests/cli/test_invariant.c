/* SPDX-License-Identifier: Apache-2.0 */
/* Two snapshots of a sound pipeline, and each thing that may be wrong with one. */
#include "tests/cli/pair.h"
#include "tests/support/unit.h"

#include <stdlib.h>

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
	now.stage[1].counts.restarts = 1;
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
	now.sub[2].counts.acked = 13;
	now.sub[2].counts.published = 15;
	now.sub[2].counts.granted = 18;
}
static void each_has_all(void)
{
	memcpy(before.stage[0].dispatcher, "broadcast", 10);
	memcpy(now.stage[0].dispatcher, "broadcast", 10);
	before.sub[2].kind = SLUICE_SUB_DISPATCHED;
	now.sub[2].kind = SLUICE_SUB_DISPATCHED;
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
	before.sub[1].consumer[0] = 'x';
	now.sub[1].consumer[0] = 'x';
	now.sub[1].counts.depth = 0;
	now.sub[1].counts.credit = 0;
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
	now.sub[1].counts.acked = 8;
	now.sub[1].counts.depth = 4;
	now.sub[1].sub.generation++;
}

static void passed_by_a_stage_before(void)
{
	before.sub[1].carried = 99;
	before.sub[1].phase = SLUICE_SUB_ENDED;
	before.sub[1].counts.batches = now.sub[1].counts.batches;
	before.sub[1].latency.count = now.sub[1].latency.count;
	has_ended();
	now.sub[1].carried = 99;
}
static void same_serial(void)
{
	now.stage[1].serial = 1;
}
static void no_serial(void)
{
	now.stage[1].serial = 0;
}
static void consumer_buffers(void)
{
	now.stage[2].counts.buffered = 1;
}
static void producer_gives_up(void)
{
	now.stage[0].counts.dead_letters = 1;
}
static void nowhere(void)
{
	now.stage[1].worker = SLUICE_WORKER_NONE;
}
static void port_somewhere(void)
{
	before.stage[1].port = 1;
	now.stage[1].port = 1;
}
static void a_port(void)
{
	port_somewhere();
	now.stage[1].worker = SLUICE_WORKER_NONE;
	now.stage[1].cpu = SLUICE_CPU_NONE;
}
static void cpu_of_nobody(void)
{
	a_port();
	now.stage[1].cpu = 3;
}
static void not_alone(void)
{
	before.stage[1].blocking = 1;
	now.stage[1].blocking = 1;
}
static void on_two_cpus(void)
{
	now.stage[1].cpu = 3;
}
static void out_of_credit(void)
{
	now.stage[0].time.doing = SLUICE_DOING_NO_CREDIT;
	now.stage[0].held_up_by[0] = 'm';
}
static void out_of_credit_by_nobody(void)
{
	now.stage[0].time.doing = SLUICE_DOING_NO_CREDIT;
}
static void held_and_idle(void)
{
	now.stage[0].held_up_by[0] = 'm';
}
static void held_by_an_onlooker(void)
{
	out_of_credit();
	now.stage[0].held_up_by[0] = 'c';
	now.stage[0].held_up_at.index = 2;
}
static void held_by_a_restorer(void)
{
	held_by_an_onlooker();
	now.stage[0].held_up_at.index = UINT32_MAX;
}
static void without_consumers(void)
{
	now.stage[1].time.doing = SLUICE_DOING_NO_CREDIT;
	has_ended();
}
static void other_dispatcher(void)
{
	now.stage[0].dispatcher[0] = 'x';
}
static void not_restarted(void)
{
	before.stage[1].phase = SLUICE_PHASE_DOWN;
	now.stage[1].counts.restarts = 0;
}
static void goes_on(void)
{
	before.stage[1].phase = SLUICE_PHASE_ENDED;
	now.stage[1].phase = SLUICE_PHASE_ENDED;
}
static void empty_calls(void)
{
	before.stage[1].counts.batches_in = 11;
	now.stage[1].counts.batches_in = 11;
}
static void empty_emissions(void)
{
	before.stage[1].counts.batches_out = 13;
	now.stage[1].counts.batches_out = 13;
}
static void less_spilled(void)
{
	before.stage[1].counts.spilled = 1;
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
static void declared_and_runs(void)
{
	before.snapshot.phase = SLUICE_PHASE_DECLARED;
	now.snapshot.phase = SLUICE_PHASE_DECLARED;
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
	{"of a stage that had the name", passed_by_a_stage_before, NULL, NULL},
	{"a serial twice", same_serial, "stage 'm'", "serial 1 is that of 2"},
	{"no serial", no_serial, "stage 'm'", "serial 0 is that of 1"},
	{"a consumer buffers", consumer_buffers, "stage 'c'", "or wait"},
	{"a producer gives up", producer_gives_up, "stage 'a'", "given up"},
	{"runs nowhere", nowhere, "stage 'm'", "in phase 1 it is on worker -1"},
	{"a port on a worker", port_somewhere, "stage 'm'", "is on worker 0"},
	{"a cpu without a worker", cpu_of_nobody, "stage 'm'", "on cpu 3"},
	{"a worker that is shared", not_alone, "stage 'm'",
	 "it is blocking, and shares worker 0 with 'a'"},
	{"a worker on two cpus", on_two_cpus, "stage 'm'",
	 "on cpu 3, and with"},
	{"out of credit", out_of_credit, NULL, NULL},
	{"out of credit, by nobody", out_of_credit_by_nobody, "stage 'a'",
	 "has 1 consumers, and is held up by ''"},
	{"held up, and idle", held_and_idle, "stage 'a'", "not out of credit"},
	{"held up by an onlooker", held_by_an_onlooker, "stage 'a'",
	 "not on a subscription of the two"},
	{"held up by who restores", held_by_a_restorer, NULL, NULL},
	{"without consumers", without_consumers, NULL, NULL},
	{"another dispatcher", other_dispatcher, "stage 'a'", "declared as"},
	{"not restarted", not_restarted, "stage 'm'", "not been restarted"},
	{"ended, and goes on", goes_on, "stage 'm'", "ended, and went on"},
	{"calls with nothing", empty_calls, "stage 'm'",
	 "batches_in, 11 is over events in them, 10"},
	{"emissions of nothing", empty_emissions, "stage 'm'",
	 "batches_out, 13 is over events in them, 12"},
	{"less spilled", less_spilled, "stage 'm'", "spilled went from 1"},
	{"ended, with credit", ended_with_credit, "subscription 1, 'x' of 'm'",
	 "has ended, and has"},
	{"no window", without_a_window, "subscription 1, 'c' of 'm'",
	 "its window is 0"},
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
	{"declared, and runs", declared_and_runs, "pipeline 'p'",
	 "a part of it has"},
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
	struct CMUnitTest tests[96] = {
		cmocka_unit_test(a_long_list_is_kept),
	};
	size_t count = UNIT_ADD_ROWS(tests, 1, is_found, wrong_rows);

	return _cmocka_run_group_tests("invariant", tests, count, NULL, NULL);
}
