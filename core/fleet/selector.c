#include "core/fleet/selector.h"

#include <ctype.h>

#include "core/base/str.h"

enum kind { ALL, ANY, NOT, TEST };

struct value {
	char *text;
	bool is_literal; /* in quotes: * and ? are themselves */
};

struct selector {
	enum kind kind;
	VEC(struct selector *) parts; /* ALL, ANY, NOT */
	char *label;		      /* TEST: one of values is equal */
	VEC(struct value) values;
};

enum token {
	END,
	WORD,
	QUOTED,
	OPEN,
	CLOSE,
	COMMA,
	EQUAL,
	UNEQUAL,
	AND,
	OR,
	NOT_WORD,
	IN,
	BAD
};

struct scan {
	const char *text;
	const char *at;	   /* after the token */
	const char *start; /* of the token */
	enum token token;
	unsigned depth;
	struct err *err;
};

static int parse_any(struct scan *scan, struct selector **out);

static struct selector *selector_new(enum kind kind)
{
	struct selector *selector = MEM_NEW(struct selector);

	selector->kind = kind;
	return selector;
}

/* The depth is limited where it is parsed. */
void selector_free(struct selector *selector)
{
	if (!selector)
		return;
	for (size_t i = 0; i < selector->parts.n; i++)
		selector_free(selector->parts.items[i]);
	for (size_t i = 0; i < selector->values.n; i++)
		free(selector->values.items[i].text);
	vec_release(&selector->parts);
	vec_release(&selector->values);
	free(selector->label);
	free(selector);
}

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("._-:/*?+@", c));
}

static enum token word_token(const char *start, size_t size)
{
	static const struct {
		const char *word;
		enum token token;
	} words[] = {
		{ "and", AND }, { "or", OR }, { "not", NOT_WORD }, { "in", IN }
	};

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (strlen(words[i].word) == size &&
		    memcmp(words[i].word, start, size) == 0)
			return words[i].token;
	return WORD;
}

/* Go to the next token. */
static void scan_next(struct scan *scan)
{
	const char *p = scan->at + strspn(scan->at, " \t\r\n");

	scan->start = p;
	if (!*p) {
		scan->token = END;
	} else if (*p == '(' || *p == ')' || *p == ',') {
		scan->token = *p == '(' ? OPEN : *p == ')' ? CLOSE : COMMA;
		p++;
	} else if (*p == '=') {
		scan->token = EQUAL;
		p += p[1] == '=' ? 2 : 1;
	} else if (*p == '!' && p[1] == '=') {
		scan->token = UNEQUAL;
		p += 2;
	} else if (*p == '"' || *p == '\'') {
		const char *end = strchr(p + 1, *p);

		scan->token = end ? QUOTED : BAD;
		p = end ? end + 1 : p + 1;
	} else if (is_word_char(*p)) {
		while (is_word_char(*p))
			p++;
		scan->token =
			word_token(scan->start, (size_t)(p - scan->start));
	} else {
		scan->token = BAD;
		p++;
	}
	scan->at = p;
}

/* "letter 12: \"and\": WANTED" */
static int say(struct scan *scan, const char *wanted)
{
	unsigned letter = 1;

	for (const char *p = scan->text; p < scan->start; p++)
		letter += ((unsigned char)*p & 0xc0) != 0x80;
	if (scan->token == END)
		return err_set(scan->err, ERR_INVALID, "letter %u, the end: %s",
			       letter, wanted);
	if (scan->token == BAD && (*scan->start == '"' || *scan->start == '\''))
		return err_set(scan->err, ERR_INVALID,
			       "letter %u: the quote is not closed", letter);
	return err_set(scan->err, ERR_INVALID, "letter %u, \"%.*s\": %s",
		       letter, (int)(scan->at - scan->start), scan->start,
		       wanted);
}

static int parse_value(struct scan *scan, struct selector *test)
{
	struct value value = { .is_literal = scan->token == QUOTED };
	size_t size = (size_t)(scan->at - scan->start);

	if (scan->token != WORD && scan->token != QUOTED)
		return say(scan, "a value is missing here (in quotes, if it "
				 "has other letters or is a word like and)");
	value.text = value.is_literal ? mem_strn(scan->start + 1, size - 2)
				      : mem_strn(scan->start, size);
	*vec_add(&test->values) = value;
	scan_next(scan);
	return 0;
}

/* (a, b, c) */
static int parse_values(struct scan *scan, struct selector *test)
{
	scan_next(scan);
	if (scan->token != OPEN)
		return say(scan, "after in comes (a, b, ...)");
	do {
		scan_next(scan);
		if (parse_value(scan, test) < 0)
			return -ERR_INVALID;
	} while (scan->token == COMMA);
	if (scan->token != CLOSE)
		return say(scan, "a comma or ) is missing here");
	scan_next(scan);
	return 0;
}

static struct selector *negate(struct selector *part)
{
	struct selector *not_part = selector_new(NOT);

	*vec_add(&not_part->parts) = part;
	return not_part;
}

