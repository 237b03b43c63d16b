/* SPDX-License-Identifier: Apache-2.0 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/link/key_priv.h"

#include <errno.h>
#include <stdio.h>

int key_field_check(const struct key_field *field, sluice_key_fn key_of,
		    uint32_t event_bytes, char *why, size_t why_bytes)
{
	why[0] = '\0';
	if (key_of && (field->offset || field->bytes))
		(void)snprintf(why, why_bytes,
			       "key_of and key_bytes both say what the key is; "
			       "set one");
	else if (field->offset > event_bytes ||
		 field->bytes > event_bytes - field->offset)
		(void)snprintf(why, why_bytes,
			       "key field at %u of %u bytes does not fit "
			       "out_bytes %u",
			       field->offset, field->bytes, event_bytes);
	else if (field->offset && !field->bytes)
		(void)snprintf(why, why_bytes, "key_offset without key_bytes");
	return why[0] == '\0' ? 0 : -EINVAL;
}

/* SLUICE_KEY_NONE is an answer only a user's function may give. */
static uint64_t key_some(uint64_t hash)
{
	return hash == SLUICE_KEY_NONE ? 0 : hash;
}

/* For a key of a constant length XXH3 is a few multiplications in a row; for
 * another it finds out the length each time. */
#define KEY_OF(suffix, length)                                                 \
	static void keys_of_##suffix(const void *events, uint32_t bytes,       \
				     uint32_t count, void *ctx,                \
				     uint64_t *keys)                           \
	{                                                                      \
		const struct key_field *field = ctx;                           \
		const unsigned char *at =                                      \
			(const unsigned char *)events + field->offset;         \
                                                                               \
		for (uint32_t i = 0; i < count; i++, at += bytes)              \
			keys[i] = key_some(XXH3_64bits(at, (length)));         \
	}                                                                      \
	static uint64_t key_of_##suffix(const void *event, uint32_t bytes,     \
					void *ctx)                             \
	{                                                                      \
		uint64_t key;                                                  \
                                                                               \
		keys_of_##suffix(event, bytes, 1, ctx, &key);                  \
		return key;                                                    \
	}

KEY_OF(4, 4)
KEY_OF(8, 8)
KEY_OF(16, 16)
KEY_OF(32, 32)
KEY_OF(64, 64)
KEY_OF(any, field->bytes ? field->bytes : bytes)

#define KEY_FNS(suffix) ((struct key_fns){key_of_##suffix, keys_of_##suffix})

struct key_fns key_fns_of(const struct key_field *field, uint32_t event_bytes)
{
	switch (field->bytes ? field->bytes : event_bytes) {
	case 4:
		return KEY_FNS(4);
	case 8:
		return KEY_FNS(8);
	case 16:
		return KEY_FNS(16);
	case 32:
		return KEY_FNS(32);
	case 64:
		return KEY_FNS(64);
	default:
		return KEY_FNS(any);
	}
}
