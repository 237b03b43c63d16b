/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* F_DUPFD_CLOEXEC */
#include "engine/peer/share_objects_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* What an end of the subscription finds there. */
static struct subscription_far share_end(const struct share_words *words,
					 enum far_side side)
{
	return (struct subscription_far){
		.side = side,
		.tx = words->tx,
		.rx = words->rx,
		.slots = words->slots,
		.notes = words->notes,
		.notes_read = words->notes_read,
		.stream = words->stream,
	};
}

/* ---- the engine ------------------------------------------------------------ */

static int share_part_has(const struct share *share, enum memory_writer writer,
			  uint32_t i)
{
	return share_holds(share, i) && share_writer(share, i) == writer;
}

/* Each object on pages of its own. */
static uint64_t share_part_bytes(const struct share *share,
				 enum memory_writer writer)
{
	uint64_t bytes = sluice_region_footprint(SHARE_OBJECTS);

	for (uint32_t i = 0; i < SHARE_OBJECTS; i++)
		if (share_part_has(share, writer, i))
			bytes += SLUICE_ALIGN_UP(
				wire_object_bytes(&share->ring,
						  share_objects[i].kind),
				sluice_region_page_bytes());
	return bytes;
}

/* One of its two parts, with its objects; not sealed. */
static int share_part(struct share *share, enum memory_writer writer,
		      const char *owner)
{
	struct sluice_region *region = &share->part[writer];
	uint64_t offset;
	int rc = memory_open(region, writer, owner,
			     share_part_bytes(share, writer), SHARE_OBJECTS);

	for (uint32_t i = 0; rc == 0 && i < SHARE_OBJECTS; i++) {
		const struct share_object *object = &share_objects[i];

		if (!share_part_has(share, writer, i))
			continue;
		rc = sluice_region_alloc(
			region, object->kind, object->name,
			wire_object_bytes(&share->ring, object->kind),
			object->kind == SLUICE_OBJECT_SLOTS
				? share->ring.slot_bytes
				: 1,
			sluice_region_page_bytes(), &offset);
		if (rc == 0)
			share_put(&share->words, i,
				  sluice_region_at(region, offset));
	}
	return rc;
}

/* Before there is anything of it. */
static int share_take(struct share *share, const struct share_opts *opts)
{
	uint64_t bytes = share_part_bytes(share, MEMORY_OF_ENGINE) +
			 share_part_bytes(share, MEMORY_OF_PEER);
	char what[160];
	int rc;

	(void)snprintf(what, sizeof(what),
		       share->common ? "peer '%s': to read a ring"
				     : "peer '%s': %s %u of %u bytes each",
		       opts->owner,
		       share->side == WIRE_FROM ? "max_demand" : "ring_events",
		       opts->capacity, opts->event_bytes);
	rc = budget_take(opts->budget, bytes,
			 share->first != NULL ? share->first->bytes : 0, what);
	if (rc < 0)
		return rc;
	share->budget = opts->budget;
	share->bytes = bytes;
	return 0;
}

static int share_refused(const char *owner, const char *what)
{
	int rc = -errno;

	return sluice_fail(rc, "peer '%s': %s refused: %s", owner, what,
			   sluice_errno_text(rc));
}

/* Two ends, so that no flag which the peer sets on its own makes a worker here wait
 * (ring/far.h). */
static int share_signal(struct share *share, const char *owner)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		       ends) < 0)
		return share_refused(owner, "socketpair");
	share->signal = ends[0];
	share->signal_peers = ends[1];
	return 0;
}

static int share_signalled(struct share *share, const char *owner)
{
	share->signalled = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return share->signalled < 0 ? share_refused(owner, "eventfd") : 0;
}

/* What the peer has besides its part, which is filled. */
static int share_theirs(struct share *share, const char *owner)
{
	int rc = sluice_region_seal(&share->part[MEMORY_OF_PEER]);

	if (rc < 0 || share->first != NULL)
		return rc;
	rc = share_signal(share, owner);
	return rc < 0 ? rc : share_signalled(share, owner);
}

static void share_close(struct share *share)
{
	SLUICE_KEEP_ERRNO;

	sluice_region_close(&share->part[MEMORY_OF_ENGINE]);
	sluice_region_close(&share->part[MEMORY_OF_PEER]);
	if (share->signal >= 0) {
		(void)close(share->signal);
		(void)close(share->signal_peers);
	}
	if (share->signalled >= 0)
		(void)close(share->signalled);
	budget_give(share->budget, share->bytes);
	share_release(share->first);
	free(share);
}

