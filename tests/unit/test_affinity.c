/* SPDX-License-Identifier: Apache-2.0 */
/* Which stage runs where, on a machine made up for the purpose: it has CPUs 0,
 * 2, 3 and 5. Nothing is started. */
#include "flow.h"

#include "engine/graph/plan_priv.h"
#include "engine/run/run_priv.h"

#define CPUS       4u
#define STAGES_MAX 8u

static uint32_t cpus_there;
static uint32_t time_there; /* CPUs' worth */
static uint32_t turns_taken;

static void four_cpus(void *ctx, struct platform_cpus *cpus)
{
	static const uint32_t there[CPUS] = {0, 2, 3, 5};

	(void)ctx;
	memcpy(cpus->list, there, sizeof(there));
	cpus->count = cpus_there;
	cpus->time = time_there;
	cpus->refused = cpus_there ? 0 : -EPERM;
}

static uint32_t count_turns(void *ctx, uint32_t n)
{
	uint32_t first = turns_taken;

	(void)ctx;
	turns_taken += n;
	return first;
}

static struct platform made_up;

static char logged[256];
static uint32_t log_lines;

static void take_log(void *ctx, const char *text)
{
	(void)ctx;
	(void)snprintf(logged, sizeof(logged), "%s", text);
	log_lines++;
}

static void machine_make_up(void)
{
	made_up = *platform_linux();
	made_up.cpus = four_cpus;
	made_up.turns = count_turns;
	cpus_there = CPUS;
	time_there = CPUS;
	turns_taken = 0;
	log_lines = 0;
}

static struct sluice_pipeline *
open_with(const struct sluice_pipeline_opts *opts)
{
	struct sluice_pipeline *p = NULL;

	assert_int_equal(pipeline_open_on(&p, opts, &made_up), 0);
	return p;
}

#define OPEN_WITH(...) open_with(SLUICE_PIPELINE(__VA_ARGS__))

static struct sluice_pipeline *made_up_open(uint32_t workers, uint32_t spin_us)
{
	machine_make_up();
	return OPEN_WITH(.workers = workers, .spin_us = spin_us);
}

static void add(struct sluice_pipeline *p, uint32_t cpu, uint32_t blocking)
{
	char name[SLUICE_NAME_BYTES];

	(void)snprintf(name, sizeof(name), "s%u", pipeline_stages(p));
	flow_add(p, SLUICE_STAGE(.name = name, .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = flow_collect,
				 .cpu = cpu, .blocking = blocking));
}

/* What a start does first, and what close undoes. */
static void place(struct sluice_pipeline *p)
{
	p->planned = 1;
	if (affinity_place(p) != 0)
		fail_msg("%s", sluice_last_error());
}

static struct turns {
	const char *name;
	uint32_t workers;
	uint32_t made;       /* workers that are made for 8 stages */
	int cpu[STAGES_MAX]; /* of each stage */
	uint32_t spin_us;    /* left to them */
} turns[] = {
	{"one_per_cpu", 0, 4, {0, 2, 3, 5, 0, 2, 3, 5}, 50},
	{"one_worker", 1, 1, {0, 0, 0, 0, 0, 0, 0, 0}, 50},
	{"two_workers", 2, 2, {0, 2, 0, 2, 0, 2, 0, 2}, 50},
	{"as_many_as_cpus", 4, 4, {0, 2, 3, 5, 0, 2, 3, 5}, 50},
	{"more_than_cpus", 6, 6, {0, 2, 3, 5, 0, 2, 0, 2}, 0},
	{"more_than_stages", 100, 8, {0, 2, 3, 5, 0, 2, 3, 5}, 0},
};

