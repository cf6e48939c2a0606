#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/fleet/selector.h"

static char name[] = "web-17";
static char address[] = "10.0.0.17";
static char key_role[] = "role";
static char role[] = "feed";
static char key_idc[] = "idc";
static char idc[] = "sz";
static struct fleet_label labels[] = { { key_role, role }, { key_idc, idc } };
static const struct fleet_host host = {
	.name = name,
	.address = address,
	.labels = { .items = labels, .n = 2 },
};

static void test_a_selector_means_what_it_says(void **state)
{
	static const struct {
		const char *text;
		bool is_match;
	} table[] = {
		{ "role=feed", true },
		{ "role == feed", true },
		{ "role = 'feed'", true },
		{ "role != feed", false },
		{ "rack = r1", false },
		{ "rack != r1", true },
		{ "not rack = r1", true },
		{ "not not role=feed", true },
		{ "role=feed and not idc=bj", true },
		{ "idc in (bj, sz)", true },
		{ "idc in (bj,sh)", false },
		{ "idc not in (bj,sh)", true },
		{ "role=x or role=feed and idc=sz", true },
		{ "(role=feed or role=x) and idc=bj", false },
		{ "role=feed or role=x and idc=bj", true },
		{ "not (role=x or idc=bj)", true },
		{ "name=web-*", true },
		{ "name=web-?", false },
		{ "name=web-??", true },
		{ "name=*7", true },
		{ "name=*-*1*", true },
		{ "name='web-*'", false },
		{ "address=10.0.0.17", true },
		{ "name in (db-*, web-1*)", true },
		{ "role=\"and\"", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct err err = ERR_INIT;
		AUTO(selector) selector = NULL;

		if (selector_parse(table[i].text, &selector, &err) < 0)
			fail_msg("%s: %s", table[i].text, err.text);
		if (selector_matches(selector, &host) != table[i].is_match)
			fail_msg("%s", table[i].text);
	}
}

static void test_a_mistake_is_located(void **state)
{
	static const struct {
		const char *text;
		const char *sentence;
	} table[] = {
		{ "", "letter 1, the end: a label is missing here, as in "
		      "role=feed" },
		{ "web-1", "letter 6, the end: after a label comes =, != or in "
			   "(a host is name=web-1)" },
		{ "role=and", "letter 6, \"and\": a value is missing here (in "
			      "quotes, if it has other letters or is a word "
			      "like and)" },
		{ "role=a role=b", "letter 8, \"role\": and, or or the end is "
				   "missing here" },
		{ "role=a && x=b", "letter 8, \"&\": and, or or the end is "
				   "missing here" },
		{ "(role=a", "letter 8, the end: a ) is missing here" },
		{ "role=a)", "letter 7, \")\": and, or or the end is missing "
			     "here" },
		{ "role in a", "letter 9, \"a\": after in comes (a, b, ...)" },
		{ "role in (a b)", "letter 12, \"b\": a comma or ) is missing "
				   "here" },
		{ "role='a", "letter 6: the quote is not closed" },
		{ "a*=b", "letter 1, \"a*\": this is no name of a label" },
		{ "role not =a",
		  "letter 10, \"=\": after a label and not comes "
		  "in" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct err err = ERR_INIT;
		struct selector *selector = NULL;

		assert_int_equal(selector_parse(table[i].text, &selector, &err),
				 -ERR_INVALID);
		assert_null(selector);
		assert_string_equal(err.text, table[i].sentence);
	}
}

static void test_depth_and_size_are_limited(void **state)
{
	char text[SELECTOR_MAX_BYTES + 2];
	struct selector *selector = NULL;
	struct err err = ERR_INIT;

	(void)state;
	memset(text, '(', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(selector_parse(text, &selector, &err), -ERR_INVALID);
	assert_non_null(strstr(err.text, "too long"));
	text[100] = '\0';
	assert_int_equal(selector_parse(text, &selector, &err), -ERR_INVALID);
	assert_non_null(strstr(err.text, "letter 33"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_selector_means_what_it_says),
		cmocka_unit_test(test_a_mistake_is_located),
		cmocka_unit_test(test_depth_and_size_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
