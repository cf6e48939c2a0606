/*
 * metric_selector.h - which series of a metric are meant: name{label="value"}.
 *
 * As Prometheus writes it: = != =~ !~ between a label and a quoted string ("",
 * '' or ``), several with commas, all must hold; a label that a series does not
 * have counts as empty. Patterns match the whole value and are the part of RE2
 * that POSIX extended expressions share: no {n,m}, no (?...), no lazy
 * quantifiers, no \d and the like (write [0-9]), and . is one byte.
 */
#pragma once

#include <stdbool.h>

#include "core/base/err.h"
#include "core/base/mem.h"

#define METRIC_SELECTOR_MAX 512 /* bytes of a selector */

struct metric_selector;

struct metric_label {
	const char *name;
	const char *value;
};

/* Fails with ERR_INVALID and says where in TEXT. */
int metric_selector_parse(const char *text, struct metric_selector **out,
			  struct err *err) MUST_CHECK;
void metric_selector_free(struct metric_selector *selector);
MEM_AUTO(metric_selector)

bool metric_selector_matches(const struct metric_selector *selector,
			     const char *name,
			     const struct metric_label *labels,
			     size_t n_labels);

/* Only the syntax, for who reads plans. */
int metric_selector_check(const char *text, struct err *err) MUST_CHECK;

/* Bytes at the start of TEXT that are a metric's name, a label's name. */
size_t metric_name_span(const char *text);
size_t metric_label_span(const char *text);
