/*
 * command.h - what a command is, and the one list of them.
 *
 * To add a command: write cmd_<id>.c, add its line here. Help, usage, argument
 * counts, completion and the check of the manual all use this table. A command
 * of two words ("hosts add") is its own file and its own line; the one of a
 * group with COMMAND_DEFAULT also answers to the first word alone.
 */
#pragma once

#include "cmd/grayctl/options.h"
#include "cmd/grayctl/output.h"
#include "core/base/buf.h"
#include "core/base/err.h"

#define COMMANDS(X)      \
	X(rollout)       \
	X(plan)          \
	X(status)        \
	X(watch)         \
	X(why)           \
	X(pause)         \
	X(resume)        \
	X(promote)       \
	X(retry)         \
	X(approve)       \
	X(rollback)      \
	X(abort)         \
	X(log)           \
	X(log_verify)    \
	X(hosts_list)    \
	X(hosts_add)     \
	X(hosts_check)   \
	X(releases_list) \
	X(releases_show) \
	X(releases_diff) \
	X(doctor)        \
	X(help)          \
	X(completion)

enum command_flag {
	COMMAND_CONTROLLER = 1, /* talks to grayd: inv->client is there */
	COMMAND_DEFAULT = 2	/* stands for its group when alone */
};

struct client;
struct command;

struct invocation {
	const struct command *command;
	const char **args; /* what is no option; counted already */
	size_t n_args;
	struct option_values options;
	struct output *output;
	struct client *client; /* NULL without COMMAND_CONTROLLER */
	const char *home;
	struct buf mistakes; /* whole sentences, a line each; main shows them */
};

struct command {
	const char *name;    /* "pause", "hosts add" */
	const char *args;    /* "<rollout>"; "" for none */
	const char *summary; /* one line, no full stop */
	const char *details; /* more for `help NAME`, or NULL */
	unsigned min_args;
	unsigned max_args;
	unsigned flags;
	const struct option_spec *options; /* ends with an empty one; or NULL */
	/* Prints the answer; main prints *err and exits by its code. */
	int (*run)(struct invocation *inv, struct err *err);
};

#define COMMAND_DECLARE(id) extern const struct command cmd_##id;
COMMANDS(COMMAND_DECLARE)
#undef COMMAND_DECLARE

extern const struct command *const commands[];
extern const size_t n_commands;

/*
 * The command that WORDS start with; *n_words says how many of them name it.
 * ERR_INVALID with a suggestion when there is none.
 */
int command_find(const char *const *words, size_t n, size_t *n_words,
		 const struct command **out, struct err *err) MUST_CHECK;
/* "usage: grayctl pause [options] <rollout>" and a newline. */
void command_print_usage(const struct command *command, FILE *file);
void command_print_help(const struct command *command, FILE *file);
void command_print_list(FILE *file);
/* The most arguments, written for people: "1 argument". */
int command_check_args(const struct command *command, const char *const *args,
		       size_t n, struct err *err) MUST_CHECK;
