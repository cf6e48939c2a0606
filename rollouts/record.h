/*
 * record.h - what a rollout was made from: stored once, never changed.
 *
 * The plan's text, who asked for it and why, the hosts with their addresses,
 * the release. What became of it is the journal's business; the configuration
 * of its engine is stored when it starts.
 */
#pragma once

#include "core/base/digest.h"
#include "core/base/vec.h"
#include "core/release/manifest.h"
#include "core/text/json.h"
#include "rollouts/rollout.h"
#include "rollouts/store/store.h"

struct record_host {
	char *name;
	char *address;
	char *user; /* this and the next two: or NULL */
	char *identity;
	char *ssh_options; /* as in core/fleet/inventory.h */
	uint16_t port;
};
struct record {
	char *id; /* "feed-7": service and number */
	char *service;
	uint64_t number;
	uint64_t serial; /* order over all services */
	char *version;
	struct digest release;
	char *who;
	char *reason; /* or NULL */
	int64_t created_wall_ms;
	uint64_t log_after; /* its log entries come after this one */
	char *plan_path;
	char *plan_text;
	char *base_dir;
	char *ssh_identity; /* these or NULL */
	char *ssh_known_hosts;
	char *ssh_config;
	char *ssh_transport;
	VEC(struct record_host) hosts; /* in the order of the stages */
};
void record_free(struct record *record);
MEM_AUTO(record)

/* All keys of RECORD, with MANIFEST; none may be there but the manifest's. */
void record_add(const struct record *record, const struct manifest *manifest,
		struct store_batch *batch);
int record_load(struct store *store, const char *id, struct record **out,
		struct err *err) MUST_CHECK;
int record_load_manifest(struct store *store, const struct digest *release,
			 struct manifest **out, struct err *err) MUST_CHECK;

/* The engine's configuration; it may be replaced until the rollout starts. */
void record_put_config(const struct rollout_config *config,
		       struct store_batch *batch);
int record_load_config(struct store *store, const char *id,
		       struct rollout_config *out, struct err *err) MUST_CHECK;

/* What is known of a rollout without loading it. */
struct record_summary {
	char *id;
	char *service;
	uint64_t number;
	uint64_t serial;
};
struct record_list {
	VEC(struct record_summary) items; /* by serial */
};
void record_list_release(struct record_list *list);
int record_list_load(struct store *store, struct record_list *out,
		     struct err *err) MUST_CHECK;

/*
 * The last view of a rollout in a final state: there while it is final. Kept
 * twice, since lists want it without the hosts.
 */
void record_put_view(const char *id, const char *view, const char *host_view,
		     struct store_batch *batch);
void record_drop_view(const char *id, struct store_batch *batch);
int record_load_view(struct store *store, const char *id, bool has_hosts,
		     struct js **out, struct err *err) MUST_CHECK;
