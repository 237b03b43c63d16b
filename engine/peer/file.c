/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* AT_EMPTY_PATH */
#include "engine/peer/file_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int file_ask(struct file *out, int fd, const char *path, int flags)
{
	struct statx is;

	if (syscall(SYS_statx, fd, path, flags, STATX_BASIC_STATS, &is) < 0)
		return -errno;
	*out = (struct file){
		.mode = is.stx_mode,
		.uid = is.stx_uid,
		.bytes = is.stx_size,
		.device = (uint64_t)is.stx_dev_major << 32 | is.stx_dev_minor,
		.inode = is.stx_ino,
	};
	return 0;
}

int file_of(struct file *out, int fd)
{
	return file_ask(out, fd, "", AT_EMPTY_PATH);
}

int file_at(struct file *out, const char *path)
{
	return file_ask(out, AT_FDCWD, path, 0);
}

int file_at_itself(struct file *out, const char *path)
{
	return file_ask(out, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
}
