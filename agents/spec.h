/*
 * spec.h - how a service is switched, as plain values of fixed size.
 *
 * What the controller says in an agent_deploy, once more without a pointer: so
 * it can be kept in the journal and passed between processes as it is. All text
 * ends in a NUL. Whoever gets one from outside calls spec_check first.
 */
#pragma once

#include <stdint.h>

#include "core/base/err.h"
#include "core/wire/agent.h"

#define SPEC_ARGV    16
#define SPEC_ARG     257
#define SPEC_PROBES  8
#define SPEC_TARGET  513
#define SPEC_NAME    65
#define SPEC_ADDRESS 257
#define SPEC_UNIT    257

struct spec_hook {
	uint32_t n_argv; /* 0: there is none */
	uint64_t timeout_ms;
	char argv[SPEC_ARGV][SPEC_ARG];
};

struct spec_probe {
	enum agent_probe_kind kind;
	char target[SPEC_TARGET];
	uint64_t timeout_ms;
	uint32_t status; /* http; 0: any 2xx */
	struct spec_hook command;
};

struct spec {
	char service[SPEC_NAME];
	char name[SPEC_NAME];	    /* the host's, for hooks */
	char address[SPEC_ADDRESS]; /* likewise */
	enum agent_restart_kind restart;
	char unit[SPEC_UNIT];
	struct spec_hook command;
	struct spec_hook prepare;
	struct spec_hook drain;
	uint32_t n_probes;
	struct spec_probe probes[SPEC_PROBES];
	uint64_t min_healthy_ms;
};

/* From the wire; ERR_INVALID when something is longer than it may be. */
int spec_of_deploy(const struct agent_deploy *deploy, struct spec *out,
		   struct err *err) MUST_CHECK;
int spec_of_probe(const struct agent_probe *probe, struct spec_probe *out,
		  struct err *err) MUST_CHECK;
/* ERR_INVALID unless every count, kind and text is one we could have made. */
int spec_check(const struct spec *spec, struct err *err) MUST_CHECK;
/* Copy TEXT, NULL counting as ""; ERR_INVALID when it does not fit. */
int spec_set_text(char *out, size_t size, const char *text, const char *what,
		  struct err *err) MUST_CHECK;
