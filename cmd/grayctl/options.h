/*
 * options.h - a command's options: one table, read from the command line.
 *
 * `--name value`, `--name=value` and `-x` in any order among the arguments;
 * "--" ends the options. Every mistake is collected, not only the first.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/vec.h"

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_NUMBER };

struct option_spec {
	const char *name; /* without the dashes */
	enum option_kind kind;
	const char *help;
	const char *value; /* what the help calls it; NULL: "text", "n" */
	char letter;	   /* short form, or 0 */
};

/* Those that every command takes; ends with an empty one. */
extern const struct option_spec options_global[];

struct option_value {
	const struct option_spec *spec;
	const char *text; /* NULL for a flag */
	uint64_t number;
};
struct option_values {
	VEC(struct option_value) list;
};
void option_values_release(struct option_values *values);
MEM_AUTO_VALUE(option_values)

/*
 * Sort WORDS into options and ARGS.
 *
 * specs     of the command, besides the global ones; or NULL
 * args      room for n words; borrowed from WORDS
 * mistakes  a line each
 *
 * Fails with ERR_INVALID if there was any mistake.
 */
int options_parse(const struct option_spec *specs, const char *const *words,
		  size_t n, struct option_values *out, const char **args,
		  size_t *n_args, struct buf *mistakes,
		  struct err *err) MUST_CHECK;

bool option_flag(const struct option_values *values, const char *name);
/* The last one given, or NULL. */
const char *option_text(const struct option_values *values, const char *name);
/* The last one given, or OTHERWISE. */
uint64_t option_number(const struct option_values *values, const char *name,
		       uint64_t otherwise);
/* "--reason <text>": as the help shows it; owned by the caller. */
char *option_synopsis(const struct option_spec *spec) MUST_CHECK;