/* What comes after a label: = value, != value, in (...), not in (...). */
static int parse_condition(struct scan *scan, struct selector *test,
			   bool *is_negative)
{
	*is_negative = scan->token == UNEQUAL || scan->token == NOT_WORD;
	if (scan->token == EQUAL || scan->token == UNEQUAL) {
		scan_next(scan);
		return parse_value(scan, test);
	}
	if (scan->token == NOT_WORD) {
		scan_next(scan);
		if (scan->token != IN)
			return say(scan, "after a label and not comes in");
	}
	if (scan->token == IN)
		return parse_values(scan, test);
	return say(scan, "after a label comes =, != or in (a host is "
			 "name=web-1)");
}

static int parse_test(struct scan *scan, struct selector **out)
{
	AUTO(selector) test = selector_new(TEST);
	bool is_negative;

	if (scan->token != WORD)
		return say(scan, "a label is missing here, as in role=feed");
	test->label = mem_strn(scan->start, (size_t)(scan->at - scan->start));
	if (!str_is_name(test->label))
		return say(scan, "this is no name of a label");
	scan_next(scan);
	if (parse_condition(scan, test, &is_negative) < 0)
		return -ERR_INVALID;
	*out = is_negative ? negate(TAKE(test)) : TAKE(test);
	return 0;
}

static int parse_nested(struct scan *scan, struct selector **out)
{
	AUTO(selector) inner = NULL;

	scan_next(scan);
	if (parse_any(scan, &inner) < 0)
		return -ERR_INVALID;
	if (scan->token != CLOSE)
		return say(scan, "a ) is missing here");
	scan_next(scan);
	*out = TAKE(inner);
	return 0;
}

static int parse_one(struct scan *scan, struct selector **out)
{
	bool is_negative = false;
	struct selector *part = NULL;
	int result;

	for (; scan->token == NOT_WORD; scan_next(scan))
		is_negative = !is_negative;
	if (scan->token == OPEN) {
		if (scan->depth == SELECTOR_MAX_DEPTH)
			return say(scan, "too many parentheses in each other");
		scan->depth++;
		result = parse_nested(scan, &part);
		scan->depth--;
	} else {
		result = parse_test(scan, &part);
	}
	if (result < 0)
		return result;
	*out = is_negative ? negate(part) : part;
	return 0;
}

/* Parts joined by JOINT, each read by PARSE. */
static int parse_joined(struct scan *scan, enum kind kind, enum token joint,
			int (*parse)(struct scan *, struct selector **),
			struct selector **out)
{
	AUTO(selector) joined = selector_new(kind);

	for (;;) {
		struct selector *part = NULL;

		if (parse(scan, &part) < 0)
			return -ERR_INVALID;
		*vec_add(&joined->parts) = part;
		if (scan->token != joint)
			break;
		scan_next(scan);
	}
	*out = TAKE(joined);
	return 0;
}

static int parse_all(struct scan *scan, struct selector **out)
{
	return parse_joined(scan, ALL, AND, parse_one, out);
}

static int parse_any(struct scan *scan, struct selector **out)
{
	return parse_joined(scan, ANY, OR, parse_all, out);
}

int selector_parse(const char *text, struct selector **out, struct err *err)
{
	struct scan scan = { .text = text, .at = text, .err = err };
	AUTO(selector) selector = NULL;

	if (strlen(text) > SELECTOR_MAX_BYTES)
		return err_set(err, ERR_INVALID,
			       "letter %d: the selector is "
			       "too long",
			       SELECTOR_MAX_BYTES);
	scan_next(&scan);
	if (parse_any(&scan, &selector) < 0)
		return -ERR_INVALID;
	if (scan.token != END)
		return say(&scan, "and, or or the end is missing here");
	*out = TAKE(selector);
	return 0;
}

/* * any letters, ? one letter; linear but for going back to the last star. */
static bool glob_matches(const char *glob, const char *text)
{
	const char *star = NULL;
	const char *retry = NULL;

	while (*text) {
		if (*glob == '*') {
			star = glob++;
			retry = text;
		} else if (*glob == '?' || *glob == *text) {
			glob++;
			text++;
		} else if (star) {
			glob = star + 1;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return !*glob;
}

static bool test_matches(const struct selector *test,
			 const struct fleet_host *host)
{
	const char *have = fleet_host_label(host, test->label);

	for (size_t i = 0; have && i < test->values.n; i++) {
		const struct value *value = &test->values.items[i];

		if (value->is_literal ? strcmp(value->text, have) == 0
				      : glob_matches(value->text, have))
			return true;
	}
	return false;
}

bool selector_matches(const struct selector *selector,
		      const struct fleet_host *host)
{
	if (selector->kind == TEST)
		return test_matches(selector, host);
	if (selector->kind == NOT)
		return !selector_matches(selector->parts.items[0], host);
	for (size_t i = 0; i < selector->parts.n; i++)
		if (selector_matches(selector->parts.items[i], host) ==
		    (selector->kind == ANY))
			return selector->kind == ANY;
	return selector->kind == ALL;
}

void selector_each_label(const struct selector *selector, selector_label_fn fn,
			 void *ctx)
{
	if (selector->kind == TEST)
		fn(ctx, selector->label);
	for (size_t i = 0; i < selector->parts.n; i++)
		selector_each_label(selector->parts.items[i], fn, ctx);
}
