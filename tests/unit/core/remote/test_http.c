#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/remote/http.h"
#include "tests/support/http_server.h"

struct heard {
	struct loop *loop;
	unsigned n;
	unsigned status;
	enum err_code code;
	char body[64];
};

static void done_cb(void *ctx, unsigned status, const struct buf *body,
		    const struct err *err)
{
	struct heard *heard = ctx;

	heard->n++;
	heard->status = status;
	heard->code = err->code;
	(void)snprintf(heard->body, sizeof(heard->body), "%s", buf_str(body));
	loop_stop(heard->loop);
}

static struct heard ask(const char *url, uint64_t timeout_ms, size_t max_body)
{
	const struct http_ask request = { .url = url,
					  .timeout_ms = timeout_ms,
					  .max_body = max_body };
	struct heard heard = { .n = 0 };
	struct err err = ERR_INIT;

	if (loop_new(&heard.loop, &err) < 0)
		fail_msg("%s", err.text);
	assert_non_null(http_get(heard.loop, &request, done_cb, &heard));
	assert_int_equal(heard.n, 0);
	loop_run(heard.loop);
	loop_free(heard.loop);
	assert_int_equal(heard.n, 1);
	return heard;
}

static struct heard ask_for(const char *answer, uint64_t timeout_ms,
			    size_t max_body)
{
	const char *const answers[] = { answer, NULL };
	struct http_server *server = http_server_new(answers);
	struct heard heard = ask(http_server_url(server), timeout_ms, max_body);

	http_server_free(server);
	return heard;
}

static void test_the_status_and_the_body_come_back(void **state)
{
	struct heard heard = ask_for(
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 5000, 64);

	(void)state;
	assert_int_equal(heard.code, ERR_NONE);
	assert_int_equal(heard.status, 200);
	assert_string_equal(heard.body, "hello");
	heard = ask_for("HTTP/1.1 503 Busy\r\n\r\nno", 5000, 64);
	assert_int_equal(heard.code, ERR_NONE);
	assert_int_equal(heard.status, 503);
	assert_string_equal(heard.body, "no");
}

static void test_a_redirect_is_the_answer(void **state)
{
	struct heard heard =
		ask_for("HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n"
			"Content-Length: 0\r\n\r\n",
			5000, 64);

	(void)state;
	assert_int_equal(heard.status, 302);
}

static void test_what_is_no_answer_says_why(void **state)
{
	static const struct {
		const char *url;    /* or NULL: the server's */
		const char *answer; /* of the server */
		enum err_code code;
	} cases[] = {
		{ NULL, "wait", ERR_TIMEOUT },
		{ NULL, "", ERR_PROTOCOL },
		{ NULL, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nxx",
		  ERR_PROTOCOL },
		{ NULL, "SSH-2.0-OpenSSH_9.2\r\n", ERR_PROTOCOL },
		{ NULL,
		  "HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n"
		  "012345678901234567890123456789012345678901234567890123456789"
		  "0"
		  "1234",
		  ERR_PROTOCOL },
		{ "http://127.0.0.1:1/", NULL, ERR_UNREACHABLE },
		{ "http://no-such-host.invalid/", NULL, ERR_NOT_FOUND },
		{ "file:///etc/passwd", NULL, ERR_INVALID },
		{ "http://[", NULL, ERR_INVALID },
		{ "", NULL, ERR_INVALID },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct heard heard =
			cases[i].url ? ask(cases[i].url, 5000, 64)
				     : ask_for(cases[i].answer, 300, 64);

		if (heard.code != cases[i].code || heard.status != 0)
			fail_msg("case %zu: %s, status %u", i,
				 err_name(heard.code), heard.status);
	}
}

static void stop_cb(void *ctx)
{
	loop_stop(ctx);
}

static void test_a_cancelled_request_says_nothing(void **state)
{
	const char *const answers[] = { "wait", NULL };
	struct http_server *server = http_server_new(answers);
	struct heard heard = { .n = 0 };
	struct err err = ERR_INIT;
	struct http_ask request = { .timeout_ms = 5000, .max_body = 64 };
	struct loop_timer *timer;
	struct http *http;

	(void)state;
	assert_int_equal(loop_new(&heard.loop, &err), 0);
	request.url = http_server_url(server);
	http = http_get(heard.loop, &request, done_cb, &heard);
	timer = loop_timer_new(heard.loop, stop_cb, heard.loop);
	loop_timer_set(timer, 50); /* it is connected by then */
	loop_run(heard.loop);
	http_cancel(http);
	loop_timer_set(timer, 50);
	loop_run(heard.loop);
	loop_timer_free(timer);
	loop_free(heard.loop);
	http_server_free(server);
	assert_int_equal(heard.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_status_and_the_body_come_back),
		cmocka_unit_test(test_a_redirect_is_the_answer),
		cmocka_unit_test(test_what_is_no_answer_says_why),
		cmocka_unit_test(test_a_cancelled_request_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
