/*
 * serve_state.h - the inside of serve: only serve*.c include it.
 *
 *	serve.c		the loop, and what needs no guard
 *	serve_guard.c	messages to records and back
 */
#pragma once

#include "agents/check.h"
#include "agents/facts.h"
#include "agents/record.h"
#include "core/release/manifest.h"
#include "core/wire/frame.h"

#define SERVE_CHECKS 16

struct serve {
	int in;
	int out;
	const char *home;
	struct frame_decoder frames;
	struct buf pending; /* bytes that OUT has not taken yet */
	bool is_over;
	/* After hello. */
	bool is_greeted;
	char host_id[FACTS_HOST_ID];
	char boot_id[BOOT_ID_SIZE];
	/* After open. */
	int guard; /* -1: not opened */
	char *root;
	struct spec who; /* service, name and address only */
	struct check *checks[SERVE_CHECKS];
	/* A manifest in parts. */
	struct digest parts_of;
	struct buf parts;
	/* Needed files, until the last record of them. */
	struct buf need; /* uint32_t each */
};

/* serve_guard.c */
int serve_open(struct serve *serve, const struct agent_open *open,
	       struct err *err) MUST_CHECK;
int serve_ask(struct serve *serve, struct err *err) MUST_CHECK;
int serve_command(struct serve *serve, const struct agent_command *command,
		  struct err *err) MUST_CHECK;
int serve_manifest_part(struct serve *serve,
			const struct agent_manifest_part *part,
			struct err *err) MUST_CHECK;
int serve_blob(struct serve *serve, const struct agent_blob *blob,
	       struct err *err) MUST_CHECK;
/* A record from the guard is there. */
int serve_guard_read(struct serve *serve, struct err *err) MUST_CHECK;
