#include "rollouts/stages.h"

#include <assert.h>

#include "core/base/map.h"
#include "core/base/str.h"
#include "core/fleet/selector.h"

struct making {
	const struct plan *plan;
	const struct fleet *fleet;
	struct plan_mistakes *mistakes;
	struct stages *stages;
	size_t n_before; /* mistakes */
};

#define SAY(making, place, where, ...)                                       \
	plan_mistakes_add((making)->mistakes, (making)->plan->path, (place), \
			  (where), __VA_ARGS__)

void stages_free(struct stages *stages)
{
	if (!stages)
		return;
	for (size_t i = 0; i < stages->domains.n; i++)
		free(stages->domains.items[i]);
	vec_release(&stages->domains);
	vec_release(&stages->hosts);
	vec_release(&stages->counts);
	free(stages);
}

uint32_t stages_amount(const struct plan_amount *amount, uint32_t n)
{
	if (amount->is_share)
		return (uint32_t)((uint64_t)n * amount->bp / 10000);
	return MIN_OF(amount->count, n);
}

uint32_t stages_max_unavailable(const struct plan_amount *amount, uint32_t n)
{
	return MAX_OF(stages_amount(amount, n), 1u);
}

uint32_t stages_batches(const struct stages *stages, enum plan_domains domains,
			uint32_t first, uint32_t end)
{
	uint32_t size = stages->max_unavailable;
	uint32_t n = 0;
	uint32_t in_batch = size;

	for (uint32_t i = first; i < end; i++) {
		bool is_other = domains == DOMAINS_ONE_AT_A_TIME && i > first &&
				stages->hosts.items[i].domain !=
					stages->hosts.items[i - 1].domain;

		if (in_batch == size || is_other) {
			n++;
			in_batch = 0;
		}
		in_batch++;
	}
	return n;
}

/* The place of the domain called NAME among the stages' domains. */
static uint32_t find_domain(struct stages *stages, struct map *places,
			    const char *name)
{
	uintptr_t place = (uintptr_t)map_find(places, name);

	if (place == 0) {
		*vec_add(&stages->domains) = mem_str(name);
		place = stages->domains.n;
		(void)map_put(places, name, (void *)place);
	}
	return (uint32_t)(place - 1);
}

/* The hosts that the plan means, in the order of the fleet file. */
static void select_hosts(struct making *making, const struct selector *selector)
{
	const struct fleet *fleet = making->fleet;
	struct stages *stages = making->stages;
	AUTO(map) places = map_new();

	for (uint32_t i = 0; i < fleet->hosts.n; i++) {
		const struct fleet_host *host = &fleet->hosts.items[i];
		const char *domain = NULL;
		struct stages_host *selected;

		if (selector && !selector_matches(selector, host))
			continue;
		if (fleet->domain)
			domain = fleet_host_label(host, fleet->domain);
		selected = vec_add(&stages->hosts);
		selected->host = i;
		selected->domain =
			find_domain(stages, places, domain ? domain : "");
	}
}

/* A label that no host has selects nothing or, after not, everything. */
static void check_label(void *ctx, const char *label)
{
	struct making *making = ctx;
	const struct fleet *fleet = making->fleet;
	VEC(const char *) names = { 0 };
	const char *nearest;

	*vec_add(&names) = "name";
	for (size_t i = 0; i < fleet->hosts.n; i++) {
		const struct fleet_host *host = &fleet->hosts.items[i];

		if (fleet_host_label(host, label)) {
			vec_release(&names);
			return;
		}
		for (size_t j = 0; j < host->labels.n && names.n < 1000; j++)
			*vec_add(&names) = host->labels.items[j].key;
	}
	nearest = str_nearest(label, names.items, names.n);
	SAY(making, making->plan->hosts_place, "hosts",
	    "no host of the fleet has the label %s%s%s%s", label,
	    nearest ? " (did you mean " : "", nearest ? nearest : "",
	    nearest ? "?)" : "");
	vec_release(&names);
}

static void choose_hosts(struct making *making)
{
	const struct plan *plan = making->plan;
	AUTO(selector) selector = NULL;
	struct err err = ERR_INIT;

	if (plan->hosts && selector_parse(plan->hosts, &selector, &err) < 0) {
		SAY(making, plan->hosts_place, "hosts", "%s", err.text);
		return;
	}
	if (selector)
		selector_each_label(selector, check_label, making);
	select_hosts(making, selector);
	if (making->stages->hosts.n == 0 &&
	    making->mistakes->list.n == making->n_before)
		SAY(making, plan->hosts_place, "hosts",
		    "%s selects none of the %zu hosts of the fleet",
		    plan->hosts ? plan->hosts : "the plan",
		    making->fleet->hosts.n);
}

/* Hosts by domain, each domain's in the order they had (a counting sort). */
static void group_by_domain(const struct stages *stages,
			    struct stages_host *out, size_t *out_starts)
{
	size_t n_domains = stages->domains.n;
	size_t *next = mem_array(n_domains + 1, sizeof(*next));

	for (size_t i = 0; i < stages->hosts.n; i++)
		next[stages->hosts.items[i].domain + 1]++;
	for (size_t domain = 0; domain < n_domains; domain++)
		next[domain + 1] += next[domain];
	memcpy(out_starts, next, (n_domains + 1) * sizeof(*next));
	for (size_t i = 0; i < stages->hosts.n; i++)
		out[next[stages->hosts.items[i].domain]++] =
			stages->hosts.items[i];
	free(next);
}

