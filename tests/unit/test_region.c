/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* F_GET_SEALS */
#include "ring/region.h"
#include "tests/support/fds.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define HEADER_BYTES sizeof(struct sluice_region_header)
#define OBJECT_BYTES sizeof(struct sluice_region_object)

/* ---- helpers ------------------------------------------------------------- */

static void open_region(struct sluice_region *region, uint64_t bytes,
			uint32_t object_max)
{
	assert_int_equal(
		sluice_region_open(region, "counter", bytes, object_max), 0);
}

static void open_shared(struct sluice_region *region, uint64_t bytes,
			uint32_t object_max)
{
	assert_int_equal(
		sluice_region_open_shared(region, "counter", bytes, object_max),
		0);
	assert_true(region->fd >= 0);
}

static uint64_t alloc(struct sluice_region *region, const char *name,
		      uint64_t bytes, uint64_t align)
{
	uint64_t offset = UINT64_MAX;

	assert_int_equal(sluice_region_alloc(region, SLUICE_OBJECT_SLOTS, name,
					     bytes, 8, align, &offset),
			 0);
	return offset;
}

static struct sluice_region_header header_of(const struct sluice_region *region)
{
	struct sluice_region_header header;

	memcpy(&header, region->base, sizeof(header));
	return header;
}

static struct sluice_region_object object_of(const struct sluice_region *region,
					     uint32_t index)
{
	struct sluice_region_object object;

	memcpy(&object, region->base + HEADER_BYTES + index * OBJECT_BYTES,
	       sizeof(object));
	return object;
}

static void assert_zero(const void *mem, size_t bytes)
{
	const unsigned char *byte = mem;

	for (size_t i = 0; i < bytes; i++)
		assert_int_equal(byte[i], 0);
}

/* ---- open ---------------------------------------------------------------- */

static void footprint_is_whole_pages(void **state)
{
	uint64_t page = sluice_region_page_bytes();
	uint32_t fits = (uint32_t)((page - HEADER_BYTES) / OBJECT_BYTES);

	(void)state;
	assert_int_equal(page, (uint64_t)sysconf(_SC_PAGESIZE));
	assert_int_equal(sluice_region_footprint(0), page);
	assert_int_equal(sluice_region_footprint(fits), page);
	assert_int_equal(sluice_region_footprint(fits + 1), 2 * page);
	/* A count that does not fit 32 bits once multiplied. */
	assert_true(sluice_region_footprint(UINT32_MAX) >
		    UINT32_MAX * (uint64_t)OBJECT_BYTES);
}

static void open_writes_the_header(void **state)
{
	struct sluice_region region;
	struct sluice_region_header h;

	(void)state;
	open_region(&region, 5 * sluice_region_page_bytes(), 3);
	h = header_of(&region);
	assert_int_equal(h.magic, 0); /* not before it is sealed */
	assert_int_equal(h.byte_order, 0x01020304);
	assert_int_equal(h.format_major, SLUICE_REGION_FORMAT_MAJOR);
	assert_int_equal(h.format_minor, SLUICE_REGION_FORMAT_MINOR);
	assert_int_equal(h.features_required, 0);
	assert_int_equal(h.features_optional, 0);
	assert_int_equal(h.header_bytes, sluice_region_footprint(3));
	assert_int_equal(h.page_bytes, sluice_region_page_bytes());
	assert_int_equal(h.line_bytes, SLUICE_LINE_BYTES);
	assert_int_equal(h.object_count, 0);
	assert_int_equal(h.region_bytes, 5 * sluice_region_page_bytes());
	assert_int_equal(h.region_bytes, region.bytes);
	assert_string_equal(h.owner, "counter");
	assert_zero(h.resv, sizeof(h.resv));
	assert_zero(region.base + HEADER_BYTES, region.bytes - HEADER_BYTES);
	sluice_region_close(&region);
}

