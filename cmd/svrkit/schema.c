#include "cmd/svrkit/schema.h"

#include <ctype.h>
#include <expat.h>
#include <string.h>

#include "cmd/svrkit/schema_check.h"
#include "core/base/str.h"

#define DEPTH_MAX 8

enum element { NOTHING, PROTOCOL, ENUM, VALUE, MESSAGE, FIELD };

/* An element's name, the one it stands in, the attributes it may have. */
static const struct {
	const char *name;
	enum element in;
	const char *attributes;
} elements[] = {
	[NOTHING] = { "", NOTHING, "" },
	[PROTOCOL] = { "protocol", NOTHING, " name version " },
	[ENUM] = { "enum", PROTOCOL, " name " },
	[VALUE] = { "value", ENUM, " name number " },
	[MESSAGE] = { "message", PROTOCOL, " name number " },
	[FIELD] = { "field", MESSAGE, " name number type max repeated " },
};

struct parser {
	XML_Parser xml;
	struct schema *schema;
	struct schema_mistakes mistakes;
	enum element stack[DEPTH_MAX];
	size_t depth;
	char *comment; /* seen last, for the element that follows */
};

static struct schema_place place_of(const struct parser *parser)
{
	return (struct schema_place){
		XML_GetCurrentLineNumber(parser->xml),
		XML_GetCurrentColumnNumber(parser->xml) + 1,
	};
}

static const char *attribute(const char **pairs, const char *name)
{
	for (; *pairs; pairs += 2)
		if (strcmp(pairs[0], name) == 0)
			return pairs[1];
	return NULL;
}

static uint32_t number_attribute(struct parser *parser, const char **pairs,
				 const char *name, uint32_t min, uint32_t max)
{
	const char *text = attribute(pairs, name);
	struct err err = ERR_INIT;
	uint64_t value = 0;

	if (!text)
		schema_mistake(&parser->mistakes, place_of(parser),
			       "%s is missing", name);
	else if (str_parse_u64(text, max, &value, &err) < 0)
		schema_mistake(&parser->mistakes, place_of(parser), "%s: %s",
			       name, err.text);
	else if (value < min)
		schema_mistake(&parser->mistakes, place_of(parser),
			       "%s: starts at %u", name, min);
	return (uint32_t)value;
}

/* Small letters, digits and single underscores, a letter first. */
static bool is_identifier(const char *text)
{
	size_t n = strlen(text);

	if (n < 1 || n > 40 || !islower((unsigned char)text[0]) ||
	    text[n - 1] == '_' || strstr(text, "__"))
		return false;
	for (const char *p = text; *p; p++)
		if (!islower((unsigned char)*p) &&
		    !isdigit((unsigned char)*p) && *p != '_')
			return false;
	return true;
}

static char *name_attribute(struct parser *parser, const char **pairs)
{
	const char *text = attribute(pairs, "name");

	if (!text)
		schema_mistake(&parser->mistakes, place_of(parser),
			       "name is missing");
	else if (!is_identifier(text))
		schema_mistake(&parser->mistakes, place_of(parser),
			       "\"%s\" is not a name like host_state", text);
	return mem_str(text ? text : "");
}

static void add_field(struct parser *parser, const char **pairs)
{
	struct schema_message *message =
		&parser->schema->messages.items[parser->schema->messages.n - 1];
	struct schema_field *field = vec_add(&message->fields);
	const char *type = attribute(pairs, "type");

	field->place = place_of(parser);
	field->name = name_attribute(parser, pairs);
	field->comment = TAKE(parser->comment);
	field->number =
		number_attribute(parser, pairs, "number", 1, SCHEMA_MAX_NUMBER);
	if (!type)
		schema_mistake(&parser->mistakes, field->place,
			       "type is missing");
	field->type = mem_str(type ? type : "");
	if (attribute(pairs, "max"))
		field->max = number_attribute(parser, pairs, "max", 1,
					      SCHEMA_MAX_FIELD);
	field->is_repeated = attribute(pairs, "repeated") != NULL;
	if (field->is_repeated)
		field->max_items = number_attribute(parser, pairs, "repeated",
						    1, SCHEMA_MAX_ITEMS);
}

