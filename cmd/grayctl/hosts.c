#include "cmd/grayctl/hosts.h"

#include <string.h>

#include "cmd/grayctl/hosts_ask.h"
#include "cmd/grayctl/hosts_hash.h"
#include "cmd/grayctl/hosts_look.h"
#include "core/base/str.h"
#include "core/fleet/inventory.h"
#include "core/sys/file.h"
#include "core/text/json.h"
#include "rollouts/bootstrap.h"
#include "rollouts/bootstrap_steps.h"

#define DEFAULT_FLEET "fleet.yaml"
#define KEY_FILE_MAX  (64 << 10)

struct chosen {
	VEC(const struct fleet_host *) hosts;
	VEC(const char *) names; /* of the whole fleet, for suggestions */
	int width;		 /* of the longest chosen name */
};
static void chosen_release(struct chosen *chosen)
{
	vec_release(&chosen->hosts);
	vec_release(&chosen->names);
}
MEM_AUTO_VALUE(chosen)

struct shown {
	const struct output *output;
	const struct bootstrap_options *options;
	const struct looks *looks; /* before it, or NULL */
	int width;
};

/* ---- which hosts ---- */

static const struct fleet_host *find(const struct fleet *fleet,
				     const char *name)
{
	for (size_t i = 0; i < fleet->hosts.n; i++)
		if (strcmp(fleet->hosts.items[i].name, name) == 0)
			return &fleet->hosts.items[i];
	return NULL;
}

static void choose_one(struct chosen *chosen, const struct fleet_host *host)
{
	for (size_t i = 0; i < chosen->hosts.n; i++)
		if (chosen->hosts.items[i] == host)
			return;
	*vec_add(&chosen->hosts) = host;
	chosen->width = MAX_OF(chosen->width, (int)strlen(host->name));
}

static void choose_all(struct chosen *chosen, const struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->hosts.n; i++) {
		const struct fleet_host *host = &fleet->hosts.items[i];

		*vec_add(&chosen->hosts) = host;
		chosen->width = MAX_OF(chosen->width, (int)strlen(host->name));
	}
}

static void add_unknown(struct invocation *inv, const struct chosen *chosen,
			const char *name)
{
	const char *near =
		str_nearest(name, chosen->names.items, chosen->names.n);

	buf_format(&inv->mistakes, "no host \"%s\" in the fleet%s%s%s\n", name,
		   near ? " (did you mean " : "", near ? near : "",
		   near ? "?)" : "");
}

static int choose(struct invocation *inv, const struct fleet *fleet,
		  struct chosen *out, struct err *err)
{
	unsigned n_unknown = 0;

	if (!inv->n_args) {
		choose_all(out, fleet);
		return 0;
	}
	for (size_t i = 0; i < fleet->hosts.n; i++)
		*vec_add(&out->names) = fleet->hosts.items[i].name;
	for (size_t i = 0; i < inv->n_args; i++) {
		const struct fleet_host *host = find(fleet, inv->args[i]);

		if (host) {
			choose_one(out, host);
		} else {
			n_unknown++;
			add_unknown(inv, out, inv->args[i]);
		}
	}
	if (n_unknown)
		return err_set(err, ERR_NOT_FOUND, "%u unknown host%s",
			       n_unknown, n_unknown == 1 ? "" : "s");
	return 0;
}

/* ---- what is shown ---- */

static void show_json(const struct shown *shown,
		      const struct bootstrap_report *report)
{
	AUTO(js) line = js_object();

	js_set_str(line, "host", report->host->name);
	js_set_str(line, "address", report->host->address);
	js_set_str(line, "state", report->is_ready ? "ready" : "failed");
	js_set_bool(line, "new", report->is_new);
	js_set_str(line, "version", *report->version ? report->version : NULL);
	js_set_str(line, "machine", *report->machine ? report->machine : NULL);
	js_set_bool(line, "bound", report->is_bound);
	js_set_str(line, "new_key", report->new_key);
	js_set_bool(line, "key_taken", report->is_key_taken);
	if (!report->is_ready) {
		js_set_str(line, "code", err_name(report->err.code));
		js_set_str(line, "text", report->err.text);
		js_set_str(line, "remedy", report->remedy);
	}
	output_json(shown->output, line);
}

