/*
 * remote_run.h - streams for tests: run commands on hosts, and gather what
 * comes back.
 */
#pragma once

#include "core/base/buf.h"
#include "core/remote/transport.h"
#include "core/sys/loop.h"

#define RUN_LIMIT_MS 40000 /* a test that is not over by then is broken */

struct run_host {
	struct loop *loop;
	struct remote *remote;
	struct loop_timer *limit;
	struct remote_options options;
	struct remote_target target; /* what run_start uses */
	unsigned n_running;
	unsigned n_most_open; /* streams that were open at once */
	unsigned n_open;
};
struct run {
	struct run_host *host;
	struct stream *stream;
	struct buf out;
	struct buf err_out;
	unsigned n_opened, n_drained, n_closed;
	int status;
	struct err err;
	unsigned slow_us; /* sleeps so long for each piece it gets */
	char *new_key;	  /* line, when one was shown */
	bool is_taken;
	char *transport; /* that was chosen last, */
	char *why;	 /* and why */
	unsigned n_routes;
	void (*on_open)(struct run *run); /* or NULL */
};

/* A pool of two threads, deadlines of 5 s, and a target called web-1. */
void run_host_init(struct run_host *host);
/* The options and the target are set before. */
void run_host_start(struct run_host *host);
void run_host_stop(struct run_host *host);
void run_start(struct run_host *host, struct run *run, const char *command);
/* Until all that were started have closed. */
void run_wait(struct run_host *host);
/* Start, write INPUT, end it, wait. */
void run_all(struct run_host *host, struct run *run, const char *command,
	     const void *input, size_t size);
void run_release(struct run *run);
