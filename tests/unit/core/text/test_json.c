#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/text/json.h"

static void test_a_built_tree_is_written_in_order(void **state)
{
	AUTO(js) object = js_object();
	struct js *list = js_array();
	AUTO_STR char *text = NULL;

	(void)state;
	js_set_str(object, "name", "feed");
	js_append(list, js_int(1));
	js_append(list, js_real(0.1));
	js_append_str(list, NULL);
	js_set(object, "list", list);
	js_set_bool(object, "ok", true);
	js_set_int(object, "big", INT64_MAX);
	text = js_format(object);
	assert_string_equal(text, "{\"name\":\"feed\",\"list\":[1,0.1,null],"
				  "\"ok\":true,\"big\":9223372036854775807}");
}

static void test_reading_gives_defaults_for_what_is_not_there(void **state)
{
	static const char text[] =
		"{\"a\": {\"b\": 7, \"s\": \"x\"}, \"r\": 2}";
	struct js *tree;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(js_parse(text, strlen(text), &tree, &err), 0);
	assert_int_equal(js_get_int(js_get(tree, "a"), "b", -1), 7);
	assert_string_equal(js_get_str(js_get(tree, "a"), "s", "no"), "x");
	assert_string_equal(js_get_str(js_get(tree, "a"), "b", "no"), "no");
	assert_int_equal(js_get_int(js_get(tree, "zz"), "b", -1), -1);
	assert_true(js_get_real(tree, "r", 0) == 2.0);
	assert_true(js_get_bool(tree, "r", true));
	js_free(tree);
}

static void test_a_walk_meets_every_key_once(void **state)
{
	static const char text[] = "{\"a\": 1, \"b\": 2, \"c\": 3}";
	struct js *tree;
	struct err err = ERR_INIT;
	const char *key = NULL;
	const struct js *value;
	char seen[16] = "";

	(void)state;
	assert_int_equal(js_parse(text, strlen(text), &tree, &err), 0);
	while (js_next(tree, &key, &value))
		strcat(seen, key);
	assert_string_equal(seen, "abc");
	js_free(tree);
}

static void test_what_rfc_8259_forbids_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"{\"a\":1,}",
		"{\"a\":1,\"a\":2}",
		"[1] [2]",
		"[1e999]",
		"\"\\u0000\"",
		"\"\xff\"",
		"nul",
		"{'a': 1}",
		"[01]",
		"// x\n1",
		"[NaN]",
		"\"\\ud800\"",
		"99999999999999999999",
	};
	struct js *tree;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(js_parse(bad[i], strlen(bad[i]), &tree, &err),
				 -ERR_INVALID);
		assert_non_null(strstr(err.text, "line 1"));
	}
}

static void test_depth_is_limited_before_it_costs_stack(void **state)
{
	char text[2 * JS_MAX_DEPTH + 3];
	struct js *tree;
	struct err err = ERR_INIT;

	(void)state;
	memset(text, '[', JS_MAX_DEPTH);
	memset(text + JS_MAX_DEPTH, ']', JS_MAX_DEPTH);
	assert_int_equal(js_parse(text, 2 * JS_MAX_DEPTH, &tree, &err), 0);
	js_free(tree);
	memset(text, '[', JS_MAX_DEPTH + 1);
	assert_int_equal(js_parse(text, JS_MAX_DEPTH + 1, &tree, &err),
			 -ERR_INVALID);
	assert_int_equal(js_parse("\"[[\\\"[[\"", 8, &tree, &err), 0);
	js_free(tree);
}

static void test_bad_text_is_written_as_question_marks(void **state)
{
	AUTO(js)
	value = js_string("a\xff"
			  "b");

	(void)state;
	assert_string_equal(js_str(value, ""), "a?b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_built_tree_is_written_in_order),
		cmocka_unit_test(
			test_reading_gives_defaults_for_what_is_not_there),
		cmocka_unit_test(test_a_walk_meets_every_key_once),
		cmocka_unit_test(test_what_rfc_8259_forbids_is_refused),
		cmocka_unit_test(test_depth_is_limited_before_it_costs_stack),
		cmocka_unit_test(test_bad_text_is_written_as_question_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
