/* SPDX-License-Identifier: Apache-2.0 */
/* May a peer have what it asks for? What can be told from its hello and from what
 * was declared; the rest is admit()'s. */
#include "engine/peer/listener_priv.h"
#include "ring/base_priv.h"

#include <string.h>

/* A stage as it was declared, copied under the lock: it may be removed. */
struct facts {
	uint32_t there;
	uint32_t ended;
	uint32_t flags;
	uint32_t in_bytes;
	uint32_t out_bytes;
	uint32_t resequences;
};

static struct facts judge_look(struct sluice_pipeline *p, const char *name)
{
	struct facts facts = {0};
	const struct sluice_stage *stage;

	pipeline_lock(p);
	stage = pipeline_find(p, name);
	if (stage != NULL)
		facts = (struct facts){
			.there = 1,
			.ended =
				sluice_load_acquire(&stage->words.phase_seen) ==
				STAGE_ENDED,
			.flags = stage->opts.flags,
			.in_bytes = stage->opts.in_bytes,
			.out_bytes = stage->opts.out_bytes,
			.resequences = stage->opts.order_of != NULL,
		};
	pipeline_unlock(p);
	return facts;
}

static int judge_there(const struct facts *facts, const char *name)
{
	if (!facts->there)
		return sluice_fail(-ENOENT, "there is no stage '%s'", name);
	if (facts->ended)
		return sluice_fail(-EPIPE, "stage '%s' has ended", name);
	return 0;
}

static int judge_from(struct sluice_pipeline *p, const struct wire_hello *hello)
{
	struct facts facts = judge_look(p, hello->from);
	int rc = judge_there(&facts, hello->from);

	if (rc < 0)
		return rc;
	if ((facts.flags & SLUICE_STAGE_PEERS_CONSUME) == 0)
		return sluice_fail(-EPERM,
				   "stage '%s': peers may not consume from it; "
				   "its flags have no "
				   "SLUICE_STAGE_PEERS_CONSUME",
				   hello->from);
	if (hello->from_bytes != 0 && hello->from_bytes != facts.out_bytes)
		return sluice_fail(-EINVAL,
				   "stage '%s': from_bytes %u does not match "
				   "its out_bytes %u",
				   hello->from, hello->from_bytes,
				   facts.out_bytes);
	return 0;
}

static int judge_to(struct sluice_pipeline *p, const struct wire_hello *hello)
{
	struct facts facts = judge_look(p, hello->to);
	int rc = judge_there(&facts, hello->to);

	if (rc < 0)
		return rc;
	if ((facts.flags & SLUICE_STAGE_PEERS_FEED) == 0)
		return sluice_fail(-EPERM,
				   "stage '%s': peers may not feed it; its "
				   "flags have no SLUICE_STAGE_PEERS_FEED",
				   hello->to);
	if (hello->to_bytes != 0 && hello->to_bytes != facts.in_bytes)
		return sluice_fail(-EINVAL,
				   "stage '%s': to_bytes %u does not match its "
				   "in_bytes %u",
				   hello->to, hello->to_bytes, facts.in_bytes);
	if (facts.resequences && hello->role != WIRE_WORKER)
		return sluice_fail(
			-EINVAL,
			"stage '%s' restores an order, and is fed by "
			"a worker, not by a %s",
			hello->to, wire_role_text(hello->role));
	return 0;
}

/* Is it at the right door, and is anybody at home? */
static int judge_pipeline(const struct sluice_pipeline *p,
			  const struct wire_hello *hello)
{
	enum pipeline_phase phase = host_phase(&p->host);

	if (strcmp(hello->pipeline, p->name) != 0)
		return sluice_fail(-ENOENT, "this is pipeline '%s', not '%s'",
				   p->name, hello->pipeline);
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

/* What it may comes before what there is: a stranger learns no names. */
int judge_hello(struct listener *l, const struct guest *guest,
		const struct wire_hello *hello)
{
	int rc = judge_pipeline(l->pipeline, hello);

	if (rc == 0)
		rc = allow_hello(l, guest, hello);
	if (rc == 0 && wire_reads(hello->role))
		rc = judge_from(l->pipeline, hello);
	if (rc == 0 && wire_feeds(hello->role))
		rc = judge_to(l->pipeline, hello);
	if (rc == 0 && strcmp(hello->from, hello->to) == 0)
		rc = sluice_fail(-EINVAL,
				 "stage '%s': a worker that feeds the stage "
				 "from which it consumes is a cycle",
				 hello->from);
	return rc;
}
