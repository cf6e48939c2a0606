#include "cmd/grayctl/live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* 2026-11-24T10:00:00Z */
#define TEN_MS 1795514400000

static const char baking[] =
	"{'id':'feed-2','service':'feed','version':'v1.1.0',"
	"'state':'progressing','cause':'','why':'stage canary bakes until "
	"10:01:12; then its gates decide, and stage all begins',"
	"'started':'2026-11-24T09:58:00Z','ended':null,"
	"'hosts':{'total':50},'exposed':{'hosts':11,'host_ms':5000},"
	"'stages':["
	"{'name':'one-box','state':'passed','new_hosts':1,'done':1,"
	"'in_flight':0,'gates':[{'name':'errors','verdict':'none'}]},"
	"{'name':'canary','state':'baking','new_hosts':10,'done':10,"
	"'in_flight':0,'bake_left_ms':72000,'gates':["
	"{'name':'errors','verdict':'pass','text':'errors: 0 of 4112 "
	"requests failed (0.00%), limit 1%'},"
	"{'name':'p99','verdict':'no-data','text':'p99: no host could be "
	"read'}]},"
	"{'name':'all','state':'waiting','new_hosts':39,'done':0,"
	"'in_flight':2,'gates':[]}],"
	"'in_flight':[{'host':'web-7','verb':'stage',"
	"'since':'2026-11-24T09:59:55Z'}],"
	"'problems':[{'host':'web-9','text':'connect: timed out'}]}";

/* JSON with ' for ", which keeps the test readable. */
static struct js *read_view(const char *text)
{
	AUTO_STR char *json = mem_str(text);
	struct js *view = NULL;
	struct err err = ERR_INIT;

	for (char *c = json; *c; c++)
		if (*c == '\'')
			*c = '"';
	assert_int_equal(js_parse(json, strlen(json), &view, &err), 0);
	return view;
}

static void test_a_view_is_a_block_of_lines(void **state)
{
	AUTO(js) view = read_view(baking);
	struct live_style style = { .width = 72, .now_ms = TEN_MS };
	AUTO_STR char *text = live_render(view, &style);

	(void)state;
	assert_string_equal(
		text,
		"feed-2  v1.1.0 -> 50 hosts  progressing  2m\n"
		"  one-box  ########## 1/1       passed\n"
		"  canary   ########## 10/10     baking     1m 12s left\n"
		"    errors  pass          0 of 4112 requests failed (0.00%), "
		"limit 1%\n"
		"    p99     no-data       no host could be read\n"
		"  all      .......... 0/39      waiting    2 hosts in flight\n"
		"  in flight: web-7 stage 5s\n"
		"  ! web-9: connect: timed out\n"
		"  stage canary bakes until 10:01:12; then its gates decide, "
		"and stage\n"
		"  all begins\n");
}

static void test_no_line_is_wider_than_the_screen(void **state)
{
	AUTO(js) view = read_view(baking);

	(void)state;
	for (unsigned width = 10; width < 120; width++) {
		struct live_style style = { .width = width, .now_ms = TEN_MS };
		AUTO_STR char *text = live_render(view, &style);

		for (const char *at = text; *at;) {
			size_t size = strcspn(at, "\n");

			assert_true(size <= width);
			at += size + 1;
		}
	}
}

static void test_the_countdown_goes_on_between_views(void **state)
{
	AUTO(js) view = read_view(baking);
	struct live_style style = {
		.width = 72,
		.now_ms = TEN_MS,
		.age_ms = 62500,
	};
	AUTO_STR char *text = live_render(view, &style);
	AUTO_STR char *late = NULL;

	(void)state;
	assert_non_null(strstr(text, "baking     9s left\n"));
	style.age_ms = 80000;
	late = live_render(view, &style);
	assert_non_null(strstr(late, "baking     judging\n"));
}

static void test_colours_are_only_where_they_are_wanted(void **state)
{
	AUTO(js) view = read_view(baking);
	struct live_style style = { .width = 72, .now_ms = TEN_MS };
	AUTO_STR char *plain = live_render(view, &style);
	AUTO_STR char *coloured = NULL;

	(void)state;
	assert_null(strchr(plain, '\033'));
	style.has_colour = true;
	coloured = live_render(view, &style);
	assert_non_null(strstr(coloured, "\033[32mpass\033[0m"));
}