void share_hold(struct share *share)
{
	(void)sluice_fetch_add(&share->holders, 1);
}

void share_release(struct share *share)
{
	if (share != NULL && sluice_fetch_add(&share->holders, UINT32_MAX) == 1)
		share_close(share);
}

static void share_let_go(void *share)
{
	share_release(share);
}

static int share_no_memory(const char *owner)
{
	return sluice_fail(-ENOMEM, "peer '%s': no memory", owner);
}

/* With nothing open. NULL: no memory. */
static struct share *share_empty(enum wire_side side,
				 const struct wire_ring *ring)
{
	struct share *share = calloc(1, sizeof(*share));

	if (share == NULL)
		return NULL;
	*share = (struct share){.side = side,
				.ring = *ring,
				.signal = -1,
				.signal_peers = -1,
				.signalled = -1};
	share->part[MEMORY_OF_ENGINE].fd = -1;
	share->part[MEMORY_OF_PEER].fd = -1;
	return share;
}

int share_open(struct share **out, const struct share_opts *opts)
{
	SLUICE_KEEP_ERRNO;
	const struct wire_ring ring = {.event_bytes = opts->event_bytes,
				       .slot_bytes = opts->event_bytes,
				       .capacity = opts->capacity};
	struct share *share = share_empty(opts->side, &ring);
	int rc;

	if (share == NULL)
		return share_no_memory(opts->owner);
	share->common = (uint32_t)opts->common;
	share->first = opts->first;
	if (opts->first != NULL)
		share_hold(opts->first);
	sluice_store_release(&share->holders, 1);
	rc = share_take(share, opts);
	if (rc == 0)
		rc = share_part(share, MEMORY_OF_ENGINE, opts->owner);
	if (rc == 0)
		rc = sluice_region_seal(&share->part[MEMORY_OF_ENGINE]);
	if (rc == 0)
		rc = share_part(share, MEMORY_OF_PEER, opts->owner);
	if (rc == 0)
		rc = share_theirs(share, opts->owner);
	if (rc < 0)
		share_close(share);
	else
		*out = share;
	return rc;
}

/* ---- the next process in the same place ------------------------------------ */

/* Where it goes on. */
static void share_begin_at(const struct share *share, const struct share *last,
			   const struct subscription_held_at *at)
{
	struct sluice_rx_words *rx = share->words.rx;
	const struct sluice_rx_words *was = last->words.rx;

	/* Relaxed: nobody else has it yet. */
	sluice_store_relaxed(&rx->acked, at->acked);
	sluice_store_relaxed(&rx->granted, at->granted);
	sluice_store_relaxed(&rx->batches, sluice_load_stale(&was->batches));
	sluice_store_relaxed(&rx->high, sluice_load_stale(&was->high));
	sluice_store_relaxed(share->words.notes_read, at->notes);
}

/* What the last one had published when its consumer cut it off is read on as if nothing
 * had happened; it may have gone on writing, into slots behind that. */
static void share_go_on(const struct share *share, const struct share *last,
			const struct subscription_held_at *at)
{
	sluice_slot_copy(share->words.slots, last->words.slots,
			 (size_t)last->ring.capacity * last->ring.slot_bytes);
	/* Relaxed: as above. */
	sluice_store_relaxed(&share->words.tx->published, at->published);
}

static int share_take_over_signals(struct share *share, struct share *next,
				   const char *owner)
{
	if (dup3(next->signal, share->signal, O_CLOEXEC) < 0)
		return share_refused(owner, "dup3");
	(void)close(share->signal_peers);
	(void)close(share->signalled);
	share->signal_peers = next->signal_peers;
	share->signalled = next->signalled;
	(void)close(next->signal);
	next->signal = next->signalled = -1;
	return 0;
}

/* What @next has in place of what the last process had. Nothing that workers look at
 * moves: memory has the same address, and their signal the same number. */
static int share_take_over(struct share *share, struct share *next,
			   const char *owner)
{
	int rc = memory_take_over(&share->part[MEMORY_OF_PEER],
				  &next->part[MEMORY_OF_PEER]);

	if (rc < 0)
		return sluice_fail(rc, "peer '%s': mmap refused: %s", owner,
				   sluice_errno_text(rc));
	return share->first != NULL
		       ? 0
		       : share_take_over_signals(share, next, owner);
}

