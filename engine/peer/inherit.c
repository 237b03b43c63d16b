/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/peer/exec_priv.h"
#include "engine/peer/inherit_priv.h"
#include "ring/base_priv.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

/* ---- the socket ------------------------------------------------------------------ */

static int inherited_none(const char *why)
{
	return sluice_fail(-EINVAL,
			   "attach: pipeline is NULL, and no engine has "
			   "started this process: " EXEC_FD " %s",
			   why);
}

static int inherited_is_socket(int fd)
{
	socklen_t bytes = sizeof(int);
	int type = 0;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 &&
	       type == SOCK_SEQPACKET;
}

/* Children of this process are none of the engine's. */
static int inherited_find(int *socket)
{
	const char *text = getenv(EXEC_FD);
	char *end = NULL;
	long fd;

	if (text == NULL)
		return inherited_none("is not set");
	errno = 0;
	fd = strtol(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || fd < 0 ||
	    fd > INT32_MAX || !inherited_is_socket((int)fd))
		return inherited_none("names no socket of that kind");
	(void)unsetenv(EXEC_FD);
	(void)fcntl((int)fd, F_SETFD, FD_CLOEXEC);
	*socket = (int)fd;
	return 0;
}

/* ---- what it is to be --------------------------------------------------------------- */

static int inherited_name(const char **name, const char *field,
			  const char *offered)
{
	if (*name != NULL && strcmp(*name, offered) != 0)
		return sluice_fail(-EINVAL,
				   "attach: %s '%.63s': the engine that has "
				   "started this process says '%s'",
				   field, *name, offered);
	*name = offered[0] != '\0' ? offered : NULL;
	return 0;
}

/* What is not given is as it is offered. */
#define TAKE(number)                                                           \
	if (o->number == 0)                                                    \
		o->number = offer->number;

static void inherited_numbers(struct sluice_attach_opts *o,
			      const struct wire_hello *offer)
{
	int reads = offer->from[0] != '\0';

	if (o->event_bytes == 0)
		o->event_bytes = reads ? offer->from_bytes : offer->to_bytes;
	if (o->to_bytes == 0 && reads)
		o->to_bytes = offer->to_bytes;
	WIRE_HELLO_NUMBERS(TAKE)
}

static int inherited_fill(struct sluice_attach_opts *o,
			  const struct wire_hello *offer)
{
	int rc = inherited_name(&o->name, "name", offer->peer);

	if (rc == 0)
		rc = inherited_name(&o->from, "from", offer->from);
	if (rc == 0)
		rc = inherited_name(&o->to, "to", offer->to);
	o->pipeline = offer->pipeline;
	inherited_numbers(o, offer);
	return rc;
}

int inherited_open(struct inherited *inherited, struct sluice_attach_opts *opts)
{
	SLUICE_KEEP_ERRNO;
	int rc = inherited_find(&inherited->socket);

	if (rc == 0)
		rc = attach_offer(inherited->socket, &inherited->offer,
				  attach_due(opts->timeout_ms));
	return rc < 0 ? rc : inherited_fill(opts, &inherited->offer);
}
