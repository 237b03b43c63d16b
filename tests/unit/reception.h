/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline "p" that listens in a folder of its own, and who admits its peers: it
 * gives each its memory, and writes down what becomes of them. Stages, all ports:
 *
 *     out     produces 16 bytes; peers may consume
 *     in      consumes 8 bytes; peers may feed
 *     closed, shut    the same, and no peer may
 */
#ifndef SLUICE_TESTS_UNIT_RECEPTION_H
#define SLUICE_TESTS_UNIT_RECEPTION_H

#include "engine/peer/attach_priv.h"
#include "engine/peer/listen_priv.h"
#include "ring/base_priv.h"
#include "sluice.h"
#include "tests/support/deadline.h"
#include "tests/support/fds.h"
#include "tests/support/unit.h"
#include "tests/unit/peer_messages.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct reception {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint32_t admitted;
	uint32_t ready;
	uint32_t gone;
	sluice_a32 comes; /* to be admitted; as admitted, but beside the lock */
	/* Of the last. */
	uint32_t gone_before; /* those that had gone when it was admitted */
	enum peer_gone why;
	enum sluice_reason reason;
	int code;
	struct peer *peer;
	struct peer_identity identity;
	uint64_t epoch;
	/* What it is to say: 0, or the refusal. */
	int refuses;
	int spoils;    /* it grants what cannot be */
	int dismisses; /* it sends them away when they are ready */
};

static struct reception reception = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER,
};
static char folder[64];
static struct sluice_pipeline *pipeline;
static const struct sluice_listen_opts plain; /* all defaults */

/* ---- who admits ----------------------------------------------------------------- */

static inline void reception_grant(struct peer_grant *grant,
				   enum wire_role role)
{
	struct wire_welcome made = peer_welcome(role);

	made.epoch = grant->welcome.epoch;
	grant->welcome = made;
	for (uint32_t i = 0; i < made.memory_count; i++) {
		enum memory_writer writer = made.memory[i].rights & WIRE_WRITE
						    ? MEMORY_OF_PEER
						    : MEMORY_OF_ENGINE;
		struct sluice_region region;
		int rc;

		if (made.memory[i].kind == WIRE_SIGNAL) {
			grant->fds[i] = eventfd(0, EFD_CLOEXEC);
			continue;
		}
		rc = memory_open(&region, writer, "peer", made.memory[i].bytes,
				 0);
		SLUICE_ASSERT(rc == 0 && region.bytes == made.memory[i].bytes);
		SLUICE_ASSERT(sluice_region_seal(&region) == 0);
		grant->fds[i] = memory_descriptor(&region, writer);
		sluice_region_close(&region);
	}
}

static inline int reception_admit(void *ctx, struct peer *peer,
				  struct peer_grant *grant)
{
	struct reception *r = ctx;
	int rc;

	(void)sluice_fetch_add(&r->comes, 1);
	(void)pthread_mutex_lock(&r->lock);
	rc = r->refuses;
	if (rc == 0) {
		r->admitted++;
		r->gone_before = r->gone;
		r->peer = peer;
		r->identity = peer->identity;
		r->epoch = peer->epoch;
		peer->seat = r;
		reception_grant(grant, (enum wire_role)peer->hello.role);
		if (r->spoils)
			grant->welcome.ring[0].capacity = 3;
		(void)pthread_cond_broadcast(&r->changed);
	}
	(void)pthread_mutex_unlock(&r->lock);
	return rc < 0 ? sluice_fail(rc, "the reception is full") : 0;
}

static inline void reception_ready(void *ctx, struct peer *peer)
{
	struct reception *r = ctx;

	(void)pthread_mutex_lock(&r->lock);
	r->ready++;
	if (r->dismisses) {
		peer_dismiss(peer, SLUICE_REASON_ERROR, -EPROTO, "it lies");
		peer_dismiss(peer, SLUICE_REASON_NORMAL, 0, "again");
	}
	(void)pthread_cond_broadcast(&r->changed);
	(void)pthread_mutex_unlock(&r->lock);
}

static inline void reception_gone(void *ctx, struct peer *peer,
				  enum peer_gone why, enum sluice_reason reason,
				  int code)
{
	struct reception *r = ctx;

	(void)pthread_mutex_lock(&r->lock);
	SLUICE_ASSERT(peer->seat == r);
	r->gone++;
	r->why = why;
	r->reason = reason;
	r->code = code;
	(void)pthread_cond_broadcast(&r->changed);
	(void)pthread_mutex_unlock(&r->lock);
}

static inline void reception_signalled(void *ctx, struct peer *peer)
{
	(void)ctx;
	(void)peer;
}

static inline uint64_t reception_look(void *ctx)
{
	(void)ctx;
	return UINT64_MAX;
}

static const struct peer_ops reception_ops = {
	.signalled = reception_signalled,
	.look = reception_look,
	.admit = reception_admit,
	.ready = reception_ready,
	.gone = reception_gone,
};

/* Wait until @count has come to @n. */
static inline void reception_await(const uint32_t *count, uint32_t n)
{
	struct timespec due;
	int rc = 0;

	(void)clock_gettime(CLOCK_REALTIME, &due);
	due.tv_sec += TEST_DEADLINE_S;
	(void)pthread_mutex_lock(&reception.lock);
	while (rc == 0 && *count < n)
		rc = pthread_cond_timedwait(&reception.changed, &reception.lock,
					    &due);
	rc = *count == n;
	(void)pthread_mutex_unlock(&reception.lock);
	assert_true(rc);
}

