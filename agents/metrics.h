/*
 * metrics.h - a service's own numbers, from the text that it exports.
 *
 * Reads the Prometheus text format, version 0.0.4, and sums the series that a
 * selector means. Pure: the text has been fetched by somebody else, and is
 * hostile until read. One malformed line makes all of it void, as Prometheus
 * does it: half a scrape would look like a drop. Timestamps and exemplars are
 * skipped.
 */
#pragma once

#include "core/base/err.h"
#include "core/wire/agent.h"

#define METRICS_MAX_BYTES (1u << 20)
#define METRICS_MAX_LINE  16384

/*
 * What SELECTORS say of TEXT.
 *
 * out_samples  one a selector: whether any series matched, the sum of their
 *              values (NaN and Inf stay what they are) and how many they were
 * out_started  process_start_time_seconds, the latest of them; 0: not exported
 *
 * Fails with ERR_INVALID, naming the line or the selector. Both are written on
 * success only.
 */
int metrics_read(const char *text, size_t size, char *const *selectors,
		 size_t n_selectors, struct agent_sample *out_samples,
		 double *out_started, struct err *err) MUST_CHECK;
