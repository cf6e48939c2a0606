#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "core/base/str.h"
#include "core/sys/loop_private.h"

#define CHILD_CHUNK 65536
/* What is read at most after the end: a grandchild may go on writing. */
#define CHILD_DRAIN_CHUNKS 16

struct loop_child {
	struct loop *loop;
	uv_process_t process;
	uv_pipe_t output;
	uv_timer_t deadline;
	int n_open; /* handles; the last to close frees the child */
	bool is_running;
	bool is_told; /* done was called, or nobody wants to know */
	uint64_t timeout_ms;
	loop_child_fn done;
	void *ctx;
	struct err err; /* why it did not start */
	size_t max_first;
	size_t max_last;
	struct buf first; /* of the output */
	struct buf last;
	uint64_t n_left_out;
	char chunk[CHILD_CHUNK];
	struct loop_child *prev;
	struct loop_child *next;
};

/* Keep the first and the last part of the output; count what is between. */
static void child_keep(struct loop_child *child, const char *bytes, size_t size)
{
	size_t n = MIN_OF(size, child->max_first - child->first.size);

	buf_append(&child->first, bytes, n);
	bytes += n;
	size -= n;
	if (size > child->max_last) {
		n = size - child->max_last;
		child->n_left_out += n;
		bytes += n;
		size -= n;
	}
	if (child->last.size + size > child->max_last) {
		n = child->last.size + size - child->max_last;
		child->n_left_out += n;
		buf_eat(&child->last, n);
	}
	buf_append(&child->last, bytes, size);
}

static char *child_text(struct loop_child *child)
{
	AUTO_VALUE(buf) text = BUF_INIT;

	buf_append(&text, child->first.bytes, child->first.size);
	if (child->n_left_out)
		buf_format(&text, "\n[... %llu bytes left out ...]\n",
			   (unsigned long long)child->n_left_out);
	buf_append(&text, child->last.bytes, child->last.size);
	for (size_t i = 0; i < text.size; i++)
		if (text.bytes[i] == '\0')
			text.bytes[i] = '?';
	return buf_take_str(&text);
}

/* What is in the pipe now; whoever else holds it is not waited for. */
static void child_drain(struct loop_child *child)
{
	uv_os_fd_t fd;

	if (uv_fileno((uv_handle_t *)&child->output, &fd) < 0)
		return;
	for (int i = 0; i < CHILD_DRAIN_CHUNKS; i++) {
		ssize_t n = read(fd, child->chunk, sizeof(child->chunk));

		if (n <= 0)
			return;
		child_keep(child, child->chunk, (size_t)n);
	}
}

static void child_tell(struct loop_child *child, int status,
		       const struct err *err)
{
	AUTO_STR char *text = NULL;

	if (child->is_told)
		return;
	child->is_told = true;
	child_drain(child);
	text = child_text(child);
	child->done(child->ctx, status, text, err);
}

static void child_closed_cb(uv_handle_t *handle)
{
	struct loop_child *child = handle->data;

	if (--child->n_open)
		return;
	child->loop->n_busy--;
	if (child->prev)
		child->prev->next = child->next;
	else
		child->loop->children = child->next;
	if (child->next)
		child->next->prev = child->prev;
	buf_release(&child->first);
	buf_release(&child->last);
	free(child);
}

static void child_close(struct loop_child *child)
{
	if (child->process.type == UV_PROCESS) /* uv_spawn was called */
		uv_close((uv_handle_t *)&child->process, child_closed_cb);
	else
		child->n_open--;
	uv_close((uv_handle_t *)&child->output, child_closed_cb);
	uv_close((uv_handle_t *)&child->deadline, child_closed_cb);
}

static void child_kill(struct loop_child *child)
{
	(void)kill(-child->process.pid, SIGKILL);
}

static void child_exit_cb(uv_process_t *process, int64_t status, int signo)
{
	struct loop_child *child = process->data;
	struct err err = ERR_INIT;

	child->is_running = false;
	child_kill(child); /* what it left behind in its group */
	if (signo) {
		(void)err_set(&err, ERR_FAILED, "killed by signal %d (%s)",
			      signo, strsignal(signo));
		child_tell(child, -1, &err);
	} else {
		child_tell(child, (int)status, &err);
	}
	child_close(child);
}

