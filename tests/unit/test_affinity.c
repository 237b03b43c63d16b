/* SPDX-License-Identifier: Apache-2.0 */
/* Which stage runs where, on a machine made up for the purpose: it has CPUs 0,
 * 2, 3 and 5. Nothing is started. */
#include "flow.h"

#include "engine/pipeline_priv.h"

#define CPUS       4u
#define STAGES_MAX 8u

static uint32_t cpus_there;

static uint32_t four_cpus(void *ctx, uint32_t *list, uint32_t max)
{
	static const uint32_t there[CPUS] = {0, 2, 3, 5};

	(void)ctx;
	assert_true(max >= CPUS);
	memcpy(list, there, sizeof(there));
	return cpus_there;
}

static struct platform made_up;

static struct sluice_pipeline *made_up_open(uint32_t workers, uint32_t spin,
					    uint32_t yield)
{
	struct sluice_pipeline *p = NULL;

	made_up = *platform_linux();
	made_up.cpus = four_cpus;
	cpus_there = CPUS;
	assert_int_equal(
		pipeline_open_on(&p,
				 SLUICE_PIPELINE(.workers = workers,
						 .spin_rounds = spin,
						 .yield_rounds = yield),
				 &made_up),
		0);
	return p;
}

static void add(struct sluice_pipeline *p, uint32_t cpu, uint32_t blocking)
{
	char name[SLUICE_NAME_BYTES];

	(void)snprintf(name, sizeof(name), "s%u", p->stage_count);
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
	uint32_t spin;       /* rounds left to them */
} turns[] = {
	{"one_per_cpu", 0, 4, {0, 2, 3, 5, 0, 2, 3, 5}, 64},
	{"one_worker", 1, 1, {0, 0, 0, 0, 0, 0, 0, 0}, 64},
	{"two_workers", 2, 2, {0, 2, 0, 2, 0, 2, 0, 2}, 64},
	{"as_many_as_cpus", 4, 4, {0, 2, 3, 5, 0, 2, 3, 5}, 64},
	{"more_than_cpus", 6, 6, {0, 2, 3, 5, 0, 2, 0, 2}, 0},
	{"more_than_stages", 100, 8, {0, 2, 3, 5, 0, 2, 3, 5}, 0},
};

/* In turn, in the order of declaration. */
static void stages_take_turns(void **state)
{
	const struct turns *row = *state;
	struct sluice_pipeline *p = made_up_open(row->workers, 0, 0);

	for (uint32_t i = 0; i < STAGES_MAX; i++)
		add(p, 0, 0);
	place(p);
	assert_int_equal(p->worker_count, row->made);
	for (uint32_t i = 0; i < STAGES_MAX; i++) {
		const struct worker *worker = p->stages[i]->worker;

		assert_int_equal(worker->cpu, row->cpu[i]);
		assert_ptr_equal(worker, &p->workers[i % row->made]);
		assert_ptr_equal(worker->stages[i / row->made], p->stages[i]);
		assert_int_equal(worker->limits.spin_rounds, row->spin);
		assert_int_equal(worker->limits.yield_rounds, 8);
		assert_int_equal(worker->blocking, 0);
	}
	for (uint32_t i = 0; i < p->worker_count; i++)
		assert_int_equal(p->workers[i].live, p->workers[i].count);
	sluice_pipeline_close(p);
}

static void pinned_stages_share_their_cpu(void **state)
{
	struct sluice_pipeline *p = made_up_open(0, 0, 0);

	(void)state;
	add(p, SLUICE_CPU(5), 0);
	add(p, 0, 0); /* the first turn: CPU 0 */
	add(p, SLUICE_CPU(5), 0);
	add(p, SLUICE_CPU(0), 0);
	place(p);
	assert_int_equal(p->worker_count, 2);
	assert_int_equal(p->stages[0]->worker->cpu, 5);
	assert_ptr_equal(p->stages[2]->worker, p->stages[0]->worker);
	assert_int_equal(p->stages[1]->worker->cpu, 0);
	assert_ptr_equal(p->stages[3]->worker, p->stages[1]->worker);
	sluice_pipeline_close(p);
}

/* They cost the others neither a turn nor a spin. */
static void blocking_stages_run_alone(void **state)
{
	struct sluice_pipeline *p = made_up_open(0, 0, 0);

	(void)state;
	for (uint32_t i = 0; i < STAGES_MAX; i++)
		add(p, 0, i % 2);
	place(p);
	assert_int_equal(p->worker_count, STAGES_MAX);
	for (uint32_t i = 0; i < STAGES_MAX; i++) {
		const struct worker *worker = p->stages[i]->worker;

		assert_int_equal(worker->count, 1);
		assert_int_equal(worker->blocking, i % 2);
		assert_int_equal(worker->limits.spin_rounds, i % 2 ? 0 : 64);
		assert_int_equal(worker->limits.yield_rounds, i % 2 ? 0 : 8);
		if (i % 2)
			assert_int_equal(worker->cpu, PLATFORM_CPU_ANY);
	}
	assert_int_equal(p->stages[2]->worker->cpu, 2);
	assert_int_equal(p->stages[6]->worker->cpu, 5);
	sluice_pipeline_close(p);
}

static void rounds_are_as_told(void **state)
{
	struct sluice_pipeline *p = made_up_open(2, 7, UINT32_MAX);

	(void)state;
	add(p, 0, 0);
	place(p);
	assert_int_equal(p->workers[0].limits.spin_rounds, 7);
	assert_int_equal(p->workers[0].limits.yield_rounds, 0);
	sluice_pipeline_close(p);
	p = made_up_open(2, UINT32_MAX, 3);
	add(p, 0, 0);
	place(p);
	assert_int_equal(p->workers[0].limits.spin_rounds, 0);
	assert_int_equal(p->workers[0].limits.yield_rounds, 3);
	sluice_pipeline_close(p);
}

static void refusal_names_the_cpus(void **state)
{
	struct sluice_pipeline *p = made_up_open(0, 0, 0);

	(void)state;
	add(p, SLUICE_CPU(4), 0);
	p->planned = 1;
	assert_int_equal(affinity_place(p), -EINVAL);
	assert_text_has(sluice_last_error(), "'s0'");
	assert_text_has(sluice_last_error(), "cpu 4 does not exist");
	assert_text_has(sluice_last_error(), "there are: 0,2-3,5");
	sluice_pipeline_close(p);
}

static void no_cpu_at_all(void **state)
{
	struct sluice_pipeline *p = made_up_open(0, 0, 0);

	(void)state;
	add(p, 0, 0);
	cpus_there = 0;
	p->planned = 1;
	assert_int_equal(affinity_place(p), -EINVAL);
	assert_text_has(sluice_last_error(), "no CPU is allowed");
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pinned_stages_share_their_cpu),
		cmocka_unit_test(blocking_stages_run_alone),
		cmocka_unit_test(rounds_are_as_told),
		cmocka_unit_test(refusal_names_the_cpus),
		cmocka_unit_test(no_cpu_at_all),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(turns)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, stages_take_turns, turns);
	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("affinity", all, NULL, NULL);
}
