#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h wants the three above */
#include <arpa/inet.h>
#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/str.h"
#include "core/base/vec.h"
#include "core/sys/clock.h"
#include "rollouts/gates/gate.h"

#define N_HOSTS	 3
#define BOUND_MS 20000 /* of a test that hangs */

static const char *const names[N_HOSTS] = { "web1", "web2", "web3" };
static const char *const addresses[N_HOSTS] = { "10.0.0.1", "10.0.0.2",
						"10.0.0.3" };

/* What a host will say. */
struct reply {
	const char *lost; /* it could not be asked: why */
	enum err_code code;
	const char *text;
	bool has_bad;
	double bad; /* the first or only sample */
	bool has_total;
	double total;
	double started;
	size_t n_samples; /* 0: as many as were asked for */
};

struct pending {
	struct agent_check check;
	uint32_t host;
	gate_checked_fn fn;
	void *ctx;
};

/* A world with three hosts that answer when the test says so. */
struct world {
	struct loop *loop;
	struct loop_timer *bound;
	struct gate_env env;
	struct plan plan;
	struct plan_metrics metrics;
	VEC(struct pending) asked;
	unsigned n_done;
	struct gate_result result;
	struct gate_look *look;
	bool cancels_in_done;
};

static struct agent_check copy_check(const struct agent_check *check)
{
	struct agent_check copy;
	AUTO_VALUE(buf) bytes = BUF_INIT;
	struct err err = ERR_INIT;

	agent_check_encode(check, &bytes);
	assert_int_equal(
		agent_check_decode(bytes.bytes, bytes.size, &copy, &err), 0);
	return copy;
}

static void check_host(void *ctx, uint32_t host,
		       const struct agent_check *check, gate_checked_fn fn,
		       void *fn_ctx)
{
	struct world *world = ctx;

	*vec_add(&world->asked) = (struct pending){ .check = copy_check(check),
						    .host = host,
						    .fn = fn,
						    .ctx = fn_ctx };
}

static void cancel_checks(void *ctx, void *fn_ctx)
{
	struct world *world = ctx;

	for (size_t i = world->asked.n; i-- > 0;)
		if (world->asked.items[i].ctx == fn_ctx) {
			agent_check_release(&world->asked.items[i].check);
			vec_remove(&world->asked, i);
		}
}

static const char *host_name(void *ctx, uint32_t host)
{
	(void)ctx;
	return names[host];
}

static const char *host_address(void *ctx, uint32_t host)
{
	(void)ctx;
	return addresses[host];
}

static void bound_cb(void *ctx)
{
	loop_stop(ctx);
}

static int setup(void **state)
{
	struct world *world = MEM_NEW(struct world);
	struct err err = ERR_INIT;

	assert_int_equal(loop_new(&world->loop, &err), 0);
	world->bound = loop_timer_new(world->loop, bound_cb, world->loop);
	world->metrics.prometheus = (char *)"http://{address}:80/{name}";
	world->plan.metrics.items = &world->metrics;
	world->plan.metrics.n = 1;
	world->env = (struct gate_env){
		.loop = world->loop,
		.check_host = check_host,
		.cancel_checks = cancel_checks,
		.host_name = host_name,
		.host_address = host_address,
		.world = world,
		.dir = "/",
		.plan = &world->plan,
		.rollout_id = "feed-7",
		.version = "v2",
	};
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	assert_int_equal(world->asked.n, 0);
	vec_release(&world->asked);
	loop_timer_free(world->bound);
	loop_free(world->loop);
	free(world);
	return 0;
}

static void done_cb(void *ctx, const struct gate_result *result)
{
	struct world *world = ctx;

	world->n_done++;
	world->result = *result;
	if (world->cancels_in_done)
		gate_cancel(world->look);
	loop_stop(world->loop);
}

static void begin(struct world *world, const struct plan_gate *gate,
		  size_t n_hosts, void **memory)
{
	static const uint32_t hosts[N_HOSTS] = { 2, 0, 1 };
	/* Gone before the look is over: only its parts are lent. */
	struct gate_subject subject = { .stage_name = "canary",
					.hosts = hosts,
					.n_hosts = n_hosts,
					.memory = memory };

	world->n_done = 0;
	world->look = gate_look(&world->env, gate, &subject, done_cb, world);
	memset(&subject, 0xff, sizeof(subject));
	assert_int_equal(world->n_done, 0);
}

static void turn(struct world *world, uint64_t ms)
{
	loop_timer_set(world->bound, ms);
	loop_run(world->loop);
	loop_timer_stop(world->bound);
}