static void child_deadline_cb(uv_timer_t *timer)
{
	struct loop_child *child = timer->data;
	struct err err = ERR_INIT;
	char limit[32];

	if (!child->is_running) { /* it never started */
		child_tell(child, -1, &child->err);
		child_close(child);
		return;
	}
	child_kill(child);
	str_format_duration(child->timeout_ms, limit, sizeof(limit));
	(void)err_set(&err, ERR_TIMEOUT, "no end after %s; killed", limit);
	child_tell(child, -1, &err); /* reaped when it pleases the kernel */
}

static void child_alloc_cb(uv_handle_t *handle, size_t size, uv_buf_t *out)
{
	struct loop_child *child = handle->data;

	(void)size;
	*out = uv_buf_init(child->chunk, sizeof(child->chunk));
}

static void child_read_cb(uv_stream_t *output, ssize_t n, const uv_buf_t *bytes)
{
	struct loop_child *child = output->data;

	if (n > 0)
		child_keep(child, bytes->base, (size_t)n);
	else if (n < 0)
		(void)uv_read_stop(output);
}

/* One pipe for both of its outputs, so that their lines keep their order. */
static int child_spawn(struct loop_child *child, uv_process_options_t *options)
{
	int fds[2];
	int rc = uv_pipe(fds, UV_NONBLOCK_PIPE, 0);
	uv_stdio_container_t stdio[3] = { { .flags = UV_IGNORE } };

	if (rc < 0)
		return rc;
	for (int i = 1; i < 3; i++) {
		stdio[i].flags = UV_INHERIT_FD;
		stdio[i].data.fd = fds[1];
	}
	options->stdio = stdio;
	options->stdio_count = COUNT_OF(stdio);
	rc = uv_pipe_open(&child->output, fds[0]);
	if (rc < 0)
		(void)close(fds[0]);
	else
		rc = uv_spawn(&child->loop->uv, &child->process, options);
	(void)close(fds[1]);
	if (rc == 0)
		(void)uv_read_start((uv_stream_t *)&child->output,
				    child_alloc_cb, child_read_cb);
	options->stdio = NULL; /* it ends here */
	return rc;
}

static struct loop_child *child_new(struct loop *loop)
{
	struct loop_child *child = MEM_NEW(struct loop_child);

	child->loop = loop;
	(void)uv_pipe_init(&loop->uv, &child->output, 0);
	(void)uv_timer_init(&loop->uv, &child->deadline);
	child->process.data = child->output.data = child->deadline.data = child;
	child->n_open = 3;
	child->next = loop->children;
	if (child->next)
		child->next->prev = child;
	loop->children = child;
	loop->n_busy++;
	return child;
}

struct loop_child *loop_child_run(struct loop *loop, char *const *argv,
				  const char *dir, char *const *env,
				  uint64_t timeout_ms, size_t max_output,
				  loop_child_fn done, void *ctx)
{
	struct loop_child *child = child_new(loop);
	uv_process_options_t options = {
		.file = argv[0],
		.args = (char **)(uintptr_t)argv,
		.env = (char **)(uintptr_t)env,
		.cwd = dir,
		.flags = UV_PROCESS_DETACHED, /* setsid: a group of its own */
		.exit_cb = child_exit_cb,
	};
	int rc;

	child->timeout_ms = timeout_ms;
	child->max_first = max_output / 2;
	child->max_last = max_output - child->max_first;
	child->done = done;
	child->ctx = ctx;
	rc = child_spawn(child, &options);
	child->is_running = rc == 0;
	if (rc < 0) {
		(void)err_set(&child->err, ERR_SYSTEM, "run %s: %s", argv[0],
			      uv_strerror(rc));
		timeout_ms = 0;
	}
	uv_update_time(&loop->uv);
	(void)uv_timer_start(&child->deadline, child_deadline_cb, timeout_ms,
			     0);
	return child;
}

void loop_child_cancel(struct loop_child *child)
{
	child->is_told = true;
	if (child->is_running)
		child_kill(child); /* its end closes it */
}

void loop_child_cancel_all(struct loop *loop)
{
	for (struct loop_child *child = loop->children; child;
	     child = child->next)
		loop_child_cancel(child);
}
