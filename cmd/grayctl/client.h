/*
 * client.h - one request over grayd's socket, and grayd itself on demand.
 *
 * When nobody answers, grayd is started (found beside grayctl, in ../sbin or on
 * PATH) and waited for; a grayd that does not come up is reported with the end
 * of its log. Answers are JSON; an error of the server becomes *err, its
 * mistakes are added a line each.
 */
#pragma once

#include <stdbool.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/text/json.h"

struct client;

/* home: $GRAY_HOME, copied; mistakes: borrowed for the client's life */
struct client *client_new(const char *home, struct buf *mistakes);
void client_free(struct client *client);
MEM_AUTO(client)

/* path: "/v1/rollouts", escaped; out: owned by the caller */
int client_get(struct client *client, const char *path, struct js **out,
	       struct err *err) MUST_CHECK;
int client_post(struct client *client, const char *path, const struct js *body,
		struct js **out, struct err *err) MUST_CHECK;

/* Get PATH and show the answer: as JSON, or to people by PRINT. */
struct output;
typedef void client_print_fn(const struct output *output,
			     const struct js *answer);
int client_show(struct client *client, const char *path,
		const struct output *output, client_print_fn *print,
		struct err *err) MUST_CHECK;

struct client_stream {
	/* False: enough. DATA is borrowed. */
	bool (*event)(void *ctx, const char *event, const struct js *data);
	/* A few times a second; false: stop, which is no error. */
	bool (*tick)(void *ctx);
	void *ctx;
};
/* Until the server ends the stream or a callback says so. */
int client_follow(struct client *client, const char *path,
		  const struct client_stream *stream,
		  struct err *err) MUST_CHECK;

/* "/v1/rollouts/feed-7/pause"; ID is escaped, VERB may be NULL. */
char *client_rollout_path(const char *id, const char *verb) MUST_CHECK;
/* Add NAME=VALUE, escaped, to the query at the end of PATH; NULL adds nothing.
 */
void client_add_query(struct buf *path, const char *name, const char *value);
