/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of a subscription that comes while the pipeline runs, or stands beside
 * the dispatcher: regions of its own, one for each side. */
#include "engine/link/aside_priv.h"
#include "engine/link/memory_priv.h"
#include "engine/link/rings_priv.h"
#include "engine/graph/plan_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdio.h>

static int plan_late_rx(struct subscription *sub)
{
	char name[SLUICE_NAME_BYTES];
	void *block;
	int rc;

	(void)snprintf(name, sizeof(name), "%.40s.in%u", sub->consumer->name,
		       sub->inlet);
	rc = sluice_region_open(
		&sub->rx_region, name,
		sluice_region_footprint(2) +
			SLUICE_ALIGN_UP(sizeof(*sub->rx),
					sluice_region_page_bytes()) +
			SLUICE_ALIGN_UP(sizeof(*sub->latency),
					sluice_region_page_bytes()),
		2);
	if (rc == 0)
		rc = plan_block(&sub->rx_region, SLUICE_OBJECT_RX_WORDS, "rx",
				sizeof(*sub->rx), sizeof(*sub->rx), &block);
	if (rc == 0) {
		sub->rx = block;
		rc = plan_block(&sub->rx_region, SLUICE_OBJECT_LATENCY,
				"latency", sizeof(*sub->latency),
				sizeof(*sub->latency), &block);
	}
	if (rc == 0) {
		sub->latency = block;
		rc = sluice_region_seal(&sub->rx_region);
	}
	return rc;
}

static int plan_late_tx(struct subscription *sub)
{
	const struct sluice_stage *producer = sub->producer;
	char name[SLUICE_NAME_BYTES];
	void *block;
	int rc;

	(void)snprintf(name, sizeof(name), "%.40s.out%u", producer->name,
		       sub->lane);
	rc = sluice_region_open(
		&sub->tx_region, name,
		sluice_region_footprint(2) +
			SLUICE_ALIGN_UP(sizeof(*sub->tx),
					sluice_region_page_bytes()) +
			plan_slots_bytes(producer, sub->capacity),
		2);
	if (rc == 0)
		rc = plan_block(&sub->tx_region, SLUICE_OBJECT_TX_WORDS, "tx",
				sizeof(*sub->tx), sizeof(*sub->tx), &block);
	if (rc == 0) {
		sub->tx = block;
		rc = plan_slots(&sub->tx_region, sub->lane, sub->capacity,
				producer->opts.out_bytes, &sub->slots);
	}
	if (rc == 0)
		rc = sluice_region_seal(&sub->tx_region);
	return rc;
}

/* Mapped by whoever makes it. */
static int plan_far(struct subscription *sub)
{
	sub->tx = sub->far.tx;
	sub->rx = sub->far.rx;
	sub->slots = sub->far.slots;
	return plan_private(sub);
}

static int plan_aside(struct subscription *sub)
{
	sub->aside = aside_new(sub);
	return sub->aside != NULL
		       ? 0
		       : sluice_fail(-ENOMEM, "stage '%s': no memory",
				     sub->consumer->name);
}

int plan_late(struct subscription *sub)
{
	int rc = subscription_aside(sub) ? plan_aside(sub) : 0;

	if (rc < 0)
		return rc;
	if (sub->far.side != FAR_NONE)
		return plan_far(sub);
	if (rings_of(sub->rings)->own)
		rc = plan_late_tx(sub);
	if (rc == 0)
		rc = plan_private(sub);
	return rc < 0 ? rc : plan_late_rx(sub);
}
