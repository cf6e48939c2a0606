#include <string.h>

#include "cmd/grayd/events.h"
#include "cmd/grayd/grayd.h"
#include "rollouts/plan.h"

#define OK	  200
#define CREATED	  201
#define MAX_NAME  128
#define ENDING_MS 100

typedef void (*handler_fn)(struct grayd *grayd, struct exchange *exchange,
			   const char *name);

static struct js *wrap(const char *key, struct js *value)
{
	struct js *object = js_object();

	js_set(object, key, value);
	return object;
}

static void get_version(struct grayd *grayd, struct exchange *exchange,
			const char *name)
{
	struct js *body = js_object();

	(void)name;
	js_set_str(body, "version", GRAY_VERSION);
	js_set_int(body, "api", 1);
	js_set_str(body, "home", grayd->home);
	js_set_int(body, "pid", getpid());
	exchange_answer(exchange, OK, body);
}

/* "1" and "true" are yes; left out and all else is no. */
static bool is_asked(const struct exchange *exchange, const char *name)
{
	const char *value = exchange_query(exchange, name);

	return value && (strcmp(value, "1") == 0 || strcmp(value, "true") == 0);
}

static void list_rollouts(struct grayd *grayd, struct exchange *exchange,
			  const char *name)
{
	struct js *list = NULL;
	struct err err = ERR_INIT;

	(void)name;
	if (driver_list(grayd->driver, exchange_query(exchange, "service"),
			is_asked(exchange, "active"), &list, &err))
		exchange_fail(exchange, &err, NULL);
	else
		exchange_answer(exchange, OK, wrap("rollouts", list));
}

static void answer_view(struct grayd *grayd, struct exchange *exchange,
			unsigned status, const char *name)
{
	struct js *view = NULL;
	struct err err = ERR_INIT;

	if (driver_view(grayd->driver, name, is_asked(exchange, "hosts"), &view,
			&err))
		exchange_fail(exchange, &err, NULL);
	else
		exchange_answer(exchange, status, view);
}

static void get_rollout(struct grayd *grayd, struct exchange *exchange,
			const char *name)
{
	answer_view(grayd, exchange, OK, name);
}

static void get_why(struct grayd *grayd, struct exchange *exchange,
		    const char *name)
{
	AUTO_STR char *why = NULL;
	struct err err = ERR_INIT;
	struct js *body;

	if (driver_why(grayd->driver, name, &why, &err)) {
		exchange_fail(exchange, &err, NULL);
		return;
	}
	body = js_object();
	js_set_str(body, "why", why);
	exchange_answer(exchange, OK, body);
}

static void get_events(struct grayd *grayd, struct exchange *exchange,
		       const char *name)
{
	events_follow(grayd->events, exchange, name);
}

/* An empty body is an empty object. */
static int read_body(const struct exchange *exchange, struct js **out,
		     struct err *err)
{
	size_t size;
	const char *text = exchange_body(exchange, &size);

	if (size == 0) {
		*out = js_object();
		return 0;
	}
	if (js_parse(text, size, out, err))
		return err_wrap(err, "the request's body");
	if (js_kind(*out) == JS_OBJECT)
		return 0;
	js_free(TAKE(*out));
	return err_set(err, ERR_INVALID, "the request's body is no object");
}

struct creation {
	struct grayd *grayd;
	struct exchange *exchange;
};

static void launched_cb(void *ctx, const char *id, const struct err *err,
			const struct js *mistakes)
{
	struct creation *creation = ctx;

	if (id)
		answer_view(creation->grayd, creation->exchange, CREATED, id);
	else
		exchange_fail(creation->exchange, err,
			      mistakes ? js_copy(mistakes) : NULL);
	free(creation);
}

static int check_launch(const struct driver_launch *launch, struct err *err)
{
	if (!launch->plan_text)
		return err_set(err, ERR_INVALID, "plan_text is missing");
	if (strlen(launch->plan_text) > PLAN_MAX_BYTES)
		return err_set(err, ERR_INVALID, "a plan has at most %u bytes",
			       PLAN_MAX_BYTES);
	if (!launch->base_dir || launch->base_dir[0] != '/')
		return err_set(err, ERR_INVALID,
			       "base_dir must be an absolute path");
	return 0;
}

static void create_rollout(struct grayd *grayd, struct exchange *exchange,
			   const char *name)
{
	AUTO(js) body = NULL;
	struct driver_launch launch;
	struct creation *creation;
	struct err err = ERR_INIT;

	(void)name;
	if (read_body(exchange, &body, &err)) {
		exchange_fail(exchange, &err, NULL);
		return;
	}
	launch = (struct driver_launch){
		.plan_path = js_get_str(body, "plan_path", "plan.yaml"),
		.plan_text = js_get_str(body, "plan_text", NULL),
		.base_dir = js_get_str(body, "base_dir", NULL),
		.reason = js_get_str(body, "reason", NULL),
		.who = exchange_who(exchange),
	};
	if (check_launch(&launch, &err)) {
		exchange_fail(exchange, &err, NULL);
		return;
	}
	creation = MEM_NEW(struct creation);
	creation->grayd = grayd;
	creation->exchange = exchange;
	driver_launch(grayd->driver, &launch, launched_cb, creation);
}