/* In turn, in the order of declaration. */
static void stages_take_turns(void **state)
{
	const struct turns *row = *state;
	struct sluice_pipeline *p = made_up_open(row->workers, 0);

	for (uint32_t i = 0; i < STAGES_MAX; i++)
		add(p, 0, 0);
	place(p);
	assert_int_equal(pipeline_workers(p), row->made);
	for (uint32_t i = 0; i < STAGES_MAX; i++) {
		const struct worker *worker = p->stages[i]->worker;

		assert_int_equal(worker->cpu, row->cpu[i]);
		assert_ptr_equal(worker, &p->workers[i % row->made]);
		assert_ptr_equal(worker->stages[i / row->made], p->stages[i]);
		assert_int_equal(worker->spin.most_ns, row->spin_us * 1000);
		assert_int_equal(worker->spin.yields, 8);
		assert_int_equal(worker->blocking, 0);
	}
	for (uint32_t i = 0; i < pipeline_workers(p); i++)
		assert_int_equal(sluice_load_relaxed(&p->workers[i].load),
				 p->workers[i].count);
	sluice_pipeline_close(p);
}

static void pinned_stages_share_their_cpu(void **state)
{
	struct sluice_pipeline *p = made_up_open(0, 0);

	(void)state;
	add(p, SLUICE_CPU(5), 0);
	add(p, 0, 0); /* the first turn: CPU 0 */
	add(p, SLUICE_CPU(5), 0);
	add(p, SLUICE_CPU(0), 0);
	place(p);
	assert_int_equal(pipeline_workers(p), 2);
	assert_int_equal(p->stages[0]->worker->cpu, 5);
	assert_ptr_equal(p->stages[2]->worker, p->stages[0]->worker);
	assert_int_equal(p->stages[1]->worker->cpu, 0);
	assert_ptr_equal(p->stages[3]->worker, p->stages[1]->worker);
	sluice_pipeline_close(p);
}

/* They cost the others neither a turn nor a spin. */
static void blocking_stages_run_alone(void **state)
{
	struct sluice_pipeline *p = made_up_open(0, 0);

	(void)state;
	for (uint32_t i = 0; i < STAGES_MAX; i++)
		add(p, 0, i % 2);
	place(p);
	assert_int_equal(pipeline_workers(p), STAGES_MAX);
	for (uint32_t i = 0; i < STAGES_MAX; i++) {
		const struct worker *worker = p->stages[i]->worker;

		assert_int_equal(worker->count, 1);
		assert_int_equal(worker->blocking, i % 2);
		assert_int_equal(worker->spin.most_ns, i % 2 ? 0 : 50000);
		assert_int_equal(worker->spin.yields, i % 2 ? 0 : 8);
		if (i % 2)
			assert_int_equal(worker->cpu, PLATFORM_CPU_ANY);
	}
	assert_int_equal(p->stages[2]->worker->cpu, 2);
	assert_int_equal(p->stages[6]->worker->cpu, 5);
	sluice_pipeline_close(p);
}

static struct spins {
	const char *name;
	uint32_t spin_us;
	uint64_t most_ns;
	uint32_t yields;
} spins[] = {
	{"by_default", 0, 50000, 8},
	{"so_long", 7, 7000, 8},
	{"at_most", SLUICE_SPIN_US_MAX, 1000000000, 8},
	{"never", SLUICE_SPIN_NEVER, 0, 0},
	{"forever", SLUICE_SPIN_FOREVER, SPIN_NS_FOREVER, 8},
};

static void spins_as_told(void **state)
{
	const struct spins *row = *state;
	struct sluice_pipeline *p = made_up_open(2, row->spin_us);

	add(p, 0, 0);
	place(p);
	assert_int_equal(p->workers[0].spin.most_ns, row->most_ns);
	assert_int_equal(p->workers[0].spin.yields, row->yields);
	assert_int_equal(p->cpu_time, CPUS);
	sluice_pipeline_close(p);
}

/* Not even one that is to spin for ever keeps another one's CPU. */
static void none_of_too_many_spins(void **state)
{
	struct sluice_pipeline *p = made_up_open(CPUS + 1, SLUICE_SPIN_FOREVER);

	(void)state;
	for (uint32_t i = 0; i < STAGES_MAX; i++)
		add(p, 0, 0);
	place(p);
	for (uint32_t i = 0; i <= CPUS; i++)
		assert_int_equal(p->workers[i].spin.most_ns, 0);
	sluice_pipeline_close(p);
}

