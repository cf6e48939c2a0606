#include "agents/metrics.h"

#include <math.h>
#include <string.h>

#include "core/base/vec.h"
#include "core/text/metric_selector.h"

#define MAX_LABELS 64

static const char started_name[] = "process_start_time_seconds";

struct series {
	char line[METRICS_MAX_LINE + 1]; /* all texts below point into it */
	char *name;
	struct metric_label labels[MAX_LABELS];
	size_t n_labels;
	double value;
};

struct totals {
	VEC(struct metric_selector *) selectors;
	double *sums;
	uint32_t *counts;
	double started;
};

static void totals_release(struct totals *totals)
{
	for (size_t i = 0; i < totals->selectors.n; i++)
		metric_selector_free(totals->selectors.items[i]);
	vec_release(&totals->selectors);
	free(totals->sums);
	free(totals->counts);
}
MEM_AUTO_VALUE(totals)

static char *skip_blanks(char *p)
{
	return p + strspn(p, " \t");
}

/*
 * Take the backslashes out of the quoted value at P, in place. Returns what
 * follows the closing quote, or NULL when there is none or an escape is
 * unknown.
 */
static char *read_value(char *p, const char **out)
{
	char *to = p;

	*out = p;
	for (; *p != '"'; p++) {
		if (!*p)
			return NULL;
		if (*p != '\\') {
			*to++ = *p;
			continue;
		}
		p++;
		if (*p != '\\' && *p != '"' && *p != 'n')
			return NULL;
		*to++ = *p == 'n' ? '\n' : *p;
	}
	*to = '\0';
	return p + 1;
}

/* name="value"; returns what follows, or NULL. */
static char *read_label(char *p, struct metric_label *label)
{
	size_t size = metric_label_span(p);
	char *after = skip_blanks(p + size);

	if (!size || *after != '=')
		return NULL;
	label->name = p;
	p[size] = '\0';
	after = skip_blanks(after + 1);
	return *after == '"' ? read_value(after + 1, &label->value) : NULL;
}

/* From behind the opening brace to behind the closing one, or NULL. */
static char *read_labels(char *p, struct series *series)
{
	p = skip_blanks(p);
	while (*p != '}') {
		if (series->n_labels == MAX_LABELS)
			return NULL;
		p = read_label(p, &series->labels[series->n_labels++]);
		if (!p)
			return NULL;
		p = skip_blanks(p);
		if (*p == ',')
			p = skip_blanks(p + 1);
		else if (*p != '}')
			return NULL;
	}
	return p + 1;
}

/* The number that is all of WORD. */
static bool read_number(const char *word, double *out)
{
	char *end;

	if (!*word || strchr(word, '('))
		return false; /* strtod knows nan(...), nobody else does */
	*out = strtod(word, &end);
	return !*end;
}

/* Cut the word off that P begins with; returns what follows the blanks. */
static char *cut_word(char *p)
{
	char *end = p + strcspn(p, " \t");

	if (!*end)
		return end;
	*end = '\0';
	return skip_blanks(end + 1);
}

/* NULL, or what is wrong with the line in SERIES. */
static const char *read_series(struct series *series)
{
	char *p = skip_blanks(series->line);
	size_t size = metric_name_span(p);
	char *rest;
	bool has_labels;
	double when;

	series->name = p;
	series->n_labels = 0;
	if (!size)
		return "the metric's name is missing";
	p = skip_blanks(p + size);
	has_labels = *p == '{';
	if (p == series->name + size && !has_labels)
		return "the value is missing";
	series->name[size] = '\0';
	if (has_labels)
		p = read_labels(p + 1, series);
	if (!p)
		return "bad labels";
	p = skip_blanks(p);
	rest = cut_word(p);
	if (!read_number(p, &series->value))
		return "bad value";
	p = rest;
	if (*p && *p != '#') {
		rest = cut_word(p);
		if (!read_number(p, &when))
			return "bad timestamp";
		p = rest;
	}
	return *p && *p != '#' ? "something follows the timestamp" : NULL;
}

static void add_series(struct totals *totals, const struct series *series)
{
	if (strcmp(series->name, started_name) == 0 &&
	    isfinite(series->value) && series->value > totals->started)
		totals->started = series->value;
	for (size_t i = 0; i < totals->selectors.n; i++) {
		if (!metric_selector_matches(totals->selectors.items[i],
					     series->name, series->labels,
					     series->n_labels))
			continue;
		totals->sums[i] += series->value;
		totals->counts[i]++;
	}
}

static const char *read_line(struct totals *totals, struct series *series,
			     const char *line, size_t size)
{
	const char *why;
	const char *start;

	if (size > METRICS_MAX_LINE)
		return "longer than 16384 bytes";
	if (memchr(line, '\0', size))
		return "has a NUL";
	memcpy(series->line, line, size);
	series->line[size] = '\0';
	start = skip_blanks(series->line);
	if (!*start || *start == '#')
		return NULL;
	why = read_series(series);
	if (!why)
		add_series(totals, series);
	return why;
}

static int read_lines(struct totals *totals, const char *text, size_t size,
		      struct err *err)
{
	struct series *series = MEM_NEW(struct series);
	const char *why = NULL;
	unsigned number = 0;

	while (size && !why) {
		const char *end = memchr(text, '\n', size);
		size_t length = end ? (size_t)(end - text) : size;

		number++;
		why = read_line(totals, series, text, length);
		length += end != NULL;
		text += length;
		size -= length;
	}
	free(series);
	return why ? err_set(err, ERR_INVALID, "metrics line %u: %s", number,
			     why)
		   : 0;
}

static uint64_t bits_of(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

int metrics_read(const char *text, size_t size, char *const *selectors,
		 size_t n_selectors, struct agent_sample *out_samples,
		 double *out_started, struct err *err)
{
	AUTO_VALUE(totals) totals = { .started = 0 };

	if (size > METRICS_MAX_BYTES)
		return err_set(err, ERR_INVALID, "metrics above 1 MiB");
	for (size_t i = 0; i < n_selectors; i++)
		if (metric_selector_parse(selectors[i],
					  vec_add(&totals.selectors), err) < 0)
			return err_again(err);
	totals.sums = mem_array(n_selectors + 1, sizeof(*totals.sums));
	totals.counts = mem_array(n_selectors + 1, sizeof(*totals.counts));
	if (read_lines(&totals, text, size, err) < 0)
		return err_again(err);
	for (size_t i = 0; i < n_selectors; i++) {
		out_samples[i].is_found = totals.counts[i] > 0;
		out_samples[i].n_series = totals.counts[i];
		out_samples[i].value_bits = bits_of(totals.sums[i]);
	}
	*out_started = totals.started;
	return 0;
}
