#include "rollouts/plan.h"

#include <stdarg.h>

#include "core/base/str.h"
#include "core/fleet/selector.h"
#include "core/text/yaml.h"
#include "rollouts/plan_parts.h"

static const struct yaml_limits limits = { .bytes = PLAN_MAX_BYTES,
					   .nodes = 20000 };

static void deploy_release(struct plan_deploy *deploy)
{
	free(deploy->root);
	free(deploy->unit);
	plan_argv_release(&deploy->restart_command);
	plan_argv_release(&deploy->prepare);
	plan_argv_release(&deploy->drain);
	for (size_t i = 0; i < deploy->probes.n; i++)
		plan_probe_release(&deploy->probes.items[i]);
	vec_release(&deploy->probes);
}

static void gate_release(struct plan_gate *gate)
{
	free(gate->name);
	plan_probe_release(&gate->probe);
	plan_argv_release(&gate->command);
	free(gate->url);
	free(gate->metric);
	free(gate->total);
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->metrics.n; i++)
		free(plan->metrics.items[i].prometheus);
	for (size_t i = 0; i < plan->stages.n; i++) {
		free(plan->stages.items[i].name);
		free(plan->stages.items[i].approve_from);
	}
	for (size_t i = 0; i < plan->gates.n; i++)
		gate_release(&plan->gates.items[i]);
	vec_release(&plan->metrics);
	vec_release(&plan->stages);
	vec_release(&plan->gates);
	deploy_release(&plan->deploy);
	free(plan->release.path);
	free(plan->release.ref);
	free(plan->release.subpath);
	free(plan->release.sha256);
	free(plan->release.version);
	free(plan->service);
	free(plan->fleet);
	free(plan->hosts);
	free(plan->text);
	free(plan->path);
	free(plan);
}

void plan_mistakes_release(struct plan_mistakes *mistakes)
{
	for (size_t i = 0; i < mistakes->list.n; i++)
		free(mistakes->list.items[i].text);
	vec_release(&mistakes->list);
}

void plan_mistakes_add(struct plan_mistakes *mistakes, const char *path,
		       struct plan_place place, const char *where,
		       const char *fmt, ...)
{
	struct plan_mistake *mistake = vec_add(&mistakes->list);
	AUTO_STR char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		abort();
	va_end(args);
	mistake->place.line = MAX_OF(place.line, 1u);
	mistake->place.column = MAX_OF(place.column, 1u);
	mistake->text = mistake_format(path, mistake->place.line,
				       mistake->place.column, where, text);
}

uint64_t plan_switch_ms(const struct plan *plan)
{
	const struct plan_deploy *deploy = &plan->deploy;
	uint64_t ms = deploy->min_healthy_ms;

	if (deploy->drain.n_argv)
		ms += deploy->drain.timeout_ms;
	if (deploy->restart != RESTART_NONE)
		ms += deploy->restart_command.timeout_ms;
	for (size_t i = 0; i < deploy->probes.n; i++)
		ms += deploy->probes.items[i].timeout_ms;
	return ms;
}

void plan_amount_format(const struct plan_amount *amount, char *out,
			size_t size)
{
	if (amount->is_share)
		(void)snprintf(out, size, "%.10g%%", amount->bp / 100.0);
	else
		(void)snprintf(out, size, "%u", amount->count);
}

static void read_hosts(struct plan_reading *reading, const struct node *node)
{
	AUTO(selector) selector = NULL;
	struct err err = ERR_INIT;

	if (!node_text(node, NULL))
		return;
	reading->plan->hosts = mem_str(node->text);
	reading->plan->hosts_place = plan_place_of(node);
	if (selector_parse(node->text, &selector, &err) < 0)
		plan_say(reading, node, "hosts", "%s", err.text);
}

static void read_policy(struct plan_reading *reading, const struct node *root)
{
	struct plan *plan = reading->plan;
	const struct node *no_data = node_get(root, "on_no_data");

	plan->on_failure =
		plan_read_choice(node_get(root, "on_failure"),
				 plan_on_failure_names, FAILURE_ROLLBACK);
	plan->on_conflict =
		plan_read_choice(node_get(root, "on_conflict"),
				 plan_on_conflict_names, CONFLICT_QUEUE);
	plan->no_data_hold_ms = PLAN_HOLD_MS;
	(void)node_duration(node_get(no_data, "hold"), &plan->no_data_hold_ms);
	plan->no_data_then = plan_read_choice(node_get(no_data, "then"),
					      plan_then_names, THEN_PAUSE);
	plan->deadline_ms = PLAN_DEADLINE_MS;
	(void)node_duration(node_get(root, "deadline"), &plan->deadline_ms);
}

/* A deadline that the waiting alone uses up stops every rollout. */
static void check_deadline(struct plan_reading *reading,
			   const struct node *root)
{
	const struct plan *plan = reading->plan;
	const struct node *node = node_get(root, "deadline");
	uint64_t bakes = 0;
	char deadline[32], needed[32];

	for (size_t i = 0; i < plan->stages.n; i++)
		bakes += plan->stages.items[i].bake_ms;
	if (plan->deadline_ms > bakes)
		return;
	str_format_duration(plan->deadline_ms, deadline, sizeof(deadline));
	str_format_duration(bakes, needed, sizeof(needed));
	plan_say(reading, node ? node : root, "deadline",
		 "%s is not more than the %s that the stages bake", deadline,
		 needed);
}

static void read_plan(struct plan_reading *reading, const struct node *root)
{
	struct plan *plan = reading->plan;

	plan->service = mem_str(node_text(node_get(root, "service"), NULL));
	plan->fleet = mem_str(node_text(node_get(root, "fleet"), NULL));
	read_hosts(reading, node_get(root, "hosts"));
	read_policy(reading, root);
	plan_read_release(reading, root);
	plan_read_deploy(reading, root);
	plan_read_metrics(reading, root);
	plan_read_gates(reading, root);
	plan_read_stages(reading, root);
	check_deadline(reading, root);
}

/* Hand the mistakes over, in the order of the file. */
static size_t move_mistakes(struct mistakes *from, struct plan_mistakes *to)
{
	size_t n = from->list.n;

	mistakes_sort(from);
	for (size_t i = 0; i < n; i++) {
		struct mistake *mistake = &from->list.items[i];
		struct plan_mistake *moved = vec_add(&to->list);

		moved->place.line = mistake->line;
		moved->place.column = mistake->column;
		moved->text = TAKE(mistake->text);
	}
	mistakes_release(from);
	return n;
}

int plan_parse(const char *path, const char *text, size_t size,
	       struct plan_mistakes *mistakes, struct plan **out,
	       struct err *err)
{
	AUTO(plan) plan = MEM_NEW(struct plan);
	struct plan_reading reading = { .plan = plan,
					.mistakes = { .path = path } };
	AUTO(node) root = yaml_parse(text, size, &limits, &reading.mistakes);
	size_t n;

	if (root) {
		schema_check(&plan_schema, root, &reading.mistakes);
		if (root->kind == NODE_MAP)
			read_plan(&reading, root);
	}
	n = move_mistakes(&reading.mistakes, mistakes);
	if (n > 0)
		return err_set(err, ERR_INVALID, "%s: %zu mistake%s", path, n,
			       n == 1 ? "" : "s");
	plan->path = mem_str(path);
	plan->text = mem_strn(text, size);
	*out = TAKE(plan);
	return 0;
}
