/* The keys of plan.yaml, each once. */
#include "rollouts/plan_parts.h"

#define SECOND_MS 1000ull
#define HOUR_MS	  3600000ull
#define DAY_MS	  (24 * HOUR_MS)

const char *const plan_domains_names[] = { "spread", "one-at-a-time", NULL };
const char *const plan_on_failure_names[] = { "rollback", "hold", NULL };
const char *const plan_on_conflict_names[] = { "queue", "supersede", "reject",
					       NULL };
const char *const plan_then_names[] = { "pause", "rollback", NULL };
static const char *const none_names[] = { "none", NULL };

static const struct schema text = { .kind = SCHEMA_TEXT };
static const struct schema name = { .kind = SCHEMA_NAME };
static const struct schema number = { .kind = SCHEMA_NUMBER };
static const struct schema timeout = { .kind = SCHEMA_DURATION,
				       .min = 100,
				       .max = HOUR_MS };
static const struct schema words = {
	.kind = SCHEMA_LIST, .item = &text, .min = 1, .max = 16
};
static const struct schema status = { .kind = SCHEMA_COUNT,
				      .min = 100,
				      .max = 599 };
static const struct schema some_hosts = { .kind = SCHEMA_AMOUNT, .min = 1 };
static const struct schema budget_hosts = { .kind = SCHEMA_AMOUNT };

static const struct schema_key git_keys[] = {
	{ .name = "repo",
	  .value = &text,
	  .otherwise = ".",
	  .help = "a local repository" },
	{ .name = "ref",
	  .value = &text,
	  .flags = SCHEMA_REQUIRED,
	  .help = "a tag, branch or commit" },
	{ .name = "path",
	  .value = &text,
	  .otherwise = "the whole tree",
	  .help = "a folder in the tree" },
	{ .name = NULL },
};
static const struct schema git = { .kind = SCHEMA_MAP, .keys = git_keys };

static const struct schema_key tarball_keys[] = {
	{ .name = "file",
	  .value = &text,
	  .flags = SCHEMA_REQUIRED,
	  .help = "a .tar, .tar.gz or .tar.zst" },
	{ .name = "sha256",
	  .value = &text,
	  .help = "what the file's digest must be" },
	{ .name = NULL },
};
static const struct schema tarball = { .kind = SCHEMA_MAP,
				       .keys = tarball_keys };

static const struct schema_key release_keys[] = {
	{ .name = "dir",
	  .value = &text,
	  .flags = SCHEMA_ONE_OF,
	  .help = "a folder that is the release" },
	{ .name = "git",
	  .value = &git,
	  .flags = SCHEMA_ONE_OF,
	  .help = "a revision that is the release" },
	{ .name = "tarball",
	  .value = &tarball,
	  .flags = SCHEMA_ONE_OF,
	  .help = "an archive that is the release" },
	{ .name = "version",
	  .value = &text,
	  .otherwise = "the ref, for git",
	  .help = "what people call the release; required for dir and "
		  "tarball" },
	{ .name = NULL },
};
static const struct schema release = { .kind = SCHEMA_MAP,
				       .keys = release_keys };

static const struct schema_key hook_keys[] = {
	{ .name = "command",
	  .value = &words,
	  .flags = SCHEMA_REQUIRED,
	  .help = "program and arguments; no shell reads them" },
	{ .name = "timeout",
	  .value = &timeout,
	  .otherwise = "30s",
	  .help = "longest time it may take" },
	{ .name = NULL },
};
static const struct schema hook = { .kind = SCHEMA_MAP, .keys = hook_keys };

static const struct schema_key restart_keys[] = {
	{ .name = "command",
	  .value = &words,
	  .flags = SCHEMA_ONE_OF,
	  .help = "program and arguments; no shell reads them" },
	{ .name = "systemd",
	  .value = &text,
	  .flags = SCHEMA_ONE_OF,
	  .help = "a unit that systemctl restarts" },
	{ .name = "timeout",
	  .value = &timeout,
	  .otherwise = "30s",
	  .help = "longest time it may take" },
	{ .name = NULL },
};
static const struct schema restart_map = { .kind = SCHEMA_MAP,
					   .keys = restart_keys };
