#include "cmd/grayctl/command.h"

static const struct option_spec options[] = {
	{ "list", OPTION_FLAG, "only the names, one a line", NULL, 0 },
	{ 0 },
};

/* grayctl help [command]: */
static int run(struct invocation *inv, struct err *err)
{
	const struct command *found = NULL;
	size_t n_words = 0;

	if (option_flag(&inv->options, "list")) {
		for (size_t i = 0; i < n_commands; i++)
			(void)fprintf(inv->output->file, "%s\n",
				      commands[i]->name);
		return 0;
	}
	if (inv->n_args == 0) {
		command_print_list(inv->output->file);
		return 0;
	}
	if (command_find(inv->args, inv->n_args, &n_words, &found, err) < 0)
		return err_again(err);
	if (n_words < inv->n_args)
		return err_set(err, ERR_INVALID, "no command \"%s %s\"",
			       inv->args[0], inv->args[1]);
	command_print_help(found, inv->output->file);
	return 0;
}

const struct command cmd_help = {
	.name = "help",
	.args = "[command]",
	.summary = "what the commands do",
	.max_args = 2,
	.options = options,
	.run = run,
};
