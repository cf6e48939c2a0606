/*
 * events.h - server-sent events: who follows which rollout, and what he knows.
 *
 * Views are sent when something changed (a few times a second at most) and
 * every two seconds besides; log entries once each, in order. A feed ends after
 * the final state.
 */
#pragma once

#include "cmd/grayd/grayd.h"

struct events *events_new(struct grayd *grayd);
/* Feeds end with the server. */
void events_free(struct events *events);

/* Answer EXCHANGE with a feed about the rollout NAME. */
void events_follow(struct events *events, struct exchange *exchange,
		   const char *name);
/* Something about rollout ID is news. */
void events_changed(struct events *events, const char *id);
