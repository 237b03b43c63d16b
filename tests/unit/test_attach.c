/* SPDX-License-Identifier: Apache-2.0 */
/* A peer at the door of what is no engine of ours: whatever that answers, the peer
 * says what is wrong with it, and holds nothing. */
#define _GNU_SOURCE /* accept4 */
#include "engine/attach.h"
#include "engine/peer/address_priv.h"
#include "engine/peer/attach_priv.h"
#include "engine/peer/packet_priv.h"
#include "ring/base.h"
#include "tests/support/deadline.h"
#include "tests/support/fds.h"
#include "tests/support/unit.h"
#include "tests/unit/peer_messages.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct answer_row {
	const char *test;
	void (*answer)(int fd);
	int code;
	const char *says;
};

static char folder[64];
static struct address address;
static int door;
static pthread_t peer;

/* ---- answers ------------------------------------------------------------------- */

static void says_nothing(int fd)
{
	(void)fd;
}

static void says_too_much(int fd)
{
	char bytes[WIRE_BYTES_MAX + 1] = {0};

	(void)packet_send(fd, bytes, sizeof(bytes), NULL, 0);
}

static void says_ready(int fd)
{
	struct wire_ready ready;

	wire_init(&ready, WIRE_READY, sizeof(ready));
	(void)packet_send(fd, &ready, sizeof(ready), NULL, 0);
}

static void refuses(int fd)
{
	struct wire_word word;

	wire_word_init(&word, WIRE_REFUSAL, -ENOSPC, SLUICE_REASON_OPEN,
		       "it is full");
	(void)packet_send(fd, &word, sizeof(word), NULL, 0);
}

static void welcomes_with(int fd, const int *fds, uint32_t count)
{
	struct wire_welcome welcome = peer_welcome(WIRE_CONSUMER);

	(void)packet_send(fd, &welcome, sizeof(welcome), fds, count);
}

static void forgets_the_memory(int fd)
{
	welcomes_with(fd, NULL, 0);
}

static void hands_over_no_memory(int fd)
{
	const int fds[4] = {fd, fd, fd, fd};

	welcomes_with(fd, fds, 4);
}

static void is_signalled(int signal)
{
	(void)signal;
}

/* As a timer of the peer's might, while it waits. */
static void signals_and_refuses(int fd)
{
	for (int i = 0; i < 10; i++) {
		(void)poll(NULL, 0, 5);
		(void)pthread_kill(peer, SIGUSR1);
	}
	refuses(fd);
}

/* What the peer has said is not read: the close makes a reset of it, before the words
 * that were said. */
static void refuses_unread(int fd)
{
	refuses(fd);
}

static void closes_unread(int fd)
{
	(void)fd;
}

static struct answer_row answer_rows[] = {
	{"silence", says_nothing, -EPIPE,
	 "attach: the engine has closed the connection without a word: it is "
	 "ending, or its process has gone"},
	{"too_long", says_too_much, -EPROTO,
	 "attach: no answer: a message of more than 1025 bytes"},
	{"another_kind", says_ready, -EPROTO,
	 "welcome: kind is 4 and has to be 2 at this point"},
	{"refusal", refuses, -ENOSPC, "it is full"},
	{"refusal_after_signals", signals_and_refuses, -ENOSPC, "it is full"},
	{"refusal_unread", refuses_unread, -ENOSPC, "it is full"},
	{"silence_unread", closes_unread, -EPIPE,
	 "attach: the engine has closed the connection without a word: it is "
	 "ending, or its process has gone"},
	{"no_memory", forgets_the_memory, -EPROTO,
	 "welcome: memory_count is 4, and 0 descriptors came"},
	{"another_memory", hands_over_no_memory, -EPROTO,
	 "peers: a descriptor is of no memfd"},
};

/* ---- who gives them ---------------------------------------------------------------- */

static int setup(void **state)
{
	const struct address_opts opts = {.mode = 0700, .backlog = 1};

	(void)state;
	(void)strcpy(folder, "/tmp/sluice-test-XXXXXX");
	if (mkdtemp(folder) == NULL ||
	    address_find(&address, "p", folder, 0) < 0 ||
	    address_take(&address) < 0)
		return -1;
	door = address_listen(&address, &opts);
	return door < 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)close(door);
	address_leave(&address);
	return rmdir(folder);
}

