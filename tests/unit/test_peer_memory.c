/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer may not write it cannot, through the descriptors it was handed: a
 * hostile one tries, as the engine's own user and as another. */
#define _GNU_SOURCE /* memfd_create, F_ADD_SEALS, fallocate */
#include "engine/peer/memory_priv.h"
#include "engine/peer/packet_priv.h"
#include "ring/base.h"
#include "tests/support/fds.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define BYTES       (4 * (size_t)sluice_region_page_bytes())
#define ANOTHER_UID 65534u
#define ENGINE      0 /* whose, in arrays of two */
#define PEER        1

static struct sluice_region regions[2];
static uint64_t at[2]; /* where the words of each lie */

static int setup(void **state)
{
	(void)state;
	for (int i = ENGINE; i <= PEER; i++) {
		if (memory_open(&regions[i], (enum memory_writer)i, "stage",
				BYTES, 1) < 0 ||
		    sluice_region_alloc(&regions[i], SLUICE_OBJECT_SLOTS, "it",
					64, 8, SLUICE_LINE_BYTES, &at[i]) < 0)
			return -1;
		memset(sluice_region_at(&regions[i], at[i]), 'e', 64);
		if (sluice_region_seal(&regions[i]) < 0)
			return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sluice_region_close(&regions[ENGINE]);
	sluice_region_close(&regions[PEER]);
	return 0;
}

static int descriptor(int whose)
{
	int fd = memory_descriptor(&regions[whose], (enum memory_writer)whose);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	return fd;
}

/* ---- the engine's side ------------------------------------------------------ */

static void each_has_the_seals_of_its_writer(void **state)
{
	const int size = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

	(void)state;
	assert_int_equal(fcntl(regions[ENGINE].fd, F_GET_SEALS) &
				 (size | F_SEAL_FUTURE_WRITE | F_SEAL_WRITE),
			 size | F_SEAL_FUTURE_WRITE);
	assert_int_equal(fcntl(regions[PEER].fd, F_GET_SEALS) &
				 (size | F_SEAL_FUTURE_WRITE | F_SEAL_WRITE),
			 size);
}

static void each_descriptor_has_the_rights_of_a_peer(void **state)
{
	const int rights[2] = {O_RDONLY, O_RDWR};

	(void)state;
	for (int i = ENGINE; i <= PEER; i++) {
		int fd = descriptor(i);

		assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, rights[i]);
		(void)close(fd);
	}
}

/* A child stores, and ends by the signal that this raises, or with 7. */
static int store_status(unsigned char *address)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		(void)signal(SIGSEGV, SIG_DFL);
		*(volatile unsigned char *)address = 'x';
		_exit(7);
	}
	(void)waitpid(child, &status, 0);
	return status;
}

static int store_faults(unsigned char *address)
{
	int status = store_status(address);

	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static void what_is_the_peers_the_engine_only_reads(void **state)
{
	(void)state;
	assert_true(store_faults(sluice_region_at(&regions[PEER], at[PEER])));
	assert_false(
		store_faults(sluice_region_at(&regions[ENGINE], at[ENGINE])));
	assert_memory_equal(regions[PEER].base + at[PEER], "eeee", 4);
	assert_int_equal(sluice_region_alloc(&regions[PEER],
					     SLUICE_OBJECT_SLOTS, "more", 8, 8,
					     8, &at[PEER]),
			 -EBUSY);
}

/* ---- a peer that works ------------------------------------------------------- */

static void each_side_sees_what_the_other_writes(void **state)
{
	struct memory_map maps[2];

	(void)state;
	for (int i = ENGINE; i <= PEER; i++) {
		struct wire_memory told =
			memory_told(&regions[i], (enum memory_writer)i);
		int fd = descriptor(i);

		assert_int_equal(told.bytes, BYTES);
		assert_int_equal(memory_map(&maps[i], fd, &told), 0);
		(void)close(fd);
		assert_memory_equal(maps[i].base + at[i], "eeee", 4);
	}
	regions[ENGINE].base[at[ENGINE]] = '1';
	assert_int_equal(maps[ENGINE].base[at[ENGINE]], '1');
	maps[PEER].base[at[PEER]] = '2';
	assert_int_equal(regions[PEER].base[at[PEER]], '2');
	for (int i = ENGINE; i <= PEER; i++) {
		memory_unmap(&maps[i]);
		memory_unmap(&maps[i]); /* once more is nothing */
	}
}

static void a_child_of_a_peer_has_none(void **state)
{
	struct wire_memory told = memory_told(&regions[PEER], MEMORY_OF_PEER);
	struct memory_map map;
	int fd = descriptor(PEER);

	(void)state;
	assert_int_equal(memory_map(&map, fd, &told), 0);
	(void)close(fd);
	assert_true(store_faults(map.base + at[PEER]));
	memory_unmap(&map);
}

/* What an engine that lies, or none of ours, could hand over. */
static void what_can_shrink_is_not_mapped(void **state)
{
	struct wire_memory told = memory_told(&regions[PEER], MEMORY_OF_PEER);
	struct memory_map map;
	int fd = memfd_create("loose", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)state;
	assert_int_equal(ftruncate(fd, (off_t)BYTES), 0);
	assert_int_equal(memory_map(&map, fd, &told), -EPROTO);
	assert_text_has(sluice_last_error(), "its size can change");
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW),
			 0);
	assert_int_equal(memory_map(&map, fd, &told), 0);
	memory_unmap(&map);
	told.bytes += sluice_region_page_bytes();
	assert_int_equal(memory_map(&map, fd, &told), -EPROTO);
	assert_text_has(sluice_last_error(), "were told");
	(void)close(fd);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(memory_map(&map, fd, &told), -EPROTO);
	assert_text_has(sluice_last_error(), "of no memfd");
	(void)close(fd);
	assert_null(map.base);
}

