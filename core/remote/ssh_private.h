/*
 * ssh_private.h - one SSH connection with one command on it; the only door to
 * libssh2.
 *
 *	resolve -> connect -> handshake -> log in -> channel -> exec -> open
 *	each with a deadline of our own; any of them -> closed
 *
 * libssh2 must not see a socket that takes half a packet: the rest is then to
 *be sent by the very call that began it, and any other fails. So its packets go
 * into wire_out, all of them, and from there to the socket; new data is given
 *to it only when that is empty. On the other side, any call of it may empty the
 * socket into its memory, so n_received tells when to go round again.
 */
#pragma once

#include <libssh2.h>

#include "core/remote/remote_private.h"
#include "core/remote/ssh_agent.h"

enum ssh_state {
	SSH_RESOLVE,
	SSH_CONNECT,
	SSH_HANDSHAKE,
	SSH_LOGIN,
	SSH_CHANNEL,
	SSH_EXEC,
	SSH_OPEN
};

struct ssh_key {
	char *path; /* of a file, or NULL: */
	char *passphrase;
	struct ssh_agent_key *held; /* by the agent; borrowed from its list */
};

/* How we prove who we are; used on a thread of the pool, see ssh_login.c. */
struct ssh_login {
	bool is_prepared;
	struct ssh_agent *agent;
	VEC(struct ssh_key) keys;
	size_t at;
	void *signer; /* what the signing callback gets */
	struct buf tried;
	int result; /* of the last step: 0, LIBSSH2_ERROR_EAGAIN, or err */
	struct err err;
};

struct ssh {
	struct session session;
	enum ssh_state state;
	char *user;
	uv_getaddrinfo_t resolve;
	bool is_resolving;
	struct addrinfo *addresses;
	struct addrinfo *address; /* being tried */
	struct err connect_err;	  /* of the address tried last */
	uint64_t connect_until;	  /* uv_now */
	int fd;
	uv_poll_t *poll;
	uv_timer_t deadline;
	uv_timer_t again; /* goes on after others had their turn */
	uv_work_t work;
	bool is_working; /* on a thread of the pool: hands off libssh2 */
	struct ssh_login login;

	LIBSSH2_SESSION *libssh2;
	LIBSSH2_CHANNEL *channel;
	uint64_t n_received;
	size_t budget;	     /* bytes this pass may still receive */
	bool is_starved;     /* it would have received more */
	struct buf wire_out; /* packets the socket did not take yet */
	size_t wire_out_at;
	size_t n_sealed; /* of the session's out: in wire_out, not gone yet */
	bool is_gone;	 /* the peer closed, or broke */
	int gone_errno;
	bool is_flooded; /* too much before the login */
	bool is_end_sent;
};

/* Fail with what libssh2 says, or rather what we know better. */
void ssh_fail(struct ssh *ssh, const char *what);

/* ssh_wire.c: the libssh2 session, and the bytes that it moves. */
int ssh_wire_open(struct ssh *ssh, const char *key_types,
		  struct err *err) MUST_CHECK;
void ssh_wire_close(struct ssh *ssh);
/* Give the socket what it takes; true when nothing is left. */
bool ssh_wire_flush(struct ssh *ssh);
/* One more pass may receive so much. */
void ssh_wire_refill(struct ssh *ssh, size_t bytes);
void ssh_wire_error(struct ssh *ssh, const char *what, struct err *err);

/* ssh_login.c: one step, on a thread of the pool; login.result tells. */
void ssh_login_step(struct ssh *ssh);
void ssh_login_release(struct ssh_login *login);

/* ssh_pump.c: move what there is to move. */
void ssh_pump(struct ssh *ssh);
