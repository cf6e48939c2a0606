#include <string.h>

#include "cmd/grayctl/client.h"
#include "cmd/grayctl/command.h"
#include "core/base/str.h"

static const struct option_spec options[] = {
	{ "service", OPTION_TEXT, "of this service", "name", 0 },
	{ 0 },
};

/* What one side of a change is, in few words. */
static char *describe(const struct js *entry)
{
	const char *target = js_get_str(entry, "target", NULL);

	if (target)
		return mem_format("-> %s", target);
	return mem_format("%lld bytes%s",
			  (long long)js_get_int(entry, "size", 0),
			  strcmp(js_get_str(entry, "mode", ""), "0755") == 0
				  ? ", a program"
				  : "");
}

static void print_line(const struct output *output, char mark,
		       enum output_tone tone, const struct js *entry,
		       const char *words)
{
	const char *path = js_get_str(entry, "path", "?");
	AUTO_STR char *clean_path = str_clean(path, strlen(path));
	AUTO_STR char *clean = str_clean(words, strlen(words));

	(void)fprintf(output->file, "%s%c %s%s  %s\n",
		      output_tone(output->has_colour, tone), mark, clean_path,
		      output_tone_end(output->has_colour, tone), clean);
}

static void print_list(const struct output *output, const struct js *list,
		       char mark, enum output_tone tone)
{
	for (size_t i = 0; i < js_count(list); i++) {
		AUTO_STR char *words = describe(js_at(list, i));

		print_line(output, mark, tone, js_at(list, i), words);
	}
}

static void print_changed(const struct output *output, const struct js *list)
{
	for (size_t i = 0; i < js_count(list); i++) {
		const struct js *change = js_at(list, i);
		AUTO_STR char *from = describe(js_get(change, "from"));
		AUTO_STR char *to = describe(js_get(change, "to"));
		AUTO_STR char *words =
			strcmp(from, to) == 0
				? mem_format("%s, other content", to)
				: mem_format("%s, was %s", to, from);

		print_line(output, '~', TONE_WAIT, change, words);
	}
}

static void print(const struct output *output, const struct js *diff)
{
	const struct js *added = js_get(diff, "added");
	const struct js *removed = js_get(diff, "removed");
	const struct js *changed = js_get(diff, "changed");
	char size[32];

	print_list(output, added, '+', TONE_GOOD);
	print_list(output, removed, '-', TONE_BAD);
	print_changed(output, changed);
	str_format_bytes((uint64_t)js_get_int(diff, "new_bytes", 0), size,
			 sizeof(size));
	(void)fprintf(output->file,
		      "%zu added, %zu removed, %zu changed, %lld the same; "
		      "%s of new content\n",
		      js_count(added), js_count(removed), js_count(changed),
		      (long long)js_get_int(diff, "same", 0), size);
}

static int run(struct invocation *inv, struct err *err)
{
	AUTO_VALUE(buf) path = BUF_INIT;

	buf_append_str(&path, "/v1/releases/diff");
	client_add_query(&path, "from", inv->args[0]);
	client_add_query(&path, "to", inv->args[1]);
	client_add_query(&path, "service",
			 option_text(&inv->options, "service"));
	return client_show(inv->client, buf_str(&path), inv->output, print,
			   err);
}

const struct command cmd_releases_diff = {
	.name = "releases diff",
	.args = "<from> <to>",
	.summary = "the files that differ between two releases",
	.details = "Releases are named as for `releases show`.",
	.min_args = 2,
	.max_args = 2,
	.flags = COMMAND_CONTROLLER,
	.options = options,
	.run = run,
};
