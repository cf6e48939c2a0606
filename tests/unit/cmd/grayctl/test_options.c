#include "cmd/grayctl/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct option_spec specs[] = {
	{ "reason", OPTION_TEXT, "why", NULL, 'r' },
	{ "yes", OPTION_FLAG, "do not ask", NULL, 'y' },
	{ "hosts", OPTION_NUMBER, "how many", NULL, 0 },
	{ 0 },
};

struct parsed {
	struct option_values values;
	const char *args[16];
	size_t n_args;
	struct buf mistakes;
	struct err err;
	int failed;
};

static void parsed_release(struct parsed *parsed)
{
	option_values_release(&parsed->values);
	buf_release(&parsed->mistakes);
}
MEM_AUTO_VALUE(parsed)

static struct parsed parse(const char *const *words, size_t n)
{
	struct parsed parsed = { 0 };

	parsed.failed =
		options_parse(specs, words, n, &parsed.values, parsed.args,
			      &parsed.n_args, &parsed.mistakes, &parsed.err);
	return parsed;
}
#define PARSE(...)                                  \
	parse((const char *const[]){ __VA_ARGS__ }, \
	      sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void test_options_may_stand_among_arguments(void **state)
{
	AUTO_VALUE(parsed)
	p = PARSE("feed-7", "--reason", "too slow", "-y", "more", "--hosts=12");

	(void)state;
	assert_int_equal(p.failed, 0);
	assert_int_equal(p.n_args, 2);
	assert_string_equal(p.args[0], "feed-7");
	assert_string_equal(p.args[1], "more");
	assert_string_equal(option_text(&p.values, "reason"), "too slow");
	assert_true(option_flag(&p.values, "yes"));
	assert_false(option_flag(&p.values, "json"));
	assert_int_equal(option_number(&p.values, "hosts", 1), 12);
}

static void test_two_dashes_end_the_options(void **state)
{
	AUTO_VALUE(parsed) p = PARSE("--", "--yes", "-");

	(void)state;
	assert_int_equal(p.failed, 0);
	assert_int_equal(p.n_args, 2);
	assert_string_equal(p.args[0], "--yes");
	assert_false(option_flag(&p.values, "yes"));
}

static void test_a_dash_alone_is_an_argument(void **state)
{
	AUTO_VALUE(parsed) p = PARSE("-");

	(void)state;
	assert_int_equal(p.failed, 0);
	assert_int_equal(p.n_args, 1);
}

static void test_the_last_value_given_counts(void **state)
{
	AUTO_VALUE(parsed) p = PARSE("--reason=a", "-r", "b");

	(void)state;
	assert_string_equal(option_text(&p.values, "reason"), "b");
}

static void test_every_mistake_is_told_with_a_suggestion(void **state)
{
	AUTO_VALUE(parsed)
	p = PARSE("--reasn=x", "--jsno", "-q", "--yes=1", "--hosts", "many",
		  "--reason");

	(void)state;
	assert_int_equal(p.failed, -ERR_INVALID);
	assert_string_equal(p.err.text, "6 mistakes on the command line");
	assert_non_null(strstr(buf_str(&p.mistakes),
			       "no option --reasn (did you mean --reason?)\n"));
	assert_non_null(strstr(buf_str(&p.mistakes),
			       "no option --jsno (did you mean --json?)\n"));
	assert_non_null(strstr(buf_str(&p.mistakes), "no option -q\n"));
	assert_non_null(strstr(buf_str(&p.mistakes), "--yes takes no value\n"));
	assert_non_null(strstr(buf_str(&p.mistakes), "--hosts: "));
	assert_non_null(
		strstr(buf_str(&p.mistakes), "--reason needs a value\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_may_stand_among_arguments),
		cmocka_unit_test(test_two_dashes_end_the_options),
		cmocka_unit_test(test_a_dash_alone_is_an_argument),
		cmocka_unit_test(test_the_last_value_given_counts),
		cmocka_unit_test(test_every_mistake_is_told_with_a_suggestion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
