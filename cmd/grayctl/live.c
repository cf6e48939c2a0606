#include "cmd/grayctl/live.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/grayctl/paint.h"
#include "core/base/str.h"

#define MAX_NAME      20 /* of a stage or gate, in columns */
#define VERDICT_WIDTH 14 /* "inconclusive" and two blanks */
#define MAX_FLIGHTS   6
#define MAX_PROBLEMS  5
#define WIDE	      100 /* columns from which on a bar is twice as long */

int64_t live_time_ms(const char *text, int64_t otherwise)
{
	struct tm time = { 0 };
	char zone = 0;

	if (!text || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%c", &time.tm_year,
			    &time.tm_mon, &time.tm_mday, &time.tm_hour,
			    &time.tm_min, &time.tm_sec, &zone) != 7)
		return otherwise;
	time.tm_year -= 1900;
	time.tm_mon -= 1;
	return (int64_t)timegm(&time) * 1000;
}

bool live_is_final(const struct js *view)
{
	static const char *const finals[] = { "succeeded", "rolled_back",
					      "failed", "canceled" };
	const char *state = js_get_str(view, "state", "");

	for (size_t i = 0; i < COUNT_OF(finals); i++)
		if (strcmp(finals[i], state) == 0)
			return true;
	return false;
}

static void put_duration(struct paint *paint, enum output_tone tone, int64_t ms,
			 const char *after)
{
	char text[40];

	/* Whole seconds: it is looked at, not measured with. */
	if (ms < 1000)
		(void)snprintf(text, sizeof(text), "0s");
	else
		str_format_duration((uint64_t)ms / 1000 * 1000, text,
				    sizeof(text));
	paint_format(paint, tone, "%s%s", text, after);
}

/* "rolling_back" is for programs; people read "rolling back". */
static void put_state(struct paint *paint, const char *state)
{
	AUTO_STR char *text = mem_str(state);

	for (char *c = text; *c; c++)
		if (*c == '_')
			*c = ' ';
	paint_put(paint, output_tone_of(state), text);
}

static unsigned widest(const struct js *list, unsigned at_least)
{
	size_t width = at_least;

	for (size_t i = 0; i < js_count(list); i++)
		width = MAX_OF(width, output_columns(js_get_str(js_at(list, i),
								"name", "")));
	return (unsigned)MIN_OF(width, MAX_NAME);
}

static void render_head(struct paint *paint, const struct js *view,
			const struct live_style *style)
{
	const char *cause = js_get_str(view, "cause", "");
	int64_t start = live_time_ms(js_get_str(view, "started", NULL), 0);
	int64_t end =
		live_time_ms(js_get_str(view, "ended", NULL), style->now_ms);
	int64_t n = js_get_int(js_get(view, "hosts"), "total", 0);

	paint_format(paint, TONE_PLAIN, "%s  %s -> %lld host%s  ",
		     js_get_str(view, "id", "?"),
		     js_get_str(view, "version", "?"), (long long)n,
		     n == 1 ? "" : "s");
	put_state(paint, js_get_str(view, "state", "?"));
	if (*cause) {
		paint_put(paint, TONE_PLAIN, " (");
		put_state(paint, cause);
		paint_put(paint, TONE_PLAIN, ")");
	}
	if (start) {
		paint_put(paint, TONE_FAINT, "  ");
		put_duration(paint, TONE_FAINT, end - start, "");
	}
	paint_end(paint);
}

static void render_bar(struct paint *paint, int64_t done, int64_t all,
		       unsigned size)
{
	char bar[2 * 10 + 1];
	unsigned n = all > 0 ? (unsigned)(done * size / all) : 0;

	for (unsigned i = 0; i < size; i++)
		bar[i] = i < n ? '#' : '.';
	bar[size] = '\0';
	paint_put(paint, done >= all ? TONE_GOOD : TONE_PLAIN, bar);
}

/* What a stage is doing, after its state. */
static void render_doing(struct paint *paint, const struct js *stage,
			 const struct live_style *style)
{
	const char *state = js_get_str(stage, "state", "");
	int64_t n_flying = js_get_int(stage, "in_flight", 0);
	int64_t needed = js_get_int(stage, "approvals_needed", 0);
	int64_t given = js_get_int(stage, "approvals", 0);
	int64_t left =
		js_get_int(stage, "bake_left_ms", 0) - (int64_t)style->age_ms;

	if (strcmp(state, "baking") == 0) {
		if (left > 0)
			put_duration(paint, TONE_PLAIN, left, " left");
		else
			paint_put(paint, TONE_PLAIN, "judging");
	} else if (n_flying > 0) {
		paint_format(paint, TONE_PLAIN, "%lld host%s in flight",
			     (long long)n_flying, n_flying == 1 ? "" : "s");
	} else if (needed > 0 && strcmp(state, "waiting") == 0) {
		paint_format(paint, given < needed ? TONE_WAIT : TONE_GOOD,
			     "%lld of %lld approvals", (long long)given,
			     (long long)needed);
	}
}

