/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of a column, each once, and the keys that stand for them. */
#include "bench/load/trace_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BITS_MIN 20u

struct intern_text {
	uint64_t hash;
	size_t at; /* in bytes */
};

/* FNV-1a, mixed once more: its low bits are weak. */
static uint64_t intern_hash(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	hash = (hash ^ (hash >> 32)) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ (hash >> 29);
}

static int intern_slots(struct intern *intern)
{
	uint32_t slots = intern->slots ? 2 * intern->slots : 1024;
	uint32_t *slot;

	if (2 * (uint64_t)intern->count < intern->slots)
		return 0;
	slot = calloc(slots, sizeof(*slot));
	if (slot == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < intern->count; i++) {
		uint64_t at = intern->text[i].hash;

		while (slot[at & (slots - 1)] != 0)
			at++;
		slot[at & (slots - 1)] = i + 1;
	}
	free(intern->slot);
	intern->slot = slot;
	intern->slots = slots;
	return 0;
}

/* Room for one more text of so many bytes. */
static int intern_room(struct intern *intern, size_t bytes)
{
	if (intern->count == intern->room) {
		uint32_t room = intern->room ? 2 * intern->room : 1024;
		void *more =
			realloc(intern->text, room * sizeof(*intern->text));

		if (more == NULL)
			return -ENOMEM;
		intern->text = more;
		intern->room = room;
	}
	if (intern->used + bytes > intern->bytes_room) {
		size_t room = 2 * intern->bytes_room + bytes + 4096;
		void *more = realloc(intern->bytes, room);

		if (more == NULL)
			return -ENOMEM;
		intern->bytes = more;
		intern->bytes_room = room;
	}
	return 0;
}

int intern_put(struct intern *intern, const char *text, uint32_t *number)
{
	uint64_t hash = intern_hash(text);
	size_t bytes = strlen(text) + 1;
	uint64_t at = hash;
	uint32_t found;

	if (intern_slots(intern) < 0 || intern_room(intern, bytes) < 0)
		return -ENOMEM;
	while ((found = intern->slot[at & (intern->slots - 1)]) != 0) {
		const struct intern_text *one = &intern->text[found - 1];

		*number = found - 1;
		if (one->hash == hash &&
		    strcmp(intern->bytes + one->at, text) == 0)
			return 0;
		at++;
	}
	*number = intern->count++;
	intern->text[*number] = (struct intern_text){hash, intern->used};
	intern->slot[at & (intern->slots - 1)] = *number + 1;
	memcpy(intern->bytes + intern->used, text, bytes);
	intern->used += bytes;
	return 0;
}

/* As it would be written, and not too large for a table of keys: 7 is a number,
 * 007 and 7.0 are texts. */
static int intern_number(const char *text, uint32_t *number)
{
	uint64_t n = 0;
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 10 || text[digits] != '\0' ||
	    (text[0] == '0' && digits > 1))
		return 0;
	for (size_t i = 0; i < digits; i++)
		n = 10 * n + (uint64_t)(text[i] - '0');
	*number = (uint32_t)n;
	return n < LOAD_KEYS_MAX;
}

/* A quarter of the keys are taken at most, so that a text keeps its hash, or
 * nearly. */
static int intern_spread(const struct intern *intern, uint32_t *keys)
{
	uint32_t bits = KEY_BITS_MIN;
	unsigned char *taken;

	while (1u << bits < LOAD_KEYS_MAX && intern->count > 1u << (bits - 2))
		bits++;
	taken = intern->count <= LOAD_KEYS_MAX ? calloc((size_t)1 << bits, 1)
					       : NULL;
	if (taken == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < intern->count; i++) {
		uint64_t at = intern->text[i].hash >> (64 - bits);

		while (taken[at & ((1u << bits) - 1)])
			at++;
		keys[i] = (uint32_t)at & ((1u << bits) - 1);
		taken[keys[i]] = 1;
	}
	free(taken);
	return 0;
}

uint32_t *intern_keys(const struct intern *intern)
{
	uint32_t *keys = malloc((intern->count + 1) * sizeof(*keys));
	uint32_t i = 0;

	if (keys == NULL)
		return NULL;
	while (i < intern->count &&
	       intern_number(intern->bytes + intern->text[i].at, &keys[i]))
		i++;
	if (i == intern->count || intern_spread(intern, keys) == 0)
		return keys;
	free(keys);
	return NULL;
}

void intern_close(struct intern *intern)
{
	free(intern->text);
	free(intern->slot);
	free(intern->bytes);
	*intern = (struct intern){0};
}
