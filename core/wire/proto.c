#include "core/wire/proto.h"

#include <assert.h>
#include <string.h>

#include "core/base/str.h"

enum wire {
	WIRE_VARINT = 0,
	WIRE_FIXED64 = 1,
	WIRE_BYTES = 2,
	WIRE_FIXED32 = 5,
};

static const size_t sizes[] = {
#define PROTO_SIZE(kind, name, type) [kind] = sizeof(type),
	PROTO_KINDS(PROTO_SIZE)
#undef PROTO_SIZE
		[PROTO_ENUM] = sizeof(unsigned),
};

static size_t item_size(const struct proto_field *field)
{
	return field->kind == PROTO_MESSAGE ? field->inner->size
					    : sizes[field->kind];
}

static bool is_varint(enum proto_kind kind)
{
	return kind <= PROTO_BOOL || kind == PROTO_ENUM;
}

/*
 * A place in a struct. Arrays of any type are reached through a copy of their
 * pointer: all object pointers have one representation here.
 */
static void *array_of(const struct proto_field *field, const void *message)
{
	void *items;

	memcpy(&items, (const char *)message + field->offset, sizeof(items));
	return items;
}

static size_t count_of(const struct proto_field *field, const void *message)
{
	size_t n;

	memcpy(&n, (const char *)message + field->extra, sizeof(n));
	return n;
}

static bool has_of(const struct proto_field *field, const void *message)
{
	bool has;

	memcpy(&has, (const char *)message + field->extra, sizeof(has));
	return has;
}

/* ---- encode ---- */

static void put_varint(struct buf *out, uint64_t value)
{
	uint8_t bytes[10];
	size_t n = 0;

	while (value >= 0x80) {
		bytes[n++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	bytes[n++] = (uint8_t)value;
	buf_append(out, bytes, n);
}

static void put_tag(struct buf *out, uint32_t number, enum wire wire)
{
	put_varint(out, (uint64_t)number << 3 | wire);
}

static void put_bytes(struct buf *out, uint32_t number, const void *bytes,
		      size_t size)
{
	put_tag(out, number, WIRE_BYTES);
	put_varint(out, size);
	buf_append(out, bytes, size);
}

/* What was appended since START becomes preceded by its length. */
static void put_length_at(struct buf *out, size_t start)
{
	size_t size = out->size - start;
	struct buf length = BUF_INIT;

	put_varint(&length, size);
	(void)buf_reserve(out, length.size);
	memmove(out->bytes + start + length.size, out->bytes + start, size + 1);
	memcpy(out->bytes + start, length.bytes, length.size);
	out->size += length.size;
	buf_release(&length);
}

static uint64_t load_varint(enum proto_kind kind, const void *at)
{
	uint32_t u32;
	uint64_t u64;
	bool flag;

	if (kind == PROTO_BOOL) {
		memcpy(&flag, at, sizeof(flag));
		return flag;
	}
	if (kind == PROTO_U32 || kind == PROTO_ENUM) {
		memcpy(&u32, at, sizeof(u32));
		return u32;
	}
	memcpy(&u64, at, sizeof(u64));
	if (kind == PROTO_I64) /* zigzag: small negatives stay small */
		return u64 << 1 ^ (0 - (u64 >> 63));
	return u64;
}

/* One string, bytes, digest or message, whatever it holds. */
static void put_item(const struct proto_field *field, const void *at,
		     struct buf *out)
{
	const struct buf *bytes = at;
	const char *text;
	size_t start;

	if (field->kind == PROTO_STRING) {
		memcpy(&text, at, sizeof(text));
		put_bytes(out, field->number, text, text ? strlen(text) : 0);
	} else if (field->kind == PROTO_BYTES) {
		put_bytes(out, field->number, bytes->bytes, bytes->size);
	} else if (field->kind == PROTO_DIGEST) {
		put_bytes(out, field->number, at, DIGEST_SIZE);
	} else {
		put_tag(out, field->number, WIRE_BYTES);
		start = out->size;
		proto_encode(field->inner, at, out);
		put_length_at(out, start);
	}
}

static void put_repeated(const struct proto_field *field, const void *message,
			 struct buf *out)
{
	const char *items = array_of(field, message);
	size_t n = count_of(field, message);
	size_t start;

	if (n == 0)
		return;
	if (!is_varint(field->kind)) {
		for (size_t i = 0; i < n; i++)
			put_item(field, items + i * item_size(field), out);
		return;
	}
	put_tag(out, field->number, WIRE_BYTES);
	start = out->size;
	for (size_t i = 0; i < n; i++)
		put_varint(out, load_varint(field->kind,
					    items + i * item_size(field)));
	put_length_at(out, start);
}

/* Is a single value worth writing: set, not zero, not empty? */
static bool is_set(const struct proto_field *field, const void *message)
{
	const void *at = (const char *)message + field->offset;
	const char *text;

	if (field->kind == PROTO_MESSAGE)
		return has_of(field, message);
	if (field->kind == PROTO_BYTES)
		return ((const struct buf *)at)->size > 0;
	if (field->kind == PROTO_DIGEST)
		return !digest_is_zero(at);
	if (field->kind == PROTO_STRING) {
		memcpy(&text, at, sizeof(text));
		return text && *text;
	}
	return load_varint(field->kind, at) != 0;
}

void proto_encode(const struct proto_type *type, const void *message,
		  struct buf *out)
{
	const struct buf *unknown =
		(const void *)((const char *)message + type->unknown);

	for (size_t i = 0; i < type->n_fields; i++) {
		const struct proto_field *field = &type->fields[i];
		const char *at = (const char *)message + field->offset;

		if (field->is_repeated) {
			put_repeated(field, message, out);
		} else if (is_set(field, message) && is_varint(field->kind)) {
			put_tag(out, field->number, WIRE_VARINT);
			put_varint(out, load_varint(field->kind, at));
		} else if (is_set(field, message)) {
			put_item(field, at, out);
		}
	}
	buf_append(out, unknown->bytes, unknown->size);
}

/* ---- decode ---- */

struct reader {
	const uint8_t *at;
	const uint8_t *end;
};

/* One field as it stands on the wire. */
struct record {
	uint32_t number;
	unsigned wire;
	uint64_t varint;
	struct reader bytes;   /* borrowed content of WIRE_BYTES */
	const uint8_t *start;  /* of its tag ... */
	const uint8_t *finish; /* ... and where the next one starts */
};

static size_t left_in(const struct reader *in)
{
	return (size_t)(in->end - in->at);
}

static int get_varint(struct reader *in, uint64_t *out, struct err *err)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint8_t byte;

		if (in->at == in->end)
			return err_set(err, ERR_PROTOCOL, "cut in a number");
		byte = *in->at++;
		if (shift == 63 && byte > 1)
			break;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*out = value;
			return 0;
		}
	}
	return err_set(err, ERR_PROTOCOL, "a number has more than 64 bits");
}

