/* SPDX-License-Identifier: Apache-2.0 */
/* What a process stage is asked to be: checked, copied, and shown to the listener. */
#define _GNU_SOURCE /* environ */
#include "engine/control/door_priv.h"
#include "engine/peer/process_priv.h"
#include "engine/peer/seats_priv.h"
#include "engine/peer/wish_priv.h"
#include "ring/base_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void sluice_process_opts_init(struct sluice_process_opts *opts)
{
	if (opts != NULL)
		*opts = (struct sluice_process_opts){.size = sizeof(*opts)};
}

/* ---- lists of words ------------------------------------------------------------------ */

static int words_count(const char *name, const char *field,
		       const char *const *words, uint32_t *count)
{
	for (*count = 0; words[*count] != NULL; ++*count)
		if (*count == SLUICE_PROCESS_ARGS_MAX)
			return sluice_fail(-EINVAL,
					   "stage '%s': %s is over the limit "
					   "of %u words",
					   name, field,
					   SLUICE_PROCESS_ARGS_MAX);
	return 0;
}

static void words_free(char **words)
{
	for (uint32_t i = 0; words != NULL && words[i] != NULL; i++)
		free(words[i]);
	free(words);
}

static int word_is_of(const char *word, const char *name)
{
	size_t length = strlen(name);

	return strncmp(word, name, length) == 0 && word[length] == '=';
}

/* A copy, without those that set @except, and with @last behind them. NULL: no
 * memory. */
static char **words_copy(const char *const *words, uint32_t count,
			 const char *except, const char *last)
{
	char **copy = calloc(count + 2, sizeof(*copy));
	uint32_t n = 0;

	if (copy == NULL)
		return NULL;
	for (uint32_t i = 0; i <= count; i++) {
		const char *word = i < count ? words[i] : last;

		if (word == NULL ||
		    (i < count && except != NULL && word_is_of(word, except)))
			continue;
		copy[n] = strdup(word);
		if (copy[n++] == NULL) {
			words_free(copy);
			return NULL;
		}
	}
	return copy;
}

/* ---- options ----------------------------------------------------------------------- */

static int process_limit(const char *name, const char *field, uint32_t *value,
			 uint32_t otherwise)
{
	if (*value == 0)
		*value = otherwise;
	if (*value > SLUICE_PROCESS_MS_MAX)
		return sluice_fail(-EINVAL,
				   "stage '%s': %s %u is over the limit of %u",
				   name, field, *value, SLUICE_PROCESS_MS_MAX);
	return 0;
}

static int process_check_name(const char *name)
{
	if (name == NULL)
		return sluice_fail(-EINVAL, "process: name is NULL");
	if (name[0] == '\0' || strlen(name) >= SLUICE_NAME_BYTES ||
	    strspn(name, SLUICE_NAME_CHARS) != strlen(name))
		return sluice_fail(-EINVAL,
				   "process: name '%.63s' is not 1 to %u of "
				   "A-Z a-z 0-9 _ . -",
				   name, SLUICE_NAME_BYTES - 1);
	return 0;
}

static int process_check_deliveries(struct sluice_process_opts *o)
{
	char whose[SLUICE_NAME_BYTES + 8];

	(void)snprintf(whose, sizeof(whose), "stage '%s'", o->name);
	return deliveries_check(whose, &o->max_deliveries, 0);
}

/* What would have no effect is refused. */
static int process_check_stall(const struct sluice_process_opts *o)
{
	int ends = o->on_stall == SLUICE_STALL_DETACH ||
		   o->on_stall == SLUICE_STALL_EVICT;

	if (o->on_stall > SLUICE_STALL_NEVER)
		return sluice_fail(-EINVAL,
				   "stage '%s': on_stall %u is over the limit "
				   "of %u, SLUICE_STALL_NEVER",
				   o->name, o->on_stall, SLUICE_STALL_NEVER);
	if (o->on_stall != 0 && o->from == NULL)
		return sluice_fail(-EINVAL,
				   "stage '%s': on_stall %u, and from is NULL; "
				   "nobody waits for what only feeds",
				   o->name, o->on_stall);
	if (ends != (o->stall_ms != 0))
		return sluice_fail(-EINVAL,
				   "stage '%s': on_stall %u with stall_ms %u",
				   o->name, o->on_stall, o->stall_ms);
	if (o->stall_ms > SLUICE_STALL_MS_MAX)
		return sluice_fail(-EINVAL,
				   "stage '%s': stall_ms %u is over the limit "
				   "of %u",
				   o->name, o->stall_ms, SLUICE_STALL_MS_MAX);
	return 0;
}

