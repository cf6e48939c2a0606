/*
 * schema.h - which keys a file may have, as one table of what is allowed.
 *
 * The table gives the checks (every mistake, each with its place and, where one
 * is near, the word that was probably meant), the JSON Schema for editors, and
 * the list of keys the manual must have. It does not know what values mean
 * together: the reader of the file checks that afterwards.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/text/json.h"
#include "core/text/mistakes.h"
#include "core/text/node.h"

enum schema_kind {
	SCHEMA_TEXT,	 /* any scalar but an empty one */
	SCHEMA_NAME,	 /* see str_is_name */
	SCHEMA_BOOL,	 /* true, false */
	SCHEMA_COUNT,	 /* a whole number from min to max */
	SCHEMA_NUMBER,	 /* 0.01, or 1% for it */
	SCHEMA_DURATION, /* 30s, from min to max in ms */
	SCHEMA_AMOUNT,	 /* a whole number, at least min, or a share: 5% */
	SCHEMA_CHOICE,	 /* one of choices */
	SCHEMA_LIST,	 /* of item, from min to max of them */
	SCHEMA_MAP,	 /* of keys */
	SCHEMA_LABELS,	 /* a map of any names to texts */
	SCHEMA_EITHER	 /* scalar, list or map: the one of that shape */
};

struct schema_key;
struct schema {
	enum schema_kind kind;
	uint64_t min;
	uint64_t max;		       /* 0: no limit */
	const char *const *choices;    /* CHOICE: ends with NULL */
	const struct schema *item;     /* LIST */
	const struct schema_key *keys; /* MAP: ends with a name of NULL */
	const struct schema *either[3];
};

enum schema_flags {
	SCHEMA_REQUIRED = 1,
	SCHEMA_ONE_OF = 2 /* exactly one of the keys with this flag is there */
};

struct schema_key {
	const char *name;
	const struct schema *value; /* NULL with later */
	unsigned flags;
	const char *otherwise; /* what holds when left out; NULL: nothing */
	const char *help;
	const char *later; /* not in this version: what to do until then */
};

/* Compare ROOT with SCHEMA; what does not fit is added to MISTAKES. */
void schema_check(const struct schema *schema, const struct node *root,
		  struct mistakes *mistakes);

/*
 * The table as JSON Schema, draft 2020-12.
 *
 * title   of the document
 */
struct js *schema_json(const struct schema *schema,
		       const char *title) MUST_CHECK;

/* Call FN for every key, once for each place it may have. */
typedef void (*schema_key_fn)(void *ctx, const struct schema_key *key);
void schema_each_key(const struct schema *schema, schema_key_fn fn, void *ctx);

/* Append " (did you mean NAME?)" about TEXT to OUT, if a name is near. */
void schema_suggest(const char *text, const char *const *names, size_t n_names,
		    struct buf *out);
