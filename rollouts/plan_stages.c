/* The steps to the full share, as far as they make sense without the fleet. */
#include "rollouts/plan_parts.h"

#include "core/base/str.h"

/* One stage that is being read; SAY names its key. */
struct reading_stage {
	struct plan_reading *reading;
	const struct node *map;
	size_t i;
	struct plan_stage *stage;
};

#define SAY(at, node, key, ...)                                     \
	do {                                                        \
		AUTO_STR char *where_ =                             \
			mem_format("stages[%zu]%s", (at)->i, key);  \
		plan_say((at)->reading, node, where_, __VA_ARGS__); \
	} while (0)

static void read_name(struct reading_stage *at)
{
	const struct node *node = node_get(at->map, "name");
	const struct plan *plan = at->reading->plan;

	at->stage->name = mem_str(node_text(node, ""));
	for (size_t i = 0; node && i < at->i; i++)
		if (strcmp(plan->stages.items[i].name, at->stage->name) == 0) {
			SAY(at, node, ".name",
			    "stages[%zu] is called %s already", i,
			    at->stage->name);
			return;
		}
}

static void read_bake(struct reading_stage *at)
{
	const struct node *bake = node_get(at->map, "bake");
	const struct node *wait = bake;

	if (bake && bake->kind == NODE_MAP)
		wait = node_get(bake, "for");
	at->stage->bake_ms = PLAN_BAKE_MS;
	(void)node_duration(wait, &at->stage->bake_ms);
	(void)node_count(node_get(bake, "min_requests"), UINT64_MAX,
			 &at->stage->min_requests);
}

static void read_approve(struct reading_stage *at)
{
	const struct node *approve = node_get(at->map, "approve");
	uint64_t n = 1;

	if (!approve)
		return;
	(void)node_count(node_get(approve, "n"), UINT32_MAX, &n);
	at->stage->n_approvals = (uint32_t)n;
	at->stage->approve_from =
		mem_str(node_text(node_get(approve, "from"), NULL));
}

/* The bit of the gate that NODE names; 0 and a mistake if there is none. */
static uint32_t find_gate(struct reading_stage *at, const struct node *node,
			  size_t place)
{
	const struct plan *plan = at->reading->plan;
	const char *name = node_text(node, "");
	AUTO_STR char *key = mem_format(".gates[%zu]", place);
	AUTO_VALUE(buf) suggestion = BUF_INIT;
	const char *names[PLAN_MAX_GATES];
	size_t n = MIN_OF(plan->gates.n, (size_t)PLAN_MAX_GATES);

	for (size_t i = 0; i < n; i++) {
		names[i] = plan->gates.items[i].name;
		if (strcmp(names[i], name) == 0)
			return 1u << i;
	}
	schema_suggest(name, names, n, &suggestion);
	SAY(at, node, key, "there is no gate \"%s\"%s", name,
	    buf_str(&suggestion));
	return 0;
}

static void read_gates(struct reading_stage *at)
{
	const struct node *list = node_get(at->map, "gates");
	size_t n = at->reading->plan->gates.n;

	if (!list)
		at->stage->gates = n >= 32 ? UINT32_MAX : (1u << n) - 1;
	for (size_t i = 0; i < node_count_items(list); i++)
		at->stage->gates |= find_gate(at, node_item(list, i), i);
}

static void check_min_requests(struct reading_stage *at)
{
	const struct plan *plan = at->reading->plan;
	const struct node *node =
		node_get(node_get(at->map, "bake"), "min_requests");

	if (at->stage->min_requests == 0)
		return;
	for (size_t i = 0; i < plan->gates.n && i < PLAN_MAX_GATES; i++)
		if ((at->stage->gates & 1u << i) &&
		    plan->gates.items[i].kind == GATE_RATIO)
			return;
	SAY(at, node, ".bake.min_requests",
	    "no gate of this stage counts requests: it needs one with ratio");
}

/* Stages are cumulative: each takes more hosts than the one before. */
static void check_growth(struct reading_stage *at)
{
	const struct plan_stage *stage = at->stage;
	const struct plan_stage *last = stage - 1;
	const struct node *node = node_get(at->map, "hosts");
	char before[32], now[32];
	bool is_more;

	if (at->i == 0 || !node || !last->hosts.place.line)
		return;
	plan_amount_format(&last->hosts, before, sizeof(before));
	plan_amount_format(&stage->hosts, now, sizeof(now));
	if (last->hosts.is_share && last->hosts.bp == 10000) {
		SAY(at, node, ".hosts",
		    "never reached: stage \"%s\" before it takes all hosts",
		    last->name);
		return;
	}
	if (last->hosts.is_share != stage->hosts.is_share)
		return; /* the fleet will tell */
	is_more = stage->hosts.is_share
			  ? stage->hosts.bp > last->hosts.bp
			  : stage->hosts.count > last->hosts.count;
	if (!is_more)
		SAY(at, node, ".hosts",
		    "%s is not more than the %s of stage \"%s\" before it: "
		    "stages count all hosts up to now",
		    now, before, last->name);
}

static void read_stage(struct plan_reading *reading, const struct node *map,
		       size_t i)
{
	struct plan_stage *stage = vec_add(&reading->plan->stages);
	struct reading_stage at = {
		.reading = reading, .map = map, .i = i, .stage = stage
	};

	stage->place = plan_place_of(map);
	read_name(&at);
	plan_read_amount(node_get(map, "hosts"), &stage->hosts);
	read_bake(&at);
	read_approve(&at);
	read_gates(&at);
	stage->on_failure = plan_read_choice(node_get(map, "on_failure"),
					     plan_on_failure_names,
					     reading->plan->on_failure);
	check_min_requests(&at);
	check_growth(&at);
}

void plan_read_stages(struct plan_reading *reading, const struct node *root)
{
	const struct node *list = node_get(root, "stages");

	if (!list || list->kind != NODE_LIST)
		return;
	for (size_t i = 0; i < list->items.n && i < PLAN_MAX_STAGES; i++)
		read_stage(reading, node_item(list, i), i);
}
