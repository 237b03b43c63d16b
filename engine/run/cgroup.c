/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the control groups of this process leave it: a share of the CPUs' time
 * (cpu.max, cpu.cfs_quota_us), and which CPUs (cpuset). Version 2, version 1, or
 * both at once. A group's own limit and those of all above it hold; a container
 * that sees no more of the tree than its own part finds that one at the top.
 */
#include "engine/run/cgroup_priv.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_BYTES 4096u

/* What a small file says, in whole lines. Returns non-zero when it is there. */
static int cgroup_read(const char *path, char *text, size_t bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t at = 0;
	ssize_t n = 0;

	if (fd < 0)
		return 0;
	while (at < bytes - 1 && (n = read(fd, text + at, bytes - 1 - at)) > 0)
		at += (size_t)n;
	(void)close(fd);
	/* Of a text that is longer the last line would be half a path. */
	if (at == bytes - 1)
		while (at > 0 && text[at - 1] != '\n')
			at--;
	text[at] = '\0';
	return n >= 0;
}

/* The group of this process under @controller: "" is that of version 2. Returns
 * non-zero when there is one. A line is "4:cpu,cpuacct:/group". */
static int cgroup_find(const char *groups, const char *controller, char *group,
		       size_t bytes)
{
	size_t length = strlen(controller);
	const char *line = groups;

	while (line != NULL && *line != '\0') {
		const char *end = strchr(line, '\n');
		const char *names = strchr(line, ':');
		const char *path = names ? strchr(names + 1, ':') : NULL;
		const char *at = names ? names + 1 : NULL;

		while (path != NULL && at <= path) {
			size_t n = strcspn(at, ",:");

			if (n == length && strncmp(at, controller, n) == 0) {
				n = strcspn(path + 1, "\n");
				if (n >= bytes)
					return 0;
				memcpy(group, path + 1, n);
				group[n] = '\0';
				return 1;
			}
			at += n + 1;
		}
		line = end ? end + 1 : NULL;
	}
	return 0;
}

/* One more above @group. Returns zero at the top. */
static int cgroup_up(char *group)
{
	char *slash = strrchr(group, '/');

	if (slash == NULL)
		return 0;
	*slash = '\0';
	return 1;
}

/* "200000 100000", "max 100000": in hundredths of a CPU; 0 is no limit. */
static uint64_t cgroup_share(const char *quota, const char *period)
{
	char *end = NULL;
	unsigned long long most = strtoull(quota, &end, 10);
	unsigned long long per = strtoull(period, NULL, 10);

	/* "max", or -1. */
	if (end == quota || *quota == '-' || per == 0 || most > UINT32_MAX)
		return 0;
	return most * 100 / per > 0 ? most * 100 / per : 1;
}

/* What @file of a group says. Returns non-zero when it is there. */
static int cgroup_file(const char *folder, const char *group, const char *file,
		       char *text, size_t bytes)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s%s/%s", folder, group, file);

	return n > 0 && (size_t)n < sizeof(path) &&
	       cgroup_read(path, text, bytes);
}

/* The limit of one group, of either version. */
static uint64_t cgroup_share_of(const char *folder, const char *group)
{
	char quota[64];
	char period[64];
	const char *space;

	if (cgroup_file(folder, group, "cpu.max", quota, sizeof(quota))) {
		space = strchr(quota, ' ');
		return space ? cgroup_share(quota, space) : 0;
	}
	if (!cgroup_file(folder, group, "cpu.cfs_quota_us", quota,
			 sizeof(quota)) ||
	    !cgroup_file(folder, group, "cpu.cfs_period_us", period,
			 sizeof(period)))
		return 0;
	return cgroup_share(quota, period);
}

static uint64_t cgroup_least_share(const char *folder, char *group)
{
	uint64_t least = 0;

	if (strcmp(group, "/") == 0)
		group[0] = '\0';
	do {
		uint64_t share = cgroup_share_of(folder, group);

		if (share > 0 && (least == 0 || share < least))
			least = share;
	} while (cgroup_up(group));
	return least;
}

/* Where a version 1 controller, or version 2 beside it, is mounted. */
static const char *const version_1_folders[] = {"/cpu", "/cpu,cpuacct",
						"/cpuacct,cpu"};
static const char *const version_2_folders[] = {"", "/unified"};

uint32_t cgroup_time(const char *groups_file, const char *root)
{
	char groups[TEXT_BYTES];
	char group[TEXT_BYTES];
	char folder[PATH_MAX];
	uint64_t least = 0;

	if (!cgroup_read(groups_file, groups, sizeof(groups)))
		return 0;
	for (size_t i = 0; i < 5; i++) {
		const char *under =
			i < 3 ? version_1_folders[i] : version_2_folders[i - 3];
		uint64_t share;

		if (!cgroup_find(groups, i < 3 ? "cpu" : "", group,
				 sizeof(group)))
			continue;
		(void)snprintf(folder, sizeof(folder), "%s%s", root, under);
		share = cgroup_least_share(folder, group);
		if (share > 0 && (least == 0 || share < least))
			least = share;
	}
	if (least == 0)
		return 0;
	/* Who polls beyond the quota is stopped by the kernel. */
	return least < 100 ? 1 : (uint32_t)(least / 100);
}
