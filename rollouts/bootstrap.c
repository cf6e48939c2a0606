#include "rollouts/bootstrap.h"

#include <string.h>

#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/remote/hostkeys.h"
#include "core/remote/transport.h"
#include "core/remote/user.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "core/sys/loop.h"
#include "core/wire/agent.h"
#include "core/wire/frame.h"
#include "rollouts/bootstrap_steps.h"

#define IN_FLIGHT      64u /* hosts: each may have a copy of the agent queued */
#define MAX_HANDSHAKES 16u
#define N_WORKERS      2u
#define ANSWER_MAX     (16u << 10) /* bytes of an answer that matter */
#define COMPLAINT_MAX  1024u	   /* bytes of standard error that matter */
#define TEMP_SIZE      17	   /* 16 letters of chance */

enum step { STEP_LOOK, STEP_SEND, STEP_PLACE, STEP_GREET, STEP_BIND, STEP_END };

static const struct {
	const char *what;
	uint64_t limit_ms; /* from the command's start to its end */
} steps[] = {
	[STEP_LOOK] = { "look around", 30000 },
	[STEP_SEND] = { "copy the agent there", 300000 },
	[STEP_PLACE] = { "put the agent in place", 60000 },
	[STEP_GREET] = { "start the agent", 20000 },
	[STEP_BIND] = { "add the key to authorized_keys", 30000 },
};

struct bootstrap {
	const struct fleet_host *const *hosts;
	size_t n_hosts;
	size_t n_started;
	size_t n_ended;
	const struct bootstrap_options *options;
	const char *known_hosts;
	struct buf agent; /* its bytes */
	struct loop *loop;
	struct remote *remote;
	bootstrap_fn report;
	void *ctx;
	struct bootstrap_counts counts;
};

/* One host on its way. */
struct comer {
	struct bootstrap *all;
	const struct fleet_host *host;
	enum step step;
	struct stream *stream;
	struct loop_timer *timer;
	struct buf answer;
	struct buf complaint;
	struct frame_decoder decoder;
	struct err cause; /* why we gave the step up */
	bool has_greeted;
	bool has_hello;
	struct agent_hello hello;
	struct step_seen seen;
	bool is_new;
	bool is_key_taken;
	char *new_key;
	char temp[TEMP_SIZE];
};

static void bootstrap_fill(struct bootstrap *all);

/* ---- the end of a host ---- */

static void comer_free(struct comer *comer)
{
	loop_timer_free(comer->timer);
	buf_release(&comer->answer);
	buf_release(&comer->complaint);
	frame_decoder_release(&comer->decoder);
	agent_hello_release(&comer->hello);
	step_seen_release(&comer->seen);
	free(comer->new_key);
	free(comer);
}

/* The report names the host already. */
static void drop_name(const struct comer *comer, struct err *err)
{
	AUTO_STR char *prefix = mem_format("host %s: ", comer->host->name);
	size_t size = strlen(prefix);

	if (str_starts(err->text, prefix))
		memmove(err->text, err->text + size,
			strlen(err->text + size) + 1);
}

static void comer_end(struct comer *comer, const struct err *err)
{
	struct bootstrap *all = comer->all;
	struct bootstrap_report report = {
		.host = comer->host,
		.is_ready = !err,
		.is_new = comer->is_new,
		.is_key_taken = comer->is_key_taken,
		.is_bound = comer->seen.is_bound,
		.new_key = comer->new_key,
		.version = comer->hello.version ? comer->hello.version : "",
		.machine = comer->seen.machine ? comer->seen.machine : "",
	};

	if (err) {
		report.err = *err;
		drop_name(comer, &report.err);
		report.remedy = step_remedy(&report.err);
		all->counts.n_failed++;
	} else {
		all->counts.n_ready++;
		all->counts.n_new += comer->is_new;
	}
	all->report(&report, all->ctx);
	comer_free(comer);
	if (++all->n_ended == all->n_hosts)
		loop_stop(all->loop);
	else
		bootstrap_fill(all);
}

/* ---- the streams of a step ---- */

static void comer_give_up(struct comer *comer, const struct err *err)
{
	if (comer->cause.code || comer->has_hello)
		return;
	comer->cause = *err;
	stream_close(comer->stream);
}

