/*
 * driver.c - one controller, one host: the steps given, over a real agent.
 *
 *	driver AGENT ROOT STEP...	stage:v2 activate:v2 confirm:v2 revert
 *	driver AGENT ROOT status	when nothing goes on any more: state,
 *					current, stable, to, epoch, seq
 *	driver digest NAME		of the release that a step calls NAME
 *
 * Prints what each step came to. Exit 0: all were done; 1: one failed; 5: the
 * agent has gone. DRIVER_WRAP is put in front of the agent's command line.
 */
#include <stdio.h>
#include <string.h>

#include "core/sys/clock.h"
#include "tests/support/agent_client.h"

#define LEASE_MS  600000
#define SETTLE_MS 30000
#define MAX_WORDS 32

/* The same content for the same name, and most of it in all of them. */
static struct sample_release *release_of(const char *name)
{
	struct sample_release *release = sample_release_new();
	AUTO_STR char *big = mem_alloc(150001);

	memset(big, name[1], 150000);
	sample_release_add(release, "VERSION", false, name);
	sample_release_add(release, "bin/run", true, "#!/bin/sh\nexit 0\n");
	sample_release_add(release, "lib/a/same", false, "the same in all\n");
	sample_release_add(release, "lib/b/same", false, "the same in all\n");
	sample_release_add(release, "lib/big", false, big);
	sample_release_add(release, "empty", false, "");
	sample_release_add_link(release, "run", "bin/run");
	sample_release_seal(release);
	return release;
}

static int print_digest(const char *name)
{
	struct sample_release *release = release_of(name);
	char hex[DIGEST_HEX + 1];

	digest_format(&release->manifest->digest, hex);
	(void)printf("%s\n", hex);
	sample_release_free(release);
	return 0;
}

static enum agent_verb verb_of(const char *step)
{
	for (unsigned verb = 1; verb <= AGENT_VERB_GC; verb++) {
		const char *name = agent_verb_name((enum agent_verb)verb);

		if (strncmp(step, name, strcspn(step, ":")) == 0)
			return (enum agent_verb)verb;
	}
	return AGENT_VERB_NONE;
}

static int run_step(struct agent_client *client, const char *step, uint64_t seq,
		    struct err *err)
{
	const char *name = strchr(step, ':');
	struct sample_release *release = name ? release_of(name + 1) : NULL;
	struct agent_command command = {
		.verb = verb_of(step),
		.epoch = 1,
		.seq = seq,
		.lease_ms = LEASE_MS,
		.keep = 2,
		.has_deploy = true,
	};
	AUTO_VALUE(agent_result) result = { 0 };
	bool is_stage = command.verb == AGENT_VERB_STAGE;
	int rc;

	if (release)
		command.release = release->manifest->digest;
	rc = agent_client_command(client, &command, is_stage ? release : NULL,
				  &result, NULL, err);
	sample_release_free(release);
	if (rc < 0)
		return rc;
	(void)printf("%s %u %s %s\n", step, result.code,
		     agent_host_state_name(result.status.state), result.text);
	if (result.code)
		return err_set(err, ERR_FAILED, "%s: %s", step, result.text);
	return 0;
}

/* Until nothing goes on. */
static int print_status(struct agent_client *client, struct err *err)
{
	uint64_t until_ms = clock_boot_ms() + SETTLE_MS;
	char current[DIGEST_HEX + 1];
	char stable[DIGEST_HEX + 1];
	char to[DIGEST_HEX + 1];

	for (;;) {
		AUTO_VALUE(agent_status) status = { 0 };

		if (agent_client_ask(client, &status, err) < 0)
			return err_again(err);
		if (status.is_busy && clock_boot_ms() < until_ms) {
			(void)usleep(20000);
			continue;
		}
		digest_format(&status.current, current);
		digest_format(&status.stable, stable);
		digest_format(&status.to, to);
		(void)printf("%s %s %s %s %llu %llu\n",
			     agent_host_state_name(status.state), current,
			     stable, to, (unsigned long long)status.epoch,
			     (unsigned long long)status.seq);
		return 0;
	}
}

static int run(const char *const *argv, const char *root,
	       const char *const *steps, int n_steps, struct err *err)
{
	AUTO_VALUE(agent_status) status = { 0 };
	struct agent_client *client = NULL;
	int rc = agent_client_start(argv, getenv("HOME"), &client, err);

	if (rc < 0)
		return rc;
	rc = agent_client_open(client, root, &status, err);
	if (rc == 0 && strcmp(steps[0], "status") == 0) {
		rc = print_status(client, err);
		n_steps = 0;
	}
	for (int i = 0; rc == 0 && i < n_steps; i++)
		rc = run_step(client, steps[i], status.seq + 1 + (uint64_t)i,
			      err);
	agent_client_stop(client);
	return rc;
}

/* The agent's command line, with what is to run it in front. */
static void build_argv(char *agent, const char **out)
{
	char *wrap = getenv("DRIVER_WRAP");
	char *save = NULL;
	size_t n = 0;

	if (wrap)
		for (char *word = strtok_r(wrap, " ", &save);
		     word && n < MAX_WORDS - 3;
		     word = strtok_r(NULL, " ", &save))
			out[n++] = word;
	out[n++] = agent;
	out[n++] = "serve";
	out[n] = NULL;
}

int main(int argc, char **argv)
{
	const char *serve[MAX_WORDS];
	struct err err = ERR_INIT;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && strcmp(argv[1], "digest") == 0)
		return print_digest(argv[2]);
	if (argc < 4)
		return 2;
	build_argv(argv[1], serve);
	if (run(serve, argv[2], (const char *const *)argv + 3, argc - 3,
		&err) == 0)
		return 0;
	(void)fprintf(stderr, "driver: %s\n", err.text);
	return err.code == ERR_FAILED ? 1 : 5;
}
