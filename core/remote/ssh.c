#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/str.h"
#include "core/remote/user.h"
#include "core/remote/ssh_private.h"

#define SSH_STEP_BUDGET (64 << 10) /* received in one step of a login */

static struct ssh *ssh_of(struct session *session)
{
	return CONTAINER_OF(session, struct ssh, session);
}

static const struct remote_options *ssh_options(const struct ssh *ssh)
{
	return remote_options_of(ssh->session.worker->remote);
}

static void ssh_step(struct ssh *ssh);
static void ssh_connect_next(struct ssh *ssh);

static void ssh_end(struct ssh *ssh, const struct err *err)
{
	session_close(&ssh->session, -1, err);
}

void ssh_fail(struct ssh *ssh, const char *what)
{
	struct err err = ERR_INIT;

	ssh_wire_error(ssh, what, &err);
	ssh_end(ssh, &err);
}

static void ssh_deadline_cb(uv_timer_t *timer);

static void ssh_enter(struct ssh *ssh, enum ssh_state state, uint64_t limit_ms)
{
	ssh->state = state;
	uv_update_time(&ssh->session.worker->uv);
	(void)uv_timer_start(&ssh->deadline, ssh_deadline_cb, limit_ms, 0);
}

static void ssh_deadline_cb(uv_timer_t *timer)
{
	struct ssh *ssh = timer->data;
	const struct remote_options *options = ssh_options(ssh);
	struct err err = ERR_INIT;
	char limit[32];

	switch (ssh->state) {
	case SSH_CONNECT:
		(void)err_set(&ssh->connect_err, ERR_TIMEOUT, "no answer");
		ssh_connect_next(ssh);
		return;
	case SSH_RESOLVE:
		str_format_duration(options->connect_ms, limit, sizeof(limit));
		(void)err_set(&err, ERR_TIMEOUT,
			      "look up %s: no answer within %s",
			      ssh->session.target.address, limit);
		break;
	case SSH_HANDSHAKE:
	case SSH_LOGIN:
		str_format_duration(options->handshake_ms, limit,
				    sizeof(limit));
		(void)err_set(&err, ERR_TIMEOUT, "%s: not done within %s",
			      ssh->state == SSH_LOGIN ? "log in"
						      : "SSH handshake",
			      limit);
		break;
	case SSH_CHANNEL:
	case SSH_EXEC:
	case SSH_OPEN:
		str_format_duration(options->exec_ms, limit, sizeof(limit));
		(void)err_set(&err, ERR_TIMEOUT,
			      "start the command: no answer within %s", limit);
		break;
	}
	ssh_end(ssh, &err);
}

static void ssh_handle_closed_cb(uv_handle_t *handle)
{
	struct ssh *ssh = handle->data;

	session_release(&ssh->session);
}

static void ssh_poll_closed_cb(uv_handle_t *handle)
{
	struct ssh *ssh = handle->data;

	free(handle);
	session_release(&ssh->session);
}

static void ssh_close_poll(struct ssh *ssh)
{
	if (ssh->poll)
		uv_close((uv_handle_t *)TAKE(ssh->poll), ssh_poll_closed_cb);
}

static void ssh_close_socket(struct ssh *ssh)
{
	ssh_close_poll(ssh);
	if (ssh->fd >= 0)
		(void)close(TAKE_FD(ssh->fd));
}

/* Look at the socket again when it has something for us to do. */
static void ssh_wait(struct ssh *ssh);

static void ssh_poll_cb(uv_poll_t *poll, int status, int events)
{
	(void)status; /* the next use of the socket says it better */
	(void)events;
	ssh_step(poll->data);
}

static void ssh_wait(struct ssh *ssh)
{
	int events = ssh->state == SSH_CONNECT ? UV_WRITABLE : UV_READABLE;

	if (ssh->wire_out.size)
		events |= UV_WRITABLE;
	(void)uv_poll_start(ssh->poll, events, ssh_poll_cb);
}

/* --- from a name to a connection --- */

