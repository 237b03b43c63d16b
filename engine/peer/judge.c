/* SPDX-License-Identifier: Apache-2.0 */
/* May a peer have what it asks for? What can be told from its hello and from what
 * was declared; the rest is admit()'s. */
#include "engine/peer/process_priv.h"
#include "engine/peer/wish_priv.h"
#include "ring/base_priv.h"

#include <string.h>

/* Is the right to consume there, or, for who looks on, that to watch? *watches: that one
 * alone. */
static int judge_reads(const struct wish *wish, const struct wire_hello *hello,
		       int consumes, int *watches)
{
	int looks_on = wire_looks_on(hello);

	if (consumes && wish->flags & SLUICE_STAGE_PEERS_CONSUME)
		return 0;
	*watches = 1;
	if (looks_on && wish->flags & SLUICE_STAGE_PEERS_WATCH)
		return 0;
	if (looks_on)
		return sluice_fail(-EPERM,
				   "stage '%s': peers may not look on at it; "
				   "its flags have no SLUICE_STAGE_PEERS_WATCH",
				   wish->stage);
	return sluice_fail(-EPERM,
			   "stage '%s': peers may not consume from it; its "
			   "flags have no SLUICE_STAGE_PEERS_CONSUME%s",
			   wish->stage,
			   wish->flags & SLUICE_STAGE_PEERS_WATCH
				   ? ", and one that looks on has tee or "
				     "conflate_keys"
				   : "");
}

static int judge_from(struct listener *l, struct guest *guest,
		      const struct wire_hello *hello)
{
	struct wish wish;
	int rc;

	wish_of(&wish, hello, WIRE_FROM);
	rc = wish_find(&wish, l->pipeline);
	if (rc == 0 && guest->process == NULL)
		rc = judge_reads(&wish, hello, allow_consumes(l, guest, hello),
				 &guest->peer.watches);
	return rc < 0 ? rc : wish_fits(&wish);
}

static int judge_to(struct sluice_pipeline *p, const struct wire_hello *hello,
		    int invited)
{
	struct wish wish;
	int rc;

	wish_of(&wish, hello, WIRE_TO);
	rc = wish_find(&wish, p);
	if (rc < 0)
		return rc;
	if (!invited && (wish.flags & SLUICE_STAGE_PEERS_FEED) == 0)
		return sluice_fail(-EPERM,
				   "stage '%s': peers may not feed it; its "
				   "flags have no SLUICE_STAGE_PEERS_FEED",
				   wish.stage);
	rc = wish_fits(&wish);
	if (rc == 0 && wish.resequences && hello->role != WIRE_WORKER)
		rc = sluice_fail(-EINVAL,
				 "stage '%s' restores an order, and is fed by "
				 "a worker, not by a %s",
				 wish.stage, wire_role_text(hello->role));
	return rc;
}

/* Is it at the right door, and is anybody at home? Who watches may come early, and
 * late. */
static int judge_pipeline(const struct sluice_pipeline *p,
			  const struct wire_hello *hello)
{
	enum pipeline_phase phase = host_phase(&p->host);

	if (strcmp(hello->pipeline, p->name) != 0)
		return sluice_fail(-ENOENT, "this is pipeline '%s', not '%s'",
				   p->name, hello->pipeline);
	if (wire_watches(hello) && phase != PIPELINE_FINISHED)
		return 0;
	if (phase < PIPELINE_RUNNING)
		return sluice_fail(-EAGAIN,
				   "pipeline '%s' does not run yet; try again",
				   p->name);
	if (phase == PIPELINE_FINISHED ||
	    host_command(&p->host) != PIPELINE_RUN)
		return sluice_fail(-EPIPE, "pipeline '%s' %s", p->name,
				   phase == PIPELINE_FINISHED ? "has ended"
							      : "is ending");
	return 0;
}

/* What it may comes before what there is: a stranger learns no names. A process that
 * we have started may be what it was started for. */
int judge_hello(struct listener *l, struct guest *guest,
		const struct wire_hello *hello)
{
	int invited = guest->process != NULL;
	int rc = judge_pipeline(l->pipeline, hello);

	if (rc == 0)
		rc = invited ? process_judge(guest->process, hello)
			     : allow_hello(l, guest, hello);
	if (rc == 0 && wire_watches(hello))
		return 0;
	guest->peer.watches = 0;
	guest->peer.trusted = invited ? guest->process->trusted
				      : allow_trusts(l, guest, hello);
	guest->peer.own = invited ? guest->process->own : (struct peer_own){0};
	if (rc == 0 && wire_reads(hello->role))
		rc = judge_from(l, guest, hello);
	if (rc == 0 && wire_feeds(hello->role))
		rc = judge_to(l->pipeline, hello, invited);
	if (rc == 0 && strcmp(hello->from, hello->to) == 0)
		rc = sluice_fail(-EINVAL,
				 "stage '%s': a worker that feeds the stage "
				 "from which it consumes is a cycle",
				 hello->from);
	return rc;
}
