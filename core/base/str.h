/*
 * str.h - text in, numbers out, and back.
 *
 * Parsers take the whole text or fail; nothing is guessed. Durations are
 * written 500ms, 30s, 10m, 4h, 2d, or as a sum (1h30m); a share is written 5%
 * or 0.1% and kept in basis points (10000 = all).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

bool str_starts(const char *text, const char *prefix);
bool str_ends(const char *text, const char *suffix);
/*
 * Does TEXT match the SIZE letters at PATTERN, in which * is any letters and ?
 * any one. Goes back to the last * only, so the work is at most the product of
 * the lengths.
 */
bool str_matches(const char *text, const char *pattern, size_t size,
		 bool is_any_case);

int str_parse_u64(const char *text, uint64_t max, uint64_t *out,
		  struct err *err) MUST_CHECK;
int str_parse_i64(const char *text, int64_t *out, struct err *err) MUST_CHECK;
/* Finite decimal numbers only; no NaN, no Inf, no hexadecimal. */
int str_parse_double(const char *text, double *out, struct err *err) MUST_CHECK;
int str_parse_duration(const char *text, uint64_t *out_ms,
		       struct err *err) MUST_CHECK;
int str_parse_percent(const char *text, uint32_t *out_bp,
		      struct err *err) MUST_CHECK;

/* "1h 2m", "9m 58s", "1.5s", "250ms": two units at most. */
void str_format_duration(uint64_t ms, char *out, size_t size);
/* "11.2 MB" */
void str_format_bytes(uint64_t bytes, char *out, size_t size);
/* UTC, "2026-11-24T10:00:00Z" from milliseconds since 1970. */
void str_format_time(int64_t wall_ms, char *out, size_t size);

/* Valid UTF-8 without surrogates and overlong forms (RFC 3629). */
bool str_is_utf8(const char *bytes, size_t size);
/* Copy for people to see: control characters and bad UTF-8 become '?'. */
char *str_clean(const char *bytes, size_t size) MUST_CHECK;
/* A name of a service, host, stage, label: [A-Za-z0-9][A-Za-z0-9._-]{0,62} */
bool str_is_name(const char *text);

/*
 * The one of NAMES that TEXT was probably meant to be, or NULL: at most a third
 * of its letters differ (Damerau-Levenshtein, adjacent transpositions).
 */
const char *str_nearest(const char *text, const char *const *names,
			size_t n_names);
