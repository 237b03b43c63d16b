/* SPDX-License-Identifier: Apache-2.0 */
/* A proxy between a worker and the server, that can be cut: then it takes bytes and
 * hands none on, and nobody is told, as with a cable that was pulled. */
#ifndef SLUICE_TESTS_TASKS_PROXY_H
#define SLUICE_TESTS_TASKS_PROXY_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROXY_PAIRS 32

struct proxy {
	int listener;
	uint16_t port;   /* its own */
	uint16_t server; /* that of the server */
	bool cut;
	bool over;
	pthread_t thread;
	struct pollfd fds[2 * PROXY_PAIRS + 1];
	nfds_t count;
};

static inline struct sockaddr_in proxy_address(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline void proxy_accept(struct proxy *proxy)
{
	const struct sockaddr_in address = proxy_address(proxy->server);
	int client = accept(proxy->listener, NULL, NULL);
	int server = socket(AF_INET, SOCK_STREAM, 0);

	if (client < 0 || server < 0 || proxy->count > 2 * PROXY_PAIRS - 1 ||
	    connect(server, (const struct sockaddr *)&address,
		    sizeof(address)) != 0) {
		(void)close(client);
		(void)close(server);
		return;
	}
	proxy->fds[proxy->count++] = (struct pollfd){client, POLLIN, 0};
	proxy->fds[proxy->count++] = (struct pollfd){server, POLLIN, 0};
}

/* Of a pair the one is at an odd place, the other behind it. */
static inline void proxy_move(struct proxy *proxy, nfds_t i)
{
	nfds_t other = i % 2 == 1 ? i + 1 : i - 1;
	char bytes[65536];
	ssize_t n = read(proxy->fds[i].fd, bytes, sizeof(bytes));

	if (n > 0 && !__atomic_load_n(&proxy->cut, __ATOMIC_ACQUIRE)) {
		(void)!write(proxy->fds[other].fd, bytes, (size_t)n);
		return;
	}
	if (n > 0)
		return; /* lost */
	/* While it is cut no end is told of either. */
	if (__atomic_load_n(&proxy->cut, __ATOMIC_ACQUIRE)) {
		proxy->fds[i].events = 0;
		return;
	}
	(void)shutdown(proxy->fds[other].fd, SHUT_WR);
	proxy->fds[i].events = 0;
}

static inline void *proxy_run(void *of)
{
	struct proxy *proxy = of;

	while (!__atomic_load_n(&proxy->over, __ATOMIC_ACQUIRE)) {
		nfds_t count = proxy->count;

		if (poll(proxy->fds, count, 10) <= 0)
			continue;
		if (proxy->fds[0].revents != 0 &&
		    !__atomic_load_n(&proxy->cut, __ATOMIC_ACQUIRE))
			proxy_accept(proxy);
		for (nfds_t i = 1; i < count; i++)
			if (proxy->fds[i].revents & POLLIN)
				proxy_move(proxy, i);
	}
	return NULL;
}

static inline int proxy_start(struct proxy *proxy, uint16_t server)
{
	struct sockaddr_in address = proxy_address(0);
	socklen_t length = sizeof(address);

	memset(proxy, 0, sizeof(*proxy));
	proxy->server = server;
	proxy->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(proxy->listener, (const struct sockaddr *)&address,
		 sizeof(address)) != 0 ||
	    listen(proxy->listener, 16) != 0 ||
	    getsockname(proxy->listener, (struct sockaddr *)&address,
			&length) != 0)
		return -1;
	proxy->port = ntohs(address.sin_port);
	proxy->fds[0] = (struct pollfd){proxy->listener, POLLIN, 0};
	proxy->count = 1;
	return pthread_create(&proxy->thread, NULL, proxy_run, proxy);
}

static inline void proxy_cut(struct proxy *proxy, bool cut)
{
	__atomic_store_n(&proxy->cut, cut, __ATOMIC_RELEASE);
}

static inline void proxy_stop(struct proxy *proxy)
{
	__atomic_store_n(&proxy->over, true, __ATOMIC_RELEASE);
	(void)pthread_join(proxy->thread, NULL);
	for (nfds_t i = 0; i < proxy->count; i++)
		(void)close(proxy->fds[i].fd);
}

#endif
