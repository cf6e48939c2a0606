/* The conditions to go on. */
#include "rollouts/plan_parts.h"

#include "core/base/str.h"
#include "core/text/metric_selector.h"

static const struct {
	const char *key;
	enum plan_gate_kind kind;
} kinds[] = { { "probe", GATE_PROBE },
	      { "command", GATE_COMMAND },
	      { "http", GATE_HTTP },
	      { "value", GATE_VALUE },
	      { "ratio", GATE_RATIO } };

const char *plan_gate_key(enum plan_gate_kind kind)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (kinds[i].kind == kind)
			return kinds[i].key;
	return "";
}

/* One gate that is being read; SAY names its key. */
struct reading_gate {
	struct plan_reading *reading;
	const struct node *map;
	size_t i;
	struct plan_gate *gate;
};

#define SAY(at, node, key, ...)                                     \
	do {                                                        \
		AUTO_STR char *where_ =                             \
			mem_format("gates[%zu]%s", (at)->i, key);   \
		plan_say((at)->reading, node, where_, __VA_ARGS__); \
	} while (0)

static bool needs_metrics(enum plan_gate_kind kind)
{
	return kind == GATE_VALUE || kind == GATE_RATIO;
}

static char *read_selector(struct reading_gate *at, const struct node *node,
			   const char *key)
{
	const char *text = node_text(node, NULL);
	struct err err = ERR_INIT;

	if (text && metric_selector_check(text, &err) < 0)
		SAY(at, node, key, "%s", err.text);
	return mem_str(text);
}

static void read_limits(struct reading_gate *at)
{
	struct plan_gate *gate = at->gate;
	const struct node *max = node_get(at->map, "max");
	const struct node *min = node_get(at->map, "min");

	gate->has_max = node_number(max, &gate->max);
	gate->has_min = node_number(min, &gate->min);
	if (!needs_metrics(gate->kind)) {
		if (max || min)
			SAY(at, max ? max : min, max ? ".max" : ".min",
			    "only value and ratio have a limit");
		return;
	}
	if (!max && !min)
		SAY(at, at->map, "", "max, min or both are missing");
	if (min && gate->has_max && gate->has_min && gate->min > gate->max)
		SAY(at, min, ".min", "%g is more than max, %g", gate->min,
		    gate->max);
	if (max && gate->kind == GATE_RATIO && gate->has_max &&
	    (gate->max < 0 || gate->max >= 1))
		SAY(at, max, ".max",
		    "a ratio is a part of 1: %g lets everything pass or "
		    "nothing (did you mean %g%%?)",
		    gate->max, gate->max);
}

static void read_http(struct reading_gate *at, const struct node *map)
{
	const struct node *url = node_get(map, "url");
	const char *text = node_text(url, NULL);
	uint64_t status = 0;

	at->gate->url = mem_str(text);
	if (node_count(node_get(map, "status"), 599, &status))
		at->gate->status = (uint32_t)status;
	if (text && !str_starts(text, "http://") &&
	    !str_starts(text, "https://"))
		SAY(at, url, ".http.url",
		    "\"%s\" is not a URL with http:// or https://", text);
	else if (text && strpbrk(text, " \t\r\n"))
		SAY(at, url, ".http.url", "\"%s\" has blanks in it", text);
}

static void read_probe(struct reading_gate *at, const struct node *map)
{
	AUTO_STR char *where = mem_format("gates[%zu].probe", at->i);
	const struct node *timeout = node_get(at->map, "timeout");

	plan_read_probe(at->reading, map, where, &at->gate->probe);
	if (timeout)
		SAY(at, timeout, ".timeout",
		    "a probe's timeout is written in the probe");
	at->gate->timeout_ms = at->gate->probe.timeout_ms;
}

static void read_kind(struct reading_gate *at, enum plan_gate_kind kind,
		      const struct node *value)
{
	struct plan_gate *gate = at->gate;

	gate->kind = kind;
	switch (kind) {
	case GATE_PROBE:
		read_probe(at, value);
		break;
	case GATE_COMMAND:
		plan_read_argv(value, node_get(at->map, "timeout"),
			       &gate->command);
		break;
	case GATE_HTTP:
		read_http(at, value);
		break;
	case GATE_VALUE:
		gate->metric = read_selector(at, value, ".value");
		break;
	case GATE_RATIO:
		gate->metric =
			read_selector(at, node_get(value, "bad"), ".ratio.bad");
		gate->total = read_selector(at, node_get(value, "total"),
					    ".ratio.total");
		break;
	}
	read_limits(at);
}

static void read_name(struct reading_gate *at)
{
	const struct node *node = node_get(at->map, "name");
	const struct plan *plan = at->reading->plan;

	at->gate->name = mem_str(node_text(node, ""));
	for (size_t i = 0; node && i < at->i; i++)
		if (strcmp(plan->gates.items[i].name, at->gate->name) == 0) {
			SAY(at, node, ".name",
			    "gates[%zu] is called %s already", i,
			    at->gate->name);
			return;
		}
}

static void read_gate(struct plan_reading *reading, const struct node *map,
		      size_t i)
{
	struct plan_gate *gate = vec_add(&reading->plan->gates);
	struct reading_gate at = {
		.reading = reading, .map = map, .i = i, .gate = gate
	};
	const struct node *value = NULL;

	gate->place = plan_place_of(map);
	gate->timeout_ms = PLAN_TIMEOUT_MS;
	gate->interval_ms = PLAN_INTERVAL_MS;
	(void)node_duration(node_get(map, "timeout"), &gate->timeout_ms);
	(void)node_duration(node_get(map, "interval"), &gate->interval_ms);
	read_name(&at);
	for (size_t k = 0; k < COUNT_OF(kinds) && !value; k++) {
		value = node_get(map, kinds[k].key);
		if (value)
			read_kind(&at, kinds[k].kind, value);
	}
	if (value && needs_metrics(gate->kind) && reading->plan->metrics.n == 0)
		SAY(&at, map, "",
		    "a %s is read from the hosts' metrics: the key metrics "
		    "must say where they are",
		    gate->kind == GATE_VALUE ? "value" : "ratio");
}

void plan_read_gates(struct plan_reading *reading, const struct node *root)
{
	const struct node *list = node_get(root, "gates");

	if (!list || list->kind != NODE_LIST)
		return;
	for (size_t i = 0; i < list->items.n; i++)
		read_gate(reading, node_item(list, i), i);
}
