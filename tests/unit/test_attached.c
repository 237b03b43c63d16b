/* SPDX-License-Identifier: Apache-2.0 */
/* A stand-in in one pipeline and a peer's port in another, with the memory between
 * them; both in this process, so nobody says hello over a socket. */
#include "engine/control.h"
#include "engine/control/control_priv.h"
#include "engine/graph/subscriptions_priv.h"
#include "engine/peer/attached_priv.h"
#include "engine/peer/stand_in_priv.h"
#include "engine/port.h"
#include "engine/run/port_priv.h"
#include "flow.h"

#include <poll.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#define EVENTS 3000u
#define WINDOW 64u

static struct sluice_pipeline *pipeline;
static struct flow_source source;
static struct flow_sink sink;
static struct stand_in stand_in;
static struct attached peer;

static struct wire_hello hello_as(enum wire_role role, const char *stage)
{
	struct wire_hello hello = {.role = role, .max_demand = WINDOW};

	(void)snprintf(hello.pipeline, sizeof(hello.pipeline), "test");
	(void)snprintf(hello.peer, sizeof(hello.peer), "peer");
	(void)snprintf(role == WIRE_CONSUMER ? hello.from : hello.to,
		       sizeof(hello.to), "%s", stage);
	if (role == WIRE_PRODUCER) {
		hello.max_demand = 0;
		hello.ring_events = WINDOW;
	}
	return hello;
}

static struct attach grant;

/* What the threads for peers do at both ends: they answer signals. */
static sluice_a32 answering;
static pthread_t answerer;

static void *answer_all(void *ctx)
{
	struct pollfd polled[2] = {
		{.fd = stand_in_fd(&stand_in), .events = POLLIN},
		{.fd = attached_fd(&peer), .events = POLLIN}};

	(void)ctx;
	while (sluice_load_acquire(&answering)) {
		(void)poll(polled, 2, 10);
		if (polled[0].revents)
			stand_in_answer(&stand_in);
		if (polled[1].revents)
			attached_answer(&peer);
	}
	return NULL;
}

static void answer_begin(void)
{
	sluice_store_release(&answering, 1);
	assert_int_equal(pthread_create(&answerer, NULL, answer_all, NULL), 0);
}

static void answer_end(void)
{
	if (sluice_exchange(&answering, 0) != 0)
		(void)pthread_join(answerer, NULL);
}

/* As the handshake would hand it over. */
static void grant_map(const int fds[WIRE_MEMORY_MAX])
{
	for (uint32_t i = 0; i < grant.welcome.memory_count; i++) {
		grant.events[i] = -1;
		if (grant.welcome.memory[i].kind == WIRE_SIGNAL) {
			grant.events[i] = fds[i];
			continue;
		}
		assert_int_equal(memory_map(&grant.maps[i], fds[i],
					    &grant.welcome.memory[i]),
				 0);
		(void)close(fds[i]);
	}
}

static void grant_open(const struct wire_hello *hello)
{
	int fds[WIRE_MEMORY_MAX];

	grant = ATTACH_NONE;
	assert_int_equal(
		stand_in_open(&stand_in, pipeline, hello, &grant.welcome, fds),
		0);
	grant_map(fds);
}

static void grant_close(void)
{
	for (uint32_t i = 0; i < grant.welcome.memory_count; i++) {
		memory_unmap(&grant.maps[i]);
		if (grant.events[i] >= 0)
			(void)close(grant.events[i]);
	}
}

static void attach_as(const struct wire_hello *hello)
{
	grant_open(hello);
	assert_int_equal(attached_open(&peer, hello, &grant, NULL), 0);
	answer_begin();
}

static void attach(enum wire_role role, const char *stage)
{
	struct wire_hello hello = hello_as(role, stage);

	attach_as(&hello);
}

static void start_source(uint64_t end)
{
	source = (struct flow_source){.end = end};
	memset(&sink, 0, sizeof(sink));
	pipeline = flow_open_named(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "source", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .on_idle = SLUICE_IDLE_STAY, .state = &source));
	flow_start(pipeline);
}

static void pipeline_end(void)
{
	sluice_pipeline_close(pipeline);
	stand_in.stage = NULL;
	assert_int_equal(stand_in_close(&stand_in), 0);
}

static void close_all(void)
{
	answer_end();
	attached_close(&peer);
	grant_close();
	pipeline_end();
}