static const struct schema restart_none = { .kind = SCHEMA_CHOICE,
					    .choices = none_names };
static const struct schema restart = {
	.kind = SCHEMA_EITHER, .either = { &restart_none, &restart_map }
};

static const struct schema_key probe_keys[] = {
	{ .name = "http",
	  .value = &text,
	  .flags = SCHEMA_ONE_OF,
	  .help = "a URL the host asks itself, http:// only" },
	{ .name = "tcp",
	  .value = &text,
	  .flags = SCHEMA_ONE_OF,
	  .help = "host:port that must take a connection" },
	{ .name = "command",
	  .value = &words,
	  .flags = SCHEMA_ONE_OF,
	  .help = "program and arguments that must exit with 0" },
	{ .name = "systemd",
	  .value = &text,
	  .flags = SCHEMA_ONE_OF,
	  .help = "a unit that must be active" },
	{ .name = "status",
	  .value = &status,
	  .otherwise = "any from 200 to 299",
	  .help = "what http must answer" },
	{ .name = "timeout",
	  .value = &timeout,
	  .otherwise = "30s",
	  .help = "longest time until it must have answered well" },
	{ .name = NULL },
};
static const struct schema probe = { .kind = SCHEMA_MAP, .keys = probe_keys };
static const struct schema probe_list = {
	.kind = SCHEMA_LIST, .item = &probe, .min = 1, .max = 8
};
static const struct schema probes = { .kind = SCHEMA_EITHER,
				      .either = { &probe, &probe_list } };

static const struct schema_key budget_keys[] = {
	{ .name = "failed",
	  .value = &budget_hosts,
	  .otherwise = "1",
	  .help = "hosts whose switch failed" },
	{ .name = "unreachable",
	  .value = &budget_hosts,
	  .otherwise = "2%",
	  .help = "hosts that cannot be reached" },
	{ .name = "unhealthy",
	  .value = &budget_hosts,
	  .otherwise = "0",
	  .help = "hosts whose probes fail after the switch" },
	{ .name = NULL },
};
static const struct schema budget = { .kind = SCHEMA_MAP, .keys = budget_keys };

static const struct schema min_healthy = { .kind = SCHEMA_DURATION,
					   .max = HOUR_MS };
static const struct schema domains = { .kind = SCHEMA_CHOICE,
				       .choices = plan_domains_names };
static const struct schema confirm = { .kind = SCHEMA_DURATION,
				       .min = PLAN_CONFIRM_MIN_MS,
				       .max = 7 * DAY_MS };
static const struct schema keep = { .kind = SCHEMA_COUNT,
				    .min = 2,
				    .max = 1000 };

static const struct schema_key deploy_keys[] = {
	{ .name = "root",
	  .value = &text,
	  .flags = SCHEMA_REQUIRED,
	  .help = "the service's folder on a host; nothing outside it is "
		  "touched" },
	{ .name = "restart",
	  .value = &restart,
	  .flags = SCHEMA_REQUIRED,
	  .help = "how the service takes up the release that current points "
		  "to; or none" },
	{ .name = "probe",
	  .value = &probes,
	  .help = "what must answer well after a switch; one or a list" },
	{ .name = "prepare",
	  .value = &hook,
	  .help = "runs in the new release before the switch" },
	{ .name = "drain",
	  .value = &hook,
	  .help = "runs before the switch, to take the host out of traffic" },
	{ .name = "min_healthy_time",
	  .value = &min_healthy,
	  .otherwise = "10s",
	  .help = "how long the probes must answer well without a break" },
	{ .name = "max_unavailable",
	  .value = &some_hosts,
	  .otherwise = "10%",
	  .help = "never more hosts out at once; also the size of a batch" },
	{ .name = "domains",
	  .value = &domains,
	  .otherwise = "spread",
	  .help = "how a stage treats failure domains" },
	{ .name = "budget",
	  .value = &budget,
	  .help = "how many hosts may go wrong; the number that is met stops "
		  "the rollout" },
	{ .name = "confirm",
	  .value = &confirm,
	  .otherwise = "5m",
	  .help = "a host without word from the controller for so long goes "
		  "back by itself" },
	{ .name = "keep",
	  .value = &keep,
	  .otherwise = "5",
	  .help = "releases kept on a host" },
	{ .name = NULL },
};
static const struct schema deploy = { .kind = SCHEMA_MAP, .keys = deploy_keys };

