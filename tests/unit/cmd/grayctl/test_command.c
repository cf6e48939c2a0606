#include "cmd/grayctl/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct command *find(const char *const *words, size_t n,
				  size_t *n_words, struct err *err)
{
	const struct command *found = NULL;

	return command_find(words, n, n_words, &found, err) < 0 ? NULL : found;
}

static void test_every_command_is_found_by_its_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_commands; i++) {
		AUTO_STR char *name = mem_str(commands[i]->name);
		char *second = strchr(name, ' ');
		const char *words[] = { name, "x" };
		size_t n_words = 0;
		struct err err = ERR_INIT;

		if (second) {
			*second = '\0';
			words[1] = second + 1;
		}
		assert_ptr_equal(find(words, 2, &n_words, &err), commands[i]);
		assert_int_equal(n_words, second ? 2 : 1);
	}
}

static void test_every_command_says_what_it_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_commands; i++) {
		const struct command *c = commands[i];
		size_t size = strlen(c->summary);

		assert_true(size > 0 && size < 80);
		assert_true(c->summary[size - 1] != '.');
		assert_true(c->min_args <= c->max_args);
		assert_int_equal(c->max_args > 0, *c->args != '\0');
		assert_non_null(c->run);
		for (const struct option_spec *s = c->options; s && s->name;
		     s++)
			assert_true(s->help && *s->help);
	}
}

static void test_a_misspelt_command_is_refused_with_a_suggestion(void **state)
{
	const char *words[] = { "hlep" };
	size_t n_words = 0;
	struct err err = ERR_INIT;

	(void)state;
	assert_null(find(words, 1, &n_words, &err));
	assert_int_equal(err.code, ERR_INVALID);
	assert_string_equal(err.text,
			    "no command \"hlep\" (did you mean help?)");
}

static void test_one_argument_too_many_is_named(void **state)
{
	const char *args[] = { "a", "b", "c" };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(command_check_args(&cmd_help, args, 2, &err), 0);
	assert_int_equal(command_check_args(&cmd_help, args, 3, &err),
			 -ERR_INVALID);
	assert_non_null(strstr(err.text, "\"c\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_command_is_found_by_its_name),
		cmocka_unit_test(test_every_command_says_what_it_does),
		cmocka_unit_test(
			test_a_misspelt_command_is_refused_with_a_suggestion),
		cmocka_unit_test(test_one_argument_too_many_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
