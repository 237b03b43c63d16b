/* SPDX-License-Identifier: Apache-2.0 */
/* The ways in which a process stage goes: by what it says, by standing still, while the
 * pipeline drains. */
#include "engine/graph/pipeline_priv.h"
#include "engine/peer/attach_priv.h"
#include "engine/peer/exec_priv.h"
#include "program.h"
#include "tests/support/gate.h"

#include <sys/socket.h>

#define FAST .backoff_ms = 1, .backoff_max_ms = 20

/* One that runs says something within this time, however busy the machine is. */
#define STALL_MS 1500u
/* A hello or a ready that comes later is tried again. */
#define ATTACH_MS 200u

/* ---- parts --------------------------------------------------------------------- */

static struct wire_hello part_offer(void)
{
	struct wire_hello hello;

	PROGRAM_MUST(attach_offer(EXEC_SOCKET, &hello, UINT64_MAX) == 0);
	return hello;
}

/* By hand: welcome, and not yet ready. */
static struct attach part_welcomed(void)
{
	struct wire_hello hello = part_offer();
	struct attach attach;

	PROGRAM_MUST(attach_over(&attach, EXEC_SOCKET, &hello, UINT64_MAX) ==
		     0);
	return attach;
}

static int part_reads_on(struct sluice_stage *port)
{
	struct sluice_batch batch;
	int rc;

	while ((rc = sluice_recv(port, &batch, TEST_DEADLINE_MS)) > 0)
		program_count(&batch);
	PROGRAM_MUST(rc == -EPIPE);
	return sluice_detach(port, TEST_DEADLINE_MS) == 0 ? 0 : 96;
}

static int reads(void)
{
	return part_reads_on(program_attach());
}

static int talks_nonsense_once_in(void)
{
	struct attach attach = part_welcomed();

	PROGRAM_MUST(attach_ready(&attach) == 0);
	PROGRAM_MUST(send(EXEC_SOCKET, "hello", 5, 0) == 5);
	return program_hangs();
}

static int is_never_ready(void)
{
	(void)part_welcomed();
	return program_hangs();
}

/* The first one. */
static int leaves_before_it_is_in(void)
{
	struct attach attach;

	if (!program_is_first())
		return reads();
	attach = part_welcomed();
	attach_close(&attach, SLUICE_REASON_NORMAL, 0);
	return 0;
}

/* It has a batch in its hands. */
static struct sluice_stage *part_holds(void)
{
	struct sluice_stage *port = program_attach();
	struct sluice_batch batch;

	PROGRAM_MUST(sluice_recv(port, &batch, TEST_DEADLINE_MS) > 0);
	(void)sluice_fetch_add(&programs->count, 1);
	return port;
}

static int holds(void)
{
	(void)part_holds();
	return program_hangs();
}

static int stands_still(void)
{
	return program_is_first() ? holds() : reads();
}

static int holds_and_leaves(void)
{
	struct sluice_stage *port = part_holds();

	child_await(&programs->told, 1);
	return sluice_detach(port, 0) == 0 ? 0 : 96;
}

static int dies_while_its_source_is_busy(void)
{
	if (!program_is_first())
		return reads();
	(void)part_holds();
	child_await(&programs->told, 1);
	(void)raise(SIGKILL);
	return 0;
}

static int exits_with_3(void)
{
	return 3;
}

/* Of whom it says to be. */
static int part_lies(const struct wire_hello *hello)
{
	struct attach attach;

	PROGRAM_MUST(attach_over(&attach, EXEC_SOCKET, hello, UINT64_MAX) ==
		     -EPERM);
	return 0;
}

static int feeds_what_it_should_read(void)
{
	struct wire_hello hello = part_offer();

	hello.role = WIRE_PRODUCER;
	(void)memcpy(hello.to, hello.from, sizeof(hello.to));
	memset(hello.from, 0, sizeof(hello.from));
	return part_lies(&hello);
}

static int reads_another(void)
{
	struct wire_hello hello = part_offer();

	(void)strcpy(hello.from, "other");
	return part_lies(&hello);
}

static int feeds_another(void)
{
	struct wire_hello hello = part_offer();

	(void)strcpy(hello.to, "other");
	return part_lies(&hello);
}

static const struct program_part parts[] = {
	{"hangs", program_hangs},
	{"reads", reads},
	{"talks_nonsense_once_in", talks_nonsense_once_in},
	{"is_never_ready", is_never_ready},
	{"leaves_before_it_is_in", leaves_before_it_is_in},
	{"stands_still", stands_still},
	{"holds", holds},
	{"holds_and_leaves", holds_and_leaves},
	{"dies_while_its_source_is_busy", dies_while_its_source_is_busy},
	{"exits_with_3", exits_with_3},
	{"feeds_what_it_should_read", feeds_what_it_should_read},
	{"reads_another", reads_another},
	{"feeds_another", feeds_another},
};