static void *engine(void *arg)
{
	const struct answer_row *row = arg;
	struct pollfd polled = {.fd = door, .events = POLLIN};
	struct wire_hello hello;
	int fd;

	(void)poll(&polled, 1, (int)TEST_DEADLINE_MS);
	fd = accept4(door, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (row->answer == refuses_unread || row->answer == closes_unread)
		(void)recv(fd, &hello, sizeof(hello), MSG_PEEK);
	else
		(void)recv(fd, &hello, sizeof(hello), 0);
	row->answer(fd);
	(void)close(fd);
	return NULL;
}

static void answers(void **state)
{
	struct answer_row *row = *state;
	struct wire_hello hello = peer_hello(WIRE_CONSUMER);
	struct attach attach;
	pthread_t thread;
	int before = fds_count();

	assert_int_equal(setup(state), 0);
	assert_int_equal(pthread_create(&thread, NULL, engine, row), 0);
	assert_int_equal(attach_open(&attach, &hello, folder,
				     attach_due(TEST_DEADLINE_MS)),
			 row->code);
	assert_string_equal(sluice_last_error(), row->says);
	assert_int_equal(attach.socket, -1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(teardown(state), 0);
	assert_int_equal(fds_count(), before);
}

/* ---- who waits for the next engine ---------------------------------------------- */

static void is_ending(int fd)
{
	struct wire_word word;

	wire_word_init(&word, WIRE_REFUSAL, -EPIPE, SLUICE_REASON_OPEN,
		       "pipeline 'p' is ending");
	(void)packet_send(fd, &word, sizeof(word), NULL, 0);
}

static void had_no_time(int fd)
{
	struct wire_word word;

	wire_word_init(&word, WIRE_REFUSAL, -ETIMEDOUT, SLUICE_REASON_OPEN,
		       "no hello within hello_ms, 1");
	(void)packet_send(fd, &word, sizeof(word), NULL, 0);
}

/* The engines of one name, one after the other. The first is asked again in any case. */
static struct answer_row engines_one_by_one[] = {
	{"", had_no_time, 0, ""}, {"", says_nothing, 0, ""},
	{"", is_ending, 0, ""},   {"", closes_unread, 0, ""},
	{"", refuses, 0, ""},
};

static void *engines(void *arg)
{
	const uint32_t *count = arg;

	for (uint32_t i = 0; i < *count; i++)
		(void)engine(&engines_one_by_one[i]);
	return NULL;
}

static void attach_to(uint32_t count, uint32_t flags, int code,
		      const char *says)
{
	const struct sluice_attach_opts opts = {
		.size = sizeof(opts),
		.pipeline = "p",
		.folder = folder,
		.from = "source",
		.flags = flags,
		.timeout_ms = TEST_DEADLINE_MS,
	};
	struct sluice_stage *port = NULL;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, engines, &count), 0);
	assert_int_equal(sluice_attach(&port, &opts), code);
	assert_text_has(sluice_last_error(), says);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void who_waits_asks_the_next_one(void **state)
{
	(void)state;
	attach_to(UNIT_COUNT(engines_one_by_one), SLUICE_ATTACH_WAIT, -ENOSPC,
		  "it is full");
}

static void who_does_not_is_told(void **state)
{
	(void)state;
	attach_to(2, 0, -EPIPE, "it is ending, or its process has gone");
}

/* It had welcomed the peer, and has said @word (NULL: nothing) and closed. */
static void ready_for(const struct wire_word *word, int code, const char *says)
{
	struct attach attach = ATTACH_NONE;
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	attach.socket = pair[0];
	if (word != NULL)
		assert_int_equal(
			packet_send(pair[1], word, sizeof(*word), NULL, 0), 0);
	(void)close(pair[1]);
	assert_int_equal(attach_ready(&attach), code);
	assert_text_has(sluice_last_error(), says);
	(void)close(pair[0]);
}

static void runs_not_yet(int fd)
{
	struct wire_word word;

	wire_word_init(&word, WIRE_REFUSAL, -EAGAIN, SLUICE_REASON_OPEN,
		       "pipeline 'p' does not run yet");
	(void)packet_send(fd, &word, sizeof(word), NULL, 0);
}

/* The last try finds no time, or nobody: what was answered before is told. */
static void what_was_answered_last_is_told(void **state)
{
	static struct answer_row row = {"", runs_not_yet, 0, ""};
	struct sluice_attach_opts opts;
	struct sluice_stage *port = NULL;
	pthread_t thread;

	(void)state;
	sluice_attach_opts_init(&opts);
	opts.pipeline = "p";
	opts.folder = folder;
	opts.from = "source";
	opts.timeout_ms = 300;
	assert_int_equal(pthread_create(&thread, NULL, engine, &row), 0);
	assert_int_equal(sluice_attach(&port, &opts), -EAGAIN);
	assert_text_has(sluice_last_error(), "does not run yet");
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void who_was_welcomed_is_told(void **state)
{
	struct wire_word word;

	(void)state;
	ready_for(NULL, -EPIPE, "it is ending, or its process has gone");
	wire_word_init(&word, WIRE_END, -ETIMEDOUT, SLUICE_REASON_ERROR,
		       "no ready within hello_ms, 1000");
	ready_for(&word, -ETIMEDOUT, "no ready within hello_ms, 1000");
	wire_word_init(&word, WIRE_END, 0, SLUICE_REASON_SHUTDOWN,
		       "pipeline 'p' has ended");
	ready_for(&word, -EPIPE, "pipeline 'p' has ended");
}

/* Nobody has accepted it, and nobody will. Of several the last ones find no place
 * where they could wait for that. */
static void who_waits_in_vain_is_told_so(void **state)
{
	struct wire_hello hello = peer_hello(WIRE_CONSUMER);
	struct attach attach;

	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(
			attach_open(&attach, &hello, folder, attach_due(10)),
			-ETIMEDOUT);
		assert_text_has(sluice_last_error(),
				"has not answered in time");
	}
}

/* Where they could wait is taken, and their time is over: that is no endless one. */
static void who_is_late_does_not_wait(void **state)
{
	struct wire_hello hello = peer_hello(WIRE_CONSUMER);
	struct attach attach;

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(
			attach_open(&attach, &hello, folder, attach_now() - 1),
			-ETIMEDOUT);
}

/* ---- how it ends ---------------------------------------------------------------- */

static void ends_well(int fd)
{
	struct wire_word word;

	wire_word_init(&word, WIRE_END, -EIO, SLUICE_REASON_ERROR, "it broke");
	(void)packet_send(fd, &word, sizeof(word), NULL, 0);
}

static struct answer_row end_rows[] = {
	{"end", ends_well, 1, ""},
	{"end_silence", says_nothing, -EPIPE,
	 "attach: the engine has gone without a word"},
	{"end_too_long", says_too_much, -EPROTO,
	 "a message of more than 1025 bytes"},
	{"end_another_kind", says_ready, -EPROTO, "kind is 4"},
};

/* Also behind a reset, for the peer has said something that nobody read. */
static void ends(void **state)
{
	const struct answer_row *row = *state;

	for (int unread = 0; unread < 2; unread++) {
		struct attach attach = ATTACH_NONE;
		struct wire_word end;
		int pair[2];

		assert_int_equal(socketpair(AF_UNIX,
					    SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
					    pair),
				 0);
		attach.socket = pair[0];
		assert_int_equal(attach_ended(&attach, &end), 0);
		if (unread)
			assert_int_equal(send(pair[0], "x", 1, 0), 1);
		row->answer(pair[1]);
		(void)close(pair[1]);
		assert_int_equal(attach_ended(&attach, &end), row->code);
		if (row->code < 0) {
			assert_text_has(sluice_last_error(), row->says);
		} else {
			assert_int_equal(end.code, -EIO);
			assert_string_equal(end.text, "it broke");
		}
		(void)close(pair[0]);
	}
}

int main(void)
{
	static const struct CMUnitTest plain[] = {
		cmocka_unit_test_setup_teardown(who_is_late_does_not_wait,
						setup, teardown),
		cmocka_unit_test_setup_teardown(who_waits_in_vain_is_told_so,
						setup, teardown),
		cmocka_unit_test_setup_teardown(who_waits_asks_the_next_one,
						setup, teardown),
		cmocka_unit_test_setup_teardown(who_does_not_is_told, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_was_answered_last_is_told,
						setup, teardown),
		cmocka_unit_test(who_was_welcomed_is_told),
	};
	struct CMUnitTest tests[UNIT_COUNT(answer_rows) + UNIT_COUNT(end_rows) +
				UNIT_COUNT(plain)];
	const struct sigaction interrupts = {.sa_handler = is_signalled};
	size_t n = UNIT_ADD_ROWS(tests, 0, answers, answer_rows);

	n = UNIT_ADD_ROWS(tests, n, ends, end_rows);
	memcpy(tests + n, plain, sizeof(plain));
	peer = pthread_self();
	if (sigaction(SIGUSR1, &interrupts, NULL) < 0)
		return 1;
	return cmocka_run_group_tests_name("attach", tests, NULL, NULL);
}
