/*
 * schema_check.h - what XML alone does not say: does this schema make a codec?
 *
 * Resolves type names, fills schema->order, reports what is wrong.
 */
#pragma once

#include "cmd/svrkit/schema.h"

struct schema_mistakes {
	const char *path;
	struct buf *lines;
	size_t n;
};

void schema_mistake(struct schema_mistakes *mistakes, struct schema_place place,
		    const char *fmt, ...) PRINTF_LIKE(3, 4);

void schema_check(struct schema *schema, struct schema_mistakes *mistakes);
