#include "rollouts/run_private.h"

#include <string.h>

#include "core/sys/clock.h"
#include "core/sys/log.h"
#include "rollouts/approval.h"
#include "rollouts/dispatch.h"
#include "rollouts/journal.h"
#include "rollouts/view.h"

#define MAX_WAIT_MS (3600 * 1000u) /* a timer that is sure to be looked at */

static void timer_cb(void *ctx);
static bool send_check(void *ctx, uint32_t host,
		       const struct agent_check *check);
static void verdict_cb(void *ctx, uint32_t stage, uint32_t gate,
		       const struct gate_result *result);

static int load_plan(struct run *run, struct err *err)
{
	AUTO_VALUE(plan_mistakes) mistakes = { .list = { NULL, 0, 0 } };
	const struct record *record = run->record;

	if (plan_parse(record->plan_path, record->plan_text,
		       strlen(record->plan_text), &mistakes, &run->plan, err))
		return err_wrap(err, "the stored plan of %s", record->id);
	return 0;
}

static int load_rollout(struct run *run, struct err *err)
{
	struct rollout_config config;

	if (record_load_config(run->world.ledger->store, run->record->id,
			       &config, err))
		return err_again(err);
	if (config.hosts.n != run->record->hosts.n || config.hosts.n == 0 ||
	    config.stages.n != run->plan->stages.n ||
	    config.gates.n != run->plan->gates.n) {
		rollout_config_release(&config);
		return err_set(err, ERR_CORRUPT,
			       "%s: its plan and its configuration differ",
			       run->record->id);
	}
	run->rollout = rollout_new(&config);
	return journal_fold(run->world.ledger->store, run->stream, run->rollout,
			    &run->revision, err);
}

int run_load(const struct run_world *world, const char *id, struct run **out,
	     struct err *err)
{
	AUTO(run) run = MEM_NEW(struct run);
	struct judging_world judged;

	run->world = *world;
	run->stream = journal_stream(id);
	if (record_load(world->ledger->store, id, &run->record, err) ||
	    load_plan(run, err) || load_rollout(run, err) ||
	    record_load_manifest(world->ledger->store, &run->record->release,
				 &run->manifest, err))
		return err_again(err);
	run->hosts = mem_array(run->record->hosts.n, sizeof(*run->hosts));
	for (uint32_t i = 0; i < run->record->hosts.n; i++)
		run->hosts[i] = (struct run_host){ .run = run, .at = i };
	judged = (struct judging_world){
		.loop = world->loop,
		.plan = run->plan,
		.record = run->record,
		.send = send_check,
		.verdict = verdict_cb,
		.ctx = run,
	};
	run->judging = judging_new(&judged);
	run->timer = loop_timer_new(world->loop, timer_cb, run);
	*out = TAKE(run);
	return 0;
}

static void forget_todo(struct run *run)
{
	for (size_t i = 0; i < run->todo.n; i++) {
		free(run->todo.items[i].action.text);
		free(run->todo.items[i].action.who);
	}
	vec_release(&run->todo);
}

static void disconnect(struct run *run)
{
	loop_timer_stop(run->timer);
	judging_cancel(run->judging);
	for (size_t i = 0; i < run->record->hosts.n; i++) {
		if (run->hosts[i].link)
			link_free(run->hosts[i].link);
		run->hosts[i].link = NULL;
	}
}

void run_free(struct run *run)
{
	if (!run)
		return;
	if (run->hosts)
		disconnect(run);
	judging_free(run->judging);
	loop_timer_free(run->timer);
	forget_todo(run);
	rollout_free(run->rollout);
	manifest_free(run->manifest);
	plan_free(run->plan);
	record_free(run->record);
	free(run->hosts);
	free(run->stream);
	free(run);
}

const struct record *run_record(const struct run *run)
{
	return run->record;
}

bool run_is_queued(const struct run *run)
{
	return rollout_state(run->rollout) == ROLLOUT_PENDING;
}

bool run_is_final(const struct run *run)
{
	return rollout_state_is_final(rollout_state(run->rollout));
}

struct js *run_view(const struct run *run, bool has_hosts)
{
	struct view_source source = {
		.record = run->record,
		.rollout = run->rollout,
		.revision = run->revision,
		.now_ms = clock_boot_ms(),
		.wall_ms = clock_wall_ms(),
	};

