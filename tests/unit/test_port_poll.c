/* SPDX-License-Identifier: Apache-2.0 */
/* The descriptor of a port: readable when there is something for its user, who has
 * found nothing; and whoever sleeps on it is woken, by whatever comes. */
#include "engine/run/port_priv.h"
#include "spans.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

static int port_fd(struct sluice_stage *port)
{
	int fd = -1;

	if (sluice_port_fd(port, &fd) != 0)
		fail_msg("%s", sluice_last_error());
	assert_true(fd >= 0);
	return fd;
}

static int is_readable(int fd, uint32_t ms)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};

	return poll(&polled, 1, (int)ms) == 1;
}

/* There is nothing, and nobody has said otherwise. */
static void assert_sleeps(struct sluice_stage *port)
{
	assert_int_equal(sluice_port_arm(port), 0);
	assert_false(is_readable(port_fd(port), 0));
}

static void assert_woken(struct sluice_stage *port)
{
	if (!is_readable(port_fd(port), FLOW_DEADLINE_MS))
		fail_msg("nobody wakes who sleeps on '%s'",
			 sluice_stage_name(port));
}

/* ---- one thread ---------------------------------------------------------- */

static void an_event_wakes(void **state)
{
	struct sluice_stage *in, *out;
	int fd;

	(void)state;
	open_pair(16, &in, &out);
	fd = port_fd(out);
	for (uint64_t i = 0; i < 5; i++) {
		assert_empty(out);
		assert_sleeps(out);
		send_all(in, i, 1);
		assert_true(is_readable(fd, 0));
		/* It stays so, until it is armed again; and there is something. */
		assert_true(is_readable(fd, 0));
		assert_int_equal(sluice_port_arm(out), 1);
		assert_false(is_readable(fd, 0));
		assert_int_equal(recv_row(out, i, 1), 1);
		/* What it has in hand it has to give back first. */
		assert_int_equal(sluice_port_arm(out), 1);
	}
}

static void credit_wakes(void **state)
{
	struct sluice_stage *in, *out;

	(void)state;
	open_pair(4, &in, &out);
	(void)port_fd(in);
	assert_int_equal(sluice_port_arm(in), 1);
	send_all(in, 0, 4);
	assert_sleeps(in);
	assert_int_equal(recv_row(out, 0, 4), 4);
	assert_empty(out);
	assert_true(is_readable(port_fd(in), 0));
	assert_int_equal(send_row(in, 4, 4, 0), 4);
	assert_sleeps(in);
}

/* Nothing is written for who does not sleep. */
static void nobody_sleeps(void **state)
{
	struct sluice_stage *in, *out;

	(void)state;
	open_pair(16, &in, &out);
	for (uint64_t i = 0; i < 50; i++) {
		send_all(in, i, 1);
		assert_int_equal(recv_row(out, i, 1), 1);
		assert_empty(out);
		assert_false(is_readable(port_fd(in), 0));
		assert_false(is_readable(port_fd(out), 0));
	}
	/* He has found something else to do, and comes all the same. */
	assert_sleeps(out);
	assert_empty(out);
	send_all(in, 50, 1);
	assert_false(is_readable(port_fd(out), 0));
	assert_int_equal(recv_row(out, 50, 1), 1);
}

/* Who has found the bell armed may be long in coming to the descriptor. Whoever
 * sleeps there by then is woken, once. */
static void a_ringer_is_late(void **state)
{
	struct sluice_stage *in, *out;
	const struct sluice_wait_ops *ops;
	int fd;

	(void)state;
	open_pair(16, &in, &out);
	fd = port_fd(out);
	ops = port_ops(out);
	assert_empty(out);
	assert_sleeps(out);
	assert_int_equal(sluice_bell_disarm(out->worker->bell), 0);
	assert_empty(out);
	assert_sleeps(out);
	ops->notify(ops->ctx, fd);
	assert_true(is_readable(fd, 0));
	assert_empty(out);
	assert_sleeps(out);
	send_all(in, 0, 1);
	assert_true(is_readable(fd, 0));
	assert_int_equal(recv_row(out, 0, 1), 1);
}

static int is_odd(const void *event, void *ctx)
{
	uint64_t value;

	(void)ctx;
	memcpy(&value, event, sizeof(value));
	return (int)(value & 1);
}

/* What the port does not want may wake it, and then it sleeps again. */
static void what_it_does_not_want(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_batch batch;

	(void)state;
	pipeline = flow_open(1);
	in = add_port("in", SLUICE_PRODUCER, "broadcast");
	out = add_port("out", SLUICE_CONSUMER, NULL);
	flow_subscribe(
		pipeline, "out", "in",
		SLUICE_SUBSCRIPTION(.max_demand = 8, .selector = is_odd));
	flow_start(pipeline);
	(void)port_fd(out);
	for (uint64_t i = 0; i < 40; i += 2) {
		assert_empty(out);
		assert_sleeps(out);
		send_all(in, i, 1);
		assert_empty(out);
		assert_sleeps(out);
		send_all(in, i + 1, 1);
		assert_woken(out);
		assert_int_equal(sluice_recv(out, &batch, 0), 1);
	}
}

