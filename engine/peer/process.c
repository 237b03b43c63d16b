/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a process stage; see process_priv.h. */
#define _GNU_SOURCE /* socketpair with SOCK_CLOEXEC */
#include "engine/peer/process_priv.h"
#include "ring/base_priv.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* How often is looked whether the stage that stood for one is gone. */
#define SETTLE_NS (5 * PLATFORM_NS_PER_MS)

static const char *process_name(const struct process *process)
{
	return process->hello.peer;
}

/* ---- why it has failed ------------------------------------------------------------ */

/* The first reason counts. */
static void process_fails(struct process *process, int code, const char *fmt,
			  ...) SLUICE_PRINTF(3, 4);
static void process_fails(struct process *process, int code, const char *fmt,
			  ...)
{
	va_list args;

	if (process->code != 0)
		return;
	process->code = code;
	va_start(args, fmt);
	(void)vsnprintf(process->text, sizeof(process->text), fmt, args);
	va_end(args);
}

/* One that comes when the pipeline ends has not failed. Whoever joins the pipeline
 * takes ETIMEDOUT for its own. */
void process_refused(struct process *process, int code)
{
	if (code == -ETIMEDOUT)
		code = -ENOTCONN;
	if (host_command(&process->pipeline->host) != PIPELINE_RUN)
		process->told = process->late = 1;
	else
		process_fails(process, code, "stage '%s': %s",
			      process_name(process), sluice_last_error());
}

void process_attached(struct process *process)
{
	if (process->attached != NULL)
		(void)sluice_fetch_add(process->attached, 1);
}

void process_not_executed(struct process *process, int code)
{
	process_fails(process, code, "stage '%s': %s: %s",
		      process_name(process), process->program,
		      sluice_errno_text(code));
}

void process_gone(struct process *process, enum peer_gone why, int code)
{
	int is_in = process->guest.state != GUEST_WELCOMED;

	switch (why) {
	case PEER_LEFT:
		process->left = 1;
		process->late =
			!is_in &&
			host_command(&process->pipeline->host) != PIPELINE_RUN;
		break;
	case PEER_DISMISSED:
		if (code == -ETIMEDOUT) { /* it stands still: stall_ms */
			process_fails(process, -EOWNERDEAD,
				      "stage '%s': process %u stands still",
				      process_name(process), process->pid);
			break;
		}
		process->told = 1;
		process->late = !is_in;
		break;
	case PEER_LOST:
		process_fails(process, -EPIPE,
			      "stage '%s': process %u has closed its "
			      "connection without a word",
			      process_name(process), process->pid);
		break;
	case PEER_PROTOCOL:
	case PEER_LATE:
		process_fails(process, -EPROTO, "stage '%s': process %u: %s",
			      process_name(process), process->pid,
			      sluice_last_error());
		break;
	case PEER_DIED:  /* how, is not known yet */
	case PEER_ENDED: /* not while it is up */
		break;
	}
}

static void process_ended(struct process *process, struct exec_end end)
{
	if (process->late)
		return;
	if (end.known && end.signal != 0 && process->killed)
		process_fails(process, -EOWNERDEAD,
			      "stage '%s': process %u has not ended within "
			      "end_ms, %u, and was killed",
			      process_name(process), process->pid,
			      process->end_ms);
	else if (end.known && end.signal != 0)
		process_fails(process, -EOWNERDEAD,
			      "stage '%s': process %u was killed by signal %d",
			      process_name(process), process->pid, end.signal);
	else if (end.known && end.status != 0)
		process_fails(process, -EOWNERDEAD,
			      "stage '%s': process %u has exited with %d",
			      process_name(process), process->pid, end.status);
	else if (!end.known && !process->left && !process->told)
		process_fails(process, -EOWNERDEAD,
			      "stage '%s': process %u has died, and somebody "
			      "else has been told how",
			      process_name(process), process->pid);
}

/* It has failed, and nothing more becomes of it: others go on. Who waits for the
 * pipeline is to know, unless failures are expected (restart). */
static void process_note(struct process *process)
{
	struct host *host = &process->pipeline->host;

	host_log(host, "%s", process->text);
	if (process->restart == SLUICE_RESTART_NONE &&
	    host_command(host) != PIPELINE_STOP)
		host_note_failure(host, process->code, "%s", process->text);
}

/* ---- it starts ---------------------------------------------------------------------- */

