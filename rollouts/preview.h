/*
 * preview.h - what a plan would do: exact hosts, numbers, times, before it does
 * it.
 *
 * Pure. Times are the longest there can be by the plan's timeouts, without the
 * transfer of files and without waiting for people.
 */
#pragma once

#include "core/text/json.h"
#include "rollouts/stages.h"

/*
 * For people, as `grayctl plan` prints it; ends with a newline.
 *
 * width   columns to fill, at least 40
 */
char *preview_text(const struct plan *plan, const struct fleet *fleet,
		   const struct stages *stages, unsigned width) MUST_CHECK;
/* For programs: the same numbers, with every host's name. */
struct js *preview_json(const struct plan *plan, const struct fleet *fleet,
			const struct stages *stages) MUST_CHECK;

struct preview_stage {
	uint32_t n_hosts; /* up to and with this stage */
	uint32_t n_new;
	uint32_t n_batches;
	uint64_t worst_ms; /* all batches, then the bake */
};
struct preview {
	VEC(struct preview_stage) stages;
	VEC(char *) notes;  /* what is allowed but worth a thought */
	uint64_t switch_ms; /* D: one host */
	uint64_t worst_ms;  /* the whole rollout */
	uint32_t rollback_batches;
	uint64_t rollback_ms; /* all hosts back, from the last stage */
	uint64_t lost_ms; /* controller gone: all unconfirmed hosts are back */
	uint32_t n_left;  /* hosts that stay on the old release */
};
void preview_make(const struct plan *plan, const struct stages *stages,
		  struct preview *out);
void preview_release(struct preview *preview);
MEM_AUTO_VALUE(preview)

/* "http_requests_total at most 1%": what a gate asks for; owned. */
char *preview_gate(const struct plan_gate *gate) MUST_CHECK;
