/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/peer/memory_priv.h"
#include "engine/peer/observers_priv.h"
#include "engine/run/run_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <stdlib.h>

/* Room for some more than there are now. */
#define OBSERVERS_MORE 16u

struct observer {
	struct peer *peer;
	struct observer *next;
};

static int observers_have_board(const struct observers *o)
{
	return o->memory.base != NULL;
}

/* One that is larger; who has the other is to come again. */
static void observers_outgrow(struct observers *o)
{
	for (struct observer *one = o->first; one != NULL; one = one->next)
		peer_dismiss(one->peer, SLUICE_REASON_SHUTDOWN, -EAGAIN,
			     "the pipeline has outgrown its board; attach "
			     "again");
	sluice_region_close(&o->memory);
}

static uint32_t observers_room(uint32_t rows)
{
	return rows + rows / 2 + OBSERVERS_MORE;
}

static int observers_make_board(struct observers *o,
				const struct sluice_snapshot *now)
{
	uint32_t stages = observers_room(now->stage_count);
	uint32_t subs = observers_room(now->subscription_count);
	uint64_t bytes = board_bytes(stages, subs);
	uint64_t at = 0;
	int rc = memory_open(&o->memory, MEMORY_OF_ENGINE, now->name,
			     sluice_region_footprint(1) + bytes, 1);

	if (rc < 0)
		return rc;
	rc = sluice_region_alloc(&o->memory, SLUICE_OBJECT_BOARD, "board",
				 bytes, sizeof(uint64_t), SLUICE_LINE_BYTES,
				 &at);
	if (rc == 0)
		rc = sluice_region_seal(&o->memory);
	if (rc < 0) {
		sluice_region_close(&o->memory);
		return rc;
	}
	board_format(&o->board, sluice_region_at(&o->memory, at), stages, subs);
	return 0;
}

/* Write it anew; @make: make one if there is none with room. */
static int observers_show(struct observers *o, int make)
{
	struct sluice_snapshot *now = NULL;
	int rc = sluice_pipeline_stat(o->pipeline, &now);

	o->due_ns = host_now(&o->pipeline->host) + BOARD_NS;
	if (rc < 0)
		return rc;
	if (observers_have_board(o) && !board_has_room(&o->board, now))
		observers_outgrow(o);
	if (make && !observers_have_board(o))
		rc = observers_make_board(o, now);
	if (observers_have_board(o))
		board_write(&o->board, now);
	sluice_snapshot_close(now);
	return rc;
}

static int observers_tell(const struct observers *o, struct peer_grant *grant)
{
	struct wire_welcome *w = &grant->welcome;
	int rc = memory_tell(&o->memory, MEMORY_OF_ENGINE, w, grant->fds);

	if (rc < 0)
		return rc;
	w->object[0] = (struct wire_object){
		.kind = SLUICE_OBJECT_BOARD,
		.side = WIRE_FROM,
		.offset = (uint64_t)((unsigned char *)o->board.version -
				     BOARD_VERSION_AT - o->memory.base),
		.bytes = board_bytes(o->board.geometry.stages_max,
				     o->board.geometry.subs_max),
	};
	w->object_count = 1;
	return 0;
}

int observers_admit(struct observers *o, struct peer *peer,
		    struct peer_grant *grant)
{
	struct observer *one = malloc(sizeof(*one));
	int rc = 0;

	if (one == NULL)
		return sluice_fail(-ENOMEM, "observer: no memory");
	if (!observers_have_board(o))
		rc = observers_show(o, 1);
	if (rc == 0)
		rc = observers_tell(o, grant);
	if (rc < 0) {
		free(one);
		if (o->first == NULL)
			sluice_region_close(&o->memory);
		return rc;
	}
	*one = (struct observer){peer, o->first};
	o->first = one;
	return 0;
}

void observers_gone(struct observers *o, struct peer *peer)
{
	for (struct observer **link = &o->first; *link != NULL;
	     link = &(*link)->next) {
		struct observer *one = *link;

		if (one->peer != peer)
			continue;
		*link = one->next;
		free(one);
		break;
	}
	if (o->first == NULL)
		sluice_region_close(&o->memory);
}

uint64_t observers_look(struct observers *o)
{
	uint64_t now_ns;
	int rc = 0;

	if (!observers_have_board(o))
		return UINT64_MAX;
	now_ns = host_now(&o->pipeline->host);
	if (now_ns < o->due_ns)
		return o->due_ns - now_ns;
	/* Without memory for a snapshot the last one stands a while longer. */
	rc = observers_show(o, 0);
	return rc < 0 || observers_have_board(o) ? BOARD_NS : UINT64_MAX;
}

void observers_over(struct observers *o)
{
	int rc = 0;

	if (observers_have_board(o))
		rc = observers_show(o, 0);
	(void)rc; /* likewise */
}

void observers_close(struct observers *o)
{
	while (o->first != NULL) {
		struct observer *one = o->first;

		o->first = one->next;
		free(one);
	}
	sluice_region_close(&o->memory);
}
