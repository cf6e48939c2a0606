/*
 * What must hold for every seed: a rollout over a pretended fleet, with faults
 * of all kinds, keeps the invariants I1-I12 after every event and comes to an
 * end. A seed that breaks one is printed with the command that runs it again.
 *
 *	test_sim_rollout [--seeds N] [--from SEED] [--seed SEED] [--hosts N]
 *			 [--trace]
 *
 * Without arguments: 5000 small fleets, which see more faults a host, and 200
 * of 1000 hosts.
 */
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "tests/sim/chaos.h"

struct tally {
	uint64_t n_runs;
	uint64_t n_events;
	uint64_t n_faults;
	uint64_t n_ended[16];
	uint64_t n_broken;
};

static bool run_one(struct chaos *options, const char *program,
		    struct tally *tally, uint64_t *out_hash)
{
	struct sim *sim = chaos_new(options);
	bool is_good = sim_run(sim);

	tally->n_runs++;
	tally->n_events += sim->n_events;
	tally->n_faults += sim->n_faults;
	if (is_good) {
		tally->n_ended[sim->ended]++;
	} else {
		tally->n_broken++;
		printf("seed %" PRIu64 ": %s\n"
		       "run it again: %s --seed %" PRIu64 " --hosts %" PRIu32
		       " --trace\n",
		       options->seed, sim->broken, program, options->seed,
		       options->n_hosts);
	}
	*out_hash = sim->trace_hash;
	sim_free(sim);
	return is_good;
}

static bool run_many(struct chaos options, uint64_t n_seeds,
		     const char *program)
{
	struct tally tally = { 0 };
	char n_hosts[16] = "1 to 60";
	uint64_t hash;

	if (options.n_hosts)
		(void)snprintf(n_hosts, sizeof(n_hosts), "%" PRIu32,
			       options.n_hosts);
	for (uint64_t i = 0; i < n_seeds; i++) {
		if (!run_one(&options, program, &tally, &hash))
			break;
		options.seed++;
	}
	printf("%" PRIu64 " rollouts of %s hosts: %" PRIu64 " events, %" PRIu64
	       " faults",
	       tally.n_runs, n_hosts, tally.n_events, tally.n_faults);
	for (size_t i = 0; i < COUNT_OF(tally.n_ended); i++) {
		if (tally.n_ended[i])
			printf(", %" PRIu64 " %s", tally.n_ended[i],
			       rollout_state_name((enum rollout_state)i));
	}
	printf("\n");
	return tally.n_broken == 0;
}

static bool is_repeatable(uint64_t seed, const char *program)
{
	struct chaos options = { .seed = seed, .n_hosts = 40 };
	struct tally tally = { 0 };
	uint64_t first;
	uint64_t second;

	(void)run_one(&options, program, &tally, &first);
	(void)run_one(&options, program, &tally, &second);
	if (first != second)
		printf("seed %" PRIu64 " ran differently a second time\n",
		       seed);
	return first == second;
}

static uint64_t number(const char *text)
{
	return strtoull(text, NULL, 10);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seeds", required_argument, NULL, 'n' },
		{ "from", required_argument, NULL, 'f' },
		{ "seed", required_argument, NULL, 's' },
		{ "hosts", required_argument, NULL, 'h' },
		{ "trace", no_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	struct chaos options = { .seed = 1 };
	uint64_t n_seeds = 0;
	int opt;

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (opt == 'n')
			n_seeds = number(optarg);
		else if (opt == 'f')
			options.seed = number(optarg);
		else if (opt == 's')
			options.seed = number(optarg), n_seeds = 1;
		else if (opt == 'h')
			options.n_hosts = (uint32_t)number(optarg);
		else if (opt == 't')
			options.is_traced = true;
		else
			return 2;
	}
	if (n_seeds)
		return run_many(options, n_seeds, argv[0]) ? 0 : 1;
	if (!is_repeatable(7, argv[0]) || !run_many(options, 5000, argv[0]))
		return 1;
	options.n_hosts = 1000;
	return run_many(options, 200, argv[0]) ? 0 : 1;
}
