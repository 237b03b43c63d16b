/* SPDX-License-Identifier: Apache-2.0 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/key_priv.h"

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

uint64_t key_of_bytes(const void *event, uint32_t bytes, void *ctx)
{
	const struct key_field *field = ctx;
	uint64_t key;

	if (field->bytes == 0)
		key = XXH3_64bits(event, bytes);
	else
		key = XXH3_64bits((const unsigned char *)event + field->offset,
				  field->bytes);
	/* SLUICE_KEY_NONE is an answer only a user's function may give. */
	return key == SLUICE_KEY_NONE ? 0 : key;
}