static uint64_t bits_of(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static void answer(const struct pending *asked, const struct reply *reply)
{
	struct agent_sample samples[] = {
		{ .is_found = reply->has_bad,
		  .value_bits = bits_of(reply->bad) },
		{ .is_found = reply->has_total,
		  .value_bits = bits_of(reply->total) },
	};
	struct agent_checked checked = {
		.code = reply->code,
		.text = (char *)(uintptr_t)reply->text,
		.samples = samples,
		.n_samples = reply->n_samples ? reply->n_samples
					      : asked->check.n_selectors,
		.started_bits = bits_of(reply->started),
	};

	asked->fn(asked->ctx, asked->host, reply->lost ? NULL : &checked,
		  reply->lost);
}

/* Let every host that was asked say its line of REPLIES; the end's verdict. */
static void finish(struct world *world, const struct reply *replies)
{
	while (world->asked.n > 0) {
		struct pending asked = world->asked.items[0];

		vec_remove(&world->asked, 0);
		answer(&asked, &replies[asked.host]);
		agent_check_release(&asked.check);
	}
	assert_int_equal(world->n_done, 0); /* never within a call */
	turn(world, BOUND_MS);
	assert_int_equal(world->n_done, 1);
}

static void assert_says(const struct world *world, enum verdict verdict,
			const char *text)
{
	if (world->result.verdict != verdict ||
	    strcmp(world->result.text, text) != 0)
		fail_msg("%s \"%s\", not %s \"%s\"",
			 verdict_name(world->result.verdict),
			 world->result.text, verdict_name(verdict), text);
}

#define BOTH(b, t)                                                           \
	{                                                                    \
		.has_bad = true, .bad = (b), .has_total = true, .total = (t) \
	}
#define STARTED(b, t, s)                                                      \
	{                                                                     \
		.has_bad = true, .bad = (b), .has_total = true, .total = (t), \
		.started = (s)                                                \
	}
#define ONLY_TOTAL(t)                           \
	{                                       \
		.has_total = true, .total = (t) \
	}
#define LOST(why)             \
	{                     \
		.lost = (why) \
	}

/* Up to three looks at two hosts (web3, web1), and what the last one says. */
struct ratio_case {
	size_t n_hosts;
	struct reply looks[3][2]; /* web1, web3 */
	unsigned n_looks;
	bool has_min;
	double limit;
	enum verdict verdict;
	uint64_t n_samples;
	const char *text;
};

static const struct ratio_case ratio_cases[] = {
	/* one look is a place to count from */
	{ 1,
	  { { { 0 }, BOTH(500, 1000) } },
	  1,
	  false,
	  0.01,
	  VERDICT_NO_DATA,
	  0,
	  "errors: first look, nothing to compare with yet" },
	/* as counters grow */
	{ 2,
	  { { BOTH(5, 1000), BOTH(7, 3000) },
	    { BOTH(26, 6213), BOTH(27, 8000) } },
	  2,
	  false,
	  0.01,
	  VERDICT_PASS,
	  10213,
	  "errors: 41 of 10,213 requests failed on 2 hosts (0.40%), limit 1%" },
	{ 2,
	  { { BOTH(5, 1000), BOTH(7, 3000) },
	    { BOTH(15, 1500), BOTH(7, 3500) } },
	  2,
	  false,
	  0.005,
	  VERDICT_FAIL,
	  1000,
	  "errors: 10 of 1,000 requests failed on 2 hosts (1.00%), "
	  "limit 0.5%" },
	/* at the limit is not above it */
	{ 1,
	  { { { 0 }, BOTH(0, 0) }, { { 0 }, BOTH(10, 1000) } },
	  2,
	  false,
	  0.01,
	  VERDICT_PASS,
	  1000,
	  "errors: 10 of 1,000 requests failed on 1 host (1.00%), limit 1%" },
	/* growth adds up over looks */
	{ 1,
	  { { { 0 }, BOTH(0, 0) },
	    { { 0 }, BOTH(9, 100) },
	    { { 0 }, BOTH(9, 1000) } },
	  3,
	  false,
	  0.01,
	  VERDICT_PASS,
	  1000,
	  "errors: 9 of 1,000 requests failed on 1 host (0.90%), limit 1%" },
	/* the counters fell: all of the new process counts */
	{ 1,
	  { { { 0 }, BOTH(50, 1000) }, { { 0 }, BOTH(60, 600) } },
	  2,
	  false,
	  0.01,
	  VERDICT_FAIL,
	  600,
	  "errors: 60 of 600 requests failed on 1 host (10.00%), limit 1%" },
	/* only the bad ones fell: a series went, the process did not */
	{ 1,
	  { { { 0 }, BOTH(50, 1000) }, { { 0 }, BOTH(2, 1400) } },
	  2,
	  false,
	  0.01,
	  VERDICT_PASS,
	  400,
	  "errors: 2 of 400 requests failed on 1 host (0.50%), limit 1%" },
	/* a restart that has overtaken the old counter already */
	{ 1,
	  { { { 0 }, STARTED(1, 100, 1000) },
	    { { 0 }, STARTED(3, 200, 1060.5) } },
	  2,
	  false,
	  0.01,
	  VERDICT_FAIL,
	  200,
	  "errors: 3 of 200 requests failed on 1 host (1.50%), limit 1%" },
	{ 1,
	  { { { 0 }, STARTED(1, 100, 1000) },
	    { { 0 }, STARTED(2, 200, 1000) } },
	  2,
	  false,
	  0.01,
	  VERDICT_PASS,
	  100,
	  "errors: 1 of 100 requests failed on 1 host (1.00%), limit 1%" },
	/* an exporter that begins to say when it started has not restarted */
	{ 1,
	  { { { 0 }, BOTH(1, 100) }, { { 0 }, STARTED(2, 200, 1000) } },
	  2,
	  false,
	  0.01,
	  VERDICT_PASS,
	  100,
	  "errors: 1 of 100 requests failed on 1 host (1.00%), limit 1%" },
	/* nobody asked the service anything */
	{ 1,
	  { { { 0 }, BOTH(3, 100) }, { { 0 }, BOTH(3, 100) } },
	  2,
	  false,
	  0.01,
	  VERDICT_NO_DATA,
	  0,
	  "errors: no requests seen yet" },
	/* no failure yet, so no series of it */
	{ 1,
	  { { { 0 }, ONLY_TOTAL(0) }, { { 0 }, ONLY_TOTAL(1234567) } },
	  2,
	  false,
	  0.01,
	  VERDICT_PASS,
	  1234567,
	  "errors: 0 of 1,234,567 requests failed on 1 host (0.00%), "
	  "limit 1%" },
	{ 1,
	  { { { 0 }, ONLY_TOTAL(0) }, { { 0 }, BOTH(90, 100) } },
	  2,
	  false,
	  0.01,
	  VERDICT_FAIL,
	  100,
	  "errors: 90 of 100 requests failed on 1 host (90.00%), limit 1%" },
	/* all that there was is missing */
	{ 1,
	  { { { 0 }, BOTH(0, 0) }, { { 0 }, { .has_bad = true, .bad = 3 } } },
	  2,
	  false,
	  0.01,
	  VERDICT_NO_DATA,
	  0,
	  "errors: no counters from web3 (no such metric)" },
	/* no numbers */
	{ 1,
	  { { { 0 }, BOTH(0, 0) }, { { 0 }, BOTH(NAN, 10) } },
	  2,
	  false,
	  0.01,
	  VERDICT_NO_DATA,
	  0,
	  "errors: no counters from web3 (not a counter's number)" },
	{ 1,
	  { { { 0 }, BOTH(0, 0) }, { { 0 }, BOTH(0, INFINITY) } },
	  2,
	  false,
	  0.01,
	  VERDICT_NO_DATA,
	  0,
	  "errors: no counters from web3 (not a counter's number)" },
	{ 1,
	  { { { 0 }, BOTH(0, 0) }, { { 0 }, BOTH(-1, 10) } },
	  2,
	  false,
	  0.01,
	  VERDICT_NO_DATA,
	  0,
	  "errors: no counters from web3 (not a counter's number)" },
	/* an answer of another shape */
	{ 1,
	  { { { 0 }, BOTH(0, 0) },
	    { { 0 }, { .has_bad = true, .bad = 1, .n_samples = 1 } } },
	  2,
	  false,
	  0.01,
	  VERDICT_NO_DATA,
	  0,
	  "errors: no counters from web3 (no such metric)" },
	/* one host is silent: good news takes all of them, bad news does not */
	{ 2,
	  { { BOTH(0, 0), BOTH(0, 0) },
	    { BOTH(0, 1000), LOST("no answer in time") } },
	  2,
	  false,
	  0.01,
	  VERDICT_NO_DATA,
	  1000,
	  "errors: no counters from web3 (no answer in time)" },
	{ 2,
	  { { BOTH(0, 0), BOTH(0, 0) },
	    { BOTH(500, 1000), LOST("no answer in time") } },
	  2,
	  false,
	  0.01,
	  VERDICT_FAIL,
	  1000,
	  "errors: 500 of 1,000 requests failed on 1 host (50.00%), "
	  "limit 1%" },
	/* what a host added stays when it falls silent */
	{ 2,
	  { { BOTH(0, 0), BOTH(0, 0) },
	    { BOTH(0, 100), BOTH(1, 300) },
	    { BOTH(99, 200), LOST("gone") } },
	  3,
	  false,
	  0.01,
	  VERDICT_FAIL,
	  500,
	  "errors: 100 of 500 requests failed on 2 hosts (20.00%), limit 1%" },
	/* the exporter itself is ill */
	{ 1,
	  { { { 0 }, BOTH(0, 0) },
	    { { 0 },
	      { .code = ERR_UNREACHABLE, .text = "connect: refused\x01" } } },
	  2,
	  false,
	  0.01,
	  VERDICT_NO_DATA,
	  0,
	  "errors: no counters from web3 (connect: refused?)" },
	/* too few requests for a share to mean anything */
	{ 1,
	  { { { 0 }, BOTH(0, 0) }, { { 0 }, BOTH(1, 19) } },
	  2,
	  false,
	  0.05,
	  VERDICT_INCONCLUSIVE,
	  19,
	  "errors: 1 of 19 requests failed on 1 host (5.26%), limit 5%" },
	{ 1,
	  { { { 0 }, BOTH(0, 0) }, { { 0 }, BOTH(2, 19) } },
	  2,
	  false,
	  0.05,
	  VERDICT_FAIL,
	  19,
	  "errors: 2 of 19 requests failed on 1 host (10.53%), limit 5%" },
	{ 1,
	  { { { 0 }, BOTH(0, 0) }, { { 0 }, BOTH(2, 20) } },
	  2,
	  false,
	  0.05,
	  VERDICT_FAIL,
	  20,
	  "errors: 2 of 20 requests failed on 1 host (10.00%), limit 5%" },
	{ 1,
	  { { { 0 }, BOTH(0, 0) }, { { 0 }, BOTH(1, 1) } },
	  2,
	  false,
	  0,
	  VERDICT_FAIL,
	  1,
	  "errors: 1 of 1 requests failed on 1 host (100.00%), limit 0%" },
	/* a share that must not be small */
	{ 1,
	  { { { 0 }, BOTH(0, 0) }, { { 0 }, BOTH(80, 100) } },
	  2,
	  true,
	  0.9,
	  VERDICT_FAIL,
	  100,
	  "errors: 80 of 100 requests failed on 1 host (80.00%), "
	  "at least 90%" },
	{ 1,
	  { { { 0 }, BOTH(0, 0) }, { { 0 }, BOTH(8, 10) } },
	  2,
	  true,
	  0.9,
	  VERDICT_INCONCLUSIVE,
	  10,
	  "errors: 8 of 10 requests failed on 1 host (80.00%), "
	  "at least 90%" },
};

static void test_ratio_counts_what_grows(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < COUNT_OF(ratio_cases); i++) {
		const struct ratio_case *c = &ratio_cases[i];
		struct plan_gate gate = { .kind = GATE_RATIO,
					  .name = (char *)"errors",
					  .metric = (char *)"bad",
					  .total = (char *)"total",
					  .has_max = !c->has_min,
					  .max = c->limit,
					  .has_min = c->has_min,
					  .min = c->limit };
		void *memory = NULL;

		for (unsigned k = 0; k < c->n_looks; k++) {
			const struct reply replies[N_HOSTS] = {
				c->looks[k][0], { 0 }, c->looks[k][1]
			};

			begin(world, &gate, c->n_hosts, &memory);
			finish(world, replies);
		}
		assert_says(world, c->verdict, c->text);
		assert_int_equal(world->result.n_samples, c->n_samples);
		gate_memory_free(&gate, memory);
	}
}

