#include "core/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>

bool str_starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *text, const char *suffix)
{
	size_t n = strlen(text);
	size_t m = strlen(suffix);

	return n >= m && strcmp(text + n - m, suffix) == 0;
}

static bool is_same_letter(char a, char b, bool is_any_case)
{
	return a == b || (is_any_case && tolower((unsigned char)a) ==
						 tolower((unsigned char)b));
}

bool str_matches(const char *text, const char *pattern, size_t size,
		 bool is_any_case)
{
	const char *end = pattern + size;
	const char *star = NULL;
	const char *retry = NULL;

	while (*text) {
		if (pattern < end && *pattern == '*') {
			star = ++pattern;
			retry = text;
		} else if (pattern < end &&
			   (*pattern == '?' ||
			    is_same_letter(*pattern, *text, is_any_case))) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (pattern < end && *pattern == '*')
		pattern++;
	return pattern == end;
}

int str_parse_u64(const char *text, uint64_t max, uint64_t *out,
		  struct err *err)
{
	uint64_t value = 0;

	if (!*text)
		return err_set(err, ERR_INVALID, "a whole number is missing");
	for (const char *p = text; *p; p++) {
		if (!isdigit((unsigned char)*p))
			return err_set(err, ERR_INVALID,
				       "\"%s\" is not a whole number", text);
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'),
					   &value) ||
		    value > max)
			return err_set(err, ERR_INVALID, "%s is more than %llu",
				       text, (unsigned long long)max);
	}
	*out = value;
	return 0;
}

int str_parse_i64(const char *text, int64_t *out, struct err *err)
{
	bool is_negative = *text == '-';
	uint64_t value;

	if (str_parse_u64(text + is_negative, INT64_MAX, &value, err) < 0)
		return err_set(err, ERR_INVALID, "\"%s\" is not a whole number",
			       text);
	*out = is_negative ? -(int64_t)value : (int64_t)value;
	return 0;
}

int str_parse_double(const char *text, double *out, struct err *err)
{
	char *end;
	double value;

	if (!*text || strspn(text, "0123456789.eE+-") != strlen(text))
		return err_set(err, ERR_INVALID, "\"%s\" is not a number",
			       text);
	errno = 0;
	value = strtod(text, &end);
	if (*end || end == text || !isfinite(value))
		return err_set(err, ERR_INVALID, "\"%s\" is not a number",
			       text);
	*out = value;
	return 0;
}

static const struct {
	const char *name;
	uint64_t ms;
} units[] = { { "ms", 1 },
	      { "s", 1000 },
	      { "m", 60000 },
	      { "h", 3600000 },
	      { "d", 86400000 } };

/* The unit at the head of TEXT; its length goes to *size. */
static uint64_t duration_unit(const char *text, size_t *size)
{
	for (size_t i = 0; i < COUNT_OF(units); i++) {
		*size = strlen(units[i].name);
		if (strncmp(text, units[i].name, *size) == 0 &&
		    !isalpha((unsigned char)text[*size]))
			return units[i].ms;
	}
	return 0;
}

int str_parse_duration(const char *text, uint64_t *out_ms, struct err *err)
{
	const uint64_t most = 366 * 86400000ull;
	const char *p = text;
	uint64_t total = 0;

	do {
		char *end;
		size_t size;
		uint64_t unit;
		double value = strtod(p, &end);

		unit = end == p || !isdigit((unsigned char)*p)
			       ? 0
			       : duration_unit(end, &size);
		if (!unit || strspn(p, "0123456789.") != (size_t)(end - p))
			return err_set(err, ERR_INVALID,
				       "\"%s\" is not a duration like 500ms, "
				       "30s, 10m, 4h or 1h30m",
				       text);
		if (value * (double)unit > (double)(most - total))
			return err_set(err, ERR_INVALID,
				       "%s is longer than a year", text);
		total += (uint64_t)(value * (double)unit + 0.5);
		p = end + size;
	} while (*p);
	*out_ms = total;
	return 0;
}

int str_parse_percent(const char *text, uint32_t *out_bp, struct err *err)
{
	char number[16];
	size_t n = strlen(text);
	double value;

	if (n < 2 || n > sizeof(number) || text[n - 1] != '%')
		return err_set(err, ERR_INVALID,
			       "\"%s\" is not a share like 5%%", text);
	memcpy(number, text, n - 1);
	number[n - 1] = '\0';
	if (str_parse_double(number, &value, err) < 0 || value < 0 ||
	    value > 100)
		return err_set(err, ERR_INVALID,
			       "\"%s\" is not a share from 0%% to 100%%", text);
	*out_bp = (uint32_t)(value * 100 + 0.5);
	return 0;
}

