/*
 * mem.h - memory that is always there, and owners that let go by themselves.
 *
 * Running out of memory ends the process: the journal brings it back. A size
 * that comes from outside is limited by the caller before it is allocated.
 *
 * An owner in a function is declared AUTO(type), AUTO_STR, AUTO_FD or AUTO_FILE
 * and is released when it leaves scope; TAKE(p) moves it to the caller.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/macros.h"

void *mem_alloc(size_t size) MUST_CHECK;		       /* zeroed */
void *mem_array(size_t n, size_t size) MUST_CHECK;	       /* zeroed */
void *mem_resize(void *old, size_t n, size_t size) MUST_CHECK; /* not zeroed */
void *mem_copy(const void *from, size_t size) MUST_CHECK;
char *mem_str(const char *from) MUST_CHECK; /* NULL stays NULL */
char *mem_strn(const char *from, size_t size) MUST_CHECK;
char *mem_format(const char *fmt, ...) PRINTF_LIKE(1, 2) MUST_CHECK;

#define MEM_NEW(type) ((type *)mem_alloc(sizeof(type)))

/* Free *slot and let it own TEXT, copied. */
void mem_set_str(char **slot, const char *text);

static inline void mem_auto_str(char **p)
{
	free(*p);
}
static inline void mem_auto_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}
static inline void mem_auto_file(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

#define AUTO_STR  __attribute__((cleanup(mem_auto_str)))
#define AUTO_FD	  __attribute__((cleanup(mem_auto_fd)))
#define AUTO_FILE __attribute__((cleanup(mem_auto_file)))

/* In the header of NAME: makes AUTO(NAME) call NAME_free on the way out. */
#define MEM_AUTO(name)                                       \
	static inline void name##_auto_free(struct name **p) \
	{                                                    \
		name##_free(*p);                             \
	}
#define AUTO(name) __attribute__((cleanup(name##_auto_free))) struct name *

/* The same for a struct held by value: AUTO_VALUE(NAME) calls NAME_release. */
#define MEM_AUTO_VALUE(name)                                   \
	static inline void name##_auto_release(struct name *p) \
	{                                                      \
		name##_release(p);                             \
	}
#define AUTO_VALUE(name) \
	__attribute__((cleanup(name##_auto_release))) struct name

#define TAKE(p)                           \
	__extension__({                   \
		__auto_type taken_ = (p); \
		(p) = NULL;               \
		taken_;                   \
	})
#define TAKE_FD(fd)                \
	__extension__({            \
		int taken_ = (fd); \
		(fd) = -1;         \
		taken_;            \
	})
