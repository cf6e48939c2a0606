#include "cmd/grayctl/client.h"

#include <string.h>

#include "cmd/grayctl/daemon.h"
#include "cmd/grayctl/output.h"
#include "core/base/str.h"
#include "core/remote/request.h"
#include "core/sys/home.h"

#define ANSWER_MS 60000 /* a release is imported before POST answers */
#define HELLO_MS  2000

struct client {
	char *home;
	char *socket;
	struct buf *mistakes;
};

struct client *client_new(const char *home, struct buf *mistakes)
{
	struct client *client = MEM_NEW(struct client);

	client->home = mem_str(home);
	client->socket = mem_format("%s/" HOME_SOCKET, home);
	client->mistakes = mistakes;
	return client;
}

void client_free(struct client *client)
{
	if (!client)
		return;
	free(client->home);
	free(client->socket);
	free(client);
}

static int hello(const struct client *client, struct err *err)
{
	AUTO_VALUE(buf) body = BUF_INIT;
	unsigned status = 0;
	struct request request = {
		.socket = client->socket,
		.method = "GET",
		.path = "/v1/version",
		.timeout_ms = HELLO_MS,
	};

	return request_send(&request, &status, &body, err);
}

static bool is_up_cb(void *ctx)
{
	struct err err = ERR_INIT;

	return hello(ctx, &err) == 0;
}

/* Start grayd if nobody answers; any other trouble would not be mended. */
static int start(struct client *client, struct err *err)
{
	if (hello(client, err) == 0)
		return 0;
	if (err->code != ERR_UNREACHABLE)
		return err_again(err);
	return daemon_start(client->home, is_up_cb, client, client->mistakes,
			    err);
}

static int read_answer(const struct buf *body, struct js **out, struct err *err)
{
	if (js_parse(buf_str(body), body->size, out, err) < 0) {
		err->code = ERR_PROTOCOL;
		return err_wrap(err, "grayd's answer");
	}
	return 0;
}

/* {"error":{"code","text","mistakes"}} -> *err and our mistakes. */
static int read_refusal(struct client *client, unsigned status,
			const struct buf *body, struct err *err)
{
	AUTO(js) answer = NULL;
	const struct js *error;
	const struct js *mistakes;
	const char *code;

	if (js_parse(buf_str(body), body->size, &answer, err) < 0)
		return err_set(err, ERR_PROTOCOL,
			       "grayd answered %u without saying why", status);
	error = js_get(answer, "error");
	code = js_get_str(error, "code", "");
	mistakes = js_get(error, "mistakes");
	for (size_t i = 0; i < js_count(mistakes); i++) {
		const char *line = js_str(js_at(mistakes, i), "");
		AUTO_STR char *clean = str_clean(line, strlen(line));

		buf_format(client->mistakes, "%s\n", clean);
	}
	return err_set(err, err_find(code), "%s",
		       js_get_str(error, "text", "grayd gave no reason"));
}

static int ask(struct client *client, const struct request *request,
	       struct js **out, struct err *err)
{
	AUTO_VALUE(buf) body = BUF_INIT;
	unsigned status = 0;

	if (start(client, err) < 0 ||
	    request_send(request, &status, &body, err) < 0)
		return err_again(err);
	if (status >= 200 && status < 300)
		return read_answer(&body, out, err);
	return read_refusal(client, status, &body, err);
}

int client_get(struct client *client, const char *path, struct js **out,
	       struct err *err)
{
	struct request request = {
		.socket = client->socket,
		.method = "GET",
		.path = path,
		.timeout_ms = ANSWER_MS,
	};

	return ask(client, &request, out, err);
}

int client_show(struct client *client, const char *path,
		const struct output *output, client_print_fn *print,
		struct err *err)
{
	AUTO(js) answer = NULL;

	if (client_get(client, path, &answer, err) < 0)
		return err_again(err);
	if (output->is_json)
		output_json(output, answer);
	else
		print(output, answer);
	return 0;
}

int client_post(struct client *client, const char *path, const struct js *body,
		struct js **out, struct err *err)
{
	AUTO_STR char *text = js_format(body);
	struct request request = {
		.socket = client->socket,
		.method = "POST",
		.path = path,
		.body = text,
		.timeout_ms = ANSWER_MS,
	};

	return ask(client, &request, out, err);
}

/* An event that is not JSON ends the stream, with *err. */
struct following {
	const struct client_stream *stream;
	struct err *err;
	bool has_failed;
};

static bool event_cb(void *ctx, const char *event, const char *data)
{
	struct following *following = ctx;
	AUTO(js) value = NULL;

	if (js_parse(data, strlen(data), &value, following->err) < 0) {
		following->err->code = ERR_PROTOCOL;
		(void)err_wrap(following->err, "grayd's event");
		following->has_failed = true;
		return false;
	}
	return following->stream->event(following->stream->ctx, event, value);
}

static bool tick_cb(void *ctx)
{
	struct following *following = ctx;

	return !following->stream->tick ||
	       following->stream->tick(following->stream->ctx);
}

int client_follow(struct client *client, const char *path,
		  const struct client_stream *stream, struct err *err)
{
	AUTO_VALUE(buf) body = BUF_INIT;
	unsigned status = 0;
	struct following following = { .stream = stream, .err = err };
	struct request request = {
		.socket = client->socket,
		.method = "GET",
		.path = path,
	};
	struct request_stream raw = {
		.event = event_cb,
		.tick = tick_cb,
		.ctx = &following,
	};

	if (start(client, err) < 0 ||
	    request_follow(&request, &raw, &status, &body, err) < 0)
		return err_again(err);
	if (following.has_failed)
		return err_again(err);
	return status == 200 || status == 0
		       ? 0
		       : read_refusal(client, status, &body, err);
}

char *client_rollout_path(const char *id, const char *verb)
{
	AUTO_STR char *escaped = request_escape(id);

	return mem_format("/v1/rollouts/%s%s%s", escaped, verb ? "/" : "",
			  verb ? verb : "");
}

void client_add_query(struct buf *path, const char *name, const char *value)
{
	AUTO_STR char *escaped = request_escape(value ? value : "");

	if (value)
		buf_format(path, "%s%s=%s",
			   strchr(buf_str(path), '?') ? "&" : "?", name,
			   escaped);
}