static void limit_cb(void *ctx)
{
	struct comer *comer = ctx;
	struct err err = ERR_INIT;
	char limit[32];

	str_format_duration(steps[comer->step].limit_ms, limit, sizeof(limit));
	(void)err_set(&err, ERR_TIMEOUT, "%s: not done within %s",
		      steps[comer->step].what, limit);
	comer_give_up(comer, &err);
}

/* A new key: refused, or ours from now on. */
static void new_key_cb(struct stream *stream, const char *words,
		       const char *line, bool is_taken, void *ctx)
{
	struct comer *comer = ctx;
	const struct bootstrap_options *options = comer->all->options;
	struct err err = ERR_INIT;

	(void)stream;
	if (comer->is_key_taken)
		return; /* the file may not have been read again yet */
	mem_set_str(&comer->new_key, words);
	if (!is_taken && options->fingerprint)
		(void)err_set(&err, ERR_HOSTKEY,
			      "its key is %s, not the one given", words);
	else if (!is_taken)
		(void)err_set(&err, ERR_HOSTKEY, "its key is not known: %s",
			      words);
	else if (hostkeys_append(comer->all->known_hosts, line, &err) == 0)
		comer->is_key_taken = true;
	if (err.code)
		comer_give_up(comer, &err);
}

static void open_cb(struct stream *stream, void *ctx)
{
	struct comer *comer = ctx;

	(void)stream;
	loop_timer_set(comer->timer, steps[comer->step].limit_ms);
}

static void send_hello(struct comer *comer)
{
	char version[] = GRAY_VERSION;
	struct agent_hello hello = {
		.protocol = AGENT_PROTOCOL,
		.version = version,
		.boot_ms = clock_boot_ms(),
	};
	AUTO_VALUE(buf) out = BUF_INIT;
	size_t start = frame_begin(&out, AGENT_HELLO);

	agent_hello_encode(&hello, &out);
	frame_end(&out, start);
	stream_write(comer->stream, out.bytes, out.size);
	comer->has_greeted = true;
}

static int hear_failure(const struct frame *frame, struct err *err)
{
	AUTO_VALUE(agent_failure) failure = { 0 };
	AUTO_STR char *text = NULL;

	if (agent_failure_decode(frame->bytes, frame->size, &failure, err) < 0)
		return err_again(err);
	text = str_clean(failure.text ? failure.text : "",
			 failure.text ? strlen(failure.text) : 0);
	return err_set(err, ERR_SYSTEM, "the agent gave up: %s", text);
}

static int hear_hello(struct comer *comer, const struct frame *frame,
		      struct err *err)
{
	if (frame->type == AGENT_FAILURE)
		return hear_failure(frame, err);
	if (frame->type != AGENT_HELLO)
		return err_set(err, ERR_PROTOCOL,
			       "the agent does not begin with a hello");
	if (agent_hello_decode(frame->bytes, frame->size, &comer->hello, err) <
	    0)
		return err_wrap(err, "the agent's hello");
	if (comer->hello.protocol != AGENT_PROTOCOL)
		return err_set(err, ERR_PROTOCOL,
			       "the agent speaks protocol %u, we speak %u",
			       comer->hello.protocol, AGENT_PROTOCOL);
	comer->has_hello = true;
	stream_close(comer->stream);
	return 0;
}

static void comer_hear(struct comer *comer, const uint8_t *bytes, size_t size)
{
	struct err err = ERR_INIT;
	struct frame frame;
	bool has = false;

	if (comer->cause.code || comer->has_hello)
		return;
	frame_decoder_add(&comer->decoder, bytes, size);
	if (frame_decoder_next(&comer->decoder, &frame, &has, &err) < 0 ||
	    (has && hear_hello(comer, &frame, &err) < 0))
		comer_give_up(comer, &err);
	else if (!comer->decoder.wants_magic && !comer->has_greeted)
		send_hello(comer);
}

static void keep(struct buf *out, size_t max, const uint8_t *bytes, size_t size)
{
	buf_append(out, bytes, MIN_OF(size, max - out->size));
}

static void data_cb(struct stream *stream, const uint8_t *bytes, size_t size,
		    void *ctx)
{
	struct comer *comer = ctx;

	(void)stream;
	if (comer->step == STEP_GREET)
		comer_hear(comer, bytes, size);
	else
		keep(&comer->answer, ANSWER_MAX, bytes, size);
}

static void stderr_cb(struct stream *stream, const uint8_t *bytes, size_t size,
		      void *ctx)
{
	struct comer *comer = ctx;

	(void)stream;
	keep(&comer->complaint, COMPLAINT_MAX, bytes, size);
}

