#include <stdio.h>
#include <string.h>

#include "agents/http.h"
#include "agents/probes/probe.h"

extern const struct probe probe_tcp;

static int look(const struct probe_context *context,
		const struct spec_probe *probe, uint64_t until_ms,
		struct err *err)
{
	const char *host = probe->target;
	const char *port = strrchr(host, ':');
	char name[SPEC_TARGET];
	size_t n;
	AUTO_FD int fd = -1;

	(void)context;
	if (!port || port == host || !port[1])
		return err_set(err, ERR_INVALID, "%s: not host:port", host);
	n = (size_t)(port - host);
	if (host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
	}
	(void)snprintf(name, sizeof(name), "%.*s", (int)n, host);
	return http_connect(name, port + 1, until_ms, &fd, err);
}

const struct probe probe_tcp = { .name = "tcp", .look = look };
