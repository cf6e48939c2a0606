#include "core/text/schema.h"

#include <assert.h>

#include "core/base/str.h"

#define SHOWN_MAX 60 /* letters of a value repeated in a sentence */

struct check {
	struct mistakes *mistakes;
	struct buf where; /* "stages[1].hosts" */
};

static void check_value(struct check *check, const struct schema *schema,
			const struct node *node);

#define SAY(check, line, column, ...)                 \
	mistakes_add((check)->mistakes, line, column, \
		     buf_str(&(check)->where), __VA_ARGS__)
#define SAY_AT(check, node, ...) \
	SAY(check, (node)->line, (node)->column, __VA_ARGS__)

void schema_suggest(const char *text, const char *const *names, size_t n_names,
		    struct buf *out)
{
	const char *nearest = str_nearest(text, names, n_names);

	if (nearest)
		buf_format(out, " (did you mean %s?)", nearest);
}

/* A value as people see it in a sentence. */
static const char *shown(const struct node *node, char out[SHOWN_MAX + 8])
{
	switch (node->kind) {
	case NODE_LIST:
		return "a list";
	case NODE_MAP:
		return "a map";
	case NODE_SCALAR:
	case NODE_BROKEN:
		break;
	}
	if (node_is_null(node))
		return "nothing";
	(void)snprintf(out, SHOWN_MAX + 8, "\"%.*s%s\"", SHOWN_MAX, node->text,
		       strlen(node->text) > SHOWN_MAX ? "..." : "");
	return out;
}

static void say_wanted(struct check *check, const struct node *node,
		       const char *wanted)
{
	char value[SHOWN_MAX + 8];
	struct node plain = *node;
	uint64_t number;
	bool is_quoted_number = false;

	if (node->kind == NODE_SCALAR && !node->is_plain) {
		plain.is_plain = true;
		is_quoted_number = node_count(&plain, UINT64_MAX, &number);
	}
	SAY_AT(check, node, "%s is not %s%s", shown(node, value), wanted,
	       is_quoted_number ? " (take the quotes away)" : "");
}

static void check_name(struct check *check, const struct node *node)
{
	if (!str_is_name(node_text(node, "")))
		say_wanted(check, node,
			   "a name: up to 63 letters, digits, dots, dashes "
			   "and underscores, the first a letter or a digit");
}

static void check_count(struct check *check, const struct schema *schema,
			const struct node *node)
{
	uint64_t value;

	if (!node_count(node, UINT64_MAX, &value))
		say_wanted(check, node, "a whole number");
	else if (value < schema->min)
		SAY_AT(check, node, "%s is less than %llu", node->text,
		       (unsigned long long)schema->min);
	else if (schema->max && value > schema->max)
		SAY_AT(check, node, "%s is more than %llu", node->text,
		       (unsigned long long)schema->max);
}

static void check_duration(struct check *check, const struct schema *schema,
			   const struct node *node)
{
	uint64_t ms;
	char limit[32];

	if (!node_duration(node, &ms)) {
		say_wanted(check, node,
			   "a duration of at most a year, like 500ms, 30s, "
			   "10m, 4h or 1h30m");
		return;
	}
	str_format_duration(ms < schema->min ? schema->min : schema->max, limit,
			    sizeof(limit));
	if (ms < schema->min)
		SAY_AT(check, node, "%s is less than %s", node->text, limit);
	else if (schema->max && ms > schema->max)
		SAY_AT(check, node, "%s is more than %s", node->text, limit);
}

static void check_amount(struct check *check, const struct schema *schema,
			 const struct node *node)
{
	uint64_t count;
	uint32_t bp;
	bool is_count = node_count(node, UINT32_MAX, &count);

	if (!is_count && !node_share(node, &bp))
		say_wanted(check, node,
			   "a number of hosts or a share of them from 0% to "
			   "100%");
	else if ((is_count ? count : bp) < schema->min)
		SAY_AT(check, node, "%s is no host", node->text);
}

