/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* secure_getenv, O_PATH */
#include "engine/peer/address_priv.h"
#include "engine/peer/file_priv.h"
#include "ring/base_priv.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FOLDER_BYTES 4096u
/* Somebody may take the lock file away while we open it; not for ever. */
#define LOCK_TRIES 100u

/* Where sockets lie, and what it must be like. */
struct folder {
	char path[FOLDER_BYTES];
	const char *from; /* who says so, for texts */
	mode_t mode;      /* when it is made */
	mode_t others;    /* bits that nobody but its owner may have */
	int own;          /* it must be the caller's */
};

int address_check_name(const char *name)
{
	size_t length;

	if (name == NULL || name[0] == '\0')
		return sluice_fail(-EINVAL,
				   "peers: the pipeline has no name, and peers "
				   "find it by its name");
	length = strnlen(name, SLUICE_NAME_BYTES);
	if (length >= SLUICE_NAME_BYTES)
		return sluice_fail(
			-EINVAL,
			"pipeline '%.20s...': name is over the limit "
			"of %u bytes",
			name, SLUICE_NAME_BYTES - 1);
	if (strspn(name, SLUICE_NAME_CHARS) != length ||
	    strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return sluice_fail(
			-EINVAL,
			"pipeline '%s': for peers, name may hold A-Z "
			"a-z 0-9 _ . - only, and is not \".\" or "
			"\"..\"",
			name);
	return 0;
}

/* ---- the folder ---------------------------------------------------------- */

static const char *environment(const char *name)
{
	const char *value = secure_getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

/* Returns 0 or -EINVAL: no absolute path. */
static int folder_set(struct folder *folder, const char *base, const char *rest)
{
	int length = snprintf(folder->path, FOLDER_BYTES, "%s%s", base, rest);

	if (length < 0 || (unsigned)length >= FOLDER_BYTES)
		return sluice_fail(-ENAMETOOLONG,
				   "peers: %s is over the limit of %u bytes",
				   folder->from, FOLDER_BYTES - 1);
	if (base[0] != '/')
		return sluice_fail(-EINVAL,
				   "peers: %s '%s' is not an absolute path",
				   folder->from, base);
	return 0;
}

/* A login's folder that is not ours, say under su, is none to write to. */
static int folder_runtime(struct folder *folder, const char *base)
{
	struct file is;

	*folder = (struct folder){.from = "XDG_RUNTIME_DIR",
				  .mode = 0700,
				  .others = 0022,
				  .own = 1};
	if (file_at(&is, base) == 0 && is.uid != geteuid())
		return sluice_fail(-EPERM,
				   "peers: XDG_RUNTIME_DIR '%s' belongs to uid "
				   "%u, not to %u; set SLUICE_DIR",
				   base, is.uid, (unsigned)geteuid());
	return folder_set(folder, base, "/sluice");
}

static int folder_temporary(struct folder *folder)
{
	const char *base = environment("TMPDIR");
	char rest[32];

	*folder = (struct folder){.from = "the temporary folder",
				  .mode = 0700,
				  .others = 0077,
				  .own = 1};
	(void)snprintf(rest, sizeof(rest), "/sluice-%u", (unsigned)geteuid());
	return folder_set(folder, base ? base : "/tmp", rest);
}

static int folder_choose(struct folder *folder, const char *given)
{
	const char *base;

	*folder = (struct folder){.from = "folder", .mode = 0755};
	if (given != NULL)
		return folder_set(folder, given, "");
	folder->from = "SLUICE_DIR";
	base = environment("SLUICE_DIR");
	if (base != NULL)
		return folder_set(folder, base, "");
	base = environment("XDG_RUNTIME_DIR");
	if (base != NULL)
		return folder_runtime(folder, base);
	if (geteuid() != 0)
		return folder_temporary(folder);
	*folder = (struct folder){
		.from = "/run", .mode = 0755, .others = 0022, .own = 1};
	return folder_set(folder, "/run", "/sluice");
}

static int folder_refused(const struct folder *folder, const char *step)
{
	int rc = -errno;

	return sluice_fail(rc, "peers: folder '%s' (%s) refused by %s: %s",
			   folder->path, folder->from, step,
			   sluice_errno_text(rc));
}

/* The umask is the program's; what we say of our own folders holds all the
 * same. */
static int folder_make(const struct folder *folder)
{
	if (mkdir(folder->path, folder->mode) < 0)
		return errno == EEXIST ? 0 : folder_refused(folder, "mkdir");
	if (folder->own && chmod(folder->path, folder->mode) < 0)
		return folder_refused(folder, "chmod");
	return 0;
}

static int folder_check(const struct folder *folder)
{
	int links = folder->own ? O_NOFOLLOW : 0;
	int fd = open(folder->path, O_PATH | O_DIRECTORY | O_CLOEXEC | links);
	struct file is;
	int rc;

	if (fd < 0)
		return folder_refused(folder, "open");
	rc = file_of(&is, fd);
	if (rc < 0)
		rc = folder_refused(folder, "statx");
	(void)close(fd);
	if (rc < 0 || !folder->own)
		return rc;
	if (is.uid != geteuid())
		return sluice_fail(-EPERM,
				   "peers: folder '%s' (%s) belongs to uid %u, "
				   "not to %u",
				   folder->path, folder->from, is.uid,
				   (unsigned)geteuid());
	if (is.mode & folder->others)
		return sluice_fail(-EPERM,
				   "peers: folder '%s' (%s) has mode %#o and "
				   "may have %#o at most",
				   folder->path, folder->from, is.mode & 0777,
				   0777 & ~(unsigned)folder->others);
	return 0;
}

/* ---- the paths ----------------------------------------------------------- */

static int address_path(char out[ADDRESS_PATH_BYTES],
			const struct folder *folder, const char *name,
			const char *kind)
{
	int length = snprintf(out, ADDRESS_PATH_BYTES, "%s/%s%s", folder->path,
			      name, kind);

	if (length > 0 && (unsigned)length < ADDRESS_PATH_BYTES)
		return 0;
	return sluice_fail(-ENAMETOOLONG,
			   "pipeline '%s': the path of its socket, in %s, has "
			   "%d bytes, over the limit of %u; set SLUICE_DIR to "
			   "a shorter one",
			   name, folder->from, length, ADDRESS_PATH_BYTES - 1);
}

static int address_name(struct address *address, struct folder *folder,
			const char *name, const char *given)
{
	int rc = address_check_name(name);

	*address = ADDRESS_NONE;
	if (rc == 0)
		rc = folder_choose(folder, given);
	if (rc == 0)
		rc = address_path(address->path, folder, name, ".sock");
	if (rc == 0)
		rc = address_path(address->lock_path, folder, name, ".lock");
	return rc;
}

int address_paths(struct address *address, const char *name, const char *given)
{
	SLUICE_KEEP_ERRNO;
	struct folder folder;

	return address_name(address, &folder, name, given);
}

int address_find(struct address *address, const char *name, const char *given,
		 int make)
{
	SLUICE_KEEP_ERRNO;
	struct folder folder;
	int rc = address_name(address, &folder, name, given);

	if (rc == 0 && make)
		rc = folder_make(&folder);
	return rc < 0 ? rc : folder_check(&folder);
}

/* ---- the lock ------------------------------------------------------------ */

static int lock_refused(const struct address *address, const char *step)
{
	int rc = -errno;

	return sluice_fail(rc, "peers: lock file '%s' refused by %s: %s",
			   address->lock_path, step, sluice_errno_text(rc));
}

/* Who holds it has written its pid there, for people to read. */
static int lock_held(const struct address *address, int fd)
{
	char pid[16] = "";
	ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[n > 0 ? n : 0] = '\0';
	pid[strspn(pid, "0123456789")] = '\0';
	return sluice_fail(-EADDRINUSE,
			   "peers: '%s' is in use by another pipeline, of "
			   "process %s",
			   address->path, pid[0] ? pid : "(not said)");
}

/* Is what was locked still what lies there? Its last holder may have taken it
 * away between our open and our lock. Returns 1, 0 or a negative errno. */
static int lock_current(const struct address *address, int fd)
{
	struct file opened;
	struct file there;

	if (file_of(&opened, fd) < 0)
		return lock_refused(address, "statx");
	if (!S_ISREG(opened.mode) || opened.uid != geteuid())
		return sluice_fail(-EPERM,
				   "peers: lock file '%s' is no file of uid %u",
				   address->lock_path, (unsigned)geteuid());
	if (file_at_itself(&there, address->lock_path) < 0)
		return 0;
	return opened.device == there.device && opened.inode == there.inode;
}

/* Returns a descriptor, -EAGAIN to try again, or a negative errno. */
static int lock_try(const struct address *address)
{
	int fd = open(address->lock_path,
		      O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		      0600);
	int rc;

	if (fd < 0)
		return lock_refused(address, "open");
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		rc = lock_current(address, fd);
	else if (errno == EWOULDBLOCK)
		rc = lock_held(address, fd);
	else
		rc = lock_refused(address, "flock");
	if (rc == 1)
		return fd;
	(void)close(fd);
	return rc == 0 ? -EAGAIN : rc;
}

int address_take(struct address *address)
{
	SLUICE_KEEP_ERRNO;
	int fd = -EAGAIN;

	for (uint32_t i = 0; fd == -EAGAIN && i < LOCK_TRIES; i++)
		fd = lock_try(address);
	if (fd == -EAGAIN)
		return sluice_fail(-EADDRINUSE,
				   "peers: lock file '%s' is taken away again "
				   "and again",
				   address->lock_path);
	if (fd < 0)
		return fd;
	address->lock = fd;
	if (ftruncate(fd, 0) == 0)
		(void)dprintf(fd, "%d\n", (int)getpid());
	return 0;
}

/* ---- the socket ---------------------------------------------------------- */

static int socket_refused(const struct address *address, const char *step)
{
	int rc = -errno;

	return sluice_fail(rc, "peers: socket '%s' refused by %s: %s",
			   address->path, step, sluice_errno_text(rc));
}

/* What a process has left that is dead, for we hold its lock. */
static int socket_clear(const struct address *address)
{
	struct file is;

	if (file_at_itself(&is, address->path) < 0)
		return errno == ENOENT ? 0 : socket_refused(address, "statx");
	if (!S_ISSOCK(is.mode))
		return sluice_fail(-EEXIST,
				   "peers: '%s' is there, and is no socket",
				   address->path);
	return unlink(address->path) < 0 ? socket_refused(address, "unlink")
					 : 0;
}

/* Nobody can connect before it listens, whatever the umask made of its mode. */
static int socket_open_to(int fd, const struct address *address,
			  const struct address_opts *opts)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};

	memcpy(name.sun_path, address->path, strlen(address->path) + 1);
	if (bind(fd, (const struct sockaddr *)&name, sizeof(name)) < 0)
		return socket_refused(address, "bind");
	if (opts->has_group &&
	    chown(address->path, (uid_t)-1, (gid_t)opts->group) < 0)
		return socket_refused(address, "chown (group)");
	if (chmod(address->path, (mode_t)opts->mode) < 0)
		return socket_refused(address, "chmod (mode)");
	if (listen(fd, opts->backlog) < 0)
		return socket_refused(address, "listen");
	return 0;
}

int address_listen(struct address *address, const struct address_opts *opts)
{
	SLUICE_KEEP_ERRNO;
	int fd;
	int rc = socket_clear(address);

	if (rc < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return socket_refused(address, "socket");
	rc = socket_open_to(fd, address, opts);
	if (rc == 0) {
		address->bound = 1;
		return fd;
	}
	(void)close(fd);
	(void)unlink(address->path);
	return rc;
}

/* The lock file goes before its lock does: see lock_current(). */
void address_leave(struct address *address)
{
	SLUICE_KEEP_ERRNO;

	if (address->bound)
		(void)unlink(address->path);
	if (address->lock >= 0)
		(void)unlink(address->lock_path);
	address_drop(address);
}

void address_drop(struct address *address)
{
	SLUICE_KEEP_ERRNO;

	if (address->lock >= 0)
		(void)close(address->lock);
	address->lock = -1;
	address->bound = 0;
}
