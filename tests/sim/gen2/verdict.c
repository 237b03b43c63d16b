/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What callbacks answer, and what may come of it: codes with which the pipeline
 * may end, failures that it has to tell, stages that may be gone.
 */
#include "tests/sim/gen2/world.h"
#include "sluice.h"

#include <errno.h>

/* No verdict at all. */
#define NONSENSE 77

int verdict_keeps(int rc)
{
	return rc == SLUICE_OK || rc == SLUICE_END;
}

void verdict_may_end(int rc)
{
	uint32_t code = (uint32_t)-rc;

	if (code < 64 * sizeof(world.codes) / sizeof(world.codes[0]))
		world.codes[code / 64] |= UINT64_C(1) << code % 64;
}

int verdict_may_have_ended(int rc)
{
	uint32_t code = (uint32_t)-rc;

	return code < 64 * sizeof(world.codes) / sizeof(world.codes[0]) &&
	       (world.codes[code / 64] >> code % 64 & 1);
}

static int fault_now(const struct node *node)
{
	if (!node->faulty || world.faults_left == 0 ||
	    sim_below(world.fault_one_in) != 0)
		return 0;
	world.faults_left--;
	return 1;
}

/* It is not restarted. */
static int is_final(const struct node *node)
{
	return node->restart == SLUICE_RESTART_NONE ||
	       node->restart == SLUICE_RESTART_TEMPORARY;
}

/* @rc breaks the stage: what join may say of it, or has to. */
static int breaks(struct node *node, int rc)
{
	say("%s fails with %d", node->name, rc);
	verdict_may_end(rc == SLUICE_FAIL ? -EIO : rc < 0 ? rc : -EINVAL);
	if (is_final(node)) {
		node->willed = 1;
		node->leaving = 1;
		if (host_command(&world.pipeline->host) != PIPELINE_STOP)
			world.must_fail = 1;
	}
	return rc;
}

static int any_failure(void)
{
	switch (sim_below(with(FEATURE_NONSENSE) ? 3 : 2)) {
	case 0:
		return SLUICE_FAIL;
	case 1:
		return -EPROTO;
	default:
		return NONSENSE;
	}
}

static int fails(struct node *node)
{
	return breaks(node, any_failure());
}

static int ends(struct node *node)
{
	say("%s says END", node->name);
	if (node->restart == SLUICE_RESTART_PERMANENT)
		verdict_may_end(-ECANCELED);
	node->willed = 1;
	node->leaving = 1;
	return SLUICE_END;
}

int verdict_plain(struct node *node)
{
	if (!fault_now(node))
		return SLUICE_OK;
	switch (sim_below(with(FEATURE_NONSENSE) ? 7 : 4)) {
	case 0:
		return fails(node);
	case 1:
		return sim_below(3) ? SLUICE_OK : ends(node);
	case 4:
		return breaks(node, SLUICE_RETRY);
	case 5:
		return breaks(node, SLUICE_SKIP);
	default:
		return SLUICE_OK;
	}
}

/* One that a stage may not give there, or a failure. */
static int any_refusal(void)
{
	static const int codes[] = {-EPROTO,    -EPERM,      SLUICE_FAIL,
				    SLUICE_END, SLUICE_SKIP, SLUICE_RETRY,
				    NONSENSE};

	return codes[more_below(sizeof(codes) / sizeof(codes[0]))];
}

int verdict_refusal(struct node *node)
{
	static const int codes[] = {-EPROTO, SLUICE_FAIL, SLUICE_END,
				    SLUICE_RETRY, NONSENSE};

	if (is_running()) {
		if (!fault_now(node))
			return SLUICE_OK;
		node->false_starts |= node->inits == 0;
		if (with(FEATURE_VERDICTS))
			return breaks(node, any_refusal());
		return breaks(node,
			      codes[sim_below(with(FEATURE_NONSENSE) ? 5 : 2)]);
	}
	if (node->refusals == 0)
		return SLUICE_OK;
	node->refusals--;
	world.refused = 1;
	say("%s refuses the start", node->name);
	if (with(FEATURE_VERDICTS))
		return any_refusal();
	return codes[sim_below(with(FEATURE_NONSENSE) ? 5 : 2)];
}

int verdict_refuses_link(struct node *node)
{
	static const int codes[] = {-EPERM, SLUICE_FAIL, SLUICE_END, NONSENSE};

	if (!is_running()) {
		if (node->refusals == 0 || sim_below(2))
			return SLUICE_OK;
		node->refusals--;
		world.refused = 1;
		say("%s refuses the start, for a link", node->name);
		return with(FEATURE_VERDICTS) ? any_refusal() : -EPERM;
	}
	if (with(FEATURE_VERDICTS) && more_below(12) == 0)
		return any_refusal();
	if (!with(FEATURE_FAULTS) || sim_below(12) != 0)
		return SLUICE_OK;
	return codes[sim_below(with(FEATURE_NONSENSE) ? 4 : 1)];
}

static int answer_demand(struct node *node)
{
	if (fault_now(node)) {
		switch (sim_below(5)) {
		case 0:
			return SLUICE_RETRY;
		case 1:
			if (sim_below(3) == 0)
				return ends(node);
			/* "Not now", with nobody to wake it any more. */
			if (node->staged_made == 0 && node->made == node->total)
				break;
			return SLUICE_OK;
		case 2:
			if (with(FEATURE_NONSENSE))
				return breaks(node, SLUICE_SKIP);
			return fails(node);
		default:
			return fails(node);
		}
	}
	/* A permanent one would be started again, for nothing. */
	if (node->made + node->staged_made == node->total &&
	    node->restart != SLUICE_RESTART_PERMANENT)
		return SLUICE_END;
	return SLUICE_OK;
}

int verdict_demand(struct node *node)
{
	int rc = answer_demand(node);

	/* Three times in a row, since it came up. */
	if (rc != SLUICE_RETRY)
		node->retries = 0;
	else if (++node->retries == DEMAND_RETRIES) {
		node->retries = 0;
		(void)breaks(node, -ELOOP);
	}
	return rc;
}

static int is_poisonous(const struct node *node,
			const struct sluice_batch *batch)
{
	const struct event *e = SLUICE_EVENTS(batch, struct event);

	for (uint32_t i = 0; node->poisoned && i < batch->count; i++)
		if (e[i].seq % POISON_EVERY == 7)
			return 1;
	return 0;
}

static int answer_events(struct node *node, const struct sluice_batch *batch)
{
	if (is_poisonous(node, batch))
		return is_final(node) || sim_below(2) ? SLUICE_RETRY
						      : fails(node);
	if (!fault_now(node))
		return SLUICE_OK;
	switch (sim_below(6)) {
	case 0:
		return SLUICE_SKIP;
	case 1:
		return sim_below(3) ? SLUICE_OK : ends(node);
	case 2:
	case 3:
		return SLUICE_RETRY;
	default:
		return fails(node);
	}
}

int verdict_events(struct node *node, const struct sluice_batch *batch)
{
	int rc = answer_events(node, batch);

	if (rc == SLUICE_RETRY && !node->dead_letter &&
	    batch->deliveries >= node->max_deliveries)
		(void)breaks(node, -ELOOP);
	return rc;
}