static void order_hosts(struct stages *stages, enum plan_domains domains)
{
	size_t n = stages->hosts.n;
	size_t n_domains = stages->domains.n;
	struct stages_host *grouped = mem_array(n + 1, sizeof(*grouped));
	size_t *starts = mem_array(n_domains + 1, sizeof(*starts));
	size_t at = 0;

	group_by_domain(stages, grouped, starts);
	if (domains == DOMAINS_ONE_AT_A_TIME)
		memcpy(stages->hosts.items, grouped, n * sizeof(*grouped));
	else
		for (size_t turn = 0; at < n; turn++)
			for (size_t i = 0; i < n_domains; i++)
				if (starts[i] + turn < starts[i + 1])
					stages->hosts.items[at++] =
						grouped[starts[i] + turn];
	free(grouped);
	free(starts);
}

/* The smallest share of N hosts that is at least COUNT, as people write it. */
static void smallest_share(uint32_t count, uint32_t n, char *out, size_t size)
{
	struct plan_amount amount = { .is_share = true };
	uint64_t step = n > 100 ? 1 : 100; /* whole percents where they do */

	assert(n > 0);
	amount.bp = (uint32_t)(((uint64_t)count * 10000 + n * step - 1) /
			       (n * step) * step);
	plan_amount_format(&amount, out, size);
}

static void say_no_new_host(struct making *making, size_t i, uint32_t count,
			    uint32_t before)
{
	const struct plan_stage *stage = &making->plan->stages.items[i];
	uint32_t n = (uint32_t)making->stages->hosts.n;
	AUTO_STR char *where = mem_format("stages[%zu].hosts", i);
	const char *s = n == 1 ? "" : "s";
	char written[32], smallest[32];

	plan_amount_format(&stage->hosts, written, sizeof(written));
	smallest_share(before + 1, n, smallest, sizeof(smallest));
	if (before == n)
		SAY(making, stage->hosts.place, where,
		    "all %u host%s are in stage \"%s\" already: leave this "
		    "stage out",
		    n, s, stage[-1].name);
	else if (!stage->hosts.is_share)
		SAY(making, stage->hosts.place, where,
		    "%u is no more than the %u of stage \"%s\" before it (did "
		    "you mean hosts: %u?)",
		    count, before, stage[-1].name, before + 1);
	else if (count == 0)
		SAY(making, stage->hosts.place, where,
		    "%s of %u host%s is no host; the smallest share is %s (did "
		    "you mean hosts: %u?)",
		    written, n, s, smallest, before + 1);
	else
		SAY(making, stage->hosts.place, where,
		    "%s of %u host%s is %u, no more than in stage \"%s\" "
		    "before it; the smallest share is %s (did you mean hosts: "
		    "%u?)",
		    written, n, s, count, stage[-1].name, smallest, before + 1);
}

static void count_stages(struct making *making)
{
	const struct plan *plan = making->plan;
	struct stages *stages = making->stages;
	uint32_t n = (uint32_t)stages->hosts.n;
	uint32_t before = 0;

	for (size_t i = 0; i < plan->stages.n; i++) {
		const struct plan_amount *amount = &plan->stages.items[i].hosts;
		uint32_t count = stages_amount(amount, n);

		if (!amount->is_share && amount->count > n) {
			AUTO_STR char *where =
				mem_format("stages[%zu].hosts", i);

			SAY(making, amount->place, where,
			    "%u is more than the %u hosts that are selected "
			    "(did you mean 100%%?)",
			    amount->count, n);
		} else if (count <= before) {
			say_no_new_host(making, i, count, before);
		}
		before = MAX_OF(before, count);
		*vec_add(&stages->counts) = before;
	}
}

static void count_limits(struct stages *stages,
			 const struct plan_deploy *deploy)
{
	uint32_t n = (uint32_t)stages->hosts.n;

	stages->max_unavailable =
		stages_max_unavailable(&deploy->max_unavailable, n);
	stages->budget_failed = stages_amount(&deploy->budget_failed, n);
	stages->budget_unreachable =
		stages_amount(&deploy->budget_unreachable, n);
	stages->budget_unhealthy = stages_amount(&deploy->budget_unhealthy, n);
}

int stages_make(const struct plan *plan, const struct fleet *fleet,
		struct plan_mistakes *mistakes, struct stages **out,
		struct err *err)
{
	AUTO(stages) stages = MEM_NEW(struct stages);
	struct making making = { .plan = plan,
				 .fleet = fleet,
				 .mistakes = mistakes,
				 .stages = stages,
				 .n_before = mistakes->list.n };
	size_t n;

	choose_hosts(&making);
	if (plan->deploy.domains == DOMAINS_ONE_AT_A_TIME && !fleet->domain)
		SAY(&making, plan->deploy.domains_place, "deploy.domains",
		    "the fleet names no failure domains: one-at-a-time needs "
		    "domain: in %s",
		    plan->fleet);
	if (stages->hosts.n > 0) {
		order_hosts(stages, plan->deploy.domains);
		count_stages(&making);
		count_limits(stages, &plan->deploy);
	}
	n = mistakes->list.n - making.n_before;
	if (n > 0)
		return err_set(err, ERR_INVALID, "%s: %zu mistake%s",
			       plan->path, n, n == 1 ? "" : "s");
	*out = TAKE(stages);
	return 0;
}
