/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base.h
 * What every public header needs: the version, export marks, the table of error
 * codes, and the text behind the last control-plane error.
 *
 * Every fallible call returns an int: a count or 0 when it worked, a negative
 * errno when it did not. The codes sluice uses:
 *
 *   -EAGAIN      full, empty, or no credit right now
 *   -EINVAL      a bad option; sluice_last_error() names field and limit
 *   -E2BIG       an options struct from a newer sluice with fields set
 *   -EEXIST      the name is in use
 *   -ENOENT      no stage of that name, no such subscription
 *   -EBUSY       not in this state (say, adding a stage while running), or a
 *                partition that is in use
 *   -ENOMEM      memory for the region or for private state was refused
 *   -ENOSPC      a fixed limit of this pipeline is used up
 *   -EPROTO      not a sluice region, or one of another version; or what
 *                another process says of its events cannot be true
 *   -EPIPE       the stream, the stage or the pipeline has ended
 *   -EALREADY    what is asked for is being done, or was done, already
 *   -EDEADLK     the calling thread would wait for itself: it is inside a
 *                callback, a hook or a task of that pipeline
 *   -ECHILD      the pipeline belongs to the process that opened it, and this
 *                is a child of that process
 *   -EMSGSIZE    an answer does not fit the caller's room
 *   -ENOTSUP     the stage has no callback for that
 *   -EPERM       the call is not allowed here: a reply outside of handle_call
 *   -EIO         a callback answered SLUICE_FAIL
 *   -ELOOP       an event was handed out too often
 *   -ERANGE      a key function named a partition that does not exist
 *   -ETIMEDOUT   the deadline passed
 *   -ECANCELED   the pipeline was stopped before its streams ended, or before
 *                its start was complete
 *   others       the kernel's own code when it refuses a resource (say,
 *                -EMFILE), or the code that a stage's callback returned
 *
 * Data-path calls return counts and -EAGAIN only. The library never writes to
 * standard output or standard error and never ends a process. Every call leaves
 * errno as it was.
 */
#ifndef SLUICE_RING_BASE_H
#define SLUICE_RING_BASE_H

#include "options.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#define SLUICE_VERSION_MAJOR  0
#define SLUICE_VERSION_MINOR  1
#define SLUICE_VERSION_PATCH  0
#define SLUICE_VERSION_STRING "0.1.0"

#define SLUICE_API                __attribute__((visibility("default")))
#define SLUICE_MUST_CHECK         __attribute__((warn_unused_result))
#define SLUICE_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

#if defined(__cplusplus)
#define SLUICE_BEGIN_DECLS               extern "C" {
#define SLUICE_END_DECLS                 }
#define SLUICE_STATIC_ASSERT(cond, text) static_assert(cond, text)
#define SLUICE_CAST(type, value)         (static_cast<type>(value))
#define SLUICE_ADDRESS(pointer)          (reinterpret_cast<uintptr_t>(pointer))
#else
#define SLUICE_BEGIN_DECLS
#define SLUICE_END_DECLS
#define SLUICE_STATIC_ASSERT(cond, text) _Static_assert(cond, text)
#define SLUICE_CAST(type, value)         ((type)(value))
#define SLUICE_ADDRESS(pointer)          ((uintptr_t)(pointer))
#endif

#define SLUICE_LIKELY(cond)   __builtin_expect(!!(cond), 1)
#define SLUICE_UNLIKELY(cond) __builtin_expect(!!(cond), 0)

/** Longest name of a pipeline, stage, counter or object, in bytes, with its
 * terminating NUL. */
#define SLUICE_NAME_BYTES 64

SLUICE_BEGIN_DECLS

/** The version of the library that is running, as "0.1.0". Threads: any. */
SLUICE_API const char *sluice_version(void);

/**
 * sluice_last_error - the text behind this thread's last failed call.
 *
 * Names the object, the field and the limit, for example
 * "stage 'printer': in_bytes 16 does not match 'counter' out_bytes 8".
 *
 * Every call that returns a negative code sets the text, also sluice_send() and
 * sluice_recv() that return -EAGAIN: so the text always belongs to the last
 * call that failed. Calls that report otherwise set none: the inline calls on
 * rings, sluice_emit() when there is no room, sluice_stage_find() when there is
 * no such stage.
 *
 * Returns a NUL-terminated string, "" when nothing has failed yet; valid until
 * this thread's next failing call.
 * Threads:  any; the text is thread-local.
 */
SLUICE_API const char *sluice_last_error(void);

/**
 * sluice_strerror - a short, fixed text for one of the codes above.
 *
 * @rc  0 or a negative errno as returned by a sluice call
 *
 * Returns a constant string, never NULL.  Threads: any.
 */
SLUICE_API const char *sluice_strerror(int rc);

SLUICE_END_DECLS

#endif