struct value_case {
	struct reply replies[N_HOSTS];
	bool has_max;
	double max;
	bool has_min;
	double min;
	enum verdict verdict;
	const char *text;
};
#define VALUE(v)                          \
	{                                 \
		.has_bad = true, .bad = v \
	}
static const struct value_case value_cases[] = {
	{ { VALUE(1), VALUE(2.5), VALUE(1234) },
	  true,
	  1234,
	  false,
	  0,
	  VERDICT_PASS,
	  "queue: 1 to 1,234 on 3 hosts, limit at most 1,234" },
	{ { VALUE(1), VALUE(2.5), VALUE(1) },
	  true,
	  2,
	  false,
	  0,
	  VERDICT_FAIL,
	  "queue: 1 of 3 hosts outside of at most 2: web2 (2.5)" },
	{ { VALUE(-5), VALUE(7), VALUE(1) },
	  true,
	  6,
	  true,
	  0,
	  VERDICT_FAIL,
	  "queue: 2 of 3 hosts outside of at most 6, at least 0: "
	  "web1 (-5), web2 (7)" },
	{ { VALUE(3), VALUE(3), VALUE(3) },
	  false,
	  0,
	  true,
	  3,
	  VERDICT_PASS,
	  "queue: 3 to 3 on 3 hosts, limit at least 3" },
	{ { VALUE(1), VALUE(1), { 0 } },
	  true,
	  2,
	  false,
	  0,
	  VERDICT_NO_DATA,
	  "queue: no number from 1 of 3 hosts: web3 (no such metric)" },
	{ { VALUE(NAN), VALUE(1), VALUE(1) },
	  true,
	  2,
	  false,
	  0,
	  VERDICT_NO_DATA,
	  "queue: no number from 1 of 3 hosts: web1 (not a number)" },
	{ { VALUE(1), VALUE(INFINITY), VALUE(1) },
	  true,
	  2,
	  false,
	  0,
	  VERDICT_NO_DATA,
	  "queue: no number from 1 of 3 hosts: web2 (not a number)" },
	{ { VALUE(9), VALUE(NAN), LOST("down") },
	  true,
	  2,
	  false,
	  0,
	  VERDICT_FAIL,
	  "queue: 1 of 3 hosts outside of at most 2: web1 (9)" },
	{ { VALUE(1), VALUE(1), LOST("no answer in time") },
	  true,
	  2,
	  false,
	  0,
	  VERDICT_NO_DATA,
	  "queue: no number from 1 of 3 hosts: web3 (no answer in time)" },
};

