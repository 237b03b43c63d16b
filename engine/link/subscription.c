/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/link/subscription_priv.h"
#include "engine/link/aside_priv.h"

#include <stdlib.h>

void subscription_reset(struct subscription *sub)
{
	sluice_store_release(&sub->by_consumer.state, CONSUMER_NEW);
	sluice_store_release(&sub->by_producer.state, PRODUCER_NEW);
	sluice_store_release(&sub->by_control.cancel, 0);
	sluice_store_release(&sub->by_producer.closed, 0);
	sluice_store_release(&sub->by_producer.end, 0);
	sluice_store_release(&sub->by_producer.start, 0);
	sluice_store_release(&sub->by_producer.waiting, 0);
	sluice_store_release(&sub->by_producer.notes_filled, 0);
	sluice_store_release(&sub->by_consumer.notes_read, 0);
	sub->notes_pending = 0;
	sluice_store_release(&sub->by_control.window, 0);
	sub->by_consumer.left_closed = 0;
	sub->given_back = 0;
	sub->began = 0;
	sub->by_consumer.left_handed.count = 0;
	sub->by_consumer.left_counted = 0;
	sub->orphan = (struct orphan){0};
	sub->tx = NULL;
	sub->rx = NULL;
	sub->slots = NULL;
	sub->pool = NULL;
}

void subscription_unmap(struct subscription *sub)
{
	sluice_region_close(&sub->tx_region);
	sluice_region_close(&sub->rx_region);
	free(sub->gathered);
	sub->gathered = NULL;
	free(sub->kept);
	sub->kept = NULL;
	free(sub->counts);
	sub->counts = NULL;
	aside_free(sub->aside);
	sub->aside = NULL;
}
