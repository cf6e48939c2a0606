/*
 * proto.h - structs to protobuf wire format and back, by tables.
 *
 * svrkit writes one table a message; this walks it. Written in the order of the
 * table, scalars only when not zero, repeated numbers packed. Read in any
 * order, packed or not; what the table does not know is kept and written again.
 * Every limit of the table is checked before anything is allocated for it.
 *
 * Format: https://protobuf.dev/programming-guides/encoding/ (groups refused).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/digest.h"
#include "core/base/err.h"

#define PROTO_DEPTH_MAX 16 /* messages within messages */

/* kind, name in the schema, the C type of one */
#define PROTO_KINDS(X)                      \
	X(PROTO_U32, "u32", uint32_t)       \
	X(PROTO_U64, "u64", uint64_t)       \
	X(PROTO_I64, "i64", int64_t)        \
	X(PROTO_BOOL, "bool", bool)         \
	X(PROTO_STRING, "string", char *)   \
	X(PROTO_BYTES, "bytes", struct buf) \
	X(PROTO_DIGEST, "digest", struct digest)

enum proto_kind {
#define PROTO_ENUM_KIND(kind, name, type) kind,
	PROTO_KINDS(PROTO_ENUM_KIND)
#undef PROTO_ENUM_KIND
		PROTO_ENUM, /* an unsigned number; unknown ones are kept */
	PROTO_MESSAGE,	    /* by value, or an array of them */
};

struct proto_type;

struct proto_field {
	const char *name;
	uint32_t number;
	enum proto_kind kind;
	bool is_repeated;
	uint32_t max;			/* bytes of a string or bytes */
	uint32_t max_items;		/* of a repeated field */
	size_t offset;			/* of the value, or of the array */
	size_t extra;			/* of n_<name> or has_<name> */
	const struct proto_type *inner; /* of a message */
};

struct proto_type {
	const char *name;
	size_t size;
	size_t unknown; /* offset of a struct buf */
	const struct proto_field *fields;
	size_t n_fields;
};

/* Append MESSAGE, a struct of TYPE within its limits, to OUT. */
void proto_encode(const struct proto_type *type, const void *message,
		  struct buf *out);
/*
 * Decode all of BYTES. Strings that were not sent are "", never NULL.
 *
 * out   a struct of TYPE, overwritten; the caller releases it
 *
 * Fails with ERR_PROTOCOL: malformed, over a limit, text that is not UTF-8 or
 * has a NUL inside; then OUT is untouched.
 */
int proto_decode(const struct proto_type *type, const uint8_t *bytes,
		 size_t size, void *out, struct err *err) MUST_CHECK;
/* Free what MESSAGE owns and zero it. A zeroed struct is fine. */
void proto_release(const struct proto_type *type, void *message);
/* A copy in OUT, overwritten, that owns all it holds. */
void proto_copy(const struct proto_type *type, const void *from, void *out);
