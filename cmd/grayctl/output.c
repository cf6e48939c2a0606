#include "cmd/grayctl/output.h"

#include <string.h>
#include <sys/ioctl.h>

#include "core/base/str.h"
#include "core/text/json.h"

#define DEFAULT_WIDTH  80
#define DEFAULT_HEIGHT 24
#define NO_WIDTH       4000

void output_measure(struct output *output)
{
	struct winsize size = { 0 };

	output->width = DEFAULT_WIDTH;
	output->height = DEFAULT_HEIGHT;
	if (!output->is_terminal ||
	    ioctl(fileno(output->file), TIOCGWINSZ, &size) < 0)
		return;
	if (size.ws_col > 0)
		output->width = size.ws_col;
	if (size.ws_row > 0)
		output->height = size.ws_row;
}

void output_init(struct output *output, FILE *file)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	*output = (struct output){
		.file = file,
		.is_terminal = isatty(fileno(file)) && term &&
			       strcmp(term, "dumb") != 0,
	};
	output->has_colour = output->is_terminal && !(no_color && *no_color);
	output_measure(output);
}

void output_json(const struct output *output, const struct js *value)
{
	AUTO_STR char *text = js_format(value);

	(void)fprintf(output->file, "%s\n", text);
}

unsigned output_width(const struct output *output)
{
	if (!output->is_terminal)
		return NO_WIDTH;
	return output->width > 1 ? output->width - 1 : 1;
}

static const char *const tones[] = {
	[TONE_PLAIN] = "",	  [TONE_GOOD] = "\033[32m",
	[TONE_BAD] = "\033[31m",  [TONE_WAIT] = "\033[33m",
	[TONE_FAINT] = "\033[2m",
};

const char *output_tone(bool has_colour, enum output_tone tone)
{
	return has_colour ? tones[tone] : "";
}

const char *output_tone_end(bool has_colour, enum output_tone tone)
{
	return has_colour && tone != TONE_PLAIN ? "\033[0m" : "";
}

enum output_tone output_tone_of(const char *state)
{
	static const struct {
		const char *state;
		enum output_tone tone;
	} known[] = {
		{ "succeeded", TONE_GOOD },    { "passed", TONE_GOOD },
		{ "pass", TONE_GOOD },	       { "confirmed", TONE_GOOD },
		{ "ok", TONE_GOOD },	       { "failed", TONE_BAD },
		{ "fail", TONE_BAD },	       { "error", TONE_BAD },
		{ "stuck", TONE_BAD },	       { "rolled_back", TONE_BAD },
		{ "rolling_back", TONE_BAD },  { "reverting", TONE_BAD },
		{ "paused", TONE_WAIT },       { "no-data", TONE_WAIT },
		{ "inconclusive", TONE_WAIT }, { "unconfirmed", TONE_WAIT },
		{ "unreachable", TONE_WAIT },  { "baking", TONE_WAIT },
		{ "waiting", TONE_FAINT },     { "pending", TONE_FAINT },
		{ "none", TONE_FAINT },	       { "canceled", TONE_FAINT },
		{ "idle", TONE_FAINT },
	};

	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (strcmp(known[i].state, state) == 0)
			return known[i].tone;
	return TONE_PLAIN;
}

size_t output_columns(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

void table_init(struct table *table, const char *const *heads, size_t n_columns)
{
	*table = (struct table){ .n_columns = n_columns, .heads = heads };
}

void table_release(struct table *table)
{
	for (size_t i = 0; i < table->cells.n; i++)
		free(table->cells.items[i]);
	vec_release(&table->cells);
}

void table_add(struct table *table, const char *text)
{
	*vec_add(&table->cells) = str_clean(text, strlen(text));
}

static size_t column_width(const struct table *table, size_t column)
{
	size_t width = output_columns(table->heads[column]);

	for (size_t i = column; i < table->cells.n; i += table->n_columns)
		width = MAX_OF(width, output_columns(table->cells.items[i]));
	return width;
}

/* As much of TEXT as fits into COLUMNS. */
static void print_cut(FILE *file, const char *text, size_t columns)
{
	size_t n = 0;

	for (; *text; text++) {
		n += ((unsigned char)*text & 0xc0) != 0x80;
		if (n > columns)
			break;
		(void)fputc(*text, file);
	}
}

static void print_row(const struct table *table, const struct output *output,
		      const char *const *row, const size_t *widths)
{
	size_t used = 0;

	for (size_t i = 0; i < table->n_columns; i++) {
		bool is_last = i + 1 == table->n_columns;
		enum output_tone tone = output_tone_of(row[i]);

		(void)fputs(output_tone(output->has_colour, tone),
			    output->file);
		if (is_last && output->is_terminal)
			print_cut(output->file, row[i],
				  output->width > used ? output->width - used
						       : 0);
		else
			(void)fputs(row[i], output->file);
		(void)fputs(output_tone_end(output->has_colour, tone),
			    output->file);
		if (!is_last)
			(void)fprintf(
				output->file, "%*s",
				(int)(widths[i] + 2 - output_columns(row[i])),
				"");
		used += widths[i] + 2;
	}
	(void)fputc('\n', output->file);
}

void table_print(const struct table *table, const struct output *output)
{
	size_t *widths = mem_array(table->n_columns, sizeof(*widths));

	for (size_t i = 0; i < table->n_columns; i++)
		widths[i] = column_width(table, i);
	print_row(table, output, table->heads, widths);
	for (size_t i = 0; i + table->n_columns <= table->cells.n;
	     i += table->n_columns)
		print_row(table, output,
			  (const char *const *)&table->cells.items[i], widths);
	free(widths);
}
