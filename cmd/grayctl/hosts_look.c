#include "cmd/grayctl/hosts_look.h"

#include <string.h>

#include "cmd/grayctl/hosts_ask.h"
#include "core/base/str.h"
#include "core/remote/hostkeys.h"
#include "core/remote/user.h"
#include "core/text/json.h"
#include "rollouts/bootstrap_steps.h"

/* ---- looking ---- */

static void looked_clear(struct looked *looked)
{
	step_seen_release(&looked->seen);
	free(looked->new_key);
	free(looked->machine);
	memset(looked, 0, sizeof(*looked));
}

void looks_release(struct looks *looks)
{
	for (size_t i = 0; i < looks->hosts.n; i++)
		looked_clear(&looks->hosts.items[i]);
	vec_release(&looks->hosts);
}

static void looked_cb(const struct bootstrap_report *report, void *ctx)
{
	struct looks *looks = ctx;

	for (size_t i = 0; i < looks->hosts.n; i++) {
		struct looked *looked = &looks->hosts.items[i];

		if (looked->report.host != report->host)
			continue;
		looked_clear(looked);
		looked->report = *report;
		step_seen_copy(report->seen, &looked->seen);
		looked->new_key = mem_str(report->new_key);
		looked->machine = mem_str(report->machine);
		looked->report.seen = &looked->seen;
		looked->report.new_key = looked->new_key;
		looked->report.machine = looked->machine;
		looked->report.version = "";
	}
}

static int look_at(const struct fleet_host *const *hosts, size_t n_hosts,
		   const char *const *fingerprints,
		   const struct bootstrap_options *options, struct looks *looks,
		   struct err *err)
{
	struct bootstrap_options look = *options;
	struct bootstrap_counts counts = { 0 };

	look.goal = BOOTSTRAP_LOOK;
	look.fingerprints = fingerprints;
	return bootstrap_run(hosts, n_hosts, &look, looked_cb, looks, &counts,
			     err);
}

int looks_take(const struct fleet_host *const *hosts, size_t n_hosts,
	       const struct bootstrap_options *options, struct looks *out,
	       struct err *err)
{
	for (size_t i = 0; i < n_hosts; i++)
		vec_add(&out->hosts)->report.host = hosts[i];
	return look_at(hosts, n_hosts, NULL, options, out, err);
}

int looks_ask_keys(struct looks *looks, const struct bootstrap_options *options,
		   struct err *err)
{
	VEC(const struct fleet_host *) hosts = { 0 };
	VEC(const char *) prints = { 0 };
	VEC(char *) owned = { 0 };
	int failed = 0;

	for (size_t i = 0; i < looks->hosts.n; i++) {
		const struct bootstrap_report *report =
			&looks->hosts.items[i].report;

		if (report->is_ready || !report->new_key ||
		    report->is_key_taken ||
		    !ask_key(report->host, report->new_key))
			continue;
		*vec_add(&hosts) = report->host;
		*vec_add(&owned) = mem_str(strchr(report->new_key, ' ') + 1);
		*vec_add(&prints) = owned.items[owned.n - 1];
	}
	if (hosts.n)
		failed = look_at(hosts.items, hosts.n, prints.items, options,
				 looks, err);
	for (size_t i = 0; i < owned.n; i++)
		free(owned.items[i]);
	vec_release(&owned);
	vec_release(&prints);
	vec_release(&hosts);
	return failed;
}

/* ---- showing ---- */

static bool changes(const struct looked *looked,
		    const struct bootstrap_options *options)
{
	return looked->report.is_ready && !looked->seen.is_bound &&
	       (!looked->seen.is_there || options->key);
}

size_t looks_count_changes(const struct looks *looks,
			   const struct bootstrap_options *options)
{
	size_t n = 0;

	for (size_t i = 0; i < looks->hosts.n; i++)
		n += changes(&looks->hosts.items[i], options);
	return n;
}

/* Whoever logs in; the caller's. */
static char *user_of(const struct looked *looked)
{
	return looked->report.host->user ? mem_str(looked->report.host->user)
					 : user_name();
}

