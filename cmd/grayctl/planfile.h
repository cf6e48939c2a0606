/*
 * planfile.h - a plan as grayctl reads it: checked here against its fleet,
 * before anybody is asked, with every mistake as a line.
 */
#pragma once

#include "cmd/grayctl/output.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/text/json.h"
#include "rollouts/preview.h"

struct planfile {
	char *path; /* absolute, as the controller needs it */
	char *dir;  /* where the plan's own paths start */
	struct buf text;
	struct plan *plan;
	struct fleet *fleet;
	struct stages *stages;
};

/* mistakes: a line each, when it fails for them */
int planfile_load(const char *path, struct buf *mistakes, struct planfile **out,
		  struct err *err) MUST_CHECK;
void planfile_free(struct planfile *file);
MEM_AUTO(planfile)

/* Print what it would do: exact hosts, numbers, times. */
void planfile_preview(const struct planfile *file, const struct output *output);

/* What POST /v1/rollouts takes; owned by the caller. */
struct js *planfile_request(const struct planfile *file,
			    const char *reason) MUST_CHECK;
