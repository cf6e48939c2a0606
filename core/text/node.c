#include "core/text/node.h"

#include "core/base/str.h"

struct node *node_new(enum node_kind kind, unsigned line, unsigned column)
{
	struct node *node = MEM_NEW(struct node);

	node->kind = kind;
	node->line = line;
	node->column = column;
	return node;
}

/* The depth of a tree is limited where it is made. */
void node_free(struct node *node)
{
	if (!node)
		return;
	for (size_t i = 0; i < node->items.n; i++)
		node_free(node->items.items[i]);
	vec_release(&node->items);
	free(node->text);
	free(node->key);
	free(node);
}

const struct node *node_get(const struct node *map, const char *key)
{
	if (!map || map->kind != NODE_MAP)
		return NULL;
	for (size_t i = 0; i < map->items.n; i++)
		if (strcmp(map->items.items[i]->key, key) == 0)
			return map->items.items[i];
	return NULL;
}

size_t node_count_items(const struct node *node)
{
	return node ? node->items.n : 0;
}

const struct node *node_item(const struct node *node, size_t i)
{
	return i < node_count_items(node) ? node->items.items[i] : NULL;
}

bool node_is_null(const struct node *node)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };

	if (node->kind != NODE_SCALAR || !node->is_plain)
		return false;
	for (size_t i = 0; i < COUNT_OF(nulls); i++)
		if (strcmp(node->text, nulls[i]) == 0)
			return true;
	return false;
}

const char *node_text(const struct node *node, const char *otherwise)
{
	if (!node || node->kind != NODE_SCALAR || node_is_null(node))
		return otherwise;
	return node->text;
}

/* The text of a scalar that may be a number or a bool: one without quotes. */
static const char *plain_text(const struct node *node)
{
	return node && node->kind == NODE_SCALAR && node->is_plain ? node->text
								   : "";
}

bool node_bool(const struct node *node, bool *out)
{
	const char *text = plain_text(node);
	bool is_true = strcmp(text, "true") == 0;

	if (!is_true && strcmp(text, "false") != 0)
		return false;
	*out = is_true;
	return true;
}

/* 010 is 8 to one reader and 10 to another: it is no number here. */
static bool has_leading_zero(const char *text)
{
	return text[0] == '0' && text[1] >= '0' && text[1] <= '9';
}

bool node_count(const struct node *node, uint64_t max, uint64_t *out)
{
	const char *text = plain_text(node);
	struct err err;

	return !has_leading_zero(text) &&
	       str_parse_u64(text, max, out, &err) == 0;
}

bool node_number(const struct node *node, double *out)
{
	const char *text = plain_text(node);
	uint32_t bp;
	struct err err;

	if (has_leading_zero(text))
		return false;
	if (str_parse_percent(text, &bp, &err) == 0) {
		*out = bp / 10000.0;
		return true;
	}
	return str_parse_double(text, out, &err) == 0;
}

bool node_share(const struct node *node, uint32_t *out_bp)
{
	struct err err;

	return str_parse_percent(node_text(node, ""), out_bp, &err) == 0;
}

bool node_duration(const struct node *node, uint64_t *out_ms)
{
	struct err err;

	return str_parse_duration(node_text(node, ""), out_ms, &err) == 0;
}
