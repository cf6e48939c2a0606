#include "core/fleet/range.h"

#include <ctype.h>
#include <stdint.h>

#include "core/base/str.h"

#define DIGITS_MAX 9 /* of one end; more hosts there are not */

void range_release(struct range *range)
{
	for (size_t i = 0; i < range->texts.n; i++)
		free(range->texts.items[i]);
	vec_release(&range->texts);
}

/* The digits at P; their number goes to *size. */
static uint64_t read_number(const char *p, int *size)
{
	uint64_t value = 0;

	for (*size = 0; isdigit((unsigned char)p[*size]); (*size)++)
		if (*size < DIGITS_MAX)
			value = value * 10 + (uint64_t)(p[*size] - '0');
	return value;
}

struct bounds {
	uint64_t first;
	uint64_t last;
	int width;	    /* pad with zeros to so many digits */
	const char *behind; /* the ] */
};

/* Read "[02:50]" at OPEN. */
static int read_bounds(const char *open, struct bounds *out, struct err *err)
{
	struct bounds bounds = { 0 };
	int width, width_last = 0;
	const char *colon;

	bounds.first = read_number(open + 1, &width);
	colon = open + 1 + width;
	bounds.last = *colon == ':' ? read_number(colon + 1, &width_last) : 0;
	bounds.behind = colon + 1 + width_last;
	if (!width || !width_last || width > DIGITS_MAX ||
	    width_last > DIGITS_MAX || *bounds.behind != ']')
		return err_set(err, ERR_INVALID,
			       "\"%s\": a range is written [2:50] or [02:50] "
			       "(and an IPv6 address without brackets)",
			       open);
	bounds.width = 1;
	if ((open[1] == '0' && width > 1) ||
	    (colon[1] == '0' && width_last > 1)) {
		if (width != width_last)
			return err_set(err, ERR_INVALID,
				       "\"%s\": with leading zeros both ends "
				       "have as many digits",
				       open);
		bounds.width = width;
	}
	*out = bounds;
	return 0;
}

static int check_bounds(const struct bounds *bounds, size_t max,
			struct err *err)
{
	unsigned long long first = bounds->first;
	unsigned long long last = bounds->last;

	if (last < first)
		return err_set(err, ERR_INVALID,
			       "the range ends at %llu, before its start %llu",
			       last, first);
	if (last - first >= max)
		return err_set(err, ERR_INVALID,
			       "the range has %llu hosts, more than %zu",
			       last - first + 1, max);
	return 0;
}

int range_unfold(const char *text, size_t max, struct range *out,
		 struct err *err)
{
	const char *open = strchr(text, '[');
	struct range range = { .is_range = open != NULL };
	struct bounds bounds = { 0 };

	if (!open) {
		if (strchr(text, ']'))
			return err_set(err, ERR_INVALID,
				       "\"%s\" has a ] without a [", text);
		*vec_add(&range.texts) = mem_str(text);
		*out = range;
		return 0;
	}
	if (read_bounds(open, &bounds, err) < 0 ||
	    check_bounds(&bounds, max, err) < 0)
		return -ERR_INVALID;
	if (strpbrk(bounds.behind + 1, "[]"))
		return err_set(err, ERR_INVALID,
			       "\"%s\" has more than one range", text);
	for (uint64_t i = bounds.first; i <= bounds.last; i++)
		*vec_add(&range.texts) = mem_format(
			"%.*s%0*llu%s", (int)(open - text), text, bounds.width,
			(unsigned long long)i, bounds.behind + 1);
	*out = range;
	return 0;
}
