#include "cmd/svrkit/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "<protocol name=\"p\" version=\"1\">\n"
#define TAIL "\n</protocol>\n"

static int parse(const char *text, struct schema **out, struct buf *mistakes)
{
	struct err err = ERR_INIT;

	return schema_parse("p.xml", text, strlen(text), out, mistakes, &err);
}

static void test_a_schema_is_read_with_its_comments(void **state)
{
	AUTO(schema) schema = NULL;
	AUTO_VALUE(buf) mistakes = BUF_INIT;

	(void)state;
	assert_int_equal(
		parse("<!-- not of anything -->\n" HEAD
		      "<message name=\"outer\" number=\"1\">\n"
		      "<!-- why\n     it is -->\n"
		      "<field name=\"inner\" number=\"2\" type=\"inner\"/>\n"
		      "<field name=\"more\" number=\"3\" type=\"outer\" "
		      "repeated=\"4\"/>\n"
		      "</message>\n"
		      "<message name=\"inner\" number=\"9\">\n"
		      "<field name=\"kind\" number=\"1\" type=\"kind\"/>\n"
		      "<field name=\"text\" number=\"2\" type=\"string\" "
		      "max=\"5\"/>\n</message>\n"
		      "<enum name=\"kind\"><value name=\"a\" number=\"0\"/>"
		      "</enum>" TAIL,
		      &schema, &mistakes),
		0);
	assert_string_equal(schema->messages.items[0].fields.items[0].comment,
			    "why it is");
	assert_null(schema->messages.items[0].comment);
	assert_int_equal(schema->messages.items[0].fields.items[1].max_items,
			 4);
	assert_int_equal(schema->messages.items[1].fields.items[1].max, 5);
	/* inner is held by value: it must come first */
	assert_int_equal(schema->order.items[0], 1);
	assert_int_equal(schema->order.items[1], 0);
}

static void test_every_mistake_is_told_with_its_place(void **state)
{
	static const struct {
		const char *body;
		const char *mistake;
	} rows[] = {
		{ "<message name=\"m\" number=\"1\">\n"
		  "  <field name=\"a\" number=\"1\" type=\"u23\"/></message>",
		  "p.xml:3:3: a: unknown type \"u23\" (did you mean u32?)\n" },
		{ "<message name=\"m\" number=\"1\">"
		  "<field name=\"a\" number=\"1\" type=\"u32\"/>\n"
		  "<field name=\"b\" number=\"1\" type=\"u32\"/></message>",
		  "p.xml:3:1: number 1 is taken on line 2\n" },
		{ "<message name=\"m\" number=\"1\">"
		  "<field name=\"a\" number=\"1\" type=\"u32\"/>\n"
		  "<field name=\"a\" number=\"2\" type=\"u32\"/></message>",
		  "p.xml:3:1: the name a is taken on line 2\n" },
		{ "<message name=\"m\" number=\"1\"/>\n"
		  "<message name=\"n\" number=\"1\"/>",
		  "p.xml:3:1: number 1 is taken on line 2\n" },
		{ "<message name=\"m\" number=\"1\">\n"
		  "<field name=\"a\" number=\"1\" type=\"string\"/></message>",
		  "p.xml:3:1: a: max is missing: the most bytes of a "
		  "string\n" },
		{ "<message name=\"m\" number=\"1\">\n"
		  "<field name=\"a\" number=\"1\" type=\"n\"/></message>"
		  "<message name=\"n\" number=\"2\">\n"
		  "<field name=\"b\" number=\"1\" type=\"m\"/></message>",
		  "p.xml:4:1: b: m would hold itself; make a field on the way "
		  "repeated\n" },
		{ "<message name=\"m\" number=\"256\"/>",
		  "p.xml:2:1: number: 256 is more than 255\n" },
		{ "<message name=\"m\" number=\"1\">\n"
		  "<field name=\"a\" number=\"0\" type=\"u32\"/></message>",
		  "p.xml:3:1: number: starts at 1\n" },
		{ "<message name=\"Bad-Name\" number=\"1\"/>",
		  "p.xml:2:1: \"Bad-Name\" is not a name like host_state\n" },
		{ "<message name=\"m\" number=\"1\">\n"
		  "<field name=\"int\" number=\"1\" type=\"u32\"/></message>",
		  "p.xml:3:1: the name int is taken on line 2\n" },
		{ "<message name=\"m\" number=\"1\" color=\"red\"/>",
		  "p.xml:2:1: <message> has no attribute \"color\", only name "
		  "number \n" },
		{ "<enum name=\"e\"><value name=\"a\" number=\"1\"/></enum>",
		  "p.xml:2:1: enum e has no value with number 0, which is what "
		  "a field is when it was not sent\n" },
		{ "<service/>",
		  "p.xml:2:1: <service> does not belong in <protocol>\n" },
		{ "text", "p.xml:2:1: text that belongs to nothing\n" },
		{ "<message", "p.xml:3:1: not well-formed (invalid token)\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_STR char *text =
			mem_format("%s%s%s", HEAD, rows[i].body, TAIL);
		AUTO(schema) schema = NULL;
		AUTO_VALUE(buf) mistakes = BUF_INIT;

		assert_int_equal(parse(text, &schema, &mistakes), -ERR_INVALID);
		assert_string_equal(buf_str(&mistakes), rows[i].mistake);
		assert_null(schema);
	}
}

static void test_a_document_type_is_refused(void **state)
{
	AUTO(schema) schema = NULL;
	AUTO_VALUE(buf) mistakes = BUF_INIT;

	(void)state;
	assert_int_equal(parse("<!DOCTYPE p [<!ENTITY a \"aaaa\">]>" HEAD TAIL,
			       &schema, &mistakes),
			 -ERR_INVALID);
	assert_non_null(
		strstr(buf_str(&mistakes), "a document type is not allowed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_schema_is_read_with_its_comments),
		cmocka_unit_test(test_every_mistake_is_told_with_its_place),
		cmocka_unit_test(test_a_document_type_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
