/*
 * remote_private.h - the inside of the pool: what its two sides share, and what
 * a transport is.
 *
 *	main loop		worker thread
 *	stream  --- orders --->  session --> transport (a row of transports[])
 *	owner  <--- notices ---
 *
 * A stream belongs to the main loop, its session to one worker. They tell each
 * other things by queue only; the two counters below are all they share. After
 * the notice that it is closed a session does not touch its stream any more,
 * and after the order to forget a stream its session; the last user frees it.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "core/base/vec.h"
#include "core/remote/hostkeys.h"
#include "core/remote/route.h"
#include "core/remote/transport.h"

#define SSH_PORT 22

struct session;
struct worker;

/* To add a transport: one file, one row in transports[] (session.c). */
struct transport {
	const char *name;    /* as a target asks for it */
	const char *scheme;  /* an address starts with it, or NULL */
	size_t session_size; /* of its struct, which starts with a session */
	/* Begin to connect. May call session_close at once. */
	void (*start)(struct session *session);
	/* There is more to write, an end to send, or room to read again. */
	void (*pump)(struct session *session);
	/* Let go of everything; session_release for each session_hold. */
	void (*stop)(struct session *session);
	/* Free what the struct owns; its memory is freed by the caller. */
	void (*release)(struct session *session);
};

extern const struct transport transport_ssh;
extern const struct transport transport_auto;
extern const struct transport transport_openssh;
extern const struct transport transport_local;

/* One command on one host, on its worker's thread. */
struct session {
	const struct transport *transport;
	struct worker *worker;
	struct stream *stream; /* not after is_closed */
	struct session *prev;
	struct session *next;
	unsigned n_holds; /* handles, work, and the stream's own */
	bool is_adopted;  /* in the worker's list */
	bool is_started;
	bool is_open;
	bool is_closed;
	bool is_forgotten;

	struct remote_target target; /* copied */
	char *command;
	/*
	 * Of one that took over for libssh2: what was asked for, keys to try
	 * (a path a line, or NULL), and whether ssh may be tried next.
	 */
	struct remote_target asked;
	char *identities;
	bool identities_only;
	bool may_fall_back;
	struct session *heir; /* took over; orders are for it */

	struct buf out; /* to write; from out_at on */
	size_t out_at;
	bool wants_end; /* after out, the end of its standard input */
	size_t stderr_kept;
};

void session_hold(struct session *session);
void session_release(struct session *session);
/* The stream's hold ends: no order of its will come. */
void session_forget(struct session *session);

/*
 * Another transport takes over the stream, with all that is to be written; it
 * starts at once. SESSION is closed then, without a word to the owner.
 */
void session_pass_on(struct session *session, const struct route *route);
/* libssh2 cannot do it; may ssh? Then it takes over. WHY is for the owner. */
bool session_fall_back(struct session *session, const char *why);

/* What is to be written next; NULL when there is nothing. */
const uint8_t *session_out(const struct session *session, size_t *out_size);
/* SIZE bytes of it left this process. */
void session_wrote(struct session *session, size_t size);
/* May the owner take more, or is it behind with what it has? */
bool session_can_read(const struct session *session);
void session_got(struct session *session, const void *bytes, size_t size);
void session_got_stderr(struct session *session, const void *bytes,
			size_t size);
/* The part that loads the host and us is over. */
void session_is_in(struct session *session);
void session_opened(struct session *session);
/* What its keys are known by. */
const char *session_key_name(const struct session *session);
uint16_t session_key_port(const struct session *session);
/* In words and as a line of known_hosts; "" if it is not to be had. */
void session_new_key_text(struct session *session, const char *words,
			  const char *line, bool is_taken);
void session_new_key(struct session *session, const uint8_t *key, size_t size,
		     bool is_taken);
/* The end; err is NULL when STATUS is one. Calls stop. */
void session_close(struct session *session, int status, const struct err *err);

enum order_kind {
	ORDER_START,
	ORDER_WRITE,
	ORDER_END,
	ORDER_RESUME,
	ORDER_CLOSE,
	ORDER_FORGET,
	ORDER_STOP /* the worker itself */
};
struct order {
	enum order_kind kind;
	struct session *session;
	struct buf bytes;
};

enum notice_kind {
	NOTICE_ROUTE,
	NOTICE_IN,
	NOTICE_OPEN,
	NOTICE_NEW_KEY,
	NOTICE_DATA,
	NOTICE_STDERR,
	NOTICE_DRAINED,
	NOTICE_CLOSED
};
struct notice {
	enum notice_kind kind;
	struct stream *stream;
	struct buf bytes; /* NEW_KEY: words, NUL, line; ROUTE: as that */
	bool is_taken;
	int status;
	struct err *err; /* CLOSED: owned, or NULL */
};

struct worker {
	struct remote *remote;
	pthread_t thread;
	uv_loop_t uv;
	uv_async_t wake;
	pthread_mutex_t lock; /* over orders */
	VEC(struct order) orders;
	unsigned n_streams; /* main side: how much it has to do */
	/* The rest is the thread's own. */
	bool is_stopping;
	struct session *sessions;
	struct hostkeys *keys; /* of the files read last */
	uint64_t spawned_at;   /* uv_now of the last program started, */
	unsigned n_spawned;    /* and how many then */
	char *chunk;	       /* what a pipe gave, until it is taken */
};

/* worker.c */
int worker_start(struct worker *worker, struct remote *remote,
		 struct err *err) MUST_CHECK;
/* Ends its sessions, each with its notice, and the thread. */
void worker_stop(struct worker *worker);
/* From then on a session is the worker's to end. On its thread. */
void worker_adopt(struct worker *worker, struct session *session);
/* Takes over BYTES; NULL is fine. */
void worker_order(struct worker *worker, enum order_kind kind,
		  struct session *session, struct buf *bytes);
/* The keys in those files, from memory when none changed. Borrowed. */
int worker_hostkeys(struct worker *worker, const char *files,
		    const struct hostkeys **out, struct err *err) MUST_CHECK;

/* session.c: on the main loop, before the session starts. */
struct session *session_new(struct worker *worker, struct stream *stream,
			    const struct remote_target *target,
			    const char *command);

/* remote.c; from any thread. */
void remote_notice(struct remote *remote, const struct notice *notice);
const struct remote_options *remote_options_of(const struct remote *remote);
struct routes *remote_routes(struct remote *remote);
/* The passphrase of a key file, from its owner; the caller's, or NULL. */
char *remote_passphrase(struct remote *remote, const char *identity);

/* The bytes of a stream that wait at one of its sides. */
size_t stream_unread(const struct stream *stream);
void stream_add_unread(struct stream *stream, size_t size);
void stream_sub_pending(struct stream *stream, size_t size);
