#include "rollouts/bootstrap_greet.h"

#include <string.h>

#include "core/base/str.h"
#include "core/sys/clock.h"

void greeting_init(struct greeting *greeting)
{
	memset(greeting, 0, sizeof(*greeting));
	frame_decoder_init(&greeting->decoder, true);
}

void greeting_release(struct greeting *greeting)
{
	frame_decoder_release(&greeting->decoder);
	agent_hello_release(&greeting->hello);
}

static void say_hello(struct greeting *greeting, struct buf *out)
{
	char version[] = GRAY_VERSION;
	struct agent_hello hello = {
		.protocol = AGENT_PROTOCOL,
		.version = version,
		.boot_ms = clock_boot_ms(),
	};
	size_t start = frame_begin(out, AGENT_HELLO);

	agent_hello_encode(&hello, out);
	frame_end(out, start);
	greeting->has_greeted = true;
}

static int hear_failure(const struct frame *frame, struct err *err)
{
	AUTO_VALUE(agent_failure) failure = { 0 };
	AUTO_STR char *text = NULL;

	if (agent_failure_decode(frame->bytes, frame->size, &failure, err) < 0)
		return err_again(err);
	text = str_clean(failure.text ? failure.text : "",
			 failure.text ? strlen(failure.text) : 0);
	return err_set(err, ERR_SYSTEM, "the agent gave up: %s", text);
}

static int hear_hello(struct greeting *greeting, const struct frame *frame,
		      struct err *err)
{
	struct agent_hello *hello = &greeting->hello;

	if (frame->type == AGENT_FAILURE)
		return hear_failure(frame, err);
	if (frame->type != AGENT_HELLO)
		return err_set(err, ERR_PROTOCOL,
			       "the agent does not begin with a hello");
	if (agent_hello_decode(frame->bytes, frame->size, hello, err) < 0)
		return err_wrap(err, "the agent's hello");
	if (hello->protocol != AGENT_PROTOCOL)
		return err_set(err, ERR_PROTOCOL,
			       "the agent speaks protocol %u, we speak %u",
			       hello->protocol, AGENT_PROTOCOL);
	greeting->is_done = true;
	return 0;
}

int greeting_hear(struct greeting *greeting, const uint8_t *bytes, size_t size,
		  struct buf *out, struct err *err)
{
	struct frame frame;
	bool has = false;

	frame_decoder_add(&greeting->decoder, bytes, size);
	if (frame_decoder_next(&greeting->decoder, &frame, &has, err) < 0)
		return err_again(err);
	if (has)
		return hear_hello(greeting, &frame, err);
	if (!greeting->decoder.wants_magic && !greeting->has_greeted)
		say_hello(greeting, out);
	return 0;
}
