/*
 * load - requests at a steady rate to every host, whatever the answers.
 *
 *	load TARGETS PORT RPS SECONDS REPORT
 *
 * TARGETS has a line "name address" a host; SECONDS 0 goes on until SIGTERM.
 * The pace does not wait for answers, so a slow service does not hide behind
 * its own slowness. Three of four requests use a connection kept open, one a
 * new one. REPORT is rewritten every second: JSON, one object.
 *
 * A kept connection that ends without a byte of an answer is tried once more
 * on a new one, as every HTTP client does; that counts as retried, not failed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fleet/http.h"

#define MAX_TARGETS  20000
#define MAX_VERSIONS 16
#define MAX_BURST    500
#define MAX_IDLE     8 /* kept connections a host */
#define TIMEOUT_US   5000000
#define N_BUCKETS    240 /* of latency, each 7 % wider than the last */

struct target {
	char name[64];
	struct sockaddr_in address;
	struct request *idle[MAX_IDLE];
	unsigned n_idle;
	uint64_t n_ok;
	uint64_t n_errors; /* 5xx and other answers */
	uint64_t n_failed; /* no answer */
	uint64_t n_retried;
};

struct request {
	int fd;
	struct target *target;
	bool is_idle;
	bool is_reused;
	bool wants_close;
	uint64_t start_us;
	size_t n_in;
	char in[16384];
	size_t at; /* place in `busy` */
};

struct version {
	char name[64];
	uint64_t n_ok;
	uint64_t n_errors;
};

static struct load {
	int epoll;
	uint16_t port;
	struct target *targets;
	size_t n_targets;
	size_t next;
	struct request **busy;
	size_t n_busy;
	size_t room;
	struct version versions[MAX_VERSIONS];
	size_t n_versions;
	uint64_t n_sent;
	uint64_t latency[N_BUCKETS];
	uint64_t start_us;
} load;

static volatile sig_atomic_t is_told_to_stop;

static void stop_cb(int number)
{
	(void)number;
	is_told_to_stop = 1;
}

/* --- books -------------------------------------------------------------- */

static void add_busy(struct request *request)
{
	if (load.n_busy == load.room) {
		load.room = load.room ? load.room * 2 : 256;
		load.busy = realloc(load.busy, load.room * sizeof(*load.busy));
		if (!load.busy)
			abort();
	}
	request->at = load.n_busy;
	load.busy[load.n_busy++] = request;
}

static void remove_busy(struct request *request)
{
	struct request *last = load.busy[--load.n_busy];

	load.busy[request->at] = last;
	last->at = request->at;
}

static void end_connection(struct request *request)
{
	(void)close(request->fd);
	free(request);
}

static void note_latency(uint64_t us)
{
	double edge = 100;
	size_t i = 0;

	while (i + 1 < N_BUCKETS && (double)us > edge) {
		edge *= 1.07;
		i++;
	}
	load.latency[i]++;
}

static double quantile_ms(double share)
{
	uint64_t all = 0;
	uint64_t seen = 0;
	double edge = 100;

	for (size_t i = 0; i < N_BUCKETS; i++)
		all += load.latency[i];
	for (size_t i = 0; i < N_BUCKETS; i++) {
		seen += load.latency[i];
		if (seen && (double)seen >= share * (double)all)
			return edge / 1000;
		edge *= 1.07;
	}
	return 0;
}

static void note_version(const char *name, bool is_ok)
{
	char text[64];
	size_t size = strcspn(name, "\r\n");
	size_t i = 0;

	(void)snprintf(text, sizeof(text), "%.*s", (int)MIN(size, 63), name);
	while (i < load.n_versions && strcmp(load.versions[i].name, text) != 0)
		i++;
	if (i == MAX_VERSIONS)
		return;
	if (i == load.n_versions) {
		memcpy(load.versions[i].name, text, sizeof(text));
		load.n_versions++;
	}
	if (is_ok)
		load.versions[i].n_ok++;
	else
		load.versions[i].n_errors++;
}