/* ---- two threads --------------------------------------------------------- */

static void *send_by_epoll(void *arg)
{
	struct worker_of_port *w = arg;
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, port_fd(w->port), &event);
	while (w->next < w->events) {
		uint64_t row[7];
		uint32_t n = w->events - w->next < 7
				     ? (uint32_t)(w->events - w->next)
				     : 7;

		for (uint32_t i = 0; i < n; i++)
			row[i] = w->next + i;
		w->rc = sluice_send(w->port, row, n, 0);
		if (w->rc > 0)
			w->next += (uint32_t)w->rc;
		else if (w->rc != -EAGAIN)
			break;
		else if (sluice_port_arm(w->port) == 0)
			(void)epoll_wait(epoll, &event, 1, -1);
	}
	(void)close(epoll);
	w->rc = sluice_port_end(w->port, SLUICE_REASON_NORMAL);
	return NULL;
}

/* Each sleeps in epoll, without a time-out; edges are enough. */
static void both_sleep_in_epoll(void **state)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	struct sluice_stage *in, *out;
	struct sluice_batch batch;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	uint64_t got = 0;
	int rc;

	(void)state;
	open_pair(5, &in, &out);
	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, port_fd(out), &event),
			 0);
	workers[0].events = 20000;
	spawn(&workers[0], send_by_epoll, in);
	for (;;) {
		while ((rc = sluice_recv(out, &batch, 0)) > 0) {
			assert_int_equal(*SLUICE_EVENTS(&batch, uint64_t), got);
			got += (uint32_t)rc;
		}
		if (rc != -EAGAIN)
			break;
		if (sluice_port_arm(out) == 0)
			assert_int_equal(epoll_wait(epoll, &event, 1,
						    (int)FLOW_DEADLINE_MS),
					 1);
	}
	await(&workers[0]);
	assert_int_equal(rc, -EPIPE);
	assert_int_equal(got, 20000);
	(void)close(epoll);
}

/* Another thread at the port, which takes the bell away, says so. */
static void another_thread_calls(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_batch batch;
	int rc;

	(void)state;
	open_pair(2, &in, &out);
	(void)port_fd(in);
	send_all(in, 0, 2);
	assert_sleeps(in);
	workers[0].events = 1;
	workers[0].pieces = 1;
	spawn(&workers[0], run_sender, in);
	assert_woken(in);
	/* While he waits for credit nobody else sleeps on the port. */
	for (uint32_t ms = 0; sluice_port_arm(in) != -EBUSY; ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	assert_text_has(sluice_last_error(), "waits for credit");
	assert_int_equal(recv_row(out, 0, 2), 2);
	/* This acknowledges them; and what he sends then may be there at once. */
	rc = sluice_recv(out, &batch, 0);
	assert_true(rc == -EAGAIN || rc == 1);
	await(&workers[0]);
	assert_int_equal(workers[0].rc, 0);
}

/* ---- while something is left behind -------------------------------------- */

static uint64_t own_key(const void *event, uint32_t bytes, void *ctx)
{
	uint64_t value;

	(void)ctx;
	memcpy(&value, event, bytes);
	return value;
}

/* The supervisor has the bell then, for it moves on what waits for an onlooker; it
 * tells the user when there is credit. */
static void the_supervisor_tells(void **state)
{
	struct sluice_stage *in, *out, *latest;
	struct sluice_batch batch;

	(void)state;
	pipeline = flow_open(1);
	in = add_port("in", SLUICE_PRODUCER, NULL);
	out = add_port("out", SLUICE_CONSUMER, NULL);
	latest = add_port("latest", SLUICE_CONSUMER, NULL);
	flow_subscribe(pipeline, "out", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 6));
	flow_subscribe(pipeline, "latest", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 1, .conflate_keys = 8,
					   .key_of = own_key));
	flow_start(pipeline);
	(void)port_fd(in);
	for (uint64_t i = 0; i < 3; i++) {
		send_all(in, 6 * i, 6);
		assert_int_equal(sluice_port_arm(in), 0);
		flow_sleep_ms((uint32_t)i); /* it comes, or has come */
		for (uint32_t n = 0; n < 3; n++)
			assert_int_equal(
				sluice_recv(latest, &batch, FLOW_DEADLINE_MS),
				1);
		assert_int_equal(recv_row(out, 6 * i, 6), 6);
		assert_empty(out);
		assert_woken(in);
		while (sluice_recv(latest, &batch, 20) > 0)
			;
	}
	/* Nothing is left: it is told by whoever grants. */
	send_all(in, 18, 6);
	while (sluice_recv(latest, &batch, 20) > 0)
		;
	assert_int_equal(sluice_port_arm(in), 0);
	assert_int_equal(recv_row(out, 18, 6), 6);
	assert_empty(out);
	assert_woken(in);
}

/* ---- the end ------------------------------------------------------------- */

