/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of a process that attaches, and what they refuse; its engine is in the same
 * process. */
#include "gated.h"
#include "neighbour.h"
#include "tests/support/child_threads.h"

#include <stdio.h>
#include <sys/wait.h>

static void engine_open(void)
{
	neighbour_open();
	gated_add(pipeline, "in");
	neighbour_start(SLUICE_LISTEN());
}

static void engine_close(void)
{
	gate_open(&gate, 1000);
	neighbour_close();
}

static const struct sluice_attach_opts reads = {.from = "out"};
static const struct sluice_attach_opts writes = {.to = "in"};

/* ---- what is refused ------------------------------------------------------------- */

static void options(void **state)
{
	static const char long_name[] =
		"01234567890123456789012345678901234567890123456789012345678901"
		"23";
	struct sluice_stage *port = NULL;

	(void)state;
	engine_open();
	assert_int_equal(
		sluice_attach(&port, &(struct sluice_attach_opts){.size = 3}),
		-EINVAL);
	assert_text_has(sluice_last_error(), "attach options");
	assert_int_equal(attach_as(NULL, "me", reads), -EINVAL);
	assert_text_has(sluice_last_error(), "port");
	assert_int_equal(attach_as(&port, "", reads), -EINVAL);
	assert_text_has(sluice_last_error(), "name '' is not of 1 to 63");
	assert_int_equal(attach_as(&port, long_name, reads), -EINVAL);
	assert_text_has(sluice_last_error(), "is not of 1 to 63 bytes");
	assert_int_equal(attach_as(&port, "not me", reads), -EINVAL);
	assert_text_has(sluice_last_error(), "name 'not me' may hold A-Z");
	assert_int_equal(
		attach_as(&port, "me", (struct sluice_attach_opts){.from = ""}),
		-EINVAL);
	assert_text_has(sluice_last_error(), "from ''");
	assert_null(port);
	engine_close();
}

static void what_was_not_attached_is_not_detached(void **state)
{
	struct sluice_pipeline *plain;

	(void)state;
	engine_open();
	assert_int_equal(sluice_detach(NULL, 0), -EINVAL);
	/* With a listener, and without. */
	assert_int_equal(sluice_detach(sluice_stage_find(pipeline, "out"), 0),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "'out' was not attached");
	plain = flow_open(1);
	flow_add(plain,
		 SLUICE_STAGE(.name = "p", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .flags = SLUICE_STAGE_PORT));
	assert_int_equal(sluice_detach(sluice_stage_find(plain, "p"), 0),
			 -EINVAL);
	assert_text_has(sluice_last_error(), "'p' was not attached");
	sluice_pipeline_close(plain);
	engine_close();
}

/* ---- who was here before ---------------------------------------------------------- */

/* What it fed is being handled: its name is not free. */
static void a_name_is_free_when_it_is_settled(void **state)
{
	struct sluice_attach_opts once = writes;
	struct sluice_stage *port;
	uint64_t accepted = 0;
	uint64_t event = 1;
	int rc;

	(void)state;
	engine_open();
	assert_int_equal(attach_as(&port, "me", writes), 0);
	assert_int_equal(attach_as(&port, "me", writes), -EEXIST);
	assert_text_has(sluice_last_error(), "'me' is attached already");
	assert_int_equal(sluice_send(port, &event, 1, FLOW_DEADLINE_MS), 1);
	assert_int_equal(gate_await(&gate, 1), 0);
	assert_int_equal(sluice_detach(port, FLOW_DEADLINE_MS), 0);
	once.timeout_ms = 30;
	/* Its end may not have been heard yet, and an answer may take longer. */
	do
		rc = attach_as(&port, "me", once);
	while (rc == -EEXIST || rc == -ETIMEDOUT);
	assert_int_equal(rc, -EAGAIN);
	assert_text_has(sluice_last_error(), "is not settled yet; try again");
	gate_open(&gate, 1);
	once.timeout_ms = FLOW_DEADLINE_MS;
	once.accepted = &accepted;
	assert_int_equal(attach_as(&port, "me", once), 0);
	assert_int_equal(accepted, 1);
	assert_int_equal(sluice_detach(port, FLOW_DEADLINE_MS), 0);
	engine_close();
}

/* ---- ends -------------------------------------------------------------------------- */

