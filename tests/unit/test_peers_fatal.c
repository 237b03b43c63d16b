/* SPDX-License-Identifier: Apache-2.0 */
/* Events that every process dies of that gets them come a few times, and are given up:
 * those behind them go on. */
#include "fatal.h"

#define LIMIT 3u

/* One that runs says something within this time, however busy the machine is. */
#define STALL_MS 1500u

static void open_for(const char *dispatcher,
		     const struct sluice_listen_opts *listen)
{
	struct sluice_stage_opts o = fatal_source(dispatcher);
	struct sluice_listen_opts l = *listen;

	pipeline = flow_open_named(2);
	flow_add(pipeline, &o);
	l.folder = visitor_folder;
	assert_int_equal(sluice_pipeline_listen(pipeline, &l), 0);
	flow_start(pipeline);
}

static uint64_t dead_letters(void)
{
	return flow_stats(pipeline, "source").dead_letters;
}

static void end_it(uint64_t dead)
{
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	assert_int_equal(dead_letters(), dead);
	sluice_pipeline_close(pipeline);
}

/* ---- whatever deals them out ------------------------------------------------------- */

static void reads_once(void)
{
	reads("reader");
}

static void reads_again_and_again(void)
{
	(void)lives(reads_once);
}

/* A place that is kept, or not. */
struct dealt_row {
	const char *name; /* of the test */
	const char *dispatcher;
	uint32_t hold_ms;
};

static struct dealt_row dealt_rows[] = {
	{"demand", "demand", 0},
	{"demand, and the place is kept", "demand", 3600000},
	{"partition", "partition", 0},
	{"partition, and the place is kept", "partition", 3600000},
	{"shared", "shared", 0},
	{"shared, and the place is kept", "shared", 3600000},
	{"jbsq", "jbsq", 0},
	{"broadcast, and the place is kept", "broadcast", 3600000},
};

static void all_but_those(void **state)
{
	const struct dealt_row *row = *state;
	struct visitor reader;

	assert_int_equal(visitor_setup(state), 0);
	reader = visitor_fork(reads_again_and_again);
	open_for(row->dispatcher,
		 SLUICE_LISTEN(.hold_ms = SLUICE_HOLD_MS(row->hold_ms)));
	visitor_go(&reader);
	visitor_wait(&reader);
	end_it(UNIT_COUNT(fatal));
	check_letters(LIMIT, "reader");
	check_handled();
	assert_int_equal(visitor_teardown(state), 0);
}

