#include "agents/serve.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "agents/serve_state.h"
#include "core/base/str.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "core/sys/log.h"

#define READ_AT_ONCE  65536
#define WRITE_AT_ONCE 4096	 /* a pipe that can be written takes so much */
#define PENDING_MAX   (4u << 20) /* then nothing more is read */
#define N_POLL	      (3 + SERVE_CHECKS * CHILD_FDS)
#define WAKE_MS	      1000

static const char *const features[] = { "check", "zstd" };

static void say_hello(struct serve *serve)
{
	char version[] = GRAY_VERSION;
	char arch[AGENT_HELLO_ARCH_MAX + 1];
	char *list[COUNT_OF(features)];
	struct agent_hello hello = {
		.protocol = AGENT_PROTOCOL,
		.version = version,
		.host_id = serve->host_id,
		.boot_id = serve->boot_id,
		.boot_ms = clock_boot_ms(),
		.features = list,
		.n_features = COUNT_OF(features),
		.arch = arch,
	};
	size_t start = frame_begin(&serve->pending, AGENT_HELLO);

	facts_arch(arch, sizeof(arch));
	for (size_t i = 0; i < COUNT_OF(features); i++)
		list[i] = mem_str(features[i]);
	agent_hello_encode(&hello, &serve->pending);
	frame_end(&serve->pending, start);
	for (size_t i = 0; i < COUNT_OF(features); i++)
		free(list[i]);
}

static int on_hello(struct serve *serve, const struct agent_hello *hello,
		    struct err *err)
{
	if (hello->protocol != AGENT_PROTOCOL)
		return err_set(err, ERR_PROTOCOL,
			       "protocol %u is asked for, this agent speaks %u",
			       hello->protocol, AGENT_PROTOCOL);
	if (facts_host_id(serve->home, serve->host_id, err) < 0)
		return err_again(err);
	clock_boot_id(serve->boot_id);
	serve->is_greeted = true;
	say_hello(serve);
	return 0;
}

static void on_ping(struct serve *serve, const struct agent_ping *ping)
{
	struct agent_pong pong = { .number = ping->number,
				   .boot_ms = clock_boot_ms() };
	size_t start = frame_begin(&serve->pending, AGENT_PONG);

	agent_pong_encode(&pong, &serve->pending);
	frame_end(&serve->pending, start);
}

static int on_check(struct serve *serve, const struct agent_check *ask,
		    struct err *err)
{
	struct err why = ERR_INIT;

	if (serve->guard < 0)
		return err_set(err, ERR_PROTOCOL, "check before open");
	for (size_t i = 0; i < SERVE_CHECKS; i++) {
		if (serve->checks[i])
			continue;
		if (check_start(ask, serve->root, &serve->who, clock_boot_ms(),
				&serve->checks[i], &why) < 0)
			check_refuse(ask->id, &why, &serve->pending);
		return 0;
	}
	(void)err_set(&why, ERR_CONFLICT, "busy: %d checks are going on",
		      SERVE_CHECKS);
	check_refuse(ask->id, &why, &serve->pending);
	return 0;
}

/* Decode MESSAGE from the frame and call HANDLER with it. */
#define DISPATCH(message, handler)                                          \
	do {                                                                \
		AUTO_VALUE(agent_##message) m = { 0 };                      \
		if (agent_##message##_decode(frame->bytes, frame->size, &m, \
					     err) < 0)                      \
			return err_wrap(err, #message);                     \
		return handler(serve, &m, err);                             \
	} while (0)

static int on_opened_frame(struct serve *serve, const struct frame *frame,
			   struct err *err)
{
	if (serve->guard < 0)
		return err_set(err, ERR_PROTOCOL, "%s before open",
			       agent_message_name(frame->type));
	switch (frame->type) {
	case AGENT_COMMAND:
		DISPATCH(command, serve_command);
	case AGENT_MANIFEST_PART:
		DISPATCH(manifest_part, serve_manifest_part);
	case AGENT_BLOB:
		DISPATCH(blob, serve_blob);
	case AGENT_ASK:
		return serve_ask(serve, err);
	default:
		/* From a newer controller: it knows what we can do. */
		log_warn("message %u is not understood", frame->type);
		return 0;
	}
}

static int on_frame(struct serve *serve, const struct frame *frame,
		    struct err *err)
{
	AUTO_VALUE(agent_ping) ping = { 0 };

	if (!serve->is_greeted && frame->type != AGENT_HELLO)
		return err_set(err, ERR_PROTOCOL, "%s before hello",
			       agent_message_name(frame->type));
	switch (frame->type) {
	case AGENT_HELLO:
		DISPATCH(hello, on_hello);
	case AGENT_OPEN:
		DISPATCH(open, serve_open);
	case AGENT_CHECK:
		DISPATCH(check, on_check);
	case AGENT_PING:
		if (agent_ping_decode(frame->bytes, frame->size, &ping, err) <
		    0)
			return err_wrap(err, "ping");
		on_ping(serve, &ping);
		return 0;
	case AGENT_PONG:
		return 0;
	default:
		return on_opened_frame(serve, frame, err);
	}
}

static int read_frames(struct serve *serve, struct err *err)
{
	uint8_t bytes[READ_AT_ONCE];
	ssize_t n = read(serve->in, bytes, sizeof(bytes));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n < 0)
		return err_sys(err, "read");
	if (n == 0) {
		serve->is_over = true;
		return 0;
	}
	frame_decoder_add(&serve->frames, bytes, (size_t)n);
	for (;;) {
		struct frame frame;
		bool has_frame;

		if (frame_decoder_next(&serve->frames, &frame, &has_frame,
				       err) < 0)
			return err_again(err);
		if (!has_frame)
			return 0;
		if (on_frame(serve, &frame, err) < 0)
			return err_again(err);
	}
}