/* A reason with a code that the handshake has no room for. */
static void the_stage_ends_with_a_code_of_its_own(void **state)
{
	static const uint32_t codes[] = {7, 70000};
	struct sluice_port_status status;
	struct sluice_stage *port;
	char name[8];

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		struct sluice_stage *seat;
		uint64_t event = 1;
		int rc;

		engine_open();
		gate_open(&gate, UINT32_MAX);
		(void)snprintf(name, sizeof(name), "me%u", i);
		assert_int_equal(attach_as(&port, name, writes), 0);
		/* Both have met: the end of what never began is not told in its
		 * words. */
		assert_int_equal(sluice_send(port, &event, 1, FLOW_DEADLINE_MS),
				 1);
		assert_int_equal(gate_await(&gate, 1), 0);
		seat = sluice_stage_find(pipeline, name);
		assert_non_null(seat);
		assert_int_equal(
			sluice_stage_end(seat, SLUICE_REASON_ERROR, codes[i]),
			0);
		do
			rc = sluice_send(port, &event, 1, FLOW_DEADLINE_MS);
		while (rc > 0);
		assert_int_equal(rc, -EIO);
		assert_true(sluice_port_closed(port, &status) < 0);
		assert_int_equal(status.reason, SLUICE_REASON_ERROR);
		assert_int_equal(sluice_detach(port, FLOW_DEADLINE_MS), 0);
		engine_close();
	}
}

static void expect_stopped(const struct sluice_stage *port, int rc)
{
	struct sluice_port_status status;

	assert_int_equal(rc, -ECANCELED);
	assert_text_has(sluice_last_error(), "the pipeline was stopped");
	assert_int_equal(sluice_port_closed(port, &status), -ECANCELED);
	assert_int_equal(status.reason, SLUICE_REASON_SHUTDOWN);
	assert_int_equal(status.code, 0);
	assert_int_equal(status.stopped, 1);
	assert_null(status.peer);
}

/* The pipeline is stopped while it is there: as its own ports, it is told that events
 * are missing. */
static void the_pipeline_is_stopped(void **state)
{
	struct sluice_stage *reader;
	struct sluice_stage *writer;
	struct sluice_batch batch;
	uint64_t event = 1;
	int rc;

	(void)state;
	engine_open();
	assert_int_equal(attach_as(&reader, "reader", reads), 0);
	assert_int_equal(attach_as(&writer, "writer", writes), 0);
	gate_open(&gate, UINT32_MAX);
	/* They have met their stages: the end of what never began is not told in its
	 * words. */
	assert_int_equal(sluice_send(sluice_stage_find(pipeline, "out"), &event,
				     1, FLOW_DEADLINE_MS),
			 1);
	assert_int_equal(sluice_recv(reader, &batch, FLOW_DEADLINE_MS), 1);
	assert_int_equal(sluice_send(writer, &event, 1, FLOW_DEADLINE_MS), 1);
	assert_int_equal(gate_await(&gate, 1), 0);
	sluice_pipeline_stop(pipeline);
	expect_stopped(reader, sluice_recv(reader, &batch, FLOW_DEADLINE_MS));
	do
		rc = sluice_send(writer, &event, 1, FLOW_DEADLINE_MS);
	while (rc > 0);
	expect_stopped(writer, rc);
	assert_int_equal(sluice_detach(reader, FLOW_DEADLINE_MS), 0);
	assert_int_equal(sluice_detach(writer, FLOW_DEADLINE_MS), 0);
	engine_close();
}

static void expect_drained(const struct sluice_stage *port, int rc)
{
	struct sluice_port_status status;

	assert_int_equal(rc, -EPIPE);
	assert_int_equal(sluice_port_closed(port, &status), -EPIPE);
	assert_int_equal(status.reason, SLUICE_REASON_SHUTDOWN);
	assert_int_equal(status.code, 0);
	assert_int_equal(status.stopped, 0);
}

/* What a drain that runs out of time leaves in its ring it reads: if that is all that
 * there was, its stream is whole. */
static void a_drain_comes_too_late(void **state)
{
	struct sluice_stage *reader;
	struct sluice_batch batch;
	uint64_t event = 1;

	(void)state;
	engine_open();
	assert_int_equal(attach_as(&reader, "reader", reads), 0);
	assert_int_equal(sluice_send(sluice_stage_find(pipeline, "out"), &event,
				     1, FLOW_DEADLINE_MS),
			 1);
	assert_int_equal(sluice_pipeline_drain(pipeline, 50), -ETIMEDOUT);
	assert_int_equal(sluice_recv(reader, &batch, FLOW_DEADLINE_MS), 1);
	expect_drained(reader, sluice_recv(reader, &batch, FLOW_DEADLINE_MS));
	assert_int_equal(sluice_detach(reader, FLOW_DEADLINE_MS), 0);
	engine_close();
}