static void refusal_names_the_cpus(void **state)
{
	struct sluice_pipeline *p = made_up_open(0, 0);

	(void)state;
	add(p, SLUICE_CPU(4), 0);
	p->planned = 1;
	assert_int_equal(affinity_place(p), -EINVAL);
	assert_text_has(sluice_last_error(), "'s0'");
	assert_text_has(sluice_last_error(), "cpu 4 does not exist");
	assert_text_has(sluice_last_error(), "there are: 0,2-3,5");
	sluice_pipeline_close(p);
}

/* ---- pin ----------------------------------------------------------------- */

#define ANY PLATFORM_CPU_ANY
#define NOWHERE                                                                \
	{                                                                      \
		ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY                         \
	}

static struct pins {
	const char *name;
	const char *pin;
	uint32_t workers;
	uint32_t turn; /* taken before */
	uint32_t time; /* CPUs' worth */
	uint32_t made;
	int cpu[STAGES_MAX];
	uint32_t spin_us;
} pins[] = {
	{"spread_by_name", "spread", 2, 0, 4, 2, {0, 2, 0, 2, 0, 2, 0, 2}, 50},
	{"spread_goes_on", NULL, 2, 1, 4, 2, {2, 3, 2, 3, 2, 3, 2, 3}, 50},
	{"spread_goes_round", NULL, 2, 7, 4, 2, {5, 0, 5, 0, 5, 0, 5, 0}, 50},
	{"spread_of_one", NULL, 1, 2, 4, 1, {3, 3, 3, 3, 3, 3, 3, 3}, 50},
	{"spread_over_all", NULL, 0, 6, 4, 4, {3, 5, 0, 2, 3, 5, 0, 2}, 50},
	{"spread_too_many", NULL, 6, 1, 4, 6, {2, 3, 5, 0, 2, 3, 2, 3}, 0},
	{"list_of_one", "5", 0, 3, 4, 1, {5, 5, 5, 5, 5, 5, 5, 5}, 50},
	{"list_in_its_order", "5,0", 0, 3, 4, 2, {5, 0, 5, 0, 5, 0, 5, 0}, 50},
	{"list_of_a_range", "2-3,5", 0, 0, 4, 3, {2, 3, 5, 2, 3, 5, 2, 3}, 50},
	{"list_for_fewer", "2-3,5", 2, 0, 4, 2, {2, 3, 2, 3, 2, 3, 2, 3}, 50},
	{"list_for_more", "3,5", 3, 0, 4, 3, {3, 5, 3, 3, 5, 3, 3, 5}, 0},
	{"none", "none", 2, 3, 4, 2, NOWHERE, 50},
	{"none_by_default", "none", 0, 3, 4, 4, NOWHERE, 50},
	{"none_too_many", "none", 5, 3, 4, 5, NOWHERE, 0},
	{"quota_of_two", NULL, 0, 0, 2, 2, {0, 2, 0, 2, 0, 2, 0, 2}, 50},
	{"quota_of_one", NULL, 0, 1, 1, 1, {2, 2, 2, 2, 2, 2, 2, 2}, 50},
	{"quota_and_a_list", "2-3,5", 0, 0, 2, 2, {2, 3, 2, 3, 2, 3, 2, 3}, 50},
	{"quota_and_none", "none", 0, 0, 3, 3, NOWHERE, 50},
	{"quota_exceeded_on_purpose",
	 NULL,
	 3,
	 0,
	 2,
	 3,
	 {0, 2, 3, 0, 2, 3, 0, 2},
	 0},
};