static void check_choice(struct check *check, const struct schema *schema,
			 const struct node *node)
{
	const char *text = node_text(node, "");
	AUTO_VALUE(buf) names = BUF_INIT;
	AUTO_VALUE(buf) suggestion = BUF_INIT;
	char value[SHOWN_MAX + 8];
	size_t n = 0;

	for (; schema->choices[n]; n++) {
		if (strcmp(schema->choices[n], text) == 0)
			return;
		if (n > 0)
			buf_append_str(&names,
				       schema->choices[n + 1] ? ", " : " or ");
		buf_append_str(&names, schema->choices[n]);
	}
	schema_suggest(text, schema->choices, n, &suggestion);
	SAY_AT(check, node, "%s is not %s%s", shown(node, value),
	       buf_str(&names), buf_str(&suggestion));
}

static void check_list(struct check *check, const struct schema *schema,
		       const struct node *node)
{
	size_t before = check->where.size;

	if (node->kind != NODE_LIST) {
		say_wanted(check, node, "a list");
		return;
	}
	if (node->items.n < schema->min)
		SAY_AT(check, node, "%s",
		       node->items.n ? "the list is too short"
				     : "the list is empty");
	if (schema->max && node->items.n > schema->max)
		SAY_AT(check, node, "%zu entries, more than %llu",
		       node->items.n, (unsigned long long)schema->max);
	for (size_t i = 0; i < node->items.n; i++) {
		buf_format(&check->where, "[%zu]", i);
		check_value(check, schema->item, node->items.items[i]);
		check->where.size = before;
		check->where.bytes[before] = '\0';
	}
}

static void enter_key(struct check *check, const char *key)
{
	buf_format(&check->where, "%s%.*s", check->where.size ? "." : "",
		   SHOWN_MAX, key);
}

static void leave_key(struct check *check, size_t before)
{
	check->where.size = before;
	check->where.bytes[before] = '\0';
}

static void check_labels(struct check *check, const struct node *node)
{
	if (node->kind != NODE_MAP) {
		say_wanted(check, node, "a map of labels");
		return;
	}
	for (size_t i = 0; i < node->items.n; i++) {
		const struct node *item = node->items.items[i];
		size_t before = check->where.size;

		enter_key(check, item->key);
		if (!str_is_name(item->key))
			SAY(check, item->key_line, item->key_column,
			    "a label's name has letters, digits, dots, dashes "
			    "and underscores");
		if (item->kind != NODE_BROKEN && !node_text(item, NULL))
			say_wanted(check, item, "a text");
		leave_key(check, before);
	}
}

static const struct schema_key *find_key(const struct schema_key *keys,
					 const char *name)
{
	for (; keys->name; keys++)
		if (strcmp(keys->name, name) == 0)
			return keys;
	return NULL;
}

static void say_unknown_key(struct check *check, const struct schema *schema,
			    const struct node *item)
{
	AUTO_VALUE(buf) suggestion = BUF_INIT;
	VEC(const char *) names = { 0 };

	for (const struct schema_key *key = schema->keys; key->name; key++)
		if (!key->later)
			*vec_add(&names) = key->name;
	schema_suggest(item->key, names.items, names.n, &suggestion);
	SAY(check, item->key_line, item->key_column, "there is no such key%s",
	    buf_str(&suggestion));
	vec_release(&names);
}

static void check_key(struct check *check, const struct schema *schema,
		      const struct node *item)
{
	const struct schema_key *key = find_key(schema->keys, item->key);
	size_t before = check->where.size;

	enter_key(check, item->key);
	if (!key)
		say_unknown_key(check, schema, item);
	else if (key->later)
		SAY(check, item->key_line, item->key_column,
		    "not in this version%s%s", *key->later ? ": " : "",
		    key->later);
	else
		check_value(check, key->value, item);
	leave_key(check, before);
}

/* Exactly one of the keys that are flagged so. */
static void check_one_of(struct check *check, const struct schema *schema,
			 const struct node *node)
{
	AUTO_VALUE(buf) names = BUF_INIT;
	const struct node *first = NULL;
	bool has_any = false;

	for (const struct schema_key *key = schema->keys; key->name; key++) {
		const struct node *item = node_get(node, key->name);

		if (!(key->flags & SCHEMA_ONE_OF))
			continue;
		has_any = true;
		if (!key->later)
			buf_format(&names, "%s%s", names.size ? ", " : "",
				   key->name);
		if (item && first) {
			SAY(check, item->key_line, item->key_column,
			    "%s and %s are both here: one or the other",
			    first->key, key->name);
			return;
		}
		first = item ? item : first;
	}
	if (has_any && !first)
		SAY_AT(check, node, "one of these keys is missing: %s",
		       buf_str(&names));
}

