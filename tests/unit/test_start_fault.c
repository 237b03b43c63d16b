/* SPDX-License-Identifier: Apache-2.0 */
/* A start when the system says no: the n-th call of a kind fails, for every n there is,
 * until a start gets through. */
#include "flow.h"
#include "tests/support/faults.h"

#include <stdio.h>
#include <sys/resource.h>

#define STAGES  5u
#define REGIONS (STAGES + 1) /* one for the bells */
#define WORKERS 3u
#define N_MAX   500u /* no start makes so many calls of one kind */

/* ---- a pipeline with one of everything that is allocated ----------------- */

struct life {
	uint32_t inits;
	uint32_t finis;
};

static struct life lives[STAGES];

static int life_init(struct sluice_stage *self)
{
	struct life *life = sluice_stage_state(self);

	life->inits++;
	return SLUICE_OK;
}

static void life_fini(struct sluice_stage *self, enum sluice_reason reason)
{
	struct life *life = sluice_stage_state(self);

	(void)reason;
	life->finis++;
}

static int end_at_once(struct sluice_stage *self, uint32_t demand)
{
	(void)self;
	(void)demand;
	return SLUICE_END;
}

static int swallow(struct sluice_stage *self, const struct sluice_batch *batch)
{
	(void)self;
	(void)batch;
	return SLUICE_OK;
}

static int wants_all(const void *event, void *ctx)
{
	(void)event;
	(void)ctx;
	return 1;
}

/* A partition with its spill, two broadcasts, batches that must be gathered,
 * and a thread of its own for the last. */
static struct sluice_pipeline *everything(void)
{
	static const char *const middles[] = {"left", "right"};
	struct sluice_pipeline *p = flow_open(WORKERS - 1);

	memset(lives, 0, sizeof(lives));
	flow_add(p,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .dispatcher = "partition",
			      .handle_demand = end_at_once, .init = life_init,
			      .fini = life_fini, .state = &lives[0]));
	for (uint32_t i = 0; i < 2; i++)
		flow_add(p, SLUICE_STAGE(.name = middles[i], .in_bytes = 8,
					 .kind = SLUICE_PRODUCER_CONSUMER,
					 .out_bytes = 8, .fan_out_max = 2,
					 .dispatcher = "broadcast",
					 .handle_events = swallow,
					 .init = life_init, .fini = life_fini,
					 .state = &lives[1 + i]));
	flow_add(p, SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = swallow,
				 .init = life_init, .fini = life_fini,
				 .state = &lives[3]));
	flow_add(p, SLUICE_STAGE(.name = "slow", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = swallow,
				 .init = life_init, .fini = life_fini,
				 .blocking = 1, .state = &lives[4]));
	for (uint32_t i = 0; i < 2; i++) {
		flow_subscribe(p, middles[i], "source",
			       SLUICE_SUBSCRIPTION(.min_demand = 5));
		flow_subscribe(p, "sink", middles[i],
			       SLUICE_SUBSCRIPTION(.selector = wants_all));
		flow_subscribe(p, "slow", middles[i], NULL);
	}
	return p;
}

/* The text names who failed: the pipeline, or one of its stages. */
static void check_names_somebody(const char *text)
{
	static const char *const names[] = {"'source'", "'left'", "'right'",
					    "'sink'",   "'slow'", "'pipeline'"};

	for (size_t i = 0; i < UNIT_COUNT(names); i++)
		if (strstr(text, names[i]) != NULL)
			return;
	fail_msg("\"%s\" names no stage", text);
}

static void check_lives(void)
{
	for (uint32_t i = 0; i < STAGES; i++) {
		assert_int_equal(lives[i].inits, lives[i].finis);
		assert_in_range(lives[i].inits, 0, 1);
	}
}

static void check_runs(struct sluice_pipeline *p)
{
	assert_int_equal(flow_join(p), 0);
	for (uint32_t i = 0; i < STAGES; i++) {
		assert_int_equal(lives[i].inits, 1);
		assert_int_equal(lives[i].finis, 1);
	}
}

/* ---- every call fails once ----------------------------------------------- */

