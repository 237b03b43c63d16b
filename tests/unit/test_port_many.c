/* SPDX-License-Identifier: Apache-2.0 */
/* Several threads that send into one port: each one's events come once and in its
 * order, whoever waits for whom; and who waits for credit hinders nobody else. */
#include "spans.h"

#include <sched.h>

#define SENDERS 4u
#define TAG     56u

/* ---- many senders -------------------------------------------------------- */

struct sender {
	pthread_t thread;
	struct sluice_stage *port;
	uint64_t tag;
	uint64_t next;
	uint64_t events;
	uint32_t timeout_ms;
	uint32_t in_place;
	uint32_t vain;
	uint32_t ready;
	int rc;
};

static struct sender senders[SENDERS];

/* What has come of whom. */
static struct arrived {
	uint64_t next[SENDERS];
	uint64_t events;
	uint64_t disorder;
	uint64_t strange;
} arrived[3];

static int note_arrival(struct sluice_stage *self,
			const struct sluice_batch *batch)
{
	struct arrived *a = sluice_stage_state(self);

	for (uint32_t i = 0; i < batch->count; i++) {
		uint64_t event = SLUICE_EVENTS(batch, uint64_t)[i];
		uint64_t tag = event >> TAG;
		uint64_t seq = event & ((UINT64_C(1) << TAG) - 1);

		if (tag >= SENDERS) {
			a->strange++;
			continue;
		}
		a->disorder += seq < a->next[tag];
		a->next[tag] = seq + 1;
		a->events++;
	}
	return SLUICE_OK;
}

static int send_tagged(struct sender *s, uint32_t n)
{
	struct sluice_span span;
	uint64_t row[64];
	int rc;

	if (s->in_place) {
		rc = sluice_send_reserve(s->port, &span, n, s->timeout_ms);
		if (rc <= 0)
			return rc;
		write_row(&span, s->next | s->tag << TAG, span.count);
		return sluice_send_commit(s->port, span.count);
	}
	for (uint32_t i = 0; i < n; i++)
		row[i] = (s->next + i) | s->tag << TAG;
	return sluice_send(s->port, row, n, s->timeout_ms);
}

static void *run_tagged(void *arg)
{
	struct sender *s = arg;
	struct rng rng = {(uint32_t)s->tag + 1};

	while (s->next < s->events) {
		uint64_t left = s->events - s->next;
		uint32_t n = rng_between(&rng, 1, 64);

		__atomic_store_n(&s->ready, 1, __ATOMIC_RELEASE);
		s->rc = send_tagged(s, left < n ? (uint32_t)left : n);
		if (s->rc > 0) {
			s->next += (uint32_t)s->rc;
		} else if (s->rc == -EBUSY && s->in_place) {
			(void)sched_yield(); /* one span at a time */
		} else if (s->rc == -EAGAIN && s->timeout_ms == 0) {
			s->vain++;
			(void)sched_yield();
		} else {
			return NULL;
		}
	}
	return NULL;
}

static void start_sender(uint32_t i, struct sluice_stage *port, uint64_t events,
			 uint32_t timeout_ms)
{
	senders[i] = (struct sender){.port = port,
				     .tag = i,
				     .events = events,
				     .timeout_ms = timeout_ms};
	assert_int_equal(pthread_create(&senders[i].thread, NULL, run_tagged,
					&senders[i]),
			 0);
}

static void await_sender(uint32_t i)
{
	assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
}

static void wait_sender(uint32_t i)
{
	for (uint32_t ms = 0; ms < FLOW_DEADLINE_MS; ms++) {
		if (__atomic_load_n(&senders[i].ready, __ATOMIC_ACQUIRE))
			return;
		flow_sleep_ms(1);
	}
	fail_msg("a sender does not begin");
}

static uint64_t key_of_tag(const void *event, uint32_t bytes, void *ctx)
{
	uint64_t value;

	(void)ctx;
	memcpy(&value, event, bytes);
	return value >> TAG;
}

/* All of them together, into @consumers stages. */
static void send_from_all(const char *dispatcher, uint32_t consumers,
			  uint64_t events)
{
	int keys = strcmp(dispatcher, "partition") == 0;
	struct sluice_stage *in;
	uint64_t got = 0;

	memset(arrived, 0, sizeof(arrived));
	pipeline = flow_open(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
			      .flags = SLUICE_STAGE_PORT, .out_bytes = 8,
			      .dispatcher = dispatcher,
			      .key_of = keys ? key_of_tag : NULL));
	in = sluice_stage_find(pipeline, "in");
	for (uint32_t i = 0; i < consumers; i++) {
		flow_add(pipeline,
			 SLUICE_STAGE(.name = sink_names[i], .in_bytes = 8,
				      .kind = SLUICE_CONSUMER,
				      .state = &arrived[i],
				      .handle_events = note_arrival));
		flow_subscribe(pipeline, sink_names[i], "in",
			       SLUICE_SUBSCRIPTION(.max_demand = 50));
	}
	flow_start(pipeline);
	for (uint32_t i = 0; i < SENDERS; i++)
		start_sender(i, in, events, i == 1 ? 0 : FLOW_DEADLINE_MS);
	for (uint32_t i = 0; i < SENDERS; i++)
		await_sender(i);
	assert_int_equal(sluice_port_end(in, SLUICE_REASON_NORMAL), 0);
	assert_int_equal(join(), 0);
	for (uint32_t i = 0; i < consumers; i++) {
		assert_int_equal(arrived[i].disorder, 0);
		assert_int_equal(arrived[i].strange, 0);
		got += arrived[i].events;
	}
	for (uint32_t i = 0; i < SENDERS; i++)
		assert_int_equal(senders[i].next, events);
	assert_int_equal(got,
			 (strcmp(dispatcher, "broadcast") ? 1 : consumers) *
				 SENDERS * events);
	sluice_pipeline_close(pipeline);
	pipeline = NULL;
}

