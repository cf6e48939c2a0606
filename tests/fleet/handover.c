/* handover - the listening socket, from the old process to the new one. */
#include "tests/fleet/handover.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HANDOVER_SEC 2

int fail(const char *what)
{
	(void)fprintf(stderr, "service: %s: %s\n", what, strerror(errno));
	return -1;
}

static struct sockaddr_un control_address(const char *shared)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%.90s/service.sock",
		       shared);
	return a;
}

static int connect_old(const char *shared)
{
	struct sockaddr_un a = control_address(shared);
	struct timeval limit = { .tv_sec = HANDOVER_SEC };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static int receive_listener(int old)
{
	char byte;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} space;
	struct iovec part = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = space.bytes,
		.msg_controllen = sizeof(space.bytes),
	};
	struct cmsghdr *head;
	int fd;

	if (recvmsg(old, &message, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	head = CMSG_FIRSTHDR(&message);
	if (!head || head->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	return fd;
}

static void send_listener(int fd, int listener)
{
	char byte = 'L';
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} space = { 0 };
	struct iovec part = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = space.bytes,
		.msg_controllen = sizeof(space.bytes),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &listener, sizeof(int));
	(void)sendmsg(fd, &message, MSG_NOSIGNAL);
}

int handover_pid(const char *shared)
{
	char path[PATH_MAX + 32];
	char exe[PATH_MAX] = "";
	FILE *file;
	int pid = 0;

	(void)snprintf(path, sizeof(path), "%s/service.pid", shared);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%d", &pid) != 1)
		pid = 0;
	(void)fclose(file);
	/* After a reboot the number may be somebody else's. */
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	if (pid <= 1 || readlink(path, exe, sizeof(exe) - 1) < 0 ||
	    !strstr(exe, "/bin/service"))
		return 0;
	return pid;
}

/* One that hangs or cannot hand over must not keep the address. */
static void kill_old(const char *shared)
{
	int pid = handover_pid(shared);

	if (pid && pid != getpid())
		(void)kill(pid, SIGKILL);
}

static int listen_anew(const char *address, unsigned port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
	};
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || inet_pton(AF_INET, address, &a.sin_addr) != 1)
		return fail("address");
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	for (int tries = 0; bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0;
	     tries++) {
		if (errno != EADDRINUSE || tries == 20)
			return fail("bind");
		(void)usleep(50000);
	}
	return listen(fd, 1024) < 0 ? fail("listen") : fd;
}

static int listen_control(const char *shared)
{
	struct sockaddr_un a = control_address(shared);
	struct sockaddr_un next = a;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);

	(void)snprintf(next.sun_path, sizeof(next.sun_path), "%.90s/next.sock",
		       shared);
	(void)unlink(next.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&next, sizeof(next)) < 0 ||
	    listen(fd, 8) < 0 || rename(next.sun_path, a.sun_path) < 0)
		return fail("control socket");
	return fd;
}

static int write_pid(const char *shared)
{
	char next[PATH_MAX + 32];
	char path[PATH_MAX + 32];
	FILE *file;

	(void)snprintf(next, sizeof(next), "%s/service.pid.next", shared);
	(void)snprintf(path, sizeof(path), "%s/service.pid", shared);
	file = fopen(next, "we");
	if (!file)
		return fail(next);
	(void)fprintf(file, "%d\n", (int)getpid());
	return fclose(file) != 0 || rename(next, path) < 0 ? fail(path) : 0;
}

/* Only one takes over at a time; the lock ends with the descriptor. */
static int lock_restart(const char *shared)
{
	char path[PATH_MAX + 32];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/service.lock", shared);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	return fd < 0 || flock(fd, LOCK_EX) < 0 ? fail(path) : fd;
}

int handover_take(struct handover *handover)
{
	const char *shared = handover->shared;
	int lock = lock_restart(shared);
	int old = lock < 0 ? -1 : connect_old(shared);

	handover->listener = -1;
	if (lock < 0)
		return -1;
	if (old >= 0)
		handover->listener = receive_listener(old);
	if (handover->listener < 0) {
		kill_old(shared);
		handover->listener =
			listen_anew(handover->address, handover->port);
	}
	if (handover->listener < 0)
		return -1;
	(void)fcntl(handover->listener, F_SETFL, O_NONBLOCK);
	handover->control = listen_control(shared);
	if (handover->control < 0 || write_pid(shared) < 0)
		return -1;
	/* From here on the new one accepts: the old one may stop. */
	if (old >= 0) {
		(void)send(old, "D", 1, MSG_NOSIGNAL);
		(void)close(old);
	}
	(void)close(lock);
	return 0;
}

/* Give it the socket, wait until it says it has begun. */
bool handover_give(const struct handover *handover)
{
	struct timeval limit = { .tv_sec = HANDOVER_SEC };
	int fd = accept4(handover->control, NULL, NULL, SOCK_CLOEXEC);
	char byte = 0;

	if (fd < 0)
		return false;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	send_listener(fd, handover->listener);
	if (recv(fd, &byte, 1, 0) != 1)
		byte = 0;
	(void)close(fd);
	return byte == 'D';
}
