/*
 * Bad events among all, as the counters of the stage's hosts grow.
 *
 * A counter says little, its growth all: the first look at a host in a stage is
 * where counting begins, and each later one adds what came since. What a host
 * has added stays, also when it cannot be asked later.
 */
#include <math.h>
#include <string.h>

#include "rollouts/gates/gate_hosts.h"

extern const struct gate_kind gate_ratio;

/*
 * So many requests before a limit may be said to be broken: below it, one bad
 * request is a share of 5% or more, and chance alone breaks any usual limit.
 * Bad requests that would break the limit even if all the others of the first
 * so many were good need not wait.
 */
#define ENOUGH_REQUESTS 20

enum { BAD, TOTAL, N_COUNTERS };

struct counted {
	unsigned n_readings;
	uint64_t started_bits;
	double last[N_COUNTERS];
	double grown[N_COUNTERS]; /* since the first reading */
};

struct ratio_memory {
	struct counted *hosts; /* by place in the rollout's list */
	size_t n_hosts;
};

struct ratio_sum {
	double grown[N_COUNTERS];
	size_t n_hosts; /* that have a growth */
	struct gate_names missing;
};
static void ratio_sum_release(struct ratio_sum *sum)
{
	gate_names_release(&sum->missing);
}
MEM_AUTO_VALUE(ratio_sum)

static void forget(void *memory)
{
	struct ratio_memory *ratio = memory;

	free(ratio->hosts);
	free(ratio);
}

static struct counted *counted_of(struct gate_look *look, uint32_t host)
{
	struct ratio_memory *memory = *look->subject.memory;

	if (!memory) {
		memory = MEM_NEW(struct ratio_memory);
		*look->subject.memory = memory;
	}
	if (host >= memory->n_hosts) {
		size_t n = (size_t)host + 1;

		memory->hosts =
			mem_resize(memory->hosts, n, sizeof(*memory->hosts));
		memset(memory->hosts + memory->n_hosts, 0,
		       (n - memory->n_hosts) * sizeof(*memory->hosts));
		memory->n_hosts = n;
	}
	return &memory->hosts[host];
}

/*
 * The counters, or why there are none. A service that never failed has often no
 * series of failures yet: that counts as zero.
 */
static bool read_counters(const struct gate_answer *answer,
			  double out[N_COUNTERS], const char **why)
{
	*why = answer->text;
	if (!answer->is_heard || answer->code != ERR_NONE)
		return false;
	*why = "no such metric";
	if (answer->n_samples != N_COUNTERS || !answer->samples[TOTAL].is_found)
		return false;
	*why = "not a counter's number";
	for (int i = 0; i < N_COUNTERS; i++) {
		out[i] = answer->samples[i].is_found ? answer->samples[i].value
						     : 0;
		if (!isfinite(out[i]) || out[i] < 0)
			return false;
	}
	return true;
}

static void count(struct counted *counted, uint64_t started_bits,
		  const double now[N_COUNTERS])
{
	/* A new process counts from 0, whether or not it is past the old one.
	 */
	bool is_new = now[TOTAL] < counted->last[TOTAL] ||
		      (started_bits && counted->started_bits &&
		       started_bits != counted->started_bits);

	for (int i = 0; i < N_COUNTERS; i++) {
		if (counted->n_readings > 0)
			counted->grown[i] +=
				is_new || now[i] < counted->last[i]
					? now[i]
					: now[i] - counted->last[i];
		counted->last[i] = now[i];
	}
	if (started_bits)
		counted->started_bits = started_bits;
	counted->n_readings++;
}

static void sum_up(struct gate_look *look, struct ratio_sum *sum)
{
	const struct gate_hosts *hosts = look->own;

	for (size_t i = 0; i < hosts->n; i++) {
		const struct gate_answer *answer = &hosts->answers[i];
		struct counted *counted = counted_of(look, answer->host);
		double now[N_COUNTERS];
		const char *why;

		if (read_counters(answer, now, &why))
			count(counted, answer->started_bits, now);
		else
			gate_names_add(&sum->missing, look, answer->host, why);
		if (counted->n_readings < 2)
			continue;
		sum->n_hosts++;
		for (int k = 0; k < N_COUNTERS; k++)
			sum->grown[k] += counted->grown[k];
	}
}

static char *describe(const struct plan_gate *gate, const struct ratio_sum *sum)
{
	AUTO_VALUE(buf) text = BUF_INIT;
	char bad[64];
	char total[64];
	char share[64];

	gate_format_number(nearbyint(sum->grown[BAD]), bad, sizeof(bad));
	gate_format_number(nearbyint(sum->grown[TOTAL]), total, sizeof(total));
	gate_format_share(sum->grown[BAD] / sum->grown[TOTAL], share,
			  sizeof(share));
	buf_format(&text, "%s of %s requests failed on %zu host%s (%s)", bad,
		   total, sum->n_hosts, sum->n_hosts == 1 ? "" : "s", share);
	if (gate->has_max)
		buf_format(&text, ", limit %g%%", gate->max * 100);
	if (gate->has_min)
		buf_format(&text, ", at least %g%%", gate->min * 100);
	return buf_take_str(&text);
}

static enum verdict judge(const struct plan_gate *gate,
			  const struct ratio_sum *sum)
{
	double bad = sum->grown[BAD];
	double total = sum->grown[TOTAL];
	bool is_above = gate->has_max && bad > gate->max * total;
	bool is_below = gate->has_min && bad < gate->min * total;
	bool is_enough = total >= ENOUGH_REQUESTS ||
			 (is_above && bad > gate->max * ENOUGH_REQUESTS);

	if (!is_above && !is_below)
		return VERDICT_PASS;
	return is_enough ? VERDICT_FAIL : VERDICT_INCONCLUSIVE;
}

static uint64_t n_requests(double total)
{
	/* Beyond 2^63 a sum of counters is nonsense; still no overflow. */
	return total < 9e18 ? (uint64_t)total : UINT64_MAX / 2;
}

static void all(struct gate_look *look)
{
	AUTO_VALUE(ratio_sum) sum = { .n_hosts = 0 };
	AUTO_STR char *text = NULL;
	enum verdict verdict = VERDICT_NO_DATA;

	sum_up(look, &sum);
	if (sum.grown[TOTAL] > 0) {
		text = describe(look->gate, &sum);
		verdict = judge(look->gate, &sum);
	}
	/* Harm that was seen is harm; good news takes all the hosts. */
	if (verdict != VERDICT_FAIL && sum.missing.n > 0) {
		verdict = VERDICT_NO_DATA;
		free(text);
		text = mem_format("no counters from %s",
				  gate_names_text(&sum.missing));
	} else if (!text) {
		text = mem_str(sum.n_hosts == 0 ? "first look, nothing to "
						  "compare with yet"
						: "no requests seen yet");
	}
	gate_look_end(look, verdict, n_requests(sum.grown[TOTAL]), text);
}

static void start(struct gate_look *look)
{
	const char *selectors[N_COUNTERS] = {
		[BAD] = look->gate->metric, [TOTAL] = look->gate->total
	};

	gate_hosts_metrics(look, selectors, N_COUNTERS, all);
}

const struct gate_kind gate_ratio = { .kind = GATE_RATIO,
				      .start = start,
				      .stop = gate_hosts_stop,
				      .forget = forget };
