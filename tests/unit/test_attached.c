/* SPDX-License-Identifier: Apache-2.0 */
/* A peer that reads, and its place while it is away. */
#include "attached.h"

#include <fcntl.h>
#include <sys/resource.h>

/* ---- it reads ------------------------------------------------------------------ */

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

/* ---- its place is kept --------------------------------------------------------- */

static int is_held(void)
{
	struct subscription_held_at at;

	return subscription_held_at(stand_in.sub, &at) == 0;
}

/* Each time with one descriptor more, until nothing is refused. Returns how often
 * something was. */
static uint32_t renew(const struct wire_hello *hello, int fds[WIRE_MEMORY_MAX])
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
		rc = stand_in_renew(&stand_in, hello, &grant.welcome, fds);
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
	assert_in_range(renew(&hello, fds), 5, 1000);
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
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
