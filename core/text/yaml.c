#include "core/text/yaml.h"

#include <yaml.h>

#include "core/base/str.h"

/* A list or map that is not complete yet. */
struct open {
	struct node *node; /* owned by its parent or the reading */
	char *key;	   /* MAP: read, and waiting for its value */
	unsigned key_line;
	unsigned key_column;
};

struct reading {
	yaml_parser_t parser;
	const struct yaml_limits *limits;
	struct mistakes *mistakes;
	const char *text;
	size_t size;
	struct node *root;
	struct open open[YAML_MAX_DEPTH];
	unsigned depth;
	size_t n_nodes;
	bool is_stopped; /* what follows is not worth reading */
	bool has_document;
};

static unsigned line_of(const yaml_mark_t *mark)
{
	return (unsigned)mark->line + 1;
}

static unsigned column_of(const yaml_mark_t *mark)
{
	return (unsigned)mark->column + 1;
}

#define SAY(reading, mark, ...)                                               \
	mistakes_add((reading)->mistakes, line_of(mark), column_of(mark), "", \
		     __VA_ARGS__)

static void stop(struct reading *reading)
{
	reading->is_stopped = true;
}

/* Hang NODE where it belongs; it is owned by the tree from here on. */
static void attach(struct reading *reading, struct node *node)
{
	struct open *open;

	if (++reading->n_nodes > reading->limits->nodes) {
		mistakes_add(reading->mistakes, node->line, node->column, "",
			     "more than %zu values in one file",
			     reading->limits->nodes);
		stop(reading);
	}
	if (reading->depth == 0) {
		node_free(reading->root);
		reading->root = node;
		return;
	}
	open = &reading->open[reading->depth - 1];
	node->key = TAKE(open->key);
	node->key_line = open->key_line;
	node->key_column = open->key_column;
	*vec_add(&open->node->items) = node;
}

/* Is a map open that waits for a key rather than a value? */
static bool wants_key(const struct reading *reading)
{
	const struct open *open = reading->open + reading->depth;

	return reading->depth > 0 && open[-1].node->kind == NODE_MAP &&
	       !open[-1].key;
}

static void take_key(struct reading *reading, const yaml_event_t *event)
{
	struct open *open = &reading->open[reading->depth - 1];
	const char *key = (const char *)event->data.scalar.value;
	const struct node *before = node_get(open->node, key);

	if (before)
		SAY(reading, &event->start_mark,
		    "the key \"%s\" is here twice, first on line %u", key,
		    before->key_line);
	if (open->node->items.n == YAML_MAX_KEYS) {
		SAY(reading, &event->start_mark, "more than %d keys in one map",
		    YAML_MAX_KEYS);
		stop(reading);
	}
	open->key = mem_str(key);
	open->key_line = line_of(&event->start_mark);
	open->key_column = column_of(&event->start_mark);
}

static void check_plain(struct reading *reading, const yaml_event_t *event,
			const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		SAY(reading, &event->start_mark,
		    "anchors (&%s) are not taken: write the value out", anchor);
	if (tag)
		SAY(reading, &event->start_mark,
		    "tags (%s) are not taken: leave it away", tag);
}

static void take_scalar(struct reading *reading, const yaml_event_t *event)
{
	struct node *node;

	check_plain(reading, event, event->data.scalar.anchor,
		    event->data.scalar.tag);
	if (strlen((const char *)event->data.scalar.value) !=
	    event->data.scalar.length)
		SAY(reading, &event->start_mark, "a NUL in a text");
	if (wants_key(reading)) {
		take_key(reading, event);
		return;
	}
	node = node_new(NODE_SCALAR, line_of(&event->start_mark),
			column_of(&event->start_mark));
	node->text = mem_str((const char *)event->data.scalar.value);
	node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	attach(reading, node);
}

static void take_start(struct reading *reading, const yaml_event_t *event,
		       enum node_kind kind)
{
	struct node *node;

	if (wants_key(reading)) {
		SAY(reading, &event->start_mark,
		    "a key is a word, not a list or a map (write text with "
		    "braces in quotes)");
		stop(reading);
		return;
	}
	if (reading->depth == YAML_MAX_DEPTH) {
		SAY(reading, &event->start_mark,
		    "more than %d lists and maps in each other",
		    YAML_MAX_DEPTH);
		stop(reading);
		return;
	}
	node = node_new(kind, line_of(&event->start_mark),
			column_of(&event->start_mark));
	attach(reading, node);
	reading->open[reading->depth++] = (struct open){ .node = node };
}