static int process_check(struct sluice_process_opts *o)
{
	int rc = process_check_name(o->name);

	if (rc == 0)
		rc = opts_check_resv(o->resv, 5, "process options");
	if (rc == 0 && (o->flags & ~SLUICE_PROCESS_TRUSTED) != 0)
		rc = sluice_fail(-EINVAL, "stage '%s': unknown flags %#x",
				 o->name, o->flags);
	if (rc == 0 && (o->argv == NULL || o->argv[0] == NULL))
		rc = sluice_fail(-EINVAL, "stage '%s': argv names no program",
				 o->name);
	if (rc == 0 && o->from == NULL && o->to == NULL)
		rc = sluice_fail(-EINVAL,
				 "stage '%s': from and to are NULL; a process "
				 "consumes from a stage, or feeds one, or both",
				 o->name);
	if (rc == 0 && (o->restart < SLUICE_RESTART_NONE ||
			o->restart > SLUICE_RESTART_TEMPORARY))
		rc = sluice_fail(-EINVAL,
				 "stage '%s': restart %d is none of none, "
				 "permanent, transient, temporary",
				 o->name, (int)o->restart);
	if (rc == 0)
		rc = process_check_deliveries(o);
	if (rc == 0)
		rc = process_check_stall(o);
	if (rc == 0)
		rc = process_limit(o->name, "attach_ms", &o->attach_ms,
				   SLUICE_PROCESS_ATTACH_DEFAULT);
	return rc < 0 ? rc
		      : process_limit(o->name, "end_ms", &o->end_ms,
				      SLUICE_PROCESS_END_DEFAULT);
}

/* ---- what it is to say --------------------------------------------------------------- */

static int process_stage_name(char to[SLUICE_NAME_BYTES], const char *name,
			      const char *field, const char *stage)
{
	if (stage == NULL)
		return 0;
	if (strlen(stage) >= SLUICE_NAME_BYTES)
		return sluice_fail(-EINVAL,
				   "stage '%s': %s '%.20s' is over the limit "
				   "of %u bytes",
				   name, field, stage, SLUICE_NAME_BYTES - 1);
	(void)snprintf(to, SLUICE_NAME_BYTES, "%s", stage);
	return 0;
}

static int process_wish_of(struct process *process, enum wire_side side)
{
	const struct wire_hello *hello = &process->hello;
	struct wish wish;
	int rc;

	wish_of(&wish, hello, side);
	rc = wish_find(&wish, process->pipeline);
	if (rc == 0)
		rc = wish_fits(&wish);
	if (rc == 0 && hello->role == WIRE_PRODUCER && wish.resequences)
		rc = sluice_fail(-EINVAL,
				 "stage '%s' restores an order, and is fed by "
				 "workers only",
				 wish.stage);
	return rc;
}

/* Would it be let in, as far as can be told now? */
static int process_wish(struct process *process)
{
	int rc = 0;

	if (wire_reads(process->hello.role))
		rc = process_wish_of(process, WIRE_FROM);
	if (rc == 0 && wire_feeds(process->hello.role))
		rc = process_wish_of(process, WIRE_TO);
	return rc;
}

static int process_hello(struct process *process,
			 const struct sluice_process_opts *o)
{
	struct wire_hello *hello = &process->hello;
	struct wire_hello checked;
	int rc;

	wire_init(hello, WIRE_HELLO, sizeof(*hello));
	(void)snprintf(hello->pipeline, sizeof(hello->pipeline), "%s",
		       process->pipeline->name);
	(void)snprintf(hello->peer, sizeof(hello->peer), "%s", o->name);
	rc = process_stage_name(hello->from, o->name, "from", o->from);
	if (rc == 0)
		rc = process_stage_name(hello->to, o->name, "to", o->to);
	if (rc < 0)
		return rc;
	WIRE_HELLO_NUMBERS(WIRE_HELLO_TAKE)
	rc = wire_hello_sides(hello, o->from, o->to, o->event_bytes,
			      o->to_bytes);
	if (rc == 0)
		rc = wire_hello_read(&checked, hello, sizeof(*hello));
	if (rc == 0)
		rc = process_wish(process);
	return rc < 0 ? sluice_fail(rc, "stage '%s': %s", o->name,
				    sluice_last_error())
		      : 0;
}

/* ---- what is to be executed ------------------------------------------------------------ */

static int process_no_memory(const char *name)
{
	return sluice_fail(-ENOMEM, "stage '%s': no memory", name);
}

static int process_words(struct process *process,
			 const struct sluice_process_opts *o)
{
	const char *const *env =
		o->env != NULL ? o->env : (const char *const *)environ;
	uint32_t args = 0;
	uint32_t vars = 0;
	int rc = words_count(o->name, "argv", o->argv, &args);

	if (rc == 0 && env != NULL)
		rc = words_count(o->name, "env", env, &vars);
	if (rc < 0)
		return rc;
	process->argv = words_copy(o->argv, args, NULL, NULL);
	process->env = words_copy(env, vars, EXEC_FD, EXEC_FD "=3");
	if (process->argv == NULL || process->env == NULL)
		return process_no_memory(o->name);
	process->program = exec_find(o->argv[0], &rc);
	return process->program != NULL
		       ? 0
		       : sluice_fail(rc, "stage '%s': %s: %s", o->name,
				     o->argv[0], sluice_errno_text(rc));
}

