/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Disruptor of LMAX as a process: a JVM that runs disruptor/Harness.java, which is
 * part of this program as a text, and is told over a socket what to run. Nothing of it
 * is needed to build.
 *
 * Of disruptor.c (what is asked) and disruptor_child.c (the process). Knows the words of
 * the harness, and its threads; not rounds.
 */
#ifndef SLUICE_BENCH_DISRUPTOR_H
#define SLUICE_BENCH_DISRUPTOR_H

#include <stddef.h>
#include <stdint.h>

#define DISRUPTOR_JAR "/usr/share/java/disruptor.jar"
/* Threads of the harness. */
#define DISRUPTOR_THREADS 4u

/* A way of use. */
struct disruptor_way {
	const char *name;
	uint32_t batch;   /* events that are published at once */
	const char *wait; /* busy, yield or block */
	const char
		*claim; /* next, which sleeps when there is no room; or spin */
	uint32_t slots;
	uint32_t
		free; /* on either CPU; else a thread is on one of them, in turn */
};

struct disruptor_result {
	int64_t ns;
	uint64_t sum;
	uint64_t lost; /* how often its threads have lost their CPUs */
};

/* The jar to use from now on. */
void disruptor_use(const char *jar);
/* NULL: it can be run. Else what is missing, and what has it. */
const char *disruptor_missing(void);
/* "Disruptor 3.4.4, Java 17.0.1", of the last one that ran; "": none has. */
const char *disruptor_version(void);

/* A new JVM in place of the last. Returns 0, or a negative errno that has been told on
 * stderr. */
int disruptor_open(void);
void disruptor_close(void);
/* Have it run @shape, one of "one", "multicast", "chain" and "fanin". Returns 0, or a
 * negative errno that has been told on stderr. */
int disruptor_run(const char *shape, const struct disruptor_way *way,
		  uint64_t events, struct disruptor_result *out);

/* ---- disruptor_child.c ------------------------------------------------------- */

/* Start @argv with @source as its descriptor 3. Returns 0 or a negative errno. */
int child_open(char *const argv[], const char *source);
/* What it says next, without the end of the line; what does not begin with one of @words,
 * which ends with NULL, goes to stderr. Returns 0 or a negative errno. */
int child_read(char *line, size_t bytes, const char *const *words);
int child_write(const char *line);
/* Wait until it has ended, which the end of its input tells it, or kill it. */
void child_close(void);

/* The harness, made of its file by the build. */
extern const char disruptor_harness[];

#endif