static void test_value_keeps_each_host_within_limits(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < COUNT_OF(value_cases); i++) {
		const struct value_case *c = &value_cases[i];
		struct plan_gate gate = { .kind = GATE_VALUE,
					  .name = (char *)"queue",
					  .metric = (char *)"queue_length",
					  .has_max = c->has_max,
					  .max = c->max,
					  .has_min = c->has_min,
					  .min = c->min };
		void *memory = NULL;

		begin(world, &gate, N_HOSTS, &memory);
		finish(world, c->replies);
		assert_says(world, c->verdict, c->text);
		assert_null(memory);
	}
}

static void test_metrics_are_asked_at_the_hosts_own_address(void **state)
{
	struct world *world = *state;
	struct plan_gate gate = { .kind = GATE_RATIO,
				  .name = (char *)"errors",
				  .metric = (char *)"bad",
				  .total = (char *)"total",
				  .timeout_ms = 7000 };
	void *memory = NULL;
	const struct agent_check *check;

	begin(world, &gate, 2, &memory);
	assert_int_equal(world->asked.n, 2);
	check = &world->asked.items[1].check;
	assert_int_equal(world->asked.items[1].host, 2);
	assert_string_equal(check->metrics_url, "http://10.0.0.3:80/web3");
	assert_int_equal(check->n_selectors, 2);
	assert_string_equal(check->selectors[0], "bad");
	assert_string_equal(check->selectors[1], "total");
	assert_int_equal(check->timeout_ms, 7000);
	assert_false(check->has_probe);
	gate_cancel(world->look);
	assert_int_equal(world->asked.n, 0);
	gate_memory_free(&gate, memory);
}

