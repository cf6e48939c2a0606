#include "agents/check.h"

#include <string.h>
#include <unistd.h>

#include "agents/http.h"
#include "agents/metrics.h"
#include "agents/probes/probe.h"
#include "core/base/str.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "core/wire/frame.h"

#define DEFAULT_MS 10000
#define LONGEST_MS 300000
#define GRACE_MS   1000 /* to say what is wrong before being killed */

/* What the child says: fixed size, so that it needs no parsing. */
struct finding {
	bool is_found;
	uint32_t n_series;
	uint64_t value_bits;
};
struct findings {
	uint64_t started_bits;
	uint64_t boot_ms;
	uint32_t n;
	struct finding list[AGENT_CHECK_SELECTORS_ITEMS];
};
_Static_assert(sizeof(struct findings) <= CHILD_OUTPUT / 2, "kept whole");

struct check {
	uint64_t id;
	struct child *child;
};

struct job {
	const struct agent_check *ask;
	const struct spec_probe *probe;
	const struct spec *spec;
	const char *root;
	uint64_t until_ms;
};

static uint64_t bits_of(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static int look(const struct job *job, struct err *err)
{
	__attribute__((cleanup(slot_auto_close))) struct slot *slot = NULL;
	struct probe_context context = { .spec = job->spec };

	if (slot_open(job->root, &slot, err) < 0 ||
	    slot_current(slot, &context.release, err) < 0)
		return err_again(err);
	context.slot = slot;
	return probe_find(job->probe->kind)
		->look(&context, job->probe, job->until_ms, err);
}

static int read_metrics(const struct job *job, struct findings *out,
			struct err *err)
{
	const struct agent_check *ask = job->ask;
	struct agent_sample samples[AGENT_CHECK_SELECTORS_ITEMS] = { 0 };
	AUTO_VALUE(buf) body = BUF_INIT;
	double started = 0;
	unsigned status;

	if (http_get(ask->metrics_url, job->until_ms, METRICS_MAX_BYTES,
		     &status, &body, err) < 0)
		return err_again(err);
	if (status != 200)
		return err_set(err, ERR_UNREACHABLE, "%s: status %u",
			       ask->metrics_url, status);
	if (metrics_read(buf_str(&body), body.size, ask->selectors,
			 ask->n_selectors, samples, &started, err) < 0)
		return err_wrap(err, "%s", ask->metrics_url);
	out->n = (uint32_t)ask->n_selectors;
	out->started_bits = started > 0 ? bits_of(started) : 0;
	for (uint32_t i = 0; i < out->n; i++)
		out->list[i] =
			(struct finding){ .is_found = samples[i].is_found,
					  .n_series = samples[i].n_series,
					  .value_bits = samples[i].value_bits };
	return 0;
}

static int run(void *ctx, struct err *err)
{
	const struct job *job = ctx;
	struct findings findings = { 0 };

	if (job->probe && look(job, err) < 0)
		return err_again(err);
	if (job->ask->metrics_url && job->ask->metrics_url[0] &&
	    read_metrics(job, &findings, err) < 0)
		return err_again(err);
	findings.boot_ms = clock_boot_ms();
	return file_write_all(STDOUT_FILENO, &findings, sizeof(findings), err);
}

static int begin(const struct agent_check *ask, struct job *job,
		 struct spec_probe *probe, uint64_t now_ms, struct child **out,
		 struct err *err)
{
	uint64_t timeout_ms = ask->timeout_ms ? ask->timeout_ms : DEFAULT_MS;
	struct child_options options = {
		.what = "check", .fn = run, .ctx = job, .dir = -1, .output = -1
	};

	timeout_ms = MIN_OF(timeout_ms, LONGEST_MS);
	job->until_ms = now_ms + timeout_ms;
	options.timeout_ms = timeout_ms + GRACE_MS;
	if (ask->has_probe) {
		if (spec_of_probe(&ask->probe, probe, err) < 0)
			return err_again(err);
		job->probe = probe;
	} else if (!ask->metrics_url || !ask->metrics_url[0]) {
		return err_set(err, ERR_INVALID, "a check of nothing");
	}
	return child_start(&options, now_ms, out, err);
}

int check_start(const struct agent_check *ask, const char *root,
		const struct spec *spec, uint64_t now_ms, struct check **out,
		struct err *err)
{
	struct spec_probe probe = { 0 };
	struct job job = { .ask = ask, .spec = spec, .root = root };
	struct child *child = NULL;
	struct check *check;

	if (begin(ask, &job, &probe, now_ms, &child, err) < 0)
		return err_again(err);
	check = MEM_NEW(struct check);
	check->id = ask->id;
	check->child = child;
	*out = check;
	return 0;
}

void check_free(struct check *check)
{
	if (!check)
		return;
	child_free(check->child);
	free(check);
}

struct child *check_child(struct check *check)
{
	return check->child;
}

static void write_answer(struct agent_checked *checked, struct buf *out)
{
	size_t start = frame_begin(out, AGENT_CHECKED);

	agent_checked_encode(checked, out);
	frame_end(out, start);
}

void check_refuse(uint64_t id, const struct err *err, struct buf *out)
{
	char text[AGENT_CHECKED_TEXT_MAX + 1];
	AUTO_STR char *clean = str_clean(err->text, strlen(err->text));
	struct agent_checked checked = { .id = id,
					 .code = (uint32_t)err->code,
					 .boot_ms = clock_boot_ms() };

	(void)snprintf(text, sizeof(text), "%s", clean);
	checked.text = text;
	write_answer(&checked, out);
}

void check_answer(const struct check *check, struct buf *out)
{
	const struct buf *bytes = child_bytes(check->child);
	struct agent_sample samples[AGENT_CHECK_SELECTORS_ITEMS] = { 0 };
	struct agent_checked checked = { .id = check->id, .samples = samples };
	struct findings findings;
	struct err err = ERR_INIT;

	if (child_result(check->child, &err) < 0) {
		check_refuse(check->id, &err, out);
		return;
	}
	if (bytes->size != sizeof(findings)) {
		(void)err_set(&err, ERR_SYSTEM, "the check said nothing");
		check_refuse(check->id, &err, out);
		return;
	}
	memcpy(&findings, bytes->bytes, sizeof(findings));
	checked.n_samples = MIN_OF(findings.n, COUNT_OF(samples));
	for (size_t i = 0; i < checked.n_samples; i++) {
		samples[i].is_found = findings.list[i].is_found;
		samples[i].n_series = findings.list[i].n_series;
		samples[i].value_bits = findings.list[i].value_bits;
	}
	checked.boot_ms = findings.boot_ms;
	checked.started_bits = findings.started_bits;
	write_answer(&checked, out);
}