static void remove_stand_in(void)
{
	uint32_t closed;

	for (uint32_t ms = 0; !stand_in_over(&stand_in, &closed); ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	answer_end();
	for (uint32_t ms = 0; stand_in_close(&stand_in) < 0; ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
}

/* Up to @end, in order; then the reason of the end. */
static int read_all(uint64_t end)
{
	struct sluice_batch batch;
	uint64_t next = 0;
	int rc;

	while ((rc = sluice_recv(peer.port, &batch, FLOW_DEADLINE_MS)) > 0)
		for (uint32_t i = 0; i < batch.count; i++)
			assert_int_equal(SLUICE_EVENTS(&batch, uint64_t)[i],
					 next++);
	assert_int_equal(next, end);
	return rc;
}

static void a_peer_reads(void **state)
{
	(void)state;
	start_source(EVENTS);
	attach(WIRE_CONSUMER, "source");
	assert_int_equal(read_all(EVENTS), -EPIPE);
	close_all();
}

/* Flags that it sets are those of its own descriptors: nothing makes a worker wait
 * that signals it. */
static void it_changes_its_descriptors(void **state)
{
	(void)state;
	start_source(EVENTS);
	attach(WIRE_CONSUMER, "source");
	for (uint32_t i = 0; i < grant.welcome.memory_count; i++)
		if (grant.events[i] >= 0)
			assert_int_equal(fcntl(grant.events[i], F_SETFL, 0), 0);
	assert_int_equal(fcntl(stand_in.share->signal, F_GETFL) & O_NONBLOCK,
			 O_NONBLOCK);
	assert_int_equal(read_all(EVENTS), -EPIPE);
	close_all();
}

/* The reason of the stage at the other end. */
static void the_stage_it_reads_fails(void **state)
{
	struct sluice_port_status status;
	struct sluice_batch first;

	(void)state;
	start_source(UINT64_MAX);
	attach(WIRE_CONSUMER, "source");
	/* That stage has met it: the end of a subscription that never began is not
	 * told in its words. */
	assert_true(sluice_recv(peer.port, &first, FLOW_DEADLINE_MS) > 0);
	assert_int_equal(sluice_stage_end(sluice_stage_find(pipeline, "source"),
					  SLUICE_REASON_ERROR, 7),
			 0);
	for (;;) {
		struct sluice_batch batch;
		int rc = sluice_recv(peer.port, &batch, FLOW_DEADLINE_MS);

		if (rc > 0)
			continue;
		assert_int_equal(rc, -EIO);
		break;
	}
	assert_int_equal(sluice_port_closed(peer.port, &status), -EIO);
	assert_int_equal(status.reason, SLUICE_REASON_ERROR);
	assert_int_equal(status.code, 7);
	assert_string_equal(status.peer, "source");
	close_all();
}

static void the_engine_goes_while_it_reads(void **state)
{
	struct sluice_batch batch;
	int rc;

	(void)state;
	start_source(UINT64_MAX);
	attach(WIRE_CONSUMER, "source");
	assert_true(sluice_recv(peer.port, &batch, FLOW_DEADLINE_MS) > 0);
	attached_end(&peer, SLUICE_REASON_ERROR, EPIPE);
	do
		rc = sluice_recv(peer.port, &batch, FLOW_DEADLINE_MS);
	while (rc > 0);
	assert_int_equal(rc, -EIO);
	close_all();
}

/* The reason of a stage that had ended before this one joined it: no program can give
 * that one. */
static void there_is_nothing_to_read_any_more(void **state)
{
	struct wire_hello hello = hello_as(WIRE_CONSUMER, "source");
	struct sluice_port_status status;
	struct sluice_batch batch;

	(void)state;
	start_source(UINT64_MAX);
	hello.flags = WIRE_MANUAL; /* it has not joined */
	attach_as(&hello);
	attached_end(&peer, SLUICE_REASON_NO_PRODUCER, 0);
	assert_int_equal(sluice_recv(peer.port, &batch, FLOW_DEADLINE_MS),
			 -EIO);
	assert_int_equal(sluice_port_closed(peer.port, &status), -EIO);
	assert_int_equal(status.reason, SLUICE_REASON_NO_PRODUCER);
	close_all();
}

static void ask_for_more(void **state)
{
	struct sluice_subscription_stats stat;
	struct wire_hello hello = hello_as(WIRE_CONSUMER, "source");
	struct sluice_batch batch;
	uint32_t got = 0;

	(void)state;
	start_source(UINT64_MAX);
	hello.flags = WIRE_MANUAL;
	attach_as(&hello);
	assert_int_equal(sluice_recv(peer.port, &batch, 20), -EAGAIN);
	assert_int_equal(sluice_ask(peer.sub, 10), 0);
	while (got < 10) {
		int rc = sluice_recv(peer.port, &batch, FLOW_DEADLINE_MS);

		assert_true(rc > 0);
		got += (uint32_t)rc;
	}
	assert_int_equal(got, 10);
	assert_int_equal(sluice_recv(peer.port, &batch, 20), -EAGAIN);
	assert_int_equal(sluice_subscription_stat(stand_in.sub, &stat), 0);
	assert_int_equal(stat.acked, 10);
	close_all();
}

/* ---- its place is kept ---------------------------------------------------- */

static int is_held(void)
{
	struct subscription_held_at at;

	return subscription_held_at(stand_in.sub, &at) == 0;
}

/* Each time with one descriptor more, until nothing is refused. Returns how often
 * something was. */
static uint32_t renew(int fds[WIRE_MEMORY_MAX])
{
	struct rlimit was;
	struct rlimit now;
	uint32_t refused = 0;
	int rc;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	now = was;
	now.rlim_cur = 4;
	do {
		grant = ATTACH_NONE;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
		rc = stand_in_renew(&stand_in, &grant.welcome, fds);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
		for (uint32_t i = 0; rc < 0 && i < grant.welcome.memory_count;
		     i++)
			(void)close(fds[i]);
		assert_true(rc == 0 || rc == -EMFILE);
		refused += rc < 0;
		now.rlim_cur++;
	} while (rc < 0);
	return refused;
}

/* Whatever is refused on the way, the place is there, and what was in hand. */
static void another_comes_to_its_place(void **state)
{
	struct wire_hello hello = hello_as(WIRE_CONSUMER, "source");
	struct sluice_batch batch;
	int fds[WIRE_MEMORY_MAX];
	uint64_t first;

	(void)state;
	start_source(UINT64_MAX);
	attach_as(&hello);
	for (uint32_t got = 0; got < WINDOW; got += batch.count)
		assert_true(sluice_recv(peer.port, &batch, FLOW_DEADLINE_MS) >
			    0);
	first = SLUICE_EVENTS(&batch, uint64_t)[0];
	answer_end();
	attached_close(&peer);
	grant_close();
	assert_int_equal(stand_in_hold(&stand_in), 0);
	for (uint32_t ms = 0; !is_held(); ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	assert_in_range(renew(fds), 5, 1000);
	grant_map(fds);
	assert_int_equal(attached_open(&peer, &hello, &grant, NULL), 0);
	answer_begin();
	stand_in_resume(&stand_in);
	assert_true(sluice_recv(peer.port, &batch, FLOW_DEADLINE_MS) > 0);
	assert_int_equal(SLUICE_EVENTS(&batch, uint64_t)[0], first);
	assert_true(batch.flags & SLUICE_BATCH_REDELIVERED);
	assert_int_equal(batch.deliveries, 2);
	for (uint32_t got = 0; got < 4 * WINDOW; got += batch.count)
		assert_true(sluice_recv(peer.port, &batch, FLOW_DEADLINE_MS) >
			    0);
	close_all();
}

/* ---- it feeds ------------------------------------------------------------ */

static sluice_a32 holding; /* the sink keeps what it has in hand */

static int collect_later(struct sluice_stage *self,
			 const struct sluice_batch *batch)
{
	while (sluice_load_acquire(&holding))
		flow_sleep_ms(1);
	return flow_collect(self, batch);
}

static void start_sink(void)
{
	memset(&sink, 0, sizeof(sink));
	pipeline = flow_open_named(1);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = collect_later,
			      .on_idle = SLUICE_IDLE_STAY, .state = &sink));
	flow_start(pipeline);
}

static void send_all(uint64_t end)
{
	uint64_t events[50];

	for (uint64_t next = 0; next < end;) {
		uint32_t n = end - next < 50 ? (uint32_t)(end - next) : 50;
		int rc;

		for (uint32_t i = 0; i < n; i++)
			events[i] = next + i;
		rc = sluice_send(peer.port, events, n, FLOW_DEADLINE_MS);
		assert_true(rc > 0);
		next += (uint32_t)rc;
	}
}

static void the_place_of_who_feeds(void **state)
{
	(void)state;
	start_sink();
	attach(WIRE_PRODUCER, "sink");
	assert_int_equal(stand_in_hold(&stand_in), -ENOTSUP);
	close_all();
}

static void a_peer_feeds(void **state)
{
	(void)state;
	start_sink();
	attach(WIRE_PRODUCER, "sink");
	send_all(EVENTS);
	assert_int_equal(sluice_port_end(peer.port, SLUICE_REASON_NORMAL), 0);
	remove_stand_in();
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	flow_check_all(&sink, EVENTS);
	close_all();
}

/* What it has published counts, whatever becomes of it. */
static void a_peer_that_fed_has_gone(void **state)
{
	(void)state;
	start_sink();
	attach(WIRE_PRODUCER, "sink");
	send_all(EVENTS);
	answer_end();
	attached_close(&peer);
	grant_close();
	stand_in_end(&stand_in, SLUICE_REASON_ERROR);
	answer_begin();
	remove_stand_in();
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	flow_check_all(&sink, EVENTS);
	sluice_pipeline_close(pipeline);
}

/* And nothing that it publishes behind the end of its stream, though what lies before
 * that has not been finished yet. */
static void it_feeds_behind_its_end(void **state)
{
	const struct subscription *fed;

	(void)state;
	start_sink();
	sluice_store_release(&holding, 1);
	attach(WIRE_PRODUCER, "sink");
	send_all(10);
	assert_int_equal(stand_in_sent(&stand_in), 10);
	assert_int_equal(
		sluice_stage_end(stand_in.stage, SLUICE_REASON_SHUTDOWN, 0), 0);
	fed = subscription_at(pipeline, stand_in.sub.index);
	for (uint32_t ms = 0;
	     sluice_load_acquire(&fed->by_producer.closed) == 0; ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	send_all(5);
	assert_int_equal(stand_in_sent(&stand_in), 10);
	sluice_store_release(&holding, 0);
	remove_stand_in();
	assert_int_equal(sluice_pipeline_drain(pipeline, FLOW_DEADLINE_MS), 0);
	flow_check_all(&sink, 10);
	close_all();
}

static void the_stage_it_feeds_ends(void **state)
{
	uint64_t event = 0;
	int rc;

	(void)state;
	start_sink();
	attach(WIRE_PRODUCER, "sink");
	send_all(10);
	attached_end(&peer, SLUICE_REASON_SHUTDOWN, 0);
	do
		rc = sluice_send(peer.port, &event, 1, FLOW_DEADLINE_MS);
	while (rc > 0);
	assert_int_equal(rc, -EPIPE);
	close_all();
}

/* ---- refusals ------------------------------------------------------------- */

static void what_is_refused(void **state)
{
	static const struct {
		enum wire_role role;
		const char *stage;
		uint32_t bytes;
		int rc;
		const char *text;
	} rows[] = {
		{WIRE_CONSUMER, "nobody", 0, -ENOENT, "no stage 'nobody'"},
		{WIRE_CONSUMER, "sink", 0, -EINVAL, "produces nothing"},
		{WIRE_PRODUCER, "source", 0, -EINVAL, "consumes nothing"},
		{WIRE_CONSUMER, "source", 16, -EINVAL,
		 "from_bytes 16 does not match its out_bytes 8"},
		{WIRE_CONSUMER, "all", 0, -ENOTSUP, "'broadcast'"},
		{WIRE_OBSERVER, "source", 0, -ENOTSUP, "observer"},
	};

	(void)state;
	start_source(UINT64_MAX);
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "sink", .kind = SLUICE_CONSUMER,
			      .in_bytes = 8, .handle_events = flow_collect,
			      .state = &sink));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "all", .kind = SLUICE_PRODUCER,
			      .out_bytes = 8, .handle_demand = flow_count,
			      .dispatcher = "broadcast", .state = &source));
	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
		struct wire_hello hello = hello_as(rows[i].role, rows[i].stage);
		struct wire_welcome welcome = {.memory_count = 0};
		int fds[WIRE_MEMORY_MAX];

		hello.from_bytes = rows[i].bytes;
		assert_int_equal(stand_in_open(&stand_in, pipeline, &hello,
					       &welcome, fds),
				 rows[i].rc);
		assert_text_has(sluice_last_error(), rows[i].text);
		for (uint32_t k = 0; k < welcome.memory_count; k++)
			(void)close(fds[k]);
		if (stand_in.stage != NULL)
			remove_stand_in();
	}
	sluice_pipeline_close(pipeline);
}

