/*
 * http.h - the little of HTTP/1.1 that the fleet's service and load speak.
 */
#pragma once

#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <stdint.h>

static inline uint64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Size of the head with its blank line, or 0 while it is not all there. */
static inline size_t http_head(const char *bytes, size_t size)
{
	const char *end = memmem(bytes, size, "\r\n\r\n", 4);

	return end ? (size_t)(end - bytes) + 4 : 0;
}

/* The value of a header in a head of SIZE bytes, or NULL. NAME with a colon. */
static inline const char *http_header(const char *head, size_t size,
				      const char *name)
{
	size_t name_size = strlen(name);

	for (const char *at = head; at < head + size;) {
		const char *end = memchr(at, '\n', size - (size_t)(at - head));

		if (!end)
			return NULL;
		if ((size_t)(end - at) > name_size &&
		    strncasecmp(at, name, name_size) == 0) {
			at += name_size;
			while (*at == ' ')
				at++;
			return at;
		}
		at = end + 1;
	}
	return NULL;
}
