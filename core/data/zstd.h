/*
 * zstd.h - pieces of bytes made smaller, and back. The only door to libzstd.
 *
 * Each piece is one zstd frame that needs no other. Safe from any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

/*
 * Append a frame that holds BYTES to OUT, if it is smaller than BYTES. If not,
 * returns false and leaves OUT as it was: send the bytes as they are.
 */
bool zstd_shrink(const void *bytes, size_t size, struct buf *out);
/*
 * Append to OUT what the frame in BYTES holds, at most MAX bytes of it.
 *
 * Fails with ERR_CORRUPT: not one whole frame, or one that holds more than MAX;
 * MAX also bounds what is allocated.
 */
int zstd_expand(const void *bytes, size_t size, size_t max, struct buf *out,
		struct err *err) MUST_CHECK;