static void the_pipeline_is_drained(void **state)
{
	struct sluice_stage *reader;
	struct sluice_stage *writer;
	struct sluice_batch batch;
	uint64_t event = 1;
	int rc;

	(void)state;
	engine_open();
	assert_int_equal(attach_as(&reader, "reader", reads), 0);
	assert_int_equal(attach_as(&writer, "writer", writes), 0);
	assert_int_equal(sluice_send(writer, &event, 1, FLOW_DEADLINE_MS), 1);
	gate_open(&gate, UINT32_MAX);
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	expect_drained(reader, sluice_recv(reader, &batch, FLOW_DEADLINE_MS));
	do
		rc = sluice_send(writer, &event, 1, FLOW_DEADLINE_MS);
	while (rc > 0);
	expect_drained(writer, rc);
	assert_int_equal(sluice_detach(reader, FLOW_DEADLINE_MS), 0);
	assert_int_equal(sluice_detach(writer, FLOW_DEADLINE_MS), 0);
	engine_close();
}

/* A stage fails, and with it the pipeline: all peers are told. */
static void the_pipeline_fails(void **state)
{
	struct sluice_port_status status;
	struct sluice_stage *reader;
	struct sluice_stage *writer;
	struct sluice_batch batch;
	uint64_t event = 1;

	(void)state;
	engine_open();
	gate_verdict = SLUICE_FAIL;
	assert_int_equal(attach_as(&reader, "reader", reads), 0);
	assert_int_equal(attach_as(&writer, "writer", writes), 0);
	assert_int_equal(sluice_send(writer, &event, 1, FLOW_DEADLINE_MS), 1);
	gate_open(&gate, UINT32_MAX);
	assert_int_equal(sluice_recv(reader, &batch, FLOW_DEADLINE_MS), -EIO);
	assert_int_equal(sluice_port_closed(reader, &status), -EIO);
	assert_int_equal(status.reason, SLUICE_REASON_ERROR);
	assert_int_equal(status.stopped, 0);
	assert_int_equal(sluice_detach(reader, FLOW_DEADLINE_MS), 0);
	assert_int_equal(sluice_detach(writer, FLOW_DEADLINE_MS), 0);
	assert_true(sluice_pipeline_join(pipeline, FLOW_DEADLINE_MS) < 0);
	engine_close();
}

/* ---- a child ------------------------------------------------------------------------ */

/* It has a copy of the port, and gives it back; the parent's goes on. */
static void a_child_gives_back_its_copy_only(void **state)
{
	struct sluice_stage *port;
	struct sluice_batch batch;
	uint64_t event = 1;
	pid_t child;
	int status;

	(void)state;
	engine_open();
	assert_int_equal(attach_as(&port, "me", reads), 0);
	child = fork();
	if (child == 0) {
		int rc = sluice_recv(port, &batch, 0);

		_exit(rc == -ECHILD && sluice_detach(port, 0) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(sluice_send(sluice_stage_find(pipeline, "out"), &event,
				     1, FLOW_DEADLINE_MS),
			 1);
	assert_int_equal(sluice_recv(port, &batch, FLOW_DEADLINE_MS), 1);
	assert_int_equal(sluice_detach(port, FLOW_DEADLINE_MS), 0);
	engine_close();
}

/* A child of an engine has copies of what its peers are given. */
static void a_child_of_the_engine_lets_go_of_all(void **state)
{
	struct sluice_stage *reader;
	struct sluice_stage *writer;
	struct sluice_watch *watch;
	struct sluice_batch batch;
	uint64_t event = 1;
	pid_t child;
	int status;

	(void)state;
	engine_open();
	/* One that was here, too. */
	assert_int_equal(attach_as(&writer, "writer", writes), 0);
	assert_int_equal(sluice_detach(writer, FLOW_DEADLINE_MS), 0);
	assert_int_equal(attach_as(&reader, "reader", reads), 0);
	assert_int_equal(attach_as(&writer, "other", writes), 0);
	watch = watch_open();
	child = fork();
	if (child == 0) {
		int rc = sluice_pipeline_listen(pipeline, NULL);

		sluice_pipeline_close(pipeline);
		_exit(rc == -ECHILD ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(sluice_send(sluice_stage_find(pipeline, "out"), &event,
				     1, FLOW_DEADLINE_MS),
			 1);
	assert_int_equal(sluice_recv(reader, &batch, FLOW_DEADLINE_MS), 1);
	watch_sees(watch);
	sluice_watch_close(watch);
	assert_int_equal(sluice_detach(writer, FLOW_DEADLINE_MS), 0);
	assert_int_equal(sluice_detach(reader, FLOW_DEADLINE_MS), 0);
	engine_close();
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(options),
		cmocka_unit_test(what_was_not_attached_is_not_detached),
		cmocka_unit_test(a_name_is_free_when_it_is_settled),
		cmocka_unit_test(the_stage_ends_with_a_code_of_its_own),
		cmocka_unit_test(the_pipeline_is_stopped),
		cmocka_unit_test(a_drain_comes_too_late),
		cmocka_unit_test(the_pipeline_is_drained),
		cmocka_unit_test(the_pipeline_fails),
		cmocka_unit_test(a_child_gives_back_its_copy_only),
		cmocka_unit_test(a_child_of_the_engine_lets_go_of_all),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
