/* SPDX-License-Identifier: Apache-2.0 */
/* What a stranger's memory must look like before anybody reads it. */
#include "ring/region.h"
#include "tests/support/rng.h"
#include "tests/support/unit.h"

#include <errno.h>

#define HEADER_BYTES     sizeof(struct sluice_region_header)
#define OBJECT_BYTES     sizeof(struct sluice_region_object)
#define AT_HEADER(field) offsetof(struct sluice_region_header, field)
#define AT_OBJECT(i, field)                                                    \
	(HEADER_BYTES + (i)*OBJECT_BYTES +                                     \
	 offsetof(struct sluice_region_object, field))

/* A good region of two objects, in heap memory of just its size, so that a
 * sanitizer sees one byte too many. */
struct copy {
	unsigned char *mem;
	unsigned char *before; /* what it was before the check */
	uint64_t bytes;
};

static int copy_setup(void **state)
{
	struct sluice_region region;
	struct copy *copy = calloc(1, sizeof(*copy));
	uint64_t offset;

	if (copy == NULL || sluice_region_open(&region, "counter", 0, 2) < 0)
		return -1;
	if (sluice_region_alloc(&region, SLUICE_OBJECT_TX_WORDS, "tx", 0, 8, 8,
				&offset) < 0 ||
	    sluice_region_alloc(&region, SLUICE_OBJECT_SLOTS, "slots", 0, 8, 8,
				&offset) < 0 ||
	    sluice_region_seal(&region) < 0)
		return -1;
	copy->bytes = region.bytes;
	copy->mem = malloc(copy->bytes);
	copy->before = malloc(copy->bytes);
	if (copy->mem == NULL || copy->before == NULL)
		return -1;
	memcpy(copy->mem, region.base, copy->bytes);
	sluice_region_close(&region);
	*state = copy;
	return 0;
}

static int copy_teardown(void **state)
{
	struct copy *copy = *state;

	free(copy->mem);
	free(copy->before);
	free(copy);
	return 0;
}

/* Verify, and see that it only looked. */
static int verify(struct copy *copy)
{
	int rc;

	memcpy(copy->before, copy->mem, copy->bytes);
	rc = sluice_region_verify(copy->mem, copy->bytes);
	assert_memory_equal(copy->before, copy->mem, copy->bytes);
	return rc;
}

/* The numbers of the tables are those of a page of 4096 bytes. */
static void need_page_of_4096(const struct copy *copy)
{
	if (copy->bytes != 4096)
		skip();
}

/* ---- one field wrong at a time ------------------------------------------- */

static const struct flaw {
	const char *says;
	size_t at;
	size_t bytes;
	uint64_t value; /* little-endian, its first bytes are stored */
} flaws[] = {
	{"no sluice magic", AT_HEADER(magic), 8, 0},
	{"no sluice magic", AT_HEADER(magic), 8, SLUICE_REGION_MAGIC + 1},
	{"other byte order", AT_HEADER(byte_order), 4, 0x04030201},
	{"format 2, not 1", AT_HEADER(format_major), 2, 2},
	{"format 0, not 1", AT_HEADER(format_major), 2, 0},
	{"unknown features 0x4", AT_HEADER(features_required), 4, 4},
	{"says 0 bytes, has 4096", AT_HEADER(region_bytes), 8, 0},
	{"says 8192 bytes, has 4096", AT_HEADER(region_bytes), 8, 8192},
	{"header of 0 bytes", AT_HEADER(header_bytes), 4, 0},
	{"header of 183 bytes", AT_HEADER(header_bytes), 4, 183},
	{"header of 4097 bytes", AT_HEADER(header_bytes), 4, 4097},
	{"31 objects do not fit", AT_HEADER(object_count), 4, 31},
	{"4294967295 objects do not", AT_HEADER(object_count), 4, UINT32_MAX},
	{"2 objects do not fit", AT_HEADER(header_bytes), 4, 184 + 128},
	{"object 0 lies outside", AT_OBJECT(0, offset), 8, 0},
	{"object 0 lies outside", AT_OBJECT(0, offset), 8, 4095},
	{"object 0 lies outside", AT_OBJECT(0, offset), 8, 4097},
	{"object 1 lies outside", AT_OBJECT(1, offset), 8, UINT64_MAX},
	{"object 1 lies outside", AT_OBJECT(1, bytes), 8, 1},
	{"object 1 lies outside", AT_OBJECT(1, bytes), 8, UINT64_MAX - 4095},
};

static void refuses_each_flaw(void **state)
{
	struct copy *copy = *state;
	unsigned char good[8];

	need_page_of_4096(copy);
	for (size_t i = 0; i < UNIT_COUNT(flaws); i++) {
		const struct flaw *flaw = &flaws[i];

		memcpy(good, copy->mem + flaw->at, flaw->bytes);
		memcpy(copy->mem + flaw->at, &flaw->value, flaw->bytes);
		assert_int_equal(verify(copy), -EPROTO);
		assert_text_has(sluice_last_error(), "region: ");
		assert_text_has(sluice_last_error(), flaw->says);
		memcpy(copy->mem + flaw->at, good, flaw->bytes);
		assert_int_equal(verify(copy), 0);
	}
}

static void refuses_names_without_an_end(void **state)
{
	static const struct {
		const char *says;
		size_t at;
	} names[] = {
		{"owner's name", AT_HEADER(owner)},
		{"name of object 0", AT_OBJECT(0, name)},
		{"name of object 1", AT_OBJECT(1, name)},
	};
	struct copy *copy = *state;

	for (size_t i = 0; i < UNIT_COUNT(names); i++) {
		unsigned char *name = copy->mem + names[i].at;
		unsigned char good[SLUICE_NAME_BYTES];

		memcpy(good, name, sizeof(good));
		memset(name, 'n', sizeof(good));
		assert_int_equal(verify(copy), -EPROTO);
		assert_text_has(sluice_last_error(), names[i].says);
		name[sizeof(good) - 1] = '\0'; /* the longest there may be */
		assert_int_equal(verify(copy), 0);
		memcpy(name, good, sizeof(good));
	}
}

