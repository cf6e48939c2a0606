#include "core/data/zstd.h"

#include <zstd.h>

#define LEVEL 3 /* keeps up with a network on one core */

bool zstd_shrink(const void *bytes, size_t size, struct buf *out)
{
	size_t n;

	/* One byte short of SIZE: when it does not fit, it does not shrink. */
	if (size < 2)
		return false;
	n = ZSTD_compress(buf_reserve(out, size - 1), size - 1, bytes, size,
			  LEVEL);
	if (ZSTD_isError(n))
		return false;
	out->size += n;
	out->bytes[out->size] = '\0';
	return true;
}

int zstd_expand(const void *bytes, size_t size, size_t max, struct buf *out,
		struct err *err)
{
	unsigned long long holds = ZSTD_getFrameContentSize(bytes, size);
	size_t n;

	if (holds == ZSTD_CONTENTSIZE_ERROR ||
	    holds == ZSTD_CONTENTSIZE_UNKNOWN ||
	    ZSTD_findFrameCompressedSize(bytes, size) != size)
		return err_set(err, ERR_CORRUPT, "not one whole zstd frame");
	if (holds > max)
		return err_set(err, ERR_CORRUPT,
			       "a zstd frame of %llu bytes, at most %zu", holds,
			       max);
	n = ZSTD_decompress(buf_reserve(out, (size_t)holds), (size_t)holds,
			    bytes, size);
	if (ZSTD_isError(n)) {
		(void)buf_reserve(out, 0); /* what was written does not count */
		out->bytes[out->size] = '\0';
		return err_set(err, ERR_CORRUPT, "zstd: %s",
			       ZSTD_getErrorName(n));
	}
	out->size += n;
	out->bytes[out->size] = '\0';
	return 0;
}