static void operate(struct grayd *grayd, struct exchange *exchange,
		    const char *name, enum operator_verb verb)
{
	AUTO(js) body = NULL;
	struct run_order order;
	struct err err = ERR_INIT;

	if (read_body(exchange, &body, &err)) {
		exchange_fail(exchange, &err, NULL);
		return;
	}
	order = (struct run_order){
		.verb = verb,
		.stage = js_get_str(body, "stage", NULL),
		.who = exchange_who(exchange),
		.reason = js_get_str(body, "reason", NULL),
	};
	if (driver_operate(grayd->driver, name, &order, &err))
		exchange_fail(exchange, &err, NULL);
	else
		answer_view(grayd, exchange, OK, name);
}

static void get_hosts(struct grayd *grayd, struct exchange *exchange,
		      const char *name)
{
	(void)name;
	exchange_answer(exchange, OK,
			wrap("hosts", driver_hosts(grayd->driver,
						   exchange_query(exchange,
								  "service"))));
}

static void shut_down(struct grayd *grayd, struct exchange *exchange,
		      const char *name)
{
	struct js *body = js_object();

	(void)name;
	js_set_bool(body, "ending", true);
	exchange_answer(exchange, OK, body);
	loop_timer_set(grayd->ending, ENDING_MS);
}

/* A star stands for a rollout's id or a service's name. */
static const struct handler {
	const char *method;
	const char *path;
	handler_fn run;
} handlers[] = {
	{ "GET", "/v1/version", get_version },
	{ "GET", "/v1/rollouts", list_rollouts },
	{ "POST", "/v1/rollouts", create_rollout },
	{ "GET", "/v1/rollouts/*", get_rollout },
	{ "GET", "/v1/rollouts/*/why", get_why },
	{ "GET", "/v1/rollouts/*/events", get_events },
	{ "GET", "/v1/log", handle_log },
	{ "GET", "/v1/log/verify", handle_log_verify },
	{ "GET", "/v1/releases", handle_releases },
	{ "GET", "/v1/releases/show", handle_release },
	{ "GET", "/v1/releases/diff", handle_releases_diff },
	{ "GET", "/v1/hosts", get_hosts },
	{ "POST", "/v1/shutdown", shut_down },
};

/* Does PATH have the form of PATTERN? Then NAME is what the star stands for. */
static bool matches(const char *pattern, const char *path, char *name)
{
	size_t size;

	name[0] = '\0';
	for (; *pattern; pattern++) {
		if (*pattern != '*') {
			if (*path++ != *pattern)
				return false;
			continue;
		}
		size = strcspn(path, "/");
		if (size == 0 || size >= MAX_NAME)
			return false;
		memcpy(name, path, size);
		name[size] = '\0';
		path += size;
	}
	return *path == '\0';
}

/* POST /v1/rollouts/ID/VERB, for the verbs of the engine; a rollout starts by
 * itself. */
static const enum operator_verb verbs[] = {
	OPERATOR_PAUSE,	   OPERATOR_RESUME, OPERATOR_PROMOTE, OPERATOR_RETRY,
	OPERATOR_ROLLBACK, OPERATOR_ABORT,  OPERATOR_APPROVE,
};

static bool run_verb(struct grayd *grayd, struct exchange *exchange)
{
	const char *path = exchange_path(exchange);
	char name[MAX_NAME];

	if (strcmp(exchange_method(exchange), "POST") != 0)
		return false;
	for (size_t i = 0; i < COUNT_OF(verbs); i++) {
		AUTO_STR char *pattern = mem_format(
			"/v1/rollouts/*/%s", operator_verb_name(verbs[i]));

		if (!matches(pattern, path, name))
			continue;
		operate(grayd, exchange, name, verbs[i]);
		return true;
	}
	return false;
}

void handlers_run(void *ctx, struct exchange *exchange)
{
	const char *method = exchange_method(exchange);
	const char *path = exchange_path(exchange);
	struct err err = ERR_INIT;
	char name[MAX_NAME];
	bool is_path = false;

	for (size_t i = 0; i < COUNT_OF(handlers); i++) {
		if (!matches(handlers[i].path, path, name))
			continue;
		is_path = true;
		if (strcmp(handlers[i].method, method) == 0) {
			handlers[i].run(ctx, exchange, name);
			return;
		}
	}
	if (run_verb(ctx, exchange))
		return;
	if (is_path)
		(void)err_set(&err, ERR_INVALID, "%.16s does not apply to it",
			      method);
	else
		(void)err_set(&err, ERR_NOT_FOUND, "there is no such resource");
	exchange_fail(exchange, &err, NULL);
}