static int get_span(struct reader *in, uint64_t size, struct reader *out,
		    struct err *err)
{
	if (size > left_in(in))
		return err_set(err, ERR_PROTOCOL,
			       "%llu bytes announced, %zu left",
			       (unsigned long long)size, left_in(in));
	*out = (struct reader){ in->at, in->at + size };
	in->at += size;
	return 0;
}

static int get_record(struct reader *in, struct record *out, struct err *err)
{
	uint64_t tag;
	uint64_t size;

	out->start = in->at;
	if (get_varint(in, &tag, err) < 0)
		return err_again(err);
	if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
		return err_set(err, ERR_PROTOCOL, "a field has no number");
	out->number = (uint32_t)(tag >> 3);
	out->wire = tag & 7;
	if (out->wire == WIRE_VARINT) {
		if (get_varint(in, &out->varint, err) < 0)
			return err_again(err);
	} else {
		if (out->wire == WIRE_FIXED64)
			size = 8;
		else if (out->wire == WIRE_FIXED32)
			size = 4;
		else if (out->wire != WIRE_BYTES)
			return err_set(err, ERR_PROTOCOL,
				       "field %u has wire type %u", out->number,
				       out->wire);
		else if (get_varint(in, &size, err) < 0)
			return err_again(err);
		if (get_span(in, size, &out->bytes, err) < 0)
			return err_again(err);
	}
	out->finish = in->at;
	return 0;
}

static int store_varint(enum proto_kind kind, uint64_t value, void *at,
			struct err *err)
{
	uint64_t most = kind == PROTO_U32    ? UINT32_MAX
			: kind == PROTO_ENUM ? INT32_MAX
					     : UINT64_MAX;
	uint32_t u32 = (uint32_t)value;
	bool flag = value != 0;

	if (value > most)
		return err_set(err, ERR_PROTOCOL, "%llu is more than %llu",
			       (unsigned long long)value,
			       (unsigned long long)most);
	if (kind == PROTO_I64)
		value = value >> 1 ^ (0 - (value & 1));
	if (kind == PROTO_BOOL)
		memcpy(at, &flag, sizeof(flag));
	else if (kind == PROTO_U32 || kind == PROTO_ENUM)
		memcpy(at, &u32, sizeof(u32));
	else
		memcpy(at, &value, sizeof(value));
	return 0;
}

