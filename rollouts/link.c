#include "rollouts/link.h"

#include <string.h>

#include "core/base/str.h"
#include "core/sys/clock.h"
#include "rollouts/link_private.h"

#define CONNECT_MS    600000u /* over the transport's own, which may queue */
#define BACKOFF_MAX   30000u  /* ms */
#define SILENT_PINGS  3u
#define COMPLAINT_MAX 2048u /* bytes of its standard error worth keeping */

static void start_try(struct link *link);

/* ---- making, freeing; calls may free the link they come from ---- */

static void link_destroy(struct link *link)
{
	struct link_options *options = &link->options;
	const char *const strings[] = {
		options->command, options->service, options->root,
		options->name,	  options->address,
	};

	for (size_t i = 0; i < COUNT_OF(strings); i++)
		free((char *)(uintptr_t)strings[i]);
	remote_target_release(&options->target);
	frame_decoder_release(&link->decoder);
	buf_release(&link->complaint);
	agent_hello_release(&link->hello);
	free(link);
}

static void enter(struct link *link)
{
	link->depth++;
}

static void leave(struct link *link)
{
	if (--link->depth == 0 && link->is_freed && !link->stream)
		link_destroy(link);
}

static void timer_cb(void *ctx);

struct link *link_new(struct loop *loop, struct remote *remote,
		      const struct link_options *options,
		      const struct link_events *events, void *ctx)
{
	struct link *link = MEM_NEW(struct link);
	struct link_options *own = &link->options;

	link->loop = loop;
	link->remote = remote;
	link->events = *events;
	link->ctx = ctx;
	*own = *options;
	remote_target_copy(&options->target, &own->target);
	own->command = mem_str(options->command);
	own->service = mem_str(options->service);
	own->root = mem_str(options->root);
	own->name = mem_str(options->name);
	own->address = mem_str(options->address);
	rand_init_kernel(&link->rand);
	link->timer = loop_timer_new(loop, timer_cb, link);
	start_try(link);
	return link;
}

void link_free(struct link *link)
{
	if (!link)
		return;
	enter(link);
	link->is_freed = true;
	push_free(TAKE(link->push));
	loop_timer_free(TAKE(link->timer));
	if (link->stream && link->state != LINK_CLOSING) {
		link->state = LINK_CLOSING;
		stream_close(link->stream);
	}
	leave(link);
}

/* ---- up and down ---- */

void link_set_state(struct link *link, enum link_state state, uint64_t in_ms)
{
	link->state = state;
	loop_timer_set(link->timer, in_ms);
}

void link_send(struct link *link, enum agent_message number,
	       const void *message)
{
	AUTO_VALUE(buf) frame = BUF_INIT;
	size_t start = frame_begin(&frame, number);

	proto_encode(agent_message_type(number), message, &frame);
	frame_end(&frame, start);
	stream_write(link->stream, frame.bytes, frame.size);
}

static void send_hello(struct link *link)
{
	char version[] = GRAY_VERSION;
	struct agent_hello hello = {
		.protocol = AGENT_PROTOCOL,
		.version = version,
		.boot_ms = clock_boot_ms(),
	};

	link_send(link, AGENT_HELLO, &hello);
	link->is_greeted = true;
}

/* Give the connection up; on_closed, which follows, tells ERR. */
static void give_up(struct link *link, const struct err *err)
{
	if (link->is_freed || link->state == LINK_CLOSING)
		return;
	link->cause = *err;
	push_free(TAKE(link->push));
	loop_timer_stop(link->timer);
	link->state = LINK_CLOSING;
	stream_close(link->stream);
}

static uint64_t backoff(struct link *link, const struct err *err)
{
	/* What a person must mend is not mended by hurrying. */
	bool is_lasting = err->code == ERR_HOSTKEY || err->code == ERR_PROTOCOL;
	uint64_t most = MAX_OF(link->options.backoff_ms, (uint64_t)1);

	for (unsigned i = 0; i < link->n_tries && most < BACKOFF_MAX; i++)
		most *= 2;
	if (is_lasting || most > BACKOFF_MAX)
		most = BACKOFF_MAX;
	link->n_tries++;
	return most / 2 + rand_below(&link->rand, most / 2 + 1);
}

