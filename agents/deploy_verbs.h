/*
 * deploy_verbs.h - what each command means in each state.
 *
 * The inside of agents/deploy: only deploy.c and deploy_verbs.c include it. A
 * command that comes here has been accepted, and its pair is being kept.
 */
#pragma once

#include "agents/deploy.h"

/* Carry out, begin or refuse the command of EVENT. */
void deploy_obey(struct deploy *deploy, const struct deploy_event *event,
		 struct deploy_actions *out);

/* Steps that verbs and the machine share. */
void deploy_start_work(struct deploy *deploy, enum deploy_work work,
		       const struct digest *release,
		       struct deploy_actions *out);
/* Keep the result, unless a later pair (a fence) has been accepted since. */
void deploy_store_result(struct deploy *deploy, enum err_code code,
			 const char *text, struct deploy_actions *out);
/* The work, and the command if it was one's, has ended. */
void deploy_finish(struct deploy *deploy, enum err_code code, const char *text,
		   struct deploy_actions *out);
/* A revert: on disk before anything of the service is touched (R9). */
void deploy_begin_revert(struct deploy *deploy, const struct digest *target,
			 struct deploy_actions *out);
/* NULL counts as "". */
void deploy_copy_text(char *out, size_t size, const char *text);
/* What people see of a digest. */
const char *deploy_shorten(const struct digest *digest,
			   char out[DIGEST_HEX + 1]);
