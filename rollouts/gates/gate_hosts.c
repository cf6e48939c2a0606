#include "rollouts/gates/gate_hosts.h"

#include <string.h>

#include "core/base/str.h"
#include "rollouts/dispatch.h"

#define NAMES_MAX 4   /* of hosts in a sentence of 512 bytes */
#define WHY_MAX	  100 /* bytes for each of them */

static int by_host(const void *left, const void *right)
{
	const struct gate_answer *a = left;
	const struct gate_answer *b = right;

	return (a->host > b->host) - (a->host < b->host);
}

static void take_samples(struct gate_hosts *hosts, struct gate_answer *answer,
			 const struct agent_checked *checked)
{
	if (checked->n_samples != hosts->n_selectors)
		return;
	answer->n_samples = hosts->n_selectors;
	for (size_t i = 0; i < answer->n_samples; i++) {
		const struct agent_sample *sample = &checked->samples[i];

		answer->samples[i].is_found = sample->is_found;
		memcpy(&answer->samples[i].value, &sample->value_bits,
		       sizeof(answer->samples[i].value));
	}
	answer->started_bits = checked->started_bits;
}

static void checked_cb(void *ctx, uint32_t host,
		       const struct agent_checked *checked, const char *text)
{
	struct gate_hosts *hosts = ctx;
	struct gate_answer key = { .host = host };
	struct gate_answer *answer =
		bsearch(&key, hosts->answers, hosts->n, sizeof(key), by_host);

	if (!answer || answer->text)
		return; /* not asked, or told already */
	answer->is_heard = checked != NULL;
	if (checked) {
		answer->code = (enum err_code)checked->code;
		text = checked->text;
		take_samples(hosts, answer, checked);
	}
	text = text ? text : "";
	answer->text = str_clean(text, strlen(text));
	if (--hosts->n_left == 0)
		hosts->all(hosts->look);
}

static struct record_host host_of(const struct gate_env *env, uint32_t host)
{
	/* Only read, by dispatch. */
	return (struct record_host){
		.name = (char *)(uintptr_t)env->host_name(env->world, host),
		.address =
			(char *)(uintptr_t)env->host_address(env->world, host),
	};
}

static void ask(struct gate_hosts *hosts, uint32_t host,
		const char *const *selectors)
{
	const struct gate_look *look = hosts->look;
	const struct gate_env *env = look->env;
	struct record_host record = host_of(env, host);
	AUTO_VALUE(agent_check)
	check = { .timeout_ms = look->gate->timeout_ms };

	if (!selectors) {
		check.has_probe = true;
		dispatch_probe(&look->gate->probe, &record, &check.probe);
	} else {
		check.metrics_url = dispatch_fill(
			env->plan->metrics.items[0].prometheus, &record);
		check.selectors =
			mem_array(hosts->n_selectors, sizeof(*check.selectors));
		check.n_selectors = hosts->n_selectors;
		for (size_t i = 0; i < hosts->n_selectors; i++)
			check.selectors[i] = mem_str(selectors[i]);
	}
	env->check_host(env->world, host, &check, checked_cb, hosts);
}

static void ask_all(struct gate_look *look, const char *const *selectors,
		    size_t n_selectors, void (*all)(struct gate_look *look))
{
	struct gate_hosts *hosts = MEM_NEW(struct gate_hosts);

	look->own = hosts;
	hosts->look = look;
	hosts->all = all;
	hosts->n_selectors = n_selectors;
	hosts->n = hosts->n_left = look->subject.n_hosts;
	if (hosts->n == 0) {
		gate_look_end(look, VERDICT_NO_DATA, 0, "no host to ask");
		return;
	}
	hosts->answers = mem_array(hosts->n, sizeof(*hosts->answers));
	for (size_t i = 0; i < hosts->n; i++)
		hosts->answers[i].host = look->subject.hosts[i];
	qsort(hosts->answers, hosts->n, sizeof(*hosts->answers), by_host);
	for (size_t i = 0; i < hosts->n; i++)
		ask(hosts, hosts->answers[i].host, selectors);
}

void gate_hosts_probe(struct gate_look *look,
		      void (*all)(struct gate_look *look))
{
	ask_all(look, NULL, 0, all);
}

void gate_hosts_metrics(struct gate_look *look, const char *const *selectors,
			size_t n_selectors, void (*all)(struct gate_look *look))
{
	ask_all(look, selectors, n_selectors, all);
}

void gate_hosts_stop(struct gate_look *look)
{
	struct gate_hosts *hosts = TAKE(look->own);

	if (!hosts)
		return;
	if (hosts->n_left > 0)
		look->env->cancel_checks(look->env->world, hosts);
	for (size_t i = 0; i < hosts->n; i++)
		free(hosts->answers[i].text);
	free(hosts->answers);
	free(hosts);
}

void gate_names_release(struct gate_names *names)
{
	buf_release(&names->text);
}

void gate_names_add(struct gate_names *names, const struct gate_look *look,
		    uint32_t host, const char *why)
{
	if (names->n++ >= NAMES_MAX)
		return;
	buf_format(&names->text, "%s%s", names->n > 1 ? ", " : "",
		   look->env->host_name(look->env->world, host));
	if (why && why[0])
		buf_format(&names->text, " (%.*s)", gate_cut(why, WHY_MAX),
			   why);
}

const char *gate_names_text(struct gate_names *names)
{
	if (names->n > NAMES_MAX)
		buf_format(&names->text, " and %zu more", names->n - NAMES_MAX);
	return buf_str(&names->text);
}
