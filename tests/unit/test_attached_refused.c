/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer is refused when it attaches, and what it refuses to be given. */
#include "attached.h"
#include "engine/peer/wish_priv.h"

static void is_refused(const struct wire_hello *hello, int rc, const char *text)
{
	struct wire_welcome welcome = {.memory_count = 0};
	int fds[WIRE_MEMORY_MAX];

	assert_int_equal(stand_in_open(&stand_in, pipeline, hello, &no_terms,
				       &welcome, fds),
			 rc);
	assert_text_has(sluice_last_error(), text);
	for (uint32_t k = 0; k < welcome.memory_count; k++)
		(void)close(fds[k]);
}

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

		hello.from_bytes = rows[i].bytes;
		is_refused(&hello, rows[i].rc, rows[i].text);
		if (stand_in.stage != NULL)
			remove_stand_in();
	}
	sluice_pipeline_close(pipeline);
}

/* Of events as large as there are. */
static void add_wide_ones(void)
{
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "wide", .kind = SLUICE_CONSUMER,
			      .in_bytes = SLUICE_EVENT_BYTES_MAX,
			      .handle_events = flow_collect, .state = &sink));
	flow_add(pipeline,
		 SLUICE_STAGE(.name = "wide-source", .kind = SLUICE_PRODUCER,
			      .out_bytes = SLUICE_EVENT_BYTES_MAX,
			      .handle_demand = flow_count, .state = &source));
}

/* The longest ring that there may be. */
static void a_ring_up_to_the_limit(void **state)
{
	static const struct {
		uint32_t window;
		uint32_t bytes;
		int rc;
	} rows[] = {
		{65536, 65536, 0},
		{65537, 65536, -EINVAL},
		{SLUICE_DEMAND_MAX, 4096, 0},
		{SLUICE_DEMAND_MAX, 4097, -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
		struct wish wish = {.side = WIRE_TO,
				    .stage = "stage",
				    .event_bytes = rows[i].bytes};

		wish.opts.max_demand = rows[i].window;
		assert_int_equal(wish_fits(&wish), rows[i].rc);
	}
}

/* Before there is memory for it. */
static void a_ring_that_is_too_long(void **state)
{
	struct wire_hello feeds = hello_as(WIRE_PRODUCER, "wide");
	struct wire_hello reads = hello_as(WIRE_CONSUMER, "wide-source");

	(void)state;
	start_source(UINT64_MAX);
	add_wide_ones();
	feeds.ring_events = SLUICE_DEMAND_MAX;
	is_refused(&feeds, -EINVAL,
		   "'wide': ring_events 1048576 of 65536 bytes each takes "
		   "68719476736 bytes, over the limit of 4294967296");
	assert_null(stand_in.share);
	reads.max_demand = 65537;
	is_refused(&reads, -EINVAL,
		   "'wide-source': max_demand 65537 of 65536 bytes each takes "
		   "8589934592 bytes, over the limit of 4294967296");
	assert_null(stand_in.share);
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

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(a_ring_up_to_the_limit),
		cmocka_unit_test(a_ring_that_is_too_long),
		cmocka_unit_test(a_peer_without_a_name_of_its_own),
		cmocka_unit_test(a_grant_that_cannot_be_used),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
