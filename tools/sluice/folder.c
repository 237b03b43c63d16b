/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* secure_getenv, scandirat */
#include "tools/sluice/folder.h"
#include "tools/sluice/clock.h"
#include "tools/cli/say.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SUFFIX ".sock"
/* How often one that has no place for another connection is asked again. */
#define ASK_AGAIN_MS 20

/* ---- which one ----------------------------------------------------------- */

static const char *environment(const char *name)
{
	const char *value = secure_getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

static int folder_set(char folder[FOLDER_BYTES], const char *from,
		      const char *base, const char *rest)
{
	int length = snprintf(folder, FOLDER_BYTES, "%s%s", base, rest);

	if (length < 0 || (unsigned)length >= FOLDER_BYTES)
		return cli_fail(-ENAMETOOLONG,
				"%s is over the limit of %u bytes", from,
				FOLDER_BYTES - 1);
	if (base[0] != '/')
		return REFUSE("%s '%s' is not an absolute path", from, base);
	return 0;
}

/* A login's folder that is not ours, say under su, has none of our pipelines. */
static int folder_runtime(char folder[FOLDER_BYTES], const char *base)
{
	struct stat is;

	if (stat(base, &is) == 0 && is.st_uid != geteuid())
		return cli_fail(-EPERM,
				"XDG_RUNTIME_DIR '%.200s' belongs to uid %u, "
				"not to %u; set SLUICE_DIR",
				base, (unsigned)is.st_uid, (unsigned)geteuid());
	return folder_set(folder, "XDG_RUNTIME_DIR", base, "/sluice");
}

int folder_find(char folder[FOLDER_BYTES], const char *given)
{
	const char *base = environment("SLUICE_DIR");
	char rest[32];

	if (given != NULL) {
		(void)snprintf(folder, FOLDER_BYTES, "%s", given);
		return 0;
	}
	if (base != NULL)
		return folder_set(folder, "SLUICE_DIR", base, "");
	base = environment("XDG_RUNTIME_DIR");
	if (base != NULL)
		return folder_runtime(folder, base);
	if (geteuid() == 0)
		return folder_set(folder, "/run", "/run", "/sluice");
	base = environment("TMPDIR");
	(void)snprintf(rest, sizeof(rest), "/sluice-%u", (unsigned)geteuid());
	return folder_set(folder, "TMPDIR", base != NULL ? base : "/tmp", rest);
}

int folder_absolute(char folder[FOLDER_BYTES], const char *given)
{
	char here[FOLDER_BYTES];
	int length;

	folder[0] = '\0';
	if (given == NULL)
		return folder_find(here, NULL);
	if (given[0] != '/' && getcwd(here, sizeof(here)) == NULL)
		return cli_fail(-errno, "%.200s: %s", given, strerror(errno));
	length = snprintf(folder, FOLDER_BYTES, "%s%s%s",
			  given[0] == '/' ? "" : here,
			  given[0] == '/' ? "" : "/", given);
	return length >= 0 && (unsigned)length < FOLDER_BYTES
		       ? 0
		       : cli_fail(-ENAMETOOLONG,
				  "%.200s: is over the limit of %u bytes",
				  given, FOLDER_BYTES - 1);
}

/* ---- who listens --------------------------------------------------------- */

/* The name of a pipeline: what stands before the suffix. Returns its length; 0: it
 * is none, and might speak to the terminal. */
static size_t socket_name(const char *file)
{
	size_t length = strlen(file);

	if (length <= strlen(SUFFIX) ||
	    length >= SLUICE_NAME_BYTES + strlen(SUFFIX) ||
	    strcmp(file + length - strlen(SUFFIX), SUFFIX) != 0 ||
	    strspn(file, FOLDER_NAME_CHARS) != length)
		return 0;
	return length - strlen(SUFFIX);
}

static enum listener_state state_of(int error)
{
	if (error == ECONNREFUSED)
		return LISTENER_GONE;
	if (error == EAGAIN)
		return LISTENER_SILENT;
	if (error == EACCES || error == EPERM)
		return LISTENER_DENIED;
	return LISTENER_OTHER;
}

/* One that many ask at once has no place for more, as has one that is stopped: the
 * former has soon, so it is tried again. */
static int listener_reach(int fd, const struct sockaddr_un *to)
{
	for (uint32_t ms = 0; ms < FOLDER_ANSWER_MS; ms += ASK_AGAIN_MS) {
		if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0)
			return 0;
		if (errno != EAGAIN)
			return errno;
		(void)poll(NULL, 0, ASK_AGAIN_MS);
	}
	return EAGAIN;
}