static void pin_decides(void **state)
{
	const struct pins *row = *state;
	struct sluice_pipeline *p;

	machine_make_up();
	turns_taken = row->turn;
	time_there = row->time;
	p = OPEN_WITH(.workers = row->workers, .pin = row->pin);
	for (uint32_t i = 0; i < STAGES_MAX; i++)
		add(p, 0, 0);
	place(p);
	assert_int_equal(pipeline_workers(p), row->made);
	for (uint32_t i = 0; i < STAGES_MAX; i++) {
		const struct worker *worker = p->stages[i]->worker;

		assert_int_equal(worker->cpu, row->cpu[i]);
		assert_ptr_equal(worker, &p->workers[i % row->made]);
		assert_int_equal(worker->spin.most_ns, row->spin_us * 1000);
	}
	sluice_pipeline_close(p);
}

/* A port's user is a thread of the program: no CPU is taken up by it, and no
 * stage is given to it, wherever it may run. */
static void ports_take_no_worker(void **state)
{
	static const char *const told[] = {"spread", "none"};

	(void)state;
	for (uint32_t k = 0; k < UNIT_COUNT(told); k++) {
		struct sluice_pipeline *p;

		machine_make_up();
		p = OPEN_WITH(.pin = told[k]);
		flow_add(p, SLUICE_STAGE(.name = "port", .in_bytes = 8,
					 .kind = SLUICE_CONSUMER,
					 .flags = SLUICE_STAGE_PORT));
		for (uint32_t i = 0; i < CPUS; i++)
			add(p, 0, 0);
		place(p);
		assert_int_equal(pipeline_workers(p), 1 + CPUS);
		for (uint32_t i = 1; i <= CPUS; i++) {
			const struct worker *worker = p->stages[i]->worker;

			assert_int_equal(worker->foreign, 0);
			assert_int_equal(worker->spin.most_ns, 50000);
		}
		sluice_pipeline_close(p);
	}
}

/* A pipeline of one worker moves the next one on by one, whatever it runs. */
static void workers_take_turns_not_stages(void **state)
{
	struct sluice_pipeline *p;

	(void)state;
	machine_make_up();
	p = OPEN_WITH(.workers = 1);
	for (uint32_t i = 0; i < 3; i++)
		add(p, 0, 0);
	place(p);
	assert_int_equal(turns_taken, 1);
	sluice_pipeline_close(p);
}

/* Each goes on where the last one ended: by so many as it has, at most one a
 * stage; and only for stages that take turns. */
static void pipelines_share_the_cpus_out(void **state)
{
	static const int cpus[] = {0, 2, 3, 5, 0};

	(void)state;
	machine_make_up();
	for (uint32_t i = 0; i < UNIT_COUNT(cpus); i++) {
		struct sluice_pipeline *p = OPEN_WITH(.workers = i == 1);

		add(p, 0, 0);
		add(p, 0, 1);
		add(p, SLUICE_CPU(5), 0);
		place(p);
		assert_int_equal(p->stages[0]->worker->cpu, cpus[i]);
		assert_int_equal(p->stages[2]->worker->cpu, 5);
		assert_int_equal(turns_taken, i + 1);
		sluice_pipeline_close(p);
	}
}

/* What a stage says goes before what its pipeline says. */
static void a_stage_may_be_pinned_where_nothing_is(void **state)
{
	struct sluice_pipeline *p;

	(void)state;
	machine_make_up();
	p = OPEN_WITH(.pin = "none");
	add(p, SLUICE_CPU(3), 0);
	add(p, 0, 0);
	place(p);
	assert_int_equal(p->stages[0]->worker->cpu, 3);
	assert_int_equal(p->stages[1]->worker->cpu, ANY);
	sluice_pipeline_close(p);
	p = OPEN_WITH(.pin = "2");
	add(p, SLUICE_CPU(3), 0);
	place(p);
	assert_int_equal(p->stages[0]->worker->cpu, 3);
	sluice_pipeline_close(p);
}

