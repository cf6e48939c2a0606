/*
 * link.h - the controller's end of one agent: kept connected, and asked.
 *
 * Connects through core/remote, greets, opens the deployment root, pings, and
 * after a loss tries again with a jittered back-off for as long as it lives.
 * Sends what it is told and reports what comes back; it knows nothing of
 * stages, budgets or sequence rules.
 *
 *	connecting -> greeting -> opening -> up
 *	     ^------------ back-off ---------+
 *
 * Each has a deadline: connecting the transport's own, greeting and opening
 * four pings each; and whoever is up and silent for three pings is dead.
 */
#pragma once

#include "core/data/blobs.h"
#include "core/release/manifest.h"
#include "core/remote/transport.h"
#include "core/sys/loop.h"
#include "core/wire/agent.h"

struct link;

struct link_options {
	struct remote_target target; /* copied */
	const char *command;	     /* that starts the agent; copied */
	const char *service;	     /* copied, as are the rest */
	const char *root;
	const char *name;
	const char *address;
	uint64_t ping_ms;    /* silent for 3 of these: dead */
	uint64_t backoff_ms; /* first wait; doubles up to 30 s, jittered */
};

/* Called on the main loop; messages are borrowed for the call. */
struct link_events {
	/* Connected and opened: what the agent is, and how its host stands. */
	void (*on_up)(struct link *link, const struct agent_hello *hello,
		      const struct agent_status *status, void *ctx);
	void (*on_status)(struct link *link, const struct agent_status *status,
			  void *ctx);
	void (*on_result)(struct link *link, const struct agent_result *result,
			  void *ctx);
	void (*on_checked)(struct link *link,
			   const struct agent_checked *checked, void *ctx);
	/* A try failed or the connection was lost. It goes on trying. */
	void (*on_down)(struct link *link, const struct err *err, void *ctx);
};

struct link *link_new(struct loop *loop, struct remote *remote,
		      const struct link_options *options,
		      const struct link_events *events, void *ctx);
/* No more calls after it. */
void link_free(struct link *link);

bool link_is_up(const struct link *link);
/*
 * The host's BOOTTIME now, never ahead of it: its last answer and what passed
 * here since; and the boot it counts from. Only while up.
 */
uint64_t link_host_boot_ms(const struct link *link);
const char *link_boot_id(const struct link *link);

/*
 * Send COMMAND; boot_id and valid_until_ms are filled in from VALID_MS. Does
 * nothing while down: the caller hears on_down, and asks again when up.
 */
void link_command(struct link *link, const struct agent_command *command,
		  uint64_t valid_ms);
/*
 * The same for VERB_STAGE: sends the manifest, then the blobs the host lacks,
 * paced by the transport. MANIFEST and BLOBS are borrowed until its on_result
 * or on_down. A file that cannot be read here is told by an on_result with the
 * error, and then an on_down.
 */
void link_stage(struct link *link, const struct agent_command *command,
		uint64_t valid_ms, const struct manifest *manifest,
		struct blobs *blobs);
/* Bytes of the running stage: sent so far, and to send in all. */
void link_stage_progress(const struct link *link, uint64_t *out_sent,
			 uint64_t *out_total);
void link_ask(struct link *link); /* on_status answers */
void link_check(struct link *link, const struct agent_check *check);
