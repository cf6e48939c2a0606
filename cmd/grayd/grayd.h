/*
 * grayd.h - the controller's program: what its files share.
 */
#pragma once

#include "cmd/grayd/server.h"
#include "core/sys/loop.h"
#include "rollouts/driver.h"

struct events;

struct grayd {
	char *home;
	char *socket;
	struct loop *loop;
	struct driver *driver;
	struct blobs *blobs; /* the parts', for other threads to read */
	unsigned n_reading;  /* other threads that do, and must not be left */
	struct server *server;
	struct events *events;
	struct loop_timer *ending; /* the answer to a shutdown leaves first */
	int status;		   /* the program's, when the loop has ended */
};

/* handlers.c: a request, found in the table of paths and answered. */
void handlers_run(void *ctx, struct exchange *exchange);

/* One resource each; NAME is what the star in its path stands for. */
void handle_log(struct grayd *grayd, struct exchange *exchange,
		const char *name);
void handle_log_verify(struct grayd *grayd, struct exchange *exchange,
		       const char *name);
void handle_releases(struct grayd *grayd, struct exchange *exchange,
		     const char *name);
void handle_release(struct grayd *grayd, struct exchange *exchange,
		    const char *name);
void handle_releases_diff(struct grayd *grayd, struct exchange *exchange,
			  const char *name);
