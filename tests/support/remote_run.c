#include "tests/support/remote_run.h"

#include <stdio.h>
#include <string.h>

static void too_late(void *ctx)
{
	(void)ctx;
	(void)fputs("the streams did not end in time\n", stderr);
	abort();
}

void run_host_init(struct run_host *host)
{
	memset(host, 0, sizeof(*host));
	host->options = (struct remote_options){ .n_workers = 2,
						 .max_handshakes = 8,
						 .connect_ms = 5000,
						 .handshake_ms = 5000,
						 .exec_ms = 5000 };
	host->target.name = "web-1";
}

void run_host_start(struct run_host *host)
{
	struct err err = ERR_INIT;

	if (loop_new(&host->loop, &err) < 0 ||
	    remote_new(host->loop, &host->options, &host->remote, &err) < 0)
		abort();
	host->limit = loop_timer_new(host->loop, too_late, host);
}

void run_host_stop(struct run_host *host)
{
	remote_free(host->remote);
	loop_timer_free(host->limit);
	loop_free(host->loop);
}

static void on_new_key(struct stream *stream, const char *words,
		       const char *line, bool is_taken, void *ctx)
{
	struct run *run = ctx;

	(void)stream;
	(void)words;
	mem_set_str(&run->new_key, line);
	run->is_taken = is_taken;
}

static void on_route(struct stream *stream, const char *transport,
		     const char *why, void *ctx)
{
	struct run *run = ctx;

	(void)stream;
	mem_set_str(&run->transport, transport);
	mem_set_str(&run->why, why);
	run->n_routes++;
}

static void on_open(struct stream *stream, void *ctx)
{
	struct run *run = ctx;
	struct run_host *host = run->host;

	(void)stream;
	run->n_opened++;
	host->n_open++;
	host->n_most_open = MAX_OF(host->n_most_open, host->n_open);
	if (run->on_open)
		run->on_open(run);
}

static void on_data(struct stream *stream, const uint8_t *bytes, size_t size,
		    void *ctx)
{
	struct run *run = ctx;

	(void)stream;
	buf_append(&run->out, bytes, size);
	if (run->slow_us)
		(void)usleep(run->slow_us);
}

static void on_stderr(struct stream *stream, const uint8_t *bytes, size_t size,
		      void *ctx)
{
	(void)stream;
	buf_append(&((struct run *)ctx)->err_out, bytes, size);
}

static void on_drained(struct stream *stream, void *ctx)
{
	struct run *run = ctx;

	if (stream_pending(stream) == 0)
		run->n_drained++;
}

static void on_closed(struct stream *stream, int status, const struct err *err,
		      void *ctx)
{
	struct run *run = ctx;
	struct run_host *host = run->host;

	(void)stream;
	run->n_closed++;
	run->status = status;
	run->err = *err;
	run->stream = NULL;
	host->n_open -= run->n_opened;
	if (--host->n_running == 0)
		loop_stop(host->loop);
}

static const struct stream_events events = {
	.on_new_key = on_new_key,
	.on_route = on_route,
	.on_open = on_open,
	.on_data = on_data,
	.on_stderr = on_stderr,
	.on_drained = on_drained,
	.on_closed = on_closed,
};

void run_start(struct run_host *host, struct run *run, const char *command)
{
	run->host = host;
	host->n_running++;
	run->stream =
		remote_exec(host->remote, &host->target, command, &events, run);
}

void run_wait(struct run_host *host)
{
	if (!host->n_running)
		return;
	loop_timer_set(host->limit, RUN_LIMIT_MS);
	loop_run(host->loop);
	loop_timer_stop(host->limit);
}

void run_all(struct run_host *host, struct run *run, const char *command,
	     const void *input, size_t size)
{
	run_start(host, run, command);
	stream_write(run->stream, input, size);
	stream_end(run->stream);
	run_wait(host);
}

void run_release(struct run *run)
{
	buf_release(&run->out);
	buf_release(&run->err_out);
	free(run->new_key);
	free(run->transport);
	free(run->why);
	memset(run, 0, sizeof(*run));
}
