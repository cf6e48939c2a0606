#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/str.h"
#include "core/remote/child.h"
#include "core/remote/openssh_args.h"
#include "core/remote/openssh_log.h"
#include "core/remote/openssh_scan.h"

#define OPENSSH_LOG_CHUNK 16384
#define OPENSSH_STDERR	  2048 /* kept of what comes before the command runs */

/*
 * A connection by the ssh program: what `ssh host` reaches, with the user's own
 * configuration. One process for each command. See openssh_log.h for how we
 * learn how far it is.
 */
struct openssh {
	struct child child;
	struct openssh_log log;
	int log_read;	    /* our end of its log, */
	int log_write;	    /* and the one it opens again by its path */
	int new_key;	    /* -1, or a known_hosts file in memory */
	struct buf err_out; /* before the command runs */
	bool has_timer;
	uv_timer_t deadline;
	uv_poll_t poll;
	uv_work_t work; /* the scan of an unknown key */
	char *key_words;
	char *key_line;
	struct err err;
};

static struct openssh *openssh_of(struct session *session)
{
	return CONTAINER_OF(session, struct openssh, child.session);
}

static struct openssh *openssh_of_child(struct child *child)
{
	return CONTAINER_OF(child, struct openssh, child);
}

static const struct remote_options *openssh_options(const struct openssh *ssh)
{
	return remote_options_of(ssh->child.session.worker->remote);
}

static void openssh_end(struct openssh *ssh, const struct err *err)
{
	session_close(&ssh->child.session, -1, err);
}

/* --- deadlines --- */

static uint64_t openssh_limit_ms(const struct openssh *ssh)
{
	const struct remote_options *options = openssh_options(ssh);

	switch (ssh->log.phase) {
	case OPENSSH_CONNECT:
		return options->connect_ms +
		       (ssh->log.is_proxied ? options->handshake_ms : 0);
	case OPENSSH_HANDSHAKE:
		return options->handshake_ms;
	case OPENSSH_EXEC:
	case OPENSSH_OPEN:
		break;
	}
	return options->exec_ms;
}

static void openssh_deadline_cb(uv_timer_t *timer)
{
	struct openssh *ssh = timer->data;
	const struct remote_target *target = &ssh->child.session.target;
	struct err err = ERR_INIT;
	char limit[32];

	str_format_duration(openssh_limit_ms(ssh), limit, sizeof(limit));
	switch (ssh->log.phase) {
	case OPENSSH_CONNECT:
		(void)err_set(&err, ERR_TIMEOUT,
			      "connect to %s: no answer within %s",
			      target->address, limit);
		break;
	case OPENSSH_HANDSHAKE:
		(void)err_set(&err, ERR_TIMEOUT,
			      "SSH handshake: not done within %s", limit);
		break;
	case OPENSSH_EXEC:
	case OPENSSH_OPEN:
		(void)err_set(&err, ERR_TIMEOUT,
			      "start the command: no answer within %s", limit);
		break;
	}
	openssh_end(ssh, &err);
}

static void openssh_set_deadline(struct openssh *ssh)
{
	uv_update_time(&ssh->child.session.worker->uv);
	(void)uv_timer_start(&ssh->deadline, openssh_deadline_cb,
			     openssh_limit_ms(ssh), 0);
}

/* --- what it tells --- */

static void openssh_reach(struct openssh *ssh, enum openssh_phase before)
{
	struct session *session = &ssh->child.session;

	if (before < OPENSSH_EXEC && ssh->log.phase >= OPENSSH_EXEC)
		session_is_in(session);
	if (ssh->log.phase < OPENSSH_OPEN) {
		openssh_set_deadline(ssh);
		return;
	}
	(void)uv_timer_stop(&ssh->deadline);
	session_opened(session);
	child_pump(&ssh->child);
}

static void openssh_read_log(struct openssh *ssh)
{
	enum openssh_phase before = ssh->log.phase;
	bool was_proxied = ssh->log.is_proxied;
	char chunk[OPENSSH_LOG_CHUNK];
	ssize_t n;

	while ((n = read(ssh->log_read, chunk, sizeof(chunk))) > 0)
		openssh_log_add(&ssh->log, chunk, (size_t)n);
	if (ssh->log.phase != before || ssh->log.is_proxied != was_proxied)
		openssh_reach(ssh, before);
}

