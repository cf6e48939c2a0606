#include "cmd/grayctl/client.h"
#include "cmd/grayctl/command.h"
#include "core/base/str.h"

static const struct option_spec options[] = {
	{ "service", OPTION_TEXT, "of this service", "name", 0 },
	{ 0 },
};

static void print_rollout(const struct output *output, const struct js *rollout)
{
	const char *state = js_get_str(rollout, "state", "?");
	enum output_tone tone = output_tone_of(state);

	(void)fprintf(output->file, "  %-14s %s%s%s  as %s by %s, %s\n",
		      js_get_str(rollout, "id", "?"),
		      output_tone(output->has_colour, tone), state,
		      output_tone_end(output->has_colour, tone),
		      js_get_str(rollout, "version", "?"),
		      js_get_str(rollout, "who", "?"),
		      js_get_str(rollout, "created", "?"));
}

static void print_use(const struct output *output, const struct js *use)
{
	const struct js *rollouts = js_get(use, "rollouts");
	const struct js *hosts = js_get(use, "hosts");

	for (size_t i = 0; i < js_count(rollouts); i++)
		print_rollout(output, js_at(rollouts, i));
	(void)fprintf(output->file, "  %s: %zu host%s recorded on it",
		      js_get_str(use, "service", "?"), js_count(hosts),
		      js_count(hosts) == 1 ? "" : "s");
	for (size_t i = 0; i < js_count(hosts); i++)
		(void)fprintf(output->file, "%s%s", i ? " " : ": ",
			      js_str(js_at(hosts, i), "?"));
	(void)fputc('\n', output->file);
}

static void add_entry(struct table *table, const struct js *entry)
{
	const char *target = js_get_str(entry, "target", NULL);
	AUTO_STR char *size =
		mem_format("%lld", (long long)js_get_int(entry, "size", 0));

	table_add(table, target ? "link" : js_get_str(entry, "mode", "?"));
	table_add(table, target ? "-" : size);
	table_add(table, js_get_str(entry, "path", "?"));
	table_add(table, target ? target : js_get_str(entry, "digest", "?"));
}

static void print(const struct output *output, const struct js *release)
{
	static const char *const heads[] = { "MODE", "SIZE", "PATH", "DIGEST" };
	const struct js *uses = js_get(release, "uses");
	const struct js *entries = js_get(release, "entries");
	AUTO_VALUE(table) table = { 0 };
	char size[32];

	str_format_bytes((uint64_t)js_get_int(release, "bytes", 0), size,
			 sizeof(size));
	(void)fprintf(output->file, "%s %s: %s in %lld files%s\n%s\n",
		      js_get_str(release, "service", "?"),
		      js_get_str(release, "version", "?"), size,
		      (long long)js_get_int(release, "files", 0),
		      js_get_bool(release, "stored", true)
			      ? ""
			      : ", not all of them stored here any more",
		      js_get_str(release, "release", "?"));
	for (size_t i = 0; i < js_count(uses); i++)
		print_use(output, js_at(uses, i));
	table_init(&table, heads, COUNT_OF(heads));
	for (size_t i = 0; i < js_count(entries); i++)
		add_entry(&table, js_at(entries, i));
	table_print(&table, output);
}

static int run(struct invocation *inv, struct err *err)
{
	AUTO_VALUE(buf) path = BUF_INIT;

	buf_append_str(&path, "/v1/releases/show");
	client_add_query(&path, "name", inv->args[0]);
	client_add_query(&path, "service",
			 option_text(&inv->options, "service"));
	return client_show(inv->client, buf_str(&path), inv->output, print,
			   err);
}

const struct command cmd_releases_show = {
	.name = "releases show",
	.args = "<version|digest>",
	.summary = "the files of a release, and its rollouts",
	.details = "Of a digest the first letters are enough, at least four; "
		   "what may be several\nreleases is refused, naming them.",
	.min_args = 1,
	.max_args = 1,
	.flags = COMMAND_CONTROLLER,
	.options = options,
	.run = run,
};
