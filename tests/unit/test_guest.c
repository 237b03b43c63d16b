/* SPDX-License-Identifier: Apache-2.0 */
/* The handshake from both sides: who is let in, and who is refused or sent away and
 * in what words. */
#include "tests/unit/reception.h"

static struct wire_word word;

/* ---- who is let in ------------------------------------------------------------------ */

static void every_role_attaches_and_leaves(void **state)
{
	uint32_t n = 0;

	(void)state;
	reception_open(plain);
	for (int role = WIRE_PRODUCER; role <= WIRE_OBSERVER; role++) {
		struct attach attach;
		uint64_t epoch;

		visit_well(&attach, (enum wire_role)role);
		reception_await(&reception.ready, ++n);
		epoch = reception.epoch;
		assert_int_equal(attach.welcome.epoch, epoch);
		assert_true(epoch != 0);
		assert_int_equal(reception.identity.uid, geteuid());
		assert_int_equal(reception.identity.gid, getegid());
		assert_int_equal(reception.identity.pid, getpid());
		assert_non_null(attach.maps[0].base);
		assert_int_equal(attach_ended(&attach, &word), 0);
		attach_close(&attach, SLUICE_REASON_ERROR, -EIO);
		attach_close(&attach, SLUICE_REASON_NORMAL, 0);
		reception_expect_gone(n, PEER_LEFT, SLUICE_REASON_ERROR, -EIO);
	}
	reception_close();
}

static void what_is_given_can_be_written_by_its_writer(void **state)
{
	struct attach attach;
	const struct wire_object *slots;
	unsigned char *at;

	(void)state;
	reception_open(plain);
	visit_well(&attach, WIRE_PRODUCER);
	slots = wire_object_find(&attach.welcome, WIRE_TO, SLUICE_OBJECT_SLOTS);
	assert_non_null(slots);
	at = attach.maps[slots->memory].base + slots->offset;
	memset(at, 'x', slots->bytes);
	attach_close(&attach, SLUICE_REASON_NORMAL, 0);
	reception_await(&reception.gone, 1);
	reception_close();
}

/* ---- who is not ---------------------------------------------------------------------- */

SPOIL(another_pipeline, h->pipeline[0] = 'q')
SPOIL(no_stage, h->from[0] = 'x')
SPOIL(no_stage_to, h->to[0] = 'x')
SPOIL(closed_stage, (void)strcpy(h->from, "closed"))
SPOIL(shut_stage, (void)strcpy(h->to, "shut"))
SPOIL(consumer_of_a_consumer, (void)strcpy(h->from, "in"))
SPOIL(producer_for_a_producer, (void)strcpy(h->to, "out"))
SPOIL(from_size, h->from_bytes = 8)
SPOIL(to_size, h->to_bytes = 16)
SPOIL(any_size, h->from_bytes = h->to_bytes = 0)
SPOIL(role, h->role = 9)
SPOIL(over_a_limit, h->max_demand = SLUICE_DEMAND_MAX + 1)
SPOIL(a_cycle, (void)strcpy(h->to, "out"))

static struct hello_row refusal_rows[] = {
	{"refused_stage", WIRE_CONSUMER, no_stage, -ENOENT,
	 "there is no stage 'xut'"},
	{"refused_stage_to", WIRE_PRODUCER, no_stage_to, -ENOENT,
	 "there is no stage 'xn'"},
	{"refused_closed", WIRE_CONSUMER, closed_stage, -EPERM,
	 "stage 'closed': peers may not consume from it"},
	{"refused_shut", WIRE_PRODUCER, shut_stage, -EPERM,
	 "stage 'shut': peers may not feed it"},
	{"refused_side", WIRE_CONSUMER, consumer_of_a_consumer, -EPERM,
	 "stage 'in': peers may not consume"},
	{"refused_side_to", WIRE_PRODUCER, producer_for_a_producer, -EPERM,
	 "stage 'out': peers may not feed"},
	{"refused_size", WIRE_OBSERVER, from_size, -EINVAL,
	 "stage 'out': from_bytes 8 does not match its out_bytes 16"},
	{"refused_size_to", WIRE_WORKER, to_size, -EINVAL,
	 "stage 'in': to_bytes 16 does not match its in_bytes 8"},
	{"taken_any_size", WIRE_WORKER, any_size, 0, NULL},
	{"refused_role", WIRE_CONSUMER, role, -EINVAL, "hello: role 9"},
	{"refused_limit", WIRE_CONSUMER, over_a_limit, -EINVAL,
	 "max_demand 1048577 is over the limit of 1048576"},
	{"refused_cycle", WIRE_WORKER, a_cycle, -EPERM, "stage 'out'"},
};

