#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agents/metrics.h"

static const char text[] =
	"# HELP http_requests_total All of them.\n"
	"# TYPE http_requests_total counter\n"
	"http_requests_total{code=\"200\",path=\"/\"} 1027 1395066363000\n"
	"http_requests_total{code=\"503\",path=\"/\"} 3\n"
	"http_requests_total{path=\"/x\",code=\"500\",} 4\n"
	"\n"
	"   # a comment, indented\n"
	"  memory_bytes\t 1.5e6\n"
	"escaped{a=\"x\\\\y\\\"z\\nw}\"}1\n"
	"nan NaN\n"
	"pos +Inf\n"
	"neg{} -Inf\n"
	"with_exemplar_total 17 # {trace_id=\"x\"} 0.5\n"
	"lat_bucket{le=\"+Inf\"} 9\n"
	"process_start_time_seconds{worker=\"1\"} 1.7e9\n"
	"process_start_time_seconds{worker=\"2\"} 1.8e9\n"
	"no_newline_at_end 1";

static double value_of(const struct agent_sample *sample)
{
	double value;

	memcpy(&value, &sample->value_bits, sizeof(value));
	return value;
}

static struct agent_sample read_one(const char *from, const char *selector,
				    double *started)
{
	AUTO_STR char *copy = mem_str(selector);
	struct agent_sample sample = { .is_found = false };
	struct err err = ERR_INIT;

	if (metrics_read(from, strlen(from), &copy, 1, &sample, started, &err) <
	    0)
		fail_msg("%s", err.text);
	return sample;
}

static void test_read_sums_the_series_that_match(void **state)
{
	static const struct {
		const char *selector;
		uint32_t n_series;
		double sum;
	} cases[] = {
		{ "http_requests_total", 3, 1034 },
		{ "http_requests_total{code=~\"5..\"}", 2, 7 },
		{ "http_requests_total{code=~\"5..\",path=\"/x\"}", 1, 4 },
		{ "http_requests_total{code=\"404\"}", 0, 0 },
		{ "memory_bytes", 1, 1.5e6 },
		{ "escaped{a=\"x\\\\y\\\"z\\nw}\"}", 1, 1 },
		{ "pos", 1, INFINITY },
		{ "neg", 1, -INFINITY },
		{ "with_exemplar_total", 1, 17 },
		{ "lat_bucket{le=\"+Inf\"}", 1, 9 },
		{ "no_newline_at_end", 1, 1 },
		{ "nothing_of_the_kind", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		double started;
		struct agent_sample sample =
			read_one(text, cases[i].selector, &started);

		if (sample.n_series != cases[i].n_series ||
		    sample.is_found != (cases[i].n_series > 0) ||
		    value_of(&sample) != cases[i].sum)
			fail_msg("%s: %u series, %f", cases[i].selector,
				 sample.n_series, value_of(&sample));
	}
}

static void test_not_a_number_stays_not_a_number(void **state)
{
	double started;
	struct agent_sample sample = read_one(text, "nan", &started);

	(void)state;
	assert_true(sample.is_found);
	assert_true(isnan(value_of(&sample)));
}

static void test_the_latest_process_start_is_told(void **state)
{
	double started = -1;

	(void)state;
	(void)read_one(text, "nan", &started);
	assert_true(started == 1.8e9);
	(void)read_one("a 1\nprocess_start_time_seconds NaN\n", "a", &started);
	assert_true(started == 0);
}

static void test_an_empty_text_has_no_series(void **state)
{
	double started;

	(void)state;
	assert_false(read_one("", "a", &started).is_found);
	assert_false(read_one("\n\n# only words\n", "a", &started).is_found);
}

static void test_a_malformed_line_voids_all_and_is_named(void **state)
{
	static const char *const bad[] = {
		"a",	       "a{",	   "a{}",	  "a{b} 1",
		"a{b=} 1",     "a{b=1} 1", "a{b=\"} 1",	  "a{b=\"\\q\"} 1",
		"a{b=\"c\" 1", "a{,} 1",   "1a 1",	  "-a 1",
		"a one",       "a 1x",	   "a 1 x",	  "a 1 2 3",
		"a 1\r",       "a nan(1)", "{a=\"b\"} 1", "a{b=\"c\"d=\"e\"} 1",
		"a-b 1",       "<html>",
	};
	char *selectors[] = { NULL };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		AUTO_STR char *whole = mem_format("good 1\n%s\n", bad[i]);
		struct agent_sample sample = { .n_series = 77 };
		double started = 77;
		struct err err = ERR_INIT;

		if (metrics_read(whole, strlen(whole), selectors, 0, &sample,
				 &started, &err) != -ERR_INVALID)
			fail_msg("taken: %s", bad[i]);
		assert_non_null(strstr(err.text, "metrics line 2: "));
		assert_int_equal(sample.n_series, 77);
		assert_true(started == 77);
	}
}

static void test_limits_hold(void **state)
{
	AUTO_STR char *big = mem_alloc(METRICS_MAX_BYTES + 2);
	double started;
	struct err err = ERR_INIT;

	(void)state;
	memset(big, '\n', METRICS_MAX_BYTES + 1);
	assert_int_equal(metrics_read(big, METRICS_MAX_BYTES, NULL, 0, NULL,
				      &started, &err),
			 0);
	assert_int_equal(metrics_read(big, METRICS_MAX_BYTES + 1, NULL, 0, NULL,
				      &started, &err),
			 -ERR_INVALID);
	memset(big, '#', METRICS_MAX_LINE + 1);
	assert_int_equal(metrics_read(big, METRICS_MAX_LINE, NULL, 0, NULL,
				      &started, &err),
			 0);
	assert_int_equal(metrics_read(big, METRICS_MAX_LINE + 1, NULL, 0, NULL,
				      &started, &err),
			 -ERR_INVALID);
	assert_int_equal(
		metrics_read("a\0b 1\n", 6, NULL, 0, NULL, &started, &err),
		-ERR_INVALID);
}

static void test_too_many_labels_are_refused(void **state)
{
	AUTO_VALUE(buf) line = BUF_INIT;
	double started;
	struct err err = ERR_INIT;

	(void)state;
	buf_append_str(&line, "a{");
	for (int i = 0; i < 65; i++)
		buf_format(&line, "l%d=\"\",", i);
	buf_append_str(&line, "} 1\n");
	assert_int_equal(metrics_read(buf_str(&line), line.size, NULL, 0, NULL,
				      &started, &err),
			 -ERR_INVALID);
}

static void test_a_bad_selector_is_named(void **state)
{
	AUTO_STR char *bad = mem_str("a{");
	struct agent_sample sample;
	double started;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(
		metrics_read("a 1\n", 4, &bad, 1, &sample, &started, &err),
		-ERR_INVALID);
	assert_non_null(strstr(err.text, "selector a{"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_sums_the_series_that_match),
		cmocka_unit_test(test_not_a_number_stays_not_a_number),
		cmocka_unit_test(test_the_latest_process_start_is_told),
		cmocka_unit_test(test_an_empty_text_has_no_series),
		cmocka_unit_test(test_a_malformed_line_voids_all_and_is_named),
		cmocka_unit_test(test_limits_hold),
		cmocka_unit_test(test_too_many_labels_are_refused),
		cmocka_unit_test(test_a_bad_selector_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
