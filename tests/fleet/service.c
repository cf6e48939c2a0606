/*
 * service - a small real HTTP service for the fleet on loopback.
 *
 *	service --restart    start it; take the socket over from one that runs
 *	service --serve      the same, in the foreground
 *	service --stop       end the one that runs, after its last answer
 *
 * It listens on $GRAY_ADDRESS and keeps its files in $GRAY_ROOT/shared. A new
 * process gets the listening socket from the old one over a Unix socket, so no
 * connection is refused; the old one goes on answering those it has, telling
 * each to come back elsewhere. ../etc/service.conf says how well it works:
 *
 *	version=v1
 *	port=8080
 *	error_share=20%   answers 500 to so many requests
 *	latency_ms=5      takes so long on average
 *	crash_after=3000  dies so many ms after its start; 0: before it serves
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fleet/handover.h"
#include "tests/fleet/http.h"

#define MAX_REQUEST 8192
#define MAX_CONNS   4096
#define DRAIN_US    3000000 /* an idle connection is asked for so long */

struct config {
	char version[64];
	unsigned port;
	unsigned error_bp;
	unsigned latency_ms;
	long crash_after; /* -1: never */
};

struct conn {
	int fd; /* -1: free */
	size_t n_in;
	char in[MAX_REQUEST];
	char *out;
	size_t n_out;
	size_t sent;
	bool is_closing;  /* after what is in out */
	uint64_t due_us;  /* answer the request at the front then; 0: none */
	uint64_t came_us; /* when it was read */
	uint64_t used_us; /* last byte */
};

static const double bounds[] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
				 0.1,	0.25,	0.5,   1,    2.5 };
#define N_BOUNDS (sizeof(bounds) / sizeof(bounds[0]))

/* The whole process; one thread, so no locks. */
static struct service {
	struct config config;
	char dir[PATH_MAX]; /* of the release */
	char shared[PATH_MAX];
	const char *address;
	int epoll;
	struct handover place;
	bool is_draining;
	uint64_t drain_us; /* since when */
	uint64_t start_us;
	double start_time;
	struct conn *conns[MAX_CONNS];
	size_t n_conns;
	uint64_t n_ok;
	uint64_t n_errors;
	uint64_t in_bucket[N_BOUNDS + 1];
	double sum_seconds;
	uint32_t random;
} service = { .random = 2463534242u };

static volatile sig_atomic_t is_told_to_stop;

static void stop_cb(int number)
{
	(void)number;
	is_told_to_stop = 1;
}

static uint32_t random_below(uint32_t n)
{
	service.random ^= service.random << 13;
	service.random ^= service.random >> 17;
	service.random ^= service.random << 5;
	return service.random % n;
}

/* --- what it is: its release, its configuration, its place ------------- */

static int read_config(void)
{
	char path[PATH_MAX + 32];
	char line[256];
	FILE *file;

	service.config = (struct config){ .port = 8080, .crash_after = -1 };
	(void)snprintf(path, sizeof(path), "%s/etc/service.conf", service.dir);
	file = fopen(path, "re");
	if (!file)
		return fail(path);
	while (fgets(line, sizeof(line), file)) {
		char *value = strchr(line, '=');

		line[strcspn(line, "\n")] = '\0';
		if (!value)
			continue;
		*value++ = '\0';
		if (strcmp(line, "version") == 0)
			(void)snprintf(service.config.version,
				       sizeof(service.config.version), "%s",
				       value);
		else if (strcmp(line, "port") == 0)
			service.config.port = (unsigned)atoi(value);
		else if (strcmp(line, "error_share") == 0)
			service.config.error_bp = (unsigned)(atof(value) * 100);
		else if (strcmp(line, "latency_ms") == 0)
			service.config.latency_ms = (unsigned)atoi(value);
		else if (strcmp(line, "crash_after") == 0)
			service.config.crash_after = atol(value);
	}
	(void)fclose(file);
	return 0;
}

static int find_places(void)
{
	const char *root = getenv("GRAY_ROOT");
	ssize_t size = readlink("/proc/self/exe", service.dir,
				sizeof(service.dir) - 1);

	service.address = getenv("GRAY_ADDRESS");
	if (size <= 0)
		return fail("/proc/self/exe");
	service.dir[size] = '\0';
	*strrchr(service.dir, '/') = '\0';
	*strrchr(service.dir, '/') = '\0';
	if (!root || !service.address) {
		errno = EINVAL;
		return fail("GRAY_ROOT and GRAY_ADDRESS say where it runs");
	}
	(void)snprintf(service.shared, sizeof(service.shared), "%.*s/shared",
		       PATH_MAX - 32, root);
	return 0;
}

