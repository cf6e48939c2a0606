/* Is the service well on each host, right now? */
#include "rollouts/gates/gate_hosts.h"

extern const struct gate_kind gate_probe;

/* The service's doing; all else kept the host from looking. */
static bool is_harm(enum err_code code)
{
	return code == ERR_FAILED || code == ERR_UNREACHABLE ||
	       code == ERR_TIMEOUT || code == ERR_PROTOCOL;
}

static void all(struct gate_look *look)
{
	const struct gate_hosts *hosts = look->own;
	AUTO_VALUE(gate_names) ill = { .n = 0 };
	AUTO_VALUE(gate_names) silent = { .n = 0 };
	AUTO_STR char *text = NULL;

	for (size_t i = 0; i < hosts->n; i++) {
		const struct gate_answer *answer = &hosts->answers[i];

		if (!answer->is_heard ||
		    (answer->code != ERR_NONE && !is_harm(answer->code)))
			gate_names_add(&silent, look, answer->host,
				       answer->text);
		else if (answer->code != ERR_NONE)
			gate_names_add(&ill, look, answer->host, answer->text);
	}
	if (ill.n > 0)
		text = mem_format("%zu of %zu hosts fail: %s", ill.n, hosts->n,
				  gate_names_text(&ill));
	else if (silent.n > 0)
		text = mem_format("%zu of %zu hosts could not be asked: %s",
				  silent.n, hosts->n, gate_names_text(&silent));
	else
		text = mem_format("%zu of %zu hosts are well", hosts->n,
				  hosts->n);
	gate_look_end(look,
		      ill.n > 0	     ? VERDICT_FAIL
		      : silent.n > 0 ? VERDICT_NO_DATA
				     : VERDICT_PASS,
		      0, text);
}

static void start(struct gate_look *look)
{
	gate_hosts_probe(look, all);
}

const struct gate_kind gate_probe = { .kind = GATE_PROBE,
				      .start = start,
				      .stop = gate_hosts_stop };