static const struct schema_key metrics_keys[] = {
	{ .name = "prometheus",
	  .value = &text,
	  .flags = SCHEMA_ONE_OF,
	  .help = "a URL of Prometheus text that the host reads" },
	{ .name = "libgray",
	  .flags = SCHEMA_ONE_OF,
	  .help = "counters of a service that includes gray.h",
	  .later = "export Prometheus text and name its URL" },
	{ .name = NULL },
};
static const struct schema metrics_item = { .kind = SCHEMA_MAP,
					    .keys = metrics_keys };
static const struct schema metrics = {
	.kind = SCHEMA_LIST, .item = &metrics_item, .min = 1, .max = 8
};

static const struct schema long_wait = { .kind = SCHEMA_DURATION,
					 .max = 30 * DAY_MS };
static const struct schema requests = { .kind = SCHEMA_COUNT,
					.max = 1000000000000 };
static const struct schema_key bake_keys[] = {
	{ .name = "for",
	  .value = &long_wait,
	  .otherwise = "10m",
	  .help = "how long, from the last host of the stage" },
	{ .name = "min_requests",
	  .value = &requests,
	  .otherwise = "0",
	  .help = "so many requests must have been judged, too" },
	{ .name = "until",
	  .help = "end early on evidence",
	  .later = "write how long with for" },
	{ .name = NULL },
};
static const struct schema bake_map = { .kind = SCHEMA_MAP, .keys = bake_keys };
static const struct schema bake = { .kind = SCHEMA_EITHER,
				    .either = { &long_wait, &bake_map } };

static const struct schema approvals = { .kind = SCHEMA_COUNT,
					 .min = 1,
					 .max = 10 };
static const struct schema_key approve_keys[] = {
	{ .name = "from",
	  .value = &text,
	  .otherwise = "anybody",
	  .help = "a user or a group of the controller's machine" },
	{ .name = "n",
	  .value = &approvals,
	  .otherwise = "1",
	  .help = "how many people" },
	{ .name = NULL },
};
static const struct schema approve = { .kind = SCHEMA_MAP,
				       .keys = approve_keys };
static const struct schema gate_names = { .kind = SCHEMA_LIST,
					  .item = &name,
					  .max = PLAN_MAX_GATES };
static const struct schema on_failure = { .kind = SCHEMA_CHOICE,
					  .choices = plan_on_failure_names };

static const struct schema_key stage_keys[] = {
	{ .name = "name",
	  .value = &name,
	  .flags = SCHEMA_REQUIRED,
	  .help = "what people call the stage" },
	{ .name = "hosts",
	  .value = &some_hosts,
	  .flags = SCHEMA_REQUIRED,
	  .help = "how many of the selected hosts are on the new release when "
		  "the stage is done, those of the stages before included" },
	{ .name = "users",
	  .help = "a share of the users",
	  .later = "a stage takes a share of the hosts" },
	{ .name = "bake",
	  .value = &bake,
	  .otherwise = "10m",
	  .help = "how long the stage is watched before the next one starts" },
	{ .name = "approve",
	  .value = &approve,
	  .help = "people who must agree before the stage starts" },
	{ .name = "gates",
	  .value = &gate_names,
	  .otherwise = "all gates",
	  .help = "the gates that judge this stage, by name" },
	{ .name = "on_failure",
	  .value = &on_failure,
	  .otherwise = "the plan's",
	  .help = "what a failed gate or a used-up budget does" },
	{ .name = NULL },
};
static const struct schema stage = { .kind = SCHEMA_MAP, .keys = stage_keys };
static const struct schema stages = {
	.kind = SCHEMA_LIST, .item = &stage, .min = 1, .max = PLAN_MAX_STAGES
};

