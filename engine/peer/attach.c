/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* SOCK_CLOEXEC */
#include "engine/peer/address_priv.h"
#include "engine/peer/attach_priv.h"
#include "engine/peer/packet_priv.h"
#include "engine/pipeline.h"
#include "ring/base_priv.h"
#include "ring/wait.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define NS_PER_MS UINT64_C(1000000)

/* What was received with the answer. */
struct answer {
	union {
		struct wire_welcome welcome;
		struct wire_word word;
		char bytes[WIRE_BYTES_MAX];
	} message;
	int n;
	int fds[PACKET_FDS_MAX];
	uint32_t count;
};

uint64_t attach_now(void)
{
	const struct sluice_wait_ops *wait = sluice_wait_linux();

	return wait->now_ns(wait->ctx);
}

uint64_t attach_due(uint32_t timeout_ms)
{
	return timeout_ms == SLUICE_FOREVER
		       ? UINT64_MAX
		       : attach_now() + timeout_ms * NS_PER_MS;
}

/* As poll() has it: -1, no limit. */
static int attach_left_ms(uint64_t due_ns)
{
	uint64_t now_ns = attach_now();
	uint64_t left_ms = now_ns < due_ns ? (due_ns - now_ns) / NS_PER_MS : 0;

	return left_ms > INT32_MAX ? -1 : (int)left_ms;
}

/* ---- connecting ------------------------------------------------------------------ */

static int attach_late(void)
{
	return sluice_fail(-ETIMEDOUT,
			   "attach: the engine has not answered in time");
}

/* Who has never listened has not made it. */
static int attach_no_folder(const char *pipeline)
{
	return sluice_fail(-ECONNREFUSED,
			   "attach: no pipeline '%s' listens here: %s",
			   pipeline, sluice_last_error());
}

static int attach_refused(const char *path, const char *step)
{
	int rc = -errno;

	if (rc == -ENOENT || rc == -ECONNREFUSED)
		return sluice_fail(-ECONNREFUSED,
				   "attach: no pipeline listens at '%s'", path);
	if (rc == -EAGAIN) /* connect() has waited as long as it may */
		return attach_late();
	return sluice_fail(rc, "attach: '%s' refused by %s: %s", path, step,
			   sluice_errno_text(rc));
}

/* How long connect() may take: 0 would be no limit. */
static struct timeval attach_limit(uint64_t due_ns)
{
	int left_ms = attach_left_ms(due_ns);

	if (left_ms < 0)
		return (struct timeval){0};
	if (left_ms == 0)
		left_ms = 1;
	return (struct timeval){.tv_sec = left_ms / 1000,
				.tv_usec = left_ms % 1000 * 1000};
}

/* A backlog that is full is waited for. */
static int attach_connect(const char *path, uint64_t due_ns)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	const struct timeval limit = attach_limit(due_ns);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return attach_refused(path, "socket");
	memcpy(name.sun_path, path, strlen(path) + 1);
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) ==
		    0 &&
	    connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0)
		return fd;
	rc = attach_refused(path, "connect");
	(void)close(fd);
	return rc;
}

/* ---- the answer ------------------------------------------------------------------- */

static int attach_failed(int rc, const char *step)
{
	return sluice_fail(rc, "attach: refused by %s: %s", step,
			   sluice_errno_text(rc));
}

/* Its engine is on its way out, and may have got as far as closing this. */
static int attach_left(const char *what)
{
	return sluice_fail(-EPIPE,
			   "attach: the engine %s: it is ending, or "
			   "its process has gone",
			   what);
}

static int attach_wait(int socket, uint64_t due_ns)
{
	struct pollfd polled = {.fd = socket, .events = POLLIN};
	int n;

	do
		n = poll(&polled, 1, attach_left_ms(due_ns));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return attach_failed(-errno, "poll");
	return n > 0 ? 0 : attach_late();
}

/* An engine that closes with something unread makes a reset of what is still to be
 * read behind it: its words. */
static int attach_receive(int socket, struct answer *answer)
{
	for (int i = 0; i < 2; i++) {
		answer->n = packet_receive_with(socket, answer->message.bytes,
						sizeof(answer->message.bytes),
						answer->fds, &answer->count);
		if (answer->n != -ECONNRESET)
			break;
	}
	if (answer->n > 0)
		return 0;
	if (answer->n == 0 || answer->n == -ECONNRESET)
		return attach_left("has closed the connection without a word");
	return sluice_fail(answer->n, "attach: no answer: %s",
			   answer->n == -EPROTO || answer->n == -EMFILE
				   ? sluice_last_error()
				   : sluice_errno_text(answer->n));
}

static int attach_read(struct attach *a, const struct answer *answer,
		       enum wire_role role)
{
	struct wire_word word;
	int rc;

	if (wire_kind_of(&answer->message, (size_t)answer->n) == WIRE_REFUSAL) {
		rc = wire_word_read(&word, &answer->message, (size_t)answer->n,
				    WIRE_REFUSAL);
		return rc < 0 ? rc : sluice_fail(word.code, "%s", word.text);
	}
	rc = wire_welcome_read(&a->welcome, &answer->message, (size_t)answer->n,
			       role);
	if (rc == 0 && a->welcome.memory_count != answer->count)
		rc = sluice_fail(-EPROTO,
				 "welcome: memory_count is %u, and %u "
				 "descriptors came",
				 a->welcome.memory_count, answer->count);
	return rc;
}

