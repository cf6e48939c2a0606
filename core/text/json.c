#include "core/text/json.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "core/base/str.h"

/*
 * A struct js is a json_t by another name: nobody else sees inside. jansson
 * reads through pointers that are not const, hence the two directions.
 */
static struct js *wrap(json_t *value)
{
	if (!value)
		abort(); /* out of memory: ends the process, like mem.h */
	return (struct js *)value;
}

static json_t *raw(const struct js *value)
{
	return (json_t *)(uintptr_t)value;
}

struct js *js_null(void)
{
	return wrap(json_null());
}

struct js *js_bool(bool value)
{
	return wrap(json_boolean(value));
}

struct js *js_int(int64_t value)
{
	return wrap(json_integer(value));
}

struct js *js_real(double value)
{
	return isfinite(value) ? wrap(json_real(value)) : js_null();
}

struct js *js_string(const char *text)
{
	if (!text)
		return js_null();
	if (!str_is_utf8(text, strlen(text))) {
		AUTO_STR char *clean = str_clean(text, strlen(text));

		return wrap(json_string(clean));
	}
	return wrap(json_string(text));
}

struct js *js_array(void)
{
	return wrap(json_array());
}

struct js *js_object(void)
{
	return wrap(json_object());
}

struct js *js_copy(const struct js *value)
{
	return wrap(json_deep_copy(raw(value)));
}

void js_free(struct js *value)
{
	json_decref(raw(value));
}

void js_set(struct js *object, const char *key, struct js *value)
{
	AUTO_STR char *clean = NULL;

	if (!str_is_utf8(key, strlen(key)))
		clean = str_clean(key, strlen(key));
	if (clean)
		key = clean;
	if (json_object_set_new(raw(object), key, raw(value)) < 0)
		abort();
}

void js_set_str(struct js *object, const char *key, const char *text)
{
	js_set(object, key, js_string(text));
}

void js_set_int(struct js *object, const char *key, int64_t value)
{
	js_set(object, key, js_int(value));
}

void js_set_real(struct js *object, const char *key, double value)
{
	js_set(object, key, js_real(value));
}

void js_set_bool(struct js *object, const char *key, bool value)
{
	js_set(object, key, js_bool(value));
}

void js_append(struct js *array, struct js *value)
{
	if (json_array_append_new(raw(array), raw(value)) < 0)
		abort();
}

void js_append_str(struct js *array, const char *text)
{
	js_append(array, js_string(text));
}

/* jansson's own limit is 2048, each level of which costs stack. */
static int check_depth(const char *text, size_t size, struct err *err)
{
	unsigned depth = 0;
	bool is_string = false;

	for (size_t i = 0; i < size; i++) {
		if (is_string && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			is_string = !is_string;
		else if (is_string)
			continue;
		else if (text[i] == '[' || text[i] == '{')
			depth++;
		else if ((text[i] == ']' || text[i] == '}') && depth > 0)
			depth--;
		if (depth > JS_MAX_DEPTH)
			return err_set(err, ERR_INVALID,
				       "more than %d arrays and objects in "
				       "each other",
				       JS_MAX_DEPTH);
	}
	return 0;
}

int js_parse(const char *text, size_t size, struct js **out, struct err *err)
{
	json_error_t why;
	json_t *value;

	if (check_depth(text, size, err) < 0)
		return err_again(err);
	value = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
			   &why);
	if (!value) {
		AUTO_STR char *clean = str_clean(why.text, strlen(why.text));

		return err_set(err, ERR_INVALID, "line %d, column %d: %s",
			       why.line, why.column, clean);
	}
	*out = (struct js *)value;
	return 0;
}

static char *format(const struct js *value, size_t flags)
{
	char *text = json_dumps(raw(value), flags | JSON_ENCODE_ANY |
						    JSON_REAL_PRECISION(15));

	if (!text)
		abort();
	return text;
}

char *js_format(const struct js *value)
{
	return format(value, JSON_COMPACT);
}

char *js_format_indented(const struct js *value)
{
	return format(value, JSON_INDENT(2));
}

enum js_kind js_kind(const struct js *value)
{
	if (!value)
		return JS_NULL;
	switch (json_typeof(raw(value))) {
	case JSON_OBJECT:
		return JS_OBJECT;
	case JSON_ARRAY:
		return JS_ARRAY;
	case JSON_STRING:
		return JS_STRING;
	case JSON_INTEGER:
		return JS_INT;
	case JSON_REAL:
		return JS_REAL;
	case JSON_TRUE:
	case JSON_FALSE:
		return JS_BOOL;
	case JSON_NULL:
		break;
	}
	return JS_NULL;
}

bool js_is_null(const struct js *value)
{
	return js_kind(value) == JS_NULL;
}

const char *js_str(const struct js *value, const char *otherwise)
{
	return js_kind(value) == JS_STRING ? json_string_value(raw(value))
					   : otherwise;
}

int64_t js_to_int(const struct js *value, int64_t otherwise)
{
	return js_kind(value) == JS_INT ? json_integer_value(raw(value))
					: otherwise;
}

double js_to_real(const struct js *value, double otherwise)
{
	return json_is_number(raw(value)) ? json_number_value(raw(value))
					  : otherwise;
}

bool js_to_bool(const struct js *value, bool otherwise)
{
	return js_kind(value) == JS_BOOL ? json_is_true(raw(value)) : otherwise;
}

const struct js *js_get(const struct js *value, const char *key)
{
	return (const struct js *)json_object_get(raw(value), key);
}

const char *js_get_str(const struct js *object, const char *key,
		       const char *otherwise)
{
	return js_str(js_get(object, key), otherwise);
}

int64_t js_get_int(const struct js *object, const char *key, int64_t otherwise)
{
	return js_to_int(js_get(object, key), otherwise);
}

double js_get_real(const struct js *object, const char *key, double otherwise)
{
	return js_to_real(js_get(object, key), otherwise);
}

bool js_get_bool(const struct js *object, const char *key, bool otherwise)
{
	return js_to_bool(js_get(object, key), otherwise);
}

size_t js_count(const struct js *value)
{
	if (js_kind(value) == JS_ARRAY)
		return json_array_size(raw(value));
	return json_object_size(raw(value));
}

const struct js *js_at(const struct js *array, size_t i)
{
	return (const struct js *)json_array_get(raw(array), i);
}

bool js_next(const struct js *object, const char **key, const struct js **value)
{
	json_t *from = raw(object);
	void *at;

	if (*key)
		at = json_object_iter_next(from, json_object_key_to_iter(*key));
	else
		at = json_object_iter(from);
	if (!at)
		return false;
	*key = json_object_iter_key(at);
	*value = (const struct js *)json_object_iter_value(at);
	return true;
}
