/*
 * bootstrap_greet.h - the first words with an agent: its magic line, our hello,
 * its hello. Bytes in, bytes out; nothing here talks to a host.
 */
#pragma once

#include "core/wire/agent.h"
#include "core/wire/frame.h"

struct greeting {
	struct frame_decoder decoder;
	bool has_greeted; /* our hello is out */
	bool is_done;	  /* its hello is here, and we understand each other */
	struct agent_hello hello;
};

void greeting_init(struct greeting *greeting);
void greeting_release(struct greeting *greeting);
/* BYTES came; what is to be answered is added to OUT. */
int greeting_hear(struct greeting *greeting, const uint8_t *bytes, size_t size,
		  struct buf *out, struct err *err) MUST_CHECK;
