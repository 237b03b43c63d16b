/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* F_DUPFD_CLOEXEC */
#include "engine/control/door_priv.h"
#include "engine/peer/listener_priv.h"
#include "engine/peer/memory_priv.h"
#include "ring/base_priv.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct listener *listener_of(struct tenant *tenant)
{
	return (struct listener *)tenant; /* its first member */
}

/* ---- options ----------------------------------------------------------------------- */

static int listen_limit(const char *field, uint32_t *value, uint32_t otherwise,
			uint32_t limit)
{
	if (*value == 0)
		*value = otherwise;
	if (*value > limit)
		return sluice_fail(-EINVAL,
				   "listen: %s %u is over the limit of %u",
				   field, *value, limit);
	return 0;
}

static int listen_check_times(struct sluice_listen_opts *o)
{
	int rc = listen_limit("hello_ms", &o->hello_ms, SLUICE_HELLO_MS_DEFAULT,
			      SLUICE_HELLO_MS_MAX);

	if (rc == 0 && o->hold_ms == 0)
		o->hold_ms = SLUICE_HOLD_MS(SLUICE_HOLD_MS_DEFAULT);
	if (rc == 0 && o->hold_ms > SLUICE_HOLD_MS(SLUICE_HOLD_MS_MAX))
		rc = sluice_fail(-EINVAL,
				 "listen: hold_ms %u is over the limit of %u",
				 o->hold_ms - 1, SLUICE_HOLD_MS_MAX);
	if (rc == 0 && o->on_stall > SLUICE_STALL_EVICT)
		rc = sluice_fail(-EINVAL, "listen: on_stall %u is unknown",
				 o->on_stall);
	if (rc == 0 && (o->on_stall == SLUICE_STALL_WAIT) != (o->stall_ms == 0))
		rc = sluice_fail(-EINVAL,
				 "listen: on_stall %u with stall_ms %u",
				 o->on_stall, o->stall_ms);
	return rc < 0 ? rc
		      : listen_limit("stall_ms", &o->stall_ms, 0,
				     SLUICE_STALL_MS_MAX);
}

static int listen_check(struct sluice_listen_opts *o)
{
	int rc = opts_check_resv(o->resv, 6, "listen options");

	if (rc == 0 && o->resv0 != 0)
		rc = sluice_fail(-EINVAL, "listen: resv0 is not zero");
	if (rc == 0 && (o->flags & ~SLUICE_LISTEN_UNDUMPABLE) != 0)
		rc = sluice_fail(-EINVAL, "listen: unknown flags %#x",
				 o->flags);
	if (rc == 0)
		rc = listen_limit("mode", &o->mode, ADDRESS_MODE, 0777);
	if (rc == 0)
		rc = listen_limit("peers_max", &o->peers_max,
				  SLUICE_PEERS_DEFAULT, SLUICE_PEERS_MAX);
	if (rc == 0)
		rc = listen_limit("peers_per_uid", &o->peers_per_uid,
				  o->peers_max, o->peers_max);
	return rc < 0 ? rc : listen_check_times(o);
}

static int listen_take(struct listener *l,
		       const struct sluice_listen_opts *opts)
{
	struct sluice_listen_opts *o = &l->opts;
	int rc = 0;

	*o = (struct sluice_listen_opts){.size = sizeof(*o)};
	if (opts != NULL)
		rc = opts_copy(o, opts, sizeof(*o), "listen options");
	if (rc == 0)
		rc = listen_check(o);
	if (rc < 0) {
		o->allow_count = 0; /* the caller's */
		return rc;
	}
	return allow_take(l, o->allow, o->allow_count);
}

/* ---- open and close ------------------------------------------------------------------ */

static void listener_shut(struct listener *l)
{
	if (l->socket >= 0)
		(void)close(l->socket);
	if (l->wake >= 0)
		(void)close(l->wake);
	if (l->spare >= 0)
		(void)close(l->spare);
	for (uint32_t i = 0; l->guests != NULL && i < l->opts.peers_max; i++) {
		if (l->guests[i].socket >= 0)
			(void)close(l->guests[i].socket);
		if (l->guests[i].pidfd >= 0)
			(void)close(l->guests[i].pidfd);
		free(l->guests[i].groups);
	}
}

static void listener_free(struct listener *l)
{
	if (l->ctx != NULL && l->ops->close != NULL)
		l->ops->close(l->ctx);
	allow_free(l);
	free(l->guests);
	free(l->polled);
	free(l);
}

static void listener_close(struct tenant *tenant)
{
	struct listener *l = listener_of(tenant);
	const struct platform *platform = l->pipeline->platform;

	sluice_store_release(&l->over, 1);
	listener_wake(l);
	platform->join(platform->ctx, l->thread);
	listener_shut(l);
	listener_free(l);
}

/* What is there of its socket is the parent's. */
static void listener_forget(struct tenant *tenant)
{
	struct listener *l = listener_of(tenant);
	const struct platform *platform = l->pipeline->platform;

	address_drop(&l->address);
	listener_shut(l);
	if (platform->forget != NULL)
		platform->forget(platform->ctx, l->thread);
	listener_free(l);
}

