/* Values that several parts of a plan have: amounts, commands, probes, URLs. */
#include "rollouts/plan_parts.h"

#include <ctype.h>

#include "core/base/str.h"

/* What fits into the agent's messages once {address} has been filled in. */
#define TARGET_MAX 256
#define WORD_MAX   256

struct plan_place plan_place_of(const struct node *node)
{
	struct plan_place place = { 0 };

	if (node) {
		place.line = node->line;
		place.column = node->column;
	}
	return place;
}

void plan_read_amount(const struct node *node, struct plan_amount *out)
{
	uint64_t count;
	uint32_t bp;

	if (node_count(node, UINT32_MAX, &count))
		*out = (struct plan_amount){ .count = (uint32_t)count };
	else if (node_share(node, &bp))
		*out = (struct plan_amount){ .is_share = true, .bp = bp };
	if (node)
		out->place = plan_place_of(node);
}

unsigned plan_read_choice(const struct node *node, const char *const *choices,
			  unsigned otherwise)
{
	const char *text = node_text(node, "");

	for (unsigned i = 0; choices[i]; i++)
		if (strcmp(choices[i], text) == 0)
			return i;
	return otherwise;
}

void plan_argv_release(struct plan_argv *argv)
{
	for (size_t i = 0; i < argv->n_argv; i++)
		free(argv->argv[i]);
	free(argv->argv);
}

void plan_read_argv(const struct node *list, const struct node *timeout,
		    struct plan_argv *out)
{
	out->timeout_ms = PLAN_TIMEOUT_MS;
	(void)node_duration(timeout, &out->timeout_ms);
	if (!list || list->kind != NODE_LIST)
		return;
	out->argv = mem_array(list->items.n + 1, sizeof(*out->argv));
	for (size_t i = 0; i < list->items.n; i++)
		out->argv[i] = mem_str(node_text(node_item(list, i), ""));
	out->n_argv = list->items.n;
}

/* A program of the release, or one that PATH finds; nothing else is named. */
static void check_program(struct plan_reading *reading, const struct node *node,
			  const char *where)
{
	const char *program = node_text(node, "");
	AUTO_STR char *padded = mem_format("/%s/", program);

	if (*program == '/')
		plan_say(reading, node, where,
			 "%s is outside the release: a path is relative to the "
			 "release, a plain name is looked up in PATH",
			 program);
	else if (strchr(program, '/') && strstr(padded, "/../"))
		plan_say(reading, node, where, "%s leads out of the release",
			 program);
}

void plan_read_host_argv(struct plan_reading *reading, const struct node *list,
			 const struct node *timeout, const char *where,
			 struct plan_argv *out)
{
	plan_read_argv(list, timeout, out);
	for (size_t i = 0; i < out->n_argv; i++) {
		AUTO_STR char *at = mem_format("%s[%zu]", where, i);

		if (i == 0)
			check_program(reading, node_item(list, 0), at);
		if (strlen(out->argv[i]) > WORD_MAX)
			plan_say(reading, node_item(list, i), at,
				 "a word of more than %d bytes", WORD_MAX);
	}
}

/* {address} and {name} and no other braces, for the rest of the checks. */
static bool check_placeholders(struct plan_reading *reading,
			       const struct node *node, const char *where)
{
	for (const char *p = strchr(node->text, '{'); p; p = strchr(p, '{')) {
		if (!str_starts(p, "{address}") && !str_starts(p, "{name}")) {
			plan_say(reading, node, where,
				 "\"%.20s\" stands for nothing; {address} and "
				 "{name} do, for the host's",
				 p);
			return false;
		}
		p++;
	}
	return true;
}