static void render_gate(struct paint *paint, const struct js *gate,
			unsigned name_width)
{
	const char *name = js_get_str(gate, "name", "?");
	const char *verdict = js_get_str(gate, "verdict", "none");
	const char *text = js_get_str(gate, "text", "");
	size_t size = strlen(name);

	if (strcmp(verdict, "none") == 0)
		return;
	/* The sentence begins with the gate's name; it is there already. */
	if (strncmp(text, name, size) == 0 && text[size] == ':')
		text += size + 1 + (text[size + 1] == ' ');
	paint_pad(paint, 4);
	paint_format(paint, TONE_FAINT, "%.*s", MAX_NAME, name);
	paint_pad(paint, 4 + name_width + 2);
	paint_put(paint, output_tone_of(verdict), verdict);
	paint_pad(paint, 4 + name_width + 2 + VERDICT_WIDTH);
	paint_put(paint, TONE_PLAIN, text);
	paint_end(paint);
}

static void render_stage(struct paint *paint, const struct js *stage,
			 unsigned name_width, const struct live_style *style)
{
	unsigned bar = style->width >= WIDE ? 20 : 10;
	int64_t done = js_get_int(stage, "done", 0);
	int64_t all = js_get_int(stage, "new_hosts", 0);
	const struct js *gates = js_get(stage, "gates");
	unsigned gate_width = widest(gates, 0);
	char count[32];

	(void)snprintf(count, sizeof(count), "%lld/%lld", (long long)done,
		       (long long)all);
	paint_pad(paint, 2);
	paint_format(paint, TONE_PLAIN, "%.*s", MAX_NAME,
		     js_get_str(stage, "name", "?"));
	paint_pad(paint, 2 + name_width + 2);
	render_bar(paint, done, all, bar);
	paint_format(paint, TONE_PLAIN, " %-9s ", count);
	put_state(paint, js_get_str(stage, "state", "?"));
	paint_pad(paint, 2 + name_width + 2 + bar + 11 + 11);
	render_doing(paint, stage, style);
	paint_end(paint);
	for (size_t i = 0; i < js_count(gates); i++)
		render_gate(paint, js_at(gates, i), gate_width);
}

static void render_flights(struct paint *paint, const struct js *view,
			   const struct live_style *style)
{
	const struct js *flights = js_get(view, "in_flight");
	size_t n = js_count(flights);

	if (n == 0)
		return;
	paint_pad(paint, 2);
	paint_put(paint, TONE_FAINT, "in flight:");
	for (size_t i = 0; i < MIN_OF(n, MAX_FLIGHTS); i++) {
		const struct js *flight = js_at(flights, i);
		int64_t since =
			live_time_ms(js_get_str(flight, "since", NULL), 0);

		paint_format(paint, TONE_PLAIN, "%s %s %s", i ? "," : "",
			     js_get_str(flight, "host", "?"),
			     js_get_str(flight, "verb", "?"));
		if (since) {
			paint_put(paint, TONE_FAINT, " ");
			put_duration(paint, TONE_FAINT, style->now_ms - since,
				     "");
		}
	}
	if (n > MAX_FLIGHTS)
		paint_format(paint, TONE_FAINT, ", %zu more", n - MAX_FLIGHTS);
	paint_end(paint);
}

static void render_problems(struct paint *paint, const struct js *view)
{
	const struct js *problems = js_get(view, "problems");
	size_t n = js_count(problems);

	for (size_t i = 0; i < MIN_OF(n, MAX_PROBLEMS); i++) {
		const struct js *problem = js_at(problems, i);

		paint_pad(paint, 2);
		paint_put(paint, TONE_BAD, "! ");
		paint_format(paint, TONE_PLAIN, "%s: %s",
			     js_get_str(problem, "host", "?"),
			     js_get_str(problem, "text", ""));
		paint_end(paint);
	}
	if (n > MAX_PROBLEMS) {
		paint_pad(paint, 2);
		paint_format(paint, TONE_FAINT,
			     "and %zu more; `grayctl status %s` names them",
			     n - MAX_PROBLEMS, js_get_str(view, "id", "?"));
		paint_end(paint);
	}
}

