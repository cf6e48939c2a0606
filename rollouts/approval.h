/*
 * approval.h - may this person approve that stage?
 *
 * A plan's `approve: {from: oncall}` names a user or a group of the
 * controller's machine. How many approvals there are already is the engine's
 * business.
 */
#pragma once

#include "rollouts/plan.h"

/*
 * who: a user's name, or "person (as user)", of which the person counts.
 * Fails with ERR_REFUSED when he is neither FROM nor a member of that group.
 */
int approval_check(const struct plan_stage *stage, const char *who,
		   struct err *err) MUST_CHECK;
