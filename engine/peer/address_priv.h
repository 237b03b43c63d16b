/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a pipeline can be found: a socket and a lock file beside it, NAME.sock
 * and NAME.lock in one folder. Of address.c. Not installed.
 *
 * Folder   the one that is given; else $SLUICE_DIR; else $XDG_RUNTIME_DIR/sluice;
 *          else, as root, /run/sluice; else sluice-UID in the temporary folder.
 *          The last three are made when they are missing, must be the caller's
 *          own, no links, and nobody else's to write to.
 * Lock     whoever holds it may replace the socket. The kernel lets it go when
 *          its holder dies, however that happens, so a socket that was left
 *          behind is replaced at once and a live one never.
 *
 * Knows      paths, modes, locks
 * Knows not  pipelines, or what is said over the socket
 */
#ifndef SLUICE_ENGINE_ADDRESS_PRIV_H
#define SLUICE_ENGINE_ADDRESS_PRIV_H

#include <stdint.h>

/* What fits a struct sockaddr_un, NUL included. */
#define ADDRESS_PATH_BYTES 108u
#define ADDRESS_MODE       0700u

struct address {
	char path[ADDRESS_PATH_BYTES];      /* of the socket */
	char lock_path[ADDRESS_PATH_BYTES]; /* as long as that */
	int lock;                           /* descriptor, or -1 */
	int bound;                          /* the socket is ours */
};

#define ADDRESS_NONE ((struct address){.lock = -1})

/* How it is listened at. */
struct address_opts {
	uint32_t mode; /* of the socket; who may write to it may connect */
	uint32_t has_group;
	uint32_t group; /* of the socket */
	int backlog;    /* connections that wait to be accepted */
};

/* 1 to 63 of A-Z a-z 0-9 _ . -, and not "." or "..". Returns 0 or -EINVAL. */
int address_check_name(const char *name);

/* The paths of pipeline @name alone: nothing is looked at but the environment. Returns 0
 * or -EINVAL, -ENAMETOOLONG, -EPERM as address_find(). */
int address_paths(struct address *address, const char *name,
		  const char *folder);

/* Where pipeline @name is, or is to be. @folder: NULL, as the environment says.
 * @make: make a folder that is missing. Returns 0; -EINVAL; -ENAMETOOLONG over
 * 107 bytes; -EPERM: the folder may be written to by others; or why the system
 * refuses it. Reads the environment: no thread may change that meanwhile. */
int address_find(struct address *address, const char *name, const char *folder,
		 int make);

/* Take the lock. Returns 0, -EADDRINUSE while another holds it, or why the
 * system refuses it. */
int address_take(struct address *address);

/* With the lock: replace what lies there, and listen. Returns a socket, which
 * does not block and is closed by exec; or a negative errno. */
int address_listen(struct address *address, const struct address_opts *opts);

/* Take the socket's path and the lock away. Accepts ADDRESS_NONE. */
void address_leave(struct address *address);
/* In a child of the process: close its copy of the lock, which stays held. */
void address_drop(struct address *address);

#endif
