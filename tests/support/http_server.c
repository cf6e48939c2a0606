#include "tests/support/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/mem.h"

struct http_server {
	int fd;
	char url[64];
	const char *const *answers;
	pthread_t thread;
};

static void answer(const char *text, int fd)
{
	char request[4096];

	if (!*text || read(fd, request, sizeof(request)) <= 0)
		return;
	if (strcmp(text, "wait") == 0)
		(void)!read(fd, request, sizeof(request));
	else
		(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void *serve(void *ctx)
{
	struct http_server *server = ctx;
	int fd;

	while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
		answer(*server->answers, fd);
		if (server->answers[1])
			server->answers++;
		(void)shutdown(fd, SHUT_WR);
		(void)close(fd);
	}
	return NULL;
}

struct http_server *http_server_new(const char *const *answers)
{
	struct http_server *server = MEM_NEW(struct http_server);
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->answers = answers;
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server->fd < 0 ||
	    bind(server->fd, (struct sockaddr *)&address, size) < 0 ||
	    listen(server->fd, 16) < 0 ||
	    getsockname(server->fd, (struct sockaddr *)&address, &size) < 0 ||
	    pthread_create(&server->thread, NULL, serve, server) != 0)
		abort();
	(void)snprintf(server->url, sizeof(server->url),
		       "http://127.0.0.1:%u/x",
		       (unsigned)ntohs(address.sin_port));
	return server;
}

void http_server_free(struct http_server *server)
{
	(void)shutdown(server->fd, SHUT_RDWR); /* ends accept */
	(void)pthread_join(server->thread, NULL);
	(void)close(server->fd);
	free(server);
}

const char *http_server_url(const struct http_server *server)
{
	return server->url;
}
