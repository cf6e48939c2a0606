#include "rollouts/bootstrap.h"

#include <string.h>

#include "core/base/rand.h"
#include "core/base/str.h"
#include "core/remote/hostkeys.h"
#include "core/remote/transport.h"
#include "core/sys/file.h"
#include "core/sys/loop.h"
#include "rollouts/bootstrap_greet.h"
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
	size_t place; /* among all->hosts */
	enum step step;
	struct stream *stream;
	struct loop_timer *timer;
	struct buf answer;
	struct buf complaint;
	struct err cause; /* why we gave the step up */
	struct greeting greeting;
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
	greeting_release(&comer->greeting);
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
		.version = comer->greeting.hello.version
				   ? comer->greeting.hello.version
				   : "",
		.machine = comer->seen.machine ? comer->seen.machine : "",
		.seen = &comer->seen,
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
	if (comer->cause.code || comer->greeting.is_done)
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
	if (comer->step == STEP_LOOK)
		(void)err_set(&err, ERR_TIMEOUT,
			      "it let us in, but its login shell ran no "
			      "command within %s",
			      limit);
	else
		(void)err_set(&err, ERR_TIMEOUT, "%s: not done within %s",
			      steps[comer->step].what, limit);
	comer_give_up(comer, &err);
}

/* The one key that the host may show when none is known, or NULL. */
static const char *comer_fingerprint(const struct comer *comer)
{
	const struct bootstrap_options *options = comer->all->options;

	if (comer->is_key_taken) /* once, and from then on that one only */
		return strchr(comer->new_key, ' ') + 1;
	if (options->fingerprints && options->fingerprints[comer->place])
		return options->fingerprints[comer->place];
	return options->fingerprint;
}

static int remember_key(const struct bootstrap *all, const char *line,
			struct err *err)
{
	AUTO_STR char *path = hostkeys_first_file(all->options->known_hosts);
	AUTO_STR char *hashed = hostkeys_line_hashed(line);

	return hostkeys_append(
		path, all->options->hash_known_hosts ? hashed : line, err);
}

/* A new key: refused, or ours from now on. */
static void new_key_cb(struct stream *stream, const char *words,
		       const char *line, bool is_taken, void *ctx)
{
	struct comer *comer = ctx;
	struct err err = ERR_INIT;

	(void)stream;
	if (comer->is_key_taken)
		return; /* the file may not have been read again yet */
	mem_set_str(&comer->new_key, words);
	if (!is_taken && comer_fingerprint(comer))
		(void)err_set(&err, ERR_HOSTKEY,
			      "its key is %s, not the one given", words);
	else if (!is_taken)
		(void)err_set(&err, ERR_HOSTKEY, "its key is not known: %s",
			      words);
	else
		comer->is_key_taken = remember_key(comer->all, line, &err) == 0;
	if (err.code)
		comer_give_up(comer, &err);
}

static void open_cb(struct stream *stream, void *ctx)
{
	struct comer *comer = ctx;

	(void)stream;
	loop_timer_set(comer->timer, steps[comer->step].limit_ms);
}