static void take_alias(struct reading *reading, const yaml_event_t *event)
{
	SAY(reading, &event->start_mark,
	    "aliases (*%s) are not taken: write the value out (or, for text "
	    "with a star, put it in quotes)",
	    event->data.alias.anchor);
	if (wants_key(reading)) {
		stop(reading);
		return;
	}
	attach(reading, node_new(NODE_BROKEN, line_of(&event->start_mark),
				 column_of(&event->start_mark)));
}

static void take(struct reading *reading, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		take_scalar(reading, event);
		break;
	case YAML_SEQUENCE_START_EVENT:
		check_plain(reading, event, event->data.sequence_start.anchor,
			    event->data.sequence_start.tag);
		take_start(reading, event, NODE_LIST);
		break;
	case YAML_MAPPING_START_EVENT:
		check_plain(reading, event, event->data.mapping_start.anchor,
			    event->data.mapping_start.tag);
		take_start(reading, event, NODE_MAP);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		reading->depth--;
		break;
	case YAML_ALIAS_EVENT:
		take_alias(reading, event);
		break;
	case YAML_DOCUMENT_START_EVENT:
		if (reading->has_document) {
			SAY(reading, &event->start_mark,
			    "a second document: a file holds one");
			stop(reading);
		}
		reading->has_document = true;
		break;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		break;
	}
}

/* The byte at MARK, which counts in letters; NUL past the end. */
static char byte_at(const struct reading *reading, const yaml_mark_t *mark)
{
	const char *p = reading->text;
	const char *end = reading->text + reading->size;

	for (size_t line = 0; line < mark->line && p < end; line++) {
		const char *next = memchr(p, '\n', (size_t)(end - p));

		p = next ? next + 1 : end;
	}
	for (size_t column = 0; column < mark->column && p < end; column++)
		for (p++; p < end && ((unsigned char)*p & 0xc0) == 0x80;)
			p++;
	return p < end ? *p : '\0';
}

/* What libyaml says, with the usual cause added where it is known. */
static void say_problem(struct reading *reading)
{
	const yaml_parser_t *parser = &reading->parser;
	const char *context = parser->context ? parser->context : "";
	const char *hint = "";
	char c = byte_at(reading, &parser->problem_mark);

	if (c == '\t')
		hint = " (a tab; YAML is indented with spaces)";
	else if (c && strchr("%@`{[*&!", c))
		hint = " (text that begins so goes in quotes)";
	SAY(reading, &parser->problem_mark, "%s%s%s%s", context,
	    *context ? ": " : "", parser->problem ? parser->problem : "broken",
	    hint);
}

static void pull(struct reading *reading)
{
	bool is_end = false;

	while (!is_end && !reading->is_stopped) {
		yaml_event_t event;

		if (!yaml_parser_parse(&reading->parser, &event)) {
			say_problem(reading);
			stop(reading);
			return;
		}
		take(reading, &event);
		is_end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
}

/* The place of the first byte that is not UTF-8. */
static void say_not_utf8(const char *text, size_t size,
			 struct mistakes *mistakes)
{
	unsigned line = 1;
	const char *start = text;
	const char *end;

	while ((end = memchr(start, '\n', size - (size_t)(start - text))) &&
	       str_is_utf8(start, (size_t)(end - start))) {
		start = end + 1;
		line++;
	}
	mistakes_add(mistakes, line, 1, "",
		     "the line is not UTF-8: save the file as UTF-8");
}

static bool check_bytes(const char *text, size_t size,
			const struct yaml_limits *limits,
			struct mistakes *mistakes)
{
	if (size > limits->bytes) {
		mistakes_add(mistakes, 1, 1, "",
			     "the file has %zu bytes, more than %zu", size,
			     limits->bytes);
		return false;
	}
	if (!str_is_utf8(text, size)) {
		say_not_utf8(text, size, mistakes);
		return false;
	}
	return true;
}

struct node *yaml_parse(const char *text, size_t size,
			const struct yaml_limits *limits,
			struct mistakes *mistakes)
{
	struct reading reading = { .limits = limits, .mistakes = mistakes };
	AUTO(node) root = NULL;

	if (!check_bytes(text, size, limits, mistakes))
		return NULL;
	if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3; /* the mark Windows editors put in front */
		size -= 3;
	}
	reading.text = text;
	reading.size = size;
	if (!yaml_parser_initialize(&reading.parser))
		abort();
	yaml_parser_set_encoding(&reading.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reading.parser,
				     (const unsigned char *)text, size);
	pull(&reading);
	yaml_parser_delete(&reading.parser);
	for (unsigned i = 0; i < reading.depth; i++)
		free(reading.open[i].key);
	root = reading.root;
	if (reading.is_stopped)
		return NULL;
	if (!root)
		mistakes_add(mistakes, 1, 1, "", "the file is empty");
	return TAKE(root);
}
