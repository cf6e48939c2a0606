#include "cmd/svrkit/schema_check.h"

#include <string.h>

#include "core/base/map.h"
#include "core/base/str.h"

/* Not names of members: C's own words, and those our headers define. */
static const char *const reserved[] = {
	"auto",	    "bool",	"break",   "case",   "char",	 "const",
	"continue", "default",	"do",	   "double", "else",	 "enum",
	"extern",   "false",	"float",   "for",    "goto",	 "if",
	"inline",   "int",	"long",	   "linux",  "register", "restrict",
	"return",   "short",	"signed",  "sizeof", "static",	 "struct",
	"switch",   "true",	"typedef", "union",  "unsigned", "unix",
	"void",	    "volatile", "while",   "asm",    "typeof",	 "unknown",
};

static const char *const scalars[] = {
#define SCHEMA_NAME(kind, name, type) name,
	PROTO_KINDS(SCHEMA_NAME)
#undef SCHEMA_NAME
};

void schema_mistake(struct schema_mistakes *mistakes, struct schema_place place,
		    const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	buf_format(mistakes->lines, "%s:%lu:%lu: %s\n", mistakes->path,
		   place.line, place.column, text);
	mistakes->n++;
}

/* NAME is new in NAMES, or a mistake. */
static void unique_name(struct map *names, const char *name,
			struct schema_place *place,
			struct schema_mistakes *mistakes)
{
	const struct schema_place *before = map_find(names, name);

	if (before)
		schema_mistake(mistakes, *place,
			       "the name %s is taken on line %lu", name,
			       before->line);
	else
		(void)map_put(names, name, place);
}

static void unique_number(struct map *numbers, uint32_t number,
			  struct schema_place *place,
			  struct schema_mistakes *mistakes)
{
	AUTO_STR char *key = mem_format("%u", number);
	const struct schema_place *before = map_find(numbers, key);

	if (before)
		schema_mistake(mistakes, *place,
			       "number %u is taken on line %lu", number,
			       before->line);
	else
		(void)map_put(numbers, key, place);
}

static void check_enum(struct schema_enum *checked,
		       struct schema_mistakes *mistakes)
{
	AUTO(map) names = map_new();
	AUTO(map) numbers = map_new();

	for (size_t i = 0; i < checked->values.n; i++) {
		struct schema_value *value = &checked->values.items[i];

		unique_name(names, value->name, &value->place, mistakes);
		unique_number(numbers, value->number, &value->place, mistakes);
	}
	if (!map_find(numbers, "0"))
		schema_mistake(mistakes, checked->place,
			       "enum %s has no value with number 0, which is "
			       "what a field is when it was not sent",
			       checked->name);
}

static bool find_kind(const struct schema *schema, struct schema_field *field)
{
	for (size_t i = 0; i < COUNT_OF(scalars); i++)
		if (strcmp(scalars[i], field->type) == 0) {
			field->kind = (enum proto_kind)i;
			return true;
		}
	for (size_t i = 0; i < schema->enums.n; i++)
		if (strcmp(schema->enums.items[i].name, field->type) == 0) {
			field->kind = PROTO_ENUM;
			field->ref = i;
			return true;
		}
	for (size_t i = 0; i < schema->messages.n; i++)
		if (strcmp(schema->messages.items[i].name, field->type) == 0) {
			field->kind = PROTO_MESSAGE;
			field->ref = i;
			return true;
		}
	return false;
}

/* The type as written is none: say so, and what was probably meant. */
static void unknown_type(const struct schema *schema,
			 const struct schema_field *field,
			 struct schema_mistakes *mistakes)
{
	VEC(const char *) names = { 0 };
	const char *nearest;

	for (size_t i = 0; i < COUNT_OF(scalars); i++)
		*vec_add(&names) = scalars[i];
	for (size_t i = 0; i < schema->enums.n; i++)
		*vec_add(&names) = schema->enums.items[i].name;
	for (size_t i = 0; i < schema->messages.n; i++)
		*vec_add(&names) = schema->messages.items[i].name;
	nearest = str_nearest(field->type, names.items, names.n);
	schema_mistake(mistakes, field->place,
		       nearest ? "%s: unknown type \"%s\" (did you mean %s?)"
			       : "%s: unknown type \"%s\"",
		       field->name, field->type, nearest);
	vec_release(&names);
}

