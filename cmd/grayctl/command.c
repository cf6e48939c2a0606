#include "cmd/grayctl/command.h"

#include <string.h>

#include "core/base/str.h"

const struct command *const commands[] = {
#define COMMAND_ROW(id) &cmd_##id,
	COMMANDS(COMMAND_ROW)
#undef COMMAND_ROW
};
const size_t n_commands = COUNT_OF(commands);

static const struct command *find_exact(const char *name)
{
	for (size_t i = 0; i < n_commands; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

/* Is NAME "GROUP something"? */
static bool is_in_group(const char *name, const char *group)
{
	size_t size = strlen(group);

	return strncmp(name, group, size) == 0 && name[size] == ' ';
}

static const struct command *find_default(const char *group)
{
	for (size_t i = 0; i < n_commands; i++)
		if (commands[i]->flags & COMMAND_DEFAULT &&
		    is_in_group(commands[i]->name, group))
			return commands[i];
	return NULL;
}

static bool is_group(const char *word)
{
	for (size_t i = 0; i < n_commands; i++)
		if (is_in_group(commands[i]->name, word))
			return true;
	return false;
}

static int refuse(const char *name, struct err *err)
{
	AUTO_STR char *clean = str_clean(name, strlen(name));
	const char **names = mem_array(n_commands, sizeof(*names));
	const char *meant;

	for (size_t i = 0; i < n_commands; i++)
		names[i] = commands[i]->name;
	meant = str_nearest(clean, names, n_commands);
	free(names);
	if (meant)
		return err_set(err, ERR_INVALID,
			       "no command \"%s\" (did you mean %s?)", clean,
			       meant);
	return err_set(err, ERR_INVALID,
		       "no command \"%s\"; `grayctl help` lists them", clean);
}

int command_find(const char *const *words, size_t n, size_t *n_words,
		 const struct command **out, struct err *err)
{
	AUTO_STR char *pair = NULL;
	const struct command *found = NULL;
	bool has_second = n > 1 && words[1][0] != '-';

	if (n == 0)
		return err_set(err, ERR_INVALID,
			       "no command; `grayctl help` lists them");
	if (has_second) {
		pair = mem_format("%s %s", words[0], words[1]);
		found = find_exact(pair);
	}
	*n_words = found ? 2 : 1;
	if (!found)
		found = find_exact(words[0]);
	if (!found && !has_second)
		found = find_default(words[0]);
	if (found) {
		*out = found;
		return 0;
	}
	return refuse(pair && is_group(words[0]) ? pair : words[0], err);
}

int command_check_args(const struct command *command, const char *const *args,
		       size_t n, struct err *err)
{
	AUTO_STR char *extra = NULL;

	if (n < command->min_args)
		return err_set(err, ERR_INVALID, "%s needs %s", command->name,
			       command->args);
	if (n <= command->max_args)
		return 0;
	extra = str_clean(args[command->max_args],
			  strlen(args[command->max_args]));
	return err_set(err, ERR_INVALID, "%s: \"%s\" is one argument too many",
		       command->name, extra);
}

void command_print_usage(const struct command *command, FILE *file)
{
	(void)fprintf(file, "usage: grayctl %s", command->name);
	for (const struct option_spec *s = command->options; s && s->name;
	     s++) {
		AUTO_STR char *synopsis = option_synopsis(s);

		(void)fprintf(file, " [%s]", synopsis);
	}
	(void)fprintf(file, "%s%s\n", *command->args ? " " : "", command->args);
}

static void print_options(const struct option_spec *specs, FILE *file)
{
	for (const struct option_spec *s = specs; s && s->name; s++) {
		AUTO_STR char *synopsis = option_synopsis(s);

		(void)fprintf(file, "  %-20s %s\n", synopsis, s->help);
	}
}

void command_print_help(const struct command *command, FILE *file)
{
	(void)fprintf(file, "grayctl %s - %s\n\n", command->name,
		      command->summary);
	command_print_usage(command, file);
	if (command->details)
		(void)fprintf(file, "\n%s\n", command->details);
	(void)fputc('\n', file);
	print_options(command->options, file);
	print_options(options_global, file);
}

void command_print_list(FILE *file)
{
	(void)fputs("usage: grayctl <command> [options] [arguments]\n\n", file);
	for (size_t i = 0; i < n_commands; i++) {
		AUTO_STR char *name = mem_format("%s %s", commands[i]->name,
						 commands[i]->args);

		(void)fprintf(file, "  %-28s %s\n", name, commands[i]->summary);
	}
	(void)fputs("\n`grayctl help <command>` says more; the manual is "
		    "grayctl(1).\n",
		    file);
}
