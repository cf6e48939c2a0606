#include "rollouts/journal.h"

#include <string.h>

/* kind, name */
#define EVENT_KINDS(X)                \
	X(EVENT_TICK, "tick")         \
	X(EVENT_REIGN, "reign")       \
	X(EVENT_OPERATOR, "operator") \
	X(EVENT_STATUS, "status")     \
	X(EVENT_RESULT, "result")     \
	X(EVENT_LOST, "lost")         \
	X(EVENT_VERDICT, "verdict")

/* Every number of an event. What is 0 is not written. */
#define EVENT_NUMBERS(X) \
	X(now_ms)        \
	X(wall_ms)       \
	X(epoch)         \
	X(verb)          \
	X(stage)         \
	X(host)          \
	X(host_state)    \
	X(host_epoch)    \
	X(host_seq)      \
	X(lease_left_ms) \
	X(is_busy)       \
	X(seq)           \
	X(command)       \
	X(gate)          \
	X(verdict)       \
	X(n_samples)

#define EVENT_TEXTS(X) \
	X(who)         \
	X(reason)      \
	X(text)

#define EVENT_DIGESTS(X) \
	X(current)       \
	X(to)

#define CONFIG_NUMBERS(X)     \
	X(gates_final_only)   \
	X(max_unavailable)    \
	X(domains)            \
	X(budget_failed)      \
	X(budget_unreachable) \
	X(budget_unhealthy)   \
	X(n_attempts)         \
	X(confirm_ms)         \
	X(switch_ms)          \
	X(valid_ms)           \
	X(gate_interval_ms)   \
	X(no_data_hold_ms)    \
	X(no_data_then)       \
	X(deadline_ms)        \
	X(seq_base)

#define STAGE_NUMBERS(X) \
	X(n_hosts)       \
	X(bake_ms)       \
	X(min_requests)  \
	X(n_approvals)   \
	X(on_failure)    \
	X(gates)

char *journal_stream(const char *rollout_id)
{
	return mem_format("journal/%s", rollout_id);
}

static const char *kind_name(enum event_kind kind)
{
	static const char *const names[] = {
#define NAME(id, name) [id] = (name),
		EVENT_KINDS(NAME)
#undef NAME
	};

	return names[kind];
}

static int kind_find(const char *name, enum event_kind *out, struct err *err)
{
#define FIND(id, text)                   \
	if (strcmp(name, (text)) == 0) { \
		*out = (id);             \
		return 0;                \
	}
	EVENT_KINDS(FIND)
#undef FIND
	return err_set(err, ERR_CORRUPT, "no event is called \"%.40s\"", name);
}

static void set_number(struct js *object, const char *key, int64_t value)
{
	if (value != 0)
		js_set_int(object, key, value);
}

static void set_digest(struct js *object, const char *key,
		       const struct digest *digest)
{
	char hex[DIGEST_HEX + 1];

	if (digest_is_zero(digest))
		return;
	digest_format(digest, hex);
	js_set_str(object, key, hex);
}

static int get_digest(const struct js *object, const char *key,
		      struct digest *out, struct err *err)
{
	const char *hex = js_get_str(object, key, NULL);

	memset(out, 0, sizeof(*out));
	if (hex && digest_parse(hex, out, err))
		return err_wrap(err, "%s", key);
	return 0;
}

static struct js *intents_json(const struct actions *actions)
{
	struct js *intents = js_array();

	for (size_t i = 0; i < actions->list.n; i++) {
		const struct action *action = &actions->list.items[i];
		struct js *intent;

		if (action->kind != ACTION_COMMAND)
			continue;
		intent = js_object();
		js_set_int(intent, "host", action->host);
		js_set_int(intent, "seq", (int64_t)action->seq);
		js_set_str(intent, "verb", rollout_verb_name(action->verb));
		js_append(intents, intent);
	}
	return intents;
}