static void refusals(void **state)
{
	const struct hello_row *row = *state;
	struct wire_hello hello = peer_hello(row->role);
	struct attach attach;

	reception_open(plain);
	row->spoil(&hello);
	assert_int_equal(attach_open(&attach, &hello, folder,
				     attach_due(TEST_DEADLINE_MS)),
			 row->code);
	if (row->code != 0)
		assert_text_has(sluice_last_error(), row->says);
	else
		attach_close(&attach, SLUICE_REASON_NORMAL, 0);
	reception_close();
}

/* What a client of this library does not say. */
static void say_raw(const void *message, size_t n, int code, const char *says)
{
	int fd = visit_raw();

	assert_true(fd >= 0);
	assert_int_equal(packet_send(fd, message, n, NULL, 0), 0);
	visit_hears(fd, WIRE_REFUSAL, code, says, &word);
	visit_is_over(fd);
}

static void other_versions_are_refused_in_words(void **state)
{
	struct wire_hello hello = peer_hello(WIRE_CONSUMER);
	char longer[sizeof(hello) + sizeof(struct wire_welcome)] = {0};

	(void)state;
	reception_open(plain);
	hello.head.major++;
	say_raw(&hello, sizeof(hello), -EPROTO,
		"version is 2.0 and has to be 1.x");
	hello = peer_hello(WIRE_CONSUMER);
	hello.head.byte_order = __builtin_bswap32(WIRE_BYTE_ORDER);
	say_raw(&hello, sizeof(hello), -EPROTO, "another byte order");
	hello = peer_hello(WIRE_CONSUMER);
	another_pipeline(&hello);
	say_raw(&hello, sizeof(hello), -ENOENT,
		"this is pipeline 'p', not 'q'");
	say_raw("GET / HTTP/1.1\r\n\r\n", 18, -EPROTO, "too few");
	say_raw(&hello, sizeof(hello) - 1, -EPROTO, "have to be 512");
	say_raw(longer, sizeof(longer), -EPROTO, "more than 1025 bytes");
	assert_int_equal(reception_count(&reception.admitted), 0);
	reception_close();
}

static void descriptors_are_refused(void **state)
{
	struct wire_hello hello = peer_hello(WIRE_CONSUMER);
	const int fds[2] = {0, 1};
	int before;
	int fd;

	(void)state;
	reception_open(plain);
	before = fds_count();
	fd = visit_raw();
	assert_int_equal(packet_send(fd, &hello, sizeof(hello), fds, 2), 0);
	visit_hears(fd, WIRE_REFUSAL, -EPROTO, "none are taken", &word);
	visit_is_over(fd);
	while (fds_count() != before)
		(void)poll(NULL, 0, 1);
	reception_close();
}

static void what_is_behind_the_door_refuses(void **state)
{
	struct attach attach;

	(void)state;
	reception_open(plain);
	reception.refuses = -ENOMEM;
	assert_int_equal(visit(&attach, WIRE_WORKER), -ENOMEM);
	assert_text_has(sluice_last_error(), "the reception is full");
	reception.refuses = 0;
	visit_well(&attach, WIRE_WORKER);
	attach_close(&attach, SLUICE_REASON_NORMAL, 0);
	reception_await(&reception.gone, 1);
	reception_close();
}

/* A mistake of our own does not reach a peer. */
static void what_cannot_be_is_not_sent(void **state)
{
	struct attach attach;

	(void)state;
	reception_open(plain);
	reception.spoils = 1;
	assert_int_equal(visit(&attach, WIRE_CONSUMER), -EINVAL);
	assert_text_has(sluice_last_error(), "3 slots");
	reception_expect_gone(1, PEER_LOST, SLUICE_REASON_ERROR, -EINVAL);
	reception_close();
}

/* ---- who is late, and who says what makes no sense --------------------------------------- */

