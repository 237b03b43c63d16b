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

static void inherited_number(uint32_t *number, uint32_t offered)
{
	if (*number == 0)
		*number = offered;
}

static void inherited_numbers(struct sluice_attach_opts *o,
			      const struct wire_hello *offer)
{
	inherited_number(&o->event_bytes, offer->from_bytes | offer->to_bytes);
	inherited_number(&o->max_demand, offer->max_demand);
	if (o->min_demand == 0)
		o->min_demand = offer->min_demand;
	inherited_number(&o->refill_events, offer->refill_events);
	inherited_number(&o->weight, offer->weight);
	inherited_number(&o->partition, offer->partition);
	inherited_number(&o->tee, offer->tee);
	inherited_number(&o->conflate_keys, offer->conflate_keys);
	inherited_number(&o->key_offset, offer->key_offset);
	inherited_number(&o->key_bytes, offer->key_bytes);
	inherited_number(&o->ring_events, offer->ring_events);
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
