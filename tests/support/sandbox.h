/* SPDX-License-Identifier: Apache-2.0 */
/* What a sandbox does to a process: from now on, and for good, the kernel answers
 * one system call of its own accord, in every thread. */
#ifndef SLUICE_TESTS_SUPPORT_SANDBOX_H
#define SLUICE_TESTS_SUPPORT_SANDBOX_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* System call @nr gets @action, SECCOMP_RET_ERRNO | errno for one. Returns 0, or
 * -1 where there are no such filters. */
static inline int sandbox_enter(uint32_t nr, uint32_t action)
{
	struct sock_filter filter[] = {
		{BPF_LD | BPF_W | BPF_ABS, 0, 0,
		 offsetof(struct seccomp_data, nr)},
		{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, nr},
		{BPF_RET | BPF_K, 0, 0, action},
		{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
	};
	struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = filter,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		       SECCOMP_FILTER_FLAG_TSYNC, &program) == 0
		       ? 0
		       : -1;
}

#endif
