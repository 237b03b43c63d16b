/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process stage from the inside: a program that the listener's thread starts, hears
 * as a guest whose socket it has made itself, and waits for. Of process_opts.c (what was
 * asked for) and process.c (what becomes of it). Not installed.
 *
 *     DUE --start--> UP --its process has ended--> SETTLING --restart--> DUE
 *      |                                              |
 *      +--the pipeline ends, or its stage has---------+--> over, and freed
 *
 * UP         it has a pidfd, and the pipeline does not end without it. Once its guest
 *            has gone, or was never one, it is leaving: it has end_ms.
 * SETTLING   the stage that stood for it is still there: a name is had once.
 *
 * Threads  Of its own, before it is shown to the listener's (listener_enter()); then
 *          that one's alone.
 *
 * Knows      programs, guests, restarts
 * Knows not  rings, what a seat is
 */
#ifndef SLUICE_ENGINE_PROCESS_PRIV_H
#define SLUICE_ENGINE_PROCESS_PRIV_H

#include "engine/peer/due_priv.h"
#include "engine/peer/exec_priv.h"
#include "engine/peer/listener_priv.h"
#include "engine/process.h"

enum process_state {
	PROCESS_DUE,
	PROCESS_UP,
	PROCESS_SETTLING,
};

struct process {
	struct guest guest; /* while it is connected */
	struct sluice_pipeline *pipeline;

	/* As it was asked for. */
	struct wire_hello hello; /* that it is to say */
	char *program;
	char **argv;
	char **env;
	int trusted;
	struct peer_own own;
	enum sluice_restart restart;
	uint32_t attach_ms;
	uint32_t end_ms;
	sluice_a32 *attached; /* the caller's, or NULL */
	struct due due[2];    /* by enum wire_side */

	enum process_state state;
	int again; /* SETTLING: it is to be started again */
	struct restart_history history;
	uint64_t start_ns; /* DUE: not before */
	/* UP. */
	int pidfd; /* else -1 */
	uint32_t pid;
	uint32_t polled;  /* where its pidfd stands, from the next round on */
	uint64_t kill_ns; /* UINT64_MAX: it is not leaving */
	int killed;       /* by us */
	int told;         /* its end: the stage has ended */
	int left;         /* it has said that it leaves */
	int late;         /* before it was in: it cannot but fail */
	/* Why it has failed; code 0: it has not, as far as is known. */
	int code;
	char text[256];
	enum sluice_reason reason; /* how it is over */
};

/* ---- process_opts.c --------------------------------------------------------------- */

/* Made of options that were checked; it is due with its stages. */
int process_new(struct process **out, struct sluice_pipeline *pipeline,
		const struct sluice_process_opts *opts);
/* It is over, and not UP: its stages wait no more, and end if they are deserted. */
void process_free(struct process *process);
/* Its memory and descriptors alone: its pipeline ends too, or it is a copy, in a child
 * of the process. */
void process_drop(struct process *process);

/* ---- process.c -------------------------------------------------------------------- */

/* Who it is: its guest may be no other. Returns 0 or -EPERM. */
int process_judge(const struct process *process,
		  const struct wire_hello *hello);
/* Its guest is in. */
void process_attached(struct process *process);
/* Its guest was refused, with the last error; or could not become its program, or has
 * gone for that reason. */
void process_refused(struct process *process, int code);
void process_not_executed(struct process *process, int code);
void process_gone(struct process *process, enum peer_gone why, int code);

/* What of it is to be polled, behind its guest's. *next_ns is brought forward to when
 * it is to be looked at. */
void process_prepare(struct listener *l, struct process *process,
		     uint64_t *next_ns);
/* Its guest was heard. Returns non-zero: it is over. */
int process_look(struct listener *l, struct process *process);

#endif
