/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file process.h
 * Process stages: programs that the pipeline starts, looks after, and ends.
 *
 *   rc = sluice_process_add(p, SLUICE_PROCESS(.name = "square", .argv = argv,
 *                                             .from = "numbers",
 *                                             .restart = SLUICE_RESTART_TRANSIENT));
 *
 * and in the program, which is a peer like any other (attach.h):
 *
 *   rc = sluice_attach(&port, SLUICE_ATTACH());
 *
 * The program finds its socket at descriptor 3, and SLUICE_FD=3 in its environment says
 * so; sluice_attach() without a pipeline takes both, and knows by them which stage it
 * is. The pipeline needs neither a name (unless it is running already) nor
 * sluice_pipeline_listen(), and its stages no SLUICE_STAGE_PEERS_... flags for it; but a
 * broadcast needs SLUICE_STAGE_PEERS_CONSUME for one that is added after the start.
 *
 * One with both `from` and `to` is a worker: one program, one stage, one death, with two
 * ports (sluice_port_sender()), also behind `ordered`. Its unacknowledged
 * events are dealt again when it dies, so no event stays without its results.
 *
 * It is started when the pipeline runs, and reads from the moment when it has
 * attached: it does not see the events that a producer has dealt to others by
 * then, or has broadcast.
 *
 * While a process stage is not over, the stages that it reads from and feeds wait for it
 * as with SLUICE_IDLE_STAY: the process may be on its way, or be restarted.
 * When the process stage is over, a stage beside it that has nobody left ends.
 *
 * What a process starts with: the default signal mask and dispositions; a process group
 * of its own, so that Ctrl-C in a terminal reaches the pipeline's process alone, which
 * may drain (for the terminal it is in the background: if it reads there it is stopped,
 * SIGTTIN); descriptors 0, 1 and 2 of this process, and no other but 3; the folder that
 * this process is in. It is killed when the pipeline's process dies.
 *
 * Processes that the program starts are in its process group, and end with it:
 * when the program is killed, and when it has ended in whatever way, the rest
 * of that group is killed. A program that starts a process which is to outlive
 * it gives that a session of its own (setsid()). When the pipeline's process
 * dies the kernel kills the program alone, not the group. On Linux before 6.9
 * the group is killed only when the program has ended, and not if the host
 * program has waited for it by then.
 *
 * How it ends. A process that exits with 0 has ended, and one that exits with another
 * number, or is killed, or is refused, or does not attach in time, has failed.
 * `restart` says whether it is started again; how often, and after which
 * delays, is in the pipeline's max_restarts, max_seconds, backoff_ms,
 * backoff_max_ms and stable_ms, which count for each process stage alone. The
 * unacknowledged events of a consumer are dealt again, flagged, to the other
 * consumers, or to the next process of this stage. A pipeline that drains
 * restarts nobody.
 *
 * When its stream has ended, or its stage is ended (sluice_stage_end(), found by its
 * name while it is attached), or the pipeline stops, the process is told so:
 * its calls return. From then on, and from when it has left by itself
 * (sluice_detach()), it has end_ms to exit, and then it is killed;
 * sluice_pipeline_join() tells of a process without a restart that fails at the
 * end. The pipeline has ended when its processes have.
 *
 * The memory that it shares with the pipeline counts as a peer's does, for bytes_max of
 * sluice_pipeline_listen(), or the default of that.
 *
 * The process is waited for by its pidfd alone. A host program may wait for all its
 * children, or ignore SIGCHLD: then how the process ended is asked of the kernel, which
 * knows it since Linux 6.15. On an older one it counts as ended if it has left by
 * sluice_detach(), and as failed if not.
 */
#ifndef SLUICE_ENGINE_PROCESS_H
#define SLUICE_ENGINE_PROCESS_H

#include "pipeline.h"
#include "../ring/atomic.h"

SLUICE_BEGIN_DECLS

/** Most process stages of a pipeline that are not over. */
#define SLUICE_PROCESSES_MAX          256u
#define SLUICE_PROCESS_ARGS_MAX       4096u
#define SLUICE_PROCESS_ATTACH_DEFAULT 10000u
#define SLUICE_PROCESS_END_DEFAULT    5000u
#define SLUICE_PROCESS_MS_MAX         3600000u

/** For sluice_process_opts.flags: what it sends is handed to handlers where it lies, and
 * not copied before; what that means says listen.h, "Who is trusted". */
#define SLUICE_PROCESS_TRUSTED 1u