/* However it ends, whoever sleeps learns it. */
static void an_end_wakes(void **state)
{
	(void)state;
	for (uint32_t how = 0; how < 4; how++) {
		struct sluice_stage *in, *out;
		int in_rc = how == 0 ? -ECANCELED : -EPIPE;

		open_pair(2, &in, &out);
		(void)port_fd(in);
		(void)port_fd(out);
		if (how != 1) {
			send_all(in, 0, 2);
			assert_sleeps(in);
		} else {
			assert_sleeps(out);
		}
		if (how == 0)
			sluice_pipeline_stop(pipeline);
		else if (how == 1)
			assert_int_equal(
				sluice_port_end(in, SLUICE_REASON_NORMAL), 0);
		else if (how == 2)
			assert_int_equal(
				sluice_stage_end(in, SLUICE_REASON_NORMAL, 0),
				0);
		else
			assert_int_equal(
				sluice_port_end(out, SLUICE_REASON_NORMAL), 0);
		assert_woken(how == 1 ? out : in);
		if (how == 1)
			assert_int_equal(sluice_recv(out,
						     &(struct sluice_batch){0},
						     FLOW_DEADLINE_MS),
					 -EPIPE);
		else
			assert_int_equal(send_row(in, 2, 1, FLOW_DEADLINE_MS),
					 in_rc);
		assert_int_equal(sluice_port_arm(how == 1 ? out : in), 1);
		sluice_pipeline_close(pipeline);
		pipeline = NULL;
	}
}

/* A stage that comes and goes takes its descriptor with it. */
static void it_goes_with_its_port(void **state)
{
	struct sluice_stage *late;
	int before;

	(void)state;
	pipeline = flow_open(1);
	(void)add_stay("in", SLUICE_PRODUCER, NULL);
	(void)add_stay("out", SLUICE_CONSUMER, NULL);
	flow_start(pipeline);
	before = fds_count();
	for (uint32_t i = 0; i < 3; i++) {
		late = add_stay("late", SLUICE_CONSUMER, NULL);
		assert_false(is_readable(port_fd(late), 0));
		assert_int_equal(fds_count(), before + 1);
		assert_sleeps(late);
		assert_int_equal(sluice_port_end(late, SLUICE_REASON_NORMAL),
				 0);
		assert_int_equal(sluice_stage_remove(late, FLOW_DEADLINE_MS),
				 0);
		assert_int_equal(fds_count(), before);
	}
}

/* ---- wrong use ----------------------------------------------------------- */

static void wrong_use_is_refused(void **state)
{
	struct sluice_stage *in, *sink;
	struct sluice_span span;
	int fd = 7;

	(void)state;
	pipeline = flow_open(1);
	in = add_port("in", SLUICE_PRODUCER, NULL);
	(void)add_port("out", SLUICE_CONSUMER, NULL);
	flow_subscribe(pipeline, "out", "in", NULL);
	flow_add_source(pipeline, "source", &source);
	flow_add_sink(pipeline, "sink", &sinks[0]);
	flow_subscribe(pipeline, "sink", "source", NULL);
	source.end = 1;
	sink = sluice_stage_find(pipeline, "sink");
	assert_int_equal(sluice_port_fd(NULL, &fd), -EINVAL);
	assert_int_equal(sluice_port_arm(NULL), -EINVAL);
	assert_int_equal(sluice_port_fd(in, NULL), -EINVAL);
	assert_int_equal(sluice_port_fd(sink, &fd), -EINVAL);
	assert_text_has(sluice_last_error(), "'sink' is no port");
	assert_int_equal(sluice_port_arm(sink), -EINVAL);
	assert_int_equal(fd, 7);
	assert_int_equal(sluice_port_arm(in), -EINVAL);
	assert_text_has(sluice_last_error(), "'in' has no descriptor");
	fd = port_fd(in);
	assert_int_equal(port_fd(in), fd);
	assert_int_equal(sluice_port_arm(in), -EBUSY);
	assert_text_has(sluice_last_error(), "has not been started");
	flow_start(pipeline);
	assert_int_equal(port_fd(in), fd);
	assert_int_equal(sluice_send_reserve(in, &span, 1, FLOW_DEADLINE_MS),
			 1);
	assert_int_equal(sluice_port_arm(in), -EBUSY);
	assert_text_has(sluice_last_error(), "1 events are reserved");
	assert_int_equal(sluice_send_commit(in, 0), 0);
	assert_int_equal(sluice_port_arm(in), 1);
}

static struct CMUnitTest tests[] = {
	cmocka_unit_test(an_event_wakes),
	cmocka_unit_test(credit_wakes),
	cmocka_unit_test(nobody_sleeps),
	cmocka_unit_test(a_ringer_is_late),
	cmocka_unit_test(what_it_does_not_want),
	cmocka_unit_test(both_sleep_in_epoll),
	cmocka_unit_test(another_thread_calls),
	cmocka_unit_test(the_supervisor_tells),
	cmocka_unit_test(an_end_wakes),
	cmocka_unit_test(it_goes_with_its_port),
	cmocka_unit_test(wrong_use_is_refused),
};

int main(void)
{
	ports_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("port_poll", tests, NULL, NULL);
}
