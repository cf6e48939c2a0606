/*
 * tarball.h - tar files byte by byte, also those that no tool would write.
 */
#pragma once

#include <stdint.h>

#include "core/base/buf.h"

/* A ustar header; TYPE is '0' file, '1' hard link, '2' link, '5' folder... */
void tarball_header(struct buf *tar, char type, const char *name, unsigned mode,
		    uint64_t size, const char *target);
/* A file with its content. */
void tarball_file(struct buf *tar, const char *name, unsigned mode,
		  const char *content);
/* BYTES and what fills up the last block. */
void tarball_data(struct buf *tar, const void *bytes, size_t size);
/* A pax header for the entry that follows: one "key=value". */
void tarball_pax(struct buf *tar, const char *key, const char *value);
/* The two blocks of zeros. */
void tarball_end(struct buf *tar);

/* Compress in place; FILTER is "gzip", "zstd" or "xz". */
void tarball_compress(struct buf *tar, const char *filter);
