/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at the other end of a socket, by the kernel's word, and what it may. */
#define _GNU_SOURCE /* struct ucred */
#include "engine/peer/listener_priv.h"
#include "engine/peer/pidfd_priv.h"
#include "ring/base_priv.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PEERGROUPS /* since Linux 4.13 */
#define SO_PEERGROUPS 59
#endif
#ifndef SO_PEERPIDFD /* since Linux 6.5 */
#define SO_PEERPIDFD 77
#endif

/* What a process may be in, see setgroups(2). */
#define GROUPS_MAX 65536u

/* ---- who ----------------------------------------------------------------------- */

/* On a kernel that gives no pidfd of a socket: by number. If the number was
 * another process's by then, the one that connected is dead, and so its end of the
 * socket is closed. */
static int pidfd_by_number(int socket, uint32_t pid)
{
	int fd = pidfd_of((int)pid);
	struct pollfd hung = {.fd = socket};

	if (fd < 0)
		return fd;
	if (poll(&hung, 1, 0) == 0)
		return fd;
	(void)close(fd);
	return -ESRCH;
}

int allow_identify(int socket, struct peer_identity *identity)
{
	SLUICE_KEEP_ERRNO;
	struct ucred cred;
	socklen_t bytes = sizeof(cred);
	int fd = -1;

	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &cred, &bytes) < 0)
		return -errno;
	*identity = (struct peer_identity){
		.pid = (uint32_t)cred.pid, .uid = cred.uid, .gid = cred.gid};
	bytes = sizeof(fd);
	if (getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &fd, &bytes) == 0)
		return fd;
	return errno == ENOPROTOOPT ? pidfd_by_number(socket, identity->pid)
				    : -errno;
}

int allow_groups(struct guest *guest)
{
	SLUICE_KEEP_ERRNO;
	socklen_t bytes = 0;

	/* With no room it says how much it would take. */
	(void)getsockopt(guest->socket, SOL_SOCKET, SO_PEERGROUPS, NULL,
			 &bytes);
	if (bytes == 0 || bytes > GROUPS_MAX * sizeof(*guest->groups))
		return 0;
	guest->groups = malloc(bytes);
	if (guest->groups == NULL)
		return sluice_fail(-ENOMEM, "no memory for %u groups",
				   (unsigned)(bytes / sizeof(*guest->groups)));
	if (getsockopt(guest->socket, SOL_SOCKET, SO_PEERGROUPS, guest->groups,
		       &bytes) == 0)
		guest->group_count = (uint32_t)(bytes / sizeof(*guest->groups));
	return 0;
}

/* ---- what ---------------------------------------------------------------------- */

static int allow_in_group(const struct guest *guest, uint32_t gid)
{
	if (guest->peer.identity.gid == gid)
		return 1;
	for (uint32_t i = 0; i < guest->group_count; i++)
		if (guest->groups[i] == gid)
			return 1;
	return 0;
}

static int allow_who(const struct sluice_peer_allow *row,
		     const struct guest *guest)
{
	if (row->uid != 0 && row->uid != SLUICE_ID(guest->peer.identity.uid))
		return 0;
	return row->gid == 0 || allow_in_group(guest, row->gid - 1);
}

static int allow_stage(const struct sluice_peer_allow *row, const char *name)
{
	if (row->stages == NULL || name[0] == '\0')
		return 1;
	for (const char *const *stage = row->stages; *stage != NULL; stage++)
		if (strcmp(*stage, name) == 0)
			return 1;
	return 0;
}

/* A row of some stages does not show the others. */
static int allow_stages(const struct sluice_peer_allow *row,
			const struct wire_hello *hello)
{
	if (wire_watches(hello))
		return row->stages == NULL;
	return allow_stage(row, hello->from) && allow_stage(row, hello->to);
}

int allow_anything(const struct listener *l, const struct guest *guest)
{
	for (uint32_t i = 0; i < l->opts.allow_count; i++)
		if (allow_who(&l->allow[i], guest))
			return 0;
	return sluice_fail(-EACCES,
			   "pipeline '%s': uid %u, gid %u may not attach",
			   l->pipeline->name, guest->peer.identity.uid,
			   guest->peer.identity.gid);
}

/* Who looks on may be an observer, or what says that it may consume. */
static uint32_t allow_roles(const struct wire_hello *hello)
{
	return 1u << hello->role |
	       (wire_looks_on(hello) ? SLUICE_PEER_OBSERVER : 0);
}

static int allow_row_as(const struct sluice_peer_allow *row,
			const struct guest *guest,
			const struct wire_hello *hello, uint32_t roles)
{
	return allow_who(row, guest) &&
	       (row->roles == 0 || row->roles & roles) &&
	       allow_stages(row, hello);
}

static int allow_row(const struct sluice_peer_allow *row,
		     const struct guest *guest, const struct wire_hello *hello)
{
	return allow_row_as(row, guest, hello, allow_roles(hello));
}