static void open_rounds_up_and_holds_every_page(void **state)
{
	uint64_t page = sluice_region_page_bytes();
	const uint64_t rows[][2] = {
		{0, page},
		{1, page},
		{page, page},
		{page + 1, 2 * page},
		{64 * page, 64 * page},
	};

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
		struct sluice_region region;
		struct stat is;

		open_shared(&region, rows[i][0], 1);
		assert_int_equal(region.bytes, rows[i][1]);
		assert_int_equal((uintptr_t)region.base % page, 0);
		assert_int_equal(fstat(region.fd, &is), 0);
		assert_int_equal(is.st_size, rows[i][1]);
		assert_true((uint64_t)is.st_blocks * 512 >= rows[i][1]);
		assert_int_equal(fcntl(region.fd, F_GETFD), FD_CLOEXEC);
		sluice_region_close(&region);
	}
}

static void open_cuts_a_long_owner(void **state)
{
	char owner[200];
	struct sluice_region region;
	struct sluice_region_header h;

	(void)state;
	memset(owner, 'o', sizeof(owner) - 1);
	owner[sizeof(owner) - 1] = '\0';
	assert_int_equal(sluice_region_open(&region, owner, 0, 1), 0);
	h = header_of(&region);
	assert_int_equal(strnlen(h.owner, sizeof(h.owner)),
			 SLUICE_NAME_BYTES - 1);
	assert_int_equal(sluice_region_seal(&region), 0);
	assert_int_equal(sluice_region_verify(region.base, region.bytes), 0);
	sluice_region_close(&region);
}

/* Sizes that no kernel has; more than the memory there is cannot be tried
 * without taking all of it. */
static void open_refuses_an_impossible_size(void **state)
{
	static const uint64_t rows[] = {UINT64_C(1) << 63, UINT64_MAX - 8192,
					UINT64_MAX};
	int fds = fds_count();

	(void)state;
	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
		struct sluice_region region;

		assert_true(sluice_region_open(&region, "huge", rows[i], 1) <
			    0);
		assert_text_has(sluice_last_error(), "'huge'");
		assert_text_has(sluice_last_error(), "bytes refused by ");
		assert_null(region.base);
		assert_int_equal(region.fd, -1);
	}
	assert_int_equal(fds_count(), fds);
	assert_int_equal(fds_mappings("memfd:sluice:huge"), 0);
}

static void no_call_touches_errno(void **state)
{
	struct sluice_region region;

	(void)state;
	errno = 77;
	open_region(&region, 0, 1);
	assert_int_equal(errno, 77);
	(void)alloc(&region, "rest", 0, 8);
	assert_int_equal(sluice_region_seal(&region), 0);
	assert_int_equal(sluice_region_verify(region.base, region.bytes), 0);
	assert_int_equal(errno, 77);
	sluice_region_close(&region);
	assert_int_equal(errno, 77);
	assert_true(sluice_region_open(&region, "huge", UINT64_C(1) << 63, 1) <
		    0);
	assert_int_equal(errno, 77);
	open_shared(&region, 0, 1);
	sluice_region_close(&region);
	assert_int_equal(errno, 77);
}

/* ---- alloc --------------------------------------------------------------- */

static void alloc_enters_objects_in_the_directory(void **state)
{
	struct sluice_region region;
	struct sluice_region_object o;
	uint64_t first;
	uint64_t second;

	(void)state;
	open_region(&region, 4 * sluice_region_page_bytes(), 2);
	first = alloc(&region, "first", 100, 64);
	assert_int_equal(sluice_region_alloc(&region, SLUICE_OBJECT_COUNTERS,
					     "second", 72, 9, 128, &second),
			 0);
	assert_int_equal(first, sluice_region_footprint(2));
	assert_int_equal(second, first + 128);
	assert_int_equal(header_of(&region).object_count, 2);
	o = object_of(&region, 0);
	assert_string_equal(o.name, "first");
	assert_int_equal(o.kind, SLUICE_OBJECT_SLOTS);
	assert_int_equal(o.unit, 8);
	assert_int_equal(o.offset, first);
	assert_int_equal(o.bytes, 100);
	assert_zero(o.resv, sizeof(o.resv));
	o = object_of(&region, 1);
	assert_string_equal(o.name, "second");
	assert_int_equal(o.kind, SLUICE_OBJECT_COUNTERS);
	assert_int_equal(o.unit, 9);
	assert_int_equal(o.offset, second);
	assert_int_equal(o.bytes, 72);
	assert_ptr_equal(sluice_region_at(&region, second),
			 region.base + second);
	assert_zero(sluice_region_at(&region, first), 100);
	sluice_region_close(&region);
}