static void what_may_only_be_read_is_not_mapped_to_write(void **state)
{
	struct wire_memory told =
		memory_told(&regions[ENGINE], MEMORY_OF_ENGINE);
	struct memory_map map;
	int fd = descriptor(ENGINE);

	(void)state;
	told.rights = WIRE_READ | WIRE_WRITE;
	assert_int_equal(memory_map(&map, fd, &told), -EACCES);
	assert_text_has(sluice_last_error(), "refused by mmap");
	(void)close(fd);
}

/* ---- a peer that does not ------------------------------------------------------ */

/* Each returns 0 when it is refused; its name is what the test shows. */
struct attempt {
	const char *name;
	int (*done)(int fd);
};

static int refused(long rc)
{
	return rc < 0 && (errno == EPERM || errno == EACCES || errno == EBADF ||
			  errno == EINVAL);
}

static void *mapped(int fd, int protection)
{
	return mmap(NULL, BYTES, protection, MAP_SHARED, fd, 0);
}

static int maps(int fd, int protection)
{
	return !refused(mapped(fd, protection) == MAP_FAILED ? -1 : 0);
}

static int maps_writable(int fd)
{
	return maps(fd, PROT_READ | PROT_WRITE);
}

static int maps_write_only(int fd)
{
	return maps(fd, PROT_WRITE);
}

static int makes_it_writable(int fd)
{
	void *base = mapped(fd, PROT_READ);

	return base == MAP_FAILED ||
	       !refused(mprotect(base, BYTES, PROT_READ | PROT_WRITE));
}

static int stores(int fd)
{
	unsigned char *base = mapped(fd, PROT_READ);

	return base == MAP_FAILED || !store_faults(base);
}

static int removes_pages(int fd)
{
	void *base = mapped(fd, PROT_READ);

	return base == MAP_FAILED ||
	       !refused(madvise(base, BYTES, MADV_REMOVE));
}

static int writes(int fd)
{
	return !refused(write(fd, "x", 1)) || !refused(pwrite(fd, "x", 1, 0));
}

static int shrinks(int fd)
{
	return !refused(ftruncate(fd, 0)) ||
	       !refused(ftruncate(fd, (off_t)BYTES - 1));
}

static int grows(int fd)
{
	return !refused(ftruncate(fd, (off_t)BYTES + 1)) ||
	       !refused(fallocate(fd, 0, (off_t)BYTES, 4096)) ||
	       !refused(pwrite(fd, "x", 1, (off_t)BYTES));
}

static int punches(int fd)
{
	return !refused(fallocate(fd,
				  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				  (off_t)BYTES)) ||
	       fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, (off_t)BYTES) == 0;
}

static int adds_seals(int fd)
{
	return !refused(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE)) ||
	       !refused(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE)) ||
	       !refused(fcntl(fd, F_ADD_SEALS, 0));
}

/* It may be opened again; what comes of it is no better. */
static int again(int fd, int how)
{
	char path[48];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, how | O_CLOEXEC);
}

static int opens_again(int fd)
{
	int better = again(fd, O_RDWR);

	return better >= 0 &&
	       (maps_writable(better) || writes(better) || shrinks(better) ||
		grows(better) || punches(better) || adds_seals(better));
}

static int truncates_by_open(int fd)
{
	int better = again(fd, O_RDWR | O_TRUNC);
	struct stat is;

	return better >= 0 && (fstat(better, &is) < 0 || is.st_size == 0);
}

