#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/text/metric_selector.h"

static const struct metric_label labels[] = {
	{ "code", "503" },
	{ "method", "GET" },
	{ "path", "/a\"b\\c\nd" },
};

static void test_selectors_match_as_prometheus_does(void **state)
{
	static const struct {
		const char *text;
		bool is_match;
	} cases[] = {
		{ "requests", true },
		{ " requests ", true },
		{ "requests{}", true },
		{ "request", false },
		{ "requests_total", false },
		{ "requests{code=\"503\"}", true },
		{ "requests{code='503'}", true },
		{ "requests{code=`503`}", true },
		{ "requests { code = \"503\" , method = \"GET\" , }", true },
		{ "requests{code=\"50\"}", false },
		{ "requests{code=\"503\",method=\"POST\"}", false },
		{ "requests{code!=\"503\"}", false },
		{ "requests{code!=\"200\"}", true },
		{ "requests{code=~\"5..\"}", true },
		{ "requests{code=~\"5.\"}", false }, /* anchored */
		{ "requests{code=~\"0\"}", false },
		{ "requests{code=~\"4..|5..\"}", true },
		{ "requests{code=~\"4|5..\"}", true },
		{ "requests{code=~\"503|x\"}", true },
		{ "requests{code!~\"5..\"}", false },
		{ "requests{code!~\"2..\"}", true },
		{ "requests{code=~\"[0-9]+\"}", true },
		{ "requests{code=~\"[^0-9]+\"}", false },
		{ "requests{code=~\"[[:digit:]]+\"}", true },
		{ "requests{method=~\"(GET|HEAD)\"}", true },
		/* a label that is not there is empty */
		{ "requests{zone=\"\"}", true },
		{ "requests{zone!=\"\"}", false },
		{ "requests{zone=~\".*\"}", true },
		{ "requests{zone=~\".+\"}", false },
		{ "requests{zone!~\".+\"}", true },
		{ "requests{path=\"/a\\\"b\\\\c\\nd\"}", true },
		{ "requests{path=`/a\"b\\c\nd`}", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		AUTO(metric_selector) selector = NULL;
		struct err err = ERR_INIT;

		if (metric_selector_parse(cases[i].text, &selector, &err) < 0)
			fail_msg("%s", err.text);
		if (metric_selector_matches(selector, "requests", labels,
					    COUNT_OF(labels)) !=
		    cases[i].is_match)
			fail_msg("%s should%s match", cases[i].text,
				 cases[i].is_match ? "" : " not");
	}
}

static void test_bad_selectors_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"{code=\"5\"}",
		"5xx",
		"a{",
		"a{code",
		"a{code=",
		"a{code=5}",
		"a{code=\"5}",
		"a{code=\"5\"",
		"a{code=\"5\"} x",
		"a{code=\"5\" method=\"x\"}",
		"a{code==\"5\"}",
		"a{code>\"5\"}",
		"a{co-de=\"5\"}",
		"a{a:b=\"5\"}",
		"a{,}",
		"a{code=\"\\x\"}",
		"rate(a[5m])",
		"a[5m]",
		"a b",
		"a{code=~\"(\"}",
		"a{code=~\"[\"}",
		"a{code=~\"[\\]]\"}",
		"a{code=~\"*\"}",
		"a{code=~\"a|*\"}",
		"a{code=~\"a**\"}",
		"a{code=~\"a+?\"}",
		"a{code=~\"(?i)a\"}",
		"a{code=~\"a{2}\"}",
		"a{code=~`\\d+`}",
		"a{code=~`(a)\\1`}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct err err = ERR_INIT;

		if (metric_selector_check(bad[i], &err) != -ERR_INVALID)
			fail_msg("taken: %s", bad[i]);
	}
}

static void test_a_mistake_is_located(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(metric_selector_check("a{code=5}", &err),
			 -ERR_INVALID);
	assert_string_equal(err.text, "selector a{code=5}: a quoted string is "
				      "missing at character 8");
}

static void test_an_overlong_selector_is_refused(void **state)
{
	char text[METRIC_SELECTOR_MAX + 2] = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	memset(text, 'a', METRIC_SELECTOR_MAX);
	assert_int_equal(metric_selector_check(text, &err), 0);
	text[METRIC_SELECTOR_MAX] = 'a';
	assert_int_equal(metric_selector_check(text, &err), -ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_selectors_match_as_prometheus_does),
		cmocka_unit_test(test_bad_selectors_are_refused),
		cmocka_unit_test(test_a_mistake_is_located),
		cmocka_unit_test(test_an_overlong_selector_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