void str_format_duration(uint64_t ms, char *out, size_t size)
{
	uint64_t s = ms / 1000;

	if (ms < 1000)
		(void)snprintf(out, size, "%llums", (unsigned long long)ms);
	else if (ms < 10000 && ms % 1000)
		(void)snprintf(out, size, "%.1fs", (double)ms / 1000);
	else if (s < 60)
		(void)snprintf(out, size, "%llus", (unsigned long long)s);
	else if (s < 3600)
		(void)snprintf(out, size, s % 60 ? "%llum %llus" : "%llum",
			       (unsigned long long)(s / 60),
			       (unsigned long long)(s % 60));
	else if (s < 86400)
		(void)snprintf(out, size,
			       s % 3600 / 60 ? "%lluh %llum" : "%lluh",
			       (unsigned long long)(s / 3600),
			       (unsigned long long)(s % 3600 / 60));
	else
		(void)snprintf(out, size,
			       s % 86400 / 3600 ? "%llud %lluh" : "%llud",
			       (unsigned long long)(s / 86400),
			       (unsigned long long)(s % 86400 / 3600));
}

void str_format_bytes(uint64_t bytes, char *out, size_t size)
{
	static const char *const names[] = { "B", "kB", "MB", "GB", "TB" };
	double value = (double)bytes;
	size_t i = 0;

	while (value >= 1000 && i + 1 < COUNT_OF(names)) {
		value /= 1000;
		i++;
	}
	(void)snprintf(out, size, i && value < 100 ? "%.1f %s" : "%.0f %s",
		       value, names[i]);
}

void str_format_time(int64_t wall_ms, char *out, size_t size)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) ||
	    !strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &tm))
		(void)snprintf(out, size, "?");
}

/* Bytes of the UTF-8 sequence at P, or 0 when it is not one. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code = p[0];
	size_t n = 1;

	if (p[0] < 0x80)
		return 1;
	if ((p[0] & 0xe0) == 0xc0) {
		n = 2;
		code &= 0x1f;
	} else if ((p[0] & 0xf0) == 0xe0) {
		n = 3;
		code &= 0x0f;
	} else if ((p[0] & 0xf8) == 0xf0) {
		n = 4;
		code &= 0x07;
	}
	if (n == 1 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < smallest[n] || code > 0x10ffff ||
	    (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return n;
}

bool str_is_utf8(const char *bytes, size_t size)
{
	const unsigned char *p = (const unsigned char *)bytes;

	for (size_t i = 0; i < size;) {
		size_t n = utf8_sequence(p + i, size - i);

		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

char *str_clean(const char *bytes, size_t size)
{
	const unsigned char *p = (const unsigned char *)bytes;
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < size;) {
		size_t n = utf8_sequence(p + i, size - i);
		bool is_control = n == 1 && (p[i] < 0x20 || p[i] == 0x7f);
		bool is_c1 = n == 2 && p[i] == 0xc2 && p[i + 1] < 0xa0;

		if (n == 0 || is_c1 ||
		    (is_control && p[i] != '\n' && p[i] != '\t'))
			buf_append_char(&out, '?');
		else
			buf_append(&out, p + i, n);
		i += n ? n : 1;
	}
	return buf_take_str(&out);
}

bool str_is_name(const char *text)
{
	size_t n = strlen(text);

	if (n < 1 || n > 63 || !isalnum((unsigned char)text[0]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("._-", text[i]))
			return false;
	return true;
}

#define NEAREST_MAX 64 /* longer words are nobody's slip of the pen */

static size_t str_distance(const char *a, const char *b)
{
	size_t row[3][NEAREST_MAX + 1];
	size_t n = strlen(a);
	size_t m = strlen(b);

	for (size_t j = 0; j <= m; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *now = row[i % 3];
		const size_t *last = row[(i - 1) % 3];
		const size_t *before = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t swap = last[j - 1] + (a[i - 1] != b[j - 1]);

			swap = MIN_OF(swap, last[j] + 1);
			swap = MIN_OF(swap, now[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				swap = MIN_OF(swap, before[j - 2] + 1);
			now[j] = swap;
		}
	}
	return row[n % 3][m];
}

const char *str_nearest(const char *text, const char *const *names,
			size_t n_names)
{
	const char *best = NULL;
	size_t best_distance = SIZE_MAX;

	if (strlen(text) > NEAREST_MAX)
		return NULL;
	for (size_t i = 0; i < n_names; i++) {
		size_t most = (MAX_OF(strlen(text), strlen(names[i])) + 2) / 3;
		size_t distance;

		if (strlen(names[i]) > NEAREST_MAX)
			continue;
		distance = str_distance(text, names[i]);
		if (distance <= most && distance < best_distance) {
			best = names[i];
			best_distance = distance;
		}
	}
	return best;
}
