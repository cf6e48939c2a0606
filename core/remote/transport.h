/*
 * transport.h - how a program on a host is reached: one stream of bytes to it.
 *
 * A pool of worker threads, each with its own loop, carries the sessions; the
 * owner lives on the main loop and is called there only. A stream is one
 * command run on one host (without a pty): what is written goes to its standard
 * input, what it prints comes back. Reconnecting, framing and pings are the
 * business of whoever holds the stream.
 *
 * Does not know: agents, frames, rollouts. A failure to reach a host is
 * ERR_UNREACHABLE or ERR_TIMEOUT, an unknown or changed key ERR_HOSTKEY; what
 * the program on the host says is never turned into one of these.
 *
 *	opening -> open -> closed        on_closed is called exactly once, last
 */
#pragma once

#include <stdbool.h>

#include "core/base/buf.h"
#include "core/base/err.h"

struct loop;
struct remote; /* the pool */
struct stream;

/* The texts of a target; all but the first two may be NULL. */
#define REMOTE_TARGET_TEXTS(X) \
	X(name)                \
	X(address)             \
	X(user)                \
	X(identity)            \
	X(known_hosts)         \
	X(host_key_alias)      \
	X(config)              \
	X(options)             \
	X(transport)           \
	X(fingerprint)

/* Where a host is and how to get in. Strings borrowed for the call only. */
struct remote_target {
	const char *name;    /* for sentences: "host web-1: ..." */
	const char *address; /* name or number */
	uint16_t port;	     /* 0: 22 */
	const char *user;    /* NULL: who runs this program */
	const char
		*identity; /* private key file, or NULL: agent, ~/.ssh/id_* */
	const char *known_hosts; /* files, a line each; see hostkeys_load */
	/* NULL, or what keys are known by, instead of address and port. */
	const char *host_key_alias;
	const char *config;    /* file of ssh_config(5), or NULL: the user's */
	const char *options;   /* lines, each as after ssh's -o, or NULL */
	const char *transport; /* "libssh2", "ssh", or what fits */
	/*
	 * What to do about a host of which no key is known: take the key with
	 * this "SHA256:..." (or NULL), or any (the user said so). A key that
	 * is not the known one is refused all the same.
	 */
	const char *fingerprint;
	bool accept_new;
};

/* Copies all of it; OUT is given back to remote_target_release. */
void remote_target_copy(const struct remote_target *target,
			struct remote_target *out);
void remote_target_release(struct remote_target *target);

struct remote_options {
	unsigned n_workers;	 /* threads, at least 1 */
	unsigned max_handshakes; /* in flight over all workers; others wait */
	uint64_t connect_ms;	 /* TCP, total */
	uint64_t handshake_ms;	 /* from connected to authenticated, total */
	uint64_t exec_ms;	 /* until the channel runs the command */
	/*
	 * Or NULL. Asked on another thread, one call at a time; NULL for none.
	 * What it returns is borrowed until the next call.
	 */
	const char *(*passphrase)(const char *identity, void *ctx);
	void *ctx;
};

/* Any of them may be NULL but on_closed. */
struct stream_events {
	/*
	 * The host shows a key that is not known; IS_TAKEN says whether it was
	 * taken. WORDS are "ED25519 SHA256:...", LINE makes it known when it is
	 * added to known_hosts; "" for a key not taken if it is not all known.
	 */
	void (*on_new_key)(struct stream *stream, const char *words,
			   const char *line, bool is_taken, void *ctx);
	/*
	 * How the host is reached: TRANSPORT is "libssh2" or "ssh", WHY a
	 * sentence without its end. Again when another takes over.
	 */
	void (*on_route)(struct stream *stream, const char *transport,
			 const char *why, void *ctx);
	void (*on_open)(struct stream *stream, void *ctx);
	/* Bytes borrowed for the call. */
	void (*on_data)(struct stream *stream, const uint8_t *bytes,
			size_t size, void *ctx);
	/* Standard error, at most 64 KiB of it kept in all. */
	void (*on_stderr)(struct stream *stream, const uint8_t *bytes,
			  size_t size, void *ctx);
	/* All that was written has left this process's queue. */
	void (*on_drained)(struct stream *stream, void *ctx);
	/*
	 * The end. status: the program's exit status, or -1 when the
	 * connection ended before it was known (then err says how).
	 * STREAM is gone after the call.
	 */
	void (*on_closed)(struct stream *stream, int status,
			  const struct err *err, void *ctx);
};

int remote_new(struct loop *loop, const struct remote_options *options,
	       struct remote **out, struct err *err) MUST_CHECK;
/*
 * Ends every stream (on_closed is called for each before this returns). Not
 * from inside a callback.
 */
void remote_free(struct remote *remote);

/*
 * Run COMMAND on TARGET. Never fails at once: what goes wrong is told by
 * on_closed. events and ctx are borrowed until then, the rest is copied.
 */
struct stream *remote_exec(struct remote *remote,
			   const struct remote_target *target,
			   const char *command,
			   const struct stream_events *events, void *ctx);
/* Queue bytes, copied. */
void stream_write(struct stream *stream, const void *bytes, size_t size);
/* Bytes queued and not yet handed to the network. */
size_t stream_pending(const struct stream *stream);
/* End of the program's standard input, after what is queued. */
void stream_end(struct stream *stream);
/* Give up: on_closed follows, with ERR_UNREACHABLE "closed by us". */
void stream_close(struct stream *stream);
