/* SPDX-License-Identifier: Apache-2.0 */
/* Process stages that stand still: each may say itself what becomes of it then. */
#include "program.h"

#define FAST .backoff_ms = 1, .backoff_max_ms = 20

/* One that runs says something within this time, however busy the machine is. */
#define STALL_MS 1500u

/* ---- parts --------------------------------------------------------------------- */

static int reads_on(struct sluice_stage *port)
{
	struct sluice_batch batch;
	int rc;

	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0)
		program_count(&batch);
	PROGRAM_MUST(rc == -EPIPE);
	return sluice_detach(port, TEST_DEADLINE_MS) == 0 ? 0 : 96;
}

/* The first of them all does, with a batch in its hands. */
static int stands_still(void)
{
	struct sluice_stage *port = program_attach();
	struct sluice_batch batch;

	if (program_is_first()) {
		PROGRAM_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
		(void)sluice_fetch_add(&programs->count, 1);
		(void)raise(SIGSTOP);
	}
	return reads_on(port);
}

/* For as long as it is let; who it is stands in `child`. */
static int is_patient(void)
{
	struct sluice_stage *port = program_attach();
	struct sluice_batch batch;

	PROGRAM_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
	sluice_store_release(&programs->child, (uint32_t)getpid());
	(void)raise(SIGSTOP);
	program_count(&batch);
	return reads_on(port);
}

static const struct program_part parts[] = {
	{"stands_still", stands_still},
	{"is_patient", is_patient},
};

/* ---- tests --------------------------------------------------------------------- */

static char folder[64];

static void listen_with(enum sluice_on_stall on_stall, uint32_t stall_ms)
{
	(void)strcpy(folder, "/tmp/sluice-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(sluice_pipeline_listen(
				 pipeline, SLUICE_LISTEN(.folder = folder,
							 .on_stall = on_stall,
							 .stall_ms = stall_ms)),
			 0);
}

static void add(const char *name, const char *part,
		enum sluice_on_stall on_stall, uint32_t stall_ms)
{
	program_add(SLUICE_PROCESS(.name = name, .from = "source",
				   .max_demand = 64, .on_stall = on_stall,
				   .stall_ms = stall_ms,
				   .restart = SLUICE_RESTART_TRANSIENT,
				   .end_ms = SLUICE_PROCESS_MS_MAX),
		    part);
}

static void expect_sent_away(const char *after)
{
	assert_true(program_has_said(after));
	assert_true(program_has_said("stands still; restarting in"));
	program_close();
	program_check_all(1);
	assert_int_equal(sluice_load_acquire(&programs->starts), 2);
}

/* Nobody listens. */
static void by_its_own_options(enum sluice_on_stall on_stall)
{
	program_open(SLUICE_PIPELINE(FAST));
	program_source();
	add("reader", "stands_still", on_stall, STALL_MS);
	assert_int_equal(flow_run(pipeline), 0);
	expect_sent_away("for stall_ms, 1500");
}

static void one_is_detached(void **state)
{
	(void)state;
	by_its_own_options(SLUICE_STALL_DETACH);
}

static void one_is_evicted(void **state)
{
	(void)state;
	by_its_own_options(SLUICE_STALL_EVICT);
}

/* The listener waits, or would for long. */
static void sooner_than_others(enum sluice_on_stall on_stall, uint32_t stall_ms)
{
	program_open(SLUICE_PIPELINE(FAST, .name = "test"));
	program_source();
	listen_with(on_stall, stall_ms);
	add("reader", "stands_still", SLUICE_STALL_DETACH, STALL_MS + 1);
	assert_int_equal(flow_run(pipeline), 0);
	expect_sent_away("for stall_ms, 1501");
	assert_int_equal(rmdir(folder), 0);
}

static void one_where_others_are_waited_for(void **state)
{
	(void)state;
	sooner_than_others(SLUICE_STALL_WAIT, 0);
}

static void one_where_others_have_longer(void **state)
{
	(void)state;
	sooner_than_others(SLUICE_STALL_EVICT, SLUICE_STALL_MS_MAX);
}

/* Both stand still: when the one that is as the listener says has been sent away, the
 * other, which was first, would have been as well. */
static void one_is_waited_for(void **state)
{
	(void)state;
	program_open(SLUICE_PIPELINE(FAST, .name = "test"));
	program_source();
	listen_with(SLUICE_STALL_DETACH, STALL_MS);
	add("patient", "is_patient", SLUICE_STALL_NEVER, 0);
	flow_start(pipeline);
	child_await(&programs->child, 1);
	add("reader", "stands_still", SLUICE_STALL_WAIT, 0);
	program_await_said("stage 'reader': process");
	assert_true(program_has_said("peer is sent away: 'reader'"));
	assert_false(program_has_said("peer is sent away: 'patient'"));
	assert_int_equal(
		kill((pid_t)sluice_load_acquire(&programs->child), SIGCONT), 0);
	assert_int_equal(flow_join(pipeline), 0);
	program_close();
	assert_false(program_has_said("'patient'"));
	/* The other may do the rest before. */
	assert_in_range(sluice_load_acquire(&programs->starts), 2, 3);
	program_check_all(1);
	assert_int_equal(rmdir(folder), 0);
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(one_is_detached),
		cmocka_unit_test(one_is_evicted),
		cmocka_unit_test(one_where_others_are_waited_for),
		cmocka_unit_test(one_where_others_have_longer),
		cmocka_unit_test(one_is_waited_for),
	};

	if (argc > 1)
		return program_main(argv, parts, UNIT_COUNT(parts));
	program_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
