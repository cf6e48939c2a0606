#include "rollouts/approval.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>

static bool is_member(const struct group *group, const char *person)
{
	const struct passwd *user = getpwnam(person);

	if (user && user->pw_gid == group->gr_gid)
		return true;
	for (char **name = group->gr_mem; *name; name++)
		if (strcmp(*name, person) == 0)
			return true;
	return false;
}

int approval_check(const struct plan_stage *stage, const char *who,
		   struct err *err)
{
	const char *from = stage->approve_from;
	const char *end = strstr(who, " (as ");
	AUTO_STR char *person =
		mem_strn(who, end ? (size_t)(end - who) : strlen(who));
	const struct group *group = from ? getgrnam(from) : NULL;

	if (!from || strcmp(person, from) == 0 ||
	    (group && is_member(group, person)))
		return 0;
	return err_set(err, ERR_REFUSED,
		       "stage %s is approved by %s, and %s is not %s",
		       stage->name, from, person,
		       group ? "a member of that group" : "that user");
}