/* ---- from step to step ---- */

static int check_machine(const struct comer *comer, struct err *err)
{
	const struct agent_binary *binary = comer->all->options->binary;

	if (*binary->machine &&
	    strcmp(binary->machine, comer->seen.machine) != 0)
		return err_set(err, ERR_INVALID,
			       "its machine is %s, our agent is for %s",
			       comer->seen.machine, binary->machine);
	return 0;
}

static int after_look(struct comer *comer, enum step *out, struct err *err)
{
	const struct bootstrap_options *options = comer->all->options;

	step_seen_release(&comer->seen);
	if (step_look_read(buf_str(&comer->answer), options->binary,
			   &comer->seen, err) < 0)
		return err_again(err);
	*out = STEP_GREET;
	if (comer->seen.is_bound && options->key)
		return err_set(err, ERR_REFUSED,
			       "no key can be added: this login may only run "
			       "the agent");
	if (comer->seen.is_bound)
		return 0;
	if (check_machine(comer, err) < 0)
		return err_again(err);
	if (comer->seen.is_there)
		return 0;
	if (options->is_check)
		return err_set(err, ERR_NOT_FOUND, "no agent of this version%s",
			       comer->seen.n_other ? ", only others" : "");
	*out = STEP_SEND;
	return 0;
}

static int after_greet(struct comer *comer, enum step *out, struct err *err)
{
	const char *version = comer->hello.version ? comer->hello.version : "";

	/* Its file cannot be looked at, what it says of itself can. */
	if (comer->seen.is_bound && strcmp(version, GRAY_VERSION) != 0)
		return err_set(err, ERR_CONFLICT,
			       "its agent is %.64s, we are %s, and this login "
			       "may only run the agent",
			       version, GRAY_VERSION);
	*out = comer->all->options->key ? STEP_BIND : STEP_END;
	return 0;
}

static int next_step(struct comer *comer, enum step *out, struct err *err)
{
	switch (comer->step) {
	case STEP_LOOK:
		return after_look(comer, out, err);
	case STEP_SEND:
		*out = STEP_PLACE;
		return 0;
	case STEP_PLACE:
		comer->is_new = true;
		*out = STEP_GREET;
		return 0;
	case STEP_GREET:
		return after_greet(comer, out, err);
	case STEP_BIND:
	case STEP_END:
		break;
	}
	*out = STEP_END;
	return 0;
}

/* How the command of the step ended; 0: as it should. */
static int step_result(const struct comer *comer, int status,
		       const struct err *from, struct err *err)
{
	const char *what = steps[comer->step].what;

	if (comer->has_hello && comer->step == STEP_GREET)
		return 0;
	*err = comer->cause.code ? comer->cause : *from;
	if (err->code)
		return err_again(err);
	if (comer->step == STEP_GREET && status == 0)
		return err_set(err, ERR_PROTOCOL, "%s: it ended without a word",
			       what);
	if (status != 0)
		return step_explain(what, status, buf_str(&comer->complaint),
				    err);
	return 0;
}

static void comer_start_step(struct comer *comer, enum step step);

static void closed_cb(struct stream *stream, int status, const struct err *from,
		      void *ctx)
{
	struct comer *comer = ctx;
	enum step next = STEP_END;
	struct err err = ERR_INIT;

	(void)stream;
	comer->stream = NULL;
	loop_timer_stop(comer->timer);
	if (step_result(comer, status, from, &err) < 0 ||
	    next_step(comer, &next, &err) < 0)
		comer_end(comer, &err);
	else if (next == STEP_END)
		comer_end(comer, NULL);
	else
		comer_start_step(comer, next);
}

static char *step_command(const struct comer *comer)
{
	const struct agent_binary *binary = comer->all->options->binary;

	switch (comer->step) {
	case STEP_LOOK:
		return step_look(binary);
	case STEP_SEND:
		return step_send(comer->temp);
	case STEP_PLACE:
		return step_place(binary, comer->temp);
	case STEP_BIND:
		return step_bind();
	case STEP_GREET:
	case STEP_END:
		break;
	}
	return mem_str(binary->command);
}

/* What the command reads, and the end of it; the agent's comes later. */
static void step_feed(struct comer *comer)
{
	const struct bootstrap_options *options = comer->all->options;

	if (comer->step == STEP_GREET)
		return;
	if (comer->step == STEP_SEND)
		stream_write(comer->stream, comer->all->agent.bytes,
			     comer->all->agent.size);
	if (comer->step == STEP_BIND) {
		AUTO_STR char *input =
			step_bind_input(options->binary, options->key);

		stream_write(comer->stream, input, strlen(input));
	}
	stream_end(comer->stream);
}