static struct fault {
	const char *name; /* of the call, and so of the test */
	int error;
	int rc;
	uint32_t at_least; /* calls a start makes */
	const char *says;
} faults[] = {
	{"memfd_create", EMFILE, -EMFILE, REGIONS, "memfd_create"},
	{"ftruncate", EFBIG, -EFBIG, REGIONS, "ftruncate"},
	{"fallocate", ENOSPC, -ENOSPC, REGIONS, "fallocate"},
	{"mmap", ENOMEM, -ENOMEM, REGIONS, "mmap"},
	{"fcntl", EPERM, -EPERM, REGIONS, "sealing"},
	{"calloc", ENOMEM, -ENOMEM, 1, "no memory"},
	{"aligned_alloc", ENOMEM, -ENOMEM, 20, "no memory"},
	{"malloc", ENOMEM, -ENOMEM, 1 + WORKERS, "thread"},
	{"pthread_create", EAGAIN, -EAGAIN, 1 + WORKERS, "thread"},
};

static void start_fails_and_holds_nothing(void **state)
{
	const struct fault *row = *state;
	uint32_t n;

	for (n = 1; n < N_MAX; n++) {
		struct sluice_pipeline *p = everything();
		int64_t live = fault_live();
		int rc;

		fault_arm(row->name, row->error, n, FAULT_ANY);
		rc = sluice_pipeline_start(p);
		(void)fault_disarm();
		if (rc == 0) {
			check_runs(p);
			sluice_pipeline_close(p);
			break;
		}
		assert_int_equal(rc, row->rc);
		assert_text_has(sluice_last_error(), row->says);
		check_names_somebody(sluice_last_error());
		check_lives();
		assert_int_equal(fault_live(), live);
		flow_check_released();
		sluice_pipeline_close(p);
	}
	assert_in_range(n, row->at_least + 1, N_MAX - 1);
	assert_int_equal(fault_live(), 0);
}

/* Memory may be there the next time: what was declared is still declared. */
static void start_again_works(void **state)
{
	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(faults); i++) {
		struct sluice_pipeline *p = everything();

		if (strcmp(faults[i].says, "thread") == 0) {
			sluice_pipeline_close(p);
			continue;
		}
		for (uint32_t n = 1; n < N_MAX; n++) {
			int rc;

			fault_arm(faults[i].name, faults[i].error, n,
				  FAULT_ANY);
			rc = sluice_pipeline_start(p);
			(void)fault_disarm();
			if (rc == 0)
				break;
			assert_int_equal(rc, faults[i].rc);
		}
		check_runs(p);
		sluice_pipeline_close(p);
	}
	assert_int_equal(fault_live(), 0);
}

/* A foreign thread that wakes its producer need not know that the start is just
 * being refused: no stage has run yet. */
static sluice_a32 waking;

static void *wake_on(void *stage)
{
	while (sluice_load_acquire(&waking))
		sluice_wake(stage);
	return NULL;
}

static void start_fails_under_wakes(void **state)
{
	static const char *const calls[] = {"memfd_create", "pthread_create"};

	(void)state;
	for (uint32_t i = 0; i < 400; i++) {
		struct sluice_pipeline *p = everything();
		pthread_t waker;

		sluice_store_release(&waking, 1);
		assert_int_equal(pthread_create(&waker, NULL, wake_on,
						sluice_stage_find(p, "source")),
				 0);
		fault_arm(calls[i % 2], EAGAIN, 1, FAULT_ANY);
		assert_int_equal(sluice_pipeline_start(p), -EAGAIN);
		(void)fault_disarm();
		sluice_store_release(&waking, 0);
		(void)pthread_join(waker, NULL);
		sluice_pipeline_close(p);
	}
}

