/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listener from the inside: its thread, its socket and its guests. A *guest* is
 * a connection; admitted, it is a peer. Of peers.c (the thread), guest.c (a guest's
 * life), judge.c (what a hello may have), allow.c (who is who), kin.c (what a child
 * of the process must not keep), listen_opts.c and listen.c (open and close). Not
 * installed.
 *
 * Life of a guest
 *
 *     accept -> HELLO --hello--> (judge, admit) --welcome--> WELCOMED --ready--> IN
 *       |         |late, wrong: refusal               |late, wrong    |end, dies
 *       v         v                                   v               v
 *     refused    FREE                              gone() -> FREE   gone() -> FREE
 *
 *     HUNG: it has closed without a word; dead or not, its pidfd says in a moment
 *
 * Threads  Guests are the listener's thread's alone. Sockets are written under the
 *          lock of kin.c, for a fork in another thread may come at any time.
 *
 * Words  writer          readers   order    meaning
 * over   closing thread  listener  acq_rel  1: end, and let all go, as when the
 *                                           pipeline has ended
 * word   who listens     listener  acq_rel  enum listener_word: whether it was let in
 * named  who listens     the same  acq_rel  a pipeline with processes may come to
 *                                           listen later, once
 * late   who listens     listener  acq_rel  what it is to take over then
 * process  who adds it;  listener  acq_rel  it is there, whole; 0: none
 *          listener
 *
 * Knows      pipelines, handshakes, descriptors
 * Knows not  what a peer is given (peer_priv.h)
 */
#ifndef SLUICE_ENGINE_LISTENER_PRIV_H
#define SLUICE_ENGINE_LISTENER_PRIV_H

#include "engine/peer/address_priv.h"
#include "engine/peer/listen_priv.h"
#include "engine/process.h"
#include "engine/run/run_priv.h"

#include <poll.h>

struct process;

/* What its thread is told first. */
enum listener_word {
	LISTENER_WAITS = 0,
	LISTENER_RUNS = 1,
	LISTENER_FORGOES = 2,
};

enum guest_state {
	GUEST_FREE = 0,
	GUEST_HELLO = 1,
	GUEST_WELCOMED = 2,
	GUEST_IN = 3,
	GUEST_HUNG = 4,
};

struct guest {
	enum guest_state state;
	int socket; /* -1: closed */
	int pidfd;
	uint32_t polled;      /* where its three stand, if it is not free */
	uint64_t deadline_ns; /* UINT64_MAX: none */
	uint32_t *groups;     /* that it is in, beside its gid */
	uint32_t group_count;
	struct process *process; /* that it is of, if we have started it */
	struct peer peer;
};

struct listener {
	struct tenant tenant; /* first */
	struct sluice_pipeline *pipeline;
	const struct peer_ops *ops;
	void *ctx;
	struct sluice_listen_opts opts;
	struct sluice_peer_allow *allow; /* copied, with all names */
	struct address address;
	int socket;
	int wake;  /* an eventfd: something has changed */
	int spare; /* a descriptor to refuse with when there is no other */
	uint64_t rest_ns; /* until then nobody is accepted */
	uint64_t look_ns; /* when ops->look() is due */
	uint64_t epochs;  /* that were given */
	struct guest *guests;
	/* struct process *: those that we start; written under the lock of kin.c. */
	sluice_a64 process[SLUICE_PROCESSES_MAX];
	struct pollfd
		*polled; /* wake, socket, three for each guest, four for each
				  process */
	uint32_t polled_count;
	void *thread;
	struct listener *next; /* kin.c */
	struct listener **link;
	sluice_a32 over;
	sluice_a32 word;
	sluice_a32 named; /* 1: it listens at an address, or is about to */
	/* struct listener *, without a thread: has what this one lacks to listen. */
	sluice_a64 late;
};

static inline struct process *listener_process(const struct listener *l,
					       uint32_t i)
{
	return (struct process *)(uintptr_t)sluice_load_acquire(&l->process[i]);
}

static inline uint64_t listener_now(const struct listener *l)
{
	return host_now(&l->pipeline->host);
}

