/*
 * push.h - the bytes of one stage to one host: the manifest, the command, and
 * then the files that the host says it lacks.
 *
 * Sends a piece, waits until the transport took it, sends the next: what is in
 * flight for a host stays below PUSH_IN_FLIGHT whatever the release weighs.
 * Pieces are read and compressed on the loop's worker threads. Does not know
 * when a stage is over: whoever hears the result frees the push.
 */
#pragma once

#include "core/data/blobs.h"
#include "core/release/manifest.h"
#include "core/remote/transport.h"
#include "core/sys/loop.h"
#include "core/wire/agent.h"

#define PUSH_PIECE     AGENT_BLOB_DATA_MAX /* bytes of a file in one message */
#define PUSH_IN_FLIGHT (1u << 20)	   /* bytes queued and being made */

struct push;

struct push_events {
	/* The command is about to be sent: say until when it is valid. */
	void (*on_command)(struct agent_command *command, void *ctx);
	/* A file cannot be sent: it is not in the store, or not what it was. */
	void (*on_failed)(const struct err *err, void *ctx);
};

/*
 * Send MANIFEST and COMMAND, which is copied; its release and manifest are
 * filled in. STREAM, MANIFEST and BLOBS are borrowed until push_free.
 */
struct push *push_new(struct loop *loop, struct stream *stream,
		      const struct manifest *manifest, struct blobs *blobs,
		      const struct agent_command *command,
		      const struct push_events *events, void *ctx);
/* Sends no more, calls no more; NULL is fine. */
void push_free(struct push *push);

/*
 * What the host lacks; the files follow in this order.
 *
 * Fails with ERR_PROTOCOL: another release, places that are no files, asked
 * twice.
 */
int push_need(struct push *push, const struct agent_need *need,
	      struct err *err) MUST_CHECK;
/* The transport's queue is empty. */
void push_drained(struct push *push);

/* Bytes of files: queued so far, and in all. */
void push_progress(const struct push *push, uint64_t *out_sent,
		   uint64_t *out_total);