/* Declaring needs memory too. */
static void declaring_fails_and_holds_nothing(void **state)
{
	static const char *const calls[] = {"aligned_alloc"};
	const struct sluice_stage_opts *opts =
		SLUICE_STAGE(.name = "a", .kind = SLUICE_PRODUCER,
			     .out_bytes = 8, .handle_demand = end_at_once);
	static const char *const opens[] = {"aligned_alloc", "calloc",
					    "malloc"};
	struct sluice_pipeline *p = NULL;
	int64_t live;

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(opens); i++) {
		fault_arm(opens[i], ENOMEM, 1, FAULT_ANY);
		assert_int_equal(sluice_pipeline_open(&p, NULL), -ENOMEM);
		assert_text_has(sluice_last_error(), "'pipeline': no memory");
		assert_null(p);
		assert_int_equal(fault_live(), 0);
	}
	fault_arm("realloc", ENOMEM, 2, FAULT_ANY);
	assert_int_equal(
		sluice_pipeline_open(&p, SLUICE_PIPELINE(.pin = "0-3")),
		-ENOMEM);
	assert_text_has(sluice_last_error(), "'pipeline': no memory");
	assert_int_equal(fault_live(), 0);
	(void)fault_disarm();
	p = flow_open(1);
	live = fault_live();
	for (size_t i = 0; i < UNIT_COUNT(calls); i++) {
		fault_arm(calls[i], ENOMEM, 1, FAULT_ANY);
		assert_int_equal(sluice_stage_add(p, opts), -ENOMEM);
		assert_text_has(sluice_last_error(), "no memory");
		assert_int_equal(fault_live(), live);
		assert_null(sluice_stage_find(p, "a"));
	}
	(void)fault_disarm();
	flow_add(p, opts);
	flow_add(p, SLUICE_STAGE(.name = "c", .kind = SLUICE_CONSUMER,
				 .in_bytes = 8, .handle_events = swallow));
	fault_arm("aligned_alloc", ENOMEM, 1, FAULT_ANY);
	assert_int_equal(sluice_subscribe(p, "c", "a", NULL), -ENOMEM);
	(void)fault_disarm();
	flow_subscribe(p, "c", "a", NULL);
	assert_int_equal(flow_run(p), 0);
	sluice_pipeline_close(p);
	assert_int_equal(fault_live(), 0);
}

/* The limit under which @more files can be opened: others may be open already,
 * anywhere, by whoever runs the test. */
static rlim_t limit_for(uint32_t more)
{
	int fd = 0;

	while (fcntl(fd, F_GETFD, 0) >= 0 || more-- > 0)
		fd++;
	return (rlim_t)fd;
}

/* The same by the kernel's own hand. One file at a time is all that a start
 * needs, however many stages there are. */
static void files_run_out(void **state)
{
	struct rlimit before;
	struct rlimit low;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (uint32_t more = 0; more < 2; more++) {
		struct sluice_pipeline *p = everything();
		int rc;

		low = before;
		low.rlim_cur = limit_for(more);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
		rc = sluice_pipeline_start(p);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		if (more == 0) {
			assert_int_equal(rc, -EMFILE);
			assert_text_has(sluice_last_error(), "memfd_create");
			check_names_somebody(sluice_last_error());
			flow_check_released();
		} else {
			assert_int_equal(rc, 0);
			check_runs(p);
		}
		sluice_pipeline_close(p);
	}
}

/* A limit on files is answered, and no signal ends the program. */
static void files_may_not_grow(void **state)
{
	struct sluice_pipeline *p = everything();
	struct rlimit before;
	struct rlimit low;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	low = before;
	low.rlim_cur = 8192;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	assert_int_equal(sluice_pipeline_start(p), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_text_has(sluice_last_error(), "RLIMIT_FSIZE");
	check_names_somebody(sluice_last_error());
	flow_check_released();
	assert_int_equal(sluice_pipeline_start(p), 0);
	check_runs(p);
	sluice_pipeline_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start_again_works),
		cmocka_unit_test(start_fails_under_wakes),
		cmocka_unit_test(declaring_fails_and_holds_nothing),
		cmocka_unit_test(files_run_out),
		cmocka_unit_test(files_may_not_grow),
	};
	struct CMUnitTest all[UNIT_COUNT(tests) + UNIT_COUNT(faults)];
	size_t at = 0;

	at = UNIT_ADD_ROWS(all, at, start_fails_and_holds_nothing, faults);
	memcpy(all + at, tests, sizeof(tests));
	flow_watch(all, UNIT_COUNT(all));
	return cmocka_run_group_tests_name("start_fault", all, NULL, NULL);
}
