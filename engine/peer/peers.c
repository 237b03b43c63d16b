/* SPDX-License-Identifier: Apache-2.0 */
/* The thread "NAME/peers": one poll over the socket, and over each guest's own and
 * its process. */
#define _GNU_SOURCE /* accept4 */
#include "engine/control/door_priv.h"
#include "engine/peer/process_priv.h"
#include "ring/base_priv.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections that are accepted before guests have their turn again. */
#define ACCEPTS_MAX 16u
/* How long nobody is accepted when the system gives nothing to refuse with. */
#define REST_MS 100u

#define POLLED_WAKE   0u
#define POLLED_SOCKET 1u

void listener_wake(const struct listener *l)
{
	const struct sluice_wait_ops *wait = l->pipeline->host.wait;

	wait->notify(wait->ctx, l->wake);
}

/* ---- accepting ------------------------------------------------------------------- */

static struct guest *peers_place(struct listener *l)
{
	for (uint32_t i = 0; i < l->opts.peers_max; i++)
		if (l->guests[i].state == GUEST_FREE)
			return &l->guests[i];
	return NULL;
}

static uint32_t peers_of_uid(const struct listener *l, uint32_t uid)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < l->opts.peers_max; i++)
		count += l->guests[i].state != GUEST_FREE &&
			 l->guests[i].peer.identity.uid == uid;
	return count;
}

/* In words, and with what it has sent read: a close that leaves something unread
 * would throw the words away. */
static void peers_refuse(int *fd, int rc)
{
	char unread[WIRE_BYTES_MAX];

	guest_say(*fd, WIRE_REFUSAL, rc, SLUICE_REASON_OPEN,
		  sluice_last_error());
	(void)packet_receive(*fd, unread, sizeof(unread));
	kin_close(fd);
}

static void peers_let_in(struct listener *l, struct guest *guest)
{
	struct peer_identity identity = {0};
	int pidfd = allow_identify(guest->socket, &identity);
	int rc = 0;

	if (pidfd < 0)
		rc = sluice_fail(pidfd,
				 "pipeline '%s': process %u cannot be "
				 "watched: %s",
				 l->pipeline->name, identity.pid,
				 sluice_errno_text(pidfd));
	else if (peers_of_uid(l, identity.uid) >= l->opts.peers_per_uid)
		rc = sluice_fail(-ENOSPC,
				 "pipeline '%s' has %u peers of uid %u, its "
				 "limit of peers_per_uid",
				 l->pipeline->name, l->opts.peers_per_uid,
				 identity.uid);
	if (rc == 0) {
		guest_begin(l, guest, guest->socket, pidfd, &identity);
		return;
	}
	peers_refuse(&guest->socket, rc);
	if (pidfd >= 0)
		(void)close(pidfd);
}

/* One connection, into *@fd, which a child of the process does not keep. Returns 0
 * or a negative errno. */
static int peers_take(struct listener *l, int *fd)
{
	int rc = 0;

	kin_lock();
	*fd = accept4(l->socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (*fd < 0)
		rc = -errno;
	kin_unlock();
	return rc;
}

/* No descriptor is left: give up the spare one for as long as it takes to say
 * so. */
static int peers_turn_away(struct listener *l)
{
	int fd;
	int rc;

	(void)close(l->spare);
	rc = peers_take(l, &fd);
	if (rc == 0)
		peers_refuse(&fd,
			     sluice_fail(-EMFILE,
					 "pipeline '%s': its process has no "
					 "descriptor left (RLIMIT_NOFILE)",
					 l->pipeline->name));
	l->spare = fcntl(l->wake, F_DUPFD_CLOEXEC, 0);
	return rc;
}

static int peers_refuse_next(struct listener *l)
{
	int fd;
	int rc = peers_take(l, &fd);

	if (rc == 0)
		peers_refuse(&fd,
			     sluice_fail(-ENOSPC,
					 "pipeline '%s' has %u peers, its "
					 "limit of peers_max",
					 l->pipeline->name, l->opts.peers_max));
	return rc;
}

static int peers_accept_next(struct listener *l)
{
	struct guest *guest = peers_place(l);
	int rc;

	if (guest == NULL)
		return peers_refuse_next(l);
	rc = peers_take(l, &guest->socket);
	if (rc == 0)
		peers_let_in(l, guest);
	return rc;
}

static void peers_accept(struct listener *l)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < ACCEPTS_MAX; i++) {
		rc = peers_accept_next(l);
		if (rc == -EMFILE || rc == -ENFILE)
			rc = peers_turn_away(l);
		if (rc == -ECONNABORTED || rc == -EINTR)
			rc = 0;
	}
	/* What is wrong stays so for a while. */
	if (rc < 0 && rc != -EAGAIN)
		l->rest_ns = listener_in_ms(l, REST_MS);
}