/* One that gives no name, or that of the stage. */
static void a_peer_without_a_name_of_its_own(void **state)
{
	static const char *const names[] = {"", "source"};

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		struct wire_hello hello = hello_as(WIRE_CONSUMER, "source");
		struct sluice_batch batch;

		start_source(UINT64_MAX);
		grant_open(&hello);
		(void)strcpy(hello.peer, names[i]);
		assert_int_equal(attached_open(&peer, &hello, &grant, NULL), 0);
		answer_begin();
		assert_true(sluice_recv(peer.port, &batch, FLOW_DEADLINE_MS) >
			    0);
		close_all();
	}
}

static void expect_not_opened(const struct wire_hello *hello, const char *says)
{
	assert_int_equal(attached_open(&peer, hello, &grant, NULL), -EPROTO);
	assert_text_has(sluice_last_error(), says);
	assert_null(peer.pipeline);
}

/* What it is given does not fit what it asked for. */
static void a_grant_that_cannot_be_used(void **state)
{
	struct wire_hello hello = hello_as(WIRE_CONSUMER, "source");
	uint32_t missing = 0;

	(void)state;
	start_source(UINT64_MAX);
	grant_open(&hello);
	grant.welcome.ring[WIRE_FROM].capacity *= 2;
	expect_not_opened(&hello, "slots for a window of");
	grant.welcome.ring[WIRE_FROM].capacity /= 2;
	for (uint32_t i = 0; i < grant.welcome.object_count; i++) {
		uint32_t kind = grant.welcome.object[i].kind;

		grant.welcome.object[i].kind = 0;
		expect_not_opened(&hello, "lies in what is no memory");
		grant.welcome.object[i].kind = kind;
		missing++;
	}
	assert_true(missing > 5);
	for (uint32_t i = 0; i < grant.welcome.memory_count; i++) {
		unsigned char *base = grant.maps[i].base;

		if (base == NULL)
			continue;
		grant.maps[i].base = NULL;
		expect_not_opened(&hello, "lies in what is no memory");
		grant.maps[i].base = base;
	}
	grant_close();
	pipeline_end();
}