/* It is told so, and has gone. */
static void expect_sent_away(struct attach *attach, enum peer_gone why,
			     int code, const char *says)
{
	visit_hears(attach->socket, WIRE_END, code, says, &word);
	reception_expect_gone(1, why, SLUICE_REASON_ERROR, code);
	attach_close(attach, SLUICE_REASON_NORMAL, 0);
}

static void who_says_nothing_is_sent_away(void **state)
{
	struct attach attach;
	int fd;

	(void)state;
	reception_open((struct sluice_listen_opts){.hello_ms = 20});
	fd = visit_raw();
	visit_hears(fd, WIRE_REFUSAL, -ETIMEDOUT,
		    "no hello within hello_ms, 20", &word);
	visit_is_over(fd);
	assert_int_equal(visit(&attach, WIRE_CONSUMER), 0);
	expect_sent_away(&attach, PEER_LATE, -ETIMEDOUT, "no ready within");
	assert_int_equal(reception_count(&reception.ready), 0);
	reception_close();
}

static void another_epoch_is_no_ready(void **state)
{
	struct attach attach;

	(void)state;
	reception_open(plain);
	assert_int_equal(visit(&attach, WIRE_CONSUMER), 0);
	attach.welcome.epoch++;
	assert_int_equal(attach_ready(&attach), 0);
	expect_sent_away(&attach, PEER_PROTOCOL, -EPROTO, "ready: epoch is");
	reception_close();
}

static void nothing_but_an_end_comes_after_ready(void **state)
{
	struct attach attach;

	(void)state;
	reception_open(plain);
	visit_well(&attach, WIRE_CONSUMER);
	assert_int_equal(attach_ready(&attach), 0);
	expect_sent_away(&attach, PEER_PROTOCOL, -EPROTO, "kind is 4");
	assert_int_equal(reception_count(&reception.ready), 1);
	reception_close();
}

static void one_may_leave_before_it_is_ready(void **state)
{
	struct attach attach;

	(void)state;
	reception_open(plain);
	assert_int_equal(visit(&attach, WIRE_CONSUMER), 0);
	attach_close(&attach, SLUICE_REASON_NORMAL, 0);
	reception_expect_gone(1, PEER_LEFT, SLUICE_REASON_NORMAL, 0);
	assert_int_equal(reception_count(&reception.ready), 0);
	reception_close();
}

static void one_may_be_sent_away(void **state)
{
	struct attach attach;

	(void)state;
	reception_open(plain);
	reception.dismisses = 1;
	visit_well(&attach, WIRE_CONSUMER);
	expect_sent_away(&attach, PEER_DISMISSED, -EPROTO, "it lies");
	reception.dismisses = 0;
	/* The next one in its place is another. */
	visit_well(&attach, WIRE_CONSUMER);
	reception_await(&reception.ready, 2);
	attach_close(&attach, SLUICE_REASON_NORMAL, 0);
	reception_expect_gone(2, PEER_LEFT, SLUICE_REASON_NORMAL, 0);
	reception_close();
}

int main(void)
{
	static const struct CMUnitTest plain_tests[] = {
		cmocka_unit_test(every_role_attaches_and_leaves),
		cmocka_unit_test(what_is_given_can_be_written_by_its_writer),
		cmocka_unit_test(other_versions_are_refused_in_words),
		cmocka_unit_test(descriptors_are_refused),
		cmocka_unit_test(what_is_behind_the_door_refuses),
		cmocka_unit_test(what_cannot_be_is_not_sent),
		cmocka_unit_test(who_says_nothing_is_sent_away),
		cmocka_unit_test(another_epoch_is_no_ready),
		cmocka_unit_test(nothing_but_an_end_comes_after_ready),
		cmocka_unit_test(one_may_leave_before_it_is_ready),
		cmocka_unit_test(one_may_be_sent_away),
	};
	struct CMUnitTest
		tests[UNIT_COUNT(refusal_rows) + UNIT_COUNT(plain_tests)];
	size_t n = UNIT_ADD_ROWS(tests, 0, refusals, refusal_rows);

	memcpy(tests + n, plain_tests, sizeof(plain_tests));
	return cmocka_run_group_tests_name("guest", tests, NULL, NULL);
}
