/* A page of the service, asked from the controller: that it does not answer is
 * the finding, that it has no address is our mistake. */
#include <string.h>

#include "core/base/str.h"
#include "core/remote/http.h"
#include "rollouts/gates/gate_kind.h"

extern const struct gate_kind gate_http;

#define URL_MAX	 200	    /* bytes of it in a sentence */
#define BODY_MAX (1u << 20) /* a page to check says less */

static void done_cb(void *ctx, unsigned status, const struct buf *body,
		    const struct err *err)
{
	struct gate_look *look = ctx;
	const struct plan_gate *gate = look->gate;
	AUTO_STR char *url = str_clean(gate->url, strlen(gate->url));
	AUTO_STR char *text = NULL;
	bool is_well = gate->status ? status == gate->status
				    : status >= 200 && status < 300;
	bool is_ours = err->code == ERR_INVALID || err->code == ERR_NOT_FOUND ||
		       err->code == ERR_SYSTEM;

	(void)body;
	look->own = NULL;
	if (err->code != ERR_NONE) {
		AUTO_STR char *why = str_clean(err->text, strlen(err->text));

		text = mem_format("%.*s: %s", gate_cut(url, URL_MAX), url, why);
	} else {
		text = mem_format("%.*s: status %u", gate_cut(url, URL_MAX),
				  url, status);
	}
	gate_look_end(look,
		      err->code == ERR_NONE
			      ? (is_well ? VERDICT_PASS : VERDICT_FAIL)
		      : is_ours ? VERDICT_ERROR
				: VERDICT_FAIL,
		      0, text);
}

static void start(struct gate_look *look)
{
	struct http_ask ask = { .url = look->gate->url,
				.timeout_ms = look->gate->timeout_ms,
				.max_body = BODY_MAX };

	look->own = http_get(look->env->loop, &ask, done_cb, look);
}

static void stop(struct gate_look *look)
{
	http_cancel(TAKE(look->own));
}

const struct gate_kind gate_http = { .kind = GATE_HTTP,
				     .start = start,
				     .stop = stop };