struct probe_case {
	struct reply replies[N_HOSTS];
	enum verdict verdict;
	const char *text;
};
static const struct probe_case probe_cases[] = {
	{ { { 0 }, { 0 }, { 0 } }, VERDICT_PASS, "up: 3 of 3 hosts are well" },
	{ { { 0 },
	    { .code = ERR_FAILED, .text = "status 500" },
	    { .code = ERR_TIMEOUT, .text = "no answer in time" } },
	  VERDICT_FAIL,
	  "up: 2 of 3 hosts fail: web2 (status 500), "
	  "web3 (no answer in time)" },
	{ { { 0 }, LOST("connection lost"), { 0 } },
	  VERDICT_NO_DATA,
	  "up: 1 of 3 hosts could not be asked: web2 (connection lost)" },
	{ { { .code = ERR_CONFLICT, .text = "busy" }, { 0 }, { 0 } },
	  VERDICT_NO_DATA,
	  "up: 1 of 3 hosts could not be asked: web1 (busy)" },
	{ { LOST("down"),
	    { .code = ERR_UNREACHABLE, .text = "refused" },
	    { 0 } },
	  VERDICT_FAIL,
	  "up: 1 of 3 hosts fail: web2 (refused)" },
};

static void test_probe_names_the_hosts_that_fail(void **state)
{
	struct world *world = *state;
	struct plan_gate gate = { .kind = GATE_PROBE,
				  .name = (char *)"up",
				  .probe = { .kind = PROBE_TCP,
					     .target = (char *)"{address}:80",
					     .timeout_ms = 500 },
				  .timeout_ms = 500 };
	void *memory = NULL;

	for (size_t i = 0; i < COUNT_OF(probe_cases); i++) {
		begin(world, &gate, N_HOSTS, &memory);
		assert_true(world->asked.items[0].check.has_probe);
		assert_string_equal(world->asked.items[0].check.probe.target,
				    "10.0.0.1:80");
		finish(world, probe_cases[i].replies);
		assert_says(world, probe_cases[i].verdict, probe_cases[i].text);
	}
}

