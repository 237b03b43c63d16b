/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/listen.h"
#include "engine/peer/sent_priv.h"
#include "ring/region.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sent_name {
	char name[SLUICE_NAME_BYTES];
	uint64_t events;
	struct sent_name *next;
};

static struct sent_name *sent_find(const struct sent *sent, const char *name)
{
	for (struct sent_name *at = sent->first; at != NULL; at = at->next)
		if (strcmp(at->name, name) == 0)
			return at;
	return NULL;
}

static void sent_forget_one(struct sent *sent)
{
	struct sent_name **link = &sent->first;

	while ((*link)->next != NULL)
		link = &(*link)->next;
	free(*link);
	*link = NULL;
	sent->count--;
}

uint64_t sent_of(const struct sent *sent, const char *name)
{
	const struct sent_name *at = sent_find(sent, name);

	return at != NULL ? at->events : 0;
}

void sent_add(struct sent *sent, const char *name, uint64_t events)
{
	struct sent_name *at = sent_find(sent, name);

	if (at == NULL) {
		at = calloc(1, sizeof(*at));
		if (at == NULL)
			return;
		(void)snprintf(at->name, sizeof(at->name), "%s", name);
		at->next = sent->first;
		sent->first = at;
		if (++sent->count > SLUICE_PEERS_MAX)
			sent_forget_one(sent);
	}
	at->events += events;
}

void sent_forget(struct sent *sent)
{
	while (sent->first != NULL)
		sent_forget_one(sent);
}