static void add_reader(const char *part, enum sluice_restart restart)
{
	program_add(SLUICE_PROCESS(.name = "reader", .from = "source",
				   .max_demand = 64, .restart = restart,
				   .end_ms = SLUICE_PROCESS_MS_MAX),
		    part);
}

/* ---- by what it says -------------------------------------------------------------- */

static void one_that_makes_no_sense_is_killed(void **state)
{
	(void)state;
	program_open(SLUICE_PIPELINE(FAST));
	program_source();
	add_reader("talks_nonsense_once_in", SLUICE_RESTART_NONE);
	assert_int_equal(flow_run(pipeline), -EPROTO);
	assert_text_has(sluice_last_error(), "stage 'reader': process ");
	assert_text_has(sluice_last_error(), "5 bytes");
	program_close();
}

static void one_that_is_never_ready_is_killed(void **state)
{
	(void)state;
	program_open(SLUICE_PIPELINE(FAST, .max_restarts = 1000));
	program_source();
	program_add(SLUICE_PROCESS(.name = "reader", .from = "source",
				   .restart = SLUICE_RESTART_TRANSIENT,
				   .attach_ms = ATTACH_MS),
		    "is_never_ready");
	flow_start(pipeline);
	program_await_said("no ready within attach_ms, 200; restarting");
	sluice_pipeline_stop(pipeline);
	program_close();
}

/* It may: what becomes of it then is asked as of any that exits. */
static void one_leaves_before_it_is_in(void **state)
{
	(void)state;
	program_open(SLUICE_PIPELINE(FAST));
	program_source();
	add_reader("leaves_before_it_is_in", SLUICE_RESTART_PERMANENT);
	assert_int_equal(flow_run(pipeline), 0);
	program_close();
	program_check_all(1);
	assert_true(program_has_said("has exited with 0; restarting in"));
	assert_int_equal(sluice_load_acquire(&programs->starts), 2);
}

static struct lie_row {
	const char *test; /* and part */
	const char *from;
	const char *to;
	const char *says;
} lie_rows[] = {
	{"feeds_what_it_should_read", "source", NULL,
	 "it was started to be a consumer of 'source', and nothing else"},
	{"reads_another", "source", NULL,
	 "it was started to be a consumer of 'source', and nothing else"},
	{"feeds_another", NULL, "sink",
	 "it was started to be a producer of 'sink', and nothing else"},
};

static void one_that_lies_is_refused(void **state)
{
	const struct lie_row *row = *state;

	assert_int_equal(program_setup(state), 0);
	program_open_flow(SLUICE_PIPELINE(FAST));
	program_add(
		SLUICE_PROCESS(.name = "x", .from = row->from, .to = row->to),
		row->test);
	assert_int_equal(flow_run(pipeline), -EPERM);
	assert_text_has(sluice_last_error(), row->says);
	program_close();
	assert_int_equal(program_teardown(state), 0);
}

/* ---- by standing still ------------------------------------------------------------- */

static char folder[64];

static void listen_and_evict(void)
{
	(void)strcpy(folder, "/tmp/sluice-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(
		sluice_pipeline_listen(
			pipeline, SLUICE_LISTEN(.folder = folder,
						.on_stall = SLUICE_STALL_DETACH,
						.stall_ms = STALL_MS)),
		0);
}

static void expect_evicted(void)
{
	program_close();
	program_check_all(1);
	assert_true(program_has_said("stands still; restarting in"));
	assert_int_equal(rmdir(folder), 0);
}

/* It is no stranger: it is killed, and the next one has what it had. */
static void one_that_stands_still_is_killed(void **state)
{
	(void)state;
	program_open(SLUICE_PIPELINE(FAST, .name = "test"));
	program_source();
	add_reader("stands_still", SLUICE_RESTART_TRANSIENT);
	listen_and_evict();
	assert_int_equal(flow_run(pipeline), 0);
	expect_evicted();
}

/* And nothing else happens in the pipeline. */
static void one_that_has_stood_still_for_long_is_killed(void **state)
{
	(void)state;
	program_open(SLUICE_PIPELINE(FAST, .name = "test"));
	program_source();
	add_reader("stands_still", SLUICE_RESTART_TRANSIENT);
	flow_start(pipeline);
	child_await(&programs->count, 1);
	listen_and_evict();
	assert_int_equal(flow_join(pipeline), 0);
	expect_evicted();
}

/* ---- by what it takes up ----------------------------------------------------------- */

