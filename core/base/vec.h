/*
 * vec.h - a growing array of any type, by value.
 *
 *	VEC(struct host) hosts = { 0 };
 *	*vec_add(&hosts) = host;
 *	for (size_t i = 0; i < hosts.n; i++) use(&hosts.items[i]);
 *	vec_release(&hosts);
 *
 * Pointers into the items are good until the next vec_add.
 */
#pragma once

#include <string.h>

#include "core/base/mem.h"

#define VEC(type)            \
	struct {             \
		type *items; \
		size_t n;    \
		size_t room; \
	}

void *vec_grow(void *items, size_t n, size_t *room, size_t size);

/* A pointer to one more item, zeroed. */
#define vec_add(vec)                                                   \
	((vec)->items = vec_grow((vec)->items, (vec)->n, &(vec)->room, \
				 sizeof(*(vec)->items)),               \
	 &(vec)->items[(vec)->n++])

/* Drop item AT, keeping the order. */
#define vec_remove(vec, at)                                    \
	(memmove(&(vec)->items[at], &(vec)->items[(at) + 1],   \
		 ((vec)->n - (at)-1) * sizeof(*(vec)->items)), \
	 (void)(vec)->n--)

/* Frees the array, not what the items own. */
#define vec_release(vec)                                  \
	(free((vec)->items), (void)((vec)->items = NULL), \
	 (void)((vec)->n = (vec)->room = 0))
