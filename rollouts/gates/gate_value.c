/* A number that every host must keep within limits. */
#include <math.h>

#include "rollouts/gates/gate_hosts.h"

extern const struct gate_kind gate_value;

struct survey {
	struct gate_names outside;
	struct gate_names missing;
	double least;
	double most;
	size_t n; /* hosts with a number */
};
static void survey_release(struct survey *survey)
{
	gate_names_release(&survey->outside);
	gate_names_release(&survey->missing);
}
MEM_AUTO_VALUE(survey)

/* The host's number, or why there is none. */
static bool read_value(const struct gate_answer *answer, double *out,
		       const char **why)
{
	*why = answer->text;
	if (!answer->is_heard || answer->code != ERR_NONE)
		return false;
	*why = "no such metric";
	if (answer->n_samples == 0 || !answer->samples[0].is_found)
		return false;
	*why = "not a number";
	*out = answer->samples[0].value;
	return isfinite(*out);
}

static void survey_add(struct survey *survey, const struct gate_look *look,
		       const struct gate_answer *answer)
{
	const struct plan_gate *gate = look->gate;
	const char *why;
	double value;
	char number[64];

	if (!read_value(answer, &value, &why)) {
		gate_names_add(&survey->missing, look, answer->host, why);
		return;
	}
	gate_format_number(value, number, sizeof(number));
	if ((gate->has_max && value > gate->max) ||
	    (gate->has_min && value < gate->min))
		gate_names_add(&survey->outside, look, answer->host, number);
	survey->least = survey->n ? fmin(survey->least, value) : value;
	survey->most = survey->n ? fmax(survey->most, value) : value;
	survey->n++;
}

static char *limits(const struct plan_gate *gate)
{
	AUTO_VALUE(buf) text = BUF_INIT;
	char number[64];

	if (gate->has_max) {
		gate_format_number(gate->max, number, sizeof(number));
		buf_format(&text, "at most %s", number);
	}
	if (gate->has_min) {
		gate_format_number(gate->min, number, sizeof(number));
		buf_format(&text, "%sat least %s", gate->has_max ? ", " : "",
			   number);
	}
	return buf_take_str(&text);
}

static void all(struct gate_look *look)
{
	const struct gate_hosts *hosts = look->own;
	AUTO_VALUE(survey) survey = { .n = 0 };
	AUTO_STR char *limit = limits(look->gate);
	AUTO_STR char *text = NULL;
	enum verdict verdict = VERDICT_PASS;
	char least[64];
	char most[64];

	for (size_t i = 0; i < hosts->n; i++)
		survey_add(&survey, look, &hosts->answers[i]);
	if (survey.outside.n > 0) {
		verdict = VERDICT_FAIL;
		text = mem_format("%zu of %zu hosts outside of %s: %s",
				  survey.outside.n, hosts->n, limit,
				  gate_names_text(&survey.outside));
	} else if (survey.missing.n > 0) {
		verdict = VERDICT_NO_DATA;
		text = mem_format("no number from %zu of %zu hosts: %s",
				  survey.missing.n, hosts->n,
				  gate_names_text(&survey.missing));
	} else {
		gate_format_number(survey.least, least, sizeof(least));
		gate_format_number(survey.most, most, sizeof(most));
		text = mem_format("%s to %s on %zu hosts, limit %s", least,
				  most, survey.n, limit);
	}
	gate_look_end(look, verdict, 0, text);
}

static void start(struct gate_look *look)
{
	const char *selectors[] = { look->gate->metric };

	gate_hosts_metrics(look, selectors, COUNT_OF(selectors), all);
}

const struct gate_kind gate_value = { .kind = GATE_VALUE,
				      .start = start,
				      .stop = gate_hosts_stop };
