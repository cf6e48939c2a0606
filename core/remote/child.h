/*
 * child.h - a session that is a program run here: its three pipes, its end.
 *
 * What the owner writes goes to its standard input, its output to the owner.
 * The program leads a process group of its own, is killed with it when the
 * session closes, and is always waited for.
 *
 *	started -> running -> ended, and its output read to the end -> on_end
 *
 * uv_spawn holds up its loop until the program has been executed, so only a
 * few start in one turn of it: ask child_may_start first.
 */
#pragma once

#include "core/remote/remote_private.h"

struct child {
	struct session session;
	uv_process_t process;
	uv_pipe_t in;
	uv_pipe_t out;
	uv_pipe_t err;
	uv_write_t write;
	struct buf writing;
	bool is_writing;
	bool is_started; /* the handles above are of use */
	bool is_running;
	bool is_out_over;
	bool is_err_over;
	int64_t status;
	int signo;
	/*
	 * Set before the start. on_exit, which may be NULL: it has ended just
	 * now. on_end: it ended and its standard output is
	 * read; then its standard error too if waits_for_err, or else what of
	 * it was there by then: somebody it started may keep that open.
	 */
	void (*on_exit)(struct child *child);
	void (*on_end)(struct child *child);
	void (*on_err)(struct child *child, const void *bytes, size_t size);
	bool waits_for_err;
};

/* False: too many in this turn of the loop. */
bool child_may_start(const struct child *child);
/*
 * Run ARGV in the folder CWD (NULL: here). Once only. After a failure
 * child_stop is still to be called.
 */
int child_start(struct child *child, char *const *argv, const char *cwd,
		struct err *err) MUST_CHECK;
/* Read if there is room; and write what there is, too. */
void child_read(struct child *child);
void child_pump(struct child *child);
void child_stop(struct child *child);
void child_release(struct child *child);