static void write_report(const char *path, bool is_over)
{
	char next[4096];
	uint64_t n_ok = 0, n_errors = 0, n_failed = 0, n_retried = 0;
	const char *comma = "";
	FILE *file;

	(void)snprintf(next, sizeof(next), "%s.next", path);
	file = fopen(next, "we");
	if (!file)
		return;
	for (size_t i = 0; i < load.n_targets; i++) {
		n_ok += load.targets[i].n_ok;
		n_errors += load.targets[i].n_errors;
		n_failed += load.targets[i].n_failed;
		n_retried += load.targets[i].n_retried;
	}
	(void)fprintf(file,
		      "{\"running\":%s,\"seconds\":%.1f,\"sent\":%lu,"
		      "\"ok\":%lu,\"errors\":%lu,\"failed\":%lu,"
		      "\"retried\":%lu,\"p50_ms\":%.2f,\"p99_ms\":%.2f,"
		      "\"versions\":[",
		      is_over ? "false" : "true",
		      (double)(now_us() - load.start_us) / 1e6, load.n_sent,
		      n_ok, n_errors, n_failed, n_retried, quantile_ms(0.5),
		      quantile_ms(0.99));
	for (size_t i = 0; i < load.n_versions; i++)
		(void)fprintf(file,
			      "%s{\"version\":\"%s\",\"ok\":%lu,"
			      "\"errors\":%lu}",
			      i ? "," : "", load.versions[i].name,
			      load.versions[i].n_ok, load.versions[i].n_errors);
	(void)fputs("],\"hosts\":[", file);
	for (size_t i = 0; i < load.n_targets; i++) {
		const struct target *t = &load.targets[i];

		(void)fprintf(file,
			      "%s{\"name\":\"%s\",\"ok\":%lu,\"errors\":%lu,"
			      "\"failed\":%lu}",
			      comma, t->name, t->n_ok, t->n_errors,
			      t->n_failed);
		comma = ",";
	}
	(void)fputs("]}\n", file);
	if (fclose(file) == 0)
		(void)rename(next, path);
}

/* --- one request -------------------------------------------------------- */

static void send_new(struct target *target, bool wants_close,
		     uint64_t start_us);

/* The connection is of no more use; was that the service's fault? */
static void give_up(struct request *request, bool may_retry)
{
	struct target *target = request->target;

	if (request->is_idle) {
		for (unsigned i = 0; i < target->n_idle; i++)
			if (target->idle[i] == request)
				target->idle[i] =
					target->idle[--target->n_idle];
		end_connection(request);
		return;
	}
	remove_busy(request);
	if (may_retry && request->is_reused && request->n_in == 0) {
		target->n_retried++;
		send_new(target, true, request->start_us);
	} else {
		target->n_failed++;
	}
	end_connection(request);
}

static void write_request(struct request *request)
{
	char text[256];
	int size = snprintf(
		text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n%s\r\n",
		request->target->name,
		request->wants_close ? "Connection: close\r\n" : "");

	/* It always fits into an empty socket buffer. */
	if (send(request->fd, text, (size_t)size, MSG_NOSIGNAL) != size)
		give_up(request, true);
}

static void watch(struct request *request, uint32_t events, int how)
{
	struct epoll_event event = { .events = events, .data.ptr = request };

	if (epoll_ctl(load.epoll, how, request->fd, &event) < 0)
		abort();
}

static void send_new(struct target *target, bool wants_close, uint64_t start_us)
{
	int on = 1;
	struct request *request = calloc(1, sizeof(*request));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (!request || fd < 0)
		abort();
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	request->fd = fd;
	request->target = target;
	request->wants_close = wants_close;
	request->start_us = start_us;
	add_busy(request);
	if (connect(fd, (const struct sockaddr *)&target->address,
		    sizeof(target->address)) < 0 &&
	    errno != EINPROGRESS) {
		give_up(request, false);
		return;
	}
	watch(request, EPOLLOUT, EPOLL_CTL_ADD);
}

static void send_next(void)
{
	struct target *target = &load.targets[load.next];
	bool is_new = load.n_sent % 4 == 3;

	load.next = (load.next + 1) % load.n_targets;
	load.n_sent++;
	if (!is_new && target->n_idle) {
		struct request *request = target->idle[--target->n_idle];

		request->is_idle = false;
		request->is_reused = true;
		request->n_in = 0;
		request->start_us = now_us();
		add_busy(request);
		write_request(request);
		return;
	}
	send_new(target, is_new, now_us());
}