int process_judge(const struct process *process, const struct wire_hello *hello)
{
	const struct wire_hello *own = &process->hello;

	if (hello->role == own->role && strcmp(hello->peer, own->peer) == 0 &&
	    strcmp(hello->from, own->from) == 0 &&
	    strcmp(hello->to, own->to) == 0)
		return 0;
	return sluice_fail(-EPERM,
			   "it was started to be a %s of '%s', and nothing "
			   "else",
			   wire_role_text(own->role),
			   own->from[0] != '\0' ? own->from : own->to);
}

/* Its guest, whose socket no child of ours keeps. */
static void process_meet(struct listener *l, struct process *process)
{
	const struct peer_identity identity = {
		.pid = process->pid, .uid = getuid(), .gid = getgid()};
	int pidfd = fcntl(process->pidfd, F_DUPFD_CLOEXEC, 0);
	struct guest *guest = &process->guest;

	if (pidfd >= 0) {
		guest_begin(l, guest, guest->socket, pidfd, &identity);
		return;
	}
	process_fails(process, -errno, "stage '%s': no descriptor: %s",
		      process_name(process), sluice_errno_text(-errno));
	kin_close(&guest->socket);
}

static int process_exec(struct process *process, int socket)
{
	struct wire_word word;
	const struct exec exec = {
		.program = process->program,
		.argv = process->argv,
		.env = process->env,
		.socket = socket,
		.message = &word,
		.bytes = sizeof(word),
		.error = &word.code,
	};
	int rc;

	wire_word_init(&word, WIRE_END, -EIO, SLUICE_REASON_ERROR,
		       "it could not be executed");
	/* The first word is ours: what it is to say. */
	rc = packet_send(process->guest.socket, &process->hello,
			 sizeof(process->hello), NULL, 0);
	if (rc == 0)
		rc = exec_start(&exec, &process->pidfd);
	if (rc > 0)
		process->pid = (uint32_t)rc;
	return rc;
}

static int process_connect(struct process *process)
{
	int ends[2] = {-1, -1};
	int rc = 0;

	kin_lock();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, ends) < 0)
		rc = -errno;
	process->guest.socket = ends[0];
	kin_unlock();
	if (rc == 0)
		rc = process_exec(process, ends[1]);
	if (ends[1] >= 0)
		(void)close(ends[1]);
	if (rc < 0)
		kin_close(&process->guest.socket);
	return rc;
}

static void process_settle(struct process *process);

/* It was not started, or not again: the pipeline ends, or what it is for has ended. */
static void process_forgo(struct process *process)
{
	process->state = PROCESS_SETTLING;
	process->again = 0;
	if (process->code != 0)
		process_note(process);
}

static void process_start(struct listener *l, struct process *process)
{
	int rc = pipeline_stay(l->pipeline);

	if (rc < 0) {
		process_forgo(process);
		return;
	}
	process->own.restarts += (uint32_t)(process->again != 0);
	process->kill_ns = UINT64_MAX;
	process->killed = process->told = process->left = process->late = 0;
	process->code = 0;
	process->state = PROCESS_UP;
	rc = process_connect(process);
	if (rc > 0) {
		process_meet(l, process);
		return;
	}
	process_fails(process, rc, "stage '%s': it cannot be started: %s",
		      process_name(process), sluice_errno_text(rc));
	process_settle(process);
}

/* ---- it has ended ------------------------------------------------------------------- */

static void process_restart(struct process *process)
{
	struct sluice_pipeline *p = process->pipeline;
	const struct restart_policy *policy = &engine_of(p)->policy;
	uint64_t delay_ns;

	if (process->code == 0)
		(void)snprintf(process->text, sizeof(process->text),
			       "stage '%s': process %u has exited with 0",
			       process_name(process), process->pid);
	if (restart_decide(&process->history, policy, host_now(&p->host),
			   p->platform->random(p->platform->ctx),
			   &delay_ns) == RESTART_ESCALATE) {
		host_fail(&p->host, process->code != 0 ? process->code : -EPIPE,
			  "%s; that is more than max_restarts %u allows",
			  process->text, policy->max_restarts);
		return;
	}
	host_log(&p->host, "%s; restarting in %llu ms", process->text,
		 (unsigned long long)(delay_ns / PLATFORM_NS_PER_MS));
	process->start_ns = host_now(&p->host) + delay_ns;
	process->again = 1;
}

