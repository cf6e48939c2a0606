#include <inttypes.h>
#include <string.h>

#include "rollouts/rollout_state.h"

bool rollout_host_is_up(const struct rollout_host *host)
{
	return host->is_up && !host->is_mute;
}

bool rollout_host_is_settled(const struct rollout_host *host)
{
	return host->state == AGENT_HOST_STATE_IDLE ||
	       host->state == AGENT_HOST_STATE_STAGED ||
	       host->state == AGENT_HOST_STATE_CONFIRMED;
}

bool rollout_host_is_on_new(const struct rollout *rollout,
			    const struct rollout_host *host)
{
	return host->is_known &&
	       (rollout_host_is_settled(host) ||
		host->state == AGENT_HOST_STATE_UNCONFIRMED) &&
	       digest_equal(&host->current, &rollout->config.release);
}

static const struct rollout_host_config *
config_of(const struct rollout *rollout, const struct rollout_host *host)
{
	return &rollout->config.hosts.items[host - rollout->hosts];
}

const char *rollout_host_name(const struct rollout *rollout,
			      const struct rollout_host *host)
{
	return config_of(rollout, host)->name;
}

/* id, log kind, what follows the host's name */
static const struct {
	const char *kind;
	const char *words;
} fates[] = {
	[FATE_FAILED] = { "host_failed", "failed" },
	[FATE_UNHEALTHY] = { "host_drifted", "is not as recorded" },
	[FATE_BLOCKED] = { "host_blocked", "cannot take the release" },
};

void rollout_host_fate(struct rollout *rollout, struct rollout_host *host,
		       enum host_fate fate, const char *text)
{
	if (host->fate != FATE_OPEN)
		return;
	host->fate = fate;
	mem_set_str(&host->text, text);
	rollout->is_changed = true;
	rollout_log(rollout, fates[fate].kind, NULL, "host %s %s: %s",
		    rollout_host_name(rollout, host), fates[fate].words, text);
}

/* The host is back on what it had: it is exposed no more. */
static void end_exposure(struct rollout *rollout, struct rollout_host *host)
{
	if (host->exposed_ms == ROLLOUT_NEVER)
		return;
	rollout->exposed_total += rollout->clock_ms - host->exposed_ms;
	host->exposed_ms = ROLLOUT_NEVER;
}

static void switched(struct rollout *rollout, struct rollout_host *host)
{
	host->attempts = 0;
	/* How long ago a former reign sent it, nobody knows. */
	if (host->flying_epoch == rollout->epoch) {
		host->lease_ms = host->flying_ms + rollout->lease_ms;
		host->extend_ms = host->flying_ms + rollout->lease_ms / 3;
	}
	rollout_log(rollout, "host_switched", NULL, "host %s runs %s",
		    rollout_host_name(rollout, host), rollout->config.version);
	rollout_stage_activated(rollout);
}

/* An activation ended, and the host is not on the new release. */
static void not_switched(struct rollout *rollout, struct rollout_host *host,
			 const struct event *event)
{
	bool is_told = event->kind == EVENT_RESULT &&
		       event->seq == host->flying_seq && event->code;
	bool is_worth = !is_told || event->code == ERR_STALE ||
			err_is_retryable(event->code);
	const char *text = is_told && event->text && *event->text
				   ? event->text
				   : "its activation had no effect";

	if (host->state == AGENT_HOST_STATE_STUCK)
		text = "it is stuck between two releases";
	else if (is_worth && host->attempts < rollout->config.n_attempts)
		return;
	rollout_host_fate(rollout, host, FATE_FAILED, text);
}

static void flight_over(struct rollout *rollout, struct rollout_host *host,
			const struct event *event)
{
	bool is_on_new = rollout_host_is_on_new(rollout, host);

	if (host->flying == AGENT_VERB_ACTIVATE) {
		if (is_on_new)
			switched(rollout, host);
		else
			not_switched(rollout, host, event);
	} else if (host->state == AGENT_HOST_STATE_STUCK) {
		if (rollout->state != ROLLOUT_ROLLING_BACK)
			rollout_host_fate(rollout, host, FATE_FAILED,
					  "it is stuck still");
	} else if (!is_on_new) {
		host->attempts = 0;
		rollout_log(rollout, "host_reverted", NULL,
			    "host %s is back on the release before",
			    rollout_host_name(rollout, host));
	}
	host->flying = AGENT_VERB_NONE;
}

/*
 * Nothing was asked of it, and it left the new release: because its lease ran
 * out while nobody could renew it, or because something is wrong with it.
 */
