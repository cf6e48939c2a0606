#include "core/text/mistakes.h"

#include <stdarg.h>

#include "core/base/buf.h"
#include "core/base/str.h"

void mistakes_release(struct mistakes *mistakes)
{
	for (size_t i = 0; i < mistakes->list.n; i++)
		free(mistakes->list.items[i].text);
	vec_release(&mistakes->list);
}

char *mistake_format(const char *path, unsigned line, unsigned column,
		     const char *where, const char *text)
{
	AUTO_STR char *dirty =
		mem_format("%s:%u:%u: %s%s%s", path, line, column, where,
			   *where ? ": " : "", text);
	char *clean = str_clean(dirty, strlen(dirty));

	for (char *p = clean; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = ' ';
	return clean;
}

void mistakes_add(struct mistakes *mistakes, unsigned line, unsigned column,
		  const char *where, const char *fmt, ...)
{
	AUTO_STR char *text = NULL;
	struct mistake *mistake;
	va_list args;

	if (mistakes->list.n > MISTAKES_MAX)
		return;
	va_start(args, fmt);
	if (mistakes->list.n == MISTAKES_MAX)
		text = mem_str("there are more mistakes; these come first");
	else if (vasprintf(&text, fmt, args) < 0)
		abort();
	va_end(args);
	mistake = vec_add(&mistakes->list);
	mistake->line = line;
	mistake->column = column;
	mistake->text =
		mistake_format(mistakes->path, line, column, where, text);
}

static bool is_before(const struct mistake *a, const struct mistake *b)
{
	return a->line < b->line ||
	       (a->line == b->line && a->column < b->column);
}

/* By insertion: stable, and there are at most MISTAKES_MAX. */
void mistakes_sort(struct mistakes *mistakes)
{
	struct mistake *items = mistakes->list.items;

	for (size_t i = 1; i < mistakes->list.n; i++) {
		struct mistake one = items[i];
		size_t j = i;

		for (; j > 0 && is_before(&one, &items[j - 1]); j--)
			items[j] = items[j - 1];
		items[j] = one;
	}
}
