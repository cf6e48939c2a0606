#include "core/base/buf.h"

#include <assert.h>
#include <string.h>

void buf_release(struct buf *buf)
{
	free(buf->bytes);
	*buf = (struct buf)BUF_INIT;
}

void buf_clear(struct buf *buf)
{
	buf->size = 0;
	if (buf->bytes)
		buf->bytes[0] = '\0';
}

uint8_t *buf_reserve(struct buf *buf, size_t size)
{
	size_t need = buf->size + size + 1;

	if (need > buf->room) {
		buf->room = MAX_OF(need, MAX_OF(buf->room * 2, (size_t)64));
		buf->bytes = mem_resize(buf->bytes, buf->room, 1);
		buf->bytes[buf->size] = '\0';
	}
	return buf->bytes + buf->size;
}

void buf_append(struct buf *buf, const void *bytes, size_t size)
{
	uint8_t *to = buf_reserve(buf, size);

	if (size)
		memcpy(to, bytes, size);
	buf->size += size;
	buf->bytes[buf->size] = '\0';
}

void buf_append_str(struct buf *buf, const char *text)
{
	buf_append(buf, text, strlen(text));
}

void buf_append_char(struct buf *buf, char c)
{
	buf_append(buf, &c, 1);
}

void buf_format(struct buf *buf, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	assert(n >= 0);
	(void)buf_reserve(buf, (size_t)n);
	va_start(args, fmt);
	(void)vsnprintf((char *)buf->bytes + buf->size, (size_t)n + 1, fmt,
			args);
	va_end(args);
	buf->size += (size_t)n;
}

void buf_eat(struct buf *buf, size_t size)
{
	assert(size <= buf->size);
	if (size == 0)
		return;
	buf->size -= size;
	memmove(buf->bytes, buf->bytes + size, buf->size + 1);
}

const char *buf_str(const struct buf *buf)
{
	return buf->bytes ? (const char *)buf->bytes : "";
}

char *buf_take_str(struct buf *buf)
{
	char *text = buf->bytes ? (char *)buf->bytes : mem_str("");

	*buf = (struct buf)BUF_INIT;
	return text;
}
