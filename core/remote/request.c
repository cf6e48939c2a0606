#include "core/remote/request.h"

#include <curl/curl.h>
#include <string.h>
#include <sys/un.h>

#define TICK_MS 200 /* how soon a key press or a new width is noticed */

/* What the callbacks of one transfer share. */
struct transfer {
	CURL *easy;
	struct buf *body;
	const struct request_stream *stream; /* NULL: a plain answer */
	struct sse sse;
	bool is_over; /* a callback of the stream said enough */
	struct err *err;
	bool has_failed; /* *err is set */
};

static void free_easy(CURL **easy)
{
	curl_easy_cleanup(*easy);
}
static void free_multi(CURLM **multi)
{
	(void)curl_multi_cleanup(*multi);
}
static void free_list(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

static size_t fail(struct transfer *transfer)
{
	transfer->has_failed = true;
	return CURL_WRITEFUNC_ERROR;
}

static size_t write_cb(char *bytes, size_t one, size_t n, void *ctx)
{
	struct transfer *transfer = ctx;
	size_t size = one * n;
	long status = 0;

	(void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE,
				&status);
	if (transfer->stream && status == 200) {
		if (sse_feed(&transfer->sse, bytes, size,
			     transfer->stream->event, transfer->stream->ctx,
			     &transfer->is_over, transfer->err) < 0)
			return fail(transfer);
		return transfer->is_over ? CURL_WRITEFUNC_ERROR : size;
	}
	if (transfer->body->size + size > REQUEST_MAX_BYTES) {
		(void)err_set(transfer->err, ERR_PROTOCOL,
			      "an answer of more than %u bytes",
			      REQUEST_MAX_BYTES);
		return fail(transfer);
	}
	buf_append(transfer->body, bytes, size);
	return size;
}

static int explain(const struct request *request, CURLcode code,
		   struct err *err)
{
	if (code == CURLE_COULDNT_CONNECT)
		return err_set(err, ERR_UNREACHABLE, "nobody answers at %s",
			       request->socket);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return err_set(err, ERR_TIMEOUT, "no answer from %s in time",
			       request->socket);
	return err_set(err, ERR_PROTOCOL, "%s: %s", request->socket,
		       curl_easy_strerror(code));
}

static void set_up(CURL *easy, const struct request *request, const char *url,
		   struct curl_slist *headers, struct transfer *transfer)
{
	(void)curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request->socket);
	(void)curl_easy_setopt(easy, CURLOPT_URL, url);
	(void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	(void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
			       (long)request->timeout_ms);
	if (request->body)
		(void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
	else if (strcmp(request->method, "POST") == 0)
		(void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, write_cb);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
}

/* Run the transfer, calling the stream's tick; CURLE_OK when it is through. */
static CURLcode run_multi(CURLM *multi, struct transfer *transfer)
{
	const struct request_stream *stream = transfer->stream;
	int n_running = 1;
	int n_left = 0;
	const CURLMsg *message;

	while (n_running) {
		if (curl_multi_perform(multi, &n_running) != CURLM_OK ||
		    (n_running && curl_multi_poll(multi, NULL, 0, TICK_MS,
						  NULL) != CURLM_OK))
			return CURLE_FAILED_INIT;
		if (n_running && stream && stream->tick &&
		    !stream->tick(stream->ctx)) {
			transfer->is_over = true;
			return CURLE_OK;
		}
	}
	message = curl_multi_info_read(multi, &n_left);
	return message ? message->data.result : CURLE_FAILED_INIT;
}

static int transfer_run(const struct request *request,
			struct transfer *transfer, unsigned *status,
			struct err *err)
{
	__attribute__((cleanup(free_list))) struct curl_slist *headers = NULL;
	__attribute__((cleanup(free_easy))) CURL *easy = curl_easy_init();
	__attribute__((cleanup(free_multi))) CURLM *multi = curl_multi_init();
	AUTO_STR char *url = mem_format("http://localhost%s", request->path);
	CURLcode code;
	long answer = 0;

	if (strlen(request->socket) >=
	    sizeof(((struct sockaddr_un *)0)->sun_path))
		return err_set(err, ERR_INVALID,
			       "%s: too long for a socket's path (107 bytes)",
			       request->socket);
	headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (!easy || !multi || !headers)
		return err_set(err, ERR_SYSTEM, "libcurl: out of memory");
	transfer->easy = easy;
	transfer->err = err;
	set_up(easy, request, url, headers, transfer);
	(void)curl_multi_add_handle(multi, easy);
	code = run_multi(multi, transfer);
	(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer);
	(void)curl_multi_remove_handle(multi, easy);
	if (transfer->has_failed)
		return err_again(err);
	if (code != CURLE_OK && !transfer->is_over)
		return explain(request, code, err);
	*status = (unsigned)answer;
	return 0;
}

int request_send(const struct request *request, unsigned *status,
		 struct buf *body, struct err *err)
{
	struct transfer transfer = { .body = body };

	return transfer_run(request, &transfer, status, err);
}

int request_follow(const struct request *request,
		   const struct request_stream *stream, unsigned *status,
		   struct buf *body, struct err *err)
{
	struct transfer transfer = { .body = body, .stream = stream };
	int failed = transfer_run(request, &transfer, status, err);

	sse_release(&transfer.sse);
	return failed;
}

char *request_escape(const char *text)
{
	AUTO_VALUE(buf) out = BUF_INIT;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool is_plain =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || strchr("-._~", c) != NULL;

		if (is_plain)
			buf_append_char(&out, *text);
		else
			buf_format(&out, "%%%02X", c);
	}
	return buf_take_str(&out);
}