static void each_in_its_order(void **state)
{
	static const char *const dispatchers[] = {"demand", "broadcast",
						  "partition", "shared"};

	(void)state;
	send_from_all("demand", 1, 20000);
	for (uint32_t i = 0; i < UNIT_COUNT(dispatchers); i++)
		send_from_all(dispatchers[i], 3, 3000);
}

/* ---- no credit ----------------------------------------------------------- */

/* Nobody has any, and each finds that out in its own time. */
static void each_waits_as_long_as_it_likes(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_batch batch;
	struct sluice_span span;
	uint64_t event = 0;

	(void)state;
	open_pair(4, &in, &out);
	send_all(in, 0, 4);
	start_sender(0, in, 4, FLOW_DEADLINE_MS);
	wait_sender(0);
	/* Whether that one waits already or not. */
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(sluice_send(in, &event, 1, 0), -EAGAIN);
		assert_text_has(sluice_last_error(), "no credit");
		assert_int_equal(sluice_send(in, &event, 1, 3), -EAGAIN);
		assert_int_equal(sluice_send_reserve(in, &span, 1, 3), -EAGAIN);
		assert_int_equal(sluice_send(in, NULL, 0, 0), 0);
		flow_sleep_ms(2);
	}
	/* It cannot be ended over his head, but by whoever may end any stage. */
	assert_int_equal(sluice_port_end(in, SLUICE_REASON_NORMAL), -EBUSY);
	assert_text_has(sluice_last_error(), "waits for credit");
	for (uint32_t got = 0; got < 8;) {
		int rc = sluice_recv(out, &batch, FLOW_DEADLINE_MS);

		assert_true(rc > 0);
		got += (uint32_t)rc;
	}
	await_sender(0);
	assert_int_equal(senders[0].next, 4);
}

/* They wait in a row, and each is served. */
static void all_of_them_wait(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_batch batch;
	uint64_t got = 0;

	(void)state;
	open_pair(2, &in, &out);
	send_all(in, UINT64_C(77) << TAG, 2);
	for (uint32_t i = 0; i < SENDERS; i++)
		start_sender(i, in, 50, FLOW_DEADLINE_MS);
	for (uint32_t i = 0; i < SENDERS; i++)
		wait_sender(i);
	flow_sleep_ms(5);
	while (got < 2 + 50 * SENDERS) {
		int rc = sluice_recv(out, &batch, FLOW_DEADLINE_MS);

		assert_true(rc > 0);
		got += (uint32_t)rc;
	}
	for (uint32_t i = 0; i < SENDERS; i++) {
		await_sender(i);
		assert_int_equal(senders[i].next, 50);
	}
}

static void the_end_reaches_all(void **state)
{
	(void)state;
	for (uint32_t how = 0; how < 3; how++) {
		struct sluice_stage *in, *out;
		int rc = how == 0 ? -ECANCELED : -EPIPE;

		open_pair(2, &in, &out);
		send_all(in, 0, 2);
		for (uint32_t i = 0; i < SENDERS; i++)
			start_sender(i, in, 50, SLUICE_FOREVER);
		for (uint32_t i = 0; i < SENDERS; i++)
			wait_sender(i);
		flow_sleep_ms(how);
		if (how == 0)
			sluice_pipeline_stop(pipeline);
		else if (how == 1)
			assert_int_equal(
				sluice_stage_end(in, SLUICE_REASON_NORMAL, 0),
				0);
		else
			assert_int_equal(
				sluice_port_end(out, SLUICE_REASON_NORMAL), 0);
		for (uint32_t i = 0; i < SENDERS; i++) {
			await_sender(i);
			assert_int_equal(senders[i].rc, rc);
		}
		sluice_pipeline_close(pipeline);
		pipeline = NULL;
	}
}

/* ---- spans --------------------------------------------------------------- */

/* Whose it is does not matter; while it is open nobody sends. */
static void a_span_is_the_ports(void **state)
{
	struct sluice_stage *in, *out;
	struct sluice_span span;

	(void)state;
	open_pair(16, &in, &out);
	span = reserve(in, 3);
	write_row(&span, 0, 3);
	start_sender(0, in, 4, FLOW_DEADLINE_MS);
	await_sender(0);
	assert_int_equal(senders[0].rc, -EBUSY);
	commit(in, 3);
	assert_int_equal(recv_row(out, 0, 3), 3);
	start_sender(0, in, 4, FLOW_DEADLINE_MS);
	await_sender(0);
	assert_int_equal(senders[0].next, 4);
}

