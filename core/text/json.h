/*
 * json.h - JSON trees: made, read strictly, written. The only door to jansson.
 *
 * A tree has one owner: what is set into an object or appended to an array
 * belongs to it from then on. Keys keep the order they were set in. The prefix
 * is js_ because jansson's own symbols are called json_.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/mem.h"

#define JS_MAX_DEPTH 64 /* arrays and objects in each other, when reading */

enum js_kind {
	JS_NULL,
	JS_BOOL,
	JS_INT,
	JS_REAL,
	JS_STRING,
	JS_ARRAY,
	JS_OBJECT
};

struct js;

struct js *js_null(void) MUST_CHECK;
struct js *js_bool(bool value) MUST_CHECK;
struct js *js_int(int64_t value) MUST_CHECK;
/* Written with 15 digits; NaN and Inf become null. */
struct js *js_real(double value) MUST_CHECK;
/* Copied; NULL becomes null, bytes that are not UTF-8 become '?'. */
struct js *js_string(const char *text) MUST_CHECK;
struct js *js_array(void) MUST_CHECK;
struct js *js_object(void) MUST_CHECK;
struct js *js_copy(const struct js *value) MUST_CHECK; /* all the way down */
void js_free(struct js *value);
MEM_AUTO(js)

/* VALUE moves into OBJECT and replaces what was under KEY. */
void js_set(struct js *object, const char *key, struct js *value);
void js_set_str(struct js *object, const char *key, const char *text);
void js_set_int(struct js *object, const char *key, int64_t value);
void js_set_real(struct js *object, const char *key, double value);
void js_set_bool(struct js *object, const char *key, bool value);
/* VALUE moves to the end of ARRAY. */
void js_append(struct js *array, struct js *value);
void js_append_str(struct js *array, const char *text);

/*
 * Read one whole document of any kind; only white space may follow.
 *
 * Fails with ERR_INVALID ("line 3, column 7: ...") on anything RFC 8259 does
 * not allow, on duplicate keys, on a NUL in a string and on depth. The caller
 * limits SIZE.
 */
int js_parse(const char *text, size_t size, struct js **out,
	     struct err *err) MUST_CHECK;
/* Text without a newline at the end; owned by the caller. */
char *js_format(const struct js *value) MUST_CHECK;	     /* one line */
char *js_format_indented(const struct js *value) MUST_CHECK; /* 2 spaces */

/* Reading. A VALUE of NULL reads as null, so that look-ups can be chained. */
enum js_kind js_kind(const struct js *value);
bool js_is_null(const struct js *value);
const char *js_str(const struct js *value, const char *otherwise);
int64_t js_to_int(const struct js *value, int64_t otherwise);
double js_to_real(const struct js *value, double otherwise); /* ints too */
bool js_to_bool(const struct js *value, bool otherwise);

/* What is under KEY, borrowed; NULL when not there or VALUE is no object. */
const struct js *js_get(const struct js *value, const char *key);
/* The same with a type; OTHERWISE when it is not there or another type. */
const char *js_get_str(const struct js *object, const char *key,
		       const char *otherwise);
int64_t js_get_int(const struct js *object, const char *key, int64_t otherwise);
double js_get_real(const struct js *object, const char *key, double otherwise);
bool js_get_bool(const struct js *object, const char *key, bool otherwise);

/* Items of an array, keys of an object; 0 for everything else. */
size_t js_count(const struct js *value);
const struct js *js_at(const struct js *array, size_t i); /* NULL: past it */

/*
 * Walk an object in order:
 *	const char *key = NULL;
 *	const struct js *value;
 *	while (js_next(object, &key, &value)) ...
 */
bool js_next(const struct js *object, const char **key,
	     const struct js **value);