/* Mappings hold memfds; what signals is kept. */
static int attach_map(struct attach *a, struct answer *answer)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < a->welcome.memory_count; i++)
		if (a->welcome.memory[i].kind == WIRE_SIGNAL) {
			a->events[i] = answer->fds[i];
			answer->fds[i] = -1;
		} else {
			rc = memory_map(&a->maps[i], answer->fds[i],
					&a->welcome.memory[i]);
		}
	return rc;
}

static int attach_answer(struct attach *a, enum wire_role role, uint64_t due_ns)
{
	struct answer answer;
	int rc = attach_wait(a->socket, due_ns);

	if (rc == 0)
		rc = attach_receive(a->socket, &answer);
	if (rc < 0)
		return rc;
	rc = attach_read(a, &answer, role);
	if (rc == 0)
		rc = attach_map(a, &answer);
	for (uint32_t i = 0; i < answer.count; i++)
		if (answer.fds[i] >= 0)
			(void)close(answer.fds[i]);
	return rc;
}

/* ---- open and close ----------------------------------------------------------------- */

static void attach_free(struct attach *a)
{
	for (uint32_t i = 0; i < WIRE_MEMORY_MAX; i++) {
		memory_unmap(&a->maps[i]);
		if (a->events[i] >= 0)
			(void)close(a->events[i]);
	}
	if (a->socket >= 0)
		(void)close(a->socket);
	*a = ATTACH_NONE;
}

/* An engine that has refused at the door has closed: what it said is read all the
 * same. */
static int attach_hello(const struct attach *a, const struct wire_hello *hello)
{
	struct wire_hello said;
	int rc;

	wire_init(&said, WIRE_HELLO, sizeof(said));
	memcpy((char *)&said + sizeof(said.head),
	       (const char *)hello + sizeof(hello->head),
	       sizeof(said) - sizeof(said.head));
	rc = packet_send(a->socket, &said, sizeof(said), NULL, 0);
	if (rc == -EPIPE || rc == -ECONNRESET)
		return 0;
	return rc < 0 ? attach_failed(rc, "sendmsg") : 0;
}

int attach_open(struct attach *a, const struct wire_hello *hello,
		const char *folder, uint64_t due_ns)
{
	SLUICE_KEEP_ERRNO;
	struct address address;
	int rc;

	rc = address_find(&address, hello->pipeline, folder, 0);
	if (rc == -ENOENT)
		rc = attach_no_folder(hello->pipeline);
	if (rc == 0)
		rc = attach_connect(address.path, due_ns);
	if (rc < 0)
		*a = ATTACH_NONE;
	return rc < 0 ? rc : attach_over(a, rc, hello, due_ns);
}

int attach_over(struct attach *a, int socket, const struct wire_hello *hello,
		uint64_t due_ns)
{
	SLUICE_KEEP_ERRNO;
	int rc;

	*a = (struct attach){.socket = socket};
	for (uint32_t i = 0; i < WIRE_MEMORY_MAX; i++)
		a->events[i] = -1;
	rc = attach_hello(a, hello);
	if (rc == 0)
		rc = attach_answer(a, (enum wire_role)hello->role, due_ns);
	if (rc < 0)
		attach_free(a);
	return rc;
}

int attach_offer(int socket, struct wire_hello *offer, uint64_t due_ns)
{
	SLUICE_KEEP_ERRNO;
	struct answer answer = {.n = 0};
	int rc = attach_wait(socket, due_ns);

	if (rc == 0)
		rc = attach_receive(socket, &answer);
	for (uint32_t i = 0; rc == 0 && i < answer.count; i++)
		(void)close(answer.fds[i]);
	return rc < 0 ? rc
		      : wire_hello_read(offer, &answer.message,
					(size_t)answer.n);
}

int attach_ended(const struct attach *a, struct wire_word *end)
{
	char message[WIRE_BYTES_MAX];
	int n = packet_receive(a->socket, message, sizeof(message));
	int rc;

	if (n == -ECONNRESET) /* as above: its words lie behind that */
		n = packet_receive(a->socket, message, sizeof(message));
	if (n == -EAGAIN)
		return 0;
	if (n == 0 || n == -ECONNRESET)
		return sluice_fail(-EPIPE,
				   "attach: the engine has gone without a "
				   "word");
	if (n < 0)
		return n;
	rc = wire_word_read(end, message, (size_t)n, WIRE_END);
	return rc < 0 ? rc : 1;
}

/* It has closed: what it said before that is why. */
static int attach_told(const struct attach *a)
{
	struct wire_word end;

	if (attach_ended(a, &end) <= 0)
		return attach_left("has closed the connection");
	return sluice_fail(end.code == -ETIMEDOUT ? end.code : -EPIPE,
			   "attach: the engine has closed the connection: %s",
			   end.text);
}

int attach_ready(const struct attach *a)
{
	struct wire_ready ready;
	int rc;

	wire_init(&ready, WIRE_READY, sizeof(ready));
	ready.epoch = a->welcome.epoch;
	rc = packet_send(a->socket, &ready, sizeof(ready), NULL, 0);
	if (rc == -EPIPE || rc == -ECONNRESET)
		return attach_told(a);
	return rc < 0 ? attach_failed(rc, "sendmsg") : 0;
}

/* What was mapped a child does not have. */
void attach_forget(struct attach *a)
{
	for (uint32_t i = 0; i < WIRE_MEMORY_MAX; i++)
		a->maps[i] = (struct memory_map){0};
	attach_free(a);
}

void attach_close(struct attach *a, enum sluice_reason reason, int code)
{
	SLUICE_KEEP_ERRNO;
	struct wire_word word;

	if (a->socket < 0)
		return;
	wire_word_init(&word, WIRE_END, code, reason, "");
	(void)packet_send(a->socket, &word, sizeof(word), NULL, 0);
	attach_free(a);
}
