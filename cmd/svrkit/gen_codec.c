#include "cmd/svrkit/gen_codec.h"

#include <ctype.h>
#include <string.h>

static const struct {
	const char *kind; /* of enum proto_kind */
	const char *type; /* in C */
} kinds[] = {
#define GEN_KIND(kind, name, type) [kind] = { #kind, #type },
	PROTO_KINDS(GEN_KIND)
#undef GEN_KIND
		[PROTO_ENUM] = { "PROTO_ENUM", NULL },
	[PROTO_MESSAGE] = { "PROTO_MESSAGE", NULL },
};

/* "host_state" becomes "HOST_STATE". Owned by the caller. */
static char *upper(const char *name)
{
	char *out = mem_str(name);

	for (char *p = out; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	return out;
}

/* TEXT as a comment indented by INDENT, in lines of at most 78 letters. */
static void put_comment(struct buf *out, const char *indent, const char *text)
{
	size_t width = 70 - 8 * strlen(indent);
	const char *prefix = "/* ";

	if (!text)
		return;
	while (*text) {
		size_t n = strlen(text);

		if (n > width) {
			n = width;
			while (n && text[n] != ' ')
				n--;
			if (n == 0) /* one long word */
				n = strcspn(text, " ");
		}
		buf_format(out, "%s%s", indent, prefix);
		for (size_t i = 0; i < n; i++) /* nor end the comment early */
			buf_append_char(out, text[i] == '*' && i + 1 < n &&
							     text[i + 1] == '/'
						     ? '.'
						     : text[i]);
		text += n + (text[n] == ' ');
		buf_append_str(out, *text ? "\n" : " */\n");
		prefix = " * ";
	}
}

/* TEXT with its $1 and $2 replaced. */
static void put_template(struct buf *out, const char *first, const char *second,
			 const char *text)
{
	for (const char *p = text; *p; p++) {
		if (p[0] == '$' && (p[1] == '1' || p[1] == '2'))
			buf_append_str(out, *++p == '1' ? first : second);
		else
			buf_append_char(out, *p);
	}
}

/* "enum agent_verb ", "char *": what goes before a member's name. */
static char *type_of(const struct schema *schema,
		     const struct schema_field *field)
{
	const char *type = kinds[field->kind].type;

	if (field->kind == PROTO_ENUM)
		return mem_format("enum %s_%s ", schema->name, field->type);
	if (field->kind == PROTO_MESSAGE)
		return mem_format("struct %s_%s ", schema->name, field->type);
	return mem_format(type[strlen(type) - 1] == '*' ? "%s" : "%s ", type);
}

static void put_enum(const struct schema *schema, const struct schema_enum *put,
		     struct buf *out)
{
	AUTO_STR char *prefix = upper(schema->name);
	AUTO_STR char *name = upper(put->name);

	put_comment(out, "", put->comment);
	buf_format(out, "enum %s_%s {\n", schema->name, put->name);
	for (size_t i = 0; i < put->values.n; i++) {
		const struct schema_value *value = &put->values.items[i];
		AUTO_STR char *word = upper(value->name);

		put_comment(out, "\t", value->comment);
		buf_format(out, "\t%s_%s_%s = %u,\n", prefix, name, word,
			   value->number);
	}
	buf_format(out,
		   "};\n\n/* \"unknown\" for a number that is none. */\n"
		   "const char *%s_%s_name(enum %s_%s value);\n\n",
		   schema->name, put->name, schema->name, put->name);
}

static void put_limits(const struct schema *schema,
		       const struct schema_message *message, struct buf *out)
{
	AUTO_STR char *prefix = upper(schema->name);
	AUTO_STR char *name = upper(message->name);

	for (size_t i = 0; i < message->fields.n; i++) {
		const struct schema_field *field = &message->fields.items[i];
		AUTO_STR char *word = upper(field->name);

		if (field->max)
			buf_format(out, "#define %s_%s_%s_MAX %u\n", prefix,
				   name, word, field->max);
		if (field->is_repeated)
			buf_format(out, "#define %s_%s_%s_ITEMS %u\n", prefix,
				   name, word, field->max_items);
	}
}

static void put_struct(const struct schema *schema,
		       const struct schema_message *message, struct buf *out)
{
	put_comment(out, "", message->comment);
	buf_format(out, "struct %s_%s {\n", schema->name, message->name);
	for (size_t i = 0; i < message->fields.n; i++) {
		const struct schema_field *field = &message->fields.items[i];
		AUTO_STR char *type = type_of(schema, field);

		put_comment(out, "\t", field->comment);
		buf_format(out, "\t%s%s%s;\n", type,
			   field->is_repeated ? "*" : "", field->name);
		if (field->is_repeated)
			buf_format(out, "\tsize_t n_%s;\n", field->name);
		else if (field->kind == PROTO_MESSAGE)
			buf_format(out, "\tbool has_%s;\n", field->name);
	}
	buf_append_str(out, "\tstruct buf unknown; /* fields of a newer peer, "
			    "sent on */\n};\n");
	put_limits(schema, message, out);
	put_template(out, schema->name, message->name,
		     "extern const struct proto_type $1_$2_type;\n"
		     "void $1_$2_encode(const struct $1_$2 *message,\n"
		     "\t\tstruct buf *out);\n"
		     "int $1_$2_decode(const uint8_t *bytes, size_t size,\n"
		     "\t\tstruct $1_$2 *out, struct err *err) MUST_CHECK;\n"
		     "void $1_$2_copy(const struct $1_$2 *from, struct $1_$2 "
		     "*out);\n"
		     "void $1_$2_release(struct $1_$2 *message);\n"
		     "MEM_AUTO_VALUE($1_$2)\n\n");
}

static void put_numbers(const struct schema *schema, struct buf *out)
{
	AUTO_STR char *prefix = upper(schema->name);

	buf_format(out, "#define %s_PROTOCOL %u\n\n", prefix, schema->version);
	buf_format(out,
		   "/* What a frame carries: its type. */\n"
		   "enum %s_message {\n",
		   schema->name);
	for (size_t i = 0; i < schema->messages.n; i++) {
		AUTO_STR char *name = upper(schema->messages.items[i].name);

		buf_format(out, "\t%s_%s = %u,\n", prefix, name,
			   schema->messages.items[i].number);
	}
	put_template(out, schema->name, "",
		     "};\n\n"
		     "/* \"unknown\" for a number that is none. */\n"
		     "const char *$1_message_name(unsigned number);\n"
		     "/* NULL for a number that is none. */\n"
		     "const struct proto_type *$1_message_type(unsigned "
		     "number);\n\n");
}

void gen_codec_header(const struct schema *schema, const char *base,
		      struct buf *out)
{
	const char *file = strrchr(base, '/') ? strrchr(base, '/') + 1 : base;

	buf_format(
		out,
		"/*\n"
		" * %s.h - the messages of %s.xml.\n"
		" *\n"
		" * Written by svrkit; change the XML instead. _encode appends "
		"and trusts its\n"
		" * message; _decode checks every limit, makes strings that "
		"were not sent \"\",\n"
		" * and writes *out on success only, for the caller to "
		"_release.\n"
		" */\n"
		"#pragma once\n\n"
		"#include \"core/wire/proto.h\"\n\n",
		file, base);
	put_numbers(schema, out);
	for (size_t i = 0; i < schema->enums.n; i++)
		put_enum(schema, &schema->enums.items[i], out);
	for (size_t i = 0; i < schema->order.n; i++)
		put_struct(schema,
			   &schema->messages.items[schema->order.items[i]],
			   out);
}

static void put_table(const struct schema *schema,
		      const struct schema_message *message, struct buf *out)
{
	if (message->fields.n)
		buf_format(out,
			   "static const struct proto_field %s_fields[] "
			   "= {\n",
			   message->name);
	for (size_t i = 0; i < message->fields.n; i++) {
		const struct schema_field *field = &message->fields.items[i];

		buf_format(out,
			   "\t{ .name = \"%s\",\n\t  .number = %u,\n"
			   "\t  .kind = %s,\n",
			   field->name, field->number, kinds[field->kind].kind);
		if (field->max)
			buf_format(out, "\t  .max = %u,\n", field->max);
		if (field->is_repeated)
			buf_format(out,
				   "\t  .is_repeated = true,\n"
				   "\t  .max_items = %u,\n",
				   field->max_items);
		if (field->is_repeated || field->kind == PROTO_MESSAGE)
			buf_format(out,
				   "\t  .extra = offsetof(struct %s_%s, "
				   "%s%s),\n",
				   schema->name, message->name,
				   field->is_repeated ? "n_" : "has_",
				   field->name);
		if (field->kind == PROTO_MESSAGE)
			buf_format(out, "\t  .inner = &%s_%s_type,\n",
				   schema->name, field->type);
		buf_format(out, "\t  .offset = offsetof(struct %s_%s, %s) },\n",
			   schema->name, message->name, field->name);
	}
	if (message->fields.n)
		buf_append_str(out, "};\n");
	put_template(out, schema->name, message->name,
		     "const struct proto_type $1_$2_type = {\n"
		     "\t.name = \"$2\",\n"
		     "\t.size = sizeof(struct $1_$2),\n"
		     "\t.unknown = offsetof(struct $1_$2, unknown),\n");
	if (message->fields.n)
		put_template(out, message->name, "",
			     "\t.fields = $1_fields,\n"
			     "\t.n_fields = COUNT_OF($1_fields),\n");
	buf_append_str(out, "};\n\n");
}

static void put_functions(const struct schema *schema,
			  const struct schema_message *message, struct buf *out)
{
	put_template(out, schema->name, message->name,
		     "void $1_$2_encode(const struct $1_$2 *message,\n"
		     "\t\tstruct buf *out)\n"
		     "{\n\tproto_encode(&$1_$2_type, message, out);\n}\n\n"
		     "int $1_$2_decode(const uint8_t *bytes, size_t size,\n"
		     "\t\tstruct $1_$2 *out, struct err *err)\n"
		     "{\n\treturn proto_decode(&$1_$2_type, bytes, size, out, "
		     "err);\n}\n\n"
		     "void $1_$2_copy(const struct $1_$2 *from, struct $1_$2 "
		     "*out)\n"
		     "{\n\tproto_copy(&$1_$2_type, from, out);\n}\n\n"
		     "void $1_$2_release(struct $1_$2 *message)\n"
		     "{\n\tproto_release(&$1_$2_type, message);\n}\n\n");
}

static void put_enum_name(const struct schema *schema,
			  const struct schema_enum *put, struct buf *out)
{
	AUTO_STR char *prefix = upper(schema->name);
	AUTO_STR char *name = upper(put->name);

	put_template(out, schema->name, put->name,
		     "const char *$1_$2_name(enum $1_$2 value)\n"
		     "{\n\tswitch (value) {\n");
	for (size_t i = 0; i < put->values.n; i++) {
		AUTO_STR char *word = upper(put->values.items[i].name);

		buf_format(out, "\tcase %s_%s_%s:\n\t\treturn \"%s\";\n",
			   prefix, name, word, put->values.items[i].name);
	}
	buf_append_str(out, "\t}\n\treturn \"unknown\";\n}\n\n");
}

static void put_message_type(const struct schema *schema, struct buf *out)
{
	AUTO_STR char *prefix = upper(schema->name);

	buf_format(out,
		   "const struct proto_type *%s_message_type(unsigned "
		   "number)\n{\n\tswitch (number) {\n",
		   schema->name);
	for (size_t i = 0; i < schema->messages.n; i++) {
		const char *name = schema->messages.items[i].name;
		AUTO_STR char *word = upper(name);

		buf_format(out, "\tcase %s_%s:\n\t\treturn &%s_%s_type;\n",
			   prefix, word, schema->name, name);
	}
	put_template(out, schema->name, "",
		     "\tdefault:\n\t\treturn NULL;\n\t}\n}\n\n"
		     "const char *$1_message_name(unsigned number)\n{\n"
		     "\tconst struct proto_type *type = "
		     "$1_message_type(number);\n\n"
		     "\treturn type ? type->name : \"unknown\";\n}\n");
}

void gen_codec_source(const struct schema *schema, const char *base,
		      struct buf *out)
{
	put_template(out, base, "",
		     "/* Written by svrkit from $1.xml. */\n"
		     "#include \"$1.h\"\n\n"
		     "#include <stddef.h>\n\n");
	for (size_t i = 0; i < schema->order.n; i++) {
		const struct schema_message *message =
			&schema->messages.items[schema->order.items[i]];

		put_table(schema, message, out);
		put_functions(schema, message, out);
	}
	for (size_t i = 0; i < schema->enums.n; i++)
		put_enum_name(schema, &schema->enums.items[i], out);
	put_message_type(schema, out);
}
