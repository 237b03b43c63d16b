/* SPDX-License-Identifier: Apache-2.0 */
/* For programs that are linked with --wrap=pthread_create. */
#ifndef SLUICE_TESTS_PTHREAD_CREATE_H
#define SLUICE_TESTS_PTHREAD_CREATE_H

#include <pthread.h>

int __real_pthread_create(pthread_t *id, const pthread_attr_t *attr,
			  void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attr,
			  void *(*run)(void *), void *arg);

#endif