static void went_back(struct rollout *rollout, struct rollout_host *host,
		      bool was_unconfirmed)
{
	bool is_lapse = was_unconfirmed && rollout->clock_ms >= host->lease_ms;

	if (rollout->state != ROLLOUT_PROGRESSING &&
	    rollout->state != ROLLOUT_PAUSED)
		return;
	if (!is_lapse) {
		rollout_host_fate(rollout, host, FATE_FAILED,
				  "it went back by itself");
		return;
	}
	host->attempts = 0;
	if (++host->n_lapses >= ROLLOUT_MAX_LAPSES) {
		rollout_host_fate(rollout, host, FATE_FAILED,
				  "its lease ran out again and again");
		return;
	}
	rollout_log(rollout, "host_lapsed", NULL,
		    "host %s went back by itself when its lease ran out",
		    rollout_host_name(rollout, host));
}

static bool is_pair_before(uint64_t epoch, uint64_t seq, uint64_t than_epoch,
			   uint64_t than_seq)
{
	return epoch < than_epoch || (epoch == than_epoch && seq < than_seq);
}

/* The fleet heard a controller that this store knows nothing of. */
static void check_store(struct rollout *rollout,
			const struct rollout_host *host)
{
	if (!rollout->epoch || rollout->state == ROLLOUT_PENDING ||
	    rollout_state_is_final(rollout->state) ||
	    !is_pair_before(rollout->epoch, host->seq, host->seen_epoch,
			    host->seen_seq))
		return;
	if (rollout->state == ROLLOUT_PAUSED && rollout->cause == PAUSE_STORE)
		return;
	rollout_pause(rollout, PAUSE_STORE,
		      "the store is older than the fleet: host %s obeys epoch "
		      "%" PRIu64 ", here it is %" PRIu64,
		      rollout_host_name(rollout, host), host->seen_epoch,
		      rollout->epoch);
}

static bool is_view_new(const struct rollout_host *host,
			const struct event *event)
{
	return host->state != event->host_state ||
	       host->is_busy != event->is_busy ||
	       host->seen_epoch != event->host_epoch ||
	       host->seen_seq != event->host_seq ||
	       !digest_equal(&host->current, &event->current) ||
	       !digest_equal(&host->to, &event->to);
}

static bool is_between(enum agent_host_state state)
{
	return state == AGENT_HOST_STATE_ARMED ||
	       state == AGENT_HOST_STATE_REVERTING;
}

/* What a host says of itself, unless it said something newer before. */
static void take_view(struct rollout *rollout, struct rollout_host *host,
		      const struct event *event)
{
	bool was_on_new = rollout_host_is_on_new(rollout, host);
	bool was_unconfirmed = host->state == AGENT_HOST_STATE_UNCONFIRMED;

	if (is_pair_before(event->host_epoch, event->host_seq, host->seen_epoch,
			   host->seen_seq) ||
	    !is_view_new(host, event))
		return;
	rollout->is_changed = true;
	host->state = event->host_state;
	host->current = event->current;
	host->to = event->to;
	host->seen_epoch = event->host_epoch;
	host->seen_seq = event->host_seq;
	host->is_busy = event->is_busy;
	check_store(rollout, host);
	if (host->flying) {
		/* It ended if the host has accepted it, or what came after it
		 * (R10), and is at rest. */
		if (!event->is_busy && !is_between(host->state) &&
		    !is_pair_before(host->seen_epoch, host->seen_seq,
				    host->flying_epoch, host->flying_seq))
			flight_over(rollout, host, event);
	} else if (host->was_touched && was_on_new &&
		   !rollout_host_is_on_new(rollout, host)) {
		went_back(rollout, host, was_unconfirmed);
	} else if (host->state == AGENT_HOST_STATE_STAGED) {
		host->attempts = 0;
	} else if (host->was_touched && host->state == AGENT_HOST_STATE_STUCK) {
		rollout_host_fate(rollout, host, FATE_FAILED,
				  "it is stuck between two releases");
	}
	if (!host->flying && rollout_host_is_settled(host)) {
		host->settled_ms = 0;
		if (!rollout_host_is_on_new(rollout, host))
			end_exposure(rollout, host);
	}
}

/* A host we have not touched is where the records say, or already there. */
static void check_drift(struct rollout *rollout, struct rollout_host *host)
{
	const struct digest *from = &config_of(rollout, host)->from;
	char hex[DIGEST_HEX + 1];
	char text[256];

	if (host->was_touched || rollout_host_is_on_new(rollout, host))
		return;
	if (rollout_host_is_settled(host)) {
		if (digest_equal(&host->current, from))
			return;
		digest_format(&host->current, hex);
		if (digest_is_zero(&host->current))
			(void)snprintf(text, sizeof(text), "it has no release");
		else
			(void)snprintf(text, sizeof(text),
				       "it runs release %.12s", hex);
	} else {
		(void)snprintf(text, sizeof(text),
			       "it is %s, from something else",
			       rollout_host_state_name(host->state));
	}
	rollout_host_fate(rollout, host, FATE_UNHEALTHY, text);
}