static void openssh_log_cb(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	openssh_read_log(poll->data);
}

static void openssh_err(struct child *child, const void *bytes, size_t size)
{
	struct openssh *ssh = openssh_of_child(child);

	/* Is this the program on the host already? The log was there first. */
	if (ssh->log.phase < OPENSSH_OPEN)
		openssh_read_log(ssh);
	if (ssh->log.phase == OPENSSH_OPEN)
		session_got_stderr(&child->session, bytes, size);
	else if (ssh->err_out.size + size <= OPENSSH_STDERR)
		buf_append(&ssh->err_out, bytes, size);
}

/* --- its end --- */

static void openssh_exit(struct child *child)
{
	struct openssh *ssh = openssh_of_child(child);

	/* A ProxyCommand that goes on without it serves nobody. */
	(void)kill(-child->process.pid, SIGKILL);
	(void)uv_timer_stop(&ssh->deadline);
	openssh_read_log(ssh);
	(void)uv_timer_stop(&ssh->deadline);
	child_read(child);
}

/* The last line on its standard error; owned by the caller. */
static char *openssh_last_line(const struct openssh *ssh)
{
	const char *text = buf_str(&ssh->err_out);
	size_t size = strlen(text);
	size_t start;

	while (size && strchr("\r\n \t", text[size - 1]))
		size--;
	for (start = size; start && text[start - 1] != '\n';)
		start--;
	return str_clean(text + start, size - start);
}

static void openssh_ended(struct child *child)
{
	struct openssh *ssh = openssh_of_child(child);
	AUTO_STR char *last = openssh_last_line(ssh);
	struct err err = ERR_INIT;

	/* Only with the host's own word for it is a status one. */
	if (ssh->log.has_status && !child->signo) {
		session_close(&child->session, (int)child->status, NULL);
		return;
	}
	if (child->signo)
		(void)err_set(&err, ERR_UNREACHABLE,
			      "connection lost: the ssh program: %s",
			      strsignal(child->signo));
	else
		openssh_log_explain(&ssh->log, &child->session.target, last,
				    &err);
	if (ssh->log.trouble == OPENSSH_KEY_UNKNOWN && ssh->log.key) {
		AUTO_STR char *words = openssh_log_key_words(ssh->log.key);

		session_new_key_text(&child->session, words, "", false);
	}
	openssh_end(ssh, &err);
}

/* --- its start --- */

static void openssh_spawn(struct openssh *ssh)
{
	struct session *session = &ssh->child.session;
	AUTO_VALUE(openssh_args) args = { 0 };
	struct remote_target target = session->target;
	struct err err = ERR_INIT;
	int me = (int)getpid();

	openssh_args_add(&args, "ssh");
	openssh_args_add(&args, "-E");
	openssh_args_add(&args, "/proc/%d/fd/%d", me, ssh->log_write);
	openssh_args_add_rules(&args, openssh_options(ssh)->connect_ms);
	if (ssh->new_key >= 0) {
		AUTO_STR char *path =
			mem_format("/proc/%d/fd/%d", me, ssh->new_key);

		target.known_hosts = NULL;
		openssh_args_add_paths(&args, "UserKnownHostsFile", path, NULL);
	}
	openssh_args_add_target(&args, &target);
	openssh_args_finish(&args, target.address, session->command);
	if (child_start(&ssh->child, args.words.items, NULL, &err) < 0) {
		openssh_end(ssh, &err);
		return;
	}
	(void)uv_poll_start(&ssh->poll, UV_READABLE, openssh_log_cb);
	openssh_set_deadline(ssh);
}

static void openssh_turn_cb(uv_timer_t *timer)
{
	struct openssh *ssh = timer->data;

	if (child_may_start(&ssh->child))
		openssh_spawn(ssh);
	else
		(void)uv_timer_start(timer, openssh_turn_cb, 1, 0);
}

/* What a person said of an unknown key; the known ones decide otherwise. */
static bool openssh_takes(const struct openssh *ssh)
{
	const struct remote_target *target = &ssh->child.session.target;
	const char *print = strchr(ssh->key_words, ' ');

	return target->accept_new ||
	       (print && strcmp(print + 1, target->fingerprint) == 0);
}

