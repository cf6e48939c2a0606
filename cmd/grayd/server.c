#include "cmd/grayd/server.h"

#include <microhttpd.h>
#include <string.h>

#include "cmd/grayd/peer.h"
#include "core/sys/log.h"

#define MAX_CLIENTS	 64u
#define MAX_HEADER_BYTES ((size_t)32 << 10)
#define MAX_BODY_BYTES	 ((size_t)3 << 20) /* a 1 MiB plan, escaped in JSON */
#define MAX_FEED_BYTES	 ((size_t)8 << 20) /* what a slow reader may owe */
#define TIMEOUT_S	 30u
#define FEED_BLOCK	 ((size_t)32 << 10)

struct feed {
	struct exchange *exchange;
	struct buf waiting;
	bool is_ended;
	bool is_dropped;
	void (*gone)(void *ctx);
	void *ctx;
};

struct exchange {
	struct server *server;
	struct MHD_Connection *connection;
	char *method;
	char *path;
	char *who;
	struct buf body;
	bool is_started; /* the handler was called */
	bool is_suspended;
	struct MHD_Response *response; /* the answer, until it is queued */
	unsigned status;
	struct feed *feed;
	struct exchange *prev;
	struct exchange *next;
};

struct server {
	struct loop *loop;
	struct MHD_Daemon *daemon;
	struct loop_poll *poll;
	struct loop_timer *timer;
	server_fn fn;
	void *ctx;
	struct exchange *exchanges;
};

/* As long as MHD has something to do at once, come back at once. */
static void run(struct server *server)
{
	MHD_UNSIGNED_LONG_LONG wait_ms = 0;

	(void)MHD_run(server->daemon);
	if (MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES)
		loop_timer_set(server->timer, wait_ms);
	else
		loop_timer_stop(server->timer);
}

static void timer_cb(void *ctx)
{
	run(ctx);
}

static void poll_cb(void *ctx, bool can_read, bool can_write)
{
	(void)can_read;
	(void)can_write;
	run(ctx);
}

static void resume(struct exchange *exchange)
{
	if (!exchange->is_suspended)
		return;
	exchange->is_suspended = false;
	MHD_resume_connection(exchange->connection);
	loop_timer_set(exchange->server->timer, 0);
}

static void suspend(struct exchange *exchange)
{
	exchange->is_suspended = true;
	MHD_suspend_connection(exchange->connection);
}

static struct exchange *exchange_new(struct server *server,
				     struct MHD_Connection *connection,
				     const char *method, const char *path)
{
	struct exchange *exchange = MEM_NEW(struct exchange);

	exchange->server = server;
	exchange->connection = connection;
	exchange->method = mem_str(method);
	exchange->path = mem_str(path);
	exchange->next = server->exchanges;
	if (exchange->next)
		exchange->next->prev = exchange;
	server->exchanges = exchange;
	return exchange;
}

static void exchange_free(struct exchange *exchange)
{
	if (exchange->prev)
		exchange->prev->next = exchange->next;
	else
		exchange->server->exchanges = exchange->next;
	if (exchange->next)
		exchange->next->prev = exchange->prev;
	if (exchange->response)
		MHD_destroy_response(exchange->response);
	buf_release(&exchange->body);
	free(exchange->method);
	free(exchange->path);
	free(exchange->who);
	free(exchange);
}

static enum MHD_Result queue(struct exchange *exchange)
{
	struct MHD_Response *response = TAKE(exchange->response);
	enum MHD_Result result = MHD_queue_response(exchange->connection,
						    exchange->status, response);

	MHD_destroy_response(response);
	return result;
}

static void check_peer(struct exchange *exchange)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct err err = ERR_INIT;
	int failed = info ? peer_find(info->connect_fd, &exchange->who, &err)
			  : err_set(&err, ERR_SYSTEM, "no socket");

	if (failed) {
		log_warn("%s", err.text);
		exchange_fail(exchange, &err, NULL);
	}
}