static void check_limits(const struct schema_field *field,
			 struct schema_mistakes *mistakes)
{
	bool has_bytes =
		field->kind == PROTO_STRING || field->kind == PROTO_BYTES;

	if (has_bytes && field->max == 0)
		schema_mistake(mistakes, field->place,
			       "%s: max is missing: the most bytes of a %s",
			       field->name, field->type);
	if (!has_bytes && field->max)
		schema_mistake(mistakes, field->place,
			       "%s: max is for string and bytes, not for %s",
			       field->name, field->type);
}

static void check_message(const struct schema *schema,
			  struct schema_message *message,
			  struct schema_mistakes *mistakes)
{
	AUTO(map) names = map_new();
	AUTO(map) numbers = map_new();

	for (size_t i = 0; i < COUNT_OF(reserved); i++)
		(void)map_put(names, reserved[i], &message->place);
	for (size_t i = 0; i < message->fields.n; i++) {
		struct schema_field *field = &message->fields.items[i];
		AUTO_STR char *extra = NULL;

		unique_name(names, field->name, &field->place, mistakes);
		unique_number(numbers, field->number, &field->place, mistakes);
		if (!find_kind(schema, field)) {
			unknown_type(schema, field, mistakes);
			continue;
		}
		check_limits(field, mistakes);
		if (field->is_repeated)
			extra = mem_format("n_%s", field->name);
		else if (field->kind == PROTO_MESSAGE)
			extra = mem_format("has_%s", field->name);
		if (extra)
			unique_name(names, extra, &field->place, mistakes);
	}
}

enum mark { UNSEEN, OPEN, DONE };

/* Message AT after all it holds by value; a way back to it is a mistake. */
static void order_from(struct schema *schema, size_t at, enum mark *marks,
		       struct schema_mistakes *mistakes)
{
	struct schema_message *message = &schema->messages.items[at];

	marks[at] = OPEN;
	for (size_t i = 0; i < message->fields.n; i++) {
		struct schema_field *field = &message->fields.items[i];

		if (field->kind != PROTO_MESSAGE || field->is_repeated)
			continue;
		if (marks[field->ref] == OPEN)
			schema_mistake(mistakes, field->place,
				       "%s: %s would hold itself; make a field "
				       "on the way repeated",
				       field->name, field->type);
		else if (marks[field->ref] == UNSEEN)
			order_from(schema, field->ref, marks, mistakes);
	}
	marks[at] = DONE;
	*vec_add(&schema->order) = at;
}

void schema_check(struct schema *schema, struct schema_mistakes *mistakes)
{
	AUTO(map) names = map_new();
	AUTO(map) numbers = map_new();
	enum mark *marks = mem_array(schema->messages.n, sizeof(*marks));
	struct schema_place start = { 1, 1 };

	(void)map_put(names, "message", &start); /* enum <name>_message */
	for (size_t i = 0; i < COUNT_OF(scalars); i++)
		(void)map_put(names, scalars[i], &start);
	for (size_t i = 0; i < schema->enums.n; i++) {
		struct schema_enum *checked = &schema->enums.items[i];

		unique_name(names, checked->name, &checked->place, mistakes);
		check_enum(checked, mistakes);
	}
	for (size_t i = 0; i < schema->messages.n; i++) {
		struct schema_message *message = &schema->messages.items[i];

		unique_name(names, message->name, &message->place, mistakes);
		unique_number(numbers, message->number, &message->place,
			      mistakes);
		check_message(schema, message, mistakes);
	}
	if (mistakes->n == 0)
		for (size_t i = 0; i < schema->messages.n; i++)
			if (marks[i] == UNSEEN)
				order_from(schema, i, marks, mistakes);
	free(marks);
}