/* It has failed, or is to be there always. */
static void process_decide(struct process *process)
{
	struct host *host = &process->pipeline->host;

	if (host_command(host) != PIPELINE_RUN) {
		if (process->code != 0)
			process_note(process);
		return;
	}
	switch (process->restart) {
	case SLUICE_RESTART_NONE:
		host_fail(host, process->code, "%s", process->text);
		break;
	case SLUICE_RESTART_PERMANENT:
	case SLUICE_RESTART_TRANSIENT:
		process_restart(process);
		break;
	case SLUICE_RESTART_TEMPORARY:
		host_log(host, "%s", process->text);
		process->reason = SLUICE_REASON_ERROR;
		break;
	}
}

/* No process of it is there any more. */
static void process_settle(struct process *process)
{
	process->state = PROCESS_SETTLING;
	process->again = 0;
	process->reason = SLUICE_REASON_NORMAL;
	if (process->told && process->code != 0)
		process_note(process);
	else if (!process->told &&
		 (process->code != 0 ||
		  process->restart == SLUICE_RESTART_PERMANENT))
		process_decide(process);
	pipeline_stay_no_more(process->pipeline);
}

/* Returns non-zero: it has ended. */
static int process_reap(struct process *process)
{
	struct exec_end end;

	if (!exec_reap(process->pidfd, &end))
		return 0;
	process_ended(process, end);
	(void)close(process->pidfd);
	process->pidfd = -1;
	process_settle(process);
	return 1;
}

/* ---- rounds ------------------------------------------------------------------------- */

static void process_look_up(struct listener *l, struct process *process)
{
	if (process->guest.state == GUEST_HELLO &&
	    host_command(&l->pipeline->host) != PIPELINE_RUN)
		guest_end(l, &process->guest); /* it comes too late */
	if (process->guest.state != GUEST_FREE)
		return;
	/* If nothing can be polled, this is no more than a hint. */
	if (l->polled[process->polled].revents != 0 && process_reap(process))
		return;
	if (process->kill_ns == UINT64_MAX)
		process->kill_ns = process->code != 0
					   ? 0
					   : listener_in_ms(l, process->end_ms);
	if (process->killed || listener_now(l) < process->kill_ns)
		return;
	process->killed = 1;
	exec_kill(process->pidfd);
}

/* Who has gone leaves it free; returns non-zero once it is. */
static int process_has_place(const struct listener *l,
			     const struct process *process)
{
	return l->ops->settled(l->ctx, process_name(process), process->again);
}

/* Are those still there that it is for, and is anything to go on? */
static int process_is_wanted(const struct process *process)
{
	struct sluice_pipeline *p = process->pipeline;

	if (host_command(&p->host) != PIPELINE_RUN)
		return 0;
	for (int i = 0; i < 2; i++)
		if (process->due[i].stage[0] != '\0' &&
		    !due_lives(&process->due[i], p))
			return 0;
	return 1;
}

static void process_look_due(struct listener *l, struct process *process)
{
	if (host_phase(&l->pipeline->host) < PIPELINE_RUNNING)
		return;
	if (!process_is_wanted(process))
		process_forgo(process);
	else if (listener_now(l) >= process->start_ns)
		process_start(l, process);
}

int process_look(struct listener *l, struct process *process)
{
	switch (process->state) {
	case PROCESS_DUE:
		process_look_due(l, process);
		break;
	case PROCESS_UP:
		process_look_up(l, process);
		break;
	case PROCESS_SETTLING:
		if (!process_has_place(l, process))
			break;
		if (!process->again)
			return 1;
		process->state = PROCESS_DUE;
		/* What it is for may have ended meanwhile, which nobody tells
		 * again. */
		process_look_due(l, process);
		break;
	}
	return 0;
}

void process_prepare(struct listener *l, struct process *process,
		     uint64_t *next_ns)
{
	uint64_t due_ns = UINT64_MAX;

	switch (process->state) {
	case PROCESS_DUE:
		if (host_phase(&l->pipeline->host) >= PIPELINE_RUNNING)
			due_ns = process->start_ns;
		break;
	case PROCESS_UP:
		process->polled = listener_watch(l, process->pidfd);
		if (process->guest.state != GUEST_FREE || process->killed)
			break;
		due_ns = process->kill_ns != UINT64_MAX ? process->kill_ns : 0;
		break;
	case PROCESS_SETTLING:
		due_ns = listener_now(l) + SETTLE_NS;
		break;
	}
	if (due_ns < *next_ns)
		*next_ns = due_ns;
}