static void add_value(struct parser *parser, const char **pairs)
{
	struct schema_enum *owner =
		&parser->schema->enums.items[parser->schema->enums.n - 1];
	struct schema_value *value = vec_add(&owner->values);

	value->place = place_of(parser);
	value->name = name_attribute(parser, pairs);
	value->comment = TAKE(parser->comment);
	value->number = number_attribute(parser, pairs, "number", 0, INT32_MAX);
}

static void add_element(struct parser *parser, enum element element,
			const char **pairs)
{
	struct schema *schema = parser->schema;

	if (element == FIELD) {
		add_field(parser, pairs);
	} else if (element == VALUE) {
		add_value(parser, pairs);
	} else if (element == ENUM) {
		struct schema_enum *added = vec_add(&schema->enums);

		added->place = place_of(parser);
		added->name = name_attribute(parser, pairs);
		added->comment = TAKE(parser->comment);
	} else if (element == MESSAGE) {
		struct schema_message *added = vec_add(&schema->messages);

		added->place = place_of(parser);
		added->name = name_attribute(parser, pairs);
		added->comment = TAKE(parser->comment);
		added->number = number_attribute(parser, pairs, "number", 1,
						 SCHEMA_MAX_MESSAGE);
	} else if (element == PROTOCOL) {
		schema->name = name_attribute(parser, pairs);
		schema->version = number_attribute(parser, pairs, "version", 1,
						   UINT32_MAX);
	}
}

static void check_attributes(struct parser *parser, enum element element,
			     const char **pairs)
{
	for (; *pairs; pairs += 2) {
		AUTO_STR char *word = mem_format(" %s ", pairs[0]);

		if (!strstr(elements[element].attributes, word))
			schema_mistake(&parser->mistakes, place_of(parser),
				       "<%s> has no attribute \"%s\", only%s",
				       elements[element].name, pairs[0],
				       elements[element].attributes);
	}
}

static void XMLCALL start_cb(void *ctx, const char *name, const char **pairs)
{
	struct parser *parser = ctx;
	enum element in = NOTHING;
	enum element element = NOTHING;

	if (parser->depth == DEPTH_MAX) {
		schema_mistake(&parser->mistakes, place_of(parser),
			       "elements are nested too deeply");
		XML_StopParser(parser->xml, XML_FALSE);
		return;
	}
	if (parser->depth)
		in = parser->stack[parser->depth - 1];
	for (size_t i = 1; i < COUNT_OF(elements); i++)
		if (strcmp(elements[i].name, name) == 0 &&
		    elements[i].in == in &&
		    (parser->depth == 0) == (in == NOTHING))
			element = (enum element)i;
	parser->stack[parser->depth++] = element;
	if (element != NOTHING) {
		check_attributes(parser, element, pairs);
		add_element(parser, element, pairs);
	} else if (in != NOTHING) {
		schema_mistake(&parser->mistakes, place_of(parser),
			       "<%s> does not belong in <%s>", name,
			       elements[in].name);
	} else if (parser->depth == 1) {
		schema_mistake(&parser->mistakes, place_of(parser),
			       "<%s> is not <protocol>", name);
	}
	free(TAKE(parser->comment));
}

static void XMLCALL end_cb(void *ctx, const char *name)
{
	struct parser *parser = ctx;

	(void)name;
	parser->depth--;
	free(TAKE(parser->comment));
}

static void XMLCALL text_cb(void *ctx, const char *text, int size)
{
	struct parser *parser = ctx;

	for (int i = 0; i < size; i++)
		if (!isspace((unsigned char)text[i])) {
			schema_mistake(&parser->mistakes, place_of(parser),
				       "text that belongs to nothing");
			return;
		}
}