static void show_words(const struct shown *shown,
		       const struct bootstrap_report *report)
{
	AUTO_STR char *version =
		str_clean(report->version, strlen(report->version));
	AUTO_VALUE(buf) text = BUF_INIT;

	if (report->is_ready) {
		buf_format(&text, "agent %s", version);
		if (*report->machine)
			buf_format(&text, ", %s", report->machine);
		if (report->is_new)
			buf_append_str(&text, ", new");
		if (report->is_bound)
			buf_append_str(&text, ", by a forced command");
	} else {
		AUTO_STR char *why =
			str_clean(report->err.text, strlen(report->err.text));

		buf_append_str(&text, why);
		if (report->remedy)
			buf_format(&text, "; %s", report->remedy);
	}
	if (report->is_key_taken)
		buf_format(&text, "; its key %s is known now", report->new_key);
	(void)fprintf(shown->output->file, "%-*s  %s%-6s%s  %s\n", shown->width,
		      report->host->name,
		      output_tone(shown->output->has_colour,
				  report->is_ready ? TONE_GOOD : TONE_BAD),
		      report->is_ready ? "ready" : "FAILED",
		      output_tone_end(shown->output->has_colour,
				      report->is_ready ? TONE_GOOD : TONE_BAD),
		      buf_str(&text));
}

static void report_cb(const struct bootstrap_report *report, void *ctx)
{
	const struct shown *shown = ctx;
	struct bootstrap_report all = *report;

	/* Its key was taken when we looked. */
	for (size_t i = 0; shown->looks && i < shown->looks->hosts.n; i++) {
		const struct bootstrap_report *look =
			&shown->looks->hosts.items[i].report;

		if (look->host == report->host && look->is_key_taken) {
			all.new_key = look->new_key;
			all.is_key_taken = true;
		}
	}
	if (shown->output->is_json)
		show_json(shown, &all);
	else
		show_words(shown, &all);
	(void)fflush(shown->output->file);
}

static void show_sum(const struct shown *shown, size_t n_hosts,
		     const struct bootstrap_counts *counts)
{
	const struct bootstrap_options *options = shown->options;
	AUTO_STR char *line = step_key_line(
		options->binary, options->key ? options->key : "<public key>");
	AUTO(js) sum = NULL;
	FILE *file = shown->output->file;

	if (shown->output->is_json) {
		sum = js_object();
		js_set_int(sum, "hosts", (int64_t)n_hosts);
		js_set_int(sum, "ready", counts->n_ready);
		js_set_int(sum, "new", counts->n_new);
		js_set_int(sum, "failed", counts->n_failed);
		js_set_str(sum, "authorized_keys", line);
		output_json(shown->output, sum);
		return;
	}
	(void)fprintf(file, "%zu host%s: %u ready", n_hosts,
		      n_hosts == 1 ? "" : "s", counts->n_ready);
	if (options->goal != BOOTSTRAP_CHECK)
		(void)fprintf(file, " (%u new)", counts->n_new);
	(void)fprintf(file, ", %u failed\n", counts->n_failed);
}

/* ---- the command ---- */

static int read_key(const char *path, char **out, struct err *err)
{
	AUTO_VALUE(buf) file = BUF_INIT;

	if (file_read(path, KEY_FILE_MAX, &file, err) < 0) {
		err->code = ERR_INVALID;
		return err_again(err);
	}
	if (step_key_parse(buf_str(&file), out, err) < 0)
		return err_wrap(err, "%s", path);
	return 0;
}

/* Those that the look found fit to go on with; the others are told. */
static void go_on_with(const struct looks *looks, struct shown *shown,
		       struct chosen *out, unsigned *out_failed)
{
	for (size_t i = 0; i < looks->hosts.n; i++) {
		const struct bootstrap_report *report =
			&looks->hosts.items[i].report;

		if (report->is_ready) {
			*vec_add(&out->hosts) = report->host;
		} else {
			report_cb(report, shown);
			(*out_failed)++;
		}
	}
}

/* See, show, ask. */
static int prepare(const struct invocation *inv, const struct chosen *chosen,
		   const struct bootstrap_options *options, struct looks *looks,
		   struct err *err)
{
	bool may_ask = ask_is_possible();

