/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/mpmc.h"
#include "ring/base_priv.h"

#include <errno.h>

/* "slu.mpmc", as the bytes lie in memory. */
#define MPMC_MAGIC UINT64_C(0x636d706d2e756c73)

/* With one slot, "holds an event" and "free for the next" would be the same
 * number. */
#define MPMC_SLOTS_MIN 2u

static const char *mpmc_capacity_wrong(uint32_t capacity)
{
	if (capacity < MPMC_SLOTS_MIN || capacity > SLUICE_MPMC_SLOTS_MAX)
		return "outside";
	if ((capacity & (capacity - 1)) != 0)
		return "not a power of two";
	return NULL;
}

static int mpmc_slot_bytes_wrong(uint32_t slot_bytes)
{
	return slot_bytes == 0 || slot_bytes > SLUICE_EVENT_BYTES_MAX;
}

/* Where the slots begin. */
static uint64_t mpmc_slots_offset(uint32_t capacity)
{
	return SLUICE_ALIGN_UP(sizeof(struct sluice_mpmc_words) +
				       capacity * sizeof(sluice_a64),
			       (uint64_t)SLUICE_LINE_BYTES);
}

uint64_t sluice_mpmc_footprint(uint32_t capacity, uint32_t slot_bytes)
{
	if (mpmc_capacity_wrong(capacity) || mpmc_slot_bytes_wrong(slot_bytes))
		return 0;
	/* Whole lines: what comes behind it is not in the last slot's way. */
	return mpmc_slots_offset(capacity) +
	       SLUICE_ALIGN_UP((uint64_t)capacity * slot_bytes,
			       (uint64_t)SLUICE_LINE_BYTES);
}

static int mpmc_check_alignment(const void *mem)
{
	if (mem != NULL && (uintptr_t)mem % SLUICE_LINE_BYTES == 0)
		return 0;
	return sluice_fail(-EINVAL,
			   "mpmc ring: mem %p is not aligned to %u bytes", mem,
			   (unsigned)SLUICE_LINE_BYTES);
}

static int mpmc_check_geometry(int rc, uint32_t capacity, uint32_t slot_bytes)
{
	const char *wrong = mpmc_capacity_wrong(capacity);

	if (wrong != NULL)
		return sluice_fail(rc,
				   "mpmc ring: capacity %u is %s; it is a "
				   "power of two in [%u, %u]",
				   capacity, wrong, MPMC_SLOTS_MIN,
				   SLUICE_MPMC_SLOTS_MAX);
	if (mpmc_slot_bytes_wrong(slot_bytes))
		return sluice_fail(
			rc, "mpmc ring: slot_bytes %u is outside [1, %u]",
			slot_bytes, SLUICE_EVENT_BYTES_MAX);
	return 0;
}

/* The parts of a ring that lies in @mem. */
static void mpmc_point(struct sluice_mpmc *ring, void *mem, uint32_t capacity,
		       uint32_t slot_bytes)
{
	ring->words = mem;
	ring->sequences = (void *)(ring->words + 1);
	ring->slots = (sluice_slot *)mem + mpmc_slots_offset(capacity);
	ring->capacity = capacity;
	ring->slot_bytes = slot_bytes;
}

int sluice_mpmc_format(void *mem, uint64_t bytes, uint32_t capacity,
		       uint32_t slot_bytes)
{
	int rc = mpmc_check_geometry(-EINVAL, capacity, slot_bytes);
	uint64_t needed = sluice_mpmc_footprint(capacity, slot_bytes);
	struct sluice_mpmc ring;

	if (rc == 0)
		rc = mpmc_check_alignment(mem);
	if (rc < 0)
		return rc;
	if (bytes < needed)
		return sluice_fail(-EINVAL,
				   "mpmc ring: bytes %llu are too few for %u "
				   "slots of %u bytes, which take %llu",
				   (unsigned long long)bytes, capacity,
				   slot_bytes, (unsigned long long)needed);
	mpmc_point(&ring, mem, capacity, slot_bytes);
	ring.words->capacity = capacity;
	ring.words->slot_bytes = slot_bytes;
	sluice_mpmc_clear(&ring, 0);
	/* Last: who sees it sees all of the above. */
	sluice_store_release(&ring.words->magic, MPMC_MAGIC);
	return 0;
}

int sluice_mpmc_attach(struct sluice_mpmc *ring, void *mem, uint64_t bytes)
{
	const struct sluice_mpmc_words *words = mem;
	int rc = mpmc_check_alignment(mem);
	uint64_t needed;

	if (rc == 0 && ring == NULL)
		rc = sluice_fail(-EINVAL, "mpmc ring: ring is NULL");
	if (rc < 0)
		return rc;
	if (bytes < sizeof(*words) ||
	    sluice_load_acquire(&words->magic) != MPMC_MAGIC)
		return sluice_fail(-EPROTO,
				   "mpmc ring: %llu bytes at %p hold no ring",
				   (unsigned long long)bytes, mem);
	rc = mpmc_check_geometry(-EPROTO, words->capacity, words->slot_bytes);
	if (rc < 0)
		return rc;
	needed = sluice_mpmc_footprint(words->capacity, words->slot_bytes);
	if (bytes < needed)
		return sluice_fail(-EPROTO,
				   "mpmc ring: its %u slots of %u bytes take "
				   "%llu bytes, not %llu",
				   words->capacity, words->slot_bytes,
				   (unsigned long long)needed,
				   (unsigned long long)bytes);
	mpmc_point(ring, mem, words->capacity, words->slot_bytes);
	return 0;
}