int share_renew(struct share *share, const char *owner,
		const struct subscription_held_at *at)
{
	SLUICE_KEEP_ERRNO;
	struct share *next = share_empty(share->side, &share->ring);
	int rc;

	if (next == NULL)
		return share_no_memory(owner);
	next->common = share->common;
	next->first = share->first;
	if (next->first != NULL)
		share_hold(next->first);
	rc = share_part(next, MEMORY_OF_PEER, owner);
	if (rc == 0) {
		if (share->side == WIRE_FROM)
			share_begin_at(next, share, at);
		else
			share_go_on(next, share, at);
		rc = share_theirs(next, owner);
	}
	if (rc == 0)
		rc = share_take_over(share, next, owner);
	share_close(next);
	return rc;
}

/* ---- the engine's end ------------------------------------------------------ */

int share_closed(const struct share *share)
{
	const struct share_words *words = &share->words;

	return sluice_load_acquire(share->common ? &words->stream->closed
						 : &words->tx->closed) != 0;
}

int share_unbegun(const struct share *share)
{
	return share->common &&
	       sluice_load_acquire(&share->words.stream->begun) == 0;
}

struct subscription_far share_far(struct share *share)
{
	const struct share *wakes = share->first ? share->first : share;
	struct subscription_far far = share_end(
		&share->words,
		share->side == WIRE_FROM ? FAR_CONSUMER : FAR_PRODUCER);

	far.bell = (struct sluice_far_bell){
		.parked = &wakes->words
				   .bells[share->first ? WIRE_BELL_SENDER
						       : WIRE_BELL_PORT]
				   .parked,
		.fences = wakes->words.fences,
		.ops = sluice_far_linux(),
		.rung = wakes->words.rung,
		.fd = wakes->signal,
		.registered = (uint32_t)sluice_wait_registered(),
	};
	if (far.side == FAR_CONSUMER)
		far.held = &share->held;
	far.release = share_let_go;
	far.ctx = share;
	return far;
}

/* ---- a peer ---------------------------------------------------------------- */

/* Returns where it lies; NULL: nowhere that is mapped. */
static void *share_object(const struct attach *attach, enum wire_side side,
			  enum sluice_object_kind kind)
{
	const struct wire_object *object =
		wire_object_find(&attach->welcome, side, kind);

	if (object == NULL || attach->maps[object->memory].base == NULL)
		return NULL;
	return attach->maps[object->memory].base + object->offset;
}

static int share_event(const struct attach *attach, uint32_t rights)
{
	for (uint32_t i = 0; i < attach->welcome.memory_count; i++)
		if (attach->welcome.memory[i].kind == WIRE_SIGNAL &&
		    attach->welcome.memory[i].rights == rights)
			return attach->events[i];
	return -1;
}

static int share_missing(const char *name)
{
	return sluice_fail(-EPROTO, "welcome: '%s' lies in what is no memory",
			   name);
}

int share_find(struct share_found *found, const struct attach *attach,
	       enum wire_side side)
{
	struct share_words *words = &found->words;
	const struct sluice_bell *bell =
		share_object(attach, side, SLUICE_OBJECT_BELLS);
	int first = side == WIRE_FROM ||
		    attach->welcome.ring[WIRE_FROM].event_bytes == 0;

	*found = (struct share_found){.signalled =
					      share_event(attach, WIRE_READ)};
	for (uint32_t i = 0; i < SHARE_OBJECTS; i++) {
		void *at = share_object(attach, side, share_objects[i].kind);

		/* Whether there is a stream says the engine. */
		if (at == NULL && share_has(side, first, i) &&
		    share_objects[i].kinds != SHARE_COMMON)
			return share_missing(share_objects[i].name);
		share_put(words, i, at);
	}
	found->far = share_end(words,
			       side == WIRE_FROM ? FAR_PRODUCER : FAR_CONSUMER);
	if (words->stream != NULL)
		found->far.capacity = attach->welcome.ring[side].capacity;
	if (side == WIRE_FROM)
		found->far.granted = sluice_load_acquire(&words->rx->granted);
	else
		found->far.published =
			sluice_load_acquire(&words->tx->published);
	/* An engine has nothing to gain: its events are not copied. */
	found->far.trusted = 1;
	found->far.bell = (struct sluice_far_bell){
		.fences = share_object(attach, side, SLUICE_OBJECT_FENCES),
		.ops = sluice_far_linux(),
		.fd = share_event(attach, WIRE_READ | WIRE_WRITE),
		.registered = (uint32_t)sluice_wait_registered(),
	};
	if (bell == NULL || found->far.bell.fences == NULL)
		return share_missing("bells");
	found->far.bell.parked = &bell->parked;
	return 0;
}