static void test_a_hosts_long_words_are_cut_between_characters(void **state)
{
	struct world *world = *state;
	char words[1 + 2 * 60 + 1] = "x"; /* the 100th byte is half a letter */
	struct plan_gate gate = { .kind = GATE_PROBE, .name = (char *)"up" };
	const struct reply replies[N_HOSTS] = { [2] = { .code = ERR_FAILED,
							.text = words } };
	void *memory = NULL;

	for (size_t i = 1; i + 1 < sizeof(words); i += 2)
		memcpy(words + i, "\xc3\xa4", 2);
	begin(world, &gate, 1, &memory);
	finish(world, replies);
	assert_int_equal(world->result.verdict, VERDICT_FAIL);
	assert_true(
		str_is_utf8(world->result.text, strlen(world->result.text)));
}

static void test_without_hosts_there_is_no_data(void **state)
{
	struct world *world = *state;
	static const enum plan_gate_kind kinds[] = { GATE_PROBE, GATE_VALUE,
						     GATE_RATIO };
	void *memory = NULL;

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		struct plan_gate gate = { .kind = kinds[i],
					  .name = (char *)"g",
					  .metric = (char *)"m",
					  .total = (char *)"t" };

		begin(world, &gate, 0, &memory);
		finish(world, NULL);
		assert_says(world, VERDICT_NO_DATA, "g: no host to ask");
	}
}

static void test_a_long_sentence_is_cut_between_characters(void **state)
{
	struct world *world = *state;
	char name[2 * 300 + 1];
	struct plan_gate gate = { .kind = GATE_PROBE, .name = name };
	void *memory = NULL;

	for (size_t i = 0; i + 1 < sizeof(name); i += 2)
		memcpy(name + i, "\xc3\xa4", 2);
	name[sizeof(name) - 1] = '\0';
	begin(world, &gate, 0, &memory);
	finish(world, NULL);
	assert_int_equal(strlen(world->result.text), 510);
	assert_memory_equal(world->result.text, name, 510);
}

static struct plan_gate command_gate(char **argv, uint64_t timeout_ms)
{
	return (struct plan_gate){ .kind = GATE_COMMAND,
				   .name = (char *)"smoke",
				   .command = { .argv = argv,
						.n_argv = 3,
						.timeout_ms = timeout_ms },
				   .timeout_ms = timeout_ms };
}

struct command_case {
	const char *script;
	enum verdict verdict;
	const char *text;
};
static const struct command_case command_cases[] = {
	{ "true", VERDICT_PASS, "smoke: passed" },
	{ "echo one; echo two; echo; exit 1", VERDICT_FAIL,
	  "smoke: failed: two" },
	{ "echo hmm >&2; exit 2", VERDICT_INCONCLUSIVE,
	  "smoke: inconclusive: hmm" },
	{ "exit 3", VERDICT_NO_DATA, "smoke: no data" },
	{ "exit 4", VERDICT_ERROR, "smoke: exit status 4" },
	{ "printf 'a\\033[31mb'", VERDICT_PASS, "smoke: passed: a?[31mb" },
	{ "kill -9 $$", VERDICT_ERROR, "smoke: killed by signal 9 (Killed)" },
	{ "sleep 60", VERDICT_ERROR, "smoke: no end after 1.5s; killed" },
	{ "pwd", VERDICT_PASS, "smoke: passed: /" },
	{ "echo \"$GRAY_ROLLOUT $GRAY_STAGE $GRAY_VERSION $GRAY_HOSTS\"",
	  VERDICT_PASS, "smoke: passed: feed-7 canary v2 10.0.0.3 10.0.0.1" },
	{ "test -n \"$PATH\" && test -n \"$HOME\" && test -z \"$SECRET\"",
	  VERDICT_PASS, "smoke: passed" },
};

