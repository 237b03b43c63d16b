/* SPDX-License-Identifier: Apache-2.0 */
/* The other process: it maps the words, does what they say, and ends. */
#define _GNU_SOURCE
#include "bench/rivals/process.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

/* The ends of what it works on; not on the stack, they are large. */
static struct process_end in;
static struct process_end out;

/* Attached first, pinned then: so its other threads run where they like, as those
 * of the first process do. */
static int child_pin(const struct process_words *words)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)words->cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? -errno : 0;
}

static int child_attach(const struct process_words *words, const char *from,
			const char *to, struct sluice_stage **port)
{
	return sluice_attach(port, SLUICE_ATTACH(.pipeline = "bench",
						 .folder = words->folder,
						 .timeout_ms = PROCESS_WAIT_MS,
						 .from = from, .to = to));
}

/* What it needs; the end that is not used stays as it is. */
static int child_open(struct process_words *words)
{
	int back = words->task == PROCESS_PONG;
	int rc = 0;

	in = (struct process_end){.kind = words->link, .bytes = words->bytes};
	out = in;
	in.fd = words->fds[0];
	out.fd = words->fds[1];
	in.line = out.line = &words->memory.line;
	if (words->link == PROCESS_RING) {
		rc = process_ring_reader(&in, &words->memory, 0);
		process_ring_writer(&out, &words->memory, 1);
	}
	if (words->link == PROCESS_PORT && words->task != PROCESS_SEND)
		rc = child_attach(words, back ? "there" : "count", NULL,
				  &in.port);
	if (rc == 0 && words->link == PROCESS_PORT &&
	    words->task != PROCESS_RECEIVE)
		rc = child_attach(words, NULL, back ? "back" : "sum",
				  &out.port);
	return rc;
}

static int child_close(void)
{
	int rc = 0;

	if (in.port != NULL)
		rc = sluice_detach(in.port, PROCESS_WAIT_MS);
	if (out.port != NULL && rc == 0)
		rc = sluice_detach(out.port, PROCESS_WAIT_MS);
	return rc;
}

static void child_pong(const struct process_words *words)
{
	struct ring_trip trip = {.there = &in, .back = &out, .n = words->n};

	if (words->link == PROCESS_RING) {
		process_ring_pong(&trip);
	} else if (words->link == PROCESS_LINE) {
		trip.back = &in;
		process_line_pong(&trip);
	} else {
		process_link_pong(&trip);
	}
}

/* Events move. */
static int child_work(struct process_words *words)
{
	int rc = child_open(words);
	uint64_t preempted;

	if (rc == 0)
		rc = child_pin(words);
	if (rc < 0)
		return rc;
	preempted = bench_thread_preempted();
	__atomic_store_n(&words->ready, 1, __ATOMIC_RELEASE);
	if (words->task == PROCESS_SEND)
		process_send(&out, words->n);
	else if (words->task == PROCESS_RECEIVE)
		process_receive(&in, &words->meter);
	else
		child_pong(words);
	words->preempted = bench_thread_preempted() - preempted;
	rc = in.code < 0 ? in.code : out.code;
	return rc < 0 ? rc : child_close();
}

static int child_watch(struct process_words *words)
{
	struct sluice_watch *watch;
	int rc = sluice_watch_open(&watch,
				   SLUICE_WATCH(.pipeline = "bench",
						.folder = words->folder,
						.timeout_ms = PROCESS_WAIT_MS));

	if (rc < 0)
		return rc;
	while (rc == 0) {
		struct sluice_snapshot *now;

		rc = sluice_watch_read(watch, &now, PROCESS_WAIT_MS);
		if (rc == 0)
			sluice_snapshot_close(now);
		__atomic_store_n(&words->ready, 1, __ATOMIC_RELEASE);
	}
	if (rc == -EPIPE)
		rc = 0;
	sluice_watch_close(watch);
	return rc;
}

static int child_attaches(struct process_words *words)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < PROCESS_ATTACHES; i++) {
		struct sluice_watch *watch = NULL;
		struct sluice_stage *port = NULL;
		int64_t began_ns = bench_now_ns();

		if (words->role == PROCESS_OBSERVER)
			rc = sluice_watch_open(
				&watch,
				SLUICE_WATCH(.pipeline = "bench",
					     .folder = words->folder,
					     .timeout_ms = PROCESS_WAIT_MS));
		else if (words->role == PROCESS_CONSUMER)
			rc = child_attach(words, "there", NULL, &port);
		else
			rc = child_attach(words, NULL, "back", &port);
		words->attach_ns[i] = bench_now_ns() - began_ns;
		sluice_watch_close(watch);
		if (rc == 0 && port != NULL)
			rc = sluice_detach(port, PROCESS_WAIT_MS);
	}
	return rc;
}

int process_main(const char *fd)
{
	struct process_words *words =
		mmap(NULL, sizeof(*words), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_POPULATE, atoi(fd), 0);
	int rc;

	if (words == MAP_FAILED)
		return 2;
	/* Nobody spins on when the first process is killed. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != words->parent)
		return 2;
	if (words->task == PROCESS_WATCH)
		rc = child_watch(words);
	else if (words->task == PROCESS_ATTACH)
		rc = child_attaches(words);
	else
		rc = child_work(words);
	words->code = rc;
	if (rc < 0)
		(void)snprintf(words->text, sizeof(words->text), "%s",
			       sluice_last_error());
	return rc < 0;
}
