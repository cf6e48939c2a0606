/*
 * frame.h - messages on a stream of bytes: a length, a type, a payload.
 *
 *	"GRAY1 READY\n"                      once, from the agent, first of all
 *	length(4, big-endian) type(1) payload(length)        then, both ways
 *
 * What comes before the magic line is noise of the login shell's start-up files
 * and is skipped, up to a limit. Knows nothing of files, sockets or messages:
 * bytes go in, frames come out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

#define FRAME_MAGIC	  "GRAY1 READY\n"
#define FRAME_NOISE_MAX	  8192u	     /* bytes before the magic line */
#define FRAME_HEADER	  5u	     /* bytes */
#define FRAME_PAYLOAD_MAX (1u << 20) /* bytes; bounds what a peer can cost */

struct frame {
	unsigned type;	      /* a message's number, never 0 */
	const uint8_t *bytes; /* the payload, borrowed */
	size_t size;
};

/*
 * Append a frame: begin, append the payload to OUT, end with what begin
 * returned. The payload is at most FRAME_PAYLOAD_MAX.
 */
size_t frame_begin(struct buf *out, unsigned type) MUST_CHECK;
void frame_end(struct buf *out, size_t start);

struct frame_decoder {
	struct buf in;
	size_t at; /* what is before it in IN has been given out */
	bool wants_magic;
};

void frame_decoder_init(struct frame_decoder *decoder, bool wants_magic);
void frame_decoder_release(struct frame_decoder *decoder);
MEM_AUTO_VALUE(frame_decoder)

/* Copies BYTES; keeps what is left of a frame and what is added, no more. */
void frame_decoder_add(struct frame_decoder *decoder, const void *bytes,
		       size_t size);
/*
 * The next whole frame. *out_has is false when more bytes are needed. The
 * payload is borrowed until the next call with DECODER.
 *
 * Fails with ERR_PROTOCOL: too much noise, a frame too large; then the stream
 * is of no more use.
 */
int frame_decoder_next(struct frame_decoder *decoder, struct frame *out,
		       bool *out_has, struct err *err) MUST_CHECK;
/*
 * The stream is over, or nothing came in time: 0 between two frames, else
 * ERR_PROTOCOL with what is missing.
 */
int frame_decoder_end(const struct frame_decoder *decoder,
		      struct err *err) MUST_CHECK;