static int write_pending(struct serve *serve, struct err *err)
{
	ssize_t n = write(serve->out, serve->pending.bytes,
			  MIN_OF(serve->pending.size, WRITE_AT_ONCE));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n < 0)
		return err_sys(err, "write");
	buf_eat(&serve->pending, (size_t)n);
	return 0;
}

static size_t fill_poll(const struct serve *serve, struct pollfd *fds)
{
	bool is_full = serve->pending.size > PENDING_MAX;
	size_t n = 3;

	fds[0] = (struct pollfd){ is_full ? -1 : serve->in, POLLIN, 0 };
	fds[1] = (struct pollfd){ serve->pending.size ? serve->out : -1,
				  POLLOUT, 0 };
	fds[2] = (struct pollfd){ is_full ? -1 : serve->guard, POLLIN, 0 };
	for (size_t i = 0; i < SERVE_CHECKS; i++)
		if (serve->checks[i])
			n += child_fds(check_child(serve->checks[i]), fds + n);
	return n;
}

static void step_checks(struct serve *serve)
{
	for (size_t i = 0; i < SERVE_CHECKS; i++) {
		struct check *check = serve->checks[i];

		if (!check || !child_step(check_child(check), clock_boot_ms()))
			continue;
		check_answer(check, &serve->pending);
		check_free(check);
		serve->checks[i] = NULL;
	}
}

static int turn(struct serve *serve, struct err *err)
{
	struct pollfd fds[N_POLL];
	size_t n = fill_poll(serve, fds);

	if (poll(fds, n, WAKE_MS) < 0 && errno != EINTR)
		return err_sys(err, "poll");
	if (fds[1].revents && write_pending(serve, err) < 0)
		return err_again(err);
	if (fds[2].revents && serve_guard_read(serve, err) < 0)
		return err_again(err);
	if (fds[0].revents && read_frames(serve, err) < 0)
		return err_again(err);
	step_checks(serve);
	return 0;
}

/* The last words; nobody may be there to hear them. */
static void say_failure(struct serve *serve, const struct err *err)
{
	AUTO_STR char *text = str_clean(err->text, strlen(err->text));
	struct agent_failure failure = { .code = (uint32_t)err->code,
					 .text = text };
	size_t start = frame_begin(&serve->pending, AGENT_FAILURE);
	struct err ignored = ERR_INIT;

	agent_failure_encode(&failure, &serve->pending);
	frame_end(&serve->pending, start);
	(void)!file_write_all(serve->out, serve->pending.bytes,
			      serve->pending.size, &ignored);
}

static void serve_release(struct serve *serve)
{
	frame_decoder_release(&serve->frames);
	buf_release(&serve->pending);
	buf_release(&serve->parts);
	buf_release(&serve->need);
	for (size_t i = 0; i < SERVE_CHECKS; i++)
		check_free(serve->checks[i]);
	mem_auto_fd(&serve->guard);
	free(serve->root);
}

int serve_run(int in, int out, const char *home, struct err *err)
{
	struct serve serve = {
		.in = in, .out = out, .home = home, .guard = -1
	};
	int rc = 0;

	(void)signal(SIGPIPE, SIG_IGN);
	frame_decoder_init(&serve.frames, false);
	buf_append_str(&serve.pending, FRAME_MAGIC);
	while (rc == 0 && !serve.is_over)
		rc = turn(&serve, err);
	if (rc < 0)
		say_failure(&serve, err);
	serve_release(&serve);
	return rc;
}