/* As any peer. */
static void one_that_takes_too_much_is_refused(void **state)
{
	(void)state;
	(void)strcpy(folder, "/tmp/sluice-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	program_open(SLUICE_PIPELINE(FAST, .name = "test"));
	program_source();
	program_add(SLUICE_PROCESS(.name = "x", .from = "source",
				   .max_demand = 4096),
		    "reads");
	assert_int_equal(sluice_pipeline_listen(
				 pipeline, SLUICE_LISTEN(.folder = folder,
							 .bytes_max = 32768)),
			 0);
	assert_int_equal(flow_run(pipeline), -ENOSPC);
	assert_text_has(sluice_last_error(),
			"stage 'x': peer 'x': max_demand 4096 of 8 bytes each "
			"takes ");
	program_close();
	assert_int_equal(rmdir(folder), 0);
}

/* ---- while its producer is busy ------------------------------------------------------ */

static struct gate busy;

/* The second call does not return before it may. */
static int count_and_block(struct sluice_stage *self, uint32_t demand)
{
	if (source.next > 0 && !sluice_load_acquire(&programs->told)) {
		sluice_store_release(&programs->told, 1);
		gate_pass(&busy);
	}
	return flow_count(self, demand);
}

/* Whoever came before that has seen the death would be refused, and that would count as a
 * failure. */
static void one_comes_back_when_that_is_settled(void **state)
{
	(void)state;
	busy = GATE_CLOSED;
	source = (struct flow_source){.end = PROGRAM_EVENTS, .most = 8};
	program_open(SLUICE_PIPELINE(FAST));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = count_and_block,
			      .state = &source));
	add_reader("dies_while_its_source_is_busy", SLUICE_RESTART_TRANSIENT);
	flow_start(pipeline);
	program_await_said("restarting in");
	flow_sleep_ms(50);
	gate_open(&busy, 1);
	assert_int_equal(flow_join(pipeline), 0);
	program_close();
	program_check_all(1);
	assert_int_equal(sluice_load_acquire(&programs->starts), 2);
}

/* ---- while the pipeline drains ------------------------------------------------------- */

static void *drains(void *result)
{
	*(int *)result = sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS);
	return NULL;
}

/* The process has a batch in its hands, so the drain is not over before it goes. */
static int drain_while(const char *part, enum sluice_restart restart,
		       void (*goes)(void))
{
	pthread_t thread;
	int rc = 0;

	program_open(SLUICE_PIPELINE(FAST));
	program_source();
	source.end = UINT64_MAX;
	add_reader(part, restart);
	flow_start(pipeline);
	child_await(&programs->count, 1);
	assert_int_equal(pthread_create(&thread, NULL, drains, &rc), 0);
	for (uint32_t ms = 0; host_command(&pipeline->host) == PIPELINE_RUN;
	     ms++) {
		assert_true(ms < TEST_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	goes();
	assert_int_equal(pthread_join(thread, NULL), 0);
	program_close();
	assert_int_equal(sluice_load_acquire(&programs->starts), 1);
	return rc;
}

static void it_dies(void)
{
	assert_int_equal(
		kill((pid_t)sluice_load_acquire(&programs->pid), SIGKILL), 0);
}

static void it_is_to_leave(void)
{
	sluice_store_release(&programs->told, 1);
}

/* It is not started again, and told of. */
static void one_dies_in_a_drain(void **state)
{
	(void)state;
	(void)drain_while("holds", SLUICE_RESTART_TRANSIENT, it_dies);
	assert_true(program_has_said("was killed by signal 9\n"));
}

static void without_a_restart_a_drain_has_failed(void **state)
{
	(void)state;
	assert_int_equal(drain_while("holds", SLUICE_RESTART_NONE, it_dies),
			 -EOWNERDEAD);
	assert_text_has(program_said.text, "was killed by signal 9\n");
}

static void one_leaves_in_a_drain(void **state)
{
	(void)state;
	(void)drain_while("holds_and_leaves", SLUICE_RESTART_PERMANENT,
			  it_is_to_leave);
	assert_false(program_has_said("stage 'reader'"));
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)

int main(int argc, char **argv)
{
	static const struct CMUnitTest plain[] = {
		TEST(one_that_makes_no_sense_is_killed),
		TEST(one_that_is_never_ready_is_killed),
		TEST(one_leaves_before_it_is_in),
		TEST(one_that_stands_still_is_killed),
		TEST(one_that_has_stood_still_for_long_is_killed),
		TEST(one_that_takes_too_much_is_refused),
		TEST(one_comes_back_when_that_is_settled),
		TEST(one_dies_in_a_drain),
		TEST(without_a_restart_a_drain_has_failed),
		TEST(one_leaves_in_a_drain),
	};
	struct CMUnitTest tests[UNIT_COUNT(lie_rows) + UNIT_COUNT(plain)];
	size_t n;

	if (argc > 2)
		return program_main(argv, parts, UNIT_COUNT(parts));
	program_watch(NULL, 0); /* its path */
	n = UNIT_ADD_ROWS(tests, 0, one_that_lies_is_refused, lie_rows);
	memcpy(tests + n, plain, sizeof(plain));
	return cmocka_run_group_tests_name("process_gone", tests, NULL, NULL);
}
