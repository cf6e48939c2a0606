/*
 * macros.h - the few words we add to C.
 */
#pragma once

#include <stddef.h>

#define COUNT_OF(array)	       (sizeof(array) / sizeof((array)[0]))
#define MUST_CHECK	       __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED		       __attribute__((unused))
#define NORETURN	       __attribute__((noreturn))

#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

/* The struct that holds MEMBER at POINTER. */
#define CONTAINER_OF(pointer, type, member) \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))
