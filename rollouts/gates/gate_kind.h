/*
 * gate_kind.h - what a kind of gate is: one file, and one row in gate.c.
 *
 * Private to the gates.
 */
#pragma once

#include "rollouts/gates/gate.h"

struct gate_kind {
	enum plan_gate_kind kind;
	bool is_final_only;
	/* Begin LOOK; it ends with one gate_look_end, now or later. */
	void (*start)(struct gate_look *look);
	/* Stop what START began and free look->own, whether it is over or not;
	 * nothing of it is called afterwards. */
	void (*stop)(struct gate_look *look);
	void (*forget)(void *memory); /* NULL: keeps none between looks */
};

struct gate_look {
	const struct gate_kind *kind;
	const struct gate_env *env;
	const struct plan_gate *gate;
	struct gate_subject subject;
	void *own; /* the kind's */
	/* gate.c's own */
	gate_done_fn done;
	void *ctx;
	struct loop_timer *soon;
	bool is_telling; /* DONE is being called */
	struct gate_result result;
};

/*
 * The look's verdict. SENTENCE is cut to fit, the gate's name and ": " go in
 * front. DONE is told in the loop's next turn, never within this call.
 */
void gate_look_end(struct gate_look *look, enum verdict verdict,
		   uint64_t n_samples, const char *sentence);

/* Bytes of TEXT that fit into MAX without cutting a character; for %.*s. */
int gate_cut(const char *text, size_t max);
/* A number for people: "41", "0.25", "10,213". */
void gate_format_number(double value, char *out, size_t size);
/* A part of 1 as a percentage: "0.40%", "0.0012%". */
void gate_format_share(double value, char *out, size_t size);
