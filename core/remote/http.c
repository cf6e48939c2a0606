#include "core/remote/http.h"

#include <curl/curl.h>
#include <errno.h>

#include "core/base/vec.h"

struct http_socket {
	struct http *http;
	curl_socket_t fd;
	struct loop_poll *poll;
};

struct http {
	struct loop *loop;
	CURLM *multi;
	CURL *easy;
	struct loop_timer *timer;
	VEC(struct http_socket *) sockets;
	struct buf body;
	size_t max_body;
	bool is_too_long;
	http_done_fn done;
	void *ctx;
};

static void http_free(struct http *http)
{
	if (http->easy)
		(void)curl_multi_remove_handle(http->multi, http->easy);
	curl_easy_cleanup(http->easy);
	(void)curl_multi_cleanup(http->multi); /* takes its sockets back */
	for (size_t i = 0; i < http->sockets.n; i++) {
		loop_poll_free(http->sockets.items[i]->poll);
		free(http->sockets.items[i]);
	}
	vec_release(&http->sockets);
	loop_timer_free(http->timer);
	buf_release(&http->body);
	free(http);
}

static bool has_looked_up(CURL *easy)
{
	curl_off_t us = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_NAMELOOKUP_TIME_T, &us);
	return us > 0;
}

static bool has_asked(CURL *easy)
{
	long bytes = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &bytes);
	return bytes > 0;
}

/* It is this machine that has no way out, which says nothing of theirs. */
static bool is_our_network(CURL *easy)
{
	long number = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
	return number == ENETUNREACH || number == ENETDOWN ||
	       number == EADDRNOTAVAIL;
}

static enum err_code code_of(const struct http *http, CURLcode code)
{
	if (http->is_too_long)
		return ERR_PROTOCOL;
	switch ((int)code) {
	case CURLE_OK:
		return ERR_NONE;
	case CURLE_URL_MALFORMAT:
		return ERR_INVALID;
	case CURLE_UNSUPPORTED_PROTOCOL: /* the URL's, or their answer's */
		return has_asked(http->easy) ? ERR_PROTOCOL : ERR_INVALID;
	case CURLE_COULDNT_CONNECT:
		return is_our_network(http->easy) ? ERR_SYSTEM
						  : ERR_UNREACHABLE;
	case CURLE_COULDNT_RESOLVE_HOST:
		return ERR_NOT_FOUND;
	case CURLE_OPERATION_TIMEDOUT: /* our resolver's silence, or theirs */
		return has_looked_up(http->easy) ? ERR_TIMEOUT : ERR_NOT_FOUND;
	case CURLE_FAILED_INIT:
	case CURLE_OUT_OF_MEMORY:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ENGINE_INITFAILED:
		return ERR_SYSTEM;
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_HTTP2:
	case CURLE_BAD_CONTENT_ENCODING:
		return ERR_PROTOCOL;
	default:
		return ERR_UNREACHABLE;
	}
}

static void end(struct http *http, CURLcode code)
{
	struct err err = ERR_INIT;
	enum err_code why = code_of(http, code);
	long status = 0;

	if (http->is_too_long)
		(void)err_set(&err, why, "an answer of more than %zu bytes",
			      http->max_body);
	else if (why == ERR_TIMEOUT)
		(void)err_set(&err, why, "no answer in time");
	else if (why != ERR_NONE)
		(void)err_set(&err, why, "%s", curl_easy_strerror(code));
	else
		(void)curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE,
					&status);
	http->done(http->ctx, (unsigned)status, &http->body, &err);
	http_free(http);
}

static void act(struct http *http, curl_socket_t fd, int events)
{
	int n = 0;
	const CURLMsg *message;

	(void)curl_multi_socket_action(http->multi, fd, events, &n);
	message = curl_multi_info_read(http->multi, &n);
	if (message && message->msg == CURLMSG_DONE)
		end(http, message->data.result);
}

static void timer_cb(void *ctx)
{
	act(ctx, CURL_SOCKET_TIMEOUT, 0);
}

static void poll_cb(void *ctx, bool can_read, bool can_write)
{
	const struct http_socket *socket = ctx;

	act(socket->http, socket->fd,
	    (can_read ? CURL_CSELECT_IN : 0) |
		    (can_write ? CURL_CSELECT_OUT : 0));
}

/* curl wants to be woken; a negative time: not any more. */
static int want_timer(CURLM *multi, long in_ms, void *ctx)
{
	struct http *http = ctx;

	(void)multi;
	if (in_ms < 0)
		loop_timer_stop(http->timer);
	else
		loop_timer_set(http->timer, (uint64_t)in_ms);
	return 0;
}

static void drop_socket(struct http *http, struct http_socket *socket)
{
	for (size_t i = 0; i < http->sockets.n; i++)
		if (http->sockets.items[i] == socket) {
			vec_remove(&http->sockets, i);
			break;
		}
	loop_poll_free(socket->poll);
	free(socket);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *ctx,
		       void *of_socket)
{
	struct http *http = ctx;
	struct http_socket *socket = of_socket;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (socket) {
			(void)curl_multi_assign(http->multi, fd, NULL);
			drop_socket(http, socket);
		}
		return 0;
	}
	if (!socket) {
		socket = MEM_NEW(struct http_socket);
		socket->http = http;
		socket->fd = fd;
		socket->poll = loop_poll_new(http->loop, fd, poll_cb, socket);
		*vec_add(&http->sockets) = socket;
		(void)curl_multi_assign(http->multi, fd, socket);
	}
	loop_poll_set(socket->poll, what & CURL_POLL_IN, what & CURL_POLL_OUT);
	return 0;
}

static size_t write_cb(char *bytes, size_t one, size_t n, void *ctx)
{
	struct http *http = ctx;
	size_t size = one * n;

	if (size > http->max_body - http->body.size) {
		http->is_too_long = true;
		return CURL_WRITEFUNC_ERROR;
	}
	buf_append(&http->body, bytes, size);
	return size;
}

static void set_up(struct http *http, const struct http_ask *ask)
{
	CURL *easy = http->easy;

	(void)curl_easy_setopt(easy, CURLOPT_URL, ask->url);
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	/* A name that nobody resolves must not hold the loop up in the end. */
	(void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "gray/" GRAY_VERSION);
	(void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
			       (long)MAX_OF(ask->timeout_ms, 1));
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, write_cb);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, http);
	(void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION,
				want_socket);
	(void)curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	(void)curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION,
				want_timer);
	(void)curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
}

struct http *http_get(struct loop *loop, const struct http_ask *ask,
		      http_done_fn done, void *ctx)
{
	struct http *http = MEM_NEW(struct http);

	http->loop = loop;
	http->max_body = ask->max_body;
	http->done = done;
	http->ctx = ctx;
	http->timer = loop_timer_new(loop, timer_cb, http);
	http->multi = curl_multi_init();
	http->easy = curl_easy_init();
	if (!http->multi || !http->easy)
		abort(); /* out of memory, as mem.c does it */
	set_up(http, ask);
	/* It asks for its timer: all begins there, in the loop's next turn. */
	if (curl_multi_add_handle(http->multi, http->easy) != CURLM_OK)
		abort();
	return http;
}

void http_cancel(struct http *http)
{
	if (http)
		http_free(http);
}