/* Only a release that went back leaves the question how many saw it. */
static void render_exposed(struct paint *paint, const struct js *view)
{
	const char *state = js_get_str(view, "state", "");
	const struct js *exposed = js_get(view, "exposed");
	int64_t n = js_get_int(exposed, "hosts", 0);

	if (strcmp(state, "rolled_back") != 0 && strcmp(state, "failed") != 0)
		return;
	paint_pad(paint, 2);
	paint_format(paint, TONE_PLAIN, "exposed: %lld host%s, ", (long long)n,
		     n == 1 ? "" : "s");
	put_duration(paint, TONE_PLAIN, js_get_int(exposed, "host_ms", 0),
		     " of their time in all");
	paint_end(paint);
}

char *live_render(const struct js *view, const struct live_style *style)
{
	struct paint paint = {
		.width = style->width,
		.has_colour = style->has_colour,
	};
	const struct js *stages = js_get(view, "stages");
	unsigned name_width = widest(stages, 0);

	render_head(&paint, view, style);
	for (size_t i = 0; i < js_count(stages); i++)
		render_stage(&paint, js_at(stages, i), name_width, style);
	render_flights(&paint, view, style);
	render_problems(&paint, view);
	render_exposed(&paint, view);
	paint_wrapped(&paint, TONE_PLAIN, 2, js_get_str(view, "why", ""));
	return buf_take_str(&paint.out);
}

/* --- plain lines, for what is no terminal ------------------------------ */

/* The item of LIST with the same name, or NULL. */
static const struct js *same(const struct js *list, const struct js *item)
{
	const char *name = js_get_str(item, "name", "");

	for (size_t i = 0; i < js_count(list); i++)
		if (strcmp(js_get_str(js_at(list, i), "name", ""), name) == 0)
			return js_at(list, i);
	return NULL;
}

static bool differs(const struct js *before, const struct js *now,
		    const char *key)
{
	return strcmp(js_get_str(before, key, ""), js_get_str(now, key, "")) !=
	       0;
}

static void start_line(struct paint *paint, const struct js *view,
		       const struct live_style *style)
{
	char time[40];

	str_format_time(style->now_ms, time, sizeof(time));
	paint_format(paint, TONE_FAINT, "%s %s ", time,
		     js_get_str(view, "id", "?"));
}

static void change_gate(struct paint *paint, const struct js *view,
			const struct js *stage, const struct js *before,
			const struct js *gate, const struct live_style *style)
{
	const char *verdict = js_get_str(gate, "verdict", "none");

	if (!differs(before, gate, "verdict") || strcmp(verdict, "none") == 0)
		return;
	start_line(paint, view, style);
	paint_format(paint, TONE_PLAIN,
		     "%s: gate %s: ", js_get_str(stage, "name", "?"),
		     js_get_str(gate, "name", "?"));
	paint_put(paint, output_tone_of(verdict), verdict);
	paint_put(paint, TONE_PLAIN, ": ");
	paint_put(paint, TONE_PLAIN, js_get_str(gate, "text", ""));
	paint_end(paint);
}

static void change_stage(struct paint *paint, const struct js *view,
			 const struct js *before, const struct js *stage,
			 const struct live_style *style)
{
	const char *state = js_get_str(stage, "state", "waiting");
	const struct js *gates = js_get(stage, "gates");
	int64_t done = js_get_int(stage, "done", 0);
	bool is_new = differs(before, stage, "state") &&
		      !(before == NULL && strcmp(state, "waiting") == 0);

	if (is_new || js_get_int(before, "done", 0) != done) {
		start_line(paint, view, style);
		paint_format(paint, TONE_PLAIN,
			     "%s: ", js_get_str(stage, "name", "?"));
		put_state(paint, state);
		paint_format(paint, TONE_PLAIN, ", %lld of %lld hosts",
			     (long long)done,
			     (long long)js_get_int(stage, "new_hosts", 0));
		paint_end(paint);
	}
	for (size_t i = 0; i < js_count(gates); i++) {
		const struct js *gate = js_at(gates, i);

		change_gate(paint, view, stage,
			    same(js_get(before, "gates"), gate), gate, style);
	}
}

char *live_changes(const struct js *before, const struct js *view,
		   const struct live_style *style)
{
	struct paint paint = {
		.width = style->width,
		.has_colour = style->has_colour,
	};
	const struct js *stages = js_get(view, "stages");

	for (size_t i = 0; i < js_count(stages); i++) {
		const struct js *stage = js_at(stages, i);

		change_stage(&paint, view,
			     same(js_get(before, "stages"), stage), stage,
			     style);
	}
	if (differs(before, view, "state") || differs(before, view, "cause")) {
		start_line(&paint, view, style);
		put_state(&paint, js_get_str(view, "state", "?"));
		paint_format(&paint, TONE_PLAIN, ": %s",
			     js_get_str(view, "why", ""));
		paint_end(&paint);
	}
	return buf_take_str(&paint.out);
}
