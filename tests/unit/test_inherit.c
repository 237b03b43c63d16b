/* SPDX-License-Identifier: Apache-2.0 */
/* What the program of a process stage is offered by its engine: it fills in what was
 * left out, and agrees with what was given. */
#include "engine/peer/exec_priv.h"
#include "engine/peer/inherit_priv.h"
#include "engine/peer/packet_priv.h"
#include "flow.h"
#include "peer_messages.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int ends[2];

/* As an engine starts a program. */
static void start(int type)
{
	char number[16];

	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
	(void)snprintf(number, sizeof(number), "%d", ends[1]);
	(void)setenv(EXEC_FD, number, 1);
}

static void stop(void)
{
	(void)unsetenv(EXEC_FD);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

#define COUNT(number) hello.number = (__typeof__(hello.number))++n;

/* A worker, of whom each number is set. */
static struct wire_hello offer(void)
{
	struct wire_hello hello = peer_hello(WIRE_WORKER);
	uint32_t n = 0;

	WIRE_HELLO_NUMBERS(COUNT)
	return hello;
}

static int open_with(struct inherited *inherited,
		     struct sluice_attach_opts *opts)
{
	struct wire_hello hello = offer();

	assert_int_equal(packet_send(ends[0], &hello, sizeof(hello), NULL, 0),
			 0);
	opts->timeout_ms = FLOW_DEADLINE_MS;
	return inherited_open(inherited, opts);
}

#define IS_OFFERED(number) assert_int_equal(opts.number, hello.number);

static void what_is_left_out_is_as_it_is_offered(void **state)
{
	struct wire_hello hello = offer();
	struct sluice_attach_opts opts = {.size = sizeof(opts)};
	struct inherited inherited;

	(void)state;
	start(SOCK_SEQPACKET);
	assert_int_equal(open_with(&inherited, &opts), 0);
	assert_string_equal(opts.pipeline, "p");
	assert_string_equal(opts.name, "me");
	assert_string_equal(opts.from, "out");
	assert_string_equal(opts.to, "in");
	assert_int_equal(opts.event_bytes, hello.from_bytes);
	assert_int_equal(opts.to_bytes, hello.to_bytes);
	WIRE_HELLO_NUMBERS(IS_OFFERED)
	assert_int_equal(inherited_take(&inherited), ends[1]);
	/* Nobody else takes it. */
	assert_null(getenv(EXEC_FD));
	assert_int_equal(fcntl(ends[1], F_GETFD), FD_CLOEXEC);
	stop();
}

#define GIVE(number)     opts.number = (__typeof__(opts.number))(100 + ++n);
#define IS_GIVEN(number) assert_int_equal(opts.number, 100 + ++n);

static void what_is_given_stays(void **state)
{
	struct sluice_attach_opts opts = {.size = sizeof(opts),
					  .name = "me",
					  .from = "out",
					  .to = "in",
					  .event_bytes = 24,
					  .to_bytes = 32};
	struct inherited inherited;
	uint32_t n = 0;

	(void)state;
	WIRE_HELLO_NUMBERS(GIVE)
	start(SOCK_SEQPACKET);
	assert_int_equal(open_with(&inherited, &opts), 0);
	assert_int_equal(opts.event_bytes, 24);
	assert_int_equal(opts.to_bytes, 32);
	n = 0;
	WIRE_HELLO_NUMBERS(IS_GIVEN)
	stop();
}

static void another_name_is_refused(void **state)
{
	static const struct {
		struct sluice_attach_opts opts;
		const char *says;
	} rows[] = {
		{{.name = "you"}, "name 'you': the engine that has started"},
		{{.from = "in"}, "from 'in': the engine that has started"},
		{{.to = "out"}, "this process says 'in'"},
	};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
		struct sluice_attach_opts opts = rows[i].opts;
		struct inherited inherited;

		start(SOCK_SEQPACKET);
		assert_int_equal(open_with(&inherited, &opts), -EINVAL);
		assert_text_has(sluice_last_error(), rows[i].says);
		stop();
	}
}

/* Nothing is taken from it, and nothing of it changed. */
static void another_socket_is_none_of_its_own(void **state)
{
	struct sluice_attach_opts opts = {.size = sizeof(opts)};
	struct inherited inherited;

	(void)state;
	start(SOCK_STREAM);
	assert_int_equal(inherited_open(&inherited, &opts), -EINVAL);
	assert_text_has(sluice_last_error(), "names no socket of that kind");
	assert_non_null(getenv(EXEC_FD));
	stop();
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_out_is_as_it_is_offered),
		cmocka_unit_test(what_is_given_stays),
		cmocka_unit_test(another_name_is_refused),
		cmocka_unit_test(another_socket_is_none_of_its_own),
	};

	flow_watch(tests, UNIT_COUNT(tests));
	return cmocka_run_group_tests_name("inherit", tests, NULL, NULL);
}
