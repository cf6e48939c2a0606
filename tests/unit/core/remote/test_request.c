#include "core/remote/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

static char dir[] = "/tmp/gray-request-XXXXXX";
static char path[64];

/* Answers one request with TEXT, in a child. */
static pid_t serve_once(const char *text)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	(void)unlink(path);
	memcpy(at.sun_path, path, sizeof(path));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 4), 0);
	pid = fork();
	if (pid == 0) {
		char seen[4096];
		int peer = accept(fd, NULL, NULL);
		bool is_sent = read(peer, seen, sizeof(seen)) > 0 &&
			       write(peer, text, strlen(text)) > 0;

		_exit(is_sent ? 0 : 1);
	}
	(void)close(fd);
	return pid;
}

static bool count_cb(void *ctx, const char *event, const char *data)
{
	unsigned *n = ctx;

	assert_string_equal(event, "view");
	assert_string_equal(data, "{}");
	return ++*n < 2;
}

static struct request get(void)
{
	return (struct request){
		.socket = path,
		.method = "GET",
		.path = "/v1/version",
		.timeout_ms = 5000,
	};
}

static void test_an_answer_has_its_status_and_body(void **state)
{
	pid_t pid = serve_once("HTTP/1.1 409 Conflict\r\n"
			       "Content-Length: 5\r\n\r\nhello");
	AUTO_VALUE(buf) body = BUF_INIT;
	struct request request = get();
	struct err err = ERR_INIT;
	unsigned status = 0;

	(void)state;
	assert_int_equal(request_send(&request, &status, &body, &err), 0);
	assert_int_equal(status, 409);
	assert_string_equal(buf_str(&body), "hello");
	(void)waitpid(pid, NULL, 0);
}

static void test_a_stream_ends_when_the_callback_has_enough(void **state)
{
	pid_t pid = serve_once("HTTP/1.1 200 OK\r\n\r\n"
			       "event: view\ndata: {}\n\n"
			       "event: view\ndata: {}\n\n"
			       "event: view\ndata: {}\n\n");
	AUTO_VALUE(buf) body = BUF_INIT;
	struct request request = get();
	struct err err = ERR_INIT;
	unsigned status = 0;
	unsigned n = 0;
	struct request_stream stream = { .event = count_cb, .ctx = &n };

	(void)state;
	assert_int_equal(
		request_follow(&request, &stream, &status, &body, &err), 0);
	assert_int_equal(n, 2);
	(void)waitpid(pid, NULL, 0);
}

static void test_nobody_there_is_unreachable(void **state)
{
	AUTO_VALUE(buf) body = BUF_INIT;
	struct request request = get();
	struct err err = ERR_INIT;
	unsigned status = 0;

	(void)state;
	(void)unlink(path);
	assert_int_equal(request_send(&request, &status, &body, &err),
			 -ERR_UNREACHABLE);
}

static void test_a_path_no_socket_can_have_is_said_to_be_so(void **state)
{
	AUTO_VALUE(buf) body = BUF_INIT;
	char longer[200] = "";
	struct request request = get();
	struct err err = ERR_INIT;
	unsigned status = 0;

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	request.socket = longer;
	assert_int_equal(request_send(&request, &status, &body, &err),
			 -ERR_INVALID);
}

static void test_escaping_leaves_only_what_a_path_may_have(void **state)
{
	AUTO_STR char *text = request_escape("a/b c?d&e%~x-1");

	(void)state;
	assert_string_equal(text, "a%2Fb%20c%3Fd%26e%25~x-1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_answer_has_its_status_and_body),
		cmocka_unit_test(
			test_a_stream_ends_when_the_callback_has_enough),
		cmocka_unit_test(test_nobody_there_is_unreachable),
		cmocka_unit_test(
			test_a_path_no_socket_can_have_is_said_to_be_so),
		cmocka_unit_test(
			test_escaping_leaves_only_what_a_path_may_have),
	};
	int n_failed;

	if (!mkdtemp(dir))
		return 1;
	(void)snprintf(path, sizeof(path), "%s/sock", dir);
	n_failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(path);
	(void)rmdir(dir);
	return n_failed;
}
