#include "core/text/schema.h"

#define DURATION_PATTERN "^([0-9]+(\\.[0-9]+)?(ms|s|m|h|d))+$"
#define SHARE_PATTERN	 "^[0-9]+(\\.[0-9]+)?%$"
#define NAME_PATTERN	 "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"

static struct js *json_of(const struct schema *schema);

static struct js *json_type(const char *type)
{
	struct js *out = js_object();

	js_set_str(out, "type", type);
	return out;
}

static struct js *json_pattern(const char *pattern)
{
	struct js *out = json_type("string");

	js_set_str(out, "pattern", pattern);
	return out;
}

static void set_limits(struct js *out, const struct schema *schema,
		       const char *min, const char *max)
{
	if (schema->min)
		js_set_int(out, min, (int64_t)schema->min);
	if (schema->max)
		js_set_int(out, max, (int64_t)schema->max);
}

/* A number (integer or not) or a text that looks like a share. */
static struct js *json_or_share(const char *type, const struct schema *schema)
{
	struct js *out = js_object();
	struct js *either = js_array();
	struct js *number = json_type(type);

	set_limits(number, schema, "minimum", "maximum");
	js_append(either, number);
	js_append(either, json_pattern(SHARE_PATTERN));
	js_set(out, "anyOf", either);
	return out;
}

/* YAML reads `version: 1.2` as a number, we as a text: let it be either. */
static struct js *json_text(void)
{
	struct js *out = js_object();
	struct js *types = js_array();

	js_append_str(types, "string");
	js_append_str(types, "number");
	js_append_str(types, "boolean");
	js_set(out, "type", types);
	return out;
}

static struct js *json_choice(const struct schema *schema)
{
	struct js *out = js_object();
	struct js *choices = js_array();

	for (size_t i = 0; schema->choices[i]; i++)
		js_append_str(choices, schema->choices[i]);
	js_set(out, "enum", choices);
	return out;
}

static struct js *json_list(const struct schema *schema)
{
	struct js *out = json_type("array");

	js_set(out, "items", json_of(schema->item));
	set_limits(out, schema, "minItems", "maxItems");
	return out;
}

static struct js *json_either(const struct schema *schema)
{
	struct js *out = js_object();
	struct js *either = js_array();

	for (size_t i = 0; i < COUNT_OF(schema->either); i++)
		if (schema->either[i])
			js_append(either, json_of(schema->either[i]));
	js_set(out, "anyOf", either);
	return out;
}

static struct js *json_key(const struct schema_key *key)
{
	struct js *out;

	if (key->later) {
		out = js_object();
		js_set(out, "not", js_object());
		js_set_str(out, "description", "not in this version of gray");
		return out;
	}
	out = json_of(key->value);
	js_set_str(out, "description", key->help);
	if (key->otherwise)
		js_set_str(out, "default", key->otherwise);
	return out;
}

static struct js *json_required(const char *name)
{
	struct js *out = js_object();
	struct js *names = js_array();

	js_append_str(names, name);
	js_set(out, "required", names);
	return out;
}

static struct js *json_map(const struct schema *schema)
{
	struct js *out = json_type("object");
	struct js *properties = js_object();
	struct js *required = js_array();
	struct js *one_of = js_array();

	for (const struct schema_key *key = schema->keys; key->name; key++) {
		js_set(properties, key->name, json_key(key));
		if (key->flags & SCHEMA_REQUIRED)
			js_append_str(required, key->name);
		if ((key->flags & SCHEMA_ONE_OF) && !key->later)
			js_append(one_of, json_required(key->name));
	}
	js_set(out, "properties", properties);
	js_set_bool(out, "additionalProperties", false);
	js_set(out, "required", required);
	if (js_count(one_of) > 0)
		js_set(out, "oneOf", one_of);
	else
		js_free(one_of);
	return out;
}

static struct js *json_labels(void)
{
	struct js *out = json_type("object");

	js_set(out, "propertyNames", json_pattern(NAME_PATTERN));
	js_set(out, "additionalProperties", json_text());
	return out;
}

static struct js *json_count(const struct schema *schema)
{
	struct js *out = json_type("integer");

	set_limits(out, schema, "minimum", "maximum");
	if (!schema->min)
		js_set_int(out, "minimum", 0);
	return out;
}

static struct js *json_of(const struct schema *schema)
{
	switch (schema->kind) {
	case SCHEMA_TEXT:
		return json_text();
	case SCHEMA_NAME:
		return json_pattern(NAME_PATTERN);
	case SCHEMA_BOOL:
		return json_type("boolean");
	case SCHEMA_COUNT:
		return json_count(schema);
	case SCHEMA_NUMBER:
		return json_or_share("number", schema);
	case SCHEMA_DURATION:
		return json_pattern(DURATION_PATTERN);
	case SCHEMA_AMOUNT:
		return json_or_share("integer", schema);
	case SCHEMA_CHOICE:
		return json_choice(schema);
	case SCHEMA_LIST:
		return json_list(schema);
	case SCHEMA_MAP:
		return json_map(schema);
	case SCHEMA_LABELS:
		return json_labels();
	case SCHEMA_EITHER:
		return json_either(schema);
	}
	return js_object();
}

struct js *schema_json(const struct schema *schema, const char *title)
{
	struct js *out = json_of(schema);

	js_set_str(out, "$schema",
		   "https://json-schema.org/draft/2020-12/schema");
	js_set_str(out, "title", title);
	return out;
}