/* ---- its life ---------------------------------------------------------------------- */

void process_drop(struct process *process)
{
	guest_drop(&process->guest);
	if (process->pidfd >= 0)
		(void)close(process->pidfd);
	words_free(process->argv);
	words_free(process->env);
	free(process->program);
	free(process);
}

void process_free(struct process *process)
{
	uint32_t code = process->reason == SLUICE_REASON_ERROR
				? (uint32_t)-process->code
				: 0;

	for (int side = 0; side < 2; side++)
		due_end(&process->due[side], process->pipeline, process->reason,
			code);
	process_drop(process);
}

static int process_due(struct process *process,
		       const struct sluice_process_opts *o)
{
	const char *const stage[2] = {[WIRE_FROM] = o->from, [WIRE_TO] = o->to};
	int rc = 0;

	for (int side = 0; rc == 0 && side < 2; side++)
		if (stage[side] != NULL)
			rc = due_begin(&process->due[side], process->pipeline,
				       stage[side], (enum wire_side)side);
	return rc;
}

int process_new(struct process **out, struct sluice_pipeline *pipeline,
		const struct sluice_process_opts *o)
{
	struct process *process = calloc(1, sizeof(*process));
	int rc;

	if (process == NULL)
		return process_no_memory(o->name);
	process->pipeline = pipeline;
	process->guest.process = process;
	process->guest.socket = process->guest.pidfd = process->pidfd = -1;
	process->trusted = (o->flags & SLUICE_PROCESS_TRUSTED) != 0;
	process->own = (struct peer_own){
		.deliveries_max = o->max_deliveries,
		.on_stall = o->on_stall,
		.stall_ms = o->stall_ms,
	};
	process->restart = o->restart;
	process->attach_ms = o->attach_ms;
	process->end_ms = o->end_ms;
	process->attached = o->attached;
	process->kill_ns = UINT64_MAX;
	process->reason = SLUICE_REASON_NORMAL;
	rc = process_hello(process, o);
	if (rc == 0)
		rc = process_words(process, o);
	if (rc == 0)
		rc = process_due(process, o);
	if (rc < 0) {
		process_free(process);
		return rc;
	}
	if (process->attached != NULL)
		sluice_store_release(process->attached, 0);
	*out = process;
	return 0;
}

/* May it come now? Names are had once; one that is added meanwhile is met when the
 * process attaches. */
static int process_may_come(struct sluice_pipeline *p, const char *name)
{
	enum pipeline_phase phase;
	int rc = 0;

	pipeline_lock(p);
	phase = host_phase(&p->host);
	if (phase == PIPELINE_DECLARED)
		p->peered = 1;
	if (phase == PIPELINE_FINISHED)
		rc = sluice_fail(-EPIPE, "pipeline '%s' has ended", p->name);
	else if (!p->peered)
		rc = sluice_fail(-EINVAL,
				 "stage '%s': a pipeline without a name takes "
				 "its first process stage before the start",
				 name);
	else if (pipeline_find(p, name) != NULL)
		rc = sluice_fail(-EEXIST,
				 "stage '%s': the name is in use already",
				 name);
	pipeline_unlock(p);
	return rc;
}

static int process_add(struct sluice_pipeline *p,
		       const struct sluice_process_opts *o)
{
	struct process *process = NULL;
	struct listener *l;
	void *seats;
	int rc = process_may_come(p, o->name);

	if (rc == 0)
		rc = process_new(&process, p, o);
	if (rc < 0 || process == NULL)
		return rc;
	seats = seats_open(p);
	rc = seats != NULL ? listener_of_pipeline(p, &seats_ops, seats, &l)
			   : process_no_memory(o->name);
	if (rc == 0)
		rc = listener_enter(l, process);
	if (rc < 0)
		process_free(process);
	return rc;
}

int sluice_process_add(struct sluice_pipeline *pipeline,
		       const struct sluice_process_opts *opts)
{
	SLUICE_KEEP_ERRNO;
	struct sluice_process_opts o = {.size = sizeof(o)};
	int rc = door_pipeline(pipeline, __func__);

	if (rc == 0 && opts == NULL)
		rc = door_missing(__func__, "opts");
	if (rc == 0)
		rc = opts_copy(&o, opts, sizeof(o), "process options");
	if (rc == 0)
		rc = process_check(&o);
	return rc < 0 ? rc : process_add(pipeline, &o);
}