static void take_body(struct exchange *exchange, const char *bytes, size_t size)
{
	struct err err = ERR_INIT;

	if (exchange->response)
		return;
	if (exchange->body.size + size > MAX_BODY_BYTES) {
		(void)err_set(&err, ERR_INVALID,
			      "the request is over %zu bytes", MAX_BODY_BYTES);
		exchange_fail(exchange, &err, NULL);
		return;
	}
	buf_append(&exchange->body, bytes, size);
}

/* MHD calls it when the headers are there, for each part of the body, at the
 * end, and again after each resume. */
static enum MHD_Result access_cb(void *ctx, struct MHD_Connection *connection,
				 const char *url, const char *method,
				 const char *version, const char *bytes,
				 size_t *size, void **slot)
{
	struct exchange *exchange = *slot;

	(void)version;
	if (!exchange) {
		exchange = exchange_new(ctx, connection, method, url);
		*slot = exchange;
		check_peer(exchange);
		return exchange->response ? queue(exchange) : MHD_YES;
	}
	if (*size > 0) {
		take_body(exchange, bytes, *size);
		*size = 0;
		return MHD_YES;
	}
	if (!exchange->response && !exchange->is_started) {
		exchange->is_started = true;
		exchange->server->fn(exchange->server->ctx, exchange);
	}
	if (exchange->response)
		return queue(exchange);
	suspend(exchange);
	return MHD_YES;
}

static void completed_cb(void *ctx, struct MHD_Connection *connection,
			 void **slot, enum MHD_RequestTerminationCode why)
{
	struct exchange *exchange = *slot;

	(void)ctx;
	(void)connection;
	(void)why;
	*slot = NULL;
	if (!exchange)
		return;
	/* The feed's own end is feed_free_cb. */
	if (exchange->feed)
		exchange->feed->exchange = NULL;
	exchange_free(exchange);
}

static void log_cb(void *ctx, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));
static void log_cb(void *ctx, const char *fmt, va_list args)
{
	char line[512];

	(void)ctx;
	(void)vsnprintf(line, sizeof(line), fmt, args);
	line[strcspn(line, "\n")] = '\0';
	log_debug("http: %s", line); /* mostly clients that left */
}

int server_new(struct loop *loop, int fd, server_fn fn, void *ctx,
	       struct server **out, struct err *err)
{
	struct server *server = MEM_NEW(struct server);
	const union MHD_DaemonInfo *info;

	server->loop = loop;
	server->fn = fn;
	server->ctx = ctx;
	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
		NULL, NULL, access_cb, server, MHD_OPTION_EXTERNAL_LOGGER,
		log_cb, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, MAX_CLIENTS,
		MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, MAX_HEADER_BYTES,
		MHD_OPTION_NOTIFY_COMPLETED, completed_cb, NULL,
		MHD_OPTION_END);
	info = server->daemon ? MHD_get_daemon_info(server->daemon,
						    MHD_DAEMON_INFO_EPOLL_FD)
			      : NULL;
	if (!info) {
		(void)close(fd);
		free(server);
		return err_set(err, ERR_SYSTEM,
			       "the HTTP server did not start");
	}
	server->timer = loop_timer_new(loop, timer_cb, server);
	server->poll = loop_poll_new(loop, info->epoll_fd, poll_cb, server);
	loop_poll_set(server->poll, true, false);
	run(server);
	*out = server;
	return 0;
}

void server_free(struct server *server)
{
	struct exchange *next;

	if (!server)
		return;
	loop_poll_free(server->poll);
	for (struct exchange *e = server->exchanges; e; e = next) {
		next = e->next;
		resume(e);
	}
	MHD_stop_daemon(server->daemon);
	loop_timer_free(server->timer);
	free(server);
}

const char *exchange_method(const struct exchange *exchange)
{
	return exchange->method;
}

const char *exchange_path(const struct exchange *exchange)
{
	return exchange->path;
}

const char *exchange_body(const struct exchange *exchange, size_t *out_size)
{
	*out_size = exchange->body.size;
	return buf_str(&exchange->body);
}

const char *exchange_who(const struct exchange *exchange)
{
	return exchange->who;
}

const char *exchange_query(const struct exchange *exchange, const char *name)
{
	return MHD_lookup_connection_value(exchange->connection,
					   MHD_GET_ARGUMENT_KIND, name);
}

