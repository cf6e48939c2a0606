#include "core/wire/frame.h"

#include <assert.h>
#include <string.h>

#include "core/base/str.h"

#define EXCERPT_MAX 200 /* bytes of noise in an error */

size_t frame_begin(struct buf *out, unsigned type)
{
	size_t start = out->size;
	uint8_t header[FRAME_HEADER] = { 0 };

	assert(type >= 1 && type <= UINT8_MAX);
	header[4] = (uint8_t)type;
	buf_append(out, header, sizeof(header));
	return start;
}

void frame_end(struct buf *out, size_t start)
{
	size_t size = out->size - start - FRAME_HEADER;
	uint8_t *to = out->bytes + start;

	assert(size <= FRAME_PAYLOAD_MAX);
	to[0] = (uint8_t)(size >> 24);
	to[1] = (uint8_t)(size >> 16);
	to[2] = (uint8_t)(size >> 8);
	to[3] = (uint8_t)size;
}

void frame_decoder_init(struct frame_decoder *decoder, bool wants_magic)
{
	*decoder = (struct frame_decoder){ .wants_magic = wants_magic };
}

void frame_decoder_release(struct frame_decoder *decoder)
{
	buf_release(&decoder->in);
}

void frame_decoder_add(struct frame_decoder *decoder, const void *bytes,
		       size_t size)
{
	buf_eat(&decoder->in, decoder->at);
	decoder->at = 0;
	buf_append(&decoder->in, bytes, size);
}

/* What the shell printed, on one line and fit to be seen. */
static int noise_error(const struct frame_decoder *decoder, struct err *err)
{
	const char *bytes = (const char *)decoder->in.bytes;
	size_t size = MIN_OF(decoder->in.size, (size_t)EXCERPT_MAX);
	AUTO_STR char *text = str_clean(bytes, size);

	for (char *p = text; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = ' ';
	return err_set(err, ERR_PROTOCOL, "the login shell prints text: %s%s",
		       text, decoder->in.size > size ? "..." : "");
}

/* Skip to behind the magic line; *out_has is false while it is not there. */
static int find_magic(struct frame_decoder *decoder, bool *out_has,
		      struct err *err)
{
	const size_t n = strlen(FRAME_MAGIC);
	const struct buf *in = &decoder->in;
	const uint8_t *found =
		in->size ? memmem(in->bytes, in->size, FRAME_MAGIC, n) : NULL;

	*out_has = found != NULL;
	if (found ? (size_t)(found - in->bytes) > FRAME_NOISE_MAX
		  : in->size >= FRAME_NOISE_MAX + n)
		return noise_error(decoder, err);
	if (found) {
		decoder->at = (size_t)(found - in->bytes) + n;
		decoder->wants_magic = false;
	}
	return 0;
}

int frame_decoder_next(struct frame_decoder *decoder, struct frame *out,
		       bool *out_has, struct err *err)
{
	const uint8_t *p;
	size_t left;
	uint32_t size;

	*out_has = false;
	if (decoder->wants_magic) {
		bool is_found;

		if (find_magic(decoder, &is_found, err) < 0)
			return err_again(err);
		if (!is_found)
			return 0;
	}
	left = decoder->in.size - decoder->at;
	if (left < FRAME_HEADER)
		return 0;
	p = decoder->in.bytes + decoder->at;
	size = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
	if (size > FRAME_PAYLOAD_MAX)
		return err_set(err, ERR_PROTOCOL,
			       "a frame of %u bytes, at most %u", size,
			       FRAME_PAYLOAD_MAX);
	if (p[4] == 0)
		return err_set(err, ERR_PROTOCOL, "a frame without a type");
	if (left - FRAME_HEADER < size)
		return 0;
	*out = (struct frame){ p[4], p + FRAME_HEADER, size };
	*out_has = true;
	decoder->at += FRAME_HEADER + size;
	return 0;
}

int frame_decoder_end(const struct frame_decoder *decoder, struct err *err)
{
	size_t left = decoder->in.size - decoder->at;

	if (decoder->wants_magic && left)
		return noise_error(decoder, err);
	if (decoder->wants_magic)
		return err_set(err, ERR_PROTOCOL, "the agent said nothing");
	if (left)
		return err_set(err, ERR_PROTOCOL,
			       "cut in a frame, after %zu bytes", left);
	return 0;
}
