#include "core/remote/child.h"

#include <signal.h>

#define CHILD_CHUNK	 (64 << 10)
#define CHILD_WRITE	 (256 << 10) /* of the queue at once */
#define CHILD_SPAWNS	 4	     /* in one turn of the loop */
#define CHILD_LAST_WORDS (1 << 20)   /* more is not waited for */

static struct child *child_of(struct session *session)
{
	return CONTAINER_OF(session, struct child, session);
}

static void child_closed_cb(uv_handle_t *handle)
{
	session_release(handle->data);
}

static void child_close_handle(void *handle)
{
	uv_handle_t *uv = handle;

	if (!uv_is_closing(uv))
		uv_close(uv, child_closed_cb);
}

/* What is in the pipe now; its end may never come. */
static void child_read_last_words(struct child *child)
{
	char *chunk = child->session.worker->chunk;
	uv_os_fd_t fd;
	ssize_t n;

	if (child->is_err_over ||
	    uv_fileno((uv_handle_t *)&child->err, &fd) < 0)
		return;
	for (size_t all = 0; all < CHILD_LAST_WORDS; all += (size_t)n) {
		n = read(fd, chunk, CHILD_CHUNK);
		if (n <= 0)
			break;
		child->on_err(child, chunk, (size_t)n);
	}
}

/* All its output is here and it has ended. */
static void child_finish(struct child *child)
{
	if (child->is_running || !child->is_out_over ||
	    child->session.is_closed)
		return;
	if (child->waits_for_err && !child->is_err_over)
		return;
	child_read_last_words(child);
	child->on_end(child);
}

static void child_exit_cb(uv_process_t *process, int64_t status, int signo)
{
	struct child *child = child_of(process->data);

	child->is_running = false;
	child->status = status;
	child->signo = signo;
	child_close_handle(process);
	if (child->on_exit && !child->session.is_closed)
		child->on_exit(child);
	child_finish(child);
}

static void child_alloc_cb(uv_handle_t *handle, size_t size, uv_buf_t *out)
{
	struct session *session = handle->data;

	(void)size;
	*out = uv_buf_init(session->worker->chunk, CHILD_CHUNK);
}

static void child_read_cb(uv_stream_t *pipe, ssize_t n, const uv_buf_t *bytes)
{
	struct child *child = child_of(pipe->data);
	bool is_out = (void *)pipe == (void *)&child->out;

	if (n < 0) {
		(void)uv_read_stop(pipe);
		child_close_handle(pipe);
		*(is_out ? &child->is_out_over : &child->is_err_over) = true;
		child_finish(child);
	} else if (n > 0 && is_out) {
		session_got(&child->session, bytes->base, (size_t)n);
		if (!session_can_read(&child->session))
			(void)uv_read_stop(pipe);
	} else if (n > 0) {
		child->on_err(child, bytes->base, (size_t)n);
	}
}

static void child_wrote_cb(uv_write_t *write, int status)
{
	struct child *child = child_of(write->data);
	size_t size = child->writing.size;

	/* Nobody reads it: it is as gone as if somebody did. */
	(void)status;
	child->is_writing = false;
	buf_clear(&child->writing);
	if (!child->session.is_closed) {
		session_wrote(&child->session, size);
		child_pump(child);
	}
	session_release(&child->session);
}

static void child_write(struct child *child)
{
	size_t size;
	const uint8_t *bytes = session_out(&child->session, &size);
	uv_buf_t uv;

	if (child->is_writing)
		return;
	if (!bytes) {
		if (child->session.wants_end)
			child_close_handle(&child->in);
		return;
	}
	buf_append(&child->writing, bytes, MIN_OF(size, CHILD_WRITE));
	uv = uv_buf_init((char *)child->writing.bytes,
			 (unsigned)child->writing.size);
	child->write.data = &child->session;
	child->is_writing = true;
	session_hold(&child->session);
	(void)uv_write(&child->write, (uv_stream_t *)&child->in, &uv, 1,
		       child_wrote_cb);
}

void child_read(struct child *child)
{
	if (session_can_read(&child->session) &&
	    !uv_is_closing((uv_handle_t *)&child->out))
		(void)uv_read_start((uv_stream_t *)&child->out, child_alloc_cb,
				    child_read_cb);
}

void child_pump(struct child *child)
{
	child_read(child);
	if (!uv_is_closing((uv_handle_t *)&child->in))
		child_write(child);
}

bool child_may_start(const struct child *child)
{
	const struct worker *worker = child->session.worker;

	return worker->spawned_at != uv_now(&worker->uv) ||
	       worker->n_spawned < CHILD_SPAWNS;
}

static int child_spawn(struct child *child, char *const *argv, const char *cwd)
{
	struct worker *worker = child->session.worker;
	uv_pipe_t *pipes[] = { &child->in, &child->out, &child->err };
	uv_stdio_container_t stdio[COUNT_OF(pipes)];
	uv_process_options_t options = {
		.file = argv[0],
		.args = (char **)(uintptr_t)argv,
		.cwd = cwd,
		.flags = UV_PROCESS_DETACHED,
		.stdio = stdio,
		.stdio_count = COUNT_OF(pipes),
		.exit_cb = child_exit_cb,
	};

	for (size_t i = 0; i < COUNT_OF(pipes); i++) {
		stdio[i].flags = UV_CREATE_PIPE |
				 (i == 0 ? UV_READABLE_PIPE : UV_WRITABLE_PIPE);
		stdio[i].data.stream = (uv_stream_t *)pipes[i];
	}
	if (worker->spawned_at != uv_now(&worker->uv))
		worker->n_spawned = 0;
	worker->spawned_at = uv_now(&worker->uv);
	worker->n_spawned++;
	return uv_spawn(&worker->uv, &child->process, &options);
}

int child_start(struct child *child, char *const *argv, const char *cwd,
		struct err *err)
{
	struct session *session = &child->session;
	uv_pipe_t *pipes[] = { &child->in, &child->out, &child->err };
	int rc;

	if (!session->worker->chunk)
		session->worker->chunk = mem_alloc(CHILD_CHUNK);
	for (size_t i = 0; i < COUNT_OF(pipes); i++) {
		(void)uv_pipe_init(&session->worker->uv, pipes[i], 0);
		pipes[i]->data = session;
		session_hold(session);
	}
	child->process.data = session;
	session_hold(session);
	child->is_started = true;
	rc = child_spawn(child, argv, cwd);
	child->is_running = rc == 0;
	if (rc < 0)
		return err_set(err, ERR_UNREACHABLE, "run %s: %s", argv[0],
			       uv_strerror(rc));
	(void)uv_read_start((uv_stream_t *)&child->err, child_alloc_cb,
			    child_read_cb);
	return 0;
}

void child_stop(struct child *child)
{
	if (!child->is_started)
		return;
	if (child->is_running) /* its end closes it: it must be reaped */
		(void)kill(-child->process.pid, SIGKILL);
	else
		child_close_handle(&child->process);
	child_close_handle(&child->in);
	child_close_handle(&child->out);
	child_close_handle(&child->err);
}

void child_release(struct child *child)
{
	buf_release(&child->writing);
}
