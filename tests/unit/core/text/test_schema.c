#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/text/schema.h"
#include "core/text/yaml.h"

static const char *const modes[] = { "fast", "careful", NULL };
static const struct schema text = { .kind = SCHEMA_TEXT };
static const struct schema count = { .kind = SCHEMA_COUNT, .min = 1, .max = 9 };
static const struct schema mode = { .kind = SCHEMA_CHOICE, .choices = modes };
static const struct schema wait = { .kind = SCHEMA_DURATION, .min = 1000 };
static const struct schema amount = { .kind = SCHEMA_AMOUNT, .min = 1 };
static const struct schema_key step_keys[] = {
	{ .name = "run", .value = &text, .flags = SCHEMA_ONE_OF, .help = "h" },
	{ .name = "wait", .value = &wait, .flags = SCHEMA_ONE_OF, .help = "h" },
	{ .name = NULL },
};
static const struct schema step = { .kind = SCHEMA_MAP, .keys = step_keys };
static const struct schema steps = {
	.kind = SCHEMA_LIST, .item = &step, .min = 1, .max = 3
};
static const struct schema one_or_more = { .kind = SCHEMA_EITHER,
					   .either = { &step, &steps } };
static const struct schema labels = { .kind = SCHEMA_LABELS };
static const struct schema_key root_keys[] = {
	{ .name = "count",
	  .value = &count,
	  .flags = SCHEMA_REQUIRED,
	  .otherwise = "3",
	  .help = "how many" },
	{ .name = "mode", .value = &mode, .help = "h" },
	{ .name = "share", .value = &amount, .help = "h" },
	{ .name = "steps", .value = &one_or_more, .help = "h" },
	{ .name = "labels", .value = &labels, .help = "h" },
	{ .name = "moon", .help = "h", .later = "use the sun" },
	{ .name = NULL },
};
static const struct schema root_schema = { .kind = SCHEMA_MAP,
					   .keys = root_keys };

static void check(const char *yaml, struct mistakes *mistakes)
{
	const struct yaml_limits limits = { .bytes = 10000, .nodes = 1000 };
	AUTO(node) root = NULL;

	mistakes->path = "f.yaml";
	root = yaml_parse(yaml, strlen(yaml), &limits, mistakes);
	assert_non_null(root);
	schema_check(&root_schema, root, mistakes);
}

static void test_a_fitting_file_has_no_mistakes(void **state)
{
	AUTO_VALUE(mistakes) mistakes = { 0 };

	(void)state;
	check("count: 9\nmode: fast\nshare: 5%\nsteps: {run: x}\n"
	      "labels: {a: b}\n",
	      &mistakes);
	check("count: 1\nshare: 4\nsteps: [{run: x}, {wait: 1s}]\n", &mistakes);
	assert_int_equal(mistakes.list.n, 0);
}

static void test_each_kind_says_what_it_wants(void **state)
{
	static const struct {
		const char *yaml;
		const char *sentence;
	} table[] = {
		{ "mode: fast", "f.yaml:1:1: the key count is missing (how "
				"many)" },
		{ "count: x", "f.yaml:1:8: count: \"x\" is not a whole "
			      "number" },
		{ "count: '3'", "f.yaml:1:8: count: \"3\" is not a whole "
				"number (take the quotes away)" },
		{ "count: 0", "f.yaml:1:8: count: 0 is less than 1" },
		{ "count: 10", "f.yaml:1:8: count: 10 is more than 9" },
		{ "count: 1\nmode: fsat",
		  "f.yaml:2:7: mode: \"fsat\" is not fast or careful (did you "
		  "mean fast?)" },
		{ "count: 1\nmdoe: fast",
		  "f.yaml:2:1: mdoe: there is no such key (did you mean "
		  "mode?)" },
		{ "count: 1\nshare: 0%", "f.yaml:2:8: share: 0% is no host" },
		{ "count: 1\nshare: 101%",
		  "f.yaml:2:8: share: \"101%\" is not a number of hosts or a "
		  "share of them from 0% to 100%" },
		{ "count: 1\nsteps: 7",
		  "f.yaml:2:8: steps: \"7\" is not a map or a list" },
		{ "count: 1\nsteps: []",
		  "f.yaml:2:8: steps: the list is empty" },
		{ "count: 1\nsteps: [{}]",
		  "f.yaml:2:9: steps[0]: one of these keys is missing: run, "
		  "wait" },
		{ "count: 1\nsteps: [{run: x, wait: 1s}]",
		  "f.yaml:2:18: steps[0]: run and wait are both here: one or "
		  "the other" },
		{ "count: 1\nsteps: [{wait: 10ms}]",
		  "f.yaml:2:16: steps[0].wait: 10ms is less than 1s" },
		{ "count: 1\nsteps: [{run: }]",
		  "f.yaml:2:15: steps[0].run: nothing is not a text" },
		{ "count: 1\nlabels: {a: [1]}",
		  "f.yaml:2:13: labels.a: a list is not a text" },
		{ "count: 1\nmoon: full",
		  "f.yaml:2:1: moon: not in this version: use the sun" },
		{ "- 1", "f.yaml:1:1: a list is not a map of keys" },
		{ "count: 1\nmode: \"\\e[31m\"",
		  "f.yaml:2:7: mode: \"?[31m\" is not fast or careful" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		AUTO_VALUE(mistakes) mistakes = { 0 };

		check(table[i].yaml, &mistakes);
		assert_int_equal(mistakes.list.n, 1);
		assert_string_equal(mistakes.list.items[0].text,
				    table[i].sentence);
	}
}

static void test_the_same_table_is_a_json_schema(void **state)
{
	AUTO(js) json = schema_json(&root_schema, "test");
	const struct js *properties = js_get(json, "properties");
	const struct js *n = js_get(properties, "count");

	(void)state;
	assert_string_equal(js_get_str(json, "$schema", ""),
			    "https://json-schema.org/draft/2020-12/schema");
	assert_false(js_get_bool(json, "additionalProperties", true));
	assert_string_equal(js_str(js_at(js_get(json, "required"), 0), ""),
			    "count");
	assert_string_equal(js_get_str(n, "type", ""), "integer");
	assert_int_equal(js_get_int(n, "maximum", 0), 9);
	assert_string_equal(js_get_str(n, "default", ""), "3");
	assert_int_equal(js_count(js_get(js_get(properties, "mode"), "enum")),
			 2);
	assert_non_null(js_get(js_get(properties, "moon"), "not"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_fitting_file_has_no_mistakes),
		cmocka_unit_test(test_each_kind_says_what_it_wants),
		cmocka_unit_test(test_the_same_table_is_a_json_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