static bool complains(const struct link *link, const char *words)
{
	return strstr(buf_str(&link->complaint), words) != NULL;
}

/* The program on the host ended by itself: in words. */
static int explain_end(const struct link *link, int status, struct err *err)
{
	AUTO_STR char *words =
		str_clean(buf_str(&link->complaint), link->complaint.size);
	bool is_missing = status == 126 || status == 127 ||
			  complains(link, "No such file") ||
			  complains(link, "not found");

	for (char *p = words; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = ' ';
	if (link->state == LINK_GREETING && is_missing)
		return err_set(err, ERR_UNREACHABLE,
			       "no agent on this host: run `grayctl hosts "
			       "add`");
	if (link->decoder.wants_magic && link->decoder.in.size)
		return frame_decoder_end(&link->decoder, err);
	return err_set(err, ERR_UNREACHABLE,
		       "the agent ended with status %d%s%s", status,
		       *words ? ": " : "", words);
}

static void go_down(struct link *link, int status, const struct err *from)
{
	struct err err = *from;
	bool is_ours = link->cause.code || status >= 0;

	if (link->cause.code)
		err = link->cause;
	else if (status >= 0)
		(void)explain_end(link, status, &err);
	if (is_ours)
		(void)err_wrap(&err, "host %s", link->options.target.name);
	push_free(TAKE(link->push));
	/* A connection that held is no try that failed. */
	if (link->up_at && clock_boot_ms() - link->up_at >
				   SILENT_PINGS * link->options.ping_ms)
		link->n_tries = 0;
	link_set_state(link, LINK_WAITING, backoff(link, &err));
	link->events.on_down(link, &err, link->ctx);
}

static void timer_cb(void *ctx)
{
	struct link *link = ctx;
	uint64_t silent_ms = clock_boot_ms() - link->heard_at;
	struct err err = ERR_INIT;
	char text[32];

	str_format_duration(GREET_PINGS * link->options.ping_ms, text,
			    sizeof(text));
	switch (link->state) {
	case LINK_WAITING:
		start_try(link);
		return;
	case LINK_CLOSING:
		return;
	case LINK_CONNECTING:
		(void)err_set(&err, ERR_TIMEOUT, "no connection in %u s",
			      CONNECT_MS / 1000);
		break;
	case LINK_GREETING:
		if (!link->decoder.in.size ||
		    frame_decoder_end(&link->decoder, &err) == 0)
			(void)err_set(&err, ERR_TIMEOUT,
				      "the agent did not greet in %s", text);
		break;
	case LINK_OPENING:
		(void)err_set(&err, ERR_TIMEOUT,
			      "the agent did not open %s in %s",
			      link->options.root, text);
		break;
	case LINK_UP:
		if (silent_ms < SILENT_PINGS * link->options.ping_ms) {
			struct agent_ping ping = { .number = ++link->n_pings };

			link_send(link, AGENT_PING, &ping);
			loop_timer_set(link->timer, link->options.ping_ms);
			return;
		}
		str_format_duration(silent_ms, text, sizeof(text));
		(void)err_set(&err, ERR_TIMEOUT, "silent for %s", text);
		break;
	}
	give_up(link, &err);
}

/* ---- the stream ---- */

static bool is_listening(const struct link *link)
{
	return !link->is_freed && link->stream && link->state != LINK_CLOSING;
}

static void open_cb(struct stream *stream, void *ctx)
{
	struct link *link = ctx;

	(void)stream;
	if (is_listening(link))
		link_set_state(link, LINK_GREETING,
			       GREET_PINGS * link->options.ping_ms);
}

static void data_cb(struct stream *stream, const uint8_t *bytes, size_t size,
		    void *ctx)
{
	struct link *link = ctx;
	struct err err = ERR_INIT;
	struct frame frame;
	bool has = true;

	(void)stream;
	if (!is_listening(link))
		return;
	enter(link);
	link->heard_at = clock_boot_ms();
	frame_decoder_add(&link->decoder, bytes, size);
	while (has && is_listening(link)) {
		if (frame_decoder_next(&link->decoder, &frame, &has, &err) <
			    0 ||
		    (has && link_hear(link, &frame, &err) < 0)) {
			give_up(link, &err);
			break;
		}
		if (!link->decoder.wants_magic && !link->is_greeted)
			send_hello(link);
	}
	leave(link);
}

static void stderr_cb(struct stream *stream, const uint8_t *bytes, size_t size,
		      void *ctx)
{
	struct link *link = ctx;
	size_t room = COMPLAINT_MAX - link->complaint.size;

	(void)stream;
	buf_append(&link->complaint, bytes, MIN_OF(size, room));
}

static void drained_cb(struct stream *stream, void *ctx)
{
	struct link *link = ctx;

	(void)stream;
	if (!link->push || !is_listening(link))
		return;
	enter(link);
	push_drained(link->push);
	leave(link);
}

static void closed_cb(struct stream *stream, int status, const struct err *err,
		      void *ctx)
{
	struct link *link = ctx;

	(void)stream;
	enter(link);
	link->stream = NULL;
	if (!link->is_freed)
		go_down(link, status, err);
	leave(link);
}

static void start_try(struct link *link)
{
	static const struct stream_events events = {
		.on_open = open_cb,
		.on_data = data_cb,
		.on_stderr = stderr_cb,
		.on_drained = drained_cb,
		.on_closed = closed_cb,
	};

	frame_decoder_release(&link->decoder);
	frame_decoder_init(&link->decoder, true);
	buf_clear(&link->complaint);
	link->cause = (struct err)ERR_INIT;
	link->is_greeted = false;
	link->up_at = 0;
	link->heard_at = clock_boot_ms();
	link_set_state(link, LINK_CONNECTING, CONNECT_MS);
	link->stream = remote_exec(link->remote, &link->options.target,
				   link->options.command, &events, link);
}

/* ---- asked from above ---- */

bool link_is_up(const struct link *link)
{
	return link->state == LINK_UP;
}

uint64_t link_host_boot_ms(const struct link *link)
{
	return link->host_ms + (clock_boot_ms() - link->host_at);
}

const char *link_boot_id(const struct link *link)
{
	return link->hello.boot_id;
}

void link_command(struct link *link, const struct agent_command *command,
		  uint64_t valid_ms)
{
	struct agent_command sent = *command; /* borrows its strings */

	if (!link_is_up(link))
		return;
	sent.boot_id = link->hello.boot_id;
	sent.valid_until_ms = link_host_boot_ms(link) + valid_ms;
	link_send(link, AGENT_COMMAND, &sent);
}

static void push_command_cb(struct agent_command *command, void *ctx)
{
	struct link *link = ctx;

	mem_set_str(&command->boot_id, link->hello.boot_id);
	command->valid_until_ms = link_host_boot_ms(link) + link->push_valid_ms;
}

/* The host waits for what we do not have: only a new connection ends that. */
static void push_failed_cb(const struct err *from, void *ctx)
{
	struct link *link = ctx;
	struct err err = *from; /* freed with the push */
	struct agent_result result = {
		.epoch = link->push_epoch,
		.seq = link->push_seq,
		.verb = AGENT_VERB_STAGE,
		.code = err.code,
		.text = err.text,
	};

	enter(link);
	push_free(TAKE(link->push));
	link->events.on_result(link, &result, link->ctx);
	give_up(link, &err);
	leave(link);
}

void link_stage(struct link *link, const struct agent_command *command,
		uint64_t valid_ms, const struct manifest *manifest,
		struct blobs *blobs)
{
	static const struct push_events events = {
		.on_command = push_command_cb,
		.on_failed = push_failed_cb,
	};

	if (!link_is_up(link))
		return;
	push_free(TAKE(link->push));
	link->push_valid_ms = valid_ms;
	link->push_epoch = command->epoch;
	link->push_seq = command->seq;
	link->push = push_new(link->loop, link->stream, manifest, blobs,
			      command, &events, link);
}

void link_stage_progress(const struct link *link, uint64_t *out_sent,
			 uint64_t *out_total)
{
	*out_sent = *out_total = 0;
	if (link->push)
		push_progress(link->push, out_sent, out_total);
}

void link_ask(struct link *link)
{
	static const struct agent_ask ask;

	if (link_is_up(link))
		link_send(link, AGENT_ASK, &ask);
}

void link_check(struct link *link, const struct agent_check *check)
{
	if (link_is_up(link))
		link_send(link, AGENT_CHECK, check);
}
