/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child of fork() has copies of all descriptors. Of some the copy alone does
 * harm, also when the child never touches it: while a child lives that its parent
 * left behind, the lock on the socket's name stays held, and peers do not see that
 * their engine is gone. So a child closes these at once. (exec closes them too; a
 * child that was made by a bare clone() keeps them until it closes the pipeline.)
 */
#include "engine/peer/process_priv.h"

#include <pthread.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct listener *first;

static void kin_shut(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void kin_in_child(void)
{
	for (struct listener *l = first; l != NULL; l = l->next) {
		l->link = NULL;
		kin_shut(&l->socket);
		address_drop(&l->address);
		for (uint32_t i = 0; i < l->opts.peers_max; i++)
			kin_shut(&l->guests[i].socket);
		for (uint32_t i = 0; i < SLUICE_PROCESSES_MAX; i++)
			if (listener_process(l, i) != NULL)
				kin_shut(&listener_process(l, i)->guest.socket);
	}
	first = NULL;
	(void)pthread_mutex_unlock(&lock);
}

static void kin_register(void)
{
	(void)pthread_atfork(kin_lock, kin_unlock, kin_in_child);
}

void kin_lock(void)
{
	(void)pthread_mutex_lock(&lock);
}

void kin_unlock(void)
{
	(void)pthread_mutex_unlock(&lock);
}

void kin_add(struct listener *l)
{
	(void)pthread_once(&once, kin_register);
	l->next = first;
	l->link = &first;
	if (first != NULL)
		first->link = &l->next;
	first = l;
}

void kin_remove(struct listener *l)
{
	if (l->link == NULL)
		return;
	*l->link = l->next;
	if (l->next != NULL)
		l->next->link = l->link;
	l->link = NULL;
}

void kin_close(int *fd)
{
	kin_lock();
	kin_shut(fd);
	kin_unlock();
}
