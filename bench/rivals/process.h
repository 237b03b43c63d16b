/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A measurement with a second process: this program, executed again. What the other
 * is to do, and what has come of it, lies in memory that both have mapped.
 *
 * Of process.c (starting it, waiting for it) and process_child.c (what it does).
 * Knows two processes; not cells and rounds.
 */
#ifndef SLUICE_BENCH_PROCESS_H
#define SLUICE_BENCH_PROCESS_H

#include "bench/rivals/process_link.h"

#include <sys/types.h>

#define PROCESS_TEXT_BYTES   256u
#define PROCESS_FOLDER_BYTES 64u
#define PROCESS_ATTACHES     15u
/* The first argument of the program in the other process; a descriptor follows. */
#define PROCESS_ARGUMENT "--process"

enum process_task {
	PROCESS_SEND,    /* n events, to the stage "sum" */
	PROCESS_RECEIVE, /* n events, from the stage "count" */
	PROCESS_PONG,    /* n events back, each plus one */
	PROCESS_WATCH,   /* until the pipeline has ended */
	PROCESS_ATTACH,  /* as each of the three roles, and leave again */
};

enum process_role {
	PROCESS_CONSUMER,
	PROCESS_PRODUCER,
	PROCESS_OBSERVER,
	PROCESS_ROLES,
};

struct process_words {
	/* Written before the other starts. */
	enum process_task task;
	enum process_link_kind link;
	pid_t parent;
	int cpu; /* that it works on */
	uint32_t bytes;
	enum process_role role; /* of PROCESS_ATTACH */
	uint64_t n;
	int fds[PROCESS_FDS]; /* in and out, of links of the kernel */
	char folder[PROCESS_FOLDER_BYTES]; /* of the pipeline's socket */
	/* Written by the other. */
	uint32_t ready; /* it is there, and about to do it */
	int code;       /* 0, or why not: a negative errno */
	char text[PROCESS_TEXT_BYTES];
	uint64_t preempted;
	int64_t attach_ns[PROCESS_ATTACHES];
	struct process_meter meter;
	/* What links have that are no descriptors. */
	struct process_memory memory;
};

struct process {
	struct process_words *words;
	int memory_fd;
	pid_t pid; /* 0: none */
};

/* Memory for one run. Returns 0 or a negative errno. */
int process_open(struct process *process);
void process_close(struct process *process);

/* Execute this program as its words say. Returns 0 or a negative errno. */
int process_start(struct process *process);

/* Wait until it is about to do what it was told. Returns 0, or its code. */
int process_await(struct process *process);

/* Wait until it has ended; with @rc below 0 it is killed, and @rc returned. Returns
 * its code otherwise; what it says was wrong is on stderr. */
int process_wait(struct process *process, int rc);

/* The other process: all of its life. @fd is the memory. Returns its exit status. */
int process_main(const char *fd);

#endif
