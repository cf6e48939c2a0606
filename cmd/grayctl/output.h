/*
 * output.h - how answers are shown: tables for people, JSON for programs.
 *
 * Colours only on a terminal, and not with NO_COLOR or TERM=dumb; the width is
 * the terminal's, 80 where there is none.
 */
#pragma once

#include <stdbool.h>

#include "core/base/buf.h"
#include "core/base/vec.h"

struct output {
	FILE *file;
	bool is_json;
	bool is_terminal;
	bool has_colour;
	unsigned width;	 /* columns */
	unsigned height; /* lines */
};

void output_init(struct output *output, FILE *file);
/* Ask the terminal for its size again. */
void output_measure(struct output *output);

/* One document on one line. */
struct js;
void output_json(const struct output *output, const struct js *value);
/* Columns to fill: the last stays free, some terminals wrap on it. Wide where
 * there is no terminal: what is piped is not cut. */
unsigned output_width(const struct output *output);

/* A word in front of text that is no error: state, verdict. */
enum output_tone { TONE_PLAIN, TONE_GOOD, TONE_BAD, TONE_WAIT, TONE_FAINT };
/* What turns the colour on and off; "" where there is none. */
const char *output_tone(bool has_colour, enum output_tone tone);
const char *output_tone_end(bool has_colour, enum output_tone tone);
/* The tone of a rollout's, stage's or host's state, or of a verdict. */
enum output_tone output_tone_of(const char *state);

/* Columns of text that one UTF-8 string takes; one a character. */
size_t output_columns(const char *text);

struct table {
	size_t n_columns;
	const char *const *heads; /* borrowed */
	VEC(char *) cells;	  /* row by row, owned */
};
void table_init(struct table *table, const char *const *heads,
		size_t n_columns);
void table_release(struct table *table);
MEM_AUTO_VALUE(table)
/* The next cell, copied; control characters are made harmless. */
void table_add(struct table *table, const char *text);
/* Left-aligned, the last column cut at the terminal's edge. */
void table_print(const struct table *table, const struct output *output);
