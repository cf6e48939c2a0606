#include <signal.h>
#include <string.h>

#include "core/remote/user.h"
#include "core/remote/remote_private.h"

#define LOCAL_CHUNK (64 << 10)
#define LOCAL_WRITE (256 << 10) /* of the queue at once */

/* The command run here, by /bin/sh in the home folder, as sshd would. */
struct local {
	struct session session;
	uv_process_t process;
	uv_pipe_t in;
	uv_pipe_t out;
	uv_pipe_t err;
	uv_write_t write;
	struct buf writing;
	bool is_writing;
	bool is_running;
	unsigned n_eof;
	int64_t status;
	int signo;
	char chunk[LOCAL_CHUNK];
};

static struct local *local_of(struct session *session)
{
	return CONTAINER_OF(session, struct local, session);
}

static void local_closed_cb(uv_handle_t *handle)
{
	session_release(handle->data);
}

static void local_close_handle(void *handle)
{
	uv_handle_t *uv = handle;

	if (!uv_is_closing(uv))
		uv_close(uv, local_closed_cb);
}

/* All its output is here and it has ended. */
static void local_finish(struct local *local)
{
	struct err err = ERR_INIT;

	if (local->is_running || local->n_eof < 2 || local->session.is_closed)
		return;
	if (local->signo) {
		(void)err_set(&err, ERR_FAILED, "the command: killed by %s",
			      strsignal(local->signo));
		session_close(&local->session, -1, &err);
	} else {
		session_close(&local->session, (int)local->status, NULL);
	}
}

static void local_exit_cb(uv_process_t *process, int64_t status, int signo)
{
	struct local *local = local_of(process->data);

	local->is_running = false;
	local->status = status;
	local->signo = signo;
	local_close_handle(process);
	local_finish(local);
}

static void local_alloc_cb(uv_handle_t *handle, size_t size, uv_buf_t *out)
{
	struct local *local = local_of(handle->data);

	(void)size;
	*out = uv_buf_init(local->chunk, sizeof(local->chunk));
}

static void local_read_cb(uv_stream_t *pipe, ssize_t n, const uv_buf_t *bytes)
{
	struct local *local = local_of(pipe->data);
	bool is_out = (void *)pipe == (void *)&local->out;

	if (n < 0) {
		(void)uv_read_stop(pipe);
		local->n_eof++;
		local_close_handle(pipe);
		local_finish(local);
	} else if (n > 0 && is_out) {
		session_got(&local->session, bytes->base, (size_t)n);
		if (!session_can_read(&local->session))
			(void)uv_read_stop(pipe);
	} else if (n > 0) {
		session_got_stderr(&local->session, bytes->base, (size_t)n);
	}
}

static void local_pump(struct session *session);

static void local_wrote_cb(uv_write_t *write, int status)
{
	struct local *local = local_of(write->data);
	size_t size = local->writing.size;

	/* Nobody reads it: it is as gone as if somebody did. */
	(void)status;
	local->is_writing = false;
	buf_clear(&local->writing);
	if (!local->session.is_closed) {
		session_wrote(&local->session, size);
		local_pump(&local->session);
	}
	session_release(&local->session);
}

static void local_write(struct local *local)
{
	size_t size;
	const uint8_t *bytes = session_out(&local->session, &size);
	uv_buf_t uv;

	if (local->is_writing)
		return;
	if (!bytes) {
		if (local->session.wants_end)
			local_close_handle(&local->in);
		return;
	}
	buf_append(&local->writing, bytes, MIN_OF(size, LOCAL_WRITE));
	uv = uv_buf_init((char *)local->writing.bytes,
			 (unsigned)local->writing.size);
	local->write.data = &local->session;
	local->is_writing = true;
	session_hold(&local->session);
	(void)uv_write(&local->write, (uv_stream_t *)&local->in, &uv, 1,
		       local_wrote_cb);
}

static void local_pump(struct session *session)
{
	struct local *local = local_of(session);

	if (session_can_read(session) &&
	    !uv_is_closing((uv_handle_t *)&local->out))
		(void)uv_read_start((uv_stream_t *)&local->out, local_alloc_cb,
				    local_read_cb);
	if (!uv_is_closing((uv_handle_t *)&local->in))
		local_write(local);
}

static int local_spawn(struct local *local)
{
	char sh[] = "/bin/sh", dash_c[] = "-c";
	char *argv[] = { sh, dash_c, local->session.command, NULL };
	AUTO_STR char *home = user_file("");
	uv_pipe_t *pipes[] = { &local->in, &local->out, &local->err };
	uv_stdio_container_t stdio[COUNT_OF(pipes)];
	uv_process_options_t options = {
		.file = sh,
		.args = argv,
		.cwd = home,
		.flags = UV_PROCESS_DETACHED,
		.stdio = stdio,
		.stdio_count = COUNT_OF(pipes),
		.exit_cb = local_exit_cb,
	};

	for (size_t i = 0; i < COUNT_OF(pipes); i++) {
		stdio[i].flags = UV_CREATE_PIPE |
				 (i == 0 ? UV_READABLE_PIPE : UV_WRITABLE_PIPE);
		stdio[i].data.stream = (uv_stream_t *)pipes[i];
	}
	return uv_spawn(&local->session.worker->uv, &local->process, &options);
}

static void local_start(struct session *session)
{
	struct local *local = local_of(session);
	uv_pipe_t *pipes[] = { &local->in, &local->out, &local->err };
	struct err err = ERR_INIT;
	int rc;

	for (size_t i = 0; i < COUNT_OF(pipes); i++) {
		(void)uv_pipe_init(&session->worker->uv, pipes[i], 0);
		pipes[i]->data = session;
		session_hold(session);
	}
	local->process.data = session;
	session_hold(session);
	rc = local_spawn(local);
	local->is_running = rc == 0;
	if (rc < 0) {
		(void)err_set(&err, ERR_UNREACHABLE, "run /bin/sh: %s",
			      uv_strerror(rc));
		session_close(session, -1, &err);
		return;
	}
	session_is_in(session);
	session_opened(session);
	(void)uv_read_start((uv_stream_t *)&local->err, local_alloc_cb,
			    local_read_cb);
	local_pump(session);
}

static void local_stop(struct session *session)
{
	struct local *local = local_of(session);

	if (local->is_running) /* its end closes it: it must be reaped */
		(void)kill(-local->process.pid, SIGKILL);
	else
		local_close_handle(&local->process);
	local_close_handle(&local->in);
	local_close_handle(&local->out);
	local_close_handle(&local->err);
}

static void local_release(struct session *session)
{
	buf_release(&local_of(session)->writing);
}

const struct transport transport_local = {
	.scheme = "local:",
	.session_size = sizeof(struct local),
	.start = local_start,
	.pump = local_pump,
	.stop = local_stop,
	.release = local_release,
};
