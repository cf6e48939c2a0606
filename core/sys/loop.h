/*
 * loop.h - one thread's events: timers, other threads' calls, child processes.
 *
 * A thin skin over libuv. Everything is called on the loop's own thread except
 * loop_post. A timer belongs to the loop until loop_timer_free. A program that
 * has a loop ignores SIGPIPE.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

struct loop;
struct loop_timer;
struct loop_child;
typedef void (*loop_fn)(void *ctx);

int loop_new(struct loop **out, struct err *err) MUST_CHECK;
/*
 * Makes the calls that were posted, waits for work that runs (DONE is called)
 * and kills children (DONE is not). Timers and polls are freed before it.
 */
void loop_free(struct loop *loop);
/* Until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* The uv_loop_t, for core/remote and core/wire only. */
void *loop_uv(struct loop *loop);

/* Call FN(CTX) on the loop's thread soon; from any thread. */
void loop_post(struct loop *loop, loop_fn fn, void *ctx);
/* WORK on a thread of the pool, then DONE on the loop. */
void loop_work(struct loop *loop, loop_fn work, loop_fn done, void *ctx);

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn fn, void *ctx);
void loop_timer_set(struct loop_timer *timer, uint64_t in_ms); /* once */
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer); /* NULL is fine */

/* FN when FD is readable (and, when asked, writable); level-triggered. */
struct loop_poll;
typedef void (*loop_poll_fn)(void *ctx, bool can_read, bool can_write);
struct loop_poll *loop_poll_new(struct loop *loop, int fd, loop_poll_fn fn,
				void *ctx);
void loop_poll_set(struct loop_poll *poll, bool want_read, bool want_write);
void loop_poll_free(struct loop_poll *poll); /* does not close the fd */

/* FN on SIGINT, SIGTERM... */
void loop_on_signal(struct loop *loop, int signo, loop_fn fn, void *ctx);

/*
 * Run argv (found on the PATH of ENV; NULL: ours) in DIR (NULL: here), its own
 * process group, stdin /dev/null. Of stdout+stderr MAX_OUTPUT bytes are kept,
 * the first and the last half, with a line between that says how much is left
 * out. After TIMEOUT_MS the group is killed. DONE gets the exit status, or -1
 * and err: ERR_TIMEOUT, ERR_FAILED "killed by signal", ERR_SYSTEM when it could
 * not be started; never before this returns. The end is that of the first
 * process: what it leaves behind in its group is killed, and pipes that others
 * still hold are not waited for.
 */
typedef void (*loop_child_fn)(void *ctx, int status, const char *output,
			      const struct err *err);
struct loop_child *loop_child_run(struct loop *loop, char *const *argv,
				  const char *dir, char *const *env,
				  uint64_t timeout_ms, size_t max_output,
				  loop_child_fn done, void *ctx);
/* Kill it and never call DONE; not after DONE. */
void loop_child_cancel(struct loop_child *child);