static inline uint32_t reception_count(const uint32_t *count)
{
	uint32_t n;

	(void)pthread_mutex_lock(&reception.lock);
	n = *count;
	(void)pthread_mutex_unlock(&reception.lock);
	return n;
}

/* Wait until all who were admitted have gone. */
static inline void reception_await_all(void)
{
	reception_await(&reception.gone, reception_count(&reception.admitted));
}

static inline void reception_expect_gone(uint32_t n, enum peer_gone why,
					 enum sluice_reason reason, int code)
{
	reception_await(&reception.gone, n);
	assert_int_equal(reception.why, why);
	assert_int_equal(reception.reason, reason);
	assert_int_equal(reception.code, code);
}

/* ---- the pipeline ----------------------------------------------------------------- */

static inline void reception_stage(const char *name,
				   enum sluice_stage_kind kind, uint32_t flags)
{
	struct sluice_stage_opts opts = {
		.size = sizeof(opts),
		.name = name,
		.kind = kind,
		.flags = SLUICE_STAGE_PORT | flags,
		.on_idle = SLUICE_IDLE_STAY,
	};

	if (kind == SLUICE_PRODUCER)
		opts.out_bytes = 16;
	else
		opts.in_bytes = 8;
	assert_int_equal(sluice_stage_add(pipeline, &opts), 0);
}

static inline void reception_declare(const char *name)
{
	(void)strcpy(folder, "/tmp/sluice-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(
		sluice_pipeline_open(&pipeline, SLUICE_PIPELINE(.name = name)),
		0);
	reception_stage("out", SLUICE_PRODUCER, SLUICE_STAGE_PEERS_CONSUME);
	reception_stage("in", SLUICE_CONSUMER, SLUICE_STAGE_PEERS_FEED);
	reception_stage("closed", SLUICE_PRODUCER, 0);
	reception_stage("shut", SLUICE_CONSUMER, 0);
	reception.admitted = reception.ready = reception.gone = 0;
	sluice_store_release(&reception.comes, 0);
	reception.refuses = reception.spoils = reception.dismisses = 0;
}

static inline int reception_listen(struct sluice_listen_opts opts)
{
	opts.size = sizeof(opts);
	opts.folder = folder;
	if (opts.hello_ms == 0)
		opts.hello_ms = TEST_DEADLINE_MS;
	return listen_open(pipeline, &opts, &reception_ops, &reception);
}

/* It runs, and anybody may connect. */
static inline void reception_open(struct sluice_listen_opts opts)
{
	reception_declare("p");
	assert_int_equal(reception_listen(opts), 0);
	assert_int_equal(sluice_pipeline_start(pipeline), 0);
}

static inline void reception_close(void)
{
	sluice_pipeline_close(pipeline);
	pipeline = NULL;
	assert_int_equal(fds_entries(folder), 0);
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(reception.gone, reception.admitted);
}

/* ---- visitors ---------------------------------------------------------------------- */

static inline int visit(struct attach *attach, enum wire_role role)
{
	struct wire_hello hello = peer_hello(role);

	return attach_open(attach, &hello, folder,
			   attach_due(TEST_DEADLINE_MS));
}

static inline void visit_well(struct attach *attach, enum wire_role role)
{
	int rc = visit(attach, role);

	if (rc != 0)
		fail_msg("%d: %s", rc, sluice_last_error());
	assert_int_equal(attach_ready(attach), 0);
}

/* A connection, and nothing said. */
static inline int visit_raw(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(name.sun_path, sizeof(name.sun_path), "%s/p.sock",
		       folder);
	if (connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* The next word on @fd, which has to be of that @kind; its text is in *word. */
static inline void visit_hears(int fd, enum wire_kind kind, int code,
			       const char *says, struct wire_word *word)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};
	int n = -ECONNRESET;

	assert_true(poll(&polled, 1, (int)TEST_DEADLINE_MS) > 0);
	for (int i = 0; i < 2 && n == -ECONNRESET; i++)
		n = packet_receive(fd, word, sizeof(*word));
	assert_int_equal(n, sizeof(*word));
	assert_int_equal(wire_word_read(word, word, sizeof(*word), kind), 0);
	assert_text_has(word->text, says);
	assert_int_equal(word->code, code);
}

/* And then nothing more. */
static inline void visit_is_over(int fd)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};
	char rest[8];

	assert_true(poll(&polled, 1, (int)TEST_DEADLINE_MS) > 0);
	assert_int_equal(recv(fd, rest, sizeof(rest), 0), 0);
	(void)close(fd);
}

/* The engine tells it that the pipeline has ended, and closes. */
static inline void visit_is_told_of_the_end(struct attach *attach,
					    const char *says)
{
	struct pollfd polled = {.fd = attach->socket, .events = POLLIN};
	struct wire_word end;

	assert_true(poll(&polled, 1, (int)TEST_DEADLINE_MS) > 0);
	assert_int_equal(attach_ended(attach, &end), 1);
	assert_text_has(end.text, says);
	assert_int_equal(end.reason, SLUICE_REASON_SHUTDOWN);
	assert_true(poll(&polled, 1, (int)TEST_DEADLINE_MS) > 0);
	assert_int_equal(attach_ended(attach, &end), -EPIPE);
	attach_close(attach, SLUICE_REASON_NORMAL, 0);
}

#endif