/* It says that it has sent more than its ring holds. */
static void what_it_says_it_has_sent_is_not_believed(void **state)
{
	struct share_found found;
	struct share_words *words = &found.words;
	uint64_t acked;

	(void)state;
	start_sink();
	attach(WIRE_PRODUCER, "sink");
	send_all(10);
	assert_int_equal(share_find(&found, &grant, WIRE_TO), 0);
	for (uint32_t ms = 0; sluice_load_acquire(&words->rx->acked) < 10;
	     ms++) {
		assert_true(ms < FLOW_DEADLINE_MS);
		flow_sleep_ms(1);
	}
	assert_int_equal(stand_in_sent(&stand_in), 10);
	acked = sluice_load_acquire(&words->rx->acked);
	sluice_store_release(&words->tx->published, acked + WINDOW + 1);
	assert_int_equal(stand_in_sent(&stand_in), acked);
	sluice_store_release(&words->tx->published, acked - 1);
	assert_int_equal(stand_in_sent(&stand_in), acked);
	sluice_store_release(&words->tx->published, acked);
	close_all();
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_reads),
		cmocka_unit_test(it_changes_its_descriptors),
		cmocka_unit_test(the_stage_it_reads_fails),
		cmocka_unit_test(the_engine_goes_while_it_reads),
		cmocka_unit_test(there_is_nothing_to_read_any_more),
		cmocka_unit_test(ask_for_more),
		cmocka_unit_test(another_comes_to_its_place),
		cmocka_unit_test(the_place_of_who_feeds),
		cmocka_unit_test(a_peer_feeds),
		cmocka_unit_test(a_peer_that_fed_has_gone),
		cmocka_unit_test(it_feeds_behind_its_end),
		cmocka_unit_test(the_stage_it_feeds_ends),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(a_peer_without_a_name_of_its_own),
		cmocka_unit_test(a_grant_that_cannot_be_used),
		cmocka_unit_test(what_it_says_it_has_sent_is_not_believed),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