static void listener_stirred(struct tenant *tenant)
{
	listener_wake(listener_of(tenant));
}

static const struct tenant_ops listener_ops = {
	.stirred = listener_stirred,
	.close = listener_close,
	.forget = listener_forget,
};

/* Its memory, with nothing open. */
static int listener_new(struct listener **out, struct sluice_pipeline *p,
			const struct sluice_listen_opts *opts)
{
	struct listener *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL)
		return sluice_fail(-ENOMEM, "pipeline '%s': no memory",
				   p->name);
	*l = (struct listener){.tenant = {.ops = &listener_ops},
			       .pipeline = p,
			       .address = ADDRESS_NONE,
			       .socket = -1,
			       .wake = -1,
			       .spare = -1,
			       .look_ns = UINT64_MAX};
	rc = listen_take(l, opts);
	if (rc == 0) {
		l->guests = calloc(l->opts.peers_max, sizeof(*l->guests));
		l->polled = calloc(2 + 3 * (size_t)l->opts.peers_max,
				   sizeof(*l->polled));
		if (l->guests == NULL || l->polled == NULL)
			rc = sluice_fail(-ENOMEM, "pipeline '%s': no memory",
					 p->name);
	}
	if (rc < 0) {
		listener_free(l);
		return rc;
	}
	for (uint32_t i = 0; i < l->opts.peers_max; i++)
		l->guests[i].socket = l->guests[i].pidfd = -1;
	/* Epochs of one engine are none of another's. */
	l->epochs = p->platform->random(p->platform->ctx) << 32;
	*out = l;
	return 0;
}

static int listener_open_wake(struct listener *l)
{
	const struct platform *platform = l->pipeline->platform;
	int rc = platform->event_open(platform->ctx);

	l->wake = rc;
	if (rc >= 0) {
		l->spare = fcntl(l->wake, F_DUPFD_CLOEXEC, 0);
		rc = l->spare >= 0 ? 0 : -errno;
	}
	if (rc == 0)
		return 0;
	return sluice_fail(rc, "pipeline '%s': no descriptor for peers: %s",
			   l->pipeline->name, sluice_errno_text(rc));
}

/* No child that is made meanwhile keeps the lock or the socket. */
static int listener_open_socket(struct listener *l)
{
	const struct address_opts opts = {
		.mode = l->opts.mode,
		.has_group = l->opts.group != 0,
		.group = l->opts.group - 1,
		.backlog = SLUICE_PEER_BACKLOG,
	};
	int rc =
		address_find(&l->address, l->pipeline->name, l->opts.folder, 1);

	if (rc < 0)
		return rc;
	kin_lock();
	rc = address_take(&l->address);
	if (rc == 0)
		rc = address_listen(&l->address, &opts);
	if (rc >= 0) {
		l->socket = rc;
		kin_add(l);
	}
	kin_unlock();
	return rc < 0 ? rc : 0;
}

static int listener_spawn(struct listener *l)
{
	struct sluice_pipeline *p = l->pipeline;
	char name[THREAD_NAME_BYTES];
	int rc;

	pipeline_thread_name(p, name, "peers");
	rc = p->platform->spawn(p->platform->ctx, &l->thread, peers_run, l,
				name, pipeline_place(p));
	if (rc < 0)
		return sluice_fail(rc,
				   "pipeline '%s': no thread for its peers: %s",
				   p->name, sluice_errno_text(rc));
	return 0;
}

/* What was opened so far; there is no thread. */
static void listener_undo(struct listener *l)
{
	kin_lock();
	kin_remove(l);
	address_leave(&l->address);
	kin_unlock();
	listener_shut(l);
	listener_free(l);
}

static int listen_at(struct sluice_pipeline *p, struct listener *l)
{
	int rc = listener_open_wake(l);

	if (rc == 0)
		rc = listener_open_socket(l);
	if (rc == 0 && l->opts.flags & SLUICE_LISTEN_UNDUMPABLE)
		rc = memory_hide("listen");
	/* From here on the supervisor may call it. */
	if (rc == 0)
		rc = pipeline_let(p, &l->tenant);
	if (rc < 0) {
		listener_undo(l);
		return rc;
	}
	rc = listener_spawn(l);
	if (rc < 0) {
		pipeline_unlet(p);
		listener_undo(l);
	}
	return rc;
}

int listen_open(struct sluice_pipeline *p,
		const struct sluice_listen_opts *opts,
		const struct peer_ops *ops, void *ctx)
{
	SLUICE_KEEP_ERRNO;
	struct listener *l = NULL;
	int rc = door_pipeline(p, "sluice_pipeline_listen");

	if (rc == 0)
		rc = address_check_name(p->named ? p->name : NULL);
	if (rc == 0)
		rc = listener_new(&l, p, opts);
	if (rc < 0 || l == NULL) {
		if (ops->close != NULL)
			ops->close(ctx);
		return rc;
	}
	l->ops = ops;
	l->ctx = ctx;
	if (ops->begin != NULL)
		ops->begin(ctx, &l->opts);
	return listen_at(p, l);
}