static int store_string(const struct reader *bytes, void *at, struct err *err)
{
	size_t size = left_in(bytes);
	char *text;

	if (memchr(bytes->at, '\0', size))
		return err_set(err, ERR_PROTOCOL, "a NUL in a text");
	if (!str_is_utf8((const char *)bytes->at, size))
		return err_set(err, ERR_PROTOCOL, "a text that is not UTF-8");
	memcpy(&text, at, sizeof(text));
	free(text);
	text = mem_strn((const char *)bytes->at, size);
	memcpy(at, &text, sizeof(text));
	return 0;
}

static int decode_into(const struct proto_type *type, struct reader in,
		       unsigned depth, void *out, struct err *err);

/* One string, bytes, digest or message to AT. */
static int store_item(const struct proto_field *field,
		      const struct reader *bytes, unsigned depth, void *at,
		      struct err *err)
{
	size_t size = left_in(bytes);

	if (field->kind == PROTO_MESSAGE)
		return decode_into(field->inner, *bytes, depth + 1, at, err);
	if (field->kind == PROTO_DIGEST) {
		if (size != DIGEST_SIZE)
			return err_set(err, ERR_PROTOCOL,
				       "a digest of %zu bytes, not %d", size,
				       DIGEST_SIZE);
		memcpy(at, bytes->at, DIGEST_SIZE);
		return 0;
	}
	if (size > field->max)
		return err_set(err, ERR_PROTOCOL, "%zu bytes, at most %u", size,
			       field->max);
	if (field->kind == PROTO_STRING)
		return store_string(bytes, at, err);
	buf_clear(at);
	buf_append(at, bytes->at, size);
	return 0;
}

/* Room in an array that has N items is the next power of two. */
static size_t room_of(size_t n)
{
	size_t room = 1;

	while (room < n)
		room *= 2;
	return n ? room : 0;
}

/* MORE items, at least 1, zeroed: the first of them, or NULL with *err. */
static void *array_add(const struct proto_field *field, void *message,
		       size_t more, struct err *err)
{
	size_t size = item_size(field);
	size_t n = count_of(field, message);
	char *items = array_of(field, message);

	if (more > field->max_items - n) {
		(void)err_set(err, ERR_PROTOCOL, "%zu items, at most %u",
			      n + more, field->max_items);
		return NULL;
	}
	if (room_of(n + more) != room_of(n)) {
		items = mem_resize(items, room_of(n + more), size);
		memcpy((char *)message + field->offset, &items, sizeof(items));
	}
	assert(items);
	items += n * size;
	n += more;
	memcpy((char *)message + field->extra, &n, sizeof(n));
	return memset(items, 0, more * size);
}

static int store_packed(const struct proto_field *field, struct reader in,
			void *message, struct err *err)
{
	size_t n = 0;
	uint64_t value;
	char *items;

	for (const uint8_t *p = in.at; p < in.end; p++)
		n += *p < 0x80; /* the last byte of a number */
	if (n == 0)
		return in.at < in.end ? get_varint(&in, &value, err) : 0;
	items = array_add(field, message, n, err);
	if (!items)
		return err_again(err);
	for (size_t i = 0; in.at < in.end; i++)
		if (get_varint(&in, &value, err) < 0 ||
		    store_varint(field->kind, value,
				 items + i * item_size(field), err) < 0)
			return err_again(err);
	return 0;
}

static int store(const struct proto_field *field, const struct record *record,
		 unsigned depth, void *message, struct err *err)
{
	void *at = (char *)message + field->offset;
	unsigned wire = is_varint(field->kind) ? WIRE_VARINT : WIRE_BYTES;
	bool has = true;

	if (field->is_repeated && is_varint(field->kind) &&
	    record->wire == WIRE_BYTES)
		return store_packed(field, record->bytes, message, err);
	if (record->wire != wire)
		return err_set(err, ERR_PROTOCOL, "wire type %u, not %u",
			       record->wire, wire);
	if (field->is_repeated) {
		at = array_add(field, message, 1, err);
		if (!at)
			return err_again(err);
	} else if (field->kind == PROTO_MESSAGE) {
		memcpy((char *)message + field->extra, &has, sizeof(has));
	}
	if (wire == WIRE_VARINT)
		return store_varint(field->kind, record->varint, at, err);
	return store_item(field, &record->bytes, depth, at, err);
}

static const struct proto_field *find_field(const struct proto_type *type,
					    uint32_t number)
{
	for (size_t i = 0; i < type->n_fields; i++)
		if (type->fields[i].number == number)
			return &type->fields[i];
	return NULL;
}