/* Some write in place, and others have their rows copied. */
static void some_write_in_place(void **state)
{
	struct sluice_stage *in;

	(void)state;
	memset(arrived, 0, sizeof(arrived));
	pipeline = flow_open(1);
	in = add_port("in", SLUICE_PRODUCER, "demand");
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "c0", .in_bytes = 8,
			      .kind = SLUICE_CONSUMER, .state = &arrived[0],
			      .handle_events = note_arrival));
	flow_subscribe(pipeline, "c0", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 50));
	flow_start(pipeline);
	for (uint32_t i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){.port = in,
					     .tag = i,
					     .events = 3000,
					     .in_place = 1,
					     .timeout_ms = FLOW_DEADLINE_MS};
		assert_int_equal(pthread_create(&senders[i].thread, NULL,
						run_tagged, &senders[i]),
				 0);
	}
	for (uint32_t i = 0; i < SENDERS; i++)
		await_sender(i);
	assert_int_equal(sluice_port_end(in, SLUICE_REASON_NORMAL), 0);
	assert_int_equal(join(), 0);
	assert_int_equal(arrived[0].events, SENDERS * 3000);
	assert_int_equal(arrived[0].disorder + arrived[0].strange, 0);
}

/* ---- inside callbacks ---------------------------------------------------- */

static struct sluice_stage *own;
static int own_rc;

/* In the middle of a send, on its thread. */
static uint64_t key_that_sends(const void *event, uint32_t bytes, void *ctx)
{
	uint64_t other = 9;

	(void)event;
	(void)bytes;
	(void)ctx;
	if (own_rc == 0)
		own_rc = sluice_send(own, &other, 1, FLOW_DEADLINE_MS);
	return 0;
}

static void nobody_waits_for_himself(void **state)
{
	struct sluice_stage *out;

	(void)state;
	own_rc = 0;
	pipeline = flow_open(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "in", .kind = SLUICE_PRODUCER,
			      .flags = SLUICE_STAGE_PORT, .out_bytes = 8,
			      .dispatcher = "partition",
			      .key_of = key_that_sends));
	own = sluice_stage_find(pipeline, "in");
	out = add_port("out", SLUICE_CONSUMER, NULL);
	flow_subscribe(pipeline, "out", "in", NULL);
	flow_start(pipeline);
	send_all(own, 0, 1);
	assert_int_equal(own_rc, -EBUSY);
	assert_int_equal(recv_row(out, 0, 1), 1);
}

static int send_inside(struct sluice_stage *self,
		       const struct sluice_batch *batch)
{
	uint64_t event = 1;

	(void)self;
	(void)batch;
	__atomic_store_n(&own_rc, sluice_send(own, &event, 1, FLOW_DEADLINE_MS),
			 __ATOMIC_RELEASE);
	return SLUICE_OK;
}

/* A handler whose events somebody waits to send is not to wait behind him. */
static void a_callback_does_not_wait(void **state)
{
	struct sluice_stage *feed;

	(void)state;
	own_rc = 0;
	pipeline = flow_open(1);
	own = add_port("in", SLUICE_PRODUCER, NULL);
	feed = add_port("feed", SLUICE_PRODUCER, NULL);
	(void)add_port("out", SLUICE_CONSUMER, NULL);
	flow_add(pipeline, SLUICE_STAGE(.name = "c0", .in_bytes = 8,
					.kind = SLUICE_CONSUMER,
					.handle_events = send_inside));
	flow_subscribe(pipeline, "out", "in",
		       SLUICE_SUBSCRIPTION(.max_demand = 2));
	flow_subscribe(pipeline, "c0", "feed", NULL);
	flow_start(pipeline);
	send_all(own, 0, 2);
	start_sender(0, own, 4, SLUICE_FOREVER);
	wait_sender(0);
	flow_sleep_ms(5);
	send_all(feed, 0, 1);
	for (uint32_t ms = 0; __atomic_load_n(&own_rc, __ATOMIC_ACQUIRE) == 0;
	     ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	assert_int_equal(own_rc, -EDEADLK);
	sluice_pipeline_stop(pipeline);
	await_sender(0);
	assert_int_equal(senders[0].rc, -ECANCELED);
}

static struct CMUnitTest tests[] = {
	cmocka_unit_test(each_in_its_order),
	cmocka_unit_test(each_waits_as_long_as_it_likes),
	cmocka_unit_test(all_of_them_wait),
	cmocka_unit_test(the_end_reaches_all),
	cmocka_unit_test(a_span_is_the_ports),
	cmocka_unit_test(some_write_in_place),
	cmocka_unit_test(nobody_waits_for_himself),
	cmocka_unit_test(a_callback_does_not_wait),
};

int main(void)
{
	ports_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("port_many", tests, NULL, NULL);
}