	return view_json(&source, has_hosts);
}

char *run_why(const struct run *run)
{
	return rollout_why(run->rollout, clock_boot_ms());
}

static void add_log(struct run *run, const struct event *event,
		    const struct action *action)
{
	struct changelog_entry entry = {
		.wall_ms = event->wall_ms,
		.who = action->who,
		.service = run->record->service,
		.rollout = run->record->id,
		.kind = action->log_kind,
		.text = action->text,
	};

	ledger_log(run->world.ledger, &entry);
}

/* Log lines go into the ledger, the rest is kept until it is flushed. */
static void sort_actions(struct run *run, const struct event *event,
			 struct actions *actions)
{
	for (size_t i = 0; i < actions->list.n; i++) {
		struct action *action = &actions->list.items[i];

		if (action->kind == ACTION_LOG) {
			add_log(run, event, action);
			continue;
		}
		*vec_add(&run->todo) = (struct todo){
			.action = *action,
			.decided_ms = event->now_ms,
		};
		action->text = NULL;
		action->who = NULL;
	}
}

static void store_view(struct run *run)
{
	AUTO(js) view = run_view(run, false);
	AUTO(js) host_view = run_view(run, true);
	AUTO_STR char *text = js_format(view);
	AUTO_STR char *host_text = js_format(host_view);

	record_put_view(run->record->id, text, host_text,
			&run->world.ledger->batch);
}

static void set_timer(struct run *run, uint64_t now_ms, uint64_t wake_ms)
{
	uint64_t wait_ms = wake_ms > now_ms ? wake_ms - now_ms : 1;

	if (run_is_final(run) || wake_ms == UINT64_MAX)
		loop_timer_stop(run->timer);
	else
		loop_timer_set(run->timer, MIN_OF(wait_ms, MAX_WAIT_MS));
}

/* The one way into the engine: step, journal, remember what to do. */
static int feed(struct run *run, struct event *event, struct err *err)
{
	AUTO_VALUE(actions) actions = { .is_changed = false };
	bool was_final = run_is_final(run);

	event->now_ms = clock_boot_ms();
	event->wall_ms = clock_wall_ms();
	rollout_step(run->rollout, event, &actions);
	set_timer(run, event->now_ms, actions.wake_ms);
	if (actions.refusal.code != ERR_NONE) {
		*err = actions.refusal;
		return err_again(err);
	}
	if (!actions.is_changed && actions.list.n == 0)
		return 0;
	journal_add(&run->world.ledger->batch, run->stream, run->revision,
		    event, &actions);
	run->revision++;
	sort_actions(run, event, &actions);
	if (run_is_final(run))
		store_view(run);
	else if (was_final)
		record_drop_view(run->record->id, &run->world.ledger->batch);
	run->world.dirty(run->world.ctx, run);
	return 0;
}

void run_tell(struct run *run, struct event *event)
{
	struct err err = ERR_INIT;

	if (feed(run, event, &err))
		log_error("%s: %s", run->record->id, err.text);
}

static void timer_cb(void *ctx)
{
	struct event event = { .kind = EVENT_TICK };

	run_tell(ctx, &event);
}

void run_reign(struct run *run, uint64_t epoch)
{
	struct event event = { .kind = EVENT_REIGN, .epoch = epoch };

	run->epoch = epoch;
	run_tell(run, &event);
	for (size_t i = 0; i < run->record->hosts.n; i++)
		if (!run->hosts[i].link)
			run_connect(run, &run->hosts[i]);
}

int run_start(struct run *run, uint64_t epoch, struct err *err)
{
	struct run_order order = {
		.verb = OPERATOR_START,
		.who = run->record->who,
		.reason = run->record->reason,
	};
	struct rollout_config config;

	if (record_load_config(run->world.ledger->store, run->record->id,
			       &config, err))
		return err_again(err);
	for (size_t i = 0; i < config.hosts.n; i++)
		config.hosts.items[i].from = releases_desired(
			run->world.releases, run->record->service,
			config.hosts.items[i].name);
	record_put_config(&config, &run->world.ledger->batch);
	rollout_free(run->rollout);
	run->rollout = rollout_new(&config);
	run_reign(run, epoch);
	return run_operate(run, &order, err);
}