/* What will be done to one host, or why nothing can be; the caller's. */
static char *what_of(const struct looked *looked,
		     const struct bootstrap_options *options)
{
	AUTO_VALUE(buf) text = BUF_INIT;
	const char *restart = looked->seen.restart;

	if (!looked->report.is_ready) {
		AUTO_STR char *why = str_clean(looked->report.err.text,
					       strlen(looked->report.err.text));

		return mem_format("nothing: %s", why);
	}
	if (looked->seen.is_bound)
		return mem_str("nothing: it may only run the agent it has");
	buf_append_str(&text, looked->seen.is_there ? "the agent is there"
						    : "copy the agent");
	if (looked->seen.n_other && !looked->seen.is_there)
		buf_format(&text, " beside %u other%s", looked->seen.n_other,
			   looked->seen.n_other == 1 ? "" : "s");
	if (options->key)
		buf_append_str(&text, ", add the key");
	if (options->unit && restart && strcmp(restart, "no") != 0)
		buf_format(&text, "; restarts %s %s", options->unit,
			   strcmp(restart, "root") == 0 ? "as root"
							: "by sudo");
	else if (options->unit) {
		AUTO_STR char *user = user_of(looked);
		AUTO_STR char *line = step_sudoers_line(user, options->unit);

		buf_format(&text,
			   "; may not restart %s: put this line into "
			   "/etc/sudoers.d/gray: %s",
			   options->unit, line);
	}
	return buf_take_str(&text);
}

static void show_words(const struct looks *looks,
		       const struct bootstrap_options *options,
		       const struct output *output)
{
	static const char *const heads[] = { "HOST", "LOGIN", "MACHINE",
					     "WHAT" };
	const struct agent_binary *binary = options->binary;
	AUTO_STR char *line = step_key_line(
		binary, options->key ? options->key : "<public key>");
	AUTO_STR char *known = hostkeys_first_file(options->known_hosts);
	AUTO_VALUE(table) table = { 0 };
	char hex[DIGEST_HEX + 1], size[32];

	digest_format(&binary->digest, hex);
	str_format_bytes(binary->size, size, sizeof(size));
	(void)fprintf(output->file,
		      "agent %s for %s, %s, digest %s\n"
		      "  goes to ~/%s, is started as\n  %s\n"
		      "  ~/.ssh/authorized_keys %s; new host keys go to %s\n",
		      GRAY_VERSION, *binary->machine ? binary->machine : "?",
		      size, hex, binary->remote_path, line,
		      options->key ? "gets that line" : "is not touched",
		      known);
	table_init(&table, heads, COUNT_OF(heads));
	for (size_t i = 0; i < looks->hosts.n; i++) {
		const struct looked *looked = &looks->hosts.items[i];
		const struct fleet_host *host = looked->report.host;
		AUTO_STR char *user = user_of(looked);
		AUTO_STR char *login =
			mem_format("%s@%s:%u", user, host->address,
				   host->port ? host->port : 22);
		AUTO_STR char *what = what_of(looked, options);

		table_add(&table, host->name);
		table_add(&table, login);
		table_add(&table, *looked->report.machine
					  ? looked->report.machine
					  : "-");
		table_add(&table, what);
	}
	table_print(&table, output);
}

static void show_json(const struct looks *looks,
		      const struct bootstrap_options *options,
		      const struct output *output)
{
	const struct agent_binary *binary = options->binary;
	char hex[DIGEST_HEX + 1];

	digest_format(&binary->digest, hex);
	for (size_t i = 0; i < looks->hosts.n; i++) {
		const struct looked *looked = &looks->hosts.items[i];
		AUTO_STR char *user = user_of(looked);
		AUTO_STR char *what = what_of(looked, options);
		AUTO(js) line = js_object();

		js_set_str(line, "preview", looked->report.host->name);
		js_set_str(line, "user", user);
		js_set_str(line, "machine", looked->machine);
		js_set_str(line, "shell", looked->seen.shell);
		js_set_str(line, "digest", hex);
		js_set_int(line, "bytes", (int64_t)binary->size);
		js_set_str(line, "path", binary->remote_path);
		js_set_bool(line, "changes", changes(looked, options));
		js_set_bool(line, "authorized_keys",
			    changes(looked, options) && options->key);
		js_set_str(line, "restart", looked->seen.restart);
		js_set_str(line, "text", what);
		output_json(output, line);
	}
}

void looks_show(const struct looks *looks,
		const struct bootstrap_options *options,
		const struct output *output)
{
	if (output->is_json)
		show_json(looks, options, output);
	else
		show_words(looks, options, output);
	(void)fflush(output->file);
}
