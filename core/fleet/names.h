/*
 * names.h - many names in few words: web-01, web-02, web-03 is web-[01:03].
 *
 * The inverse of range.h, for people to read; in the order of the names, not in
 * the order given.
 */
#pragma once

#include "core/base/mem.h"
#include "core/base/vec.h"

struct names {
	VEC(char *) parts;  /* a name or a range each */
	VEC(size_t) counts; /* of the names in each */
};

/* NAMES are borrowed; OUT is released by the caller. */
void names_fold(const char *const *names, size_t n, struct names *out);
void names_release(struct names *names);
MEM_AUTO_VALUE(names)

/*
 * The parts with commas, as many as fit into WIDTH columns; then "and 12 more"
 * hosts. Owned by the caller.
 */
char *names_join(const struct names *names, size_t width) MUST_CHECK;