int allow_consumes(const struct listener *l, const struct guest *guest,
		   const struct wire_hello *hello)
{
	for (uint32_t i = 0; i < l->opts.allow_count; i++)
		if (allow_row_as(&l->allow[i], guest, hello, 1u << hello->role))
			return 1;
	return 0;
}

int allow_trusts(const struct listener *l, const struct guest *guest,
		 const struct wire_hello *hello)
{
	for (uint32_t i = 0; i < l->opts.allow_count; i++)
		if (l->allow[i].flags & SLUICE_PEER_TRUSTED &&
		    allow_row(&l->allow[i], guest, hello))
			return 1;
	return 0;
}

int allow_hello(const struct listener *l, const struct guest *guest,
		const struct wire_hello *hello)
{
	for (uint32_t i = 0; i < l->opts.allow_count; i++)
		if (allow_row(&l->allow[i], guest, hello))
			return 0;
	if (wire_watches(hello))
		return sluice_fail(-EACCES,
				   "pipeline '%s': uid %u, gid %u may not "
				   "watch it",
				   l->pipeline->name, guest->peer.identity.uid,
				   guest->peer.identity.gid);
	return sluice_fail(-EACCES,
			   "pipeline '%s': uid %u, gid %u may not be a %s of "
			   "'%s'%s%s%s",
			   l->pipeline->name, guest->peer.identity.uid,
			   guest->peer.identity.gid,
			   wire_role_text(hello->role),
			   hello->from[0] ? hello->from : hello->to,
			   hello->from[0] && hello->to[0] ? " and '" : "",
			   hello->from[0] ? hello->to : "",
			   hello->from[0] && hello->to[0] ? "'" : "");
}

/* ---- the list ------------------------------------------------------------------ */

/* Its names in one piece of memory: pointers, then texts. */
static int allow_copy_stages(struct sluice_peer_allow *row)
{
	const char *const *from = row->stages;
	size_t bytes = sizeof(char *);
	uint32_t count = 0;
	char **names;
	char *text;

	if (from == NULL)
		return 0;
	for (; from[count] != NULL; count++)
		bytes += sizeof(char *) + strlen(from[count]) + 1;
	names = malloc(bytes);
	row->stages = NULL;
	if (names == NULL)
		return sluice_fail(-ENOMEM, "listen: no memory for allow");
	text = (char *)(names + count + 1);
	for (uint32_t i = 0; i < count; i++) {
		size_t length = strlen(from[i]) + 1;

		memcpy(text, from[i], length);
		names[i] = text;
		text += length;
	}
	names[count] = NULL;
	row->stages = (const char *const *)names;
	return 0;
}

static int allow_check(const struct sluice_peer_allow *row, uint32_t i)
{
	const uint32_t all = SLUICE_PEER_PRODUCER | SLUICE_PEER_CONSUMER |
			     SLUICE_PEER_WORKER | SLUICE_PEER_OBSERVER;

	if (row->roles & ~all)
		return sluice_fail(-EINVAL,
				   "listen: allow[%u] has roles %#x, which are "
				   "not known",
				   i, row->roles & ~all);
	if (row->flags & ~SLUICE_PEER_TRUSTED)
		return sluice_fail(-EINVAL,
				   "listen: allow[%u] has flags %#x, which are "
				   "not known",
				   i, row->flags & ~SLUICE_PEER_TRUSTED);
	return 0;
}

int allow_take(struct listener *l, const struct sluice_peer_allow *rows,
	       uint32_t count)
{
	/* Root, and who runs the pipeline. */
	const struct sluice_peer_allow otherwise[] = {
		{.uid = SLUICE_ID(0)},
		{.uid = SLUICE_ID(geteuid())},
	};
	int rc = 0;

	if (rows == NULL && count == 0) {
		rows = otherwise;
		count = 2;
	}
	l->opts.allow_count = 0; /* as many as are copied */
	if (rows == NULL || count == 0 || count > SLUICE_PEER_ALLOW_MAX)
		return sluice_fail(-EINVAL,
				   "listen: allow %s and allow_count %u do not "
				   "go together; the limit is %u",
				   rows ? "is set" : "is NULL", count,
				   SLUICE_PEER_ALLOW_MAX);
	l->allow = calloc(count, sizeof(*l->allow));
	if (l->allow == NULL)
		return sluice_fail(-ENOMEM, "listen: no memory for allow");
	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		rc = allow_check(&rows[i], i);
		if (rc < 0)
			break;
		l->allow[l->opts.allow_count++] = rows[i];
		rc = allow_copy_stages(&l->allow[i]);
	}
	return rc;
}

void allow_free(struct listener *l)
{
	for (uint32_t i = 0; l->allow != NULL && i < l->opts.allow_count; i++)
		free((void *)(uintptr_t)l->allow[i].stages);
	free(l->allow);
	l->allow = NULL;
}
