/*
 * agent_client.h - a controller's end of an agent, for tests: one at a time,
 * blocking, over pipes.
 */
#pragma once

#include "core/base/vec.h"
#include "core/release/manifest.h"
#include "core/wire/agent.h"

/* A release that needs no disk: files with their content. */
struct sample_file {
	char *path;
	char *content;
	size_t size;
};
struct sample_release {
	struct manifest *manifest;
	VEC(struct sample_file) files;
};
struct sample_release *sample_release_new(void);
void sample_release_free(struct sample_release *release);
void sample_release_add(struct sample_release *release, const char *path,
			bool is_executable, const char *content);
void sample_release_add_link(struct sample_release *release, const char *path,
			     const char *target);
void sample_release_seal(struct sample_release *release);

struct agent_client;

/* Run ARGV, an agent's serve; HOME for it; greet it. */
int agent_client_start(const char *const *argv, const char *home,
		       struct agent_client **out, struct err *err) MUST_CHECK;
/* Close the connection and wait for serve to end. */
void agent_client_stop(struct agent_client *client);
int agent_client_pid(const struct agent_client *client);

int agent_client_open(struct agent_client *client, const char *root,
		      struct agent_status *out, struct err *err) MUST_CHECK;
int agent_client_ask(struct agent_client *client, struct agent_status *out,
		     struct err *err) MUST_CHECK;
/*
 * Fill in boot_id and valid_until_ms, send, and wait for the result. STAGED is
 * what a stage command is about, else NULL. *out_n_sent (may be NULL): files.
 */
int agent_client_command(struct agent_client *client,
			 struct agent_command *command,
			 const struct sample_release *staged,
			 struct agent_result *out, size_t *out_n_sent,
			 struct err *err) MUST_CHECK;
/* Send only; the result comes by agent_client_result. */
int agent_client_send(struct agent_client *client,
		      struct agent_command *command,
		      struct err *err) MUST_CHECK;
int agent_client_result(struct agent_client *client,
			const struct sample_release *staged,
			struct agent_result *out, size_t *out_n_sent,
			struct err *err) MUST_CHECK;
/* Wait until it says what it needs, and send no more than N of the files. */
int agent_client_send_files(struct agent_client *client,
			    const struct sample_release *staged, size_t n,
			    struct err *err) MUST_CHECK;
int agent_client_check(struct agent_client *client, struct agent_check *check,
		       struct agent_checked *out, struct err *err) MUST_CHECK;
/* Milliseconds until the answer came. */
int agent_client_ping(struct agent_client *client, uint64_t *out_ms,
		      struct err *err) MUST_CHECK;
