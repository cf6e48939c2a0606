/*
 * map.h - from a text to a pointer, in the order of insertion.
 *
 * Keys are copied, values are borrowed. The only door to uthash.
 */
#pragma once

#include <stdbool.h>

#include "core/base/mem.h"

struct map;

struct map *map_new(void);
void map_free(struct map *map); /* not the values */
MEM_AUTO(map)

size_t map_count(const struct map *map);
/* The value under KEY before, or NULL. */
void *map_put(struct map *map, const char *key, void *value);
void *map_find(const struct map *map, const char *key); /* NULL: not there */
void *map_remove(struct map *map, const char *key);

/* Walk: start with *at NULL; returns false after the last. */
struct map_entry;
bool map_next(const struct map *map, const struct map_entry **at,
	      const char **key, void **value);
