#include "core/base/map.h"

#include <string.h>

#include <uthash.h>

struct map_entry {
	UT_hash_handle hh;
	char *key;
	void *value;
};

struct map {
	struct map_entry *entries;
};

struct map *map_new(void)
{
	return MEM_NEW(struct map);
}

static void map_drop(struct map *map, struct map_entry *entry)
{
	HASH_DEL(map->entries, entry);
	free(entry->key);
	free(entry);
}

void map_free(struct map *map)
{
	struct map_entry *entry;
	struct map_entry *next;

	if (!map)
		return;
	HASH_ITER (hh, map->entries, entry, next)
		map_drop(map, entry);
	free(map);
}

size_t map_count(const struct map *map)
{
	return HASH_COUNT(map->entries);
}

static struct map_entry *map_entry_find(const struct map *map, const char *key)
{
	struct map_entry *entry = NULL;

	HASH_FIND_STR(map->entries, key, entry);
	return entry;
}

void *map_put(struct map *map, const char *key, void *value)
{
	struct map_entry *entry = map_entry_find(map, key);
	void *before = entry ? entry->value : NULL;

	if (!entry) {
		entry = MEM_NEW(struct map_entry);
		entry->key = mem_str(key);
		HASH_ADD_KEYPTR(hh, map->entries, entry->key,
				strlen(entry->key), entry);
	}
	entry->value = value;
	return before;
}

void *map_find(const struct map *map, const char *key)
{
	struct map_entry *entry = map_entry_find(map, key);

	return entry ? entry->value : NULL;
}

void *map_remove(struct map *map, const char *key)
{
	struct map_entry *entry = map_entry_find(map, key);
	void *value = entry ? entry->value : NULL;

	if (entry)
		map_drop(map, entry);
	return value;
}

bool map_next(const struct map *map, const struct map_entry **at,
	      const char **key, void **value)
{
	const struct map_entry *entry = *at ? (*at)->hh.next : map->entries;

	*at = entry;
	if (!entry)
		return false;
	if (key)
		*key = entry->key;
	if (value)
		*value = entry->value;
	return true;
}
