#include "agents/http.h"

#include "agents/probes/probe.h"

extern const struct probe probe_http;

/* A health page that says more than this has another purpose. */
#define BODY_MAX (1u << 20)

static int look(const struct probe_context *context,
		const struct spec_probe *probe, uint64_t until_ms,
		struct err *err)
{
	AUTO_VALUE(buf) body = BUF_INIT;
	unsigned status;
	bool is_well;

	(void)context;
	if (http_get(probe->target, until_ms, BODY_MAX, &status, &body, err) <
	    0)
		return err_again(err);
	is_well = probe->status ? status == probe->status
				: status >= 200 && status < 300;
	if (!is_well)
		return err_set(err, ERR_FAILED, "%s: status %u", probe->target,
			       status);
	return 0;
}

const struct probe probe_http = { .name = "http", .look = look };
