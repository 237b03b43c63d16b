/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of an event is XXH3 of its field, or of the whole event, whatever the
 * length: pipelines of several processes and versions deal by it.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "dispatch/keys.h"
#include "engine/link/key_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define EVENT_MAX 300u
#define OFFSET    3u
#define ROW       9u
#define ROW_BYTES 24u

static unsigned char event[EVENT_MAX + OFFSET];

static void fill(void)
{
	for (uint32_t i = 0; i < sizeof(event); i++)
		event[i] = (unsigned char)(i * 37 + 11);
}

static void of_a_field(void **state)
{
	(void)state;
	fill();
	for (uint32_t n = 1; n <= EVENT_MAX; n++) {
		struct key_field field = {OFFSET, n};
		sluice_key_fn key_of = key_fns_of(&field, sizeof(event)).one;

		assert_int_equal(key_of(event, sizeof(event), &field),
				 XXH3_64bits(event + OFFSET, n));
	}
}

static void of_a_whole_event(void **state)
{
	(void)state;
	fill();
	for (uint32_t n = 1; n <= EVENT_MAX; n++) {
		struct key_field field = {0, 0};
		sluice_key_fn key_of = key_fns_of(&field, n).one;

		assert_int_equal(key_of(event, n, &field),
				 XXH3_64bits(event, n));
	}
}

/* Of many events at once they are what they are of each. */
static void of_many_events(void **state)
{
	static const uint32_t lengths[] = {0, 1, 4, 5, 8, 16, 20};
	uint64_t keys[ROW];

	(void)state;
	fill();
	for (uint32_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct key_field field = {lengths[i] ? OFFSET : 0, lengths[i]};
		struct key_fns fns = key_fns_of(&field, ROW_BYTES);

		fns.many(event, ROW_BYTES, ROW, &field, keys);
		for (uint32_t k = 0; k < ROW; k++)
			assert_int_equal(keys[k], fns.one(event + k * ROW_BYTES,
							  ROW_BYTES, &field));
	}
}

/* Events of one byte. */
static void keys_of_bytes(const void *events, uint32_t bytes, uint32_t count,
			  void *ctx, uint64_t *keys)
{
	(void)bytes;
	*(uint32_t *)ctx += count;
	for (uint32_t i = 0; i < count; i++)
		keys[i] = ((const unsigned char *)events)[i];
}

static uint64_t key_of_byte(const void *at, uint32_t bytes, void *ctx)
{
	(void)bytes;
	++*(uint32_t *)ctx;
	return *(const unsigned char *)at;
}

/* A strategy takes them one after the other, in rows of SLUICE_KEYS_ROW, or by a
 * user's function, which is not called before its turn. */
static void one_after_the_other(void **state)
{
	const uint32_t n = 2 * SLUICE_KEYS_ROW + 5;

	(void)state;
	fill();
	for (int many = 0; many <= 1; many++) {
		const struct sluice_events events = {event, n, 1};
		uint32_t asked = 0;
		const struct sluice_dispatch_opts opts = {
			.key_of = key_of_byte,
			.keys_of = many ? keys_of_bytes : NULL,
			.key_ctx = &asked,
		};
		struct sluice_keys keys = sluice_keys_from(&opts);
		struct sluice_key_row row;

		sluice_key_row_begin(&row, &events);
		for (uint32_t i = 0; i < n; i++) {
			uint32_t ahead =
				(i / SLUICE_KEYS_ROW + 1) * SLUICE_KEYS_ROW;

			assert_int_equal(sluice_key_row_next(&row, &keys),
					 event[i]);
			assert_int_equal(asked, !many       ? i + 1
						: ahead < n ? ahead
							    : n);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_a_field),
		cmocka_unit_test(of_a_whole_event),
		cmocka_unit_test(of_many_events),
		cmocka_unit_test(one_after_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
