/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much CPU time this process is given. Of cgroup.c. Not installed.
 *
 * Knows      files of the kernel
 * Knows not  pipelines and threads
 */
#ifndef SLUICE_ENGINE_CGROUP_PRIV_H
#define SLUICE_ENGINE_CGROUP_PRIV_H

#include <stdint.h>

/*
 * Whole CPUs' worth of time, rounded down, at least 1; 0: no limit, or none
 * that can be read.
 *
 * @groups_file  "/proc/self/cgroup"
 * @root         "/sys/fs/cgroup"
 */
uint32_t cgroup_time(const char *groups_file, const char *root);

#endif
