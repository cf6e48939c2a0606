/*
 * buf.h - bytes that grow at the end and are eaten from the front.
 *
 * Always followed by a NUL, so that a buffer of text is a string. Does not
 * limit itself: whoever reads from outside checks sizes first.
 */
#pragma once

#include <stdarg.h>
#include <stdint.h>

#include "core/base/mem.h"

struct buf {
	uint8_t *bytes; /* NULL while empty and never used */
	size_t size;
	size_t room;
};

#define BUF_INIT                                    \
	{                                           \
		.bytes = NULL, .size = 0, .room = 0 \
	}

void buf_release(struct buf *buf);
MEM_AUTO_VALUE(buf)

/* Forget the content, keep the room. */
void buf_clear(struct buf *buf);
/* Room for SIZE more bytes; a pointer to where they go. */
uint8_t *buf_reserve(struct buf *buf, size_t size);
void buf_append(struct buf *buf, const void *bytes, size_t size);
void buf_append_str(struct buf *buf, const char *text);
void buf_append_char(struct buf *buf, char c);
void buf_format(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Drop SIZE bytes from the front; SIZE is at most buf->size. */
void buf_eat(struct buf *buf, size_t size);

/* The content as text, borrowed; "" when empty. */
const char *buf_str(const struct buf *buf);
/* The content as text, owned by the caller; BUF is empty afterwards. */
char *buf_take_str(struct buf *buf) MUST_CHECK;
