/* The preview for people: a table of stages, then what is worth knowing. */
#include "rollouts/preview.h"

#include "core/base/str.h"
#include "core/fleet/names.h"

#define WIDTH_MIN  40
#define LABEL_SIZE 16 /* columns of "full rollback   " */

struct page {
	const struct plan *plan;
	const struct fleet *fleet;
	const struct stages *stages;
	const struct preview *preview;
	size_t width;
	struct buf out;
};

/* TEXT in lines of at most the page's width, each with INDENT columns first;
 * what stands in the first line already counts as its indent. */
static void add_wrapped(struct page *page, size_t indent, const char *text)
{
	size_t column = indent;
	bool is_first = true;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (!is_first && column + 1 + word > page->width) {
			buf_format(&page->out, "\n%*s", (int)indent, "");
			column = indent;
			is_first = true;
		}
		buf_format(&page->out, "%s%.*s", is_first ? "" : " ", (int)word,
			   text);
		column += word + !is_first;
		is_first = false;
		text += word;
		text += strspn(text, " ");
	}
	buf_append_char(&page->out, '\n');
}

static void add_row(struct page *page, const char *label, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
static void add_row(struct page *page, const char *label, const char *fmt, ...)
{
	AUTO_STR char *text = NULL;
	AUTO_STR char *clean = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		abort();
	va_end(args);
	clean = str_clean(text, strlen(text));
	buf_format(&page->out, "  %-*s", LABEL_SIZE, label);
	add_wrapped(page, LABEL_SIZE + 2, clean);
}

static void add_title(struct page *page)
{
	const struct plan *plan = page->plan;
	size_t n = page->stages->hosts.n;
	AUTO_STR char *text = mem_format(
		"%s %s: %zu of %zu host%s of %s, %zu stage%s", plan->service,
		plan->release.version, n, page->fleet->hosts.n,
		page->fleet->hosts.n == 1 ? "" : "s", plan->fleet,
		plan->stages.n, plan->stages.n == 1 ? "" : "s");
	AUTO_STR char *clean = str_clean(text, strlen(text));

	add_wrapped(page, 0, clean);
	buf_append_char(&page->out, '\n');
}

/* The names of the hosts that are new in stage I, in one line. */
static char *new_hosts(const struct page *page, size_t i, size_t width)
{
	const struct preview_stage *stage = &page->preview->stages.items[i];
	const struct stages_host *hosts = page->stages->hosts.items;
	const char **names = mem_array(stage->n_new + 1, sizeof(*names));
	AUTO_VALUE(names) folded = { 0 };
	uint32_t first = stage->n_hosts - stage->n_new;

	for (uint32_t h = 0; h < stage->n_new; h++)
		names[h] = page->fleet->hosts.items[hosts[first + h].host].name;
	names_fold(names, stage->n_new, &folded);
	free(names);
	return names_join(&folded, width);
}

static void add_stage_conditions(struct page *page, size_t i)
{
	const struct plan *plan = page->plan;
	const struct plan_stage *stage = &plan->stages.items[i];
	AUTO_VALUE(buf) gates = BUF_INIT;

	if (stage->n_approvals)
		add_row(page, "", "starts when %u %s%s%s agreed",
			stage->n_approvals,
			stage->n_approvals == 1 ? "person" : "people",
			stage->approve_from ? " of " : "",
			stage->approve_from ? stage->approve_from : "");
	if (stage->min_requests)
		add_row(page, "", "bakes until %llu requests were judged, too",
			(unsigned long long)stage->min_requests);
	for (size_t g = 0; g < plan->gates.n; g++)
		if (stage->gates & 1u << g)
			buf_format(&gates, "%s%s", gates.size ? ", " : "gates ",
				   plan->gates.items[g].name);
	if (gates.size)
		add_row(page, "", "%s%s", buf_str(&gates),
			stage->on_failure == FAILURE_HOLD
				? "; a failure holds the rollout"
				: "");
}

static void add_stage(struct page *page, size_t i)
{
	const struct plan_stage *stage = &page->plan->stages.items[i];
	const struct preview_stage *numbers = &page->preview->stages.items[i];
	AUTO_STR char *hosts = new_hosts(page, i, page->width - LABEL_SIZE - 2);
	char bake[32];

	str_format_duration(stage->bake_ms, bake, sizeof(bake));
	add_row(page, stage->name, "%u host%s, %u new in %u batch%s, bakes %s",
		numbers->n_hosts, numbers->n_hosts == 1 ? "" : "s",
		numbers->n_new, numbers->n_batches,
		numbers->n_batches == 1 ? "" : "es", bake);
	add_row(page, "", "%s", hosts);
	add_stage_conditions(page, i);
}

static void add_gates(struct page *page)
{
	const struct plan *plan = page->plan;

	if (plan->gates.n)
		buf_append_str(&page->out, "\nGates\n");
	for (size_t i = 0; i < plan->gates.n; i++) {
		const struct plan_gate *gate = &plan->gates.items[i];
		AUTO_STR char *text = preview_gate(gate);

		add_row(page, gate->name, "%s", text);
	}
}

static void add_limits(struct page *page)
{
	const struct stages *stages = page->stages;
	char written[32];

	plan_amount_format(&page->plan->deploy.max_unavailable, written,
			   sizeof(written));
	add_row(page, "out at once", "at most %u host%s (max_unavailable %s)",
		stages->max_unavailable,
		stages->max_unavailable == 1 ? "" : "s", written);
	if (stages->domains.n > 1)
		add_row(page, "domains", "%zu by %s, %s", stages->domains.n,
			page->fleet->domain,
			page->plan->deploy.domains == DOMAINS_SPREAD
				? "by turns"
				: "one at a time");
	add_row(page, "stops at",
		"%u failed, %u unreachable or %u unhealthy hosts",
		MAX_OF(stages->budget_failed, 1u),
		MAX_OF(stages->budget_unreachable, 1u),
		MAX_OF(stages->budget_unhealthy, 1u));
}

static void add_times(struct page *page)
{
	const struct preview *preview = page->preview;
	char one[32], two[32];

	str_format_duration(preview->switch_ms, one, sizeof(one));
	add_row(page, "one switch", "%s at most", one);
	str_format_duration(preview->worst_ms, one, sizeof(one));
	str_format_duration(page->plan->deadline_ms, two, sizeof(two));
	add_row(page, "whole rollout",
		"%s at most, besides sending files and waiting for people; "
		"deadline %s",
		one, two);
	str_format_duration(preview->rollback_ms, one, sizeof(one));
	add_row(page, "full rollback", "%s at most: %u batch%s of %u", one,
		preview->rollback_batches,
		preview->rollback_batches == 1 ? "" : "es",
		page->stages->max_unavailable);
	str_format_duration(page->plan->deploy.confirm_ms, one, sizeof(one));
	str_format_duration(preview->lost_ms, two, sizeof(two));
	add_row(page, "controller lost",
		"hosts not confirmed for %s go back by themselves, the last "
		"within %s",
		one, two);
}

static void add_notes(struct page *page)
{
	for (size_t i = 0; i < page->preview->notes.n; i++) {
		AUTO_STR char *clean =
			str_clean(page->preview->notes.items[i],
				  strlen(page->preview->notes.items[i]));

		buf_append_str(&page->out, i == 0 ? "\nNote: " : "Note: ");
		add_wrapped(page, 6, clean);
	}
}

char *preview_text(const struct plan *plan, const struct fleet *fleet,
		   const struct stages *stages, unsigned width)
{
	AUTO_VALUE(preview) preview = { 0 };
	struct page page = { .plan = plan,
			     .fleet = fleet,
			     .stages = stages,
			     .preview = &preview,
			     .width = MAX_OF(width, (unsigned)WIDTH_MIN),
			     .out = BUF_INIT };

	preview_make(plan, stages, &preview);
	add_title(&page);
	buf_append_str(&page.out, "Stages\n");
	for (size_t i = 0; i < preview.stages.n; i++)
		add_stage(&page, i);
	add_gates(&page);
	buf_append_str(&page.out, "\nLimits\n");
	add_limits(&page);
	buf_append_str(&page.out, "\nTimes\n");
	add_times(&page);
	add_notes(&page);
	return buf_take_str(&page.out);
}