static void stage_failed(struct rollout *rollout, struct rollout_host *host,
			 const struct event *event)
{
	if (host->attempts < rollout->config.n_attempts)
		return;
	rollout_host_fate(rollout, host, FATE_BLOCKED,
			  event->text && *event->text ? event->text
						      : err_name(event->code));
}

/* It will be different soon, by itself: ask again, but not at once. */
static bool is_restless(const struct rollout *rollout,
			const struct rollout_host *host)
{
	return host->is_busy || host->flying || host->fate != FATE_OPEN ||
	       (!rollout_host_is_settled(host) &&
		!rollout_host_is_on_new(rollout, host));
}

static void command_over(struct rollout *rollout, struct rollout_host *host,
			 const struct event *event, enum agent_verb verb,
			 uint64_t sent_ms)
{
	/* Its pair says whether it took the command, whatever came of it. */
	bool was_run = event->host_epoch == rollout->epoch &&
		       event->host_seq == event->seq;

	host->is_fenced = was_run;
	host->retry_ms = 0;
	if (was_run) {
		host->is_heard = true;
		host->is_known = true;
		check_drift(rollout, host);
	}
	if (event->code || is_restless(rollout, host))
		host->retry_ms =
			rollout->clock_ms + rollout->config.valid_ms / 4 + 1;
	if (verb == AGENT_VERB_STAGE) {
		if (event->code && was_run)
			stage_failed(rollout, host, event);
		else if (!event->code)
			host->attempts = 0;
	} else if (verb == AGENT_VERB_EXTEND && !event->code &&
		   host->state == AGENT_HOST_STATE_UNCONFIRMED) {
		host->lease_ms = sent_ms + rollout->lease_ms;
		host->extend_ms = sent_ms + rollout->lease_ms / 3;
	} else if (verb == AGENT_VERB_CONFIRM && !event->code) {
		host->attempts = 0;
	} else if (verb == AGENT_VERB_CONFIRM && was_run &&
		   host->attempts >= rollout->config.n_attempts) {
		rollout_host_fate(rollout, host, FATE_FAILED,
				  "it does not confirm");
	}
}

static struct rollout_host *host_of(struct rollout *rollout,
				    const struct event *event)
{
	return event->host < rollout->config.hosts.n
		       ? &rollout->hosts[event->host]
		       : NULL;
}

void rollout_host_result(struct rollout *rollout, const struct event *event)
{
	struct rollout_host *host = host_of(rollout, event);
	enum agent_verb verb;

	if (!host)
		return;
	if (host->is_mute || host->n_mute) {
		host->is_mute = false;
		host->n_mute = 0;
		rollout->is_changed = true;
	}
	verb = host->command;
	if (verb && event->seq == host->command_seq) {
		uint64_t sent_ms = host->command_ms;

		host->command = AGENT_VERB_NONE;
		rollout->is_changed = true;
		if (verb == AGENT_VERB_FENCE && !event->code)
			host->is_known = true;
		take_view(rollout, host, event);
		command_over(rollout, host, event, verb, sent_ms);
	} else {
		take_view(rollout, host, event);
	}
	rollout_touch(rollout, host);
}

void rollout_host_status(struct rollout *rollout, const struct event *event)
{
	struct rollout_host *host = host_of(rollout, event);

	if (!host)
		return;
	if (!rollout_host_is_up(host)) {
		host->is_up = true;
		host->is_mute = false;
		host->n_mute = 0;
		host->is_fenced = false;
		host->is_lost = false;
		host->retry_ms = 0;
		rollout->is_changed = true;
	}
	take_view(rollout, host, event);
	rollout_touch(rollout, host);
}

void rollout_host_lost(struct rollout *rollout, const struct event *event)
{
	struct rollout_host *host = host_of(rollout, event);
	bool is_news;

	if (!host)
		return;
	/* Why it was never reached counts as well; a retry says nothing new. */
	is_news = host->fate == FATE_OPEN && event->text &&
		  (!host->text || strcmp(host->text, event->text) != 0);
	if (is_news) {
		mem_set_str(&host->text, event->text);
		rollout->is_changed = true;
	}
	if (!host->is_up)
		return;
	if (!host->is_mute)
		host->lost_ms = rollout->clock_ms;
	host->is_up = false;
	host->is_mute = false;
	host->n_mute = 0;
	host->is_fenced = false;
	host->command = AGENT_VERB_NONE;
	rollout->is_changed = true;
	rollout_touch(rollout, host);
}

void rollout_host_reign(struct rollout *rollout, struct rollout_host *host)
{
	host->is_up = false;
	host->is_mute = false;
	host->n_mute = 0;
	host->is_heard = false;
	host->is_fenced = false;
	host->is_lost = false;
	host->lost_ms = rollout->clock_ms;
	host->command = AGENT_VERB_NONE;
	host->lease_ms = 0;
	host->extend_ms = 0;
	host->retry_ms = 0;
}
