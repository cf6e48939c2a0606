#include "core/fleet/names.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"

#define DIGITS_MAX 9 /* what range.h reads back */

/* A name around its last number: web-|01|.example. */
struct split {
	const char *name;
	size_t head;   /* bytes before the digits */
	size_t digits; /* 0: no number in it */
	uint64_t number;
};

static struct split split_of(const char *name)
{
	struct split split = { .name = name };
	size_t end = strlen(name);

	while (end > 0 && !isdigit((unsigned char)name[end - 1]))
		end--;
	split.head = end;
	while (split.head > 0 && split.digits < DIGITS_MAX &&
	       isdigit((unsigned char)name[split.head - 1])) {
		split.head--;
		split.digits++;
	}
	for (size_t i = split.head; i < end; i++)
		split.number = split.number * 10 + (uint64_t)(name[i] - '0');
	if (split.digits == 0)
		split.head = strlen(name);
	return split;
}

static const char *tail_of(const struct split *split)
{
	return split->name + split->head + split->digits;
}

static int compare_heads(const struct split *a, const struct split *b)
{
	int order = memcmp(a->name, b->name, MIN_OF(a->head, b->head));

	if (order == 0 && a->head != b->head)
		order = a->head < b->head ? -1 : 1;
	return order ? order : strcmp(tail_of(a), tail_of(b));
}

static int compare(const void *left, const void *right)
{
	const struct split *a = left;
	const struct split *b = right;
	int order = compare_heads(a, b);

	if (order)
		return order;
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return a->digits < b->digits ? -1 : a->digits > b->digits;
}

/* Does B come right after A in one range? */
static bool is_next(const struct split *a, const struct split *b)
{
	bool is_padded = a->name[a->head] == '0' || b->name[b->head] == '0';

	return a->digits && b->digits && compare_heads(a, b) == 0 &&
	       b->number == a->number + 1 &&
	       (a->digits == b->digits || !is_padded);
}

void names_fold(const char *const *names, size_t n, struct names *out)
{
	struct split *splits = mem_array(n + 1, sizeof(*splits));
	struct names folded = { 0 };

	for (size_t i = 0; i < n; i++)
		splits[i] = split_of(names[i]);
	qsort(splits, n, sizeof(*splits), compare);
	for (size_t first = 0, end; first < n; first = end) {
		const struct split *a = &splits[first];
		const struct split *b;

		for (end = first + 1; end < n; end++)
			if (!is_next(&splits[end - 1], &splits[end]))
				break;
		b = &splits[end - 1];
		*vec_add(&folded.counts) = end - first;
		*vec_add(&folded.parts) =
			a == b ? mem_str(a->name)
			       : mem_format("%.*s[%.*s:%.*s]%s", (int)a->head,
					    a->name, (int)a->digits,
					    a->name + a->head, (int)b->digits,
					    b->name + b->head, tail_of(a));
	}
	free(splits);
	*out = folded;
}

void names_release(struct names *names)
{
	for (size_t i = 0; i < names->parts.n; i++)
		free(names->parts.items[i]);
	vec_release(&names->parts);
	vec_release(&names->counts);
}

char *names_join(const struct names *names, size_t width)
{
	static const size_t more = sizeof(", and 20000 more") - 1;
	AUTO_VALUE(buf) out = BUF_INIT;
	size_t left = 0;

	for (size_t i = 0; i < names->parts.n; i++)
		left += names->counts.items[i];
	for (size_t i = 0; i < names->parts.n; i++) {
		bool is_last = i + 1 == names->parts.n;
		size_t need = strlen(names->parts.items[i]) + 2;

		if (i > 0 && out.size + need + (is_last ? 0 : more) > width) {
			buf_format(&out, " and %zu more", left);
			break;
		}
		buf_format(&out, "%s%s", i > 0 ? ", " : "",
			   names->parts.items[i]);
		left -= names->counts.items[i];
	}
	return buf_take_str(&out);
}
