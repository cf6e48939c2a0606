/*
 * gate_hosts.h - one question to every host of a gate's subject.
 *
 * Private to the gates. Gathers the answers; what they mean is the kind's.
 */
#pragma once

#include "rollouts/gates/gate_kind.h"

#define GATE_SELECTORS 2 /* of one question */

struct gate_answer {
	uint32_t host;
	bool is_heard;	    /* the host was asked and answered */
	enum err_code code; /* what it said: ERR_NONE, or why not */
	char *text;	    /* why it was not heard, or what is wrong; clean */
	struct {
		bool is_found;
		double value; /* may be anything, NaN too */
	} samples[GATE_SELECTORS];
	size_t n_samples; /* 0 unless all that were asked for came */
	uint64_t started_bits;
};

struct gate_hosts {
	struct gate_look *look;
	void (*all)(struct gate_look *look);
	size_t n_left;
	struct gate_answer *answers; /* by host, ascending */
	size_t n;
	size_t n_selectors;
};

/*
 * Ask all the hosts of LOOK; it becomes the look's own. ALL is called once when
 * every host has answered or could not; without any host the look ends with
 * no-data.
 */
void gate_hosts_probe(struct gate_look *look,
		      void (*all)(struct gate_look *look));
/* The same for the plan's metrics: the sums of the series of each SELECTOR. */
void gate_hosts_metrics(struct gate_look *look, const char *const *selectors,
			size_t n_selectors,
			void (*all)(struct gate_look *look));
/* A kind's stop. */
void gate_hosts_stop(struct gate_look *look);

/* A list of hosts for a sentence: the first few by name, the others counted. */
struct gate_names {
	struct buf text;
	size_t n;
};
void gate_names_release(struct gate_names *names);
MEM_AUTO_VALUE(gate_names)
/* WHY may be NULL. */
void gate_names_add(struct gate_names *names, const struct gate_look *look,
		    uint32_t host, const char *why);
/* The list, borrowed; call it once, after the last. */
const char *gate_names_text(struct gate_names *names);