/* Of the engine's, and of what the peer itself may write. */
static const struct attempt attempts[] = {
	{"maps writable", maps_writable},
	{"maps write-only", maps_write_only},
	{"makes a mapping writable", makes_it_writable},
	{"stores", stores},
	{"removes pages", removes_pages},
	{"writes", writes},
	{"shrinks", shrinks},
	{"grows", grows},
	{"punches holes", punches},
	{"adds seals", adds_seals},
	{"opens again", opens_again},
	{"truncates by open", truncates_by_open},
};
static const struct attempt own_attempts[] = {
	{"shrinks its own", shrinks},
	{"grows its own", grows},
	{"seals its own", adds_seals},
	{"truncates its own by open", truncates_by_open},
};

/* All that it may: scribble, and punch holes. */
static int spoils_its_own(int fd)
{
	unsigned char *base = mapped(fd, PROT_READ | PROT_WRITE);

	if (base == MAP_FAILED)
		return -1;
	memset(base, 'x', BYTES);
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			 (off_t)BYTES / 2);
}

static int attack(const struct attempt *row, size_t count, int fd)
{
	for (size_t i = 0; i < count; i++) {
		int done = row[i].done(fd);

		if (done) {
			(void)fprintf(stderr, "# it %s\n", row[i].name);
			return 10 + (int)i;
		}
	}
	return 0;
}

/* In the child: 0, or the number of what was not refused. */
static int attack_all(int socket, uint32_t uid)
{
	int fds[PACKET_FDS_MAX];
	uint32_t count = 0;
	char text[8];
	int rc;

	if (uid != 0 && (setgid(uid) < 0 || setuid(uid) < 0))
		return 1;
	if (packet_receive_with(socket, text, sizeof(text), fds, &count) != 2 ||
	    count != 2)
		return 2;
	rc = attack(attempts, UNIT_COUNT(attempts), fds[ENGINE]);
	if (rc == 0)
		rc = attack(own_attempts, UNIT_COUNT(own_attempts), fds[PEER]);
	return rc == 0 && spoils_its_own(fds[PEER]) < 0 ? 3 : rc;
}

static void hostile(uint32_t uid)
{
	const int fds[2] = {descriptor(ENGINE), descriptor(PEER)};
	unsigned char *before = malloc(BYTES);
	int ends[2];
	pid_t child;
	int status;

	assert_non_null(before);
	memcpy(before, regions[ENGINE].base, BYTES);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(packet_send(ends[0], "hi", 2, fds, 2), 0);
	child = fork();
	if (child == 0) {
		/* It has nothing but what it was sent. */
		sluice_region_close(&regions[ENGINE]);
		sluice_region_close(&regions[PEER]);
		(void)close(fds[0]);
		(void)close(fds[1]);
		_exit(attack_all(ends[1], uid));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	for (int i = 0; i < 2; i++) {
		(void)close(ends[i]);
		(void)close(fds[i]);
	}
	/* The engine's is as it was, and can be written; the peer's is there. */
	assert_memory_equal(regions[ENGINE].base, before, BYTES);
	regions[ENGINE].base[at[ENGINE]] = '!';
	assert_int_equal(regions[PEER].base[0], 0);
	assert_int_equal(regions[PEER].base[BYTES - 1], 'x');
	free(before);
}

static void a_hostile_peer_of_the_same_user(void **state)
{
	(void)state;
	hostile(0);
}

static void a_hostile_peer_of_another_user(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	hostile(ANOTHER_UID);
}

/* The test of this test: without its seal, the same attempts succeed. */
static void a_read_only_descriptor_alone_is_no_boundary(void **state)
{
	int fd = memfd_create("loose", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int readonly;

	(void)state;
	assert_int_equal(ftruncate(fd, (off_t)BYTES), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW),
			 0);
	readonly = again(fd, O_RDONLY);
	assert_true(readonly >= 0);
	assert_int_equal(maps_writable(readonly), 0);
	assert_true(opens_again(readonly));
	(void)close(readonly);
	(void)close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(each_has_the_seals_of_its_writer),
		TEST(each_descriptor_has_the_rights_of_a_peer),
		TEST(what_is_the_peers_the_engine_only_reads),
		TEST(each_side_sees_what_the_other_writes),
		TEST(a_child_of_a_peer_has_none),
		TEST(what_can_shrink_is_not_mapped),
		TEST(what_may_only_be_read_is_not_mapped_to_write),
		TEST(a_hostile_peer_of_the_same_user),
		TEST(a_hostile_peer_of_another_user),
		TEST(a_read_only_descriptor_alone_is_no_boundary),
	};

	return cmocka_run_group_tests_name("peer_memory", tests, NULL, NULL);
}
