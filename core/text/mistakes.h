/*
 * mistakes.h - what is wrong with a file: all of it, each with its place.
 *
 * A mistake is a whole sentence, "plan.yaml:12:9: stages[1].hosts: ...", safe
 * to print: control characters from the file are replaced.
 */
#pragma once

#include "core/base/macros.h"
#include "core/base/vec.h"

#define MISTAKES_MAX 100 /* nobody reads more; one says that there are more */

struct mistake {
	unsigned line; /* 1-based */
	unsigned column;
	char *text;
};
struct mistakes {
	const char *path; /* of the file, borrowed */
	VEC(struct mistake) list;
};

void mistakes_release(struct mistakes *mistakes);
MEM_AUTO_VALUE(mistakes)

/* WHERE is the path of keys, "stages[1].hosts", or "" for the file itself. */
void mistakes_add(struct mistakes *mistakes, unsigned line, unsigned column,
		  const char *where, const char *fmt, ...) PRINTF_LIKE(5, 6);
/* Into the order of the file; at one place the first found stays first. */
void mistakes_sort(struct mistakes *mistakes);

/*
 * The sentence alone, owned by the caller.
 *
 * text   what is wrong; control characters and line ends are replaced
 */
char *mistake_format(const char *path, unsigned line, unsigned column,
		     const char *where, const char *text) MUST_CHECK;
