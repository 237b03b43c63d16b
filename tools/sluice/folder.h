/* SPDX-License-Identifier: Apache-2.0 */
/* Where the sockets of pipelines lie, and whether somebody listens there. Of
 * folder.c. Knows paths and sockets; not what is said over them. */
#ifndef SLUICE_TOOLS_SLUICE_FOLDER_H
#define SLUICE_TOOLS_SLUICE_FOLDER_H

#include "sluice.h"

#define FOLDER_BYTES 4096u
/* How long a pipeline has to answer. Its own thread does, so however busy it is it
 * answers, unless its process is stopped. */
#define FOLDER_ANSWER_MS 1000u

/* Of @given, or where the library looks: $SLUICE_DIR, else $XDG_RUNTIME_DIR/sluice,
 * else, as root, /run/sluice, else sluice-UID in the temporary folder. Returns 0,
 * or a negative errno with a sentence in cli_error(). */
int folder_find(char folder[FOLDER_BYTES], const char *given);

/* What the library is told: the same folder, from the root on; "" without @given, when
 * it looks itself, and the environment has been looked at before it does. Returns 0, or
 * a negative errno with a sentence. */
int folder_absolute(char folder[FOLDER_BYTES], const char *given);

/* What names of pipelines, and of their stages, hold. */
#define FOLDER_NAME_CHARS                                                      \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

enum listener_state {
	LISTENER_ANSWERS,
	LISTENER_GONE,   /* nobody listens there any more */
	LISTENER_DENIED, /* the socket is not for this user */
	LISTENER_OTHER,  /* see why */
	LISTENER_SILENT, /* it is there, and does not answer in time */
};

/* A socket that is there. */
struct listener {
	char name[SLUICE_NAME_BYTES]; /* of the pipeline */
	enum listener_state state;
	int pid; /* of who began to listen; 0: not known */
	int why; /* an errno; 0: it answers */
};

/* Look at each socket of @folder: who listens is asked, and left as soon as there is an
 * answer, or after FOLDER_ANSWER_MS. By name, into *@listeners, to be freed. Returns how
 * many, 0 where there is no such folder, or a negative errno with a sentence in
 * cli_error(). */
int folder_listeners(const char *folder, struct listener **listeners);

#endif
