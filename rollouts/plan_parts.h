/*
 * plan_parts.h - what the files that read a plan share; for plan*.c alone.
 *
 * The schema has been checked before the parts are read: a value of the wrong
 * kind has been reported, and the getters of node.h answer as if it were not
 * there. What is said here is about values that mean nothing together.
 */
#pragma once

#include "core/text/mistakes.h"
#include "core/text/node.h"
#include "core/text/schema.h"
#include "rollouts/plan.h"

struct plan_reading {
	struct plan *plan;
	struct mistakes mistakes;
};

extern const struct schema plan_schema;

/* A mistake about NODE, which is not NULL. */
#define plan_say(reading, node, where, ...)                              \
	mistakes_add(&(reading)->mistakes, (node)->line, (node)->column, \
		     where, __VA_ARGS__)

void plan_read_release(struct plan_reading *reading, const struct node *root);
void plan_read_deploy(struct plan_reading *reading, const struct node *root);
void plan_read_metrics(struct plan_reading *reading, const struct node *root);
void plan_read_gates(struct plan_reading *reading, const struct node *root);
/* After the gates, which stages name. */
void plan_read_stages(struct plan_reading *reading, const struct node *root);

/* Values that several parts have. */
struct plan_place plan_place_of(const struct node *node);
void plan_read_amount(const struct node *node, struct plan_amount *out);
/* A list of words, and a timeout beside it; both may be NULL. */
void plan_read_argv(const struct node *list, const struct node *timeout,
		    struct plan_argv *out);
/* A command that runs on hosts, as plan_read_argv; WHERE is of the list. */
void plan_read_host_argv(struct plan_reading *reading, const struct node *list,
			 const struct node *timeout, const char *where,
			 struct plan_argv *out);
void plan_read_probe(struct plan_reading *reading, const struct node *map,
		     const char *where, struct plan_probe *out);
/* Is NODE a URL that a host can be asked to read? Says so if not. */
bool plan_check_host_url(struct plan_reading *reading, const struct node *node,
			 const char *where);
/* Is NODE the name of a systemd unit? Says so if not. */
void plan_check_unit(struct plan_reading *reading, const struct node *node,
		     const char *where);
/* The value of a choice by its place in CHOICES; OTHERWISE when left out. */
unsigned plan_read_choice(const struct node *node, const char *const *choices,
			  unsigned otherwise);

void plan_probe_release(struct plan_probe *probe);
void plan_argv_release(struct plan_argv *argv);

/* In the order of the enums in plan.h; each ends with NULL. */
extern const char *const plan_domains_names[];
extern const char *const plan_on_failure_names[];
extern const char *const plan_on_conflict_names[];
extern const char *const plan_then_names[];

/* What holds when a key is left out; the schema and the manual repeat it. */
#define PLAN_TIMEOUT_MS	    30000
#define PLAN_MIN_HEALTHY_MS 10000
#define PLAN_BAKE_MS	    600000
#define PLAN_CONFIRM_MS	    300000
#define PLAN_CONFIRM_MIN_MS 10000
#define PLAN_KEEP	    5
#define PLAN_HOLD_MS	    600000
#define PLAN_DEADLINE_MS    14400000
#define PLAN_INTERVAL_MS    10000
