#include <string.h>

#include "core/sys/clock.h"
#include "rollouts/run_private.h"

#define PING_MS	    5000
#define BACKOFF_MS  500
#define OUTPUT_TAIL 300 /* bytes of what a failed hook printed */

static void see(struct run_host *host, const struct agent_status *status,
		bool is_settled)
{
	struct run *run = host->run;
	struct ledger *ledger = run->world.ledger;
	bool is_ours = digest_equal(&status->current, &run->record->release);
	struct releases_change change = {
		.service = run->record->service,
		.host = run->record->hosts.items[host->at].name,
		.release = status->current,
		.version = is_ours ? run->record->version : NULL,
		.rollout = run->record->id,
		.wall_ms = clock_wall_ms(),
	};

	if (is_settled)
		releases_settle(run->world.releases, &ledger->batch, &change);
	else
		releases_see(run->world.releases, &ledger->batch, &change);
	if (!ledger_is_clean(ledger))
		run->world.dirty(run->world.ctx, run);
}

static void take_status(const struct agent_status *status, struct event *out)
{
	out->host_state = status->state;
	out->current = status->current;
	out->to = status->to;
	out->host_epoch = status->epoch;
	out->host_seq = status->seq;
	out->lease_left_ms = status->lease_left_ms;
	out->is_busy = status->is_busy;
}

static void status_cb(struct link *link, const struct agent_status *status,
		      void *ctx)
{
	struct run_host *host = ctx;
	struct event event = { .kind = EVENT_STATUS, .host = host->at };

	(void)link;
	take_status(status, &event);
	run_tell(host->run, &event);
	see(host, status, false);
}

static void up_cb(struct link *link, const struct agent_hello *hello,
		  const struct agent_status *status, void *ctx)
{
	(void)hello;
	status_cb(link, status, ctx);
}

/* The sentence, and the end of what a failed hook printed. */
static char *result_text(const struct agent_result *result)
{
	const char *text = result->text ? result->text : "";
	const char *output = result->output ? result->output : "";
	size_t size = strlen(output);

	if (result->code == ERR_NONE || size == 0)
		return mem_str(text);
	if (size > OUTPUT_TAIL)
		output += size - OUTPUT_TAIL;
	return mem_format("%s: %s", text, output);
}

static void result_cb(struct link *link, const struct agent_result *result,
		      void *ctx)
{
	struct run_host *host = ctx;
	struct event event = {
		.kind = EVENT_RESULT,
		.host = host->at,
		.epoch = result->epoch,
		.seq = result->seq,
		.command = result->verb,
		.code = (enum err_code)result->code,
		.text = result_text(result),
	};
	bool is_settled = result->code == ERR_NONE &&
			  (result->verb == AGENT_VERB_CONFIRM ||
			   result->verb == AGENT_VERB_REVERT);

	(void)link;
	take_status(&result->status, &event);
	run_tell(host->run, &event);
	event_release(&event);
	see(host, &result->status, is_settled);
}

static void checked_cb(struct link *link, const struct agent_checked *checked,
		       void *ctx)
{
	struct run_host *host = ctx;

	(void)link;
	judging_checked(host->run->judging, host->at, checked);
}

static void down_cb(struct link *link, const struct err *err, void *ctx)
{
	struct run_host *host = ctx;
	struct event event = {
		.kind = EVENT_LOST,
		.host = host->at,
		.code = err->code,
		.text = mem_str(err->text),
	};

	(void)link;
	judging_lost(host->run->judging, host->at, err->text);
	run_tell(host->run, &event);
	event_release(&event);
}

void run_connect(struct run *run, struct run_host *host)
{
	static const struct link_events events = {
		.on_up = up_cb,
		.on_status = status_cb,
		.on_result = result_cb,
		.on_checked = checked_cb,
		.on_down = down_cb,
	};
	const struct record *record = run->record;
	const struct record_host *to = &record->hosts.items[host->at];
	struct link_options options = {
		.target = {
			.name = to->name,
			.address = to->address,
			.port = to->port,
			.user = to->user,
			.identity = to->identity ? to->identity
						 : record->ssh_identity,
			.known_hosts = record->ssh_known_hosts,
			.config = record->ssh_config,
			.options = to->ssh_options,
			.transport = record->ssh_transport,
		},
		.command = run->world.agent_command,
		.service = record->service,
		.root = run->plan->deploy.root,
		.name = to->name,
		.address = to->address,
		.ping_ms = PING_MS,
		.backoff_ms = BACKOFF_MS,
	};

	host->link = link_new(run->world.loop, run->world.remote, &options,
			      &events, host);
}