/** A field that is 0 has its default. What a field of the process's subscription means
 * struct sluice_subscription_opts says; the program may give other windows when it
 * attaches. */
struct sluice_process_opts {
	uint32_t size;  /* of this struct, bytes */
	uint32_t flags; /* SLUICE_PROCESS_TRUSTED */
	/** The stage's name; that of no other stage. */
	const char *name;
	/** The program and its arguments, the last one NULL. A program without a '/' is
	 * looked up in $PATH, now. */
	const char *const *argv;
	/** Its environment, the last one NULL; NULL: that of this process, now.
	 * SLUICE_FD is added. */
	const char *const *env;
	/** The stage that it consumes from, the stage that it feeds; a worker names
	 * both. They were added before. */
	const char *from;
	const char *to;
	/** Of an event, bytes; 0 = whatever that stage has. Another size is refused. Of
	 * a worker: of the events that it reads. */
	uint32_t event_bytes;
	/** Of a consumer or a worker: its window (a number, not SLUICE_DEMAND_AUTO)
	 * and place. */
	uint32_t max_demand;
	int32_t min_demand;
	uint32_t refill_events;
	uint32_t weight;
	uint32_t partition;
	uint32_t tee;
	uint32_t conflate_keys;
	uint32_t key_offset;
	uint32_t key_bytes;
	/** Of a producer or a worker: the window of the stage that it feeds,
	 * events. */
	uint32_t ring_events;
	/** When it has failed: the pipeline ends (NONE); it is started again (TRANSIENT,
	 * and PERMANENT, which is also for one that exits with 0 while its stream goes
	 * on); it is over, and the others go on (TEMPORARY). */
	enum sluice_restart restart;
	/** How long it has from its start until it has attached, up to
	 * SLUICE_PROCESS_MS_MAX; 0 = 10000. */
	uint32_t attach_ms;
	/** How long it has to exit when it is to end, before it is killed; likewise;
	 * 0 = 5000. */
	uint32_t end_ms;
	/** Of a worker: of the events that it sends; as event_bytes. */
	uint32_t to_bytes;
	/** After how many deaths of its process the event that it was at is given up:
	 * as sluice_listen_opts.max_deliveries; 0 = that one, or, in a pipeline that
	 * does not listen, 3. It is over before if max_restarts, which is 3 by
	 * default as well, is less. */
	uint32_t max_deliveries;
	/** Of a consumer or a worker that stands still: SLUICE_STALL_DETACH or
	 * SLUICE_STALL_EVICT, with stall_ms (listen.h, "Who stands still"); or
	 * SLUICE_STALL_NEVER. With either of the first it has failed, and is killed.
	 * 0 = as the listener says; a pipeline that does not listen waits. */
	uint32_t on_stall;
	/** 1 to SLUICE_STALL_MS_MAX, with SLUICE_STALL_DETACH or SLUICE_STALL_EVICT;
	 * else 0. */
	uint32_t stall_ms;
	/** Out, if not NULL: how often its program has attached so far, for
	 * sluice_load_acquire(); set to 0, and written by a thread of the pipeline
	 * until that has been closed. One that exits with 0 and never has was of no
	 * use, and nobody else is told. */
	sluice_a32 *attached;
	uint64_t resv[5]; /* zero */
};

/** Process options; a field that is not named has its default. */
#define SLUICE_PROCESS(...) SLUICE_OPTIONS(sluice_process_opts, __VA_ARGS__)

/** Zero @opts and set its size. */
SLUICE_API void sluice_process_opts_init(struct sluice_process_opts *opts);

/**
 * sluice_process_add - add a stage that is a program of its own.
 *
 * It is started when the pipeline runs, or at once if that does. The options are
 * copied.
 *
 * Returns 0; -EINVAL; -E2BIG; -ENOENT or -EACCES when there is no such program, or no
 * such stage to read from or to feed; -EEXIST when a stage of that name is there;
 * -ENOSPC over SLUICE_PROCESSES_MAX; -EPIPE when the pipeline has ended; -ENOMEM; or why
 * the system refuses a thread. A program that cannot be executed after all fails its
 * stage, which is then said in the same words: "stage 'x': ./prog: ...". Threads: any;
 * no other thread changes the environment meanwhile.
 */
SLUICE_API int
sluice_process_add(struct sluice_pipeline *pipeline,
		   const struct sluice_process_opts *opts) SLUICE_MUST_CHECK;

SLUICE_END_DECLS

#endif
