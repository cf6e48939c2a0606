#include <string.h>

#include "cmd/grayctl/command.h"
#include "core/base/str.h"

/* The options of COMMAND, "--reason --json ...", for a shell's word list. */
static void add_options(struct buf *out, const struct option_spec *specs)
{
	for (const struct option_spec *s = specs; s && s->name; s++)
		buf_format(out, "--%s ", s->name);
}

/* First words; a group's once. */
static void add_first_words(struct buf *out)
{
	const char *before = "";
	size_t before_size = 0;

	for (size_t i = 0; i < n_commands; i++) {
		size_t size = strcspn(commands[i]->name, " ");

		if (size != before_size ||
		    strncmp(commands[i]->name, before, size) != 0)
			buf_format(out, "%.*s ", (int)size, commands[i]->name);
		before = commands[i]->name;
		before_size = size;
	}
}

/* Second words of the groups, a `case` line each. */
static void add_groups(struct buf *out)
{
	for (size_t i = 0; i < n_commands; i++) {
		const char *space = strchr(commands[i]->name, ' ');

		if (space)
			buf_format(out, "\t%.*s) words+=\" %s\" ;;&\n",
				   (int)(space - commands[i]->name),
				   commands[i]->name, space + 1);
	}
}

static void add_cases(struct buf *out)
{
	for (size_t i = 0; i < n_commands; i++) {
		buf_format(out, "\t\"%s\"*) words+=\" ", commands[i]->name);
		add_options(out, commands[i]->options);
		buf_append_str(out, "\" ;;&\n");
	}
}

static void write_bash(struct buf *out)
{
	buf_append_str(out, "# bash completion for grayctl: "
			    "source <(grayctl completion bash)\n"
			    "_grayctl()\n{\n"
			    "\tlocal cur=\"${COMP_WORDS[COMP_CWORD]}\" words=\n"
			    "\tlocal line=\"${COMP_WORDS[*]:1}\"\n"
			    "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
			    "\t\twords=\"");
	add_first_words(out);
	buf_append_str(out, "\"\n\telif [ \"$COMP_CWORD\" -eq 2 ]; then\n"
			    "\tcase \"${COMP_WORDS[1]}\" in\n");
	add_groups(out);
	buf_append_str(out, "\t*) ;;\n\tesac\n\tfi\n"
			    "\tcase \"$line\" in\n");
	add_cases(out);
	buf_append_str(out, "\t*) ;;\n\tesac\n\twords+=\" ");
	add_options(out, options_global);
	buf_append_str(out, "\"\n\tmapfile -t COMPREPLY < "
			    "<(compgen -W \"$words\" -- \"$cur\")\n}\n"
			    "complete -o default -F _grayctl grayctl\n");
}

static void write_zsh(struct buf *out)
{
	buf_append_str(out, "#compdef grayctl\n_grayctl_zsh()\n{\n"
			    "\tlocal -a words_here\n\tlocal word\n");
	for (size_t i = 0; i < n_commands; i++)
		buf_format(out, "\twords_here+=(${(s: :):-\"%s\"})\n",
			   commands[i]->name);
	buf_append_str(out, "\tif (( CURRENT <= 3 )); then\n"
			    "\t\tcompadd -- ${(u)words_here}\n\tfi\n"
			    "\tcase \"${(j: :)words[2,3]}\" in\n");
	for (size_t i = 0; i < n_commands; i++) {
		buf_format(out, "\t(\"%s\"*) compadd -- ", commands[i]->name);
		add_options(out, commands[i]->options);
		add_options(out, options_global);
		buf_append_str(out, ";;\n");
	}
	buf_append_str(out, "\tesac\n\t_files\n}\n"
			    "compdef _grayctl_zsh grayctl\n");
}

/* TEXT between single quotes, for fish. */
static void add_quoted(struct buf *out, const char *text)
{
	buf_append_char(out, '\'');
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			buf_append_char(out, '\\');
		buf_append_char(out, *text);
	}
	buf_append_char(out, '\'');
}

static void add_fish_line(struct buf *out, const char *seen, int seen_size,
			  const char *what, const char *name, int name_size,
			  const char *help)
{
	buf_append_str(out, "complete -c grayctl ");
	if (seen)
		buf_format(out, "-n '__fish_seen_subcommand_from %.*s' ",
			   seen_size, seen);
	buf_format(out, "%s %.*s -d ", what, name_size, name);
	add_quoted(out, help);
	buf_append_char(out, '\n');
}

static void write_fish(struct buf *out)
{
	for (size_t i = 0; i < n_commands; i++) {
		const char *name = commands[i]->name;
		int first = (int)strcspn(name, " ");
		const char *second = name[first] ? name + first + 1 : NULL;

		add_fish_line(out, NULL, 0, "-n __fish_use_subcommand -a", name,
			      first, second ? "" : commands[i]->summary);
		if (second)
			add_fish_line(out, name, first, "-a", second,
				      (int)strlen(second),
				      commands[i]->summary);
		for (const struct option_spec *s = commands[i]->options;
		     s && s->name; s++)
			add_fish_line(out, name, first,
				      s->kind == OPTION_FLAG ? "-l" : "-r -l",
				      s->name, (int)strlen(s->name), s->help);
	}
	for (const struct option_spec *s = options_global; s->name; s++)
		add_fish_line(out, NULL, 0, "-l", s->name, (int)strlen(s->name),
			      s->help);
}

static const struct {
	const char *shell;
	void (*write)(struct buf *out);
} shells[] = {
	{ "bash", write_bash },
	{ "zsh", write_zsh },
	{ "fish", write_fish },
};

static int run(struct invocation *inv, struct err *err)
{
	for (size_t i = 0; i < COUNT_OF(shells); i++) {
		AUTO_VALUE(buf) text = BUF_INIT;

		if (strcmp(shells[i].shell, inv->args[0]) != 0)
			continue;
		shells[i].write(&text);
		(void)fputs(buf_str(&text), inv->output->file);
		return 0;
	}
	return err_set(err, ERR_INVALID,
		       "no completion for \"%s\": bash, zsh or fish",
		       inv->args[0]);
}

const struct command cmd_completion = {
	.name = "completion",
	.args = "bash|zsh|fish",
	.summary = "print a shell's completion for grayctl",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