/* --- answering --------------------------------------------------------- */

static void watch(int fd, uint32_t events, void *what, int how)
{
	struct epoll_event event = { .events = events, .data.ptr = what };

	if (epoll_ctl(service.epoll, how, fd, &event) < 0)
		(void)fail("epoll_ctl");
}

static void drop_conn(struct conn *conn)
{
	for (size_t i = 0; i < service.n_conns; i++)
		if (service.conns[i] == conn)
			service.conns[i] = service.conns[--service.n_conns];
	(void)close(conn->fd);
	free(conn->out);
	free(conn);
}

static void put_answer(struct conn *conn, const char *status, const char *body)
{
	int size;

	free(conn->out);
	conn->sent = 0;
	conn->is_closing = conn->is_closing || service.is_draining;
	size = asprintf(&conn->out,
			"HTTP/1.1 %s\r\nContent-Length: %zu\r\n"
			"Content-Type: text/plain; version=0.0.4\r\n"
			"X-Version: %s\r\n%s\r\n%s",
			status, strlen(body), service.config.version,
			conn->is_closing ? "Connection: close\r\n" : "", body);
	if (size < 0)
		abort();
	conn->n_out = (size_t)size;
}

static unsigned long resident_bytes(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file && fscanf(file, "%*u %lu", &pages) != 1)
		pages = 0;
	if (file)
		(void)fclose(file);
	return pages * (unsigned long)sysconf(_SC_PAGESIZE);
}

static void put_metrics(struct conn *conn)
{
	char *text = NULL;
	size_t size = 0;
	uint64_t below = 0;
	unsigned long long n_all = service.n_ok + service.n_errors;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		abort();
	(void)fprintf(f,
		      "# TYPE http_requests_total counter\n"
		      "http_requests_total{code=\"200\"} %llu\n"
		      "http_requests_total{code=\"500\"} %llu\n"
		      "# TYPE http_request_seconds histogram\n",
		      (unsigned long long)service.n_ok,
		      (unsigned long long)service.n_errors);
	for (size_t i = 0; i < N_BOUNDS; i++) {
		below += service.in_bucket[i];
		(void)fprintf(f,
			      "http_request_seconds_bucket{le=\"%g\"} %llu\n",
			      bounds[i], (unsigned long long)below);
	}
	(void)fprintf(f,
		      "http_request_seconds_bucket{le=\"+Inf\"} %llu\n"
		      "http_request_seconds_sum %.6f\n"
		      "http_request_seconds_count %llu\n"
		      "# TYPE process_start_time_seconds gauge\n"
		      "process_start_time_seconds %.3f\n"
		      "# TYPE process_resident_memory_bytes gauge\n"
		      "process_resident_memory_bytes %lu\n"
		      "# TYPE build_info gauge\n"
		      "build_info{version=\"%s\"} 1\n",
		      n_all, service.sum_seconds, n_all, service.start_time,
		      resident_bytes(), service.config.version);
	(void)fclose(f);
	put_answer(conn, "200 OK", text);
	free(text);
}

/* Some work, so that a request costs what a small one costs. */
static uint32_t work(void)
{
	uint32_t hash = 2166136261u;

	for (uint32_t i = 0; i < 20000; i++)
		hash = (hash ^ (i & 255)) * 16777619u;
	return hash;
}

static void put_work(struct conn *conn)
{
	char body[128];
	size_t i = 0;
	bool is_bad = random_below(10000) < service.config.error_bp;
	double seconds;

	(void)snprintf(body, sizeof(body), "%s %08x\n", service.config.version,
		       work());
	put_answer(conn, is_bad ? "500 Internal Server Error" : "200 OK", body);
	if (is_bad)
		service.n_errors++;
	else
		service.n_ok++;
	seconds = (double)(now_us() - conn->came_us) / 1e6;
	while (i < N_BOUNDS && seconds > bounds[i])
		i++;
	service.in_bucket[i]++;
	service.sum_seconds += seconds;
}

