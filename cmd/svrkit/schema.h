/*
 * schema.h - a protocol as its XML describes it: enums, messages, fields.
 *
 * Reads the file whole, resolves every type name and checks what a codec needs:
 * unique names and numbers, limits on all that has a size, no message that
 * contains itself by value. Reports every mistake, each with its place.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/vec.h"
#include "core/wire/proto.h"

#define SCHEMA_MAX_BYTES   (1u << 20)
#define SCHEMA_MAX_FIELD   (1u << 20) /* bytes; a frame is no larger */
#define SCHEMA_MAX_ITEMS   1000000u   /* of a repeated field */
#define SCHEMA_MAX_NUMBER  18999u     /* protobuf keeps what follows */
#define SCHEMA_MAX_MESSAGE 255u	      /* a frame's type is one byte */

struct schema_place {
	unsigned long line;
	unsigned long column;
};

struct schema_value {
	struct schema_place place;
	char *name;
	char *comment; /* what the XML says before it, or NULL */
	uint32_t number;
};

struct schema_enum {
	struct schema_place place;
	char *name;
	char *comment;
	VEC(struct schema_value) values;
};

struct schema_field {
	struct schema_place place;
	char *name;
	char *comment;
	uint32_t number;
	char *type; /* as written */
	enum proto_kind kind;
	size_t ref; /* place in enums or messages */
	uint32_t max;
	bool is_repeated;
	uint32_t max_items;
};

struct schema_message {
	struct schema_place place;
	char *name;
	char *comment;
	uint32_t number;
	VEC(struct schema_field) fields;
};

struct schema {
	char *name;
	uint32_t version;
	VEC(struct schema_enum) enums;
	VEC(struct schema_message) messages;
	VEC(size_t) order; /* of messages: what is held by value comes first */
};

/*
 * Read TEXT, the XML in file PATH.
 *
 * out_mistakes   every mistake is appended: "path:line:column: text\n"
 *
 * Fails with ERR_INVALID and the number of mistakes.
 */
int schema_parse(const char *path, const char *text, size_t size,
		 struct schema **out, struct buf *out_mistakes,
		 struct err *err) MUST_CHECK;
void schema_free(struct schema *schema);
MEM_AUTO(schema)
