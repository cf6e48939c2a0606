/*
 * node.h - a file read into a tree: scalars, lists and maps with their places.
 *
 * A scalar stays the text that was written; what it means is decided by who
 * asks (node_duration, node_count, ...), never guessed: `version: 1.10` is the
 * text 1.10. The typed getters say no to NULL and to other kinds, so that a
 * reader may go on after the schema has reported a mistake.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/mem.h"
#include "core/base/vec.h"

enum node_kind {
	NODE_SCALAR,
	NODE_LIST,
	NODE_MAP,
	NODE_BROKEN /* a mistake about it has been reported already */
};

struct node {
	enum node_kind kind;
	unsigned line; /* 1-based, both */
	unsigned column;
	char *text;    /* SCALAR */
	bool is_plain; /* SCALAR: written without quotes */
	char *key;     /* in a map: the key it is under */
	unsigned key_line;
	unsigned key_column;
	VEC(struct node *) items; /* LIST, MAP; owned, in order */
};

struct node *node_new(enum node_kind kind, unsigned line, unsigned column);
void node_free(struct node *node);
MEM_AUTO(node)

/* The value under KEY of a map (the first, if twice), or NULL. */
const struct node *node_get(const struct node *map, const char *key);
size_t node_count_items(const struct node *node);
/* The value at place I of a list or map, or NULL. */
const struct node *node_item(const struct node *node, size_t i);
/* `~`, `null` or nothing, without quotes. */
bool node_is_null(const struct node *node);

/* Borrowed; OTHERWISE for what is no scalar or null. */
const char *node_text(const struct node *node, const char *otherwise);
/* Each true and *out set if the node is just that; else *out is untouched. */
bool node_bool(const struct node *node, bool *out);
bool node_count(const struct node *node, uint64_t max, uint64_t *out);
bool node_number(const struct node *node, double *out); /* 5% is 0.05 too */
bool node_share(const struct node *node, uint32_t *out_bp);
bool node_duration(const struct node *node, uint64_t *out_ms);