	if (looks_take(chosen->hosts.items, chosen->hosts.n, options, looks,
		       err) < 0)
		return err_again(err);
	if (may_ask && !options->fingerprint &&
	    looks_ask_keys(looks, options, err) < 0)
		return err_again(err);
	looks_show(looks, options, inv->output);
	if (may_ask && !option_flag(&inv->options, "yes") &&
	    looks_count_changes(looks, options) && !ask_yes("do it?"))
		return err_set(err, ERR_REFUSED, "nothing was done");
	return 0;
}

static int try_all(struct invocation *inv, const struct chosen *chosen,
		   const struct bootstrap_options *options, struct err *err)
{
	bool is_add = options->goal == BOOTSTRAP_ADD;
	AUTO_VALUE(looks) looks = { 0 };
	AUTO_VALUE(chosen) fit = { 0 };
	struct shown shown = { inv->output, options, is_add ? &looks : NULL,
			       chosen->width };
	struct bootstrap_counts counts = { 0 };
	unsigned n_unfit = 0;

	if (is_add) {
		if (prepare(inv, chosen, options, &looks, err) < 0)
			return err_again(err);
		go_on_with(&looks, &shown, &fit, &n_unfit);
		chosen = &fit;
	}
	if (bootstrap_run(chosen->hosts.items, chosen->hosts.n, options,
			  report_cb, &shown, &counts, err) < 0)
		return err_again(err);
	counts.n_failed += n_unfit;
	show_sum(&shown, chosen->hosts.n + n_unfit, &counts);
	if (counts.n_failed)
		return err_set(err, ERR_UNREACHABLE, "%u of %zu hosts failed",
			       counts.n_failed, chosen->hosts.n + n_unfit);
	return 0;
}

static int check_fingerprint(const char *fingerprint, struct err *err)
{
	if (fingerprint && !str_starts(fingerprint, "SHA256:"))
		return err_set(err, ERR_INVALID,
			       "--fingerprint is \"SHA256:...\", as "
			       "ssh-keygen -l prints it");
	return 0;
}

static int check_unit(const char *unit, struct err *err)
{
	if (unit && !step_unit_is_plain(unit))
		return err_set(err, ERR_INVALID,
			       "--unit is a unit's name, as \"feed.service\"");
	return 0;
}

int hosts_run(struct invocation *inv, enum bootstrap_goal goal, struct err *err)
{
	const char *path = option_text(&inv->options, "fleet");
	const char *key_path = option_text(&inv->options, "install-key");
	AUTO(fleet) fleet = NULL;
	AUTO(agent_binary) binary = NULL;
	AUTO_VALUE(chosen) chosen = { 0 };
	AUTO_VALUE(passphrases) passphrases = { 0 };
	AUTO_STR char *key = NULL;
	struct bootstrap_options options = {
		.fingerprint = option_text(&inv->options, "fingerprint"),
		.accept_new = option_flag(&inv->options, "accept-new"),
		.unit = option_text(&inv->options, "unit"),
		.goal = goal,
		.passphrase = ask_passphrase,
		.passphrase_ctx = &passphrases,
	};

	if (fleet_load(path ? path : DEFAULT_FLEET, &inv->mistakes, &fleet,
		       err) < 0) {
		err->code = ERR_INVALID;
		return err_again(err);
	}
	if (check_fingerprint(options.fingerprint, err) < 0 ||
	    check_unit(options.unit, err) < 0 ||
	    choose(inv, fleet, &chosen, err) < 0 ||
	    (key_path && read_key(key_path, &key, err) < 0) ||
	    agent_binary_find(option_text(&inv->options, "agent"), &binary,
			      err) < 0)
		return err_again(err);
	options.binary = binary;
	options.key = key;
	options.identity = fleet->ssh_identity;
	options.known_hosts = fleet->ssh_known_hosts;
	options.config = fleet->ssh_config;
	options.transport = fleet->ssh_transport;
	if (goal == BOOTSTRAP_ADD && chosen.hosts.n)
		options.hash_known_hosts = hosts_want_hash(
			fleet->ssh_config, chosen.hosts.items[0]->address);
	return try_all(inv, &chosen, &options, err);
}
