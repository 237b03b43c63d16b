/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* SOCK_CLOEXEC */
#include "engine/peer/packet_priv.h"
#include "ring/base.h"
#include "tests/support/fds.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int ends[2];
static int before;

static int setup(void **state)
{
	(void)state;
	before = fds_count();
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int teardown(void **state)
{
	(void)state;
	(void)close(ends[0]);
	(void)close(ends[1]);
	return fds_count() != before;
}

/* More than packet_send() would. */
static void send_fds(uint32_t count)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(64 * sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec part = {"hello", 5};
	struct msghdr packet = {.msg_iov = &part,
				.msg_iovlen = 1,
				.msg_control = control.bytes,
				.msg_controllen =
					CMSG_SPACE(count * sizeof(int))};
	int fds[64];

	for (uint32_t i = 0; i < count; i++)
		fds[i] = ends[0];
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(&control.head), fds, count * sizeof(int));
	assert_int_equal(sendmsg(ends[0], &packet, 0), 5);
}

static void a_message_comes_whole(void **state)
{
	char text[16];

	(void)state;
	assert_int_equal(packet_receive(ends[1], text, sizeof(text)), -EAGAIN);
	assert_int_equal(packet_send(ends[0], "hello", 5, NULL, 0), 0);
	assert_int_equal(packet_send(ends[0], "you", 3, NULL, 0), 0);
	assert_int_equal(packet_receive(ends[1], text, sizeof(text)), 5);
	assert_memory_equal(text, "hello", 5);
	assert_int_equal(packet_receive(ends[1], text, sizeof(text)), 3);
}

static void a_longer_one_is_refused(void **state)
{
	char text[4];
	int fds[PACKET_FDS_MAX];
	uint32_t count;

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(packet_send(ends[0], "hello", 5, NULL, 0), 0);
	assert_int_equal(packet_receive(ends[1], text, sizeof(text)), -EPROTO);
	assert_text_has(sluice_last_error(), "more than 4 bytes");
	assert_int_equal(
		packet_receive_with(ends[1], text, sizeof(text), fds, &count),
		-EPROTO);
}

static void an_end_is_an_end(void **state)
{
	char text[4];
	int fds[PACKET_FDS_MAX];
	uint32_t count;

	(void)state;
	(void)close(ends[0]);
	assert_int_equal(packet_receive(ends[1], text, sizeof(text)), 0);
	assert_int_equal(
		packet_receive_with(ends[1], text, sizeof(text), fds, &count),
		0);
	/* And raises no signal. */
	assert_int_equal(packet_send(ends[1], "hello", 5, NULL, 0), -EPIPE);
	ends[0] = dup(ends[1]);
}

static void nobody_waits_for_who_does_not_read(void **state)
{
	char text[512] = {0};
	int rc = 0;

	(void)state;
	for (int i = 0; rc == 0 && i < 100000; i++)
		rc = packet_send(ends[0], text, sizeof(text), NULL, 0);
	assert_int_equal(rc, -EAGAIN);
}

/* The kernel drops them: they are not here for a moment, and need no room. */
static void descriptors_are_not_taken(void **state)
{
	char text[16];
	int held;

	(void)state;
	held = fds_count();
	send_fds(60);
	assert_int_equal(packet_receive(ends[1], text, sizeof(text)), -EPROTO);
	assert_text_has(sluice_last_error(), "with descriptors");
	assert_int_equal(fds_count(), held);
}

static void descriptors_come_and_are_closed_by_exec(void **state)
{
	char text[16];
	int fds[PACKET_FDS_MAX];
	const int sent[PACKET_FDS_MAX] = {ends[0], ends[1], ends[0], ends[1],
					  ends[0], ends[1], ends[0], ends[1]};
	uint32_t count;

	(void)state;
	for (uint32_t n = 0; n <= PACKET_FDS_MAX; n++) {
		assert_int_equal(packet_send(ends[0], "hello", 5, sent, n), 0);
		assert_int_equal(packet_receive_with(ends[1], text,
						     sizeof(text), fds, &count),
				 5);
		assert_int_equal(count, n);
		for (uint32_t i = 0; i < n; i++) {
			assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
			(void)close(fds[i]);
		}
	}
}

static void more_than_fit_are_all_closed(void **state)
{
	char text[16];
	int fds[PACKET_FDS_MAX];
	uint32_t count;
	int held;

	(void)state;
	held = fds_count();
	for (uint32_t n = PACKET_FDS_MAX + 1; n < PACKET_FDS_MAX + 5; n++) {
		send_fds(n);
		assert_int_equal(packet_receive_with(ends[1], text,
						     sizeof(text), fds, &count),
				 -EPROTO);
		assert_text_has(sluice_last_error(), "more than 8 descriptors");
		assert_int_equal(count, 0);
		assert_int_equal(fds_count(), held);
	}
}

static void without_room_for_them_none_is_left(void **state)
{
	struct rlimit limit;
	struct rlimit low;
	char text[16];
	int fds[PACKET_FDS_MAX];
	uint32_t count;
	int held;
	int rc;

	(void)state;
	held = fds_count();
	send_fds(6);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	rc = dup(ends[0]);
	(void)close(rc);
	low.rlim_cur = (rlim_t)rc + 3; /* room for three */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	rc = packet_receive_with(ends[1], text, sizeof(text), fds, &count);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(rc, -EMFILE);
	assert_text_has(sluice_last_error(), "RLIMIT_NOFILE");
	assert_int_equal(count, 0);
	assert_int_equal(fds_count(), held);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_message_comes_whole),
		TEST(a_longer_one_is_refused),
		TEST(an_end_is_an_end),
		TEST(nobody_waits_for_who_does_not_read),
		TEST(descriptors_are_not_taken),
		TEST(descriptors_come_and_are_closed_by_exec),
		TEST(more_than_fit_are_all_closed),
		TEST(without_room_for_them_none_is_left),
	};

	return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
