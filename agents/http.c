#include "agents/http.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/str.h"
#include "core/sys/clock.h"

#define HEAD_MAX 65536u
#define SCHEME	 "http://"

static int bad_url(const char *url, struct err *err)
{
	return err_set(err, ERR_INVALID,
		       "%s: not of the form http://host[:port]/path", url);
}

static int take_part(char *out, size_t size, const char *from, size_t n,
		     const char *url, struct err *err)
{
	if (n == 0 || n >= size)
		return bad_url(url, err);
	memcpy(out, from, n);
	out[n] = '\0';
	return 0;
}

int http_parse_url(const char *url, struct http_url *out, struct err *err)
{
	const char *host;
	const char *end;
	const char *path;
	size_t n;

	for (const char *p = url; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return bad_url(url, err);
	if (!str_starts(url, SCHEME))
		return bad_url(url, err);
	host = url + strlen(SCHEME);
	if (*host == '[') {
		host++;
		n = strcspn(host, "]/");
		if (host[n] != ']')
			return bad_url(url, err);
		end = host + n + 1;
	} else {
		n = strcspn(host, ":/?#");
		end = host + n;
	}
	if (take_part(out->host, sizeof(out->host), host, n, url, err) < 0)
		return err_again(err);
	path = end + strcspn(end, "/?#");
	if (*end == ':') {
		if (take_part(out->port, sizeof(out->port), end + 1,
			      (size_t)(path - end - 1), url, err) < 0)
			return err_again(err);
	} else if (end != path) {
		return bad_url(url, err);
	} else {
		(void)snprintf(out->port, sizeof(out->port), "80");
	}
	n = strcspn(path, "#");
	if (n + 2 > sizeof(out->path))
		return bad_url(url, err);
	(void)snprintf(out->path, sizeof(out->path), "%s%.*s",
		       *path == '/' ? "" : "/", (int)n, path);
	return 0;
}

/* Wait for FD; ERR_TIMEOUT at UNTIL. */
static int wait_for(int fd, short events, uint64_t until_ms, struct err *err)
{
	for (;;) {
		uint64_t now_ms = clock_boot_ms();
		struct pollfd one = { fd, events, 0 };
		int n;

		if (now_ms >= until_ms)
			return err_set(err, ERR_TIMEOUT, "no answer in time");
		n = poll(&one, 1, (int)MIN_OF(until_ms - now_ms, 60000));
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_sys(err, "poll");
	}
}

static int connect_one(const struct addrinfo *to, uint64_t until_ms,
		       int *out_fd, struct err *err)
{
	AUTO_FD int fd = socket(to->ai_family,
				to->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
				to->ai_protocol);
	socklen_t size = sizeof(int);
	int problem = 0;

	if (fd < 0)
		return err_sys(err, "make a socket");
	if (connect(fd, to->ai_addr, to->ai_addrlen) < 0) {
		if (errno != EINPROGRESS)
			return err_set(err, ERR_UNREACHABLE, "connect: %s",
				       strerror(errno));
		if (wait_for(fd, POLLOUT, until_ms, err) < 0)
			return err_wrap(err, "connect");
		(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size);
		if (problem)
			return err_set(err, ERR_UNREACHABLE, "connect: %s",
				       strerror(problem));
	}
	*out_fd = TAKE_FD(fd);
	return 0;
}

int http_connect(const char *host, const char *port, uint64_t until_ms,
		 int *out_fd, struct err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(host, port, &hints, &list);

	if (rc != 0)
		return err_set(err, ERR_UNREACHABLE, "look up %s: %s", host,
			       gai_strerror(rc));
	rc = err_set(err, ERR_UNREACHABLE, "%s has no address", host);
	for (const struct addrinfo *at = list; at && rc < 0; at = at->ai_next)
		rc = connect_one(at, until_ms, out_fd, err);
	freeaddrinfo(list);
	return rc < 0 ? err_wrap(err, "%s:%s", host, port) : 0;
}

static int send_all(int fd, const char *bytes, size_t size, uint64_t until_ms,
		    struct err *err)
{
	while (size) {
		ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			if (wait_for(fd, POLLOUT, until_ms, err) < 0)
				return err_again(err);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, ERR_UNREACHABLE, "send: %s",
				       strerror(errno));
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

static int receive_all(int fd, uint64_t until_ms, size_t max, struct buf *out,
		       struct err *err)
{
	for (;;) {
		ssize_t n = recv(fd, buf_reserve(out, 65536), 65536, 0);

		if (n < 0 && errno == EAGAIN) {
			if (wait_for(fd, POLLIN, until_ms, err) < 0)
				return err_again(err);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, ERR_UNREACHABLE, "receive: %s",
				       strerror(errno));
		if (n == 0)
			return 0;
		out->size += (size_t)n;
		out->bytes[out->size] = '\0';
		if (out->size > max)
			return err_set(err, ERR_INVALID,
				       "an answer of more than %zu bytes", max);
	}
}

static int not_http(struct err *err)
{
	return err_set(err, ERR_PROTOCOL, "the answer is not HTTP");
}

static int parse_status(const char *line, size_t size, unsigned *out,
			struct err *err)
{
	unsigned status = 0;

	if (size < 12 || strncmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ')
		return not_http(err);
	for (size_t i = 9; i < 12; i++) {
		if (line[i] < '0' || line[i] > '9')
			return not_http(err);
		status = status * 10 + (unsigned)(line[i] - '0');
	}
	*out = status;
	return 0;
}

/* The value of header NAME in HEAD, owned; NULL: it has none. */
static char *find_header(const char *head, size_t size, const char *name)
{
	size_t n = strlen(name);
	const char *at = memchr(head, '\n', size);

	while (at && (size_t)(++at - head) + n < size) {
		if (strncasecmp(at, name, n) == 0 && at[n] == ':') {
			at += n + 1;
			at += strspn(at, " \t");
			return mem_strn(at, strcspn(at, " \t\r\n"));
		}
		at = memchr(at, '\n', size - (size_t)(at - head));
	}
	return NULL;
}

static int parse_hex(const char *text, size_t size, size_t *out,
		     size_t *out_used)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	size_t value = 0;
	size_t i;

	for (i = 0; i < size && i < 8; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (!digit)
			break;
		value = value * 16 + (size_t)(digit - digits) % 16;
	}
	*out = value;
	*out_used = i;
	return i ? 0 : -1;
}

static int parse_chunks(const char *at, size_t size, struct buf *out,
			struct err *err)
{
	while (size) {
		const char *line_end = memchr(at, '\n', size);
		size_t chunk;
		size_t used;

		if (!line_end || parse_hex(at, size, &chunk, &used) < 0)
			break;
		size -= (size_t)(line_end + 1 - at);
		at = line_end + 1;
		if (chunk == 0)
			return 0;
		if (chunk + 2 > size)
			break;
		buf_append(out, at, chunk);
		at += chunk + 2;
		size -= chunk + 2;
	}
	return err_set(err, ERR_PROTOCOL, "the answer is cut short");
}

int http_parse_answer(const char *bytes, size_t size, unsigned *out_status,
		      struct buf *out_body, struct err *err)
{
	const char *head_end = memmem(bytes, size, "\r\n\r\n", 4);
	AUTO_STR char *coding = NULL;
	AUTO_STR char *length = NULL;
	const char *body;
	uint64_t expected;
	size_t n;

	if (!head_end || (size_t)(head_end - bytes) > HEAD_MAX)
		return not_http(err);
	body = head_end + 4;
	n = size - (size_t)(body - bytes);
	if (parse_status(bytes, size, out_status, err) < 0)
		return err_again(err);
	coding = find_header(bytes, (size_t)(head_end - bytes),
			     "Transfer-Encoding");
	if (coding && strcasecmp(coding, "chunked") == 0)
		return parse_chunks(body, n, out_body, err);
	length = find_header(bytes, (size_t)(head_end - bytes),
			     "Content-Length");
	if (length) {
		if (str_parse_u64(length, UINT32_MAX, &expected, err) < 0)
			return not_http(err);
		if (n < expected)
			return err_set(err, ERR_PROTOCOL,
				       "the answer is cut short");
		n = (size_t)expected;
	}
	buf_append(out_body, body, n);
	return 0;
}

int http_get(const char *url, uint64_t until_ms, size_t max,
	     unsigned *out_status, struct buf *out_body, struct err *err)
{
	AUTO_VALUE(buf) request = BUF_INIT;
	AUTO_VALUE(buf) answer = BUF_INIT;
	struct http_url to;
	AUTO_FD int fd = -1;

	if (http_parse_url(url, &to, err) < 0)
		return err_again(err);
	if (http_connect(to.host, to.port, until_ms, &fd, err) < 0)
		return err_again(err);
	buf_format(&request,
		   "GET %s HTTP/1.1\r\nHost: %s:%s\r\n"
		   "User-Agent: gray-agent\r\nAccept: */*\r\n"
		   "Connection: close\r\n\r\n",
		   to.path, to.host, to.port);
	if (send_all(fd, buf_str(&request), request.size, until_ms, err) < 0 ||
	    receive_all(fd, until_ms, max + HEAD_MAX, &answer, err) < 0 ||
	    http_parse_answer(buf_str(&answer), answer.size, out_status,
			      out_body, err) < 0)
		return err_wrap(err, "%s", url);
	if (out_body->size > max)
		return err_set(err, ERR_INVALID, "%s: more than %zu bytes", url,
			       max);
	return 0;
}