static const struct schema_key ratio_keys[] = {
	{ .name = "bad",
	  .value = &text,
	  .flags = SCHEMA_REQUIRED,
	  .help = "counters of what went wrong" },
	{ .name = "total",
	  .value = &text,
	  .flags = SCHEMA_REQUIRED,
	  .help = "counters of all there was" },
	{ .name = NULL },
};
static const struct schema ratio = { .kind = SCHEMA_MAP, .keys = ratio_keys };

static const struct schema_key http_keys[] = {
	{ .name = "url",
	  .value = &text,
	  .flags = SCHEMA_REQUIRED,
	  .help = "http:// or https://, asked by the controller" },
	{ .name = "status",
	  .value = &status,
	  .otherwise = "any from 200 to 299",
	  .help = "what it must answer" },
	{ .name = NULL },
};
static const struct schema http = { .kind = SCHEMA_MAP, .keys = http_keys };

static const struct schema interval = { .kind = SCHEMA_DURATION,
					.min = SECOND_MS,
					.max = HOUR_MS };

#define FIXED_LIMIT "gates have fixed limits, max and min"
static const struct schema_key gate_keys[] = {
	{ .name = "name",
	  .value = &name,
	  .flags = SCHEMA_REQUIRED,
	  .help = "what people call the gate" },
	{ .name = "probe",
	  .value = &probe,
	  .flags = SCHEMA_ONE_OF,
	  .help = "a probe on each host of the stage" },
	{ .name = "command",
	  .value = &words,
	  .flags = SCHEMA_ONE_OF,
	  .help = "program and arguments run on the controller, in the plan's "
		  "folder" },
	{ .name = "http",
	  .value = &http,
	  .flags = SCHEMA_ONE_OF,
	  .help = "a URL the controller asks" },
	{ .name = "value",
	  .value = &text,
	  .flags = SCHEMA_ONE_OF,
	  .help = "a metric of each host, compared with max and min" },
	{ .name = "ratio",
	  .value = &ratio,
	  .flags = SCHEMA_ONE_OF,
	  .help = "bad requests among all of the stage's hosts, compared with "
		  "max and min" },
	{ .name = "histogram",
	  .flags = SCHEMA_ONE_OF,
	  .help = "a quantile of a histogram",
	  .later = "gate on a value or a ratio" },
	{ .name = "rate",
	  .flags = SCHEMA_ONE_OF,
	  .help = "a counter's growth",
	  .later = "gate on a value or a ratio" },
	{ .name = "prometheus",
	  .flags = SCHEMA_ONE_OF,
	  .help = "a query to a Prometheus server",
	  .later = "ask it with a command gate" },
	{ .name = "max",
	  .value = &number,
	  .help = "more fails; for value and ratio" },
	{ .name = "min",
	  .value = &number,
	  .help = "less fails; for value and ratio" },
	{ .name = "timeout",
	  .value = &timeout,
	  .otherwise = "30s",
	  .help = "longest time of one look" },
	{ .name = "interval",
	  .value = &interval,
	  .otherwise = "10s",
	  .help = "between two looks" },
	{ .name = "quantile", .help = "of a histogram", .later = FIXED_LIMIT },
	{ .name = "tolerate", .help = "no harm up to", .later = FIXED_LIMIT },
	{ .name = "catch", .help = "harm to find", .later = FIXED_LIMIT },
	{ .name = "direction", .help = "which is bad", .later = FIXED_LIMIT },
	{ .name = "mode",
	  .help = "shadow: judge without effect",
	  .later = "leave the gate out of the stage's gates" },
	{ .name = NULL },
};
static const struct schema gate = { .kind = SCHEMA_MAP, .keys = gate_keys };
static const struct schema gates = { .kind = SCHEMA_LIST,
				     .item = &gate,
				     .max = PLAN_MAX_GATES };