static int decode_into(const struct proto_type *type, struct reader in,
		       unsigned depth, void *out, struct err *err)
{
	struct buf *unknown = (void *)((char *)out + type->unknown);
	struct record record;

	if (depth > PROTO_DEPTH_MAX)
		return err_set(err, ERR_PROTOCOL, "more than %d messages deep",
			       PROTO_DEPTH_MAX);
	while (in.at < in.end) {
		const struct proto_field *field;

		if (get_record(&in, &record, err) < 0)
			return err_wrap(err, "%s", type->name);
		field = find_field(type, record.number);
		if (!field)
			buf_append(unknown, record.start,
				   (size_t)(record.finish - record.start));
		else if (store(field, &record, depth, out, err) < 0)
			return err_wrap(err, "%s.%s", type->name, field->name);
	}
	return 0;
}

/* So that nobody meets a NULL: "" for every text that was not sent. */
static void fill_strings(const struct proto_type *type, void *message)
{
	for (size_t i = 0; i < type->n_fields; i++) {
		const struct proto_field *field = &type->fields[i];
		char *at = field->is_repeated ? array_of(field, message)
					      : (char *)message + field->offset;
		size_t n = field->is_repeated ? count_of(field, message) : 1;
		char *text;

		for (size_t j = 0; j < n; j++, at += item_size(field)) {
			if (field->kind == PROTO_MESSAGE)
				fill_strings(field->inner, at);
			if (field->kind != PROTO_STRING)
				continue;
			memcpy(&text, at, sizeof(text));
			if (!text)
				text = mem_str("");
			memcpy(at, &text, sizeof(text));
		}
	}
}

int proto_decode(const struct proto_type *type, const uint8_t *bytes,
		 size_t size, void *out, struct err *err)
{
	struct reader in = { bytes, bytes + size };
	void *message = mem_alloc(type->size);
	int rc = size ? decode_into(type, in, 0, message, err) : 0;

	if (rc < 0) {
		proto_release(type, message);
	} else {
		fill_strings(type, message);
		memcpy(out, message, type->size);
	}
	free(message);
	return rc;
}

static void release_item(const struct proto_field *field, void *at)
{
	char *text;

	if (field->kind == PROTO_MESSAGE) {
		proto_release(field->inner, at);
	} else if (field->kind == PROTO_BYTES) {
		buf_release(at);
	} else if (field->kind == PROTO_STRING) {
		memcpy(&text, at, sizeof(text));
		free(text);
	}
}

void proto_release(const struct proto_type *type, void *message)
{
	for (size_t i = 0; i < type->n_fields; i++) {
		const struct proto_field *field = &type->fields[i];
		char *items;

		if (!field->is_repeated) {
			release_item(field, (char *)message + field->offset);
			continue;
		}
		items = array_of(field, message);
		for (size_t j = 0; j < count_of(field, message); j++)
			release_item(field, items + j * item_size(field));
		free(items);
	}
	buf_release((void *)((char *)message + type->unknown));
	memset(message, 0, type->size);
}

/* ---- copy: what is borrowed becomes owned ---- */

static void own_bytes(struct buf *bytes)
{
	struct buf copy = BUF_INIT;

	buf_append(&copy, bytes->bytes, bytes->size);
	*bytes = copy;
}

static void own_message(const struct proto_type *type, void *message);

static void own_item(const struct proto_field *field, void *at)
{
	char *text;

	if (field->kind == PROTO_MESSAGE) {
		own_message(field->inner, at);
	} else if (field->kind == PROTO_BYTES) {
		own_bytes(at);
	} else if (field->kind == PROTO_STRING) {
		memcpy(&text, at, sizeof(text));
		text = mem_str(text);
		memcpy(at, &text, sizeof(text));
	}
}

static void own_message(const struct proto_type *type, void *message)
{
	for (size_t i = 0; i < type->n_fields; i++) {
		const struct proto_field *field = &type->fields[i];
		size_t size = item_size(field);
		size_t n;
		char *items;

		if (!field->is_repeated) {
			own_item(field, (char *)message + field->offset);
			continue;
		}
		n = count_of(field, message);
		items = n ? mem_copy(array_of(field, message), n * size) : NULL;
		memcpy((char *)message + field->offset, &items, sizeof(items));
		for (size_t j = 0; j < n; j++)
			own_item(field, items + j * size);
	}
	own_bytes((void *)((char *)message + type->unknown));
}

void proto_copy(const struct proto_type *type, const void *from, void *out)
{
	memcpy(out, from, type->size);
	own_message(type, out);
}
