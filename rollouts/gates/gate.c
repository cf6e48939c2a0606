#include "rollouts/gates/gate.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "rollouts/gates/gate_kind.h"

/* The one list of kinds; a kind's file has the same name. */
#define GATE_KINDS(X)	 X(probe) X(command) X(http) X(value) X(ratio)
#define GATE_DECLARE(id) extern const struct gate_kind gate_##id;
GATE_KINDS(GATE_DECLARE)
#undef GATE_DECLARE
#define GATE_ROW(id) &gate_##id,
static const struct gate_kind *const kinds[] = { GATE_KINDS(GATE_ROW) };
#undef GATE_ROW

static const struct gate_kind *find_kind(enum plan_gate_kind kind)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (kinds[i]->kind == kind)
			return kinds[i];
	abort(); /* plan.c made a kind that has no row */
}

static void look_free(struct gate_look *look)
{
	look->kind->stop(look);
	loop_timer_free(look->soon);
	free(look);
}

static void tell_cb(void *ctx)
{
	struct gate_look *look = ctx;

	look->is_telling = true;
	look->done(look->ctx, &look->result);
	look_free(look);
}

struct gate_look *gate_look(const struct gate_env *env,
			    const struct plan_gate *gate,
			    const struct gate_subject *subject,
			    gate_done_fn done, void *ctx)
{
	struct gate_look *look = MEM_NEW(struct gate_look);

	look->kind = find_kind(gate->kind);
	look->env = env;
	look->gate = gate;
	look->subject = *subject;
	look->done = done;
	look->ctx = ctx;
	look->soon = loop_timer_new(env->loop, tell_cb, look);
	look->kind->start(look);
	return look;
}

void gate_cancel(struct gate_look *look)
{
	/* Cancelled by what its own end set off: tell_cb frees it. */
	if (look && !look->is_telling)
		look_free(look);
}

int gate_cut(const char *text, size_t max)
{
	size_t n = strnlen(text, max + 1);

	if (n > max)
		for (n = max; n > 0 && (text[n] & 0xc0) == 0x80; n--)
			;
	return (int)n;
}

void gate_look_end(struct gate_look *look, enum verdict verdict,
		   uint64_t n_samples, const char *sentence)
{
	AUTO_STR char *text = mem_format("%s: %s", look->gate->name, sentence);

	look->result.verdict = verdict;
	look->result.n_samples = n_samples;
	(void)snprintf(look->result.text, sizeof(look->result.text), "%.*s",
		       gate_cut(text, sizeof(look->result.text) - 1), text);
	loop_timer_set(look->soon, 0);
}

void gate_memory_free(const struct plan_gate *gate, void *memory)
{
	const struct gate_kind *kind = find_kind(gate->kind);

	if (memory && kind->forget)
		kind->forget(memory);
}

bool gate_is_final_only(enum plan_gate_kind kind)
{
	return find_kind(kind)->is_final_only;
}

const char *gate_kind_name(enum plan_gate_kind kind)
{
	return plan_gate_key(kind);
}

void gate_format_number(double value, char *out, size_t size)
{
	char digits[32];
	AUTO_VALUE(buf) text = BUF_INIT;
	size_t n;

	/* Above 2^53 a double does not know its last digits anyway. */
	if (fabs(value) > 9e15 || fabs(value - nearbyint(value)) > 1e-9) {
		(void)snprintf(out, size, "%.4g", value);
		return;
	}
	(void)snprintf(digits, sizeof(digits), "%.0f", fabs(value));
	n = strlen(digits);
	if (value <= -1)
		buf_append_char(&text, '-');
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0)
			buf_append_char(&text, ',');
		buf_append_char(&text, digits[i]);
	}
	(void)snprintf(out, size, "%s", buf_str(&text));
}

void gate_format_share(double value, char *out, size_t size)
{
	double percent = value * 100;

	/* What is not nothing is not written as nothing. */
	(void)snprintf(out, size,
		       percent != 0 && fabs(percent) < 0.01 ? "%.2g%%"
							    : "%.2f%%",
		       percent);
}