/* ---- one round ---------------------------------------------------------------------- */

static int peers_over(const struct listener *l)
{
	return sluice_load_acquire(&l->over) ||
	       host_phase(&l->pipeline->host) == PIPELINE_FINISHED;
}

uint32_t listener_watch(struct listener *l, int fd)
{
	l->polled[l->polled_count] =
		(struct pollfd){.fd = fd, .events = POLLIN};
	return l->polled_count++;
}

static void peers_prepare_guest(struct listener *l, struct guest *guest,
				uint64_t *next_ns)
{
	if (guest->state == GUEST_FREE)
		return;
	/* Its socket is -1 if it has hung up. */
	guest->polled = listener_watch(l, guest->socket);
	(void)listener_watch(l, guest->pidfd);
	(void)listener_watch(l, guest->peer.signalled);
	if (guest->deadline_ns < *next_ns)
		*next_ns = guest->deadline_ns;
}

/* Returns when there is something to do without being told, ns. */
static uint64_t peers_prepare(struct listener *l)
{
	uint64_t next_ns = l->look_ns;
	int rests = l->rest_ns != 0 && listener_now(l) < l->rest_ns;

	if (!rests)
		l->rest_ns = 0;
	else if (l->rest_ns < next_ns)
		next_ns = l->rest_ns;
	l->polled_count = 0;
	(void)listener_watch(l, l->wake);
	(void)listener_watch(l, rests ? -1 : l->socket);
	for (uint32_t i = 0; i < l->opts.peers_max; i++)
		peers_prepare_guest(l, &l->guests[i], &next_ns);
	for (uint32_t i = 0; i < SLUICE_PROCESSES_MAX; i++) {
		struct process *process = listener_process(l, i);

		if (process == NULL)
			continue;
		peers_prepare_guest(l, &process->guest, &next_ns);
		process_prepare(l, process, &next_ns);
	}
	return next_ns;
}

static int peers_timeout_ms(const struct listener *l, uint64_t next_ns)
{
	uint64_t now_ns = listener_now(l);

	if (next_ns == UINT64_MAX)
		return -1;
	if (next_ns <= now_ns)
		return 0;
	/* A deadline that has not passed by a fraction would be looked at again
	 * and again. */
	return (int)((next_ns - now_ns) / PLATFORM_NS_PER_MS) + 1;
}

static void peers_guest(struct listener *l, struct guest *guest)
{
	const struct pollfd *polled = &l->polled[guest->polled];

	if (guest->state == GUEST_FREE)
		return;
	if (polled[0].revents | polled[1].revents | polled[2].revents)
		guest_heed(l, guest, polled[0].revents, polled[1].revents,
			   polled[2].revents);
	guest_dismiss(l, guest);
	if (guest->state != GUEST_FREE && listener_now(l) >= guest->deadline_ns)
		guest_late(l, guest);
}

