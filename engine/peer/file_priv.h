/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a file is. stat() and its like are symbols that glibc has since 2.33 only,
 * and what they were before is not to be had any more; so the kernel is asked. Of
 * file.c. Not installed.
 *
 * Knows      files
 * Knows not  what they are for
 */
#ifndef SLUICE_ENGINE_FILE_PRIV_H
#define SLUICE_ENGINE_FILE_PRIV_H

#include <stdint.h>

struct file {
	uint32_t mode; /* kind and permissions */
	uint32_t uid;
	uint64_t bytes;
	uint64_t device;
	uint64_t inode;
};

/* Of a descriptor; of what lies at a path, links followed or not. Each returns 0
 * or a negative errno, and leaves errno as that. */
int file_of(struct file *out, int fd);
int file_at(struct file *out, const char *path);
int file_at_itself(struct file *out, const char *path);

#endif
