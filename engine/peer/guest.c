/* SPDX-License-Identifier: Apache-2.0 */
/* A connection from its first word to its last. */
#include "engine/peer/process_priv.h"
#include "ring/base_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A process that dies closes its sockets first and is dead a moment later. */
#define HUNG_MS 50u
/* Messages of one guest that are read before the others have their turn. */
#define MESSAGES_MAX 8u

void guest_say(int socket, enum wire_kind kind, int code,
	       enum sluice_reason reason, const char *text)
{
	struct wire_word word;

	wire_word_init(&word, kind, code, reason, text);
	(void)packet_send(socket, &word, sizeof(word), NULL, 0);
}

void guest_drop(struct guest *guest)
{
	if (guest->socket >= 0)
		(void)close(guest->socket);
	if (guest->pidfd >= 0)
		(void)close(guest->pidfd);
	guest->socket = guest->pidfd = -1;
	free(guest->groups);
	guest->groups = NULL;
	guest->group_count = 0;
}

static void guest_free(struct guest *guest)
{
	kin_close(&guest->socket);
	guest_drop(guest);
	memset(&guest->peer, 0, sizeof(guest->peer));
	guest->state = GUEST_FREE;
}

/* Before it is admitted: the text is that of the last error. */
static void guest_refuse(struct guest *guest, int rc)
{
	if (guest->process != NULL)
		process_refused(guest->process, rc);
	guest_say(guest->socket, WIRE_REFUSAL, rc, SLUICE_REASON_OPEN,
		  sluice_last_error());
	guest_free(guest);
}

static int guest_admitted(const struct guest *guest)
{
	return guest->state == GUEST_WELCOMED || guest->state == GUEST_IN ||
	       guest->state == GUEST_HUNG;
}

static void guest_gone(struct listener *l, struct guest *guest,
		       enum peer_gone why, enum sluice_reason reason, int code)
{
	if (guest->process != NULL)
		process_gone(guest->process, why, code);
	l->ops->gone(l->ctx, &guest->peer, why, reason, code);
	l->look_ns = 0; /* its place may be one to look after */
	guest_free(guest);
}

static void guest_log(const struct listener *l, const struct guest *guest,
		      const char *what)
{
	const struct wire_hello *hello = &guest->peer.hello;

	if (wire_watches(hello)) {
		host_log(&l->pipeline->host,
			 "peer '%s' (observer, process %u) %s", hello->peer,
			 guest->peer.identity.pid, what);
		return;
	}
	host_log(&l->pipeline->host, "peer '%s' (%s of '%s', process %u) %s",
		 hello->peer, wire_role_text(hello->role),
		 hello->from[0] ? hello->from : hello->to,
		 guest->peer.identity.pid, what);
}

/* How long it has to say hello, and then to be ready; and what limits that. */
static uint32_t guest_limit_ms(const struct listener *l,
			       const struct guest *guest)
{
	return guest->process != NULL ? guest->process->attach_ms
				      : l->opts.hello_ms;
}

static const char *guest_limit_text(const struct guest *guest)
{
	return guest->process != NULL ? "attach_ms" : "hello_ms";
}

/* ---- hello ----------------------------------------------------------------------- */

void guest_begin(struct listener *l, struct guest *guest, int socket, int pidfd,
		 const struct peer_identity *identity)
{
	int rc;

	guest->state = GUEST_HELLO;
	guest->socket = socket;
	guest->pidfd = pidfd;
	guest->peer.identity = *identity;
	guest->peer.listener = l;
	guest->peer.signalled = -1;
	guest->deadline_ns = listener_in_ms(l, guest_limit_ms(l, guest));
	rc = allow_groups(guest);
	if (rc == 0 && guest->process == NULL)
		rc = allow_anything(l, guest);
	if (rc < 0)
		guest_refuse(guest, rc);
}

static void grant_init(struct peer_grant *grant, uint64_t epoch)
{
	wire_init(&grant->welcome, WIRE_WELCOME, sizeof(grant->welcome));
	grant->welcome.epoch = epoch;
	grant->welcome.page_bytes = (uint32_t)sluice_region_page_bytes();
}

/* Both ends check it: what we say wrongly is our own mistake. */
static int guest_welcome(const struct guest *guest,
			 const struct peer_grant *grant)
{
	struct wire_welcome read;
	int rc = wire_welcome_read(&read, &grant->welcome, sizeof(read),
				   (enum wire_role)guest->peer.hello.role);

	if (rc < 0)
		return rc;
	rc = packet_send(guest->socket, &grant->welcome, sizeof(grant->welcome),
			 grant->fds, grant->welcome.memory_count);
	if (rc < 0)
		return sluice_fail(rc, "the welcome cannot be sent: %s",
				   sluice_errno_text(rc));
	return 0;
}

