#include "cmd/grayd/events.h"

#include <string.h>

#include "core/base/vec.h"
#include "core/sys/log.h"

#define TURN_MS	    200
#define QUIET_TURNS 10 /* then a view is sent without news */

struct follower {
	struct events *events;
	struct feed *feed;
	char *id;
	uint64_t seen; /* the last log entry sent */
	unsigned n_quiet;
	bool is_stale;
};

struct events {
	struct grayd *grayd;
	struct loop_timer *timer;
	VEC(struct follower *) followers;
};

static void send_event(struct follower *follower, const char *name,
		       const struct js *data)
{
	AUTO_STR char *text = js_format(data);
	AUTO_STR char *event =
		mem_format("event: %s\ndata: %s\n\n", name, text);

	feed_send(follower->feed, event, strlen(event));
}

static int send_log(struct follower *follower, struct err *err)
{
	struct driver *driver = follower->events->grayd->driver;
	struct changelog_filter filter = {
		.rollout = follower->id,
		.after = follower->seen,
	};
	AUTO(js) entries = NULL;

	if (changelog_query(driver_store(driver), &filter, &entries, err))
		return err_again(err);
	for (size_t i = 0; i < js_count(entries); i++) {
		const struct js *entry = js_at(entries, i);

		send_event(follower, "log", entry);
		follower->seen = (uint64_t)js_get_int(entry, "seq", 0);
	}
	return 0;
}

static bool is_final(const struct js *view)
{
	const char *state = js_get_str(view, "state", "");

#define IS(id, name)                                                  \
	if (rollout_state_is_final(id) && strcmp(state, (name)) == 0) \
		return true;
	ROLLOUT_STATES(IS)
#undef IS
	return false;
}

/* All that is known; the end of the feed when that is all there will be. */
static void bring_up_to_date(struct follower *follower, bool has_log)
{
	struct driver *driver = follower->events->grayd->driver;
	AUTO(js) view = NULL;
	struct err err = ERR_INIT;

	follower->is_stale = false;
	follower->n_quiet = 0;
	if (driver_view(driver, follower->id, false, &view, &err) ||
	    (has_log && send_log(follower, &err))) {
		log_error("events of %s: %s", follower->id, err.text);
		feed_end(follower->feed);
		return;
	}
	send_event(follower, "view", view);
	if (is_final(view))
		feed_end(follower->feed);
}

static void timer_cb(void *ctx)
{
	struct events *events = ctx;

	for (size_t i = 0; i < events->followers.n; i++) {
		struct follower *follower = events->followers.items[i];

		if (follower->is_stale || ++follower->n_quiet >= QUIET_TURNS)
			bring_up_to_date(follower, true);
	}
	if (events->followers.n > 0)
		loop_timer_set(events->timer, TURN_MS);
}

struct events *events_new(struct grayd *grayd)
{
	struct events *events = MEM_NEW(struct events);

	events->grayd = grayd;
	events->timer = loop_timer_new(grayd->loop, timer_cb, events);
	return events;
}

void events_free(struct events *events)
{
	if (!events)
		return;
	loop_timer_free(events->timer);
	vec_release(&events->followers);
	free(events);
}

static void gone_cb(void *ctx)
{
	struct follower *follower = ctx;
	struct events *events = follower->events;

	for (size_t i = 0; i < events->followers.n; i++)
		if (events->followers.items[i] == follower) {
			vec_remove(&events->followers, i);
			break;
		}
	free(follower->id);
	free(follower);
}

void events_follow(struct events *events, struct exchange *exchange,
		   const char *name)
{
	struct follower *follower = MEM_NEW(struct follower);
	struct err err = ERR_INIT;
	bool is_live = false;

	if (driver_log_start(events->grayd->driver, name, &follower->id,
			     &follower->seen, &is_live, &err)) {
		free(follower);
		exchange_fail(exchange, &err, NULL);
		return;
	}
	follower->events = events;
	*vec_add(&events->followers) = follower;
	follower->feed = exchange_feed(exchange, gone_cb, follower);
	/* The log of a rollout that is over is asked for as a log. */
	bring_up_to_date(follower, is_live);
	loop_timer_set(events->timer, TURN_MS);
}

void events_changed(struct events *events, const char *id)
{
	for (size_t i = 0; i < events->followers.n; i++)
		if (strcmp(events->followers.items[i]->id, id) == 0)
			events->followers.items[i]->is_stale = true;
}