/* The last one is there. */
static void reads_to_the_last(const char *name, uint32_t stage, int dies)
{
	struct sluice_stage *port = reader_attach(name);
	struct sluice_batch batch;
	uint64_t last = 0;

	if (sluice_load_acquire(&visited->stage) < stage)
		sluice_store_release(&visited->stage, stage);
	while (last != EVENTS - 1) {
		VISITOR_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
		for (uint32_t i = 0; i < batch.count; i++) {
			last = SLUICE_EVENTS(&batch, struct item)[i].value;
			if (dies)
				handle(&batch, i);
			else
				(void)sluice_fetch_add(&visited->count, 1);
		}
	}
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

static void reads_all(void)
{
	reads_to_the_last("other", 1, 0);
}

static void reads_beside_once(void)
{
	reads_to_the_last("reader", 2, 1);
}

static void reads_beside(void)
{
	child_await(&visited->stage, 1);
	(void)lives(reads_beside_once);
}

/* Of what all get, it is given up for who dies of it. */
static void another_has_them(void **state)
{
	struct visitor reader = visitor_fork(reads_beside);
	struct visitor other = visitor_fork(reads_all);

	(void)state;
	source_stays = 1;
	sluice_store_release(&begun, 0);
	open_for("broadcast",
		 SLUICE_LISTEN(.hold_ms = SLUICE_HOLD_MS(3600000)));
	visitor_go(&other);
	visitor_go(&reader);
	child_await(&visited->stage, 2);
	visitor_await_phase("reader", SLUICE_SUB_OPEN);
	visitor_await_phase("other", SLUICE_SUB_OPEN);
	sluice_store_release(&begun, 1);
	sluice_wake(sluice_stage_find(pipeline, "source"));
	visitor_wait(&reader);
	visitor_wait(&other);
	end_it(UNIT_COUNT(fatal));
	source_stays = 0;
	check_letters(LIMIT, "reader");
	check_handled();
	assert_int_equal(sluice_load_acquire(&visited->count), EVENTS);
}

/* ---- what does not count -------------------------------------------------------------- */

static struct dealt_row failed_rows[] = {
	{"demand, and it fails", "demand", 0},
	{"demand, the place is kept, and it fails", "demand", 3600000},
	{"partition, and it fails", "partition", 0},
	{"jbsq, and it fails", "jbsq", 0},
};

static void takes_and_leaves(void)
{
	struct sluice_stage *port = reader_attach("reader");
	struct sluice_batch batch;

	VISITOR_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

static void reads_harmless(void)
{
	struct sluice_stage *port = reader_attach("reader");
	struct sluice_batch batch;
	uint32_t got = 0;
	int rc;

	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0)
		got += batch.count;
	VISITOR_MUST(rc == -EPIPE);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
	(void)sluice_fetch_add(&visited->count, got);
}

static void takes_and_leaves_many_times(void)
{
	for (uint32_t i = 0; i < 2 * LIMIT; i++)
		takes_and_leaves();
	reads_harmless();
}

/* Nobody has died. */
static void who_leaves(void **state)
{
	struct visitor reader = visitor_fork(takes_and_leaves_many_times);

	(void)state;
	open_for("demand", SLUICE_LISTEN(.hold_ms = SLUICE_HOLD_MS(0)));
	visitor_go(&reader);
	visitor_wait(&reader);
	end_it(0);
}

/* It cannot handle what it has, and says so. */
static void takes_and_fails(void)
{
	struct sluice_stage *port = reader_attach("reader");
	struct sluice_batch batch;
	uint32_t life = sluice_fetch_add(&visited->sent, 1);
	uint64_t first;

	VISITOR_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
	first = SLUICE_EVENTS(&batch, struct item)[0].value;
	VISITOR_MUST(first == 0);
	VISITOR_MUST(life == 0 || batch.flags & SLUICE_BATCH_REDELIVERED);
	VISITOR_MUST(sluice_port_end(port, SLUICE_REASON_ERROR) == 0);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

static void takes_and_fails_many_times(void)
{
	for (uint32_t i = 0; i < 2 * LIMIT; i++)
		VISITOR_MUST(lives(takes_and_fails) == 0);
	reads_harmless();
}

/* All of it goes to others. */
static void who_fails(void **state)
{
	const struct dealt_row *row = *state;
	struct visitor reader;

	assert_int_equal(visitor_setup(state), 0);
	reader = visitor_fork(takes_and_fails_many_times);
	open_for(row->dispatcher,
		 SLUICE_LISTEN(.hold_ms = SLUICE_HOLD_MS(row->hold_ms)));
	visitor_go(&reader);
	visitor_wait(&reader);
	end_it(0);
	assert_int_equal(sluice_load_acquire(&visited->count), EVENTS);
	assert_int_equal(visitor_teardown(state), 0);
}

/* The first takes one; the others die before they take any. */
static void dies_soon(void)
{
	struct sluice_stage *port = reader_attach("reader");
	struct sluice_batch batch;
	uint32_t life = sluice_fetch_add(&visited->sent, 1);

	if (life == 0)
		VISITOR_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
	if (life < 2 * LIMIT)
		(void)raise(SIGKILL);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
}

static void dies_soon_many_times(void)
{
	VISITOR_MUST(lives(dies_soon) == 2 * LIMIT);
	reads_harmless();
}

static void who_never_came_to_it(uint32_t hold_ms)
{
	struct visitor reader = visitor_fork(dies_soon_many_times);

	open_for("demand", SLUICE_LISTEN(.hold_ms = SLUICE_HOLD_MS(hold_ms)));
	visitor_go(&reader);
	visitor_wait(&reader);
	end_it(0);
	assert_int_equal(sluice_load_acquire(&visited->count), EVENTS);
}

static void who_has_not_taken_it(void **state)
{
	(void)state;
	who_never_came_to_it(0);
}

static void who_has_not_taken_it_in_a_kept_place(void **state)
{
	(void)state;
	who_never_came_to_it(3600000);
}

/* So many times, if that is what is wished. */
static void dies_at_first(void)
{
	struct sluice_stage *port;

	if (sluice_fetch_add(&visited->sent, 1) >= 2 * LIMIT) {
		reads_harmless();
		return;
	}
	port = reader_attach("reader");
	for (;;) {
		struct sluice_batch batch;

		VISITOR_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
		for (uint32_t i = 0; i < batch.count; i++)
			handle(&batch, i);
	}
}

static void dies_at_first_many_times(void)
{
	VISITOR_MUST(lives(dies_at_first) == 2 * LIMIT);
}

static void it_is_never_given_up(void **state)
{
	struct visitor reader = visitor_fork(dies_at_first_many_times);

	(void)state;
	open_for("demand",
		 SLUICE_LISTEN(.max_deliveries =
				       SLUICE_PEER_DELIVERIES_FOREVER));
	visitor_go(&reader);
	visitor_wait(&reader);
	end_it(0);
	assert_int_equal(sluice_load_acquire(&visited->given[fatal[0]]),
			 2 * LIMIT);
}

/* ---- who stands still ------------------------------------------------------------------ */

/* It stops instead of dying, and is sent away; somebody else comes at once. */
static void stops_at_first(void)
{
	struct sluice_stage *port = reader_attach(NULL);
	struct sluice_batch batch;
	int rc;

	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0)
		for (uint32_t i = 0; i < batch.count; i++)
			if (SLUICE_EVENTS(&batch, struct item)[i].value ==
			    fatal[0])
				(void)raise(SIGSTOP);
	/* One that was slow is sent away as well, and comes again. */
	VISITOR_MUST(rc == -EPIPE || rc == -EIO);
	VISITOR_MUST(sluice_detach(port, TEST_DEADLINE_MS) == 0);
	if (rc == -EIO)
		(void)raise(SIGKILL);
}

static void stops_again_and_again(void)
{
	pid_t stopped[8];
	uint32_t count = 0;
	int status;

	do {
		pid_t pid = fork();

		VISITOR_MUST(pid >= 0 && count < UNIT_COUNT(stopped));
		if (pid == 0) {
			stops_at_first();
			_exit(0);
		}
		status = -1;
		VISITOR_MUST(waitpid(pid, &status, WUNTRACED) == pid);
		if (WIFSTOPPED(status))
			stopped[count++] = pid;
	} while (status != 0);
	for (uint32_t i = 0; i < count; i++)
		VISITOR_MUST(kill(stopped[i], SIGKILL) == 0 &&
			     waitpid(stopped[i], NULL, 0) == stopped[i]);
	sluice_store_release(&visited->sent, count);
}

static void who_stands_still(void **state)
{
	struct visitor reader = visitor_fork(stops_again_and_again);

	(void)state;
	open_for("demand",
		 SLUICE_LISTEN(.on_stall = SLUICE_STALL_DETACH,
			       .stall_ms = STALL_MS, .max_deliveries = 3));
	visitor_go(&reader);
	visitor_wait(&reader);
	end_it(1);
	assert_int_equal(post.letter[0].value, fatal[0]);
	assert_int_equal(post.letter[0].deliveries, 3);
	/* One that was told an end may not have heard it yet. */
	assert_true(sluice_load_acquire(&visited->sent) >= 3);
}

int main(void)
{
	struct CMUnitTest tests[32] = {
		cmocka_unit_test(another_has_them),
		cmocka_unit_test(who_leaves),
		cmocka_unit_test(who_has_not_taken_it),
		cmocka_unit_test(who_has_not_taken_it_in_a_kept_place),
		cmocka_unit_test(it_is_never_given_up),
		cmocka_unit_test(who_stands_still),
	};
	size_t count = 6;

	visitor_watch(tests, count);
	count = UNIT_ADD_ROWS(tests, count, all_but_those, dealt_rows);
	count = UNIT_ADD_ROWS(tests, count, who_fails, failed_rows);
	return _cmocka_run_group_tests("peers_fatal", tests, count, NULL, NULL);
}
