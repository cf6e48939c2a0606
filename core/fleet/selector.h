/*
 * selector.h - which hosts are meant, by their labels.
 *
 *	role=feed and not (idc=bj or rack in (r1, r2))
 *	name=web-* and idc!=sh
 *
 * `not` binds tighter than `and`, `and` tighter than `or`. In a value `*`
 * stands for any letters and `?` for one; text in quotes is taken as it is.
 * A host without the label is not equal to anything, so it meets `!=`.
 */
#pragma once

#include <stdbool.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/fleet/inventory.h"

#define SELECTOR_MAX_BYTES 4096
#define SELECTOR_MAX_DEPTH 32

struct selector;

/* Fails with ERR_INVALID, "letter 12: ...", letters counted from 1. */
int selector_parse(const char *text, struct selector **out,
		   struct err *err) MUST_CHECK;
void selector_free(struct selector *selector);
MEM_AUTO(selector)

bool selector_matches(const struct selector *selector,
		      const struct fleet_host *host);

/* Call FN for each label that the selector asks for. */
typedef void (*selector_label_fn)(void *ctx, const char *label);
void selector_each_label(const struct selector *selector, selector_label_fn fn,
			 void *ctx);
