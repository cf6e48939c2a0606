/*
 * A stream gives the same frames and ends the same way however it is cut.
 * First byte: bit 0 asks for the magic line, the rest is the size of a piece.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/macros.h"
#include "core/wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* All frames of BYTES, written one after the other; the decoder's verdict. */
static int decode(const uint8_t *bytes, size_t size, size_t step, bool magic,
		  struct buf *out, struct err *err)
{
	AUTO_VALUE(frame_decoder) decoder;

	frame_decoder_init(&decoder, magic);
	for (size_t at = 0; at < size; at += step) {
		bool has = true;

		frame_decoder_add(&decoder, bytes + at,
				  MIN_OF(step, size - at));
		while (has) {
			struct frame frame;
			size_t start;

			if (frame_decoder_next(&decoder, &frame, &has, err) < 0)
				return err_again(err);
			if (!has)
				break;
			start = frame_begin(out, frame.type);
			buf_append(out, frame.bytes, frame.size);
			frame_end(out, start);
		}
	}
	return frame_decoder_end(&decoder, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	AUTO_VALUE(buf) whole = BUF_INIT;
	AUTO_VALUE(buf) pieces = BUF_INIT;
	struct err err = ERR_INIT;
	bool magic;
	size_t step;

	if (size < 1)
		return 0;
	magic = bytes[0] & 1;
	step = (bytes[0] >> 1) + 1u;
	if (decode(bytes + 1, size - 1, size, magic, &whole, &err) !=
	    decode(bytes + 1, size - 1, step, magic, &pieces, &err))
		abort();
	if (whole.size != pieces.size ||
	    (whole.size && memcmp(whole.bytes, pieces.bytes, whole.size) != 0))
		abort();
	/* Without a magic line, what went in whole comes out the same. */
	if (!magic && whole.size &&
	    memcmp(whole.bytes, bytes + 1, whole.size) != 0)
		abort();
	return 0;
}
