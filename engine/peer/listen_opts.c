/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a listener: checked, defaults filled in, copied. */
#include "engine/peer/listener_priv.h"
#include "ring/base_priv.h"

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

int deliveries_check(const char *whose, uint32_t *deliveries,
		     uint32_t otherwise)
{
	if (*deliveries == 0)
		*deliveries = otherwise;
	if (*deliveries == 0 || *deliveries == SLUICE_PEER_DELIVERIES_FOREVER ||
	    (*deliveries >= SLUICE_PEER_DELIVERIES_LEAST &&
	     *deliveries <= SLUICE_PEER_DELIVERIES_MAX))
		return 0;
	return sluice_fail(-EINVAL,
			   "%s: max_deliveries %u is not in [%u, %u], nor "
			   "SLUICE_PEER_DELIVERIES_FOREVER",
			   whose, *deliveries, SLUICE_PEER_DELIVERIES_LEAST,
			   SLUICE_PEER_DELIVERIES_MAX);
}

static int listen_check_bytes(const struct sluice_listen_opts *o)
{
	uint64_t most =
		o->bytes_max != 0 ? o->bytes_max : SLUICE_PEERS_BYTES_DEFAULT;

	if (o->bytes_per_peer <= most)
		return 0;
	return sluice_fail(-EINVAL,
			   "listen: bytes_per_peer %llu is over bytes_max, "
			   "%llu",
			   (unsigned long long)o->bytes_per_peer,
			   (unsigned long long)most);
}

static int listen_check(struct sluice_listen_opts *o)
{
	int rc = opts_check_resv(o->resv, 4, "listen options");

	if (rc == 0 && (o->flags & ~SLUICE_LISTEN_UNDUMPABLE) != 0)
		rc = sluice_fail(-EINVAL, "listen: unknown flags %#x",
				 o->flags);
	if (rc == 0)
		rc = listen_limit("mode", &o->mode, ADDRESS_MODE, 0777);
	if (rc == 0)
		rc = listen_limit("peers_max", &o->peers_max,
				  SLUICE_PEERS_DEFAULT, SLUICE_PEERS_MAX);
	if (rc == 0)
		rc = deliveries_check("listen", &o->max_deliveries,
				      SLUICE_PEER_DELIVERIES_DEFAULT);
	if (rc == 0)
		rc = listen_limit("peers_per_uid", &o->peers_per_uid,
				  o->peers_max, o->peers_max);
	if (rc == 0)
		rc = listen_check_bytes(o);
	return rc < 0 ? rc : listen_check_times(o);
}

void sluice_listen_opts_init(struct sluice_listen_opts *opts)
{
	if (opts != NULL)
		*opts = (struct sluice_listen_opts){.size = sizeof(*opts)};
}

int listen_take(struct listener *l, const struct sluice_listen_opts *opts)
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
