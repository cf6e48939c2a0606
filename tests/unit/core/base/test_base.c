#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/digest.h"
#include "core/base/err.h"
#include "core/base/map.h"
#include "core/base/rand.h"
#include "core/base/vec.h"

static int fail_deep(struct err *err)
{
	errno = ENOENT;
	return err_sys(err, "open %s", "key");
}

static void test_errors_gather_where_they_happened(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(fail_deep(&err), -ERR_SYSTEM);
	assert_int_equal(err_wrap(&err, "host %s", "web-1"), -ERR_SYSTEM);
	assert_string_equal(err.text,
			    "host web-1: open key: No such file or directory");
	errno = ENOSPC;
	assert_int_equal(err_sys(&err, "write"), -ERR_NO_SPACE);
}

static void test_a_long_error_is_cut_and_not_lost(void **state)
{
	struct err err = ERR_INIT;
	char long_word[4000];

	(void)state;
	memset(long_word, 'x', sizeof(long_word));
	long_word[sizeof(long_word) - 1] = '\0';
	(void)err_set(&err, ERR_INVALID, "%s", long_word);
	(void)err_wrap(&err, "plan.yaml");
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_int_equal(strncmp(err.text, "plan.yaml: xxx", 14), 0);
}

static void test_every_code_has_its_name_and_comes_back(void **state)
{
	(void)state;
	for (int code = ERR_FAILED; code <= ERR_SYSTEM; code++)
		assert_int_equal(err_find(err_name((enum err_code)code)), code);
	assert_int_equal(err_exit_status(ERR_CONFLICT), 4);
	assert_true(err_is_retryable(ERR_UNREACHABLE));
	assert_false(err_is_retryable(ERR_HOSTKEY));
}

static void test_digest_matches_fips_180_examples(void **state)
{
	struct digest digest;
	char hex[DIGEST_HEX + 1];

	(void)state;
	digest_of("abc", 3, &digest);
	digest_format(&digest, hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177"
				 "a9cb410ff61f20015ad");
	digest_of("", 0, &digest);
	digest_format(&digest, hex);
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b9"
				 "34ca495991b7852b855");
}

static void test_digest_parse_takes_only_its_own_form(void **state)
{
	char hex[DIGEST_HEX + 1];
	struct digest digest;
	struct digest again;
	struct err err = ERR_INIT;

	(void)state;
	digest_of("x", 1, &digest);
	digest_format(&digest, hex);
	assert_int_equal(digest_parse(hex, &again, &err), 0);
	assert_true(digest_equal(&digest, &again));
	hex[0] = 'G';
	assert_true(digest_parse(hex, &again, &err) < 0);
	hex[63] = '\0';
	assert_true(digest_parse(hex, &again, &err) < 0);
}

static void test_buffer_grows_and_is_eaten(void **state)
{
	AUTO_VALUE(buf) buf = BUF_INIT;

	(void)state;
	assert_string_equal(buf_str(&buf), "");
	for (int i = 0; i < 1000; i++)
		buf_format(&buf, "%d,", i);
	buf_eat(&buf, 4);
	assert_int_equal(strncmp(buf_str(&buf), "2,3,", 4), 0);
	buf_clear(&buf);
	assert_string_equal(buf_str(&buf), "");
}

static void test_map_keeps_the_order_of_insertion(void **state)
{
	AUTO(map) map = map_new();
	const struct map_entry *at = NULL;
	const char *key;
	char seen[8] = "";
	int a = 1;
	int b = 2;

	(void)state;
	assert_null(map_put(map, "b", &b));
	assert_null(map_put(map, "a", &a));
	assert_ptr_equal(map_put(map, "b", &a), &b);
	while (map_next(map, &at, &key, NULL))
		strcat(seen, key);
	assert_string_equal(seen, "ba");
	assert_ptr_equal(map_remove(map, "b"), &a);
	assert_null(map_find(map, "b"));
	assert_int_equal(map_count(map), 1);
}

static void test_vector_removes_in_order(void **state)
{
	VEC(int) vec = { 0 };

	(void)state;
	for (int i = 0; i < 20; i++)
		*vec_add(&vec) = i;
	vec_remove(&vec, 0);
	assert_int_equal(vec.n, 19);
	assert_int_equal(vec.items[0], 1);
	vec_release(&vec);
}

static void test_the_same_seed_gives_the_same_numbers(void **state)
{
	struct rand a;
	struct rand b;

	(void)state;
	rand_init(&a, 42);
	rand_init(&b, 42);
	for (int i = 0; i < 100; i++)
		assert_true(rand_u64(&a) == rand_u64(&b));
	for (int i = 0; i < 1000; i++)
		assert_true(rand_below(&a, 7) < 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors_gather_where_they_happened),
		cmocka_unit_test(test_a_long_error_is_cut_and_not_lost),
		cmocka_unit_test(test_every_code_has_its_name_and_comes_back),
		cmocka_unit_test(test_digest_matches_fips_180_examples),
		cmocka_unit_test(test_digest_parse_takes_only_its_own_form),
		cmocka_unit_test(test_buffer_grows_and_is_eaten),
		cmocka_unit_test(test_map_keeps_the_order_of_insertion),
		cmocka_unit_test(test_vector_removes_in_order),
		cmocka_unit_test(test_the_same_seed_gives_the_same_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