static const struct schema hold = { .kind = SCHEMA_DURATION,
				    .max = 7 * DAY_MS };
static const struct schema then = { .kind = SCHEMA_CHOICE,
				    .choices = plan_then_names };
static const struct schema_key no_data_keys[] = {
	{ .name = "hold",
	  .value = &hold,
	  .otherwise = "10m",
	  .help = "how long to wait for data" },
	{ .name = "then",
	  .value = &then,
	  .otherwise = "pause",
	  .help = "what to do when none came" },
	{ .name = NULL },
};
static const struct schema on_no_data = { .kind = SCHEMA_MAP,
					  .keys = no_data_keys };
static const struct schema on_conflict = { .kind = SCHEMA_CHOICE,
					   .choices = plan_on_conflict_names };
static const struct schema deadline = { .kind = SCHEMA_DURATION,
					.min = SECOND_MS,
					.max = 30 * DAY_MS };

static const struct schema_key plan_keys[] = {
	{ .name = "service",
	  .value = &name,
	  .flags = SCHEMA_REQUIRED,
	  .help = "the service that is rolled out; one running rollout each" },
	{ .name = "release",
	  .value = &release,
	  .flags = SCHEMA_REQUIRED,
	  .help = "what is rolled out: exactly one of dir, git, tarball" },
	{ .name = "fleet",
	  .value = &text,
	  .flags = SCHEMA_REQUIRED,
	  .help = "the fleet file, see fleet.yaml(5)" },
	{ .name = "hosts",
	  .value = &text,
	  .otherwise = "all hosts",
	  .help = "a selector over the fleet's labels" },
	{ .name = "deploy",
	  .value = &deploy,
	  .flags = SCHEMA_REQUIRED,
	  .help = "how a host changes to the release" },
	{ .name = "metrics",
	  .value = &metrics,
	  .help = "where a host's numbers come from" },
	{ .name = "stages",
	  .value = &stages,
	  .flags = SCHEMA_REQUIRED,
	  .help = "the steps to the full share, in order" },
	{ .name = "gates", .value = &gates, .help = "the conditions to go on" },
	{ .name = "users",
	  .help = "how shares of users take effect",
	  .later = "stages take shares of the hosts" },
	{ .name = "baseline",
	  .help = "hosts to compare with",
	  .later = FIXED_LIMIT },
	{ .name = "strict",
	  .help = "refuse stages that cannot decide",
	  .later = "see the numbers in the preview" },
	{ .name = "on_failure",
	  .value = &on_failure,
	  .otherwise = "rollback",
	  .help = "what a failed gate or a used-up budget does" },
	{ .name = "on_no_data",
	  .value = &on_no_data,
	  .help = "what gates without data do; never a rollback unless "
		  "written" },
	{ .name = "on_conflict",
	  .value = &on_conflict,
	  .otherwise = "queue",
	  .help = "when another rollout of the service is running" },
	{ .name = "deadline",
	  .value = &deadline,
	  .otherwise = "4h",
	  .help = "longest time of the whole rollout; then it pauses" },
	{ .name = "windows",
	  .help = "when rollouts may start a stage",
	  .later = "start it when it may run" },
	{ .name = "notify",
	  .help = "whom to tell",
	  .later = "follow with grayctl watch --json" },
	{ .name = NULL },
};
const struct schema plan_schema = { .kind = SCHEMA_MAP, .keys = plan_keys };

char *plan_schema_json(void)
{
	AUTO(js) json = schema_json(&plan_schema, "plan.yaml of gray");

	return js_format_indented(json);
}