/* *asked: the connection, from one that has been asked. */
static int listener_connect(const char *folder, const char *file, int *pid,
			    int *asked)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int length = snprintf(to.sun_path, sizeof(to.sun_path), "%s/%s", folder,
			      file);
	struct ucred who = {0};
	socklen_t bytes = sizeof(who);
	int error;
	int fd;

	if (length < 0 || (size_t)length >= sizeof(to.sun_path))
		return ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return errno;
	error = listener_reach(fd, &to);
	if (error != 0) {
		(void)close(fd);
		return error;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &bytes) == 0)
		*pid = who.pid;
	/* An engine says that this makes no sense; unless it has closed the connection
	 * before, which is an answer, too. */
	(void)send(fd, "?", 1, MSG_NOSIGNAL);
	*asked = fd;
	return 0;
}

/* Leaves those that have answered, though it be by closing the connection. Returns how
 * many have not. */
static int asked_left(struct pollfd *asked, int count)
{
	int left = 0;

	for (int i = 0; i < count; i++) {
		if (asked[i].fd >= 0 && asked[i].revents != 0) {
			(void)close(asked[i].fd);
			asked[i].fd = -1;
		}
		left += asked[i].fd >= 0;
	}
	return left;
}

/* All have the same time to answer. */
static void listeners_hear(struct listener *listeners, int count,
			   struct pollfd *asked)
{
	uint64_t at_ms = clock_now_ns() / NS_PER_MS;
	uint64_t due_ms = at_ms + FOLDER_ANSWER_MS;

	while (asked_left(asked, count) > 0 && at_ms < due_ms) {
		int rc = poll(asked, (nfds_t)count, (int)(due_ms - at_ms));

		if (rc < 0 && errno != EINTR)
			break;
		at_ms = clock_now_ns() / NS_PER_MS;
	}
	for (int i = 0; i < count; i++) {
		if (asked[i].fd < 0)
			continue;
		(void)close(asked[i].fd);
		listeners[i].state = LISTENER_SILENT;
		listeners[i].why = ETIMEDOUT;
	}
}

/* Returns 0 when it is there no more, or never was a socket. */
static int listener_look(const char *folder, int at, const char *file,
			 struct listener *listener, struct pollfd *asked)
{
	struct stat is;

	*asked = (struct pollfd){.fd = -1, .events = POLLIN};
	if (fstatat(at, file, &is, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISSOCK(is.st_mode))
		return 0;
	*listener = (struct listener){.state = LISTENER_ANSWERS};
	(void)snprintf(listener->name, sizeof(listener->name), "%.*s",
		       (int)socket_name(file), file);
	listener->why =
		listener_connect(folder, file, &listener->pid, &asked->fd);
	if (listener->why != 0)
		listener->state = state_of(listener->why);
	return listener->why != ENOENT;
}

static int socket_wanted(const struct dirent *entry)
{
	return socket_name(entry->d_name) > 0;
}

static int socket_order(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int folder_listeners(const char *folder, struct listener **listeners)
{
	struct dirent **entry = NULL;
	struct pollfd *asked = NULL;
	int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int n = at < 0 ? -1
		       : scandirat(at, ".", &entry, socket_wanted,
				   socket_order);
	int found = 0;

	*listeners = NULL;
	if (n < 0) {
		found = errno == ENOENT ? 0
					: cli_fail(-errno, "%.200s: %s", folder,
						   strerror(errno));
	} else {
		*listeners = calloc((size_t)n + 1, sizeof(**listeners));
		asked = calloc((size_t)n + 1, sizeof(*asked));
		if (*listeners == NULL || asked == NULL)
			found = cli_fail(-ENOMEM, "no memory");
	}
	for (int i = 0; i < n; i++) {
		if (found >= 0)
			found += listener_look(folder, at, entry[i]->d_name,
					       &(*listeners)[found],
					       &asked[found]);
		free(entry[i]);
	}
	free(entry);
	listeners_hear(*listeners, found, asked);
	free(asked);
	if (at >= 0)
		(void)close(at);
	return found;
}
