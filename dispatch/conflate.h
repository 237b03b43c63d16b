/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file conflate.h
 * The latest event of each key, for an onlooker that is too slow for all
 * events: a modifier of one subscription, under any strategy.
 *
 * Events for which the onlooker has no credit wait in a row, one for each key.
 * A newer event takes the place of the waiting one of its key, without losing
 * that one's place in the row. So the onlooker is never further behind than one
 * event of each key, and nothing waits for it. When more keys wait than there
 * is room for, the oldest event is dropped.
 *
 * Keys are 64-bit numbers and compared as such. The memory is the caller's: a
 * row of places, oldest first, and an open hash table from key to place (linear
 * probing; entries that are removed are closed up from behind, Knuth, TAOCP 3,
 * 6.4, algorithm R).
 */
#ifndef SLUICE_DISPATCH_CONFLATE_H
#define SLUICE_DISPATCH_CONFLATE_H

#include "mix.h"

#include <string.h>

/** A free entry of the table. */
#define SLUICE_CONFLATE_NOBODY UINT32_MAX

struct sluice_conflate {
	unsigned char *events; /* places times event_bytes */
	uint64_t *key;         /* of each place */
	uint32_t *table;       /* 2 * places; a place, or NOBODY */
	uint32_t places;       /* a power of two */
	uint32_t event_bytes;
	uint32_t head;     /* the place of the oldest event */
	uint32_t count;    /* events that wait */
	uint64_t replaced; /* events, by a newer one of their key */
	uint64_t dropped;  /* events, for want of room */
};

static inline void sluice_conflate_init(struct sluice_conflate *s,
					unsigned char *events, uint64_t *key,
					uint32_t *table, uint32_t places,
					uint32_t event_bytes)
{
	s->events = events;
	s->key = key;
	s->table = table;
	s->places = places;
	s->event_bytes = event_bytes;
	s->head = 0;
	s->count = 0;
	s->replaced = 0;
	s->dropped = 0;
	for (uint32_t i = 0; i < 2 * places; i++)
		table[i] = SLUICE_CONFLATE_NOBODY;
}

static inline uint32_t sluice_conflate_home(const struct sluice_conflate *s,
					    uint64_t key)
{
	return sluice_key_spread(key) & (2 * s->places - 1);
}

/* The entry of @key in the table, or the free entry where it would be. */
static inline uint32_t sluice_conflate_find(const struct sluice_conflate *s,
					    uint64_t key)
{
	uint32_t at = sluice_conflate_home(s, key);

	while (s->table[at] != SLUICE_CONFLATE_NOBODY &&
	       s->key[s->table[at]] != key)
		at = (at + 1) & (2 * s->places - 1);
	return at;
}

/* Take entry @hole out, and close the gap: entries that had to go past it when
 * they were put in move up. */
static inline void sluice_conflate_remove(struct sluice_conflate *s,
					  uint32_t hole)
{
	uint32_t mask = 2 * s->places - 1;
	uint32_t at = hole;

	for (;;) {
		uint32_t home;

		at = (at + 1) & mask;
		if (s->table[at] == SLUICE_CONFLATE_NOBODY)
			break;
		home = sluice_conflate_home(s, s->key[s->table[at]]);
		/* This entry stays if its home lies behind the hole. */
		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		s->table[hole] = s->table[at];
		hole = at;
	}
	s->table[hole] = SLUICE_CONFLATE_NOBODY;
}

/** Returns how many waiting events, oldest first, lie in a row; *first: the
 * first one. */
static inline uint32_t sluice_conflate_peek(const struct sluice_conflate *s,
					    const unsigned char **first)
{
	uint32_t room = s->places - s->head;

	*first = s->events + (size_t)s->head * s->event_bytes;
	return s->count < room ? s->count : room;
}

/** The @n oldest events have been sent. */
static inline void sluice_conflate_pop(struct sluice_conflate *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		sluice_conflate_remove(
			s, sluice_conflate_find(s, s->key[s->head]));
		s->head = (s->head + 1) & (s->places - 1);
		s->count--;
	}
}

/** @event has come: it waits, in the place of the waiting event of its @key if
 * there is one. */
static inline void sluice_conflate_put(struct sluice_conflate *s, uint64_t key,
				       const unsigned char *event)
{
	uint32_t at = sluice_conflate_find(s, key);
	uint32_t place = s->table[at];

	if (place == SLUICE_CONFLATE_NOBODY) {
		if (s->count == s->places) {
			sluice_conflate_pop(s, 1);
			s->dropped++;
			at = sluice_conflate_find(s, key);
		}
		place = (s->head + s->count++) & (s->places - 1);
		s->table[at] = place;
		s->key[place] = key;
	} else {
		s->replaced++;
	}
	memcpy(s->events + (size_t)place * s->event_bytes, event,
	       s->event_bytes);
}

static inline const char *
sluice_conflate_verify(const struct sluice_conflate *s)
{
	uint32_t entries = 0;

	if (s->count > s->places)
		return "more events wait than there are places";
	for (uint32_t i = 0; i < 2 * s->places; i++)
		entries += s->table[i] != SLUICE_CONFLATE_NOBODY;
	if (entries != s->count)
		return "the table has other keys than the row";
	for (uint32_t i = 0; i < s->count; i++) {
		uint32_t place = (s->head + i) & (s->places - 1);

		if (s->table[sluice_conflate_find(s, s->key[place])] != place)
			return "an event that waits is not found by its key";
	}
	return NULL;
}

#endif