static void finish(struct request *request, size_t head)
{
	struct target *target = request->target;
	const char *version = http_header(request->in, head, "X-Version:");
	const char *wish = http_header(request->in, head, "Connection:");
	int status = atoi(request->in + 9);

	remove_busy(request);
	note_latency(now_us() - request->start_us);
	if (status == 200)
		target->n_ok++;
	else
		target->n_errors++;
	if (version)
		note_version(version, status == 200);
	if (request->wants_close || wish || target->n_idle == MAX_IDLE) {
		end_connection(request);
		return;
	}
	request->is_idle = true;
	target->idle[target->n_idle++] = request;
}

/* The whole answer's size, or 0 while unknown. */
static size_t answer_size(const struct request *request, size_t head)
{
	const char *length = http_header(request->in, head, "Content-Length:");

	return length ? head + strtoul(length, NULL, 10) : 0;
}

static void read_answer(struct request *request)
{
	ssize_t n = recv(request->fd, request->in + request->n_in,
			 sizeof(request->in) - 1 - request->n_in, 0);
	size_t head;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 || request->is_idle) {
		give_up(request, true);
		return;
	}
	request->n_in += (size_t)n;
	request->in[request->n_in] = '\0';
	head = http_head(request->in, request->n_in);
	if (head && answer_size(request, head) &&
	    request->n_in >= answer_size(request, head))
		finish(request, head);
}

static void connected(struct request *request)
{
	int error = 0;
	socklen_t size = sizeof(error);

	(void)getsockopt(request->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error) {
		give_up(request, false);
		return;
	}
	watch(request, EPOLLIN, EPOLL_CTL_MOD);
	write_request(request);
}

/* --- the pace ----------------------------------------------------------- */

static void expire(void)
{
	uint64_t now = now_us();

	for (size_t i = load.n_busy; i > 0; i--)
		if (now - load.busy[i - 1]->start_us > TIMEOUT_US)
			give_up(load.busy[i - 1], false);
}

static void handle_events(int wait_ms)
{
	struct epoll_event events[256];
	int n = epoll_wait(load.epoll, events, 256, wait_ms);

	for (int i = 0; i < n; i++) {
		struct request *request = events[i].data.ptr;

		if (events[i].events & EPOLLOUT)
			connected(request);
		else
			read_answer(request);
	}
}

static void run(double rps, double seconds, const char *report)
{
	uint64_t next_report;

	load.start_us = now_us();
	next_report = load.start_us + 1000000;
	while (!is_told_to_stop) {
		double elapsed = (double)(now_us() - load.start_us) / 1e6;
		uint64_t due = (uint64_t)(elapsed * rps);

		if (seconds > 0 && elapsed >= seconds)
			break;
		for (int i = 0; load.n_sent < due && i < MAX_BURST; i++)
			send_next();
		handle_events((int)MIN(100, MAX(1, 1000 / rps)));
		expire();
		if (now_us() >= next_report) {
			write_report(report, false);
			next_report += 1000000;
		}
	}
	/* Those under way get their answer. */
	for (uint64_t end = now_us() + TIMEOUT_US;
	     load.n_busy && now_us() < end;) {
		handle_events(50);
		expire();
	}
	write_report(report, true);
}

static int read_targets(const char *path)
{
	FILE *file = fopen(path, "re");
	char address[64];

	load.targets = calloc(MAX_TARGETS, sizeof(*load.targets));
	if (!file || !load.targets)
		return -1;
	while (load.n_targets < MAX_TARGETS) {
		struct target *t = &load.targets[load.n_targets];

		if (fscanf(file, "%63s %63s", t->name, address) != 2)
			break;
		t->address.sin_family = AF_INET;
		t->address.sin_port = htons(load.port);
		if (inet_pton(AF_INET, address, &t->address.sin_addr) == 1)
			load.n_targets++;
	}
	(void)fclose(file);
	return load.n_targets ? 0 : -1;
}

int main(int argc, char **argv)
{
	if (argc != 6) {
		(void)fputs("usage: load TARGETS PORT RPS SECONDS REPORT\n",
			    stderr);
		return 2;
	}
	load.port = (uint16_t)atoi(argv[2]);
	if (read_targets(argv[1]) < 0 || atof(argv[3]) <= 0) {
		(void)fprintf(stderr, "load: no hosts in %s, or no rate\n",
			      argv[1]);
		return 1;
	}
	(void)signal(SIGTERM, stop_cb);
	(void)signal(SIGINT, stop_cb);
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (load.epoll < 0)
		return 1;
	run(atof(argv[3]), atof(argv[4]), argv[5]);
	return 0;
}