static int openssh_keep_key(struct openssh *ssh, struct err *err)
{
	AUTO_STR char *line = mem_format("%s\n", ssh->key_line);
	size_t size = strlen(line);

	ssh->new_key = memfd_create("known_hosts", MFD_CLOEXEC);
	if (ssh->new_key < 0 ||
	    write(ssh->new_key, line, size) != (ssize_t)size)
		return err_sys(err, "memory for a key");
	return 0;
}

static void openssh_scan_cb(uv_work_t *work)
{
	struct openssh *ssh = work->data;
	const struct remote_options *options = openssh_options(ssh);

	if (openssh_scan(&ssh->child.session.target,
			 options->connect_ms + options->handshake_ms,
			 &ssh->key_words, &ssh->key_line, &ssh->err) < 0)
		ssh->key_words = NULL; /* err says why */
}

static void openssh_scanned_cb(uv_work_t *work, int status)
{
	struct openssh *ssh = work->data;
	struct session *session = &ssh->child.session;
	bool is_taken = ssh->key_words && openssh_takes(ssh);

	(void)status; /* nothing cancels it */
	if (session->is_closed) {
		session_release(session);
		return;
	}
	if (ssh->key_words)
		session_new_key_text(session, ssh->key_words, ssh->key_line,
				     is_taken);
	if (ssh->err.code || (is_taken && openssh_keep_key(ssh, &ssh->err) < 0))
		openssh_end(ssh, &ssh->err);
	else /* not taken: it says itself why not */
		openssh_turn_cb(&ssh->deadline);
	session_release(session);
}

static int openssh_open_log(struct openssh *ssh, struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	ssh->log_read = fds[0];
	ssh->log_write = fds[1];
	if (fcntl(ssh->log_read, F_SETFL, O_NONBLOCK) < 0)
		return err_sys(err, "pipe");
	return 0;
}

static void openssh_start(struct session *session)
{
	struct openssh *ssh = openssh_of(session);
	uv_loop_t *uv = &session->worker->uv;
	struct err err = ERR_INIT;

	ssh->log_read = ssh->log_write = ssh->new_key = -1;
	ssh->child.on_exit = openssh_exit;
	ssh->child.on_end = openssh_ended;
	ssh->child.on_err = openssh_err;
	if (openssh_args_check(&session->target, &err) < 0 ||
	    openssh_open_log(ssh, &err) < 0) {
		openssh_end(ssh, &err);
		return;
	}
	(void)uv_timer_init(uv, &ssh->deadline);
	(void)uv_poll_init(uv, &ssh->poll, ssh->log_read);
	ssh->deadline.data = ssh->poll.data = ssh->work.data = ssh;
	ssh->has_timer = true;
	session_hold(session);
	session_hold(session);
	if (!session->target.accept_new && !session->target.fingerprint) {
		openssh_turn_cb(&ssh->deadline);
		return;
	}
	session_hold(session);
	(void)uv_queue_work(uv, &ssh->work, openssh_scan_cb,
			    openssh_scanned_cb);
}

static void openssh_pump(struct session *session)
{
	child_pump(&openssh_of(session)->child);
}

static void openssh_handle_closed_cb(uv_handle_t *handle)
{
	struct openssh *ssh = handle->data;

	session_release(&ssh->child.session);
}

static void openssh_stop(struct session *session)
{
	struct openssh *ssh = openssh_of(session);

	child_stop(&ssh->child);
	if (!ssh->has_timer)
		return;
	uv_close((uv_handle_t *)&ssh->deadline, openssh_handle_closed_cb);
	uv_close((uv_handle_t *)&ssh->poll, openssh_handle_closed_cb);
}

static void openssh_close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(TAKE_FD(*fd));
}

static void openssh_release(struct session *session)
{
	struct openssh *ssh = openssh_of(session);

	openssh_close_fd(&ssh->log_read);
	openssh_close_fd(&ssh->log_write);
	openssh_close_fd(&ssh->new_key);
	openssh_log_release(&ssh->log);
	buf_release(&ssh->err_out);
	free(ssh->key_words);
	free(ssh->key_line);
	child_release(&ssh->child);
}

const struct transport transport_openssh = {
	.name = "ssh",
	.session_size = sizeof(struct openssh),
	.start = openssh_start,
	.pump = openssh_pump,
	.stop = openssh_stop,
	.release = openssh_release,
};