static void test_command_says_it_with_its_exit_status(void **state)
{
	struct world *world = *state;
	void *memory = NULL;

	assert_int_equal(setenv("SECRET", "of grayd", 1), 0);
	for (size_t i = 0; i < COUNT_OF(command_cases); i++) {
		char *argv[] = { (char *)"sh", (char *)"-c",
				 (char *)(uintptr_t)command_cases[i].script,
				 NULL };
		struct plan_gate gate = command_gate(argv, 1500);

		begin(world, &gate, 2, &memory);
		finish(world, NULL);
		assert_says(world, command_cases[i].verdict,
			    command_cases[i].text);
	}
}

static void test_a_command_that_is_not_there_is_an_error(void **state)
{
	struct world *world = *state;
	char *argv[] = { (char *)"/no/such/command", NULL };
	struct plan_gate gate = command_gate(argv, 1000);
	void *memory = NULL;

	begin(world, &gate, 1, &memory);
	finish(world, NULL);
	assert_says(world, VERDICT_ERROR,
		    "smoke: run /no/such/command: no such file or directory");
}

/* Serves ANSWER to one caller; NULL: takes the call and says nothing. */
struct server {
	pthread_t thread;
	int fd;
	const char *answer;
	size_t n_filler; /* bytes after it */
	char url[64];
};

static void *serve(void *ctx)
{
	const struct server *server = ctx;
	AUTO_FD int fd = accept(server->fd, NULL, NULL);
	char bytes[4096] = { 0 };

	if (fd < 0 || read(fd, bytes, sizeof(bytes)) <= 0)
		return NULL;
	if (!server->answer) {
		while (read(fd, bytes, sizeof(bytes)) > 0)
			; /* until the caller gives up */
		return NULL;
	}
	(void)send(fd, server->answer, strlen(server->answer), MSG_NOSIGNAL);
	memset(bytes, 'x', sizeof(bytes));
	for (size_t n = 0; n < server->n_filler; n += sizeof(bytes))
		if (send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) < 0)
			break;
	return NULL;
}

static void server_listen(struct server *server)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);

	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->fd, (struct sockaddr *)&at, size), 0);
	assert_int_equal(getsockname(server->fd, (struct sockaddr *)&at, &size),
			 0);
	assert_int_equal(listen(server->fd, 1), 0);
	(void)snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%u/",
		       ntohs(at.sin_port));
}

struct http_case {
	const char *answer;
	size_t n_filler;
	uint32_t status;
	enum verdict verdict;
	const char *text; /* after the URL */
};
static const struct http_case http_cases[] = {
	{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0, 0, VERDICT_PASS,
	  "status 200" },
	{ "HTTP/1.0 204 None\r\n\r\n", 0, 0, VERDICT_PASS, "status 204" },
	{ "HTTP/1.0 500 Oops\r\n\r\n", 0, 0, VERDICT_FAIL, "status 500" },
	{ "HTTP/1.0 200 OK\r\n\r\n", 0, 404, VERDICT_FAIL, "status 200" },
	{ "HTTP/1.0 404 No\r\n\r\n", 0, 404, VERDICT_PASS, "status 404" },
	{ "HTTP/1.0 302 Go\r\nLocation: /\r\n\r\n", 0, 0, VERDICT_FAIL,
	  "status 302" },
	{ "HTTP/1.0 200 OK\r\n\r\n", 2u << 20, 0, VERDICT_FAIL,
	  "an answer of more than 1048576 bytes" },
	{ NULL, 0, 0, VERDICT_FAIL, "no answer in time" },
};

static void test_http_judges_the_page(void **state)
{
	struct world *world = *state;
	void *memory = NULL;

	for (size_t i = 0; i < COUNT_OF(http_cases); i++) {
		const struct http_case *c = &http_cases[i];
		struct server server = { .answer = c->answer,
					 .n_filler = c->n_filler };
		struct plan_gate gate = { .kind = GATE_HTTP,
					  .name = (char *)"page",
					  .status = c->status,
					  .timeout_ms =
						  c->answer ? 10000 : 200 };
		AUTO_STR char *text = NULL;

		server_listen(&server);
		assert_int_equal(
			pthread_create(&server.thread, NULL, serve, &server),
			0);
		gate.url = server.url;
		begin(world, &gate, 1, &memory);
		finish(world, NULL);
		text = mem_format("page: %s: %s", server.url, c->text);
		assert_says(world, c->verdict, text);
		(void)shutdown(server.fd, SHUT_RDWR);
		assert_int_equal(pthread_join(server.thread, NULL), 0);
		(void)close(server.fd);
	}
}

