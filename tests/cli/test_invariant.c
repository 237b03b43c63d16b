/* SPDX-License-Identifier: Apache-2.0 */
/* Two snapshots of a sound pipeline, and each thing that may be wrong with one: a pipeline or a stage. */
#include "tests/cli/wrong.h"

/* ---- what may be wrong with the second ---------------------------------------- */

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
	before.stage[0].counts.dead_letters = 13;
	now.stage[0].counts.dead_letters = 13;
}
static void each_reader_gives_up(void)
{
	producer_gives_up();
	(void)strcpy(before.stage[0].dispatcher, "broadcast");
	(void)strcpy(now.stage[0].dispatcher, "broadcast");
}
static void producer_refuses(void)
{
	now.stage[0].counts.refused = 1;
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
static void declared_and_runs(void)
{
	before.snapshot.phase = SLUICE_PHASE_DECLARED;
	now.snapshot.phase = SLUICE_PHASE_DECLARED;
}

static struct wrong_row wrong_rows[] = {
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
	{"of a stage that had the name", passed_by_a_stage_before, NULL, NULL},
	{"a serial twice", same_serial, "stage 'm'", "serial 1 is that of 2"},
	{"no serial", no_serial, "stage 'm'", "serial 0 is that of 1"},
	{"a consumer buffers", consumer_buffers, "stage 'c'", "or wait"},
	{"a producer gives up", producer_gives_up, "stage 'a'",
	 "events given up, 13 is over events emitted, 12"},
	{"each reader gives up", each_reader_gives_up, NULL, NULL},
	{"a producer refuses", producer_refuses, "stage 'a'",
	 "only produces, and has refused events"},
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
	{"declared, and runs", declared_and_runs, "pipeline 'p'",
	 "a part of it has"},
};

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