/* False: the connection is gone. */
static bool flush(struct conn *conn)
{
	while (conn->sent < conn->n_out) {
		ssize_t n = send(conn->fd, conn->out + conn->sent,
				 conn->n_out - conn->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			watch(conn->fd, EPOLLIN | EPOLLOUT, conn,
			      EPOLL_CTL_MOD);
			return true;
		}
		if (n < 0) {
			drop_conn(conn);
			return false;
		}
		conn->sent += (size_t)n;
	}
	if (conn->is_closing && conn->n_out) {
		drop_conn(conn);
		return false;
	}
	if (conn->n_out)
		watch(conn->fd, EPOLLIN, conn, EPOLL_CTL_MOD);
	conn->n_out = conn->sent = 0;
	return true;
}

/* Half to three halves of the mean. */
static uint64_t delay_us(void)
{
	uint32_t mean = service.config.latency_ms * 1000;

	return mean ? mean / 2 + random_below(mean) : 0;
}

static bool starts(const struct conn *conn, const char *text)
{
	return strncmp(conn->in, text, strlen(text)) == 0;
}

/* Answer the request at the front of IN, HEAD bytes of it. */
static bool answer(struct conn *conn, size_t head)
{
	const char *wish = http_header(conn->in, head, "Connection:");

	if (wish && strncasecmp(wish, "close", 5) == 0)
		conn->is_closing = true;
	if (starts(conn, "GET /healthz "))
		put_answer(conn, "200 OK", "ok\n");
	else if (starts(conn, "GET /metrics "))
		put_metrics(conn);
	else if (starts(conn, "GET / "))
		put_work(conn);
	else
		put_answer(conn, "404 Not Found", "not here\n");
	memmove(conn->in, conn->in + head, conn->n_in - head);
	conn->n_in -= head;
	conn->due_us = 0;
	return flush(conn);
}

/* Requests that are whole, one after the other, until one has to wait. */
static bool serve(struct conn *conn)
{
	size_t head;

	while (!conn->due_us && !conn->n_out &&
	       (head = http_head(conn->in, conn->n_in)) > 0) {
		uint64_t delay = starts(conn, "GET / ") ? delay_us() : 0;

		conn->came_us = now_us();
		if (delay) {
			conn->due_us = conn->came_us + delay;
			return true;
		}
		if (!answer(conn, head))
			return false;
	}
	return true;
}

static void read_conn(struct conn *conn)
{
	for (;;) {
		ssize_t n;

		if (conn->n_in == sizeof(conn->in))
			break;
		n = recv(conn->fd, conn->in + conn->n_in,
			 sizeof(conn->in) - conn->n_in, 0);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			drop_conn(conn);
			return;
		}
		conn->n_in += (size_t)n;
		conn->used_us = now_us();
	}
	if (!serve(conn))
		return;
	if (conn->n_in == sizeof(conn->in) && !conn->due_us)
		drop_conn(conn); /* a head that never ends */
}

