/*
 * link_private.h - what link.c (connecting, losing) and link_hear.c (what the
 * agent says) share.
 */
#pragma once

#include "core/base/rand.h"
#include "core/wire/frame.h"
#include "rollouts/link.h"
#include "rollouts/push.h"

#define GREET_PINGS 4u /* times ping_ms to answer hello, and open */

enum link_state {
	LINK_WAITING,
	LINK_CONNECTING,
	LINK_GREETING,
	LINK_OPENING,
	LINK_UP,
	LINK_CLOSING, /* we gave up; on_closed follows */
};

struct link {
	struct loop *loop;
	struct remote *remote;
	struct link_options options; /* its strings are ours */
	struct link_events events;
	void *ctx;

	enum link_state state;
	struct loop_timer *timer; /* the deadline, the ping, or the back-off */
	struct rand rand;
	unsigned n_tries; /* in a row that came to nothing */
	unsigned depth;	  /* of calls that are using us */
	bool is_freed;

	struct stream *stream;
	struct frame_decoder decoder;
	struct buf complaint; /* what the program says on standard error */
	struct err cause;     /* why we gave up */
	bool is_greeted;      /* our hello is sent */
	uint64_t up_at;
	uint64_t heard_at;
	uint64_t n_pings;

	struct agent_hello hello;
	uint64_t host_ms; /* the host's clock ... */
	uint64_t host_at; /* ... when it came, by ours */

	struct push *push; /* of the stage that runs, and its command's ... */
	uint64_t push_epoch;
	uint64_t push_seq;
	uint64_t push_valid_ms;
};

/* A state and its deadline. */
void link_set_state(struct link *link, enum link_state state, uint64_t in_ms);
void link_send(struct link *link, enum agent_message number,
	       const void *message);
/* Take one frame; what ends the connection is an error. May free LINK. */
int link_hear(struct link *link, const struct frame *frame,
	      struct err *err) MUST_CHECK;