static void guest_admit(struct listener *l, struct guest *guest)
{
	struct peer_grant grant;
	int rc;

	guest->peer.epoch = ++l->epochs;
	grant_init(&grant, guest->peer.epoch);
	rc = l->ops->admit(l->ctx, &guest->peer, &grant);
	l->look_ns = 0; /* it may be one to look after, or to clear away */
	if (rc < 0) {
		guest_refuse(guest, rc);
		return;
	}
	guest->state = GUEST_WELCOMED;
	guest->deadline_ns = listener_in_ms(l, guest_limit_ms(l, guest));
	rc = guest_welcome(guest, &grant);
	for (uint32_t i = 0;
	     i < grant.welcome.memory_count && i < PACKET_FDS_MAX; i++)
		(void)close(grant.fds[i]);
	if (rc == 0)
		return;
	guest_say(guest->socket, WIRE_REFUSAL, rc, SLUICE_REASON_OPEN,
		  sluice_last_error());
	guest_log(l, guest, sluice_last_error());
	guest_gone(l, guest, PEER_LOST, SLUICE_REASON_ERROR, rc);
}

static void guest_hello(struct listener *l, struct guest *guest,
			const void *message, size_t n)
{
	int rc = wire_hello_read(&guest->peer.hello, message, n);

	if (rc == 0)
		rc = judge_hello(l, guest, &guest->peer.hello);
	if (rc < 0) {
		guest_refuse(guest, rc);
		return;
	}
	guest_admit(l, guest);
}

/* ---- what it says then -------------------------------------------------------------- */

/* The last error says what is wrong. */
static void guest_wrong(struct listener *l, struct guest *guest, int rc)
{
	if (guest->state == GUEST_HELLO) {
		guest_refuse(guest, rc);
		return;
	}
	guest_say(guest->socket, WIRE_END, rc, SLUICE_REASON_ERROR,
		  sluice_last_error());
	guest_log(l, guest, sluice_last_error());
	guest_gone(l, guest, PEER_PROTOCOL, SLUICE_REASON_ERROR, rc);
}

static void guest_leaves(struct listener *l, struct guest *guest,
			 const void *message, size_t n)
{
	struct wire_word word;
	int rc = wire_word_read(&word, message, n, WIRE_END);

	if (rc < 0)
		guest_wrong(l, guest, rc);
	else
		guest_gone(l, guest, PEER_LEFT, (enum sluice_reason)word.reason,
			   word.code);
}

static void guest_ready(struct listener *l, struct guest *guest,
			const void *message, size_t n)
{
	struct wire_ready ready;
	int rc = wire_ready_read(&ready, message, n);

	if (rc == 0 && ready.epoch != guest->peer.epoch)
		rc = sluice_fail(-EPROTO,
				 "ready: epoch is %llu and has to be %llu",
				 (unsigned long long)ready.epoch,
				 (unsigned long long)guest->peer.epoch);
	if (rc < 0) {
		guest_wrong(l, guest, rc);
		return;
	}
	guest->state = GUEST_IN;
	if (guest->process != NULL)
		process_attached(guest->process);
	guest->deadline_ns = UINT64_MAX;
	l->ops->ready(l->ctx, &guest->peer);
	l->look_ns = 0; /* a place that was kept is one to look after */
}

/* Of a process that we have started: it could not become its program. */
static void guest_not_executed(struct guest *guest, const void *message,
			       size_t n)
{
	struct wire_word word;
	int rc = wire_word_read(&word, message, n, WIRE_END);

	if (rc == 0)
		rc = word.code >= -WIRE_CODE_MAX ? word.code : -EPROTO;
	process_not_executed(guest->process, rc);
	guest_free(guest);
}

static void guest_hear(struct listener *l, struct guest *guest,
		       const void *message, size_t n)
{
	if (guest->state == GUEST_HELLO && guest->process != NULL &&
	    wire_kind_of(message, n) == WIRE_END)
		guest_not_executed(guest, message, n);
	else if (guest->state == GUEST_HELLO)
		guest_hello(l, guest, message, n);
	else if (guest->state == GUEST_WELCOMED &&
		 wire_kind_of(message, n) != WIRE_END)
		guest_ready(l, guest, message, n);
	else
		guest_leaves(l, guest, message, n);
}

/* ---- how it goes ---------------------------------------------------------------------- */

static void guest_hangs(struct listener *l, struct guest *guest)
{
	if (guest->state == GUEST_HELLO) {
		guest_free(guest);
		return;
	}
	kin_close(&guest->socket);
	guest->state = GUEST_HUNG;
	guest->deadline_ns = listener_in_ms(l, HUNG_MS);
}

