#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/str.h"
#include "core/remote/ssh_private.h"

/* A login needs some 10 KiB; who sends so much before it means no good. */
#define WIRE_LOGIN_MAX (256 << 10)
/* Answers to a peer that asks and asks but does not read. */
#define WIRE_OUT_MAX	    (4 << 20)
#define WIRE_SHUTDOWN_TRIES 8

/* Modern ones only; libssh2 would also take SHA-1, CBC, RC4 and group 1. */
static const struct {
	int method;
	const char *allowed;
} methods[] = {
	{ LIBSSH2_METHOD_KEX,
	  "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,"
	  "ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
	  "diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,"
	  "diffie-hellman-group14-sha256,"
	  "diffie-hellman-group-exchange-sha256" },
	{ LIBSSH2_METHOD_CRYPT_CS, "aes128-ctr,aes256-ctr,aes192-ctr" },
	{ LIBSSH2_METHOD_CRYPT_SC, "aes128-ctr,aes256-ctr,aes192-ctr" },
	{ LIBSSH2_METHOD_MAC_CS, "hmac-sha2-256,hmac-sha2-512" },
	{ LIBSSH2_METHOD_MAC_SC, "hmac-sha2-256,hmac-sha2-512" },
	{ LIBSSH2_METHOD_COMP_CS, "none" },
	{ LIBSSH2_METHOD_COMP_SC, "none" },
};

static ssize_t wire_gone(struct ssh *ssh, int error)
{
	ssh->is_gone = true;
	if (!ssh->gone_errno)
		ssh->gone_errno = error;
	return error ? -error : 0;
}

static LIBSSH2_RECV_FUNC(wire_recv_cb)
{
	struct ssh *ssh = *abstract;
	ssize_t n;

	if (ssh->is_gone)
		return -ssh->gone_errno;
	if (ssh->state < SSH_CHANNEL && ssh->n_received > WIRE_LOGIN_MAX) {
		ssh->is_flooded = true;
		return wire_gone(ssh, ECONNABORTED);
	}
	ssh->is_starved = ssh->budget == 0;
	if (ssh->is_starved)
		return -EAGAIN;
	n = recv(socket, buffer, MIN_OF(length, ssh->budget), flags);
	if (n < 0)
		return errno == EAGAIN ? -EAGAIN : wire_gone(ssh, errno);
	if (n == 0)
		return wire_gone(ssh, 0);
	ssh->budget -= (size_t)n;
	ssh->n_received += (uint64_t)n;
	return n;
}

bool ssh_wire_flush(struct ssh *ssh)
{
	while (ssh->wire_out_at < ssh->wire_out.size) {
		ssize_t n = send(
			ssh->fd, ssh->wire_out.bytes + ssh->wire_out_at,
			ssh->wire_out.size - ssh->wire_out_at, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0) {
			(void)wire_gone(ssh, errno);
			break;
		}
		ssh->wire_out_at += (size_t)n;
	}
	buf_clear(&ssh->wire_out);
	ssh->wire_out_at = 0;
	return true;
}

/* Takes it all: see ssh_private.h. */
static LIBSSH2_SEND_FUNC(wire_send_cb)
{
	struct ssh *ssh = *abstract;

	(void)socket;
	(void)flags;
	if (ssh->wire_out.size > WIRE_OUT_MAX)
		return wire_gone(ssh, ENOBUFS);
	if (!ssh->is_gone) {
		buf_append(&ssh->wire_out, buffer, length);
		(void)ssh_wire_flush(ssh);
	}
	return ssh->is_gone ? -EPIPE : (ssize_t)length;
}

static void wire_init(void)
{
	(void)libssh2_init(0);
}

/* A pointer to a function, as libssh2 wants it. */
static void *wire_callback(void (*fn)(void))
{
	void *out;

	memcpy(&out, &fn, sizeof(out));
	return out;
}

int ssh_wire_open(struct ssh *ssh, const char *key_types, struct err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int rc;

	(void)pthread_once(&once, wire_init);
	ssh->libssh2 = libssh2_session_init_ex(NULL, NULL, NULL, ssh);
	if (!ssh->libssh2)
		return err_set(err, ERR_SYSTEM, "libssh2: no session");
	libssh2_session_set_blocking(ssh->libssh2, 0);
	(void)libssh2_session_callback_set(
		ssh->libssh2, LIBSSH2_CALLBACK_RECV,
		wire_callback((void (*)(void))wire_recv_cb));
	(void)libssh2_session_callback_set(
		ssh->libssh2, LIBSSH2_CALLBACK_SEND,
		wire_callback((void (*)(void))wire_send_cb));
	rc = libssh2_session_method_pref(ssh->libssh2, LIBSSH2_METHOD_HOSTKEY,
					 key_types);
	for (size_t i = 0; rc == 0 && i < COUNT_OF(methods); i++)
		rc = libssh2_session_method_pref(
			ssh->libssh2, methods[i].method, methods[i].allowed);
	return rc ? err_set(err, ERR_SYSTEM, "libssh2: error %d", rc) : 0;
}

void ssh_wire_close(struct ssh *ssh)
{
	ssh->is_gone = true; /* so that nothing waits for the peer */
	for (int i = 0; ssh->libssh2 && i < WIRE_SHUTDOWN_TRIES; i++)
		if (libssh2_session_free(ssh->libssh2) != LIBSSH2_ERROR_EAGAIN)
			ssh->libssh2 = NULL;
	buf_release(&ssh->wire_out);
}

void ssh_wire_refill(struct ssh *ssh, size_t bytes)
{
	ssh->budget = bytes;
	ssh->is_starved = false;
}

void ssh_wire_error(struct ssh *ssh, const char *what, struct err *err)
{
	char *text = NULL;
	int code = libssh2_session_last_error(ssh->libssh2, &text, NULL, 0);

	if (ssh->is_flooded)
		(void)err_set(err, ERR_UNREACHABLE,
			      "%s: it sends and sends, but not what SSH needs",
			      what);
	else if (ssh->is_gone && ssh->gone_errno)
		(void)err_set(err, ERR_UNREACHABLE, "%s: %s", what,
			      strerror(ssh->gone_errno));
	else if (ssh->is_gone)
		(void)err_set(err, ERR_UNREACHABLE,
			      "%s: the host closed the connection", what);
	else
		(void)err_set(err, ERR_UNREACHABLE, "%s: %s (libssh2 %d)", what,
			      text && *text ? text : "failed", code);
}
