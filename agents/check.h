/*
 * check.h - a look at the service for a gate: a probe once, or its metrics.
 *
 * Changes nothing and needs no guard; each runs in a child process of serve.
 */
#pragma once

#include "agents/child.h"
#include "agents/slot.h"
#include "agents/spec.h"

struct check;

/*
 * Begin what ASK says.
 *
 * root   of the deployment; copied
 * spec   who the service and the host are, for a probe's command; copied
 *
 * Fails with ERR_INVALID when ASK says nothing to look at.
 */
int check_start(const struct agent_check *ask, const char *root,
		const struct spec *spec, uint64_t now_ms, struct check **out,
		struct err *err) MUST_CHECK;
void check_free(struct check *check);
/* Its process, to poll and to step. */
struct child *check_child(struct check *check);
/* After it ended: append the answer, a whole agent_checked, to OUT. */
void check_answer(const struct check *check, struct buf *out);
/* The answer to one that could not begin. */
void check_refuse(uint64_t id, const struct err *err, struct buf *out);
