/* Any answer is a list of keys that can be used, or a refusal. */
#include <assert.h>

#include "core/remote/ssh_agent.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	AUTO(ssh_agent) agent = MEM_NEW(struct ssh_agent);
	struct err err = ERR_INIT;

	agent->fd = -1;
	if (size == 0) /* never handed over: an answer has a type */
		return 0;
	if (ssh_agent_parse_keys(bytes, size, agent, &err) < 0)
		assert(err.code == ERR_PROTOCOL);
	for (size_t i = 0; i < agent->keys.n; i++)
		assert(agent->keys.items[i].size >= 15 &&
		       agent->keys.items[i].size < size);
	return 0;
}