static void accept_all(void)
{
	for (;;) {
		int on = 1;
		int fd = accept4(service.place.listener, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct conn *conn;

		if (fd < 0)
			return;
		conn = service.n_conns < MAX_CONNS ? calloc(1, sizeof(*conn))
						   : NULL;
		if (!conn) {
			(void)close(fd);
			continue;
		}
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		conn->fd = fd;
		conn->used_us = now_us();
		service.conns[service.n_conns++] = conn;
		watch(fd, EPOLLIN, conn, EPOLL_CTL_ADD);
	}
}

/* --- the loop ---------------------------------------------------------- */

static void drain(void)
{
	if (service.is_draining)
		return;
	service.is_draining = true;
	service.drain_us = now_us();
	(void)epoll_ctl(service.epoll, EPOLL_CTL_DEL, service.place.listener,
			NULL);
	(void)epoll_ctl(service.epoll, EPOLL_CTL_DEL, service.place.control,
			NULL);
	(void)close(service.place.listener);
	(void)close(service.place.control);
}

/* A new process asks for the socket. */
static void hand_over(void)
{
	if (handover_give(&service.place))
		drain();
}

/* Answers that are due; the time until the next one, in ms. */
static int settle(void)
{
	uint64_t now = now_us();
	uint64_t next = now + 1000000;

	for (size_t i = service.n_conns; i > 0; i--) {
		struct conn *conn = service.conns[i - 1];

		if (conn->due_us && conn->due_us <= now) {
			if (answer(conn, http_head(conn->in, conn->n_in)))
				(void)serve(conn);
		} else if (conn->due_us && conn->due_us < next) {
			next = conn->due_us;
		} else if (!conn->due_us && !conn->n_out && !conn->n_in &&
			   service.is_draining &&
			   now - service.drain_us > DRAIN_US) {
			drop_conn(conn);
		}
	}
	return (int)((next - now + 999) / 1000);
}

static void check_crash(uint64_t now)
{
	long after = service.config.crash_after;

	if (after >= 0 && now - service.start_us >= (uint64_t)after * 1000) {
		(void)fprintf(stderr, "service: assertion failed: !crash\n");
		abort();
	}
}

static int loop(void)
{
	static int at_listener;
	static int at_control;
	struct epoll_event events[128];

	watch(service.place.listener, EPOLLIN, &at_listener, EPOLL_CTL_ADD);
	watch(service.place.control, EPOLLIN, &at_control, EPOLL_CTL_ADD);
	while (!service.is_draining || service.n_conns) {
		int wait_ms = settle();
		int n;

		check_crash(now_us());
		n = epoll_wait(service.epoll, events, 128,
			       service.config.crash_after >= 0
				       ? MIN(wait_ms, 50)
				       : wait_ms);
		if (is_told_to_stop)
			drain();
		for (int i = 0; i < n; i++) {
			void *what = events[i].data.ptr;

			if (what == &at_listener)
				accept_all();
			else if (what == &at_control)
				hand_over();
			else if (events[i].events & EPOLLOUT) {
				if (flush(what))
					(void)serve(what);
			} else
				read_conn(what);
		}
	}
	return 0;
}

static int start(int ready)
{
	struct timespec wall;

	service.start_us = now_us();
	(void)clock_gettime(CLOCK_REALTIME, &wall);
	service.start_time = (double)wall.tv_sec + (double)wall.tv_nsec / 1e9;
	service.random ^= (uint32_t)wall.tv_nsec ^ (uint32_t)getpid() << 16;
	service.random |= 1;
	(void)signal(SIGTERM, stop_cb);
	if (service.config.crash_after == 0)
		check_crash(now_us());
	service.place.shared = service.shared;
	service.place.address = service.address;
	service.place.port = service.config.port;
	service.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (service.epoll < 0 || handover_take(&service.place) < 0)
		return 1;
	if (ready >= 0 && write(ready, "1", 1) != 1)
		return 1;
	if (ready >= 0)
		(void)close(ready);
	return loop();
}

static int redirect(void)
{
	char path[PATH_MAX + 32];
	int null = open("/dev/null", O_RDONLY);
	int log;

	(void)snprintf(path, sizeof(path), "%s/service.log", service.shared);
	log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (null < 0 || log < 0)
		return fail(path);
	(void)dup2(null, 0);
	(void)dup2(log, 1);
	(void)dup2(log, 2);
	(void)close(null);
	(void)close(log);
	return 0;
}

/* Returns when the new process serves, or says that it does not. */
static int restart(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return fail("pipe");
	pid = fork();
	if (pid < 0)
		return fail("fork");
	if (pid == 0) {
		(void)setsid();
		(void)close(ready[0]);
		exit(redirect() < 0 ? 1 : start(ready[1]));
	}
	(void)close(ready[1]);
	if (read(ready[0], &byte, 1) == 1)
		return 0;
	(void)fprintf(stderr, "service: %s did not start; see %s/service.log\n",
		      service.config.version, service.shared);
	return 1;
}

static int stop(void)
{
	int pid = handover_pid(service.shared);

	if (pid)
		(void)kill(pid, SIGTERM);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		(void)fputs("usage: service --restart | --serve | --stop\n",
			    stderr);
		return 2;
	}
	if (find_places() < 0 || read_config() < 0)
		return 1;
	(void)mkdir(service.shared, 0755);
	if (strcmp(argv[1], "--restart") == 0)
		return restart() == 0 ? 0 : 1;
	if (strcmp(argv[1], "--serve") == 0)
		return start(-1);
	if (strcmp(argv[1], "--stop") == 0)
		return stop();
	return 2;
}
