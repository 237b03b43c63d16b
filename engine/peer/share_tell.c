/* SPDX-License-Identifier: Apache-2.0 */
/* How a peer is told where its memory lies; see share_priv.h. */
#define _GNU_SOURCE /* F_DUPFD_CLOEXEC */
#include "engine/peer/share_objects_priv.h"
#include "ring/base_priv.h"

#include <errno.h>
#include <fcntl.h>

static int tell_signal(struct wire_welcome *welcome, int *fds, int signal,
		       uint32_t rights)
{
	int fd = fcntl(signal, F_DUPFD_CLOEXEC, 0);
	int rc = fd < 0 ? -errno : 0;

	if (fd < 0)
		return sluice_fail(rc, "peers: dup of a signal refused: %s",
				   sluice_errno_text(rc));
	fds[welcome->memory_count] = fd;
	welcome->memory[welcome->memory_count++] =
		(struct wire_memory){.kind = WIRE_SIGNAL, .rights = rights};
	return 0;
}

static void tell_object(struct wire_welcome *welcome, const struct share *share,
			enum sluice_object_kind kind, uint32_t memory,
			uint64_t offset)
{
	welcome->object[welcome->object_count++] = (struct wire_object){
		.kind = kind,
		.memory = memory,
		.side = share->side,
		.offset = offset,
		.bytes = wire_object_bytes(&share->ring, kind),
	};
}

/* Which of the memories is that of the pipeline's bells: told once, behind the two
 * parts of the first subscription. */
#define TOLD_BELLS 2u

static int tell_wakes(const struct share *share,
		      const struct sluice_region *bells,
		      struct wire_welcome *welcome, int fds[WIRE_MEMORY_MAX])
{
	int rc = memory_tell(bells, MEMORY_OF_ENGINE, welcome, fds);

	if (rc == 0)
		rc = tell_signal(welcome, fds, share->signal_peers, WIRE_READ);
	return rc < 0 ? rc
		      : tell_signal(welcome, fds, share->signalled,
				    WIRE_READ | WIRE_WRITE);
}

static uint64_t offset_in(const struct sluice_region *region, const void *at)
{
	return (uint64_t)((const unsigned char *)at - region->base);
}

/* The ring that it shares with others: to read only. */
static int tell_common(struct wire_welcome *welcome, int *fds,
		       const struct share *share,
		       const struct wish_ring *common)
{
	uint32_t memory = welcome->memory_count;
	int rc = memory_tell(&common->region, MEMORY_OF_ENGINE, welcome, fds);

	if (rc < 0)
		return rc;
	tell_object(welcome, share, SLUICE_OBJECT_TX_WORDS, memory, common->tx);
	tell_object(welcome, share, SLUICE_OBJECT_SLOTS, memory, common->slots);
	return 0;
}

int share_tell(const struct share *share, const struct wish_ring *common,
	       const struct sluice_region *bells,
	       const struct sluice_bell *bell,
	       const struct sluice_fences *fences, struct wire_welcome *welcome,
	       int fds[WIRE_MEMORY_MAX])
{
	SLUICE_KEEP_ERRNO;
	uint32_t first = welcome->memory_count;
	int rc = memory_tell(&share->part[MEMORY_OF_ENGINE], MEMORY_OF_ENGINE,
			     welcome, fds);

	if (rc == 0)
		rc = memory_tell(&share->part[MEMORY_OF_PEER], MEMORY_OF_PEER,
				 welcome, fds);
	if (rc == 0 && share->first == NULL)
		rc = tell_wakes(share, bells, welcome, fds);
	if (rc == 0 && share->common)
		rc = tell_common(welcome, fds, share, common);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < SHARE_OBJECTS; i++) {
		enum memory_writer writer = share_writer(share, i);

		if (share_holds(share, i))
			tell_object(welcome, share, share_objects[i].kind,
				    first + writer,
				    offset_in(&share->part[writer],
					      share_get(&share->words, i)));
	}
	tell_object(welcome, share, SLUICE_OBJECT_BELLS, TOLD_BELLS,
		    offset_in(bells, bell));
	tell_object(welcome, share, SLUICE_OBJECT_FENCES, TOLD_BELLS,
		    offset_in(bells, fences));
	welcome->ring[share->side] = share->ring;
	return 0;
}