static inline uint64_t listener_in_ms(const struct listener *l, uint64_t ms)
{
	return listener_now(l) + ms * PLATFORM_NS_PER_MS;
}

/* ---- peers.c ----------------------------------------------------------------- */

/* The thread: it does nothing before listener->word says so. */
void peers_run(void *listener);
/* Its thread is to look again. Threads: any, signal handlers too. */
void listener_wake(const struct listener *listener);
/* One more descriptor for this round's poll. Returns where it stands. No more is polled
 * than is open: poll() takes no more than RLIMIT_NOFILE. */
uint32_t listener_watch(struct listener *l, int fd);

/* ---- listen_opts.c ----------------------------------------------------------- */

/* Copy @opts, which may be NULL, and check them, the allow list too. */
int listen_take(struct listener *l, const struct sluice_listen_opts *opts);
/* A max_deliveries of @whose; 0: @otherwise, which may be 0. */
int deliveries_check(const char *whose, uint32_t *deliveries,
		     uint32_t otherwise);

/* ---- listen.c ---------------------------------------------------------------- */

/* Take over what listener->late has. Threads: its own. */
void listener_adopt(struct listener *l);
/* That of @pipeline, for its processes, which is opened if there is none. */
int listener_of_pipeline(struct sluice_pipeline *pipeline,
			 const struct peer_ops *ops, void *ctx,
			 struct listener **out);
/* Show it a process. Returns 0, -EEXIST or -ENOSPC. */
int listener_enter(struct listener *l, struct process *process);

/* ---- guest.c ----------------------------------------------------------------- */

/* A connection whose descriptors are the guest's from now on. */
void guest_begin(struct listener *l, struct guest *guest, int socket, int pidfd,
		 const struct peer_identity *identity);
/* What poll() says of its socket, its pidfd and its signals. */
void guest_heed(struct listener *l, struct guest *guest, short socket,
		short pidfd, short signalled);
/* Its deadline has passed; it is dismissed; the pipeline has ended. */
void guest_late(struct listener *l, struct guest *guest);
void guest_dismiss(struct listener *l, struct guest *guest);
void guest_end(struct listener *l, struct guest *guest);
/* Its descriptors and memory alone, without the lock of kin.c: nobody hears it any
 * more, or it is a copy, in a child of the process. */
void guest_drop(struct guest *guest);
/* Say a word to a socket, and do not wait for anything. */
void guest_say(int socket, enum wire_kind kind, int code,
	       enum sluice_reason reason, const char *text);

/* ---- judge.c ------------------------------------------------------------------ */

/* May a guest have what its hello asks for? 0, or a refusal. Says whether it is trusted, and
 * may but watch. */
int judge_hello(struct listener *l, struct guest *guest,
		const struct wire_hello *hello);

/* ---- allow.c ------------------------------------------------------------------ */

/* Copy and check the allow list of l->opts. */
int allow_take(struct listener *l, const struct sluice_peer_allow *rows,
	       uint32_t count);
void allow_free(struct listener *l);
/* Who is at the other end, and a pidfd of it. Returns the pidfd or a negative
 * errno: it has gone already. */
int allow_identify(int socket, struct peer_identity *identity);
/* Its further groups. Returns 0 or -ENOMEM. */
int allow_groups(struct guest *guest);
/* May it be anything at all? May it be that? Each 0 or -EACCES. */
int allow_anything(const struct listener *l, const struct guest *guest);
int allow_hello(const struct listener *l, const struct guest *guest,
		const struct wire_hello *hello);
/* Is it trusted, as that? May it look on at a stage as who may consume from it? */
int allow_trusts(const struct listener *l, const struct guest *guest,
		 const struct wire_hello *hello);
int allow_consumes(const struct listener *l, const struct guest *guest,
		   const struct wire_hello *hello);

/* ---- kin.c -------------------------------------------------------------------- */

/* Between the two no child is made by fork(): descriptors that are opened and
 * written down there no child keeps. */
void kin_lock(void);
void kin_unlock(void);
/* Under the lock. */
void kin_add(struct listener *l);
void kin_remove(struct listener *l);
/* Close *@fd and set it to -1, under the lock. */
void kin_close(int *fd);

#endif
