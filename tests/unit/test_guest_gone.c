/* SPDX-License-Identifier: Apache-2.0 */
/* How it is seen that a peer has gone: by its word, by its process, by its socket. */
#include "tests/unit/reception.h"

#include <signal.h>

/* Does the kernel give a pidfd of a socket? */
static int no_peerpidfd;
int __real_getsockopt(int fd, int level, int name, void *value,
		      socklen_t *bytes);
int __wrap_getsockopt(int fd, int level, int name, void *value,
		      socklen_t *bytes);
int __wrap_getsockopt(int fd, int level, int name, void *value,
		      socklen_t *bytes)
{
	if (no_peerpidfd && level == SOL_SOCKET && name == 77) {
		errno = ENOPROTOOPT;
		return -1;
	}
	return __real_getsockopt(fd, level, name, value, bytes);
}

/* A peer in a process of its own, which then does as it is told. */
static pid_t peer_process(int (*then)(struct attach *attach))
{
	pid_t child = fork();

	if (child == 0) {
		struct attach attach;

		if (visit(&attach, WIRE_WORKER) != 0 ||
		    attach_ready(&attach) != 0)
			_exit(1);
		_exit(then(&attach));
	}
	return child;
}

static int waits(struct attach *attach)
{
	(void)attach;
	while (pause() < 0)
		continue;
	return 0;
}

static int closes_its_socket(struct attach *attach)
{
	(void)close(attach->socket);
	return waits(attach);
}

/* A child of its own has the socket, too, and lives on for a while. */
static int leaves_a_child(struct attach *attach)
{
	pid_t child = fork();

	(void)attach;
	if (child == 0) {
		(void)poll(NULL, 0, 1000);
		_exit(0);
	}
	return 0;
}

static int says_so(struct attach *attach)
{
	attach_close(attach, SLUICE_REASON_NORMAL, 0);
	return 0;
}

static void end_process(pid_t child, int signal)
{
	int status;

	if (signal != 0)
		assert_int_equal(kill(child, signal), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
}

static void the_dead_are_seen(void)
{
	for (uint32_t n = 1; n <= 10; n++) {
		pid_t child = peer_process(waits);

		reception_await(&reception.ready, n);
		assert_int_equal(reception.identity.pid, child);
		end_process(child, SIGKILL);
		reception_expect_gone(n, PEER_DIED, SLUICE_REASON_ERROR,
				      -EOWNERDEAD);
	}
}

static void who_is_killed_has_died(void **state)
{
	(void)state;
	reception_open(plain);
	the_dead_are_seen();
	reception_close();
}

static void on_an_older_kernel_as_well(void **state)
{
	(void)state;
	reception_open(plain);
	no_peerpidfd = 1;
	the_dead_are_seen();
	no_peerpidfd = 0;
	reception_close();
}

static void who_is_stopped_has_not_died(void **state)
{
	pid_t child;

	(void)state;
	reception_open(plain);
	child = peer_process(waits);
	reception_await(&reception.ready, 1);
	assert_int_equal(kill(child, SIGSTOP), 0);
	(void)poll(NULL, 0, 200);
	assert_int_equal(reception_count(&reception.gone), 0);
	end_process(child, SIGKILL);
	reception_expect_gone(1, PEER_DIED, SLUICE_REASON_ERROR, -EOWNERDEAD);
	reception_close();
}

static void who_closes_without_a_word_is_lost(void **state)
{
	pid_t child;

	(void)state;
	reception_open(plain);
	child = peer_process(closes_its_socket);
	reception_expect_gone(1, PEER_LOST, SLUICE_REASON_ERROR, -EPIPE);
	end_process(child, SIGKILL);
	reception_close();
}

/* Its socket is open all the while. */
static void who_leaves_a_child_has_died_all_the_same(void **state)
{
	pid_t child;

	(void)state;
	reception_open(plain);
	child = peer_process(leaves_a_child);
	reception_expect_gone(1, PEER_DIED, SLUICE_REASON_ERROR, -EOWNERDEAD);
	end_process(child, 0);
	reception_close();
}

static void who_says_so_and_exits_has_left(void **state)
{
	(void)state;
	reception_open(plain);
	for (uint32_t n = 1; n <= 10; n++) {
		pid_t child = peer_process(says_so);

		reception_expect_gone(n, PEER_LEFT, SLUICE_REASON_NORMAL, 0);
		end_process(child, 0);
	}
	reception_close();
}

static void says_hello(int fd)
{
	struct wire_hello hello = peer_hello(WIRE_WORKER);

	assert_int_equal(packet_send(fd, &hello, sizeof(hello), NULL, 0), 0);
}

/* One comes in the place of one that has died, and says so at once: the death counts
 * first, though who comes stands before the dead in the list. */
static void who_has_died_makes_room(void **state)
{
	pid_t child;
	int comes;
	int other;

	(void)state;
	reception_open(plain);
	comes = visit_raw();
	child = peer_process(waits);
	reception_await(&reception.ready, 1);
	other = visit_raw();
	assert_true(comes >= 0 && other >= 0);
	/* Both are seen in one round, since a third holds up the one before. */
	(void)pthread_mutex_lock(&reception.lock);
	says_hello(other);
	while (sluice_load_acquire(&reception.comes) < 2)
		(void)poll(NULL, 0, 1);
	end_process(child, SIGKILL);
	says_hello(comes);
	(void)pthread_mutex_unlock(&reception.lock);
	reception_await(&reception.admitted, 3);
	assert_int_equal(reception.gone_before, 1);
	(void)close(comes);
	(void)close(other);
	reception_close();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_killed_has_died),
		cmocka_unit_test(on_an_older_kernel_as_well),
		cmocka_unit_test(who_is_stopped_has_not_died),
		cmocka_unit_test(who_closes_without_a_word_is_lost),
		cmocka_unit_test(who_leaves_a_child_has_died_all_the_same),
		cmocka_unit_test(who_says_so_and_exits_has_left),
		cmocka_unit_test(who_has_died_makes_room),
	};

	return cmocka_run_group_tests_name("guest_gone", tests, NULL, NULL);
}
