/* SPDX-License-Identifier: Apache-2.0 */
/* What this process holds: to show that a failed or closed thing holds
 * nothing. */
#ifndef SLUICE_TESTS_SUPPORT_FDS_H
#define SLUICE_TESTS_SUPPORT_FDS_H

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static inline int fds_entries(const char *folder)
{
	DIR *dir = opendir(folder);
	int count = 0;

	if (dir == NULL)
		return -1;
	for (struct dirent *entry = readdir(dir); entry != NULL;
	     entry = readdir(dir))
		count += entry->d_name[0] != '.';
	(void)closedir(dir);
	return count;
}

/* Open file descriptors, -1 when /proc cannot be read. The one that reads
 * /proc is counted each time, so only differences mean something. */
static inline int fds_count(void)
{
	return fds_entries("/proc/self/fd");
}

/* Threads, -1 when /proc cannot be read. One that was joined, or is about to
 * end, may be counted still. */
static inline int fds_threads(void)
{
	return fds_entries("/proc/self/task");
}

/* Mappings of files whose name has @part in it, -1 when /proc cannot be read.
 * Not all mappings: the heap of a sanitizer comes and goes as it likes. */
static inline int fds_mappings(const char *part)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	int count = 0;

	if (maps == NULL)
		return -1;
	while (fgets(line, sizeof(line), maps) != NULL)
		count += strstr(line, part) != NULL;
	(void)fclose(maps);
	return count;
}

#endif
