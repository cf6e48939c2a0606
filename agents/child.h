/*
 * child.h - one child process: a program, or a function of ours.
 *
 * Its own process group, stdin from /dev/null, a deadline, and of its output
 * the beginning and the end. What ends a child is the exit of its first
 * process, never the end of its output: a daemon that it left behind may hold
 * that open for ever. It dies with its parent. Never blocks; child_run does.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

#define CHILD_OUTPUT 8192 /* bytes kept */
#define CHILD_FDS    2

typedef int (*child_fn)(void *ctx, struct err *err);

struct child_options {
	const char *what; /* for sentences; borrowed */
	/* A program: looked up on PATH unless there is a slash in it. */
	const char *const *argv;
	const char *const *env;
	int dir; /* to run in; -1: stay */
	/* Or a function, in a copy of this process; its error comes back. */
	child_fn fn;
	void *ctx;
	uint64_t timeout_ms; /* 0: none */
	/* It starts something that must live on: only a timeout kills it. */
	bool is_launcher;
	int output; /* where a launcher's output goes, borrowed; -1: to us */
};

struct child;

int child_start(const struct child_options *options, uint64_t now_ms,
		struct child **out, struct err *err) MUST_CHECK;
/* Kill it, with its group, unless it has ended. */
void child_free(struct child *child);
MEM_AUTO(child)

/* What to poll; the number of them. */
size_t child_fds(const struct child *child, struct pollfd out[CHILD_FDS]);
/* When to call child_step at the latest; 0: no need. */
uint64_t child_deadline_ms(const struct child *child);
/* Read output, see to the deadline; true when it has ended. */
bool child_step(struct child *child, uint64_t now_ms);
/* How it ended: 0 only for exit status 0. */
int child_result(const struct child *child, struct err *err) MUST_CHECK;
/* What it printed, cut in the middle, fit for people; owned by the caller. */
char *child_output(const struct child *child) MUST_CHECK;
/* The same as it was, borrowed, and as far as it was kept. */
const struct buf *child_bytes(const struct child *child);

/* Start, wait, result; OUT_OUTPUT (may be NULL) is set either way. */
int child_run(const struct child_options *options, char **out_output,
	      struct err *err) MUST_CHECK;