static void alloc_aligns(void **state)
{
	uint64_t page = sluice_region_page_bytes();
	const uint64_t aligns[] = {1, 2, 8, 64, 128, 1024, page};
	struct sluice_region region;
	uint64_t end;

	(void)state;
	open_region(&region, 8 * page, UNIT_COUNT(aligns));
	end = sluice_region_footprint(UNIT_COUNT(aligns));
	for (size_t i = 0; i < UNIT_COUNT(aligns); i++) {
		uint64_t offset = alloc(&region, "odd", 3, aligns[i]);

		assert_int_equal(offset % aligns[i], 0);
		/* Behind the one before, and no farther than it must. */
		assert_in_range(offset, end, end + aligns[i] - 1);
		end = offset + 3;
	}
	sluice_region_close(&region);
}

static void alloc_stops_at_the_directory_limit(void **state)
{
	struct sluice_region region;
	uint64_t offset = 7;
	uint64_t used;

	(void)state;
	open_region(&region, 4 * sluice_region_page_bytes(), 2);
	(void)alloc(&region, "a", 8, 8);
	(void)alloc(&region, "b", 8, 8);
	used = region.used;
	assert_int_equal(sluice_region_alloc(&region, SLUICE_OBJECT_SLOTS,
					     "third", 8, 8, 8, &offset),
			 -ENOSPC);
	assert_text_has(sluice_last_error(), "'counter'");
	assert_text_has(sluice_last_error(), "limit of 2 objects");
	assert_text_has(sluice_last_error(), "'third'");
	assert_int_equal(header_of(&region).object_count, 2);
	assert_int_equal(region.used, used);
	assert_int_equal(offset, 7);
	sluice_region_close(&region);
}

static void alloc_refuses_what_does_not_fit(void **state)
{
	uint64_t page = sluice_region_page_bytes();
	struct sluice_region region;
	uint64_t offset = 7;
	char limit[64];
	const struct {
		uint64_t bytes;
		uint64_t align;
	} rows[] = {
		{page, 1},
		{UINT64_MAX, 1},
		{UINT64_MAX - page, 8},
		{page - 64, 1024}, /* it would but for its alignment */
	};

	(void)state;
	open_region(&region, 2 * page, 4);
	(void)snprintf(limit, sizeof(limit), "limit of %llu",
		       (unsigned long long)(2 * page));
	(void)alloc(&region, "small", 8, 8);
	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
		assert_int_equal(sluice_region_alloc(&region,
						     SLUICE_OBJECT_SLOTS, "big",
						     rows[i].bytes, 8,
						     rows[i].align, &offset),
				 -ENOSPC);
		assert_text_has(sluice_last_error(), "'counter'");
		assert_text_has(sluice_last_error(), "'big'");
		assert_text_has(sluice_last_error(), limit);
		assert_int_equal(header_of(&region).object_count, 1);
	}
	assert_int_equal(offset, 7);
	/* A refusal leaves the room: the rest can be had to the last byte. */
	assert_int_equal(alloc(&region, "rest", page - 8, 8), page + 8);
	assert_int_equal(sluice_region_alloc(&region, SLUICE_OBJECT_SLOTS, "1",
					     1, 1, 1, &offset),
			 -ENOSPC);
	sluice_region_close(&region);
}

/* ---- seal ---------------------------------------------------------------- */

static void *map(const struct sluice_region *region, int protection)
{
	return mmap(NULL, region->bytes, protection, MAP_SHARED, region->fd, 0);
}

static void seal_makes_it_a_region(void **state)
{
	struct sluice_region region;

	(void)state;
	open_shared(&region, 0, 1);
	assert_int_equal(sluice_region_verify(region.base, region.bytes),
			 -EPROTO);
	assert_text_has(sluice_last_error(), "magic");
	assert_int_equal(sluice_region_seal(&region), 0);
	assert_int_equal(sluice_region_verify(region.base, region.bytes), 0);
	assert_memory_equal(region.base, "\1SLUICE1", 8);
	assert_int_equal(fcntl(region.fd, F_GET_SEALS) &
				 (F_SEAL_SHRINK | F_SEAL_GROW |
				  F_SEAL_FUTURE_WRITE | F_SEAL_SEAL),
			 F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE |
				 F_SEAL_SEAL);
	sluice_region_close(&region);
}