/* Those who are just coming; or all others. */
static void peers_guests(struct listener *l, int coming)
{
	for (uint32_t i = 0; i < l->opts.peers_max; i++) {
		struct guest *guest = &l->guests[i];

		if ((guest->state == GUEST_HELLO) == coming)
			peers_guest(l, guest);
	}
}

static void peers_processes(struct listener *l)
{
	for (uint32_t i = 0; i < SLUICE_PROCESSES_MAX; i++) {
		struct process *process = listener_process(l, i);

		/* One that has just come was not polled, and has no guest. */
		if (process == NULL)
			continue;
		peers_guest(l, &process->guest);
		if (!process_look(l, process))
			continue;
		kin_lock();
		sluice_store_release(&l->process[i], 0);
		kin_unlock();
		process_free(process);
	}
}

static void guest_was_not_polled(const struct listener *l,
				 const struct guest *guest)
{
	if (guest->state != GUEST_FREE)
		l->polled[guest->polled + 1].revents = 0;
}

/* If it cannot be told who has something to say, all are asked, now and then. Whether
 * a process has died its socket says then. */
static void peers_poll(struct listener *l, int timeout_ms)
{
	if (!packet_poll(l->polled, l->polled_count, timeout_ms))
		return;
	for (uint32_t i = 0; i < l->opts.peers_max; i++)
		guest_was_not_polled(l, &l->guests[i]);
	for (uint32_t i = 0; i < SLUICE_PROCESSES_MAX; i++) {
		const struct process *process = listener_process(l, i);

		if (process != NULL)
			guest_was_not_polled(l, &process->guest);
	}
}

static void peers_look(struct listener *l)
{
	uint64_t ns = l->ops->look(l->ctx);

	l->look_ns = ns == UINT64_MAX ? UINT64_MAX : listener_now(l) + ns;
}

static void peers_round(struct listener *l)
{
	const struct platform *platform = l->pipeline->platform;
	uint64_t next_ns;

	listener_adopt(l);
	next_ns = peers_prepare(l);
	peers_poll(l, peers_timeout_ms(l, next_ns));
	if (l->polled[POLLED_WAKE].revents != 0)
		platform->event_clear(platform->ctx, l->wake);
	if (peers_over(l))
		return;
	/* Before the guests: who has nothing left here is sent away at once. */
	peers_look(l);
	/* Who has gone leaves his name to whoever is just coming. */
	peers_guests(l, 0);
	peers_processes(l);
	peers_guests(l, 1);
	if (l->polled[POLLED_SOCKET].revents != 0)
		peers_accept(l);
}

/* None of them is up: the pipeline has ended, or has never begun. */
static void peers_end_processes(struct listener *l)
{
	for (uint32_t i = 0; i < SLUICE_PROCESSES_MAX; i++) {
		struct process *process = listener_process(l, i);

		if (process == NULL)
			continue;
		kin_lock();
		sluice_store_release(&l->process[i], 0);
		kin_unlock();
		process_free(process);
	}
}

/* Returns non-zero once it is; or zero: it is not, and has touched nothing. */
static int peers_begin(struct listener *l)
{
	const struct sluice_wait_ops *wait = l->pipeline->host.wait;
	uint32_t word;

	while ((word = sluice_load_acquire(&l->word)) == LISTENER_WAITS)
		wait->park(wait->ctx, &l->word, LISTENER_WAITS, UINT64_MAX);
	return word == LISTENER_RUNS;
}

void peers_run(void *arg)
{
	struct listener *l = arg;

	if (!peers_begin(l))
		return;
	door_thread_begin(l->pipeline);
	while (!peers_over(l))
		peers_round(l);
	if (l->ops->over != NULL)
		l->ops->over(l->ctx);
	for (uint32_t i = 0; i < l->opts.peers_max; i++)
		guest_end(l, &l->guests[i]);
	peers_end_processes(l);
	kin_lock();
	kin_remove(l);
	if (l->socket >= 0)
		(void)close(l->socket);
	l->socket = -1;
	address_leave(&l->address);
	kin_unlock();
}
