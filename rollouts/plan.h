/*
 * plan.h - what the operator asked for: plan.yaml, read and checked.
 *
 * All mistakes are collected, each with file:line:column and the key's path.
 * The plan is only what the file says: which hosts a share means is stages.h,
 * what it would do is preview.h. One table of keys (plan_schema) gives the
 * checks, the JSON Schema and the manual's reference.
 *
 * Every key of the contract is parsed; one that has no effect in this version
 * is an error that says so.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/vec.h"

#define PLAN_MAX_BYTES	(1u << 20)
#define PLAN_MAX_STAGES 64
#define PLAN_MAX_GATES	32
#define PLAN_VALID_MS	10000 /* V: a command is void so long after sending */

/* Where a thing was written; 1-based; 0 when it was left out. */
struct plan_place {
	unsigned line;
	unsigned column;
};

/* "5%" or "3": a share of the hosts or a count of them. */
struct plan_amount {
	bool is_share;
	uint32_t bp;	/* if is_share */
	uint32_t count; /* otherwise */
	struct plan_place place;
};

struct plan_argv {
	char **argv;   /* n_argv strings and a NULL */
	size_t n_argv; /* 0: not given */
	uint64_t timeout_ms;
};

enum plan_source { SOURCE_DIR, SOURCE_GIT, SOURCE_TARBALL };
struct plan_release {
	enum plan_source source;
	char *path;    /* dir, repository or tarball, as written */
	char *ref;     /* git */
	char *subpath; /* git: folder in the tree, or NULL */
	char *sha256;  /* tarball, or NULL */
	char *version;
	struct plan_place place;
};

enum plan_probe_kind { PROBE_HTTP, PROBE_TCP, PROBE_COMMAND, PROBE_SYSTEMD };
struct plan_probe {
	enum plan_probe_kind kind;
	char *target;	 /* URL, host:port, unit; {address} and {name} stand for
			    the host's */
	uint32_t status; /* http; 0: any 2xx */
	struct plan_argv command;
	uint64_t timeout_ms;
};

enum plan_restart { RESTART_NONE, RESTART_COMMAND, RESTART_SYSTEMD };
enum plan_domains { DOMAINS_SPREAD, DOMAINS_ONE_AT_A_TIME };
struct plan_deploy {
	char *root; /* absolute, normal */
	enum plan_restart restart;
	char *unit;
	struct plan_argv restart_command; /* its timeout holds for systemd too
					   */
	struct plan_argv prepare;
	struct plan_argv drain;
	VEC(struct plan_probe) probes;
	uint64_t min_healthy_ms;
	struct plan_amount max_unavailable;
	enum plan_domains domains;
	struct plan_place domains_place;
	struct plan_amount budget_failed;
	struct plan_amount budget_unreachable;
	struct plan_amount budget_unhealthy;
	uint64_t confirm_ms;
	uint32_t keep;
};

struct plan_metrics {
	char *prometheus; /* URL read by the agent on the host */
};

enum plan_on_failure { FAILURE_ROLLBACK, FAILURE_HOLD };
enum plan_on_conflict { CONFLICT_QUEUE, CONFLICT_SUPERSEDE, CONFLICT_REJECT };
enum plan_then { THEN_PAUSE, THEN_ROLLBACK };

struct plan_stage {
	char *name;
	struct plan_amount hosts;
	uint64_t bake_ms;
	uint64_t min_requests;
	uint32_t n_approvals; /* 0: none needed */
	char *approve_from;   /* who may, or NULL: anybody */
	enum plan_on_failure on_failure;
	uint32_t gates; /* bit i: gates.items[i] judges this stage */
	struct plan_place place;
};

enum plan_gate_kind {
	GATE_PROBE,
	GATE_COMMAND,
	GATE_HTTP,
	GATE_VALUE,
	GATE_RATIO
};
struct plan_gate {
	enum plan_gate_kind kind;
	char *name;
	struct plan_probe probe;  /* GATE_PROBE */
	struct plan_argv command; /* GATE_COMMAND, run on the controller */
	char *url;		  /* GATE_HTTP, asked by the controller */
	uint32_t status;
	uint64_t timeout_ms;
	char *metric; /* GATE_VALUE: a selector; GATE_RATIO: the bad ones */
	char *total;  /* GATE_RATIO */
	bool has_max;
	double max;
	bool has_min;
	double min;
	uint64_t interval_ms; /* between two looks */
	struct plan_place place;
};

struct plan {
	char *service;
	struct plan_release release;
	char *fleet; /* path as written */
	char *hosts; /* selector, or NULL: all */
	struct plan_place hosts_place;
	struct plan_deploy deploy;
	VEC(struct plan_metrics) metrics;
	VEC(struct plan_stage) stages;
	VEC(struct plan_gate) gates;
	enum plan_on_failure on_failure;
	uint64_t no_data_hold_ms;
	enum plan_then no_data_then;
	enum plan_on_conflict on_conflict;
	uint64_t deadline_ms;
	char *text; /* the file, byte for byte: stored and hashed */
	char *path; /* for sentences */
};

/* One mistake; the sentence is whole: "plan.yaml:12:9: stages[1].hosts: ...".
 */
struct plan_mistake {
	struct plan_place place;
	char *text;
};
struct plan_mistakes {
	VEC(struct plan_mistake) list;
};
void plan_mistakes_release(struct plan_mistakes *mistakes);
MEM_AUTO_VALUE(plan_mistakes)
/*
 * Add one about the file PATH; WHERE is the path of keys: "stages[1].hosts". A
 * place of 0 stands for the head of the file.
 */
void plan_mistakes_add(struct plan_mistakes *mistakes, const char *path,
		       struct plan_place place, const char *where,
		       const char *fmt, ...) PRINTF_LIKE(5, 6);

/*
 * Read a plan from TEXT.
 *
 * path      for sentences; copied
 * mistakes  every mistake is added, in the order of the file
 * out       on success a plan the caller owns
 *
 * Fails with ERR_INVALID ("plan.yaml: 3 mistakes") if there was any mistake.
 */
int plan_parse(const char *path, const char *text, size_t size,
	       struct plan_mistakes *mistakes, struct plan **out,
	       struct err *err) MUST_CHECK;
void plan_free(struct plan *plan);
MEM_AUTO(plan)

/*
 * D, the longest that a host's activation or revert takes: the timeouts of
 * drain, restart and all probes, and min_healthy_time. A host's lease (confirm)
 * is longer than D + V.
 */
uint64_t plan_switch_ms(const struct plan *plan);

/* "10%", "0.5%" or "3", as it is written in a plan. */
void plan_amount_format(const struct plan_amount *amount, char *out,
			size_t size);

/* The key that makes a gate one of this kind: "ratio". */
const char *plan_gate_key(enum plan_gate_kind kind);

/* The table of keys as JSON Schema (draft 2020-12); owned by the caller. */
char *plan_schema_json(void) MUST_CHECK;