static void list_names_a_cpu_there_is_not(void **state)
{
	struct sluice_pipeline *p;

	(void)state;
	machine_make_up();
	p = OPEN_WITH(.name = "pipe", .pin = "0-2");
	add(p, 0, 0);
	p->planned = 1;
	assert_int_equal(affinity_place(p), -EINVAL);
	assert_text_has(sluice_last_error(),
			"pipeline 'pipe': cpu 1 does not exist");
	assert_text_has(sluice_last_error(), "there are: 0,2-3,5");
	sluice_pipeline_close(p);
}

static struct wrong_pin {
	const char *name;
	const char *pin;
} wrong_pins[] = {
	{"pin_empty", ""},
	{"pin_of_a_comma", ","},
	{"pin_ends_in_a_comma", "1,"},
	{"pin_begins_with_a_comma", ",1"},
	{"pin_with_a_space", "1, 2"},
	{"pin_half_a_range", "1-"},
	{"pin_backwards", "3-1"},
	{"pin_twice", "1,0-2"},
	{"pin_negative", "-1"},
	{"pin_ends_in_a_letter", "0-1x"},
	{"pin_too_large", "65536"},
	{"pin_far_too_large", "99999999999999999999"},
	{"pin_a_word", "all"},
	{"pin_almost_none", "none "},
	{"pin_too_many", "0-9000"},
};

static void pin_is_refused(void **state)
{
	const struct wrong_pin *row = *state;
	struct sluice_pipeline *p = NULL;

	machine_make_up();
	assert_int_equal(pipeline_open_on(&p,
					  SLUICE_PIPELINE(.name = "pipe",
							  .pin = row->pin),
					  &made_up),
			 -EINVAL);
	assert_null(p);
	assert_text_has(sluice_last_error(), "pipeline 'pipe': pin \"");
	assert_text_has(sluice_last_error(), "such as \"0-3,8\"");
}

/* The kernel does not say which there are: nothing is pinned but what was told
 * to be, and that is said once. */
static void cpus_that_are_not_known(void **state)
{
	struct sluice_pipeline *p;

	(void)state;
	machine_make_up();
	cpus_there = 0;
	time_there = 2;
	p = OPEN_WITH(.name = "pipe", .log = take_log);
	for (uint32_t i = 0; i < 4; i++)
		add(p, i == 3 ? SLUICE_CPU(7) : 0, 0);
	place(p);
	assert_int_equal(pipeline_workers(p), 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(p->stages[i]->worker->cpu, ANY);
	assert_int_equal(p->stages[3]->worker->cpu, 7);
	assert_int_equal(log_lines, 1);
	assert_text_has(logged, "pipeline 'pipe': ");
	assert_text_has(logged, "peration not permitted");
	assert_text_has(logged, "not pinned");
	assert_int_equal(turns_taken, 0);
	sluice_pipeline_close(p);
	p = OPEN_WITH(.pin = "7", .log = take_log);
	add(p, 0, 0);
	place(p);
	assert_int_equal(p->stages[0]->worker->cpu, 7);
	assert_int_equal(log_lines, 1);
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pinned_stages_share_their_cpu),
		cmocka_unit_test(blocking_stages_run_alone),
		cmocka_unit_test(none_of_too_many_spins),
		cmocka_unit_test(refusal_names_the_cpus),
		cmocka_unit_test(ports_take_no_worker),
		cmocka_unit_test(workers_take_turns_not_stages),
		cmocka_unit_test(pipelines_share_the_cpus_out),
		cmocka_unit_test(a_stage_may_be_pinned_where_nothing_is),
		cmocka_unit_test(list_names_a_cpu_there_is_not),
		cmocka_unit_test(cpus_that_are_not_known),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(turns) +
			      UNIT_COUNT(pins) + UNIT_COUNT(wrong_pins) +
			      UNIT_COUNT(spins)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, stages_take_turns, turns);
	at = UNIT_ADD_ROWS(all, at, pin_decides, pins);
	at = UNIT_ADD_ROWS(all, at, pin_is_refused, wrong_pins);
	at = UNIT_ADD_ROWS(all, at, spins_as_told, spins);
	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("affinity", all, NULL, NULL);
}
