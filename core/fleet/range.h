/*
 * range.h - "web-[02:50]" stands for web-02, web-03, ... web-50.
 *
 * One range a text, of whole numbers, both ends in. Where an end is written
 * with leading zeros, all numbers get its width.
 */
#pragma once

#include <stdbool.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/vec.h"

struct range {
	VEC(char *) texts; /* one, TEXT itself, when there is no range in it */
	bool is_range;
};

/* Fails with ERR_INVALID on a bad range or one of more than MAX texts. */
int range_unfold(const char *text, size_t max, struct range *out,
		 struct err *err) MUST_CHECK;
void range_release(struct range *range);
MEM_AUTO_VALUE(range)
