/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds a port. A thread of the program drives it, and between its calls
 * nobody does: then the supervisor may, for as long as something is left to do.
 * Not installed.
 *
 * What a port has taken and not placed (in the spill, beside the dispatcher, of a
 * consumer that left), or what it has to see before it may end, waits for its
 * consumers' words. While its user is inside he looks at them. When he leaves
 * something behind he calls the supervisor, who looks, and leaves the port's bell
 * relayed: whoever grants or acknowledges then rings the supervisor. While nothing
 * is left behind nobody is called, and no bell is armed.
 *
 *   port_busy   bits 0-1    PORT_CLOSED, _FREE, _USER, _SUPERVISOR
 *               PORT_CALL   the supervisor has been called, and has not come
 *               PORT_CAME   he came while the user was inside: call him again
 *               PORT_WAITS  the user sleeps until the supervisor has left
 *               above       users that have left, and are calling
 *
 * The word is only ever changed by compare-exchange or by adding to it, so what
 * one holder wrote the next one sees.
 */
#ifndef SLUICE_ENGINE_PORT_PRIV_H
#define SLUICE_ENGINE_PORT_PRIV_H

#include "engine/run/run_priv.h"

#define PORT_CLOSED     0u /* not started, or over */
#define PORT_FREE       1u
#define PORT_USER       2u
#define PORT_SUPERVISOR 3u
#define PORT_HOLDER     3u /* the bits of the four */
#define PORT_CALL       4u
#define PORT_CAME       8u
#define PORT_WAITS      16u
#define PORT_CALLER     32u /* one of those above */

/* For its user. Returns who has it else: PORT_USER, another one, or PORT_CLOSED;
 * PORT_FREE: it is the caller's, until port_leave(). */
uint32_t port_enter(struct sluice_stage *port);
void port_leave(struct sluice_stage *port);

/* Whoever holds it looks up from the events: what was signalled, a stop, a drain.
 */
void port_attend(struct sluice_stage *port);
/* The same and one round, as a worker makes it. Returns non-zero when it did
 * something. */
int port_round(struct sluice_stage *port);

/* How a port has ended. Threads: any. */
struct port_end {
	uint32_t closed; /* SLUICE_CLOSED(); 0: it has not */
	uint32_t stopped;
	uint32_t failed; /* stopped, for the pipeline has failed */
	const struct sluice_stage *by; /* who ended first; NULL: nobody else */
};
struct port_end port_end_of(const struct sluice_stage *port);

/* Users may enter; or may no longer, and are gone. */
void port_open(struct sluice_stage *port);
void port_close(struct sluice_stage *port);

/* Something for the supervisor to look at: a signal. Threads: any. */
void port_call(struct sluice_stage *port);

/* The supervisor looks after a port that it was called to, or whose bell was
 * rung. Returns when it wants to look again, ns. */
uint64_t port_look_after(struct sluice_stage *port, struct supervised *seen);
/* Its bell was rung since the supervisor left it so. */
int port_rung(const struct sluice_stage *port, const struct supervised *seen);

#endif
