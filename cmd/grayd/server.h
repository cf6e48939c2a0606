/*
 * server.h - HTTP on a Unix socket, on the program's own loop.
 *
 * Limits on clients, headers, bodies and time. A request becomes an exchange,
 * given to the handler once it is read whole; the handler answers at once or
 * later, or turns it into a feed of server-sent events. Does not know what is
 * asked. The only door to libmicrohttpd.
 */
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/sys/loop.h"
#include "core/text/json.h"

struct server;
struct exchange;
struct feed;

/* Called with every request, on the loop; must lead to one answer. */
typedef void (*server_fn)(void *ctx, struct exchange *exchange);

/*
 * fd   a listening socket; the server's from now on
 */
int server_new(struct loop *loop, int fd, server_fn fn, void *ctx,
	       struct server **out, struct err *err) MUST_CHECK;
/* Ends every exchange and feed. */
void server_free(struct server *server);

/* Borrowed until the answer. */
const char *exchange_method(const struct exchange *exchange);
const char *exchange_path(const struct exchange *exchange);
const char *exchange_body(const struct exchange *exchange, size_t *out_size);
const char *exchange_who(const struct exchange *exchange);
/* The value after ?NAME=, or NULL. */
const char *exchange_query(const struct exchange *exchange, const char *name);

/* BODY moves in. Exactly one of these three ends an exchange. */
void exchange_answer(struct exchange *exchange, unsigned status,
		     struct js *body);
/* mistakes: an array of sentences that moves in, or NULL */
void exchange_fail(struct exchange *exchange, const struct err *err,
		   struct js *mistakes);
/* GONE is called once, when the client has left, was dropped or the feed's end
 * is sent; the feed is no more. */
struct feed *exchange_feed(struct exchange *exchange, void (*gone)(void *ctx),
			   void *ctx);

/* Queue text. A client that does not read is dropped. */
void feed_send(struct feed *feed, const char *text, size_t size);
/* After what is queued. */
void feed_end(struct feed *feed);