static void ssh_connected(struct ssh *ssh)
{
	const struct hostkeys *keys = NULL;
	AUTO_STR char *types = NULL;
	struct err err = ERR_INIT;
	int on = 1;

	(void)setsockopt(ssh->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (worker_hostkeys(ssh->session.worker,
			    ssh->session.target.known_hosts, &keys, &err) < 0) {
		ssh_end(ssh, &err);
		return;
	}
	hostkeys_types(keys, session_key_name(&ssh->session),
		       session_key_port(&ssh->session), &types);
	if (ssh_wire_open(ssh, types, &err) < 0) {
		ssh_end(ssh, &err);
		return;
	}
	ssh_enter(ssh, SSH_HANDSHAKE, ssh_options(ssh)->handshake_ms);
}

/* Of the time that is left an even share for each address not tried yet. */
static uint64_t ssh_connect_share(const struct ssh *ssh)
{
	uint64_t now = uv_now(&ssh->session.worker->uv);
	uint64_t n = 0;

	for (const struct addrinfo *at = ssh->address; at; at = at->ai_next)
		n++;
	return now < ssh->connect_until
		       ? (ssh->connect_until - now) / MAX_OF(n, 1u)
		       : 0;
}

static int ssh_connect_start(struct ssh *ssh, const struct addrinfo *to,
			     struct err *err)
{
	ssh->fd = socket(to->ai_family,
			 SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (ssh->fd < 0)
		return err_sys(err, "socket");
	if (connect(ssh->fd, to->ai_addr, to->ai_addrlen) < 0 &&
	    errno != EINPROGRESS)
		return err_set(err, ERR_UNREACHABLE, "%s", strerror(errno));
	ssh->poll = MEM_NEW(uv_poll_t);
	(void)uv_poll_init(&ssh->session.worker->uv, ssh->poll, ssh->fd);
	ssh->poll->data = ssh;
	session_hold(&ssh->session);
	ssh_wait(ssh);
	return 0;
}

/* Try the addresses from ssh->address on; its predecessor failed. */
static void ssh_connect_from(struct ssh *ssh, struct addrinfo *at)
{
	for (ssh->address = at; ssh->address;
	     ssh->address = ssh->address->ai_next) {
		ssh_close_socket(ssh);
		ssh_enter(ssh, SSH_CONNECT, ssh_connect_share(ssh));
		if (ssh_connect_start(ssh, ssh->address, &ssh->connect_err) ==
		    0)
			return;
	}
	(void)err_wrap(&ssh->connect_err, "connect to %s port %u",
		       ssh->session.target.address, ssh->session.target.port);
	ssh_end(ssh, &ssh->connect_err);
}

static void ssh_connect_next(struct ssh *ssh)
{
	ssh_connect_from(ssh, ssh->address->ai_next);
}

static void ssh_connect_check(struct ssh *ssh)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(ssh->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (error) {
		(void)err_set(&ssh->connect_err, ERR_UNREACHABLE, "%s",
			      strerror(error));
		ssh_connect_next(ssh);
	} else {
		ssh_connected(ssh);
	}
}

static void ssh_resolved_cb(uv_getaddrinfo_t *resolve, int status,
			    struct addrinfo *found)
{
	struct ssh *ssh = resolve->data;
	struct err err = ERR_INIT;

	ssh->is_resolving = false;
	ssh->addresses = found;
	if (ssh->session.is_closed) {
		; /* too late */
	} else if (status < 0) {
		(void)err_set(&err, ERR_UNREACHABLE, "look up %s: %s",
			      ssh->session.target.address, uv_strerror(status));
		ssh_end(ssh, &err);
	} else {
		ssh_connect_from(ssh, found);
	}
	session_release(&ssh->session);
}

static void ssh_again_cb(uv_timer_t *timer)
{
	ssh_step(timer->data);
}

static void ssh_start(struct session *session)
{
	struct ssh *ssh = ssh_of(session);
	uv_loop_t *uv = &session->worker->uv;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_ADDRCONFIG };
	char port[8];
	int rc;

	ssh->fd = -1;
	if (!session->target.port)
		session->target.port = SSH_PORT;
	ssh->user = session->target.user ? mem_str(session->target.user)
					 : user_name();
	(void)uv_timer_init(uv, &ssh->deadline);
	(void)uv_timer_init(uv, &ssh->again);
	ssh->deadline.data = ssh->again.data = ssh;
	ssh->resolve.data = ssh->work.data = ssh;
	session_hold(session);
	session_hold(session);
	ssh_enter(ssh, SSH_RESOLVE, ssh_options(ssh)->connect_ms);
	ssh->connect_until = uv_now(uv) + ssh_options(ssh)->connect_ms;
	(void)snprintf(port, sizeof(port), "%u", session->target.port);
	session_hold(session);
	ssh->is_resolving = true;
	rc = uv_getaddrinfo(uv, &ssh->resolve, ssh_resolved_cb,
			    session->target.address, port, &hints);
	if (rc < 0)
		ssh_resolved_cb(&ssh->resolve, rc, NULL);
}

/* --- from a connection to a command --- */

static bool ssh_takes_unknown(const struct ssh *ssh, const uint8_t *key,
			      size_t size)
{
	AUTO_STR char *print = hostkey_fingerprint(key, size);

	return ssh->session.target.accept_new ||
	       (ssh->session.target.fingerprint &&
		strcmp(ssh->session.target.fingerprint, print) == 0);
}

/* Is the host the one we know? If not, that is the end. */
static bool ssh_check_host(struct ssh *ssh)
{
	const struct hostkeys *keys = NULL;
	struct err err = ERR_INIT;
	size_t size = 0;
	int type = 0;
	const uint8_t *key = (const uint8_t *)libssh2_session_hostkey(
		ssh->libssh2, &size, &type);
	enum hostkeys_verdict verdict;
	bool is_taken;

	if (!key ||
	    worker_hostkeys(ssh->session.worker,
			    ssh->session.target.known_hosts, &keys, &err) < 0) {
		if (!key)
			(void)err_set(&err, ERR_HOSTKEY, "it shows no key");
		ssh_end(ssh, &err);
		return false;
	}
	verdict = hostkeys_check(keys, session_key_name(&ssh->session),
				 session_key_port(&ssh->session), key, size,
				 &err);
	if (verdict == HOSTKEYS_KNOWN)
		return true;
	if (verdict == HOSTKEYS_UNKNOWN) {
		is_taken = ssh_takes_unknown(ssh, key, size);
		session_new_key(&ssh->session, key, size, is_taken);
		if (is_taken)
			return true;
	}
	ssh_end(ssh, &err);
	return false;
}

static void ssh_login_work_cb(uv_work_t *work)
{
	ssh_login_step(work->data);
}

static void ssh_login_done_cb(uv_work_t *work, int status)
{
	struct ssh *ssh = work->data;

	(void)status; /* nothing cancels it */
	ssh->is_working = false;
	if (ssh->session.is_closed) {
		; /* the deadline came first */
	} else if (ssh->login.result == LIBSSH2_ERROR_EAGAIN) {
		ssh_wait(ssh);
	} else if (ssh->login.result == 0) {
		ssh_login_release(&ssh->login);
		session_is_in(&ssh->session);
		ssh_enter(ssh, SSH_CHANNEL, ssh_options(ssh)->exec_ms);
		ssh_step(ssh);
	} else {
		ssh_end(ssh, &ssh->login.err);
	}
	session_release(&ssh->session);
}

/* Reading keys, asking the agent and signing take their time: elsewhere. */
static void ssh_login(struct ssh *ssh)
{
	ssh->is_working = true;
	session_hold(&ssh->session);
	(void)uv_poll_stop(ssh->poll);
	(void)uv_queue_work(&ssh->session.worker->uv, &ssh->work,
			    ssh_login_work_cb, ssh_login_done_cb);
}

static void ssh_open_channel(struct ssh *ssh)
{
	ssh->channel = libssh2_channel_open_session(ssh->libssh2);
	if (ssh->channel)
		ssh->state = SSH_EXEC;
	else if (libssh2_session_last_errno(ssh->libssh2) !=
		 LIBSSH2_ERROR_EAGAIN)
		ssh_fail(ssh, "open a channel");
}

static void ssh_exec(struct ssh *ssh)
{
	int rc = libssh2_channel_exec(ssh->channel, ssh->session.command);

	if (rc == LIBSSH2_ERROR_EAGAIN)
		return;
	if (rc < 0) {
		ssh_fail(ssh, "start the command");
		return;
	}
	ssh->state = SSH_OPEN;
	(void)uv_timer_stop(&ssh->deadline);
	session_opened(&ssh->session);
}

static void ssh_handshake(struct ssh *ssh)
{
	int rc = libssh2_session_handshake(ssh->libssh2, ssh->fd);

	if (rc == LIBSSH2_ERROR_EAGAIN)
		return;
	/* It may have an RSA key only, or what libssh2 does not know. */
	if ((rc == LIBSSH2_ERROR_KEX_FAILURE ||
	     rc == LIBSSH2_ERROR_METHOD_NONE) &&
	    session_fall_back(&ssh->session,
			      "it offers no algorithm that libssh2 has"))
		return;
	if (rc < 0)
		ssh_fail(ssh, "SSH handshake");
	else if (ssh_check_host(ssh))
		ssh->state = SSH_LOGIN; /* the deadline is that of both */
}

/* What there is to do in this state, once. */
static void ssh_act(struct ssh *ssh)
{
	switch (ssh->state) {
	case SSH_RESOLVE:
		break;
	case SSH_CONNECT:
		ssh_connect_check(ssh);
		break;
	case SSH_HANDSHAKE:
		ssh_handshake(ssh);
		break;
	case SSH_LOGIN:
		ssh_login(ssh);
		break;
	case SSH_CHANNEL:
		ssh_open_channel(ssh);
		break;
	case SSH_EXEC:
		ssh_exec(ssh);
		break;
	case SSH_OPEN:
		ssh_pump(ssh);
		break;
	}
}

/* Go on for as long as the state changes, then wait. */
static void ssh_step(struct ssh *ssh)
{
	enum ssh_state before;

	session_hold(&ssh->session);
	do {
		before = ssh->state;
		if (ssh->state > SSH_CONNECT) {
			(void)ssh_wire_flush(ssh);
			ssh_wire_refill(ssh, SSH_STEP_BUDGET);
		}
		ssh_act(ssh);
	} while (!ssh->session.is_closed && !ssh->is_working &&
		 ssh->state != before);
	if (!ssh->session.is_closed && !ssh->is_working) {
		ssh_wait(ssh);
		if (ssh->is_starved)
			(void)uv_timer_start(&ssh->again, ssh_again_cb, 0, 0);
	}
	session_release(&ssh->session);
}

static void ssh_pump_session(struct session *session)
{
	ssh_step(ssh_of(session));
}

/* --- the end --- */

static void ssh_stop(struct session *session)
{
	struct ssh *ssh = ssh_of(session);

	if (ssh->is_resolving)
		(void)uv_cancel((uv_req_t *)&ssh->resolve);
	ssh_close_poll(ssh);
	/* Say good-bye; but not while somebody else uses libssh2. */
	if (ssh->libssh2 && !ssh->is_working && !ssh->is_gone)
		(void)libssh2_session_disconnect(ssh->libssh2, "bye");
	if (ssh->fd >= 0)
		(void)shutdown(ssh->fd, SHUT_RDWR);
	uv_close((uv_handle_t *)&ssh->deadline, ssh_handle_closed_cb);
	uv_close((uv_handle_t *)&ssh->again, ssh_handle_closed_cb);
}

static void ssh_release(struct session *session)
{
	struct ssh *ssh = ssh_of(session);

	ssh_wire_close(ssh);
	ssh_close_socket(ssh);
	ssh_login_release(&ssh->login);
	uv_freeaddrinfo(ssh->addresses);
	free(ssh->user);
}

const struct transport transport_ssh = {
	.name = "libssh2",
	.session_size = sizeof(struct ssh),
	.start = ssh_start,
	.pump = ssh_pump_session,
	.stop = ssh_stop,
	.release = ssh_release,
};
