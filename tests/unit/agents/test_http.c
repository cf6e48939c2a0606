#include "agents/http.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/sys/clock.h"
#include "core/sys/file.h"

static void test_urls_are_taken_apart(void **state)
{
	static const struct {
		const char *url;
		const char *host;
		const char *port;
		const char *path;
	} cases[] = {
		{ "http://127.0.0.1:8080/healthz", "127.0.0.1", "8080",
		  "/healthz" },
		{ "http://feed", "feed", "80", "/" },
		{ "http://[::1]:9/a?b=c#d", "::1", "9", "/a?b=c" },
		{ "http://h?x", "h", "80", "/?x" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct err err = ERR_INIT;
		struct http_url url;

		assert_int_equal(http_parse_url(cases[i].url, &url, &err), 0);
		assert_string_equal(url.host, cases[i].host);
		assert_string_equal(url.port, cases[i].port);
		assert_string_equal(url.path, cases[i].path);
	}
}

static void test_what_is_no_url_is_refused(void **state)
{
	static const char *const bad[] = { "",
					   "feed:80",
					   "https://feed/",
					   "http://",
					   "http://:80",
					   "http://feed:/",
					   "http://a b/",
					   "http://a/\r\nX: y",
					   "http://[::1",
					   "http://[::1]x/" };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct err err = ERR_INIT;
		struct http_url url;

		if (http_parse_url(bad[i], &url, &err) == 0)
			fail_msg("accepted: %s", bad[i]);
	}
}

static void expect_answer(const char *answer, unsigned status, const char *body)
{
	AUTO_VALUE(buf) out = BUF_INIT;
	struct err err = ERR_INIT;
	unsigned is = 0;

	if (http_parse_answer(answer, strlen(answer), &is, &out, &err) < 0)
		fail_msg("%s: %s", err.text, answer);
	assert_int_equal(is, status);
	assert_string_equal(buf_str(&out), body);
}

static void test_three_ways_to_end_a_body_are_understood(void **state)
{
	(void)state;
	expect_answer("HTTP/1.1 200 OK\r\n\r\nall of it", 200, "all of it");
	expect_answer("HTTP/1.0 503 Busy\r\ncontent-length: 3\r\n\r\nabcdef",
		      503, "abc");
	expect_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		      "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
		      200, "abc0123456789");
}

static void test_answers_that_are_cut_or_nonsense_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"SSH-2.0-OpenSSH_9.2\r\n\r\n",
		"HTTP/1.1 2x0 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		"ffffffff\r\nabc\r\n0\r\n\r\n",
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		AUTO_VALUE(buf) out = BUF_INIT;
		struct err err = ERR_INIT;
		unsigned status;

		if (http_parse_answer(bad[i], strlen(bad[i]), &status, &out,
				      &err) == 0)
			fail_msg("accepted: %s", bad[i]);
	}
}

/* A server for one connection that says ANSWER; its port. */
static unsigned serve_once(const char *answer, bool hangs, pid_t *out_pid)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	*out_pid = fork();
	if (*out_pid == 0) {
		int to = accept(fd, NULL, NULL);
		char ask[2048];
		struct err err = ERR_INIT;

		(void)!read(to, ask, sizeof(ask));
		(void)!file_write_all(to, answer, strlen(answer), &err);
		if (hangs)
			(void)sleep(20);
		_exit(0);
	}
	(void)close(fd);
	return ntohs(at.sin_port);
}

static int get(const char *answer, bool hangs, size_t max, struct buf *out,
	       struct err *err)
{
	pid_t pid;
	unsigned port = serve_once(answer, hangs, &pid);
	AUTO_STR char *url = mem_format("http://127.0.0.1:%u/x", port);
	unsigned status = 0;
	int rc = http_get(url, clock_boot_ms() + 1000, max, &status, out, err);

	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return rc;
}

static void test_a_page_is_fetched(void **state)
{
	AUTO_VALUE(buf) out = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(
		get("HTTP/1.1 200 OK\r\n\r\nwell", false, 100, &out, &err), 0);
	assert_string_equal(buf_str(&out), "well");
}

static void
test_a_server_that_hangs_costs_no_more_than_the_deadline(void **state)
{
	AUTO_VALUE(buf) out = BUF_INIT;
	struct err err = ERR_INIT;
	uint64_t start_ms = clock_boot_ms();

	(void)state;
	assert_int_equal(
		get("HTTP/1.1 200 OK\r\n\r\nwel", true, 100, &out, &err),
		-ERR_TIMEOUT);
	assert_true(clock_boot_ms() - start_ms < 5000);
}

static void test_a_page_that_is_too_long_is_refused(void **state)
{
	AUTO_VALUE(buf) out = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(
		get("HTTP/1.1 200 OK\r\n\r\n0123456789", false, 9, &out, &err),
		-ERR_INVALID);
}

static void test_nobody_there_is_unreachable(void **state)
{
	AUTO_VALUE(buf) out = BUF_INIT;
	struct err err = ERR_INIT;
	unsigned status;

	(void)state;
	assert_int_equal(http_get("http://127.0.0.1:1/", clock_boot_ms() + 1000,
				  10, &status, &out, &err),
			 -ERR_UNREACHABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls_are_taken_apart),
		cmocka_unit_test(test_what_is_no_url_is_refused),
		cmocka_unit_test(test_three_ways_to_end_a_body_are_understood),
		cmocka_unit_test(
			test_answers_that_are_cut_or_nonsense_are_refused),
		cmocka_unit_test(test_a_page_is_fetched),
		cmocka_unit_test(
			test_a_server_that_hangs_costs_no_more_than_the_deadline),
		cmocka_unit_test(test_a_page_that_is_too_long_is_refused),
		cmocka_unit_test(test_nobody_there_is_unreachable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