static bool check_target(struct plan_reading *reading, const struct node *node,
			 const char *where)
{
	if (strlen(node->text) > TARGET_MAX) {
		plan_say(reading, node, where, "more than %d bytes",
			 TARGET_MAX);
		return false;
	}
	for (const char *p = node->text; *p; p++)
		if (isspace((unsigned char)*p) || iscntrl((unsigned char)*p)) {
			plan_say(reading, node, where,
				 "\"%s\" has blanks in it", node->text);
			return false;
		}
	return check_placeholders(reading, node, where);
}

bool plan_check_host_url(struct plan_reading *reading, const struct node *node,
			 const char *where)
{
	static const char scheme[] = "http://";
	const char *text = node_text(node, NULL);

	if (!text)
		return false;
	if (!str_starts(text, scheme) || strchr("/:", text[sizeof(scheme) - 1]))
		plan_say(reading, node, where,
			 "\"%s\" is not a URL like http://127.0.0.1:8080/path "
			 "(hosts read http only)",
			 text);
	else
		return check_target(reading, node, where);
	return false;
}

static void check_tcp(struct plan_reading *reading, const struct node *node,
		      const char *where)
{
	const char *colon = node->text ? strrchr(node->text, ':') : NULL;
	uint64_t port = 0;
	struct err err;

	if (!node_text(node, NULL))
		return;
	if (!colon || colon == node->text ||
	    str_parse_u64(colon + 1, UINT16_MAX, &port, &err) < 0 || port == 0)
		plan_say(reading, node, where,
			 "\"%s\" is not host:port, like 127.0.0.1:8080",
			 node->text);
	else
		(void)check_target(reading, node, where);
}

static void read_target(struct plan_reading *reading, const struct node *node,
			enum plan_probe_kind kind, const char *where,
			struct plan_probe *out)
{
	out->kind = kind;
	out->target = mem_str(node_text(node, ""));
	if (kind == PROBE_HTTP)
		(void)plan_check_host_url(reading, node, where);
	else if (kind == PROBE_TCP)
		check_tcp(reading, node, where);
	else
		plan_check_unit(reading, node, where);
}

void plan_check_unit(struct plan_reading *reading, const struct node *node,
		     const char *where)
{
	const char *text = node_text(node, NULL);
	size_t size = text ? strlen(text) : 0;

	if (text &&
	    (*text == '-' || size > 255 ||
	     strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXY"
			  "Z0123456789:_.\\@-") != size))
		plan_say(reading, node, where, "\"%s\" is not a unit's name",
			 text);
}

void plan_read_probe(struct plan_reading *reading, const struct node *map,
		     const char *where, struct plan_probe *out)
{
	static const struct {
		const char *key;
		enum plan_probe_kind kind;
	} kinds[] = { { "http", PROBE_HTTP },
		      { "tcp", PROBE_TCP },
		      { "systemd", PROBE_SYSTEMD } };
	const struct node *command = node_get(map, "command");
	const struct node *status = node_get(map, "status");
	uint64_t number = 0;

	out->timeout_ms = PLAN_TIMEOUT_MS;
	(void)node_duration(node_get(map, "timeout"), &out->timeout_ms);
	for (size_t i = 0; i < COUNT_OF(kinds) && !out->target; i++) {
		const struct node *node = node_get(map, kinds[i].key);
		AUTO_STR char *at = mem_format("%s.%s", where, kinds[i].key);

		if (node)
			read_target(reading, node, kinds[i].kind, at, out);
	}
	if (command && !out->target) {
		AUTO_STR char *at = mem_format("%s.command", where);

		out->kind = PROBE_COMMAND;
		plan_read_host_argv(reading, command, node_get(map, "timeout"),
				    at, &out->command);
	}
	if (node_count(status, 599, &number))
		out->status = (uint32_t)number;
	if (status && out->kind != PROBE_HTTP) {
		AUTO_STR char *at = mem_format("%s.status", where);

		plan_say(reading, status, at, "only http has a status");
	}
}

void plan_probe_release(struct plan_probe *probe)
{
	free(probe->target);
	plan_argv_release(&probe->command);
}
