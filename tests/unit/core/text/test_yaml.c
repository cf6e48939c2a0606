#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/base/buf.h"
#include "core/text/yaml.h"

static const struct yaml_limits limits = { .bytes = 1 << 20, .nodes = 20000 };

static struct node *parse(const char *text, struct mistakes *mistakes)
{
	mistakes->path = "f.yaml";
	return yaml_parse(text, strlen(text), &limits, mistakes);
}

static void test_a_tree_knows_where_everything_was_written(void **state)
{
	AUTO_VALUE(mistakes) mistakes = { 0 };
	AUTO(node)
	root = parse("a: 1\nlist:\n  - x\n  - {k: \"5%\"}\n", &mistakes);
	const struct node *item;
	uint32_t bp;

	(void)state;
	assert_non_null(root);
	assert_int_equal(mistakes.list.n, 0);
	item = node_get(root, "list")->items.items[1];
	assert_int_equal(item->line, 4);
	assert_int_equal(item->column, 5);
	assert_true(node_share(node_get(item, "k"), &bp));
	assert_int_equal(bp, 500);
	assert_int_equal(node_get(item, "k")->key_column, 6);
	assert_int_equal(node_get(item, "k")->column, 9);
}

static void test_scalars_mean_what_was_asked_for(void **state)
{
	AUTO_VALUE(mistakes) mistakes = { 0 };
	AUTO(node)
	root = parse("v: 1.10\nn: 7\nq: '7'\nz: ~\noct: 010\nyes: yes\n"
		     "t: true\nd: 1h30m\nf: 5%\n",
		     &mistakes);
	uint64_t n = 0;
	bool flag = false;
	double number = 0;

	(void)state;
	assert_string_equal(node_text(node_get(root, "v"), ""), "1.10");
	assert_true(node_count(node_get(root, "n"), 10, &n));
	assert_int_equal(n, 7);
	assert_false(node_count(node_get(root, "n"), 6, &n));
	assert_false(node_count(node_get(root, "q"), 10, &n));
	assert_null(node_text(node_get(root, "z"), NULL));
	assert_false(node_count(node_get(root, "oct"), 100, &n));
	assert_false(node_bool(node_get(root, "yes"), &flag));
	assert_true(node_bool(node_get(root, "t"), &flag) && flag);
	assert_true(node_duration(node_get(root, "d"), &n));
	assert_int_equal(n, 5400000);
	assert_true(node_number(node_get(root, "f"), &number));
	assert_true(number == 0.05);
	assert_false(node_count(node_get(root, "absent"), 10, &n));
}

static void test_what_is_not_taken_is_reported_all_at_once(void **state)
{
	AUTO_VALUE(mistakes) mistakes = { 0 };
	AUTO(node)
	root = parse("a: &x 1\nb: *x\nc: !!str 1\na: 2\n", &mistakes);

	(void)state;
	assert_non_null(root);
	assert_int_equal(mistakes.list.n, 4);
	assert_string_equal(mistakes.list.items[0].text,
			    "f.yaml:1:4: anchors (&x) are not taken: write the "
			    "value out");
	assert_string_equal(mistakes.list.items[3].text,
			    "f.yaml:4:1: the key \"a\" is here twice, first on "
			    "line 1");
	assert_int_equal(node_get(root, "b")->kind, NODE_BROKEN);
}

static void test_a_broken_file_gives_no_tree_and_one_place(void **state)
{
	static const struct {
		const char *text;
		const char *part;
	} table[] = {
		{ "", "f.yaml:1:1: the file is empty" },
		{ "a: [1\n", "f.yaml:2:1: " },
		{ "a:\n\tb: 1\n", "a tab" },
		{ "a: %x\n", "goes in quotes" },
		{ "\xc3\xa9: 1\n\xc3\xa8: %x\n", "2:4" },
		{ "a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document" },
		{ "a: 1\nb: \xff\n", "f.yaml:2:1: the line is not UTF-8" },
		{ "{[a]: 1}\n", "a key is a word" },
		{ "root: {address}: x\n", "f.yaml:1:" },
		{ "? *a\n: 1\n", "aliases" },
		{ "a: \"\\x07\x01\"\n", "control characters" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		AUTO_VALUE(mistakes) mistakes = { 0 };
		AUTO(node) root = parse(table[i].text, &mistakes);

		assert_null(root);
		assert_int_equal(mistakes.list.n, 1);
		if (!strstr(mistakes.list.items[0].text, table[i].part))
			fail_msg("%zu: %s", i, mistakes.list.items[0].text);
	}
}

static void test_depth_nodes_keys_and_bytes_are_limited(void **state)
{
	const struct yaml_limits small = { .bytes = 100, .nodes = 5 };
	char deep[64 * 1024];
	AUTO_VALUE(buf) keys = BUF_INIT;
	AUTO_VALUE(mistakes) mistakes = { .path = "f.yaml" };

	(void)state;
	memset(deep, '[', sizeof(deep));
	assert_null(yaml_parse(deep, sizeof(deep), &limits, &mistakes));
	assert_string_equal(mistakes.list.items[0].text,
			    "f.yaml:1:33: more than 32 lists and maps in each "
			    "other");
	for (int i = 0; i < 300; i++)
		buf_format(&keys, "k%d: 1\n", i);
	assert_null(yaml_parse(buf_str(&keys), keys.size, &limits, &mistakes));
	assert_non_null(strstr(mistakes.list.items[1].text, "256 keys"));
	assert_null(yaml_parse("[1,2,3,4,5]", 11, &small, &mistakes));
	assert_non_null(strstr(mistakes.list.items[2].text, "more than 5"));
	assert_null(yaml_parse(deep, 101, &small, &mistakes));
	assert_non_null(strstr(mistakes.list.items[3].text, "101 bytes"));
}

static void test_a_thousand_mistakes_are_cut_and_say_so(void **state)
{
	AUTO_VALUE(buf) text = BUF_INIT;
	AUTO_VALUE(mistakes) mistakes = { 0 };
	AUTO(node) root = NULL;

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_append_str(&text, "- !x 1\n");
	root = parse(buf_str(&text), &mistakes);
	assert_int_equal(mistakes.list.n, MISTAKES_MAX + 1);
	assert_non_null(strstr(mistakes.list.items[MISTAKES_MAX].text,
			       "there are more"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_a_tree_knows_where_everything_was_written),
		cmocka_unit_test(test_scalars_mean_what_was_asked_for),
		cmocka_unit_test(
			test_what_is_not_taken_is_reported_all_at_once),
		cmocka_unit_test(
			test_a_broken_file_gives_no_tree_and_one_place),
		cmocka_unit_test(test_depth_nodes_keys_and_bytes_are_limited),
		cmocka_unit_test(test_a_thousand_mistakes_are_cut_and_say_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