/* Kept as one line: whitespace becomes single spaces. */
static void XMLCALL comment_cb(void *ctx, const char *text)
{
	struct parser *parser = ctx;
	struct buf line = BUF_INIT;

	for (const char *p = text; *p; p++)
		if (!isspace((unsigned char)*p))
			buf_append_char(&line, *p);
		else if (line.size && line.bytes[line.size - 1] != ' ')
			buf_append_char(&line, ' ');
	if (line.size && line.bytes[line.size - 1] == ' ')
		line.bytes[--line.size] = '\0';
	free(parser->comment);
	parser->comment = buf_take_str(&line);
}

static void XMLCALL doctype_cb(void *ctx, const char *name, const char *system,
			       const char *public, int has_internal)
{
	struct parser *parser = ctx;

	(void)name;
	(void)system;
	(void)public;
	(void)has_internal;
	schema_mistake(&parser->mistakes, place_of(parser),
		       "a document type is not allowed");
	XML_StopParser(parser->xml, XML_FALSE);
}

int schema_parse(const char *path, const char *text, size_t size,
		 struct schema **out, struct buf *out_mistakes, struct err *err)
{
	AUTO(schema) schema = MEM_NEW(struct schema);
	struct parser parser = {
		.xml = XML_ParserCreate("UTF-8"),
		.schema = schema,
		.mistakes = { .path = path, .lines = out_mistakes },
	};
	enum XML_Error code;

	if (!parser.xml)
		abort(); /* out of memory */
	if (size > SCHEMA_MAX_BYTES) {
		XML_ParserFree(parser.xml);
		return err_set(err, ERR_INVALID, "%s: more than %u bytes", path,
			       SCHEMA_MAX_BYTES);
	}
	XML_SetUserData(parser.xml, &parser);
	XML_SetElementHandler(parser.xml, start_cb, end_cb);
	XML_SetCharacterDataHandler(parser.xml, text_cb);
	XML_SetCommentHandler(parser.xml, comment_cb);
	XML_SetStartDoctypeDeclHandler(parser.xml, doctype_cb);
	if (XML_Parse(parser.xml, text, (int)size, 1) == XML_STATUS_ERROR) {
		code = XML_GetErrorCode(parser.xml);
		if (code != XML_ERROR_ABORTED)
			schema_mistake(&parser.mistakes, place_of(&parser),
				       "%s", XML_ErrorString(code));
	} else {
		schema_check(schema, &parser.mistakes);
	}
	XML_ParserFree(parser.xml);
	free(parser.comment);
	if (parser.mistakes.n)
		return err_set(err, ERR_INVALID, "%s: %zu mistake%s", path,
			       parser.mistakes.n,
			       parser.mistakes.n == 1 ? "" : "s");
	*out = TAKE(schema);
	return 0;
}

void schema_free(struct schema *schema)
{
	if (!schema)
		return;
	for (size_t i = 0; i < schema->enums.n; i++) {
		struct schema_enum *owner = &schema->enums.items[i];

		for (size_t j = 0; j < owner->values.n; j++) {
			free(owner->values.items[j].name);
			free(owner->values.items[j].comment);
		}
		vec_release(&owner->values);
		free(owner->name);
		free(owner->comment);
	}
	for (size_t i = 0; i < schema->messages.n; i++) {
		struct schema_message *owner = &schema->messages.items[i];

		for (size_t j = 0; j < owner->fields.n; j++) {
			free(owner->fields.items[j].name);
			free(owner->fields.items[j].comment);
			free(owner->fields.items[j].type);
		}
		vec_release(&owner->fields);
		free(owner->name);
		free(owner->comment);
	}
	vec_release(&schema->enums);
	vec_release(&schema->messages);
	vec_release(&schema->order);
	free(schema->name);
	free(schema);
}
