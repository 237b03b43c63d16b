/* SPDX-License-Identifier: Apache-2.0 */
/* For programs whose children start threads, which ThreadSanitizer forbids unless it is
 * told not to: they are forked while their parent has none. Included once a program. */
#ifndef SLUICE_TESTS_SUPPORT_CHILD_THREADS_H
#define SLUICE_TESTS_SUPPORT_CHILD_THREADS_H

#ifdef __SANITIZE_THREAD__
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "die_after_fork=0";
}
#endif

#endif
