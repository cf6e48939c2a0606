#include "core/base/vec.h"

void *vec_grow(void *items, size_t n, size_t *room, size_t size)
{
	if (n == *room) {
		*room = *room ? *room * 2 : 8;
		items = mem_resize(items, *room, size);
	}
	memset((char *)items + n * size, 0, size);
	return items;
}
