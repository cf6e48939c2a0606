#include "core/remote/transport.h"

void remote_target_copy(const struct remote_target *target,
			struct remote_target *out)
{
	*out = *target;
#define COPY(text) out->text = mem_str(target->text);
	REMOTE_TARGET_TEXTS(COPY)
#undef COPY
}

void remote_target_release(struct remote_target *target)
{
#define FREE(text) free((char *)(uintptr_t)target->text);
	REMOTE_TARGET_TEXTS(FREE)
#undef FREE
	*target = (struct remote_target){ .port = 0 };
}
