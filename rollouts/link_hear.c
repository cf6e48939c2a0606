#include "rollouts/link_private.h"

#include <string.h>

#include "core/base/str.h"
#include "core/sys/clock.h"

static void send_open(struct link *link)
{
	AUTO_VALUE(agent_open)
	open = {
		.service = mem_str(link->options.service),
		.root = mem_str(link->options.root),
		.name = mem_str(link->options.name),
		.address = mem_str(link->options.address),
	};

	link_send(link, AGENT_OPEN, &open);
}

static void set_host_clock(struct link *link, uint64_t boot_ms)
{
	link->host_ms = boot_ms;
	link->host_at = clock_boot_ms();
}

static int hear_hello(struct link *link, const void *message, struct err *err)
{
	const struct agent_hello *hello = message;

	if (hello->protocol != AGENT_PROTOCOL)
		return err_set(err, ERR_PROTOCOL,
			       "the agent speaks protocol %u (gray %s), we "
			       "speak %u (gray " GRAY_VERSION
			       "): run `grayctl hosts add`",
			       hello->protocol, hello->version, AGENT_PROTOCOL);
	agent_hello_release(&link->hello);
	agent_hello_copy(hello, &link->hello);
	set_host_clock(link, hello->boot_ms);
	link_set_state(link, LINK_OPENING, GREET_PINGS * link->options.ping_ms);
	send_open(link);
	return 0;
}

static int hear_status(struct link *link, const void *message, struct err *err)
{
	(void)err;
	if (link->state == LINK_UP) {
		link->events.on_status(link, message, link->ctx);
		return 0;
	}
	link->up_at = clock_boot_ms();
	link_set_state(link, LINK_UP, link->options.ping_ms);
	link->events.on_up(link, &link->hello, message, link->ctx);
	return 0;
}

static int hear_result(struct link *link, const void *message, struct err *err)
{
	const struct agent_result *result = message;

	(void)err;
	if (link->push && link->push_epoch == result->epoch &&
	    link->push_seq == result->seq)
		push_free(TAKE(link->push));
	link->events.on_result(link, result, link->ctx);
	return 0;
}

static int hear_need(struct link *link, const void *message, struct err *err)
{
	/* Without a push its result came first, or we gave it up. */
	return link->push ? push_need(link->push, message, err) : 0;
}

static int hear_ping(struct link *link, const void *message, struct err *err)
{
	const struct agent_ping *ping = message;
	struct agent_pong pong = { .number = ping->number,
				   .boot_ms = clock_boot_ms() };

	(void)err;
	link_send(link, AGENT_PONG, &pong);
	return 0;
}

static int hear_pong(struct link *link, const void *message, struct err *err)
{
	const struct agent_pong *pong = message;

	(void)err;
	set_host_clock(link, pong->boot_ms);
	return 0;
}

static int hear_checked(struct link *link, const void *message, struct err *err)
{
	(void)err;
	link->events.on_checked(link, message, link->ctx);
	return 0;
}

static int hear_failure(struct link *link, const void *message, struct err *err)
{
	const struct agent_failure *failure = message;
	AUTO_STR char *text = str_clean(failure->text, strlen(failure->text));
	bool is_code =
		failure->code >= ERR_FAILED && failure->code <= ERR_SYSTEM;

	(void)link;
	return err_set(err, is_code ? (enum err_code)failure->code : ERR_SYSTEM,
		       "the agent gave up: %s", text);
}

#define WHEN(state) (1u << (state))

/* What an agent may say, and when. */
static const struct {
	enum agent_message number;
	unsigned when;
	int (*hear)(struct link *link, const void *message, struct err *err);
} hearers[] = {
	{ AGENT_HELLO, WHEN(LINK_GREETING), hear_hello },
	{ AGENT_STATUS, WHEN(LINK_OPENING) | WHEN(LINK_UP), hear_status },
	{ AGENT_RESULT, WHEN(LINK_UP), hear_result },
	{ AGENT_NEED, WHEN(LINK_UP), hear_need },
	{ AGENT_PING, WHEN(LINK_OPENING) | WHEN(LINK_UP), hear_ping },
	{ AGENT_PONG, WHEN(LINK_UP), hear_pong },
	{ AGENT_CHECKED, WHEN(LINK_UP), hear_checked },
	{ AGENT_FAILURE,
	  WHEN(LINK_GREETING) | WHEN(LINK_OPENING) | WHEN(LINK_UP),
	  hear_failure },
};

int link_hear(struct link *link, const struct frame *frame, struct err *err)
{
	const struct proto_type *type = agent_message_type(frame->type);
	void *message;
	int rc = 0;

	for (size_t i = 0; i < COUNT_OF(hearers); i++) {
		if (hearers[i].number != frame->type)
			continue;
		if (!(hearers[i].when & WHEN(link->state)))
			return err_set(err, ERR_PROTOCOL,
				       "the agent sent %s out of turn",
				       type->name);
		message = mem_alloc(type->size);
		rc = proto_decode(type, frame->bytes, frame->size, message,
				  err);
		if (rc == 0)
			rc = hearers[i].hear(link, message, err);
		proto_release(type, message);
		free(message);
		return rc;
	}
	return err_set(err, ERR_PROTOCOL, "the agent sent message %u (%s)",
		       frame->type, agent_message_name(frame->type));
}