static void comer_start_step(struct comer *comer, enum step step)
{
	static const struct stream_events events = {
		.on_new_key = new_key_cb,
		.on_open = open_cb,
		.on_data = data_cb,
		.on_stderr = stderr_cb,
		.on_closed = closed_cb,
	};
	const struct bootstrap_options *options = comer->all->options;
	struct remote_target target = {
		.name = comer->host->name,
		.address = comer->host->address,
		.port = comer->host->port,
		.user = comer->host->user,
		.identity = comer->host->identity ? comer->host->identity
						  : options->identity,
		.known_hosts = comer->all->known_hosts,
		.config = options->config,
		.options = comer->host->ssh_options,
		.transport = options->transport,
		.fingerprint = options->fingerprint,
		.accept_new = options->accept_new,
	};
	AUTO_STR char *command = NULL;

	/* Taken once, that key is the only one. */
	if (comer->is_key_taken) {
		target.fingerprint = strchr(comer->new_key, ' ') + 1;
		target.accept_new = false;
	}
	comer->step = step;
	buf_clear(&comer->answer);
	buf_clear(&comer->complaint);
	command = step_command(comer);
	comer->stream = remote_exec(comer->all->remote, &target, command,
				    &events, comer);
	step_feed(comer);
}

/* ---- all of them ---- */

static void comer_start(struct bootstrap *all, const struct fleet_host *host)
{
	struct comer *comer = MEM_NEW(struct comer);
	uint8_t chance[(TEMP_SIZE - 1) / 2];

	comer->all = all;
	comer->host = host;
	comer->timer = loop_timer_new(all->loop, limit_cb, comer);
	frame_decoder_init(&comer->decoder, true);
	rand_bytes(chance, sizeof(chance));
	for (size_t i = 0; i < sizeof(chance); i++)
		(void)snprintf(comer->temp + 2 * i, 3, "%02x", chance[i]);
	comer_start_step(comer, STEP_LOOK);
}

static void bootstrap_fill(struct bootstrap *all)
{
	while (all->n_started < all->n_hosts &&
	       all->n_started - all->n_ended < IN_FLIGHT)
		comer_start(all, all->hosts[all->n_started++]);
}

static int read_agent(struct bootstrap *all, struct err *err)
{
	const struct agent_binary *binary = all->options->binary;
	struct digest digest;

	if (file_read(binary->path, AGENT_BINARY_MAX, &all->agent, err) < 0)
		return err_wrap(err, "agent");
	digest_of(all->agent.bytes, all->agent.size, &digest);
	if (!digest_equal(&digest, &binary->digest))
		return err_set(err, ERR_CONFLICT,
			       "agent: %s changed just now: try again",
			       binary->path);
	return 0;
}

static int bootstrap_go(struct bootstrap *all, struct err *err)
{
	struct remote_options options = {
		.n_workers = N_WORKERS,
		.max_handshakes = MAX_HANDSHAKES,
		.connect_ms = 10000,
		.handshake_ms = 20000,
		.exec_ms = 20000,
	};

	if (remote_new(all->loop, &options, &all->remote, err) < 0)
		return err_again(err);
	bootstrap_fill(all);
	if (all->n_hosts)
		loop_run(all->loop);
	remote_free(all->remote);
	return 0;
}

int bootstrap_run(const struct fleet_host *const *hosts, size_t n_hosts,
		  const struct bootstrap_options *options, bootstrap_fn report,
		  void *ctx, struct bootstrap_counts *out, struct err *err)
{
	AUTO_STR char *usual = user_file(".ssh/known_hosts");
	struct bootstrap all = {
		.hosts = hosts,
		.n_hosts = n_hosts,
		.options = options,
		.known_hosts =
			options->known_hosts ? options->known_hosts : usual,
		.report = report,
		.ctx = ctx,
	};
	int failed = options->is_check ? 0 : read_agent(&all, err);

	if (failed == 0 && (failed = loop_new(&all.loop, err)) == 0) {
		failed = bootstrap_go(&all, err);
		loop_free(all.loop);
	}
	buf_release(&all.agent);
	if (failed == 0)
		*out = all.counts;
	return failed;
}
