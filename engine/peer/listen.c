/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* F_DUPFD_CLOEXEC */
#include "engine/control/door_priv.h"
#include "engine/peer/memory_priv.h"
#include "engine/peer/process_priv.h"
#include "ring/base_priv.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct listener *listener_of(struct tenant *tenant)
{
	return (struct listener *)tenant; /* its first member */
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
	for (uint32_t i = 0; i < l->opts.peers_max; i++)
		guest_drop(&l->guests[i]);
}

static void listener_undo(struct listener *l);

static struct listener *listener_late(struct listener *l)
{
	return (struct listener *)(uintptr_t)sluice_exchange(&l->late, 0);
}

static void listener_free(struct listener *l)
{
	for (uint32_t i = 0; i < SLUICE_PROCESSES_MAX; i++)
		if (listener_process(l, i) != NULL)
			process_drop(listener_process(l, i));
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
	struct listener *late;

	sluice_store_release(&l->over, 1);
	listener_wake(l);
	platform->join(platform->ctx, l->thread);
	late = listener_late(l); /* of one whose thread had ended */
	if (late != NULL)
		listener_undo(late);
	listener_shut(l);
	listener_free(l);
}

/* What is there of its socket is the parent's. */
static void listener_forget(struct tenant *tenant)
{
	struct listener *l = listener_of(tenant);
	const struct platform *platform = l->pipeline->platform;
	struct listener *late = listener_late(l);

	if (late != NULL) {
		address_drop(&late->address);
		listener_shut(late);
		listener_free(late);
	}
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
		l->polled = calloc(2 + 3 * (size_t)l->opts.peers_max +
					   4 * SLUICE_PROCESSES_MAX,
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

static int listen_twice(const struct sluice_pipeline *p)
{
	return sluice_fail(-EALREADY, "pipeline '%s' listens already", p->name);
}

static struct listener *listener_there(struct sluice_pipeline *p)
{
	struct tenant *tenant;

	pipeline_lock(p);
	tenant = engine_of(p)->tenant;
	pipeline_unlock(p);
	return tenant != NULL && tenant->ops == &listener_ops
		       ? listener_of(tenant)
		       : NULL;
}

/* There is one for its processes: that takes over what @l has. */
static int listen_late(struct sluice_pipeline *p, struct listener *l)
{
	struct listener *there = listener_there(p);
	uint32_t none = 0;

	if (there == NULL ||
	    !sluice_compare_exchange(&there->named, &none, 1)) {
		listener_undo(l);
		return listen_twice(p);
	}
	(void)sluice_exchange(&there->late, (uint64_t)(uintptr_t)l);
	listener_wake(there);
	return 0;
}

void listener_adopt(struct listener *l)
{
	struct listener *late = listener_late(l);
	struct guest *guests = l->guests;

	if (late == NULL)
		return;
	kin_lock();
	kin_remove(late);
	l->socket = late->socket;
	l->address = late->address;
	l->guests = late->guests;
	l->opts = late->opts;
	late->guests = guests; /* nobody is there */
	late->socket = -1;
	late->address = ADDRESS_NONE;
	late->opts.peers_max = 0;
	kin_unlock();
	free(l->polled);
	l->polled = late->polled;
	late->polled = NULL;
	free(l->allow);
	l->allow = late->allow;
	late->allow = NULL;
	listener_shut(late);
	listener_free(late);
	if (l->ops->begin != NULL)
		l->ops->begin(l->ctx, &l->opts);
	l->look_ns = 0; /* who was of no concern may be one to look after */
}

/* The thread first: once it is let in other threads find it, and take it for one that
 * runs. */
static int listener_run(struct sluice_pipeline *p, struct listener *l)
{
	int rc = listener_spawn(l);

	if (rc < 0)
		return rc;
	rc = pipeline_let(p, &l->tenant);
	sluice_store_release(&l->word,
			     rc == 0 ? LISTENER_RUNS : LISTENER_FORGOES);
	p->host.wait->wake(p->host.wait->ctx, &l->word);
	if (rc < 0)
		p->platform->join(p->platform->ctx, l->thread);
	return rc;
}

static int listen_at(struct sluice_pipeline *p, struct listener *l)
{
	int rc = listener_open_wake(l);

	if (rc == 0)
		rc = listener_open_socket(l);
	if (rc == 0 && l->opts.flags & SLUICE_LISTEN_UNDUMPABLE)
		rc = memory_hide("listen");
	if (rc == 0)
		rc = listener_run(p, l);
	if (rc == -EALREADY)
		return listen_late(p, l);
	if (rc < 0)
		listener_undo(l);
	return rc;
}

/* One that nobody finds. */
static int listen_nowhere(struct sluice_pipeline *p, struct listener *l)
{
	int rc = listener_open_wake(l);

	sluice_store_release(&l->named, 0);
	kin_lock();
	kin_add(l);
	kin_unlock();
	if (rc == 0)
		rc = listener_run(p, l);
	if (rc < 0)
		listener_undo(l);
	return rc;
}

static int listener_make(struct sluice_pipeline *p,
			 const struct sluice_listen_opts *opts,
			 const struct peer_ops *ops, void *ctx,
			 struct listener **out)
{
	int rc = listener_new(out, p, opts);

	if (rc < 0) {
		if (ops->close != NULL)
			ops->close(ctx);
		return rc;
	}
	(*out)->ops = ops;
	(*out)->ctx = ctx;
	if (ops->begin != NULL)
		ops->begin(ctx, &(*out)->opts);
	sluice_store_release(&(*out)->named, 1);
	return 0;
}

int sluice_listen_check(struct sluice_pipeline *p,
			const struct sluice_listen_opts *opts)
{
	SLUICE_KEEP_ERRNO;
	struct address address;
	struct listener *l;
	int rc = door_pipeline(p, __func__);

	if (rc == 0)
		rc = address_check_name(p->named ? p->name : NULL);
	if (rc == 0)
		rc = listener_new(&l, p, opts);
	if (rc < 0)
		return rc;
	rc = address_paths(&address, p->name, l->opts.folder);
	listener_free(l);
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
	if (rc < 0) {
		if (ops->close != NULL)
			ops->close(ctx);
		return rc;
	}
	rc = listener_make(p, opts, ops, ctx, &l);
	return rc < 0 ? rc : listen_at(p, l);
}

/* ---- for processes --------------------------------------------------------------- */

int listener_of_pipeline(struct sluice_pipeline *p, const struct peer_ops *ops,
			 void *ctx, struct listener **out)
{
	struct listener *l = listener_there(p);
	int rc;

	if (l != NULL) {
		ops->close(ctx);
		*out = l;
		return 0;
	}
	rc = listener_make(p, NULL, ops, ctx, &l);
	if (rc == 0)
		rc = listen_nowhere(p, l);
	if (rc == -EALREADY) /* another thread was faster */
		l = listener_there(p);
	*out = l;
	return rc == -EALREADY && l != NULL ? 0 : rc;
}

/* Under the lock of kin.c. */
static int listener_seat(struct listener *l, struct process *process)
{
	const char *name = process->hello.peer;
	sluice_a64 *seat = NULL;

	for (uint32_t i = SLUICE_PROCESSES_MAX; i > 0; i--) {
		const struct process *other = listener_process(l, i - 1);

		if (other == NULL)
			seat = &l->process[i - 1];
		else if (strcmp(other->hello.peer, name) == 0)
			return sluice_fail(-EEXIST,
					   "stage '%s': the name is in use "
					   "already",
					   name);
	}
	if (seat == NULL)
		return sluice_fail(-ENOSPC,
				   "stage '%s': limit of %u process stages "
				   "reached",
				   name, SLUICE_PROCESSES_MAX);
	sluice_store_release(seat, (uint64_t)(uintptr_t)process);
	return 0;
}

int listener_enter(struct listener *l, struct process *process)
{
	int rc;

	kin_lock();
	rc = listener_seat(l, process);
	kin_unlock();
	if (rc == 0)
		listener_wake(l);
	return rc;
}