void journal_add(struct store_batch *batch, const char *stream,
		 uint64_t revision, const struct event *event,
		 const struct actions *actions)
{
	AUTO(js) json = js_object();
	AUTO(js) intents = intents_json(actions);
	AUTO_STR char *text = NULL;

	js_set_str(json, "event", kind_name(event->kind));
#define SET(name) set_number(json, #name, (int64_t)event->name);
	EVENT_NUMBERS(SET)
#undef SET
	if (event->code != ERR_NONE)
		js_set_str(json, "code", err_name(event->code));
#define SET(name)        \
	if (event->name) \
		js_set_str(json, #name, event->name);
	EVENT_TEXTS(SET)
#undef SET
#define SET(name) set_digest(json, #name, &event->name);
	EVENT_DIGESTS(SET)
#undef SET
	if (js_count(intents) > 0)
		js_set(json, "intents", TAKE(intents));
	text = js_format(json);
	store_batch_append(batch, stream, revision, text);
}

static int read_event(const struct js *json, struct event *out, struct err *err)
{
	const char *code = js_get_str(json, "code", NULL);

	if (kind_find(js_get_str(json, "event", ""), &out->kind, err))
		return err_again(err);
#define GET(name) out->name = (__typeof__(out->name))js_get_int(json, #name, 0);
	EVENT_NUMBERS(GET)
#undef GET
	out->code = code ? err_find(code) : ERR_NONE;
#define GET(name)                                     \
	if (get_digest(json, #name, &out->name, err)) \
		return err_again(err);
	EVENT_DIGESTS(GET)
#undef GET
#define GET(name) out->name = mem_str(js_get_str(json, #name, NULL));
	EVENT_TEXTS(GET)
#undef GET
	return 0;
}

int journal_parse(const char *text, struct event *out, struct err *err)
{
	AUTO(js) json = NULL;
	struct event event = { .kind = EVENT_TICK };

	if (js_parse(text, strlen(text), &json, err) ||
	    read_event(json, &event, err))
		return err_again(err);
	*out = event;
	return 0;
}

struct fold {
	struct rollout *rollout;
	uint64_t revision;
};

static int fold_cb(void *ctx, uint64_t revision, const char *text,
		   struct err *err)
{
	struct fold *fold = ctx;
	AUTO_VALUE(actions) ignored = { .is_changed = false };
	struct event event;

	if (journal_parse(text, &event, err))
		return err_wrap(err, "event %llu",
				(unsigned long long)revision);
	rollout_step(fold->rollout, &event, &ignored);
	event_release(&event);
	fold->revision = revision;
	return 0;
}

int journal_fold(struct store *store, const char *stream,
		 struct rollout *rollout, uint64_t *out_revision,
		 struct err *err)
{
	struct fold fold = { .rollout = rollout, .revision = 0 };

	if (store_read(store, stream, 0, fold_cb, &fold, err))
		return err_wrap(err, "%s", stream);
	*out_revision = fold.revision;
	return 0;
}

struct js *journal_config_json(const struct rollout_config *config)
{
	struct js *json = js_object();
	struct js *hosts = js_array();
	struct js *stages = js_array();
	struct js *gates = js_array();

	js_set_str(json, "id", config->id);
	js_set_str(json, "service", config->service);
	js_set_str(json, "version", config->version);
	set_digest(json, "release", &config->release);
#define SET(name) set_number(json, #name, (int64_t)config->name);
	CONFIG_NUMBERS(SET)
#undef SET
	for (size_t i = 0; i < config->hosts.n; i++) {
		struct js *host = js_object();

		js_set_str(host, "name", config->hosts.items[i].name);
		set_number(host, "domain", config->hosts.items[i].domain);
		set_digest(host, "from", &config->hosts.items[i].from);
		js_append(hosts, host);
	}
	for (size_t i = 0; i < config->stages.n; i++) {
		const struct rollout_stage_config *from =
			&config->stages.items[i];
		struct js *stage = js_object();

		js_set_str(stage, "name", from->name);
#define SET(name) set_number(stage, #name, (int64_t)from->name);
		STAGE_NUMBERS(SET)
#undef SET
		js_append(stages, stage);
	}
	for (size_t i = 0; i < config->gates.n; i++)
		js_append_str(gates, config->gates.items[i]);
	js_set(json, "hosts", hosts);
	js_set(json, "stages", stages);
	js_set(json, "gates", gates);
	return json;
}

static int read_hosts(const struct js *hosts, struct rollout_config *out,
		      struct err *err)
{
	for (size_t i = 0; i < js_count(hosts); i++) {
		const struct js *from = js_at(hosts, i);
		struct rollout_host_config *host = vec_add(&out->hosts);

		host->name = mem_str(js_get_str(from, "name", ""));
		host->domain = (uint32_t)js_get_int(from, "domain", 0);
		if (get_digest(from, "from", &host->from, err))
			return err_wrap(err, "host %s", host->name);
	}
	return 0;
}

static void read_stages(const struct js *stages, struct rollout_config *out)
{
	for (size_t i = 0; i < js_count(stages); i++) {
		const struct js *from = js_at(stages, i);
		struct rollout_stage_config *stage = vec_add(&out->stages);

		stage->name = mem_str(js_get_str(from, "name", ""));
#define GET(field) \
	stage->field = (__typeof__(stage->field))js_get_int(from, #field, 0);
		STAGE_NUMBERS(GET)
#undef GET
	}
}

int journal_config_parse(const struct js *json, struct rollout_config *out,
			 struct err *err)
{
	struct rollout_config config = { .id = NULL };
	const struct js *gates = js_get(json, "gates");

	config.id = mem_str(js_get_str(json, "id", ""));
	config.service = mem_str(js_get_str(json, "service", ""));
	config.version = mem_str(js_get_str(json, "version", NULL));
#define GET(name) \
	config.name = (__typeof__(config.name))js_get_int(json, #name, 0);
	CONFIG_NUMBERS(GET)
#undef GET
	read_stages(js_get(json, "stages"), &config);
	for (size_t i = 0; i < js_count(gates); i++)
		*vec_add(&config.gates) = mem_str(js_str(js_at(gates, i), ""));
	if (get_digest(json, "release", &config.release, err) ||
	    read_hosts(js_get(json, "hosts"), &config, err)) {
		rollout_config_release(&config);
		return err_wrap(err, "stored rollout");
	}
	*out = config;
	return 0;
}