static void check_map(struct check *check, const struct schema *schema,
		      const struct node *node)
{
	if (node->kind != NODE_MAP) {
		say_wanted(check, node, "a map of keys");
		return;
	}
	for (size_t i = 0; i < node->items.n; i++)
		check_key(check, schema, node->items.items[i]);
	for (const struct schema_key *key = schema->keys; key->name; key++)
		if ((key->flags & SCHEMA_REQUIRED) &&
		    !node_get(node, key->name))
			SAY_AT(check, node, "the key %s is missing (%s)",
			       key->name, key->help);
	check_one_of(check, schema, node);
}

static enum node_kind shape_of(const struct schema *schema)
{
	if (schema->kind == SCHEMA_LIST)
		return NODE_LIST;
	if (schema->kind == SCHEMA_MAP || schema->kind == SCHEMA_LABELS)
		return NODE_MAP;
	return NODE_SCALAR;
}

static void check_either(struct check *check, const struct schema *schema,
			 const struct node *node)
{
	const struct schema *const *either = schema->either;
	const size_t n = COUNT_OF(schema->either);

	assert(either[0] && either[1]);
	for (size_t i = 0; i < n && either[i]; i++)
		if (shape_of(either[i]) == node->kind) {
			check_value(check, either[i], node);
			return;
		}
	say_wanted(check, node,
		   either[0]->kind == SCHEMA_LIST ||
				   either[1]->kind == SCHEMA_LIST
			   ? "a map or a list"
			   : "a word or a map");
}

static void check_value(struct check *check, const struct schema *schema,
			const struct node *node)
{
	bool ignored;
	double number;

	if (node->kind == NODE_BROKEN)
		return;
	switch (schema->kind) {
	case SCHEMA_TEXT:
		if (!*node_text(node, ""))
			say_wanted(check, node, "a text");
		break;
	case SCHEMA_NAME:
		check_name(check, node);
		break;
	case SCHEMA_BOOL:
		if (!node_bool(node, &ignored))
			say_wanted(check, node, "true or false");
		break;
	case SCHEMA_COUNT:
		check_count(check, schema, node);
		break;
	case SCHEMA_NUMBER:
		if (!node_number(node, &number))
			say_wanted(check, node, "a number like 0.01, or 1%");
		break;
	case SCHEMA_DURATION:
		check_duration(check, schema, node);
		break;
	case SCHEMA_AMOUNT:
		check_amount(check, schema, node);
		break;
	case SCHEMA_CHOICE:
		check_choice(check, schema, node);
		break;
	case SCHEMA_LIST:
		check_list(check, schema, node);
		break;
	case SCHEMA_MAP:
		check_map(check, schema, node);
		break;
	case SCHEMA_LABELS:
		check_labels(check, node);
		break;
	case SCHEMA_EITHER:
		check_either(check, schema, node);
		break;
	}
}

void schema_check(const struct schema *schema, const struct node *root,
		  struct mistakes *mistakes)
{
	struct check check = { .mistakes = mistakes, .where = BUF_INIT };

	(void)buf_reserve(&check.where, 64);
	check_value(&check, schema, root);
	buf_release(&check.where);
}

void schema_each_key(const struct schema *schema, schema_key_fn fn, void *ctx)
{
	if (schema->item)
		schema_each_key(schema->item, fn, ctx);
	for (size_t i = 0; i < COUNT_OF(schema->either); i++)
		if (schema->either[i])
			schema_each_key(schema->either[i], fn, ctx);
	for (const struct schema_key *key = schema->keys; key && key->name;
	     key++) {
		fn(ctx, key);
		if (key->value)
			schema_each_key(key->value, fn, ctx);
	}
}