static void comer_hear(struct comer *comer, const uint8_t *bytes, size_t size)
{
	AUTO_VALUE(buf) answer = BUF_INIT;
	struct err err = ERR_INIT;

	if (comer->cause.code || comer->greeting.is_done)
		return;
	if (greeting_hear(&comer->greeting, bytes, size, &answer, &err) < 0)
		comer_give_up(comer, &err);
	else if (comer->greeting.is_done)
		stream_close(comer->stream);
	else if (answer.size)
		stream_write(comer->stream, answer.bytes, answer.size);
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

static int after_look(struct comer *comer, int status, enum step *out,
		      struct err *err)
{
	const struct bootstrap_options *options = comer->all->options;

	step_seen_release(&comer->seen);
	if (step_look_read(buf_str(&comer->answer), buf_str(&comer->complaint),
			   status, options->binary, &comer->seen, err) < 0)
		return err_again(err);
	*out = STEP_GREET;
	if (comer->seen.is_bound && options->key)
		return err_set(err, ERR_REFUSED,
			       "no key can be added: this login may only run "
			       "the agent");
	if (step_look_judge(&comer->seen, options->binary, err) < 0)
		return err_again(err);
	if (options->goal == BOOTSTRAP_LOOK)
		*out = STEP_END;
	if (*out == STEP_END || comer->seen.is_there || comer->seen.is_bound)
		return 0;
	if (options->goal == BOOTSTRAP_CHECK)
		return err_set(err, ERR_NOT_FOUND, "no agent of this version%s",
			       comer->seen.n_other ? ", only others" : "");
	*out = STEP_SEND;
	return 0;
}

static int after_greet(struct comer *comer, enum step *out, struct err *err)
{
	const char *version = comer->greeting.hello.version
				      ? comer->greeting.hello.version
				      : "";

	/* Its file cannot be looked at, what it says of itself can. */
	if (comer->seen.is_bound && strcmp(version, GRAY_VERSION) != 0)
		return err_set(err, ERR_CONFLICT,
			       "its agent is %.64s, we are %s, and this login "
			       "may only run the agent",
			       version, GRAY_VERSION);
	*out = comer->all->options->key ? STEP_BIND : STEP_END;
	return 0;
}

static int next_step(struct comer *comer, int status, enum step *out,
		     struct err *err)
{
	switch (comer->step) {
	case STEP_LOOK:
		return after_look(comer, status, out, err);
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

	if (comer->greeting.is_done && comer->step == STEP_GREET)
		return 0;
	*err = comer->cause.code ? comer->cause : *from;
	if (err->code)
		return err_again(err);
	if (comer->step == STEP_GREET && status == 0)
		return err_set(err, ERR_PROTOCOL, "%s: it ended without a word",
			       what);
	/* What a login shell says by its end is told by what it printed. */
	if (status != 0 && comer->step != STEP_LOOK)
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
	    next_step(comer, status, &next, &err) < 0)
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
		return step_look(binary, comer->all->options->unit);
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
		.config = options->config,
		.options = comer->host->ssh_options,
		.transport = options->transport,
		.known_hosts = options->known_hosts,
		.fingerprint = comer_fingerprint(comer),
		.accept_new = options->accept_new && !comer->is_key_taken,
	};
	AUTO_STR char *command = NULL;

	comer->step = step;
	buf_clear(&comer->answer);
	buf_clear(&comer->complaint);
	command = step_command(comer);
	comer->stream = remote_exec(comer->all->remote, &target, command,
				    &events, comer);
	step_feed(comer);
}

/* ---- all of them ---- */

static void comer_start(struct bootstrap *all, size_t place)
{
	struct comer *comer = MEM_NEW(struct comer);
	uint8_t chance[(TEMP_SIZE - 1) / 2];

	comer->all = all;
	comer->host = all->hosts[place];
	comer->place = place;
	comer->timer = loop_timer_new(all->loop, limit_cb, comer);
	greeting_init(&comer->greeting);
	rand_bytes(chance, sizeof(chance));
	for (size_t i = 0; i < sizeof(chance); i++)
		(void)snprintf(comer->temp + 2 * i, 3, "%02x", chance[i]);
	comer_start_step(comer, STEP_LOOK);
}

static void bootstrap_fill(struct bootstrap *all)
{
	while (all->n_started < all->n_hosts &&
	       all->n_started - all->n_ended < IN_FLIGHT)
		comer_start(all, all->n_started++);
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
		.passphrase = all->options->passphrase,
		.ctx = all->options->passphrase_ctx,
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
	struct bootstrap all = {
		.hosts = hosts,
		.n_hosts = n_hosts,
		.options = options,
		.report = report,
		.ctx = ctx,
	};
	int failed = options->goal == BOOTSTRAP_ADD ? read_agent(&all, err) : 0;

	if (failed == 0 && (failed = loop_new(&all.loop, err)) == 0) {
		failed = bootstrap_go(&all, err);
		loop_free(all.loop);
	}
	buf_release(&all.agent);
	if (failed == 0)
		*out = all.counts;
	return failed;
}