static void open_forbids_resizing(void **state)
{
	struct sluice_region region;
	off_t bytes;

	(void)state;
	open_shared(&region, 0, 1);
	bytes = (off_t)region.bytes;
	errno = 0;
	assert_int_equal(ftruncate(region.fd, bytes - 1), -1);
	assert_int_equal(errno, EPERM);
	errno = 0;
	assert_int_equal(ftruncate(region.fd, bytes * 2), -1);
	assert_int_equal(errno, EPERM);
	errno = 0;
	assert_int_equal(fcntl(region.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	assert_int_equal(errno, EPERM);
	sluice_region_close(&region);
}

static void open_keeps_the_one_writer(void **state)
{
	struct sluice_region region;
	unsigned char *second;
	uint64_t at;

	(void)state;
	open_shared(&region, 2 * sluice_region_page_bytes(), 1);
	at = alloc(&region, "slots", 8, 8);
	assert_int_equal(sluice_region_seal(&region), 0);

	errno = 0;
	second = map(&region, PROT_READ | PROT_WRITE);
	assert_true(second == MAP_FAILED);
	assert_int_equal(errno, EPERM);
	errno = 0;
	assert_int_equal(pwrite(region.fd, "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);

	/* A reader may map it, and sees what the one writer writes. */
	second = map(&region, PROT_READ);
	assert_true(second != MAP_FAILED);
	errno = 0;
	assert_int_equal(mprotect(second, region.bytes, PROT_WRITE), -1);
	assert_int_equal(errno, EACCES);
	memcpy(sluice_region_at(&region, at), "written", 8);
	assert_memory_equal(second + at, "written", 8);
	assert_int_equal(sluice_region_verify(second, region.bytes), 0);
	assert_int_equal(munmap(second, region.bytes), 0);
	sluice_region_close(&region);
}

/* ---- close --------------------------------------------------------------- */

static void close_gives_everything_back(void **state)
{
	int fds = fds_count();
	struct sluice_region region;

	(void)state;
	assert_true(fds > 0);
	open_region(&region, 3 * sluice_region_page_bytes(), 1);
	assert_int_equal(fds_count(), fds); /* the mapping holds it */
	assert_int_equal(region.fd, -1);
	assert_int_equal(fds_mappings("memfd:sluice:counter"), 1);
	assert_int_equal(sluice_region_seal(&region), 0);
	for (int i = 0; i < 2; i++) { /* a second time is harmless */
		sluice_region_close(&region);
		assert_int_equal(fds_count(), fds);
		assert_int_equal(fds_mappings("memfd:sluice:counter"), 0);
		assert_null(region.base);
		assert_int_equal(region.fd, -1);
	}
	open_shared(&region, 3 * sluice_region_page_bytes(), 1);
	assert_int_equal(fds_count(), fds + 1);
	sluice_region_close(&region);
	assert_int_equal(fds_count(), fds);
	/* One that was never opened: file descriptor 0 stays open. */
	memset(&region, 0, sizeof(region));
	sluice_region_close(&region);
	assert_int_equal(fds_count(), fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(footprint_is_whole_pages),
		cmocka_unit_test(open_writes_the_header),
		cmocka_unit_test(open_rounds_up_and_holds_every_page),
		cmocka_unit_test(open_cuts_a_long_owner),
		cmocka_unit_test(open_refuses_an_impossible_size),
		cmocka_unit_test(no_call_touches_errno),
		cmocka_unit_test(alloc_enters_objects_in_the_directory),
		cmocka_unit_test(alloc_aligns),
		cmocka_unit_test(alloc_stops_at_the_directory_limit),
		cmocka_unit_test(alloc_refuses_what_does_not_fit),
		cmocka_unit_test(seal_makes_it_a_region),
		cmocka_unit_test(open_forbids_resizing),
		cmocka_unit_test(open_keeps_the_one_writer),
		cmocka_unit_test(close_gives_everything_back),
	};

	return cmocka_run_group_tests_name("region", tests, NULL, NULL);
}