static void test_http_tells_the_service_from_our_mistakes(void **state)
{
	struct world *world = *state;
	struct server server = { .answer = NULL };
	static const char *const bad[] = { "http://no.such.name.invalid/",
					   "http://[/", "ftp://127.0.0.1/" };
	struct plan_gate gate = { .kind = GATE_HTTP,
				  .name = (char *)"page",
				  .timeout_ms = 10000 };
	void *memory = NULL;

	server_listen(&server);
	(void)close(server.fd); /* now nobody listens there */
	gate.url = server.url;
	begin(world, &gate, 1, &memory);
	finish(world, NULL);
	assert_int_equal(world->result.verdict, VERDICT_FAIL);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		gate.url = (char *)(uintptr_t)bad[i];
		begin(world, &gate, 1, &memory);
		finish(world, NULL);
		assert_int_equal(world->result.verdict, VERDICT_ERROR);
	}
}

static void test_cancel_stops_everything(void **state)
{
	struct world *world = *state;
	struct server server = { .answer = NULL };
	char *argv[] = { (char *)"sleep", (char *)"60", NULL };
	struct plan_gate gates[] = {
		{ .kind = GATE_PROBE, .name = (char *)"a" },
		{ .kind = GATE_VALUE,
		  .name = (char *)"b",
		  .metric = (char *)"m" },
		{ .kind = GATE_RATIO,
		  .name = (char *)"c",
		  .metric = (char *)"m",
		  .total = (char *)"t" },
		command_gate(argv, 60000),
		{ .kind = GATE_HTTP,
		  .name = (char *)"e",
		  .url = server.url,
		  .timeout_ms = 60000 },
	};
	uint64_t from_ms = clock_boot_ms();

	server_listen(&server);
	for (size_t i = 0; i < COUNT_OF(gates); i++) {
		void *memory = NULL;

		begin(world, &gates[i], N_HOSTS, &memory);
		turn(world, 50); /* it is under way */
		assert_int_equal(world->n_done, 0);
		gate_cancel(world->look);
		assert_int_equal(world->asked.n, 0);
		turn(world, 50);
		assert_int_equal(world->n_done, 0);
		gate_memory_free(&gates[i], memory);
	}
	(void)close(server.fd);
	assert_true(clock_boot_ms() - from_ms < 30000);
}

static void test_cancel_between_the_end_and_its_telling_is_heeded(void **state)
{
	struct world *world = *state;
	struct plan_gate gate = { .kind = GATE_PROBE, .name = (char *)"up" };
	void *memory = NULL;

	begin(world, &gate, 0, &memory);
	gate_cancel(world->look);
	turn(world, 50);
	assert_int_equal(world->n_done, 0);
}

static void test_cancel_within_done_is_harmless(void **state)
{
	struct world *world = *state;
	struct plan_gate gate = { .kind = GATE_PROBE, .name = (char *)"up" };
	void *memory = NULL;

	world->cancels_in_done = true;
	begin(world, &gate, 0, &memory);
	finish(world, NULL);
}

static void test_kinds_have_the_names_of_their_keys(void **state)
{
	(void)state;
	for (int kind = GATE_PROBE; kind <= GATE_RATIO; kind++) {
		assert_string_equal(gate_kind_name((enum plan_gate_kind)kind),
				    plan_gate_key((enum plan_gate_kind)kind));
		assert_false(gate_is_final_only((enum plan_gate_kind)kind));
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ratio_counts_what_grows),
		TEST(test_value_keeps_each_host_within_limits),
		TEST(test_metrics_are_asked_at_the_hosts_own_address),
		TEST(test_probe_names_the_hosts_that_fail),
		TEST(test_a_hosts_long_words_are_cut_between_characters),
		TEST(test_without_hosts_there_is_no_data),
		TEST(test_a_long_sentence_is_cut_between_characters),
		TEST(test_command_says_it_with_its_exit_status),
		TEST(test_a_command_that_is_not_there_is_an_error),
		TEST(test_http_judges_the_page),
		TEST(test_http_tells_the_service_from_our_mistakes),
		TEST(test_cancel_stops_everything),
		TEST(test_cancel_between_the_end_and_its_telling_is_heeded),
		TEST(test_cancel_within_done_is_harmless),
		cmocka_unit_test(test_kinds_have_the_names_of_their_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
