#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/buf.h"
#include "core/remote/program.h"
#include "core/remote/ssh_files.h"
#include "core/remote/ssh_settings.h"
#include "tests/support/tmpdir.h"

static char *dir;

static void write_file(const char *name, const char *text)
{
	AUTO_STR char *path = mem_format("%s/%s", dir, name);
	AUTO_FILE FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
}

static int set_up(void **state)
{
	(void)state;
	dir = tmpdir_make();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	tmpdir_remove(dir);
	return 0;
}

/* What the real program says is the port of HOST. */
static char *port_of(char *config, char *host)
{
	char ssh[] = "ssh", dash_g[] = "-G", dash_f[] = "-F";
	char *argv[] = { ssh, dash_g, dash_f, config, host, NULL };
	AUTO_VALUE(buf) out = BUF_INIT;
	AUTO_VALUE(buf) text = BUF_INIT;
	AUTO(ssh_settings) settings = NULL;
	struct err err = ERR_INIT;
	int status;

	assert_int_equal(program_run(argv, 5000, &out, &text, &status, &err),
			 0);
	assert_int_equal(status, 0);
	settings = ssh_settings_parse(buf_str(&out), out.size);
	return mem_str(ssh_settings_get(settings, "port"));
}

/*
 * Each way a Host line can be written has its own port. Whenever ssh gives two
 * names different ports, their classes must differ.
 */
static void test_names_that_ssh_tells_apart_have_different_classes(void **state)
{
	static const char text[] = "Host one\n Port 1\n"
				   "Host=\"two\" three # words\n Port 2\n"
				   "Host web-?\n Port 3\n"
				   "Host web-* !web-7*\n Port 4\n"
				   "host\tdb.*.example\n  port=5\n"
				   "Include part*\n"
				   "Host *.q !*\n Port 6\n"
				   "Host *\n Port 9\n";
	char names[][20] = { "one",	    "two",   "three",	"web-1",
			     "web-12",	    "web-7", "web-71",	"db.a.example",
			     "db..example", "inner", "inner.x", "x.q",
			     "ONE",	    "words", "#" };
	AUTO_STR char *config = mem_format("%s/config", dir);
	AUTO(ssh_files) files = NULL;
	char *ports[COUNT_OF(names)];
	unsigned n_same = 0;

	(void)state;
	/* Includes that are not absolute start at ~/.ssh. */
	write_file("part1", "Host inner\n Port 71\nHost inner.?\n Port 72\n");
	{
		AUTO_STR char *include = mem_format("Include %s/part*\n", dir);
		AUTO_VALUE(buf) whole = BUF_INIT;
		const char *at = strstr(text, "Include part*\n");

		buf_append(&whole, text, (size_t)(at - text));
		buf_append_str(&whole, include);
		buf_append_str(&whole, at + strlen("Include part*\n"));
		write_file("config", buf_str(&whole));
	}
	files = ssh_files_read(config);
	assert_false(ssh_files_have_match(files));
	for (size_t i = 0; i < COUNT_OF(names); i++)
		ports[i] = port_of(config, names[i]);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		for (size_t j = 0; j < i; j++) {
			AUTO_STR char *a = ssh_files_class(files, names[i]);
			AUTO_STR char *b = ssh_files_class(files, names[j]);

			if (strcmp(ports[i], ports[j]) == 0)
				n_same += strcmp(a, b) == 0;
			else
				assert_string_not_equal(a, b);
		}
	assert_true(n_same > 0); /* or it would be of no use */
	for (size_t i = 0; i < COUNT_OF(names); i++)
		free(ports[i]);
}

static void test_a_match_and_a_token_make_every_host_its_own_class(void **state)
{
	AUTO_STR char *config = mem_format("%s/config", dir);

	(void)state;
	for (int i = 0; i < 2; i++) {
		AUTO(ssh_files) files = NULL;
		AUTO_STR char *a = NULL;
		AUTO_STR char *b = NULL;

		write_file("config", i ? "  match all\n Port 1\n"
				       : "HostName %h.example\n");
		files = ssh_files_read(config);
		a = ssh_files_class(files, "a");
		b = ssh_files_class(files, "b");
		assert_string_not_equal(a, b);
		assert_int_equal(ssh_files_have_match(files), i == 1);
	}
}

static void test_a_file_that_changes_or_comes_makes_it_stale(void **state)
{
	AUTO_STR char *config = mem_format("%s/config", dir);
	AUTO_STR char *text = mem_format("Include \"%s/d/*.conf\"\n", dir);
	AUTO_STR char *folder = mem_format("%s/d", dir);
	AUTO(ssh_files) files = NULL;

	(void)state;
	assert_int_equal(mkdir(folder, 0700), 0);
	write_file("config", text);
	files = ssh_files_read(config);
	assert_true(ssh_files_are_fresh(files));
	write_file("d/new.conf", "Port 1\n");
	assert_false(ssh_files_are_fresh(files));
	ssh_files_free(files);
	files = ssh_files_read(config);
	assert_true(ssh_files_are_fresh(files));
	write_file("d/new.conf", "Port 12\n");
	assert_false(ssh_files_are_fresh(files));
}

static void test_a_file_that_includes_itself_comes_to_an_end(void **state)
{
	AUTO_STR char *config = mem_format("%s/config", dir);
	AUTO_STR char *text =
		mem_format("Include %s %s\nHost a\n", config, config);
	AUTO(ssh_files) files = NULL;

	(void)state;
	write_file("config", text);
	files = ssh_files_read(config);
	assert_true(ssh_files_are_fresh(files));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_names_that_ssh_tells_apart_have_different_classes),
		TEST(test_a_match_and_a_token_make_every_host_its_own_class),
		TEST(test_a_file_that_changes_or_comes_makes_it_stale),
		TEST(test_a_file_that_includes_itself_comes_to_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