static void answer(struct exchange *exchange, unsigned status,
		   struct MHD_Response *response, const char *type)
{
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
				      type);
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL,
				      "no-store");
	exchange->status = status;
	exchange->response = response;
	resume(exchange);
}

void exchange_answer(struct exchange *exchange, unsigned status,
		     struct js *body)
{
	AUTO(js) owned = body;
	char *text = js_format(owned);

	answer(exchange, status,
	       MHD_create_response_from_buffer(strlen(text), text,
					       MHD_RESPMEM_MUST_FREE),
	       "application/json");
}

static unsigned status_of(enum err_code code)
{
	switch (code) {
	case ERR_INVALID:
		return MHD_HTTP_BAD_REQUEST;
	case ERR_NOT_FOUND:
		return MHD_HTTP_NOT_FOUND;
	case ERR_REFUSED:
		return MHD_HTTP_FORBIDDEN;
	case ERR_CONFLICT:
	case ERR_STALE:
	case ERR_FAILED:
		return MHD_HTTP_CONFLICT;
	case ERR_UNREACHABLE:
	case ERR_PROTOCOL:
	case ERR_HOSTKEY:
		return MHD_HTTP_BAD_GATEWAY;
	case ERR_TIMEOUT:
		return MHD_HTTP_GATEWAY_TIMEOUT;
	case ERR_NO_SPACE:
		return MHD_HTTP_INSUFFICIENT_STORAGE;
	case ERR_NONE:
	case ERR_CORRUPT:
	case ERR_SYSTEM:
		break;
	}
	return MHD_HTTP_INTERNAL_SERVER_ERROR;
}

void exchange_fail(struct exchange *exchange, const struct err *err,
		   struct js *mistakes)
{
	struct js *body = js_object();
	struct js *error = js_object();

	js_set_str(error, "code", err_name(err->code));
	js_set_str(error, "text", err->text);
	js_set_int(error, "exit", err_exit_status(err->code));
	js_set(error, "mistakes", mistakes ? mistakes : js_array());
	js_set(body, "error", error);
	exchange_answer(exchange, status_of(err->code), body);
}

static ssize_t feed_read_cb(void *ctx, uint64_t at, char *out, size_t room)
{
	struct feed *feed = ctx;
	size_t size = MIN_OF(feed->waiting.size, room);

	(void)at;
	if (feed->is_dropped)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (size > 0) {
		memcpy(out, feed->waiting.bytes, size);
		buf_eat(&feed->waiting, size);
		return (ssize_t)size;
	}
	if (feed->is_ended)
		return MHD_CONTENT_READER_END_OF_STREAM;
	suspend(feed->exchange);
	return 0;
}

static void feed_free_cb(void *ctx)
{
	struct feed *feed = ctx;

	if (feed->exchange)
		feed->exchange->feed = NULL;
	feed->gone(feed->ctx);
	buf_release(&feed->waiting);
	free(feed);
}

struct feed *exchange_feed(struct exchange *exchange, void (*gone)(void *ctx),
			   void *ctx)
{
	struct feed *feed = MEM_NEW(struct feed);

	feed->exchange = exchange;
	feed->gone = gone;
	feed->ctx = ctx;
	exchange->feed = feed;
	answer(exchange, MHD_HTTP_OK,
	       MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, FEED_BLOCK,
						 feed_read_cb, feed,
						 feed_free_cb),
	       "text/event-stream");
	return feed;
}

static void wake(struct feed *feed)
{
	if (feed->exchange)
		resume(feed->exchange);
}

void feed_send(struct feed *feed, const char *text, size_t size)
{
	if (feed->is_ended || feed->is_dropped)
		return;
	if (feed->waiting.size + size > MAX_FEED_BYTES) {
		log_warn("a reader of events is too slow and was dropped");
		feed->is_dropped = true;
	} else {
		buf_append(&feed->waiting, text, size);
	}
	wake(feed);
}

void feed_end(struct feed *feed)
{
	feed->is_ended = true;
	wake(feed);
}
