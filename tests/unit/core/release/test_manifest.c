#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/release/manifest.h"

#define A64                                \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEAD "gray-manifest 1\n"

static const struct digest some = { { 1, 2, 3 } };

static void add_file(struct manifest *manifest, const char *path)
{
	struct err err = ERR_INIT;

	if (manifest_add_file(manifest, path, false, 10, &some, &err) < 0)
		fail_msg("%s", err.text);
}

static void add_link(struct manifest *manifest, const char *path,
		     const char *target)
{
	struct err err = ERR_INIT;

	if (manifest_add_link(manifest, path, target, &err) < 0)
		fail_msg("%s", err.text);
}

static void assert_seal_says(struct manifest *manifest, const char *words)
{
	struct err err = ERR_INIT;

	assert_int_equal(manifest_seal(manifest, &err), -ERR_INVALID);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static void test_decode_gives_back_what_was_encoded(void **state)
{
	AUTO(manifest) manifest = manifest_new();
	AUTO(manifest) again = NULL;
	AUTO_VALUE(buf) text = BUF_INIT;
	AUTO_VALUE(buf) text_again = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	add_file(manifest, "lib/b");
	add_file(manifest, "lib-a");
	add_link(manifest, "lib/so", "b");
	assert_int_equal(
		manifest_add_file(manifest, "bin/x", true, 7, &some, &err), 0);
	assert_int_equal(manifest_seal(manifest, &err), 0);
	manifest_encode(manifest, &text);
	assert_int_equal(manifest_decode(text.bytes, text.size, &again, &err),
			 0);
	manifest_encode(again, &text_again);
	assert_string_equal(buf_str(&text), buf_str(&text_again));
	assert_true(digest_equal(&manifest->digest, &again->digest));
	assert_int_equal(again->total_bytes, 27);
	assert_true(manifest_find(again, "bin/x")->is_executable);
	assert_string_equal(manifest_find(again, "lib/so")->target, "b");
	assert_null(manifest_find(again, "lib"));
}

static void test_digest_does_not_depend_on_the_order_of_adding(void **state)
{
	AUTO(manifest) one = manifest_new();
	AUTO(manifest) two = manifest_new();
	struct err err = ERR_INIT;

	(void)state;
	add_file(one, "a");
	add_file(one, "b");
	add_file(two, "b");
	add_file(two, "a");
	assert_int_equal(manifest_seal(one, &err), 0);
	assert_int_equal(manifest_seal(two, &err), 0);
	assert_true(digest_equal(&one->digest, &two->digest));
}

static void test_bad_paths_are_refused_by_name(void **state)
{
	static const char *const bad[] = {
		"",	 "/etc/passwd", "..",		"../x",	   "a/../b",
		"a/..",	 "./a",		"a/./b",	"a//b",	   "a/",
		".gray", ".gray/state", ".gray-x",	"current", "current/a",
		"a\nb",	 "a\tb",	"a\x1b[31m",	"\xff",	   "a/\xc0\xaf",
		"\x7f",	 "\xc2\x9b",	"\xed\xa0\x80",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct err err = ERR_INIT;

		if (manifest_check_path(bad[i], &err) != -ERR_INVALID)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_memory_equal(err.text, "entry \"", 7);
	}
}

static void test_unusual_but_harmless_paths_are_taken(void **state)
{
	static const char *const good[] = {
		"a",	       "...",  "..a/b",	   "a/current",
		"a/.gray",     "-rf",  " ",	   "a b",
		".git/config", "gray", "currents", "\xe7\x81\xb0",
		"a\\b",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct err err = ERR_INIT;

		if (manifest_check_path(good[i], &err) < 0)
			fail_msg("%s", err.text);
	}
}

static void test_path_limits_are_exact(void **state)
{
	char part[257] = { 0 };
	AUTO_VALUE(buf) deep = BUF_INIT;
	AUTO_VALUE(buf) wide = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	memset(part, 'a', 255);
	assert_int_equal(manifest_check_path(part, &err), 0);
	part[255] = 'a';
	assert_int_equal(manifest_check_path(part, &err), -ERR_INVALID);

	for (int i = 0; i < 63; i++)
		buf_append_str(&deep, "d/");
	buf_append_str(&deep, "f");
	assert_int_equal(manifest_check_path(buf_str(&deep), &err), 0);
	buf_append_str(&deep, "/f");
	assert_int_equal(manifest_check_path(buf_str(&deep), &err),
			 -ERR_INVALID);

	part[255] = '/';
	for (int i = 0; i < 15; i++)
		buf_append(&wide, part, 256);
	buf_append(&wide, part, 255);
	assert_int_equal(wide.size, 4095);
	assert_int_equal(manifest_check_path(buf_str(&wide), &err), 0);
	buf_append_str(&wide, "a");
	assert_int_equal(manifest_check_path(buf_str(&wide), &err),
			 -ERR_INVALID);
}

static void test_seal_refuses_duplicates_and_files_as_folders(void **state)
{
	AUTO(manifest) twice = manifest_new();
	AUTO(manifest) folder = manifest_new();
	AUTO(manifest) deep = manifest_new();
	AUTO(manifest) through = manifest_new();
	AUTO(manifest) empty = manifest_new();

	(void)state;
	add_file(twice, "a");
	add_file(twice, "a");
	assert_seal_says(twice, "entry \"a\": is there twice");

	/* "a-b" sorts between the two, so they are not neighbours */
	add_file(folder, "a");
	add_file(folder, "a-b");
	add_file(folder, "a/b");
	assert_seal_says(folder, "entry \"a/b\": has a file for its folder");

	add_file(deep, "a/b");
	add_file(deep, "a/b/c/d/e");
	assert_seal_says(deep, "entry \"a/b/c/d/e\": has a file");

	add_link(through, "l", "d");
	add_file(through, "d/x");
	add_file(through, "l/x");
	assert_seal_says(through, "entry \"l/x\": goes through a link");

	assert_seal_says(empty, "no files");
}

static void test_links_may_not_leave_the_release(void **state)
{
	/* path and target of up to three links; the last is refused */
	static const char *const bad[][6] = {
		{ "l", ".." },
		{ "l", "../x" },
		{ "a/l", "../../x" },
		{ "a/l", "../b/../../x" },
		{ "l", "a/b/../../../x" },
		{ "l", "./.." },
		/* lexically inside, but the kernel goes by way of a link */
		{ "a/b/up", "../..", "l", "a/b/up/.." },
		{ "d", "a/b/c", "l", "d/../../../.." },
		{ "x", "a", "y", "x/..", "l", "y/.." },
		{ "l", "l" },
		{ "l1", "l2", "l2", "l1" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		AUTO(manifest) manifest = manifest_new();

		add_file(manifest, "f");
		for (size_t k = 0; k < 6 && bad[i][k]; k += 2)
			add_link(manifest, bad[i][k], bad[i][k + 1]);
		assert_seal_says(manifest, "link target");
	}
}

static void test_links_that_stay_inside_are_taken(void **state)
{
	static const char *const good[][4] = {
		{ "l", "f" },
		{ "l", "." },
		{ "a/l", ".." },
		{ "a/l", "../f" },
		{ "a/l", "..//f/" },
		{ "l", "nothing/there" },
		{ "so", "so.1", "so.1", "so.1.2" },
		{ "d", "a/b/c", "l", "d/../../.." },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		AUTO(manifest) manifest = manifest_new();
		struct err err = ERR_INIT;

		add_file(manifest, "f");
		for (size_t k = 0; k < 4 && good[i][k]; k += 2)
			add_link(manifest, good[i][k], good[i][k + 1]);
		if (manifest_seal(manifest, &err) < 0)
			fail_msg("%s", err.text);
	}
}

static void test_link_targets_must_be_relative_text(void **state)
{
	static const char *const bad[] = { "", "/", "/etc/passwd", "a\nb",
					   "\xff" };
	AUTO(manifest) manifest = manifest_new();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(manifest_add_link(manifest, "l", bad[i], &err),
				 -ERR_INVALID);
		assert_non_null(strstr(err.text, "entry \"l\""));
	}
}

static void test_a_chain_of_links_ends_somewhere(void **state)
{
	AUTO(manifest) manifest = manifest_new();

	(void)state;
	add_file(manifest, "f");
	for (int i = 0; i < 60; i++) {
		AUTO_STR char *path = mem_format("l%d", i);
		AUTO_STR char *target = mem_format("l%d", i + 1);

		add_link(manifest, path, target);
	}
	assert_seal_says(manifest, "more than 40 links");
}

static void test_sizes_are_limited_in_all(void **state)
{
	AUTO(manifest) manifest = manifest_new();
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(manifest_add_file(manifest, "a", false,
					   MANIFEST_MAX_CONTENT, &some, &err),
			 0);
	assert_int_equal(
		manifest_add_file(manifest, "b", false, 1, &some, &err),
		-ERR_INVALID);
	assert_int_equal(manifest_add_file(manifest, "b", false, UINT64_MAX,
					   &some, &err),
			 -ERR_INVALID);
}

static void test_decode_takes_the_canonical_form_only(void **state)
{
	static const char *const bad[] = {
		"",
		"gray-manifest 1",
		"gray-manifest 2\nf\t0644\t1\t" A64 "\ta\n",
		HEAD,
		HEAD "\n",
		HEAD "f\t0644\t1\t" A64 "\ta",
		HEAD "f\t0644\t1\t" A64 "\ta\r\n",
		HEAD "f\t0644\t01\t" A64 "\ta\n",
		HEAD "f\t0644\t-1\t" A64 "\ta\n",
		HEAD "f\t0644\t+1\t" A64 "\ta\n",
		HEAD "f\t0644\t\t" A64 "\ta\n",
		HEAD "f\t0644\t99999999999999999999\t" A64 "\ta\n",
		HEAD "f\t0600\t1\t" A64 "\ta\n",
		HEAD "f\t04755\t1\t" A64 "\ta\n",
		HEAD "f\t0644\t1\tAAAA\ta\n",
		HEAD "f\t0644\t1\t" A64 "a\ta\n",
		HEAD "f\t0644\t1\t" A64 "\t\n",
		HEAD "f\t0644\t1\t" A64 "\n",
		HEAD "f\t0644\t1\t" A64 "\t../a\n",
		HEAD "f\t0644\t1\t" A64 "\ta\tb\n",
		HEAD "f\t0644\t1\t" A64 "\tb\nf\t0644\t1\t" A64 "\ta\n",
		HEAD "f\t0644\t1\t" A64 "\ta\nf\t0644\t1\t" A64 "\ta\n",
		HEAD "f\t0644\t1\t" A64 "\ta\nf\t0644\t1\t" A64 "\ta/b\n",
		HEAD "d\tx\n",
		HEAD "l\tx\n",
		HEAD "l\tx\t\n",
		HEAD "l\tx\t/etc\n",
		HEAD "l\tx\t..\n",
		HEAD "l\tx\ta\tb\n",
		HEAD "ff\t0644\t1\t" A64 "\ta\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct manifest *out = NULL;
		struct err err = ERR_INIT;

		if (manifest_decode(bad[i], strlen(bad[i]), &out, &err) == 0)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(err.code, ERR_INVALID);
		assert_null(out);
	}
}

static void test_decode_refuses_a_nul(void **state)
{
	static const char text[] = HEAD "f\t0644\t1\t" A64 "\ta\0b\n";
	struct manifest *out = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(manifest_decode(text, sizeof(text) - 1, &out, &err),
			 -ERR_INVALID);
}

static void test_refusals_of_decode_name_the_line(void **state)
{
	static const char text[] = HEAD "f\t0644\t1\t" A64 "\ta\n"
					"f\t0644\t1\t" A64 "\t../b\n";
	struct manifest *out = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(manifest_decode(text, sizeof(text) - 1, &out, &err),
			 -ERR_INVALID);
	assert_string_equal(err.text, "manifest line 3: entry \"../b\": "
				      "has a component \"..\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode_gives_back_what_was_encoded),
		cmocka_unit_test(
			test_digest_does_not_depend_on_the_order_of_adding),
		cmocka_unit_test(test_bad_paths_are_refused_by_name),
		cmocka_unit_test(test_unusual_but_harmless_paths_are_taken),
		cmocka_unit_test(test_path_limits_are_exact),
		cmocka_unit_test(
			test_seal_refuses_duplicates_and_files_as_folders),
		cmocka_unit_test(test_links_may_not_leave_the_release),
		cmocka_unit_test(test_links_that_stay_inside_are_taken),
		cmocka_unit_test(test_link_targets_must_be_relative_text),
		cmocka_unit_test(test_a_chain_of_links_ends_somewhere),
		cmocka_unit_test(test_sizes_are_limited_in_all),
		cmocka_unit_test(test_decode_takes_the_canonical_form_only),
		cmocka_unit_test(test_decode_refuses_a_nul),
		cmocka_unit_test(test_refusals_of_decode_name_the_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