/* ---- sizes --------------------------------------------------------------- */

static void refuses_less_than_a_header(void **state)
{
	struct copy *copy = *state;

	for (size_t bytes = 0; bytes < HEADER_BYTES; bytes++) {
		unsigned char *mem = malloc(bytes + 1);
		char says[64];

		assert_non_null(mem);
		memcpy(mem + 1, copy->mem, bytes);
		(void)snprintf(says, sizeof(says), "%llu bytes are no header",
			       (unsigned long long)bytes);
		/* At an odd address as well: it comes from a stranger. */
		assert_int_equal(sluice_region_verify(mem + 1, bytes), -EPROTO);
		assert_text_has(sluice_last_error(), says);
		free(mem);
	}
}

static void refuses_a_region_cut_short(void **state)
{
	struct copy *copy = *state;

	need_page_of_4096(copy);
	for (uint64_t bytes = HEADER_BYTES; bytes < copy->bytes; bytes += 97) {
		unsigned char *mem = malloc(bytes);

		assert_non_null(mem);
		memcpy(mem, copy->mem, bytes);
		assert_int_equal(sluice_region_verify(mem, bytes), -EPROTO);
		assert_text_has(sluice_last_error(), "says 4096 bytes");
		free(mem);
	}
}

/* The smallest there can be: a header that is the whole of it. */
static void accepts_a_header_alone(void **state)
{
	struct copy *copy = *state;
	struct sluice_region_header header;

	memcpy(&header, copy->mem, sizeof(header));
	header.object_count = 0;
	header.header_bytes = HEADER_BYTES;
	header.region_bytes = HEADER_BYTES;
	assert_int_equal(sluice_region_verify(&header, HEADER_BYTES), 0);
	header.object_count = 1;
	assert_int_equal(sluice_region_verify(&header, HEADER_BYTES), -EPROTO);
}

/* ---- what must not matter ------------------------------------------------ */

static void accepts_what_a_newer_one_may_add(void **state)
{
	struct copy *copy = *state;
	const uint32_t news = 7;

	memcpy(copy->mem + AT_HEADER(format_minor), &news, 2);
	assert_int_equal(verify(copy), 0);
	memcpy(copy->mem + AT_HEADER(features_optional), &news, 4);
	assert_int_equal(verify(copy), 0);
	memcpy(copy->mem + AT_OBJECT(0, kind), &news, 4);
	assert_int_equal(verify(copy), 0);
}

static void accepts_any_address(void **state)
{
	struct copy *copy = *state;
	unsigned char *mem = malloc(copy->bytes + 1);

	assert_non_null(mem);
	memcpy(mem + 1, copy->mem, copy->bytes);
	assert_int_equal(sluice_region_verify(mem + 1, copy->bytes), 0);
	free(mem);
}

/* ---- any bytes at all ---------------------------------------------------- */

/* Whatever it accepts is safe to walk as a tool would. */
static void check_walk(const struct copy *copy)
{
	struct sluice_region_header header;

	memcpy(&header, copy->mem, sizeof(header));
	for (uint32_t i = 0; i < header.object_count; i++) {
		struct sluice_region_object object;

		assert_in_range(AT_OBJECT(i, resv), 0,
				copy->bytes - sizeof(object.resv));
		memcpy(&object, copy->mem + AT_OBJECT(i, name), sizeof(object));
		assert_in_range(object.offset, header.header_bytes,
				copy->bytes);
		assert_in_range(object.bytes, 0, copy->bytes - object.offset);
		assert_in_range(strnlen(object.name, sizeof(object.name)), 0,
				sizeof(object.name) - 1);
	}
}

static void accepts_only_what_is_safe_to_walk(void **state)
{
	struct rng rng = rng_start("region bytes");
	struct copy *copy = *state;
	const size_t reach = AT_OBJECT(3, name);
	unsigned char good[AT_OBJECT(3, name)];
	int accepted = 0;
	int refused = 0;

	memcpy(good, copy->mem, reach);
	for (int round = 0; round < 20000; round++) {
		uint32_t changes = rng_between(&rng, 1, 3);

		for (uint32_t i = 0; i < changes; i++) {
			/* Behind the magic, so as to get past it. */
			size_t at = 8 + (size_t)rng_below(&rng, reach - 8);

			copy->mem[at] =
				(unsigned char)rng_word(&rng, copy->mem[at], 2);
		}
		switch (verify(copy)) {
		case 0:
			accepted++;
			check_walk(copy);
			break;
		case -EPROTO:
			refused++;
			break;
		default:
			fail_msg("neither accepted nor refused");
		}
		memcpy(copy->mem, good, reach);
	}
	assert_true(accepted > 0);
	assert_true(refused > 0);
}

int main(void)
{
#define COPY_TEST(f)                                                           \
	cmocka_unit_test_setup_teardown(f, copy_setup, copy_teardown)
	const struct CMUnitTest tests[] = {
		COPY_TEST(refuses_each_flaw),
		COPY_TEST(refuses_names_without_an_end),
		COPY_TEST(refuses_less_than_a_header),
		COPY_TEST(refuses_a_region_cut_short),
		COPY_TEST(accepts_a_header_alone),
		COPY_TEST(accepts_what_a_newer_one_may_add),
		COPY_TEST(accepts_any_address),
		COPY_TEST(accepts_only_what_is_safe_to_walk),
	};

	return cmocka_run_group_tests_name("region_verify", tests, NULL, NULL);
}
