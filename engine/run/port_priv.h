/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports: stages that a thread of the program, the port's *user*, drives instead
 * of a worker. Of port.c (the user's calls) and port_held.c (who holds a port,
 * and what a user leaves behind). Not installed.
 *
 * Inside a call the user holds the port. Several threads may be users of a sending
 * port, one after the other: who comes while another is inside sleeps on the word
 * until that has left, and all of them look again then. One who waits for credit
 * stays inside, for nobody else would find any; it says so, and who does not want to
 * wait for credit goes.
 *
 * Between calls no thread holds the port, and the
 * supervisor may take it for as long as there is work. Such work is left when
 * events that the port has taken are not placed yet (they wait in the spill,
 * for an aside, or were left by a consumer), or when the port must see
 * something before it may end. Inside a call the user does it. A user that
 * leaves work behind calls the supervisor, which does what can be done and
 * leaves the port's bell relayed: then a stage that grants or acknowledges
 * rings the supervisor. While no work is left behind the supervisor is not
 * called, and no bell is armed.
 *
 *   port_busy   bits 0-1    PORT_CLOSED, _FREE, _USER, _SUPERVISOR
 *               PORT_CALL   the supervisor has been called, and has not come
 *               PORT_CAME   it came while the user was inside: call it again
 *               PORT_WAITS  others sleep until the holder has left
 *               PORT_VAIN   the user has found no credit, and waits for some
 *               bits 6-19   users that have left, and are calling
 *               above       users that have left, and help
 *
 * The word is only ever changed by compare-exchange or by adding to it, so what
 * one holder wrote the next one sees.
 *
 * Knows      the rounds of a stage, and the supervisor's view of one
 * Knows not  workers; what a user does with its events
 */
#ifndef SLUICE_ENGINE_PORT_PRIV_H
#define SLUICE_ENGINE_PORT_PRIV_H

#include "engine/run/help_priv.h"
#include "engine/run/run_priv.h"
#include "engine/stage/emit_priv.h"

#define PORT_CLOSED     0u /* not started, or over */
#define PORT_FREE       1u
#define PORT_USER       2u
#define PORT_SUPERVISOR 3u
#define PORT_HOLDER     3u /* the bits of the four */
#define PORT_CALL       4u
#define PORT_CAME       8u
#define PORT_WAITS      16u
#define PORT_VAIN       32u
#define PORT_CALLER     64u        /* one of those above */
#define PORT_HELPER     (1u << 20) /* one of those above them */

/* What a sending port leaves to others when its user goes. */
#define PORT_LEFT (AHEAD_LEFT | AHEAD_HELD)

static inline const struct sluice_wait_ops *
port_ops(const struct sluice_stage *port)
{
	return port->host->wait;
}

/* The calling thread. */
static inline uint64_t port_self(const struct sluice_stage *port)
{
	const struct platform *platform = port->pipeline->platform;

	return platform->self(platform->ctx);
}

/* For a user. Behind another who sends it waits, as long as that takes; behind one
 * who waits for credit, for which it is as early, until @deadline_ns. Returns 0: the
 * port is the caller's, until port_leave(). -ENOTCONN: it is closed; -EBUSY: another
 * receives, or the caller is inside already; -EAGAIN, -EDEADLK: it is not to wait
 * any longer, or at all. */
int port_enter(struct sluice_stage *port, uint64_t deadline_ns);
void port_leave(struct sluice_stage *port);
/* The same of a user who has helped since help_start(), and who is owed still. */
void port_leave_help(struct sluice_stage *port, struct help *help);
/* Are there some who have left, and help? */
int port_has_helpers(const struct sluice_stage *port);
/* Its user is about to wait for credit: others need not wait for him if they are not
 * to wait for that. */
void port_show_vain(struct sluice_stage *port);

/* The holder of the port looks up from the events: at signals, a stop, a
 * drain. */
void port_attend(struct sluice_stage *port);
/* port_attend(), and one round as a worker makes it. Returns non-zero when
 * there was work. */
int port_round(struct sluice_stage *port);

/* How a port has ended. Threads: any. */
struct port_end {
	uint32_t closed; /* SLUICE_CLOSED(); 0: it has not */
	uint32_t stopped;
	uint32_t failed; /* stopped, for the pipeline has failed */
	const char *by;  /* the stage whose end did it, or NULL */
};
struct port_end port_end_of(const struct sluice_stage *port);

/* ---- port.c: what all calls have in common ---- */

/* Returns 0, or answers that it is none; that another process is its user. */
int port_is_one(const struct sluice_stage *stage);
int port_of_program(const struct sluice_stage *port);
/* A call that does @what comes to the port: it is a port of @kind, and the caller's
 * from here on. Behind others it waits until @deadline_ns. Returns 0, or what the
 * call answers. */
int port_check(struct sluice_stage *port, enum sluice_stage_kind kind,
	       const char *what, uint64_t deadline_ns);
/* As sluice_port_end(), with a code: of any port, stand-ins included. */
int port_end_as(struct sluice_stage *port, enum sluice_reason reason,
		uint32_t code);
/* Answer that it has ended, and why. */
int port_refuse(const struct sluice_stage *port);
/* Answer that another user waits for credit. */
int port_vain_elsewhere(const struct sluice_stage *port);
uint64_t port_deadline(const struct sluice_stage *port, uint32_t timeout_ms);
int port_late(const struct sluice_stage *port, uint64_t deadline_ns);
/* Around all rounds of waiting in one call; @rc: 0, or why it waits no longer, which
 * the second returns. */
void port_wait_begins(struct sluice_stage *port);
int port_wait_ends(struct sluice_stage *port, int rc);
/* One round of waiting: what a worker does between its rounds. Returns 0, or why
 * there is to be no other. */
int port_wait(struct sluice_stage *port, int (*ready)(void *port),
	      uint64_t deadline_ns);
/* A wait that was in vain, or is not to be, in words: they cost nothing while nobody
 * asks for them. What else is answered has its own. Returns @rc. */
int port_waited(const struct sluice_stage *port, int rc);

/* ---- port_send.c ---- */

/* There is room for an event, or an end to be told of; as far as that can be, what
 * waits is moved on. */
int port_may_send(void *port);
/* Answer that a span is open. */
int port_span_open(const struct sluice_stage *port);
/* What its user has reserved will not be sent. */
void port_give_up_span(struct sluice_stage *port);

/* ---- port_poll.c ---- */

/* Its user comes, who may be asleep on the port's descriptor; and somebody else is
 * the user just now. The holder of the port is the caller. */
void port_disarm(struct sluice_stage *port);
/* The supervisor has done for the port what there was: is there something for a user
 * who is asleep? @relayed: the bell is left so; @taken: it was meanwhile. */
void port_keep_armed(struct sluice_stage *port, int relayed, int taken);
/* Its stage goes. */
void port_close_poll(struct sluice_stage *port);

/* ---- port_held.c ---- */

/* From open on users may enter; after close none may, and none is inside. */
void port_open(struct sluice_stage *port);
void port_close(struct sluice_stage *port);

/* A signal came while no user is inside: call the supervisor. Threads: any. */
void port_call(struct sluice_stage *port);

/* The supervisor looks after a port that it was called to, or whose bell was
 * rung. Returns when it wants to look again, ns. */
uint64_t port_look_after(struct sluice_stage *port, struct supervised *seen);
/* Was the port's bell rung since the supervisor relayed it? */
int port_rung(const struct sluice_stage *port, const struct supervised *seen);

#endif