static int find_stage(const struct run *run, const char *name, uint32_t *out,
		      struct err *err)
{
	const struct rollout_config *config = rollout_config(run->rollout);

	*out = UINT32_MAX;
	if (!name)
		return 0;
	for (uint32_t i = 0; i < config->stages.n; i++)
		if (strcmp(config->stages.items[i].name, name) == 0) {
			*out = i;
			return 0;
		}
	return err_set(err, ERR_NOT_FOUND, "%s has no stage \"%.63s\"",
		       run->record->id, name);
}

static int order_event(const struct run *run, const struct run_order *order,
		       struct event *out, struct err *err)
{
	uint32_t stage;

	if (find_stage(run, order->stage, &stage, err))
		return err_again(err);
	if (order->verb == OPERATOR_APPROVE &&
	    approval_check(
		    &run->plan->stages.items[rollout_stage_now(run->rollout)],
		    order->who, err))
		return err_again(err);
	*out = (struct event){
		.kind = EVENT_OPERATOR,
		.verb = order->verb,
		.stage = stage,
		.who = mem_str(order->who),
		.reason = mem_str(order->reason),
	};
	return 0;
}

int run_operate(struct run *run, const struct run_order *order, struct err *err)
{
	struct event event;
	int failed = order_event(run, order, &event, err);

	if (failed)
		return failed;
	failed = feed(run, &event, err);
	event_release(&event);
	return failed;
}

int run_try(struct run *run, const struct run_order *order, struct err *err)
{
	AUTO_VALUE(actions) actions = { .is_changed = false };
	struct event event;

	if (order_event(run, order, &event, err))
		return err_again(err);
	event.now_ms = clock_boot_ms();
	event.wall_ms = clock_wall_ms();
	rollout_step(run->rollout, &event, &actions);
	event_release(&event);
	if (actions.refusal.code == ERR_NONE)
		return 0;
	*err = actions.refusal;
	return err_again(err);
}

static bool send_check(void *ctx, uint32_t host,
		       const struct agent_check *check)
{
	struct run *run = ctx;
	struct link *link = run->hosts[host].link;

	if (!link || !link_is_up(link))
		return false;
	link_check(link, check);
	return true;
}

static void verdict_cb(void *ctx, uint32_t stage, uint32_t gate,
		       const struct gate_result *result)
{
	struct event event = {
		.kind = EVENT_VERDICT,
		.stage = stage,
		.gate = gate,
		.verdict = result->verdict,
		.n_samples = result->n_samples,
		.text = mem_str(result->text),
	};

	run_tell(ctx, &event);
	event_release(&event);
}

static void command(struct run *run, const struct todo *todo)
{
	const struct action *action = &todo->action;
	struct link *link = run->hosts[action->host].link;
	AUTO_VALUE(agent_command) message = { .verb = AGENT_VERB_NONE };
	struct dispatch dispatch = {
		.record = run->record,
		.plan = run->plan,
		.epoch = run->epoch,
	};

	/* Down: the engine hears of it, and asks anew when it is up. */
	if (!link || !link_is_up(link))
		return;
	dispatch_command(&dispatch, action, clock_boot_ms() - todo->decided_ms,
			 &message);
	if (action->verb == AGENT_VERB_STAGE)
		link_stage(link, &message, action->valid_ms, run->manifest,
			   run->world.blobs);
	else
		link_command(link, &message, action->valid_ms);
}

static void judge(struct run *run, const struct action *action)
{
	uint32_t *exposed = mem_array(run->record->hosts.n, sizeof(*exposed));
	size_t n = view_exposed_hosts(run->rollout, exposed);

	judging_look(run->judging, action->stage, action->gate, exposed, n);
	free(exposed);
}

void run_act(struct run *run)
{
	VEC(struct todo)
	todo = { run->todo.items, run->todo.n, run->todo.room };

	/* What this leads to is decided anew, and waits for its own flush. */
	run->todo.items = NULL;
	run->todo.n = run->todo.room = 0;
	for (size_t i = 0; i < todo.n; i++) {
		if (todo.items[i].action.kind == ACTION_COMMAND)
			command(run, &todo.items[i]);
		else
			judge(run, &todo.items[i].action);
	}
	vec_release(&todo);
	if (run_is_final(run) && run->todo.n == 0)
		disconnect(run);
}