static void guest_dies(struct listener *l, struct guest *guest)
{
	if (guest->state == GUEST_HELLO) {
		guest_free(guest);
		return;
	}
	guest_log(l, guest, "has died");
	guest_gone(l, guest, PEER_DIED, SLUICE_REASON_ERROR, -EOWNERDEAD);
}

/* Returns non-zero when there may be more. */
static int guest_read(struct listener *l, struct guest *guest)
{
	char message[WIRE_BYTES_MAX];
	int n = packet_receive(guest->socket, message, sizeof(message));

	if (n == -EAGAIN)
		return 0;
	if (n == -EPROTO)
		guest_wrong(l, guest, n);
	else if (n <= 0)
		guest_hangs(l, guest);
	else
		guest_hear(l, guest, message, (size_t)n);
	return guest->state != GUEST_FREE && guest->state != GUEST_HUNG;
}

/* What it has said counts before what has become of it. */
void guest_heed(struct listener *l, struct guest *guest, short socket,
		short pidfd, short signalled)
{
	int more = socket != 0;

	if (signalled != 0)
		l->ops->signalled(l->ctx, &guest->peer);

	for (uint32_t i = 0; more && i < MESSAGES_MAX; i++)
		more = guest_read(l, guest);
	if (guest->state != GUEST_FREE && pidfd != 0)
		guest_dies(l, guest);
}

void guest_late(struct listener *l, struct guest *guest)
{
	if (guest->state == GUEST_HUNG) {
		guest_log(l, guest, "has closed its connection");
		guest_gone(l, guest, PEER_LOST, SLUICE_REASON_ERROR, -EPIPE);
		return;
	}
	(void)sluice_fail(-ETIMEDOUT, "no %s within %s, %u",
			  guest->state == GUEST_HELLO ? "hello" : "ready",
			  guest_limit_text(guest), guest_limit_ms(l, guest));
	if (guest->state == GUEST_HELLO) {
		guest_refuse(guest, -ETIMEDOUT);
		return;
	}
	guest_say(guest->socket, WIRE_END, -ETIMEDOUT, SLUICE_REASON_ERROR,
		  sluice_last_error());
	guest_gone(l, guest, PEER_LATE, SLUICE_REASON_ERROR, -ETIMEDOUT);
}

void guest_dismiss(struct listener *l, struct guest *guest)
{
	const struct wire_word *word = &guest->peer.farewell;

	if (!guest_admitted(guest) ||
	    sluice_load_acquire(&guest->peer.dismissed) != PEER_FILLED)
		return;
	if (guest->socket >= 0)
		(void)packet_send(guest->socket, word, sizeof(*word), NULL, 0);
	guest_gone(l, guest, PEER_DISMISSED, (enum sluice_reason)word->reason,
		   word->code);
}

void peer_dismiss(struct peer *peer, enum sluice_reason reason, int code,
		  const char *text)
{
	uint32_t stays = PEER_STAYS;

	if (!sluice_compare_exchange(&peer->dismissed, &stays, PEER_FILLING))
		return;
	wire_word_init(&peer->farewell, WIRE_END, code, reason, text);
	sluice_store_release(&peer->dismissed, PEER_FILLED);
	listener_wake(peer->listener);
}

/* ---- the end of the pipeline ------------------------------------------------------------ */

static void guest_farewell(const struct sluice_pipeline *p,
			   struct wire_word *word)
{
	char text[SLUICE_NAME_BYTES + 64];
	int stopped;

	if (pipeline_has_failed(p)) {
		wire_word_init(word, WIRE_END, p->failure, SLUICE_REASON_ERROR,
			       p->failure_text);
		return;
	}
	stopped = sluice_load_acquire(&p->host.aborted) != 0;
	(void)snprintf(text, sizeof(text), "pipeline '%s' has ended%s", p->name,
		       stopped ? ": it was stopped" : "");
	wire_word_init(word, WIRE_END, stopped ? -ECANCELED : 0,
		       SLUICE_REASON_SHUTDOWN, text);
}

void guest_end(struct listener *l, struct guest *guest)
{
	struct wire_word word;

	if (guest->state == GUEST_FREE)
		return;
	guest_farewell(l->pipeline, &word);
	if (guest->state == GUEST_HELLO) {
		guest_refuse(guest, sluice_fail(-EPIPE, "%s", word.text));
		return;
	}
	if (guest->socket >= 0)
		(void)packet_send(guest->socket, &word, sizeof(word), NULL, 0);
	guest_gone(l, guest, PEER_ENDED, (enum sluice_reason)word.reason,
		   word.code);
}