static void test_what_hosts_say_cannot_drive_the_terminal(void **state)
{
	AUTO(js)
	view = read_view("{'id':'x','state':'failed','problems':["
			 "{'host':'web-1','text':'\\u001b[2J\\u0007'}"
			 "]}");
	struct live_style style = { .width = 72, .now_ms = TEN_MS };
	AUTO_STR char *text = live_render(view, &style);

	(void)state;
	assert_null(strchr(text, '\033'));
	assert_null(strchr(text, '\007'));
}

static void test_a_rollback_says_how_many_were_exposed(void **state)
{
	AUTO(js)
	view = read_view(
		"{'id':'feed-3','version':'v2','state':'rolled_back',"
		"'started':'2026-11-24T09:00:00Z',"
		"'ended':'2026-11-24T09:01:30Z','hosts':{'total':1},"
		"'exposed':{'hosts':1,'host_ms':61000},'why':'errors failed'}");
	struct live_style style = { .width = 72, .now_ms = TEN_MS };
	AUTO_STR char *text = live_render(view, &style);

	(void)state;
	assert_string_equal(text,
			    "feed-3  v2 -> 1 host  rolled back  1m 30s\n"
			    "  exposed: 1 host, 1m 1s of their time in all\n"
			    "  errors failed\n");
}

static void test_changes_are_said_once_each(void **state)
{
	static const char before_text[] =
		"{'id':'f-1','state':'progressing','why':'w','stages':["
		"{'name':'a','state':'deploying','done':1,'new_hosts':2},"
		"{'name':'b','state':'waiting','done':0,'new_hosts':4}]}";
	static const char after_text[] =
		"{'id':'f-1','state':'paused','cause':'no_data','why':'w2',"
		"'stages':[{'name':'a','state':'baking','done':2,"
		"'new_hosts':2,'gates':[{'name':'g','verdict':'no-data',"
		"'text':'g: nothing'}]},"
		"{'name':'b','state':'waiting','done':0,'new_hosts':4}]}";
	AUTO(js) before = read_view(before_text);
	AUTO(js) after = read_view(after_text);
	struct live_style style = { .width = 200, .now_ms = TEN_MS };
	AUTO_STR char *first = live_changes(NULL, before, &style);
	AUTO_STR char *second = live_changes(before, after, &style);
	AUTO_STR char *none = live_changes(after, after, &style);

	(void)state;
	assert_string_equal(
		first, "2026-11-24T10:00:00Z f-1 a: deploying, 1 of 2 hosts\n"
		       "2026-11-24T10:00:00Z f-1 progressing: w\n");
	assert_string_equal(second,
			    "2026-11-24T10:00:00Z f-1 a: baking, 2 of 2 hosts\n"
			    "2026-11-24T10:00:00Z f-1 a: gate g: no-data: "
			    "g: nothing\n"
			    "2026-11-24T10:00:00Z f-1 paused: w2\n");
	assert_string_equal(none, "");
}

static void test_an_empty_view_does_no_harm(void **state)
{
	AUTO(js) view = read_view("{}");
	struct live_style style = { .width = 40, .now_ms = TEN_MS };
	AUTO_STR char *text = live_render(view, &style);

	(void)state;
	assert_non_null(strstr(text, "?"));
	assert_false(live_is_final(view));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_view_is_a_block_of_lines),
		cmocka_unit_test(test_no_line_is_wider_than_the_screen),
		cmocka_unit_test(test_the_countdown_goes_on_between_views),
		cmocka_unit_test(test_colours_are_only_where_they_are_wanted),
		cmocka_unit_test(test_what_hosts_say_cannot_drive_the_terminal),
		cmocka_unit_test(test_a_rollback_says_how_many_were_exposed),
		cmocka_unit_test(test_changes_are_said_once_each),
		cmocka_unit_test(test_an_empty_view_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
