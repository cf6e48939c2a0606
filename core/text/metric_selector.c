#include "core/text/metric_selector.h"

#include <ctype.h>
#include <regex.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/vec.h"

#define MAX_MATCHERS 16

enum match_kind { MATCH_EQUAL, MATCH_PATTERN };
struct matcher {
	char *label;
	char *value;
	enum match_kind kind;
	bool is_negated;
	bool has_regex;
	regex_t regex;
};
struct metric_selector {
	char *name;
	VEC(struct matcher) matchers;
};

void metric_selector_free(struct metric_selector *selector)
{
	if (!selector)
		return;
	for (size_t i = 0; i < selector->matchers.n; i++) {
		struct matcher *matcher = &selector->matchers.items[i];

		free(matcher->label);
		free(matcher->value);
		if (matcher->has_regex)
			regfree(&matcher->regex);
	}
	vec_release(&selector->matchers);
	free(selector->name);
	free(selector);
}

static bool is_name_start(char c)
{
	return isalpha((unsigned char)c) || c == '_';
}

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

size_t metric_name_span(const char *text)
{
	size_t n = 0;

	if (is_name_start(*text) || *text == ':')
		while (is_name_char(text[n]) || text[n] == ':')
			n++;
	return n;
}

size_t metric_label_span(const char *text)
{
	size_t n = 0;

	if (is_name_start(*text))
		while (is_name_char(text[n]))
			n++;
	return n;
}

/* The selector being read and how far. */
struct reader {
	const char *text;
	const char *at;
};

static int complain(const struct reader *reader, const char *why,
		    struct err *err)
{
	return err_set(err, ERR_INVALID, "selector %s: %s at character %d",
		       reader->text, why, (int)(reader->at - reader->text) + 1);
}

static void skip_blanks(struct reader *reader)
{
	reader->at += strspn(reader->at, " \t");
}

/* The byte that the escape \c stands for in a quoted string; 0: none. */
static char unescape(char c)
{
	static const char from[] = "\\\"'nt";
	static const char to[] = "\\\"'\n\t";
	const char *found = c ? strchr(from, c) : NULL;

	return found ? to[found - from] : '\0';
}

static int read_string(struct reader *reader, char **out, struct err *err)
{
	AUTO_VALUE(buf) text = BUF_INIT;
	char quote = *reader->at;

	if (quote != '"' && quote != '\'' && quote != '`')
		return complain(reader, "a quoted string is missing", err);
	for (reader->at++; *reader->at != quote; reader->at++) {
		char c = *reader->at;

		if (!c)
			return complain(reader, "the string has no end", err);
		if (c == '\\' && quote != '`') {
			c = unescape(reader->at[1]);
			if (!c)
				return complain(reader, "unknown escape", err);
			reader->at++;
		}
		buf_append_char(&text, c);
	}
	reader->at++;
	*out = buf_take_str(&text);
	return 0;
}

/* The end of the bracket expression at P, or NULL: it has none. */
static const char *bracket_end(const char *p)
{
	p++;
	p += *p == '^';
	p += *p == ']';
	for (; *p && *p != ']'; p++) {
		char kind = p[0] == '[' ? p[1] : '\0';

		if (*p == '\\')
			return NULL;
		if (kind != ':' && kind != '.' && kind != '=')
			continue;
		for (p += 2; *p && !(p[0] == kind && p[1] == ']'); p++)
			;
		if (!*p)
			return NULL;
		p++;
	}
	return *p ? p : NULL;
}

/* What in PATTERN means something else to RE2 than to POSIX, or NULL. */
static const char *foreign_part(const char *pattern)
{
	bool can_repeat = false;

	for (const char *p = pattern; *p; p++) {
		bool is_repeat = strchr("*+?", *p) != NULL;

		if (is_repeat && !can_repeat)
			return "a quantifier of nothing, or a lazy one";
		if (*p == '{')
			return "a {n,m} quantifier";
		can_repeat = !is_repeat && !strchr("(|^", *p);
		if (*p == '\\') {
			if (!ispunct((unsigned char)p[1]))
				return "an escape of a letter or digit";
			p++;
		} else if (*p == '[') {
			p = bracket_end(p);
			if (!p)
				return "a set without end or with an escape";
		}
	}
	return NULL;
}

static int compile(const struct reader *reader, struct matcher *matcher,
		   struct err *err)
{
	const char *foreign = foreign_part(matcher->value);
	AUTO_STR char *whole = mem_format("^(%s)$", matcher->value);
	char text[128];
	int rc;

	if (foreign)
		return err_set(err, ERR_INVALID,
			       "selector %s: pattern \"%s\" has %s, which is "
			       "not supported",
			       reader->text, matcher->value, foreign);
	rc = regcomp(&matcher->regex, whole, REG_EXTENDED | REG_NOSUB);
	if (rc == 0) {
		matcher->has_regex = true;
		return 0;
	}
	(void)regerror(rc, &matcher->regex, text, sizeof(text));
	return err_set(err, ERR_INVALID, "selector %s: pattern \"%s\": %s",
		       reader->text, matcher->value, text);
}

static int read_operator(struct reader *reader, struct matcher *matcher,
			 struct err *err)
{
	static const struct {
		const char *text;
		enum match_kind kind;
		bool is_negated;
	} operators[] = {
		{ "=~", MATCH_PATTERN, false },
		{ "!~", MATCH_PATTERN, true },
		{ "!=", MATCH_EQUAL, true },
		{ "=", MATCH_EQUAL, false },
	};

	for (size_t i = 0; i < COUNT_OF(operators); i++) {
		size_t size = strlen(operators[i].text);

		if (strncmp(reader->at, operators[i].text, size) != 0)
			continue;
		matcher->kind = operators[i].kind;
		matcher->is_negated = operators[i].is_negated;
		reader->at += size;
		return 0;
	}
	return complain(reader, "=, !=, =~ or !~ is missing", err);
}

static int read_matcher(struct reader *reader, struct metric_selector *selector,
			struct err *err)
{
	size_t size = metric_label_span(reader->at);
	struct matcher *matcher;

	if (!size)
		return complain(reader, "a label is missing", err);
	if (selector->matchers.n >= MAX_MATCHERS)
		return complain(reader, "more than 16 labels", err);
	matcher = vec_add(&selector->matchers);
	matcher->label = mem_strn(reader->at, size);
	reader->at += size;
	skip_blanks(reader);
	if (read_operator(reader, matcher, err) < 0)
		return err_again(err);
	skip_blanks(reader);
	if (read_string(reader, &matcher->value, err) < 0)
		return err_again(err);
	skip_blanks(reader);
	return matcher->kind == MATCH_PATTERN ? compile(reader, matcher, err)
					      : 0;
}

static int read_matchers(struct reader *reader,
			 struct metric_selector *selector, struct err *err)
{
	reader->at++;
	skip_blanks(reader);
	while (*reader->at != '}') {
		if (read_matcher(reader, selector, err) < 0)
			return err_again(err);
		if (*reader->at != ',' && *reader->at != '}')
			return complain(reader, "a comma or } is missing", err);
		reader->at += *reader->at == ',';
		skip_blanks(reader);
	}
	reader->at++;
	return 0;
}

int metric_selector_parse(const char *text, struct metric_selector **out,
			  struct err *err)
{
	AUTO(metric_selector) selector = MEM_NEW(struct metric_selector);
	struct reader reader = { .text = text, .at = text };
	size_t size;

	if (strlen(text) > METRIC_SELECTOR_MAX)
		return err_set(err, ERR_INVALID,
			       "a selector has more than %d characters",
			       METRIC_SELECTOR_MAX);
	skip_blanks(&reader);
	size = metric_name_span(reader.at);
	if (!size)
		return complain(&reader, "the metric's name is missing", err);
	selector->name = mem_strn(reader.at, size);
	reader.at += size;
	skip_blanks(&reader);
	if (*reader.at == '{' && read_matchers(&reader, selector, err) < 0)
		return err_again(err);
	skip_blanks(&reader);
	if (*reader.at)
		return complain(&reader, "something follows", err);
	*out = TAKE(selector);
	return 0;
}

int metric_selector_check(const char *text, struct err *err)
{
	AUTO(metric_selector) selector = NULL;

	return metric_selector_parse(text, &selector, err);
}

static const char *value_of(const struct metric_label *labels, size_t n_labels,
			    const char *name)
{
	for (size_t i = 0; i < n_labels; i++)
		if (strcmp(labels[i].name, name) == 0)
			return labels[i].value;
	return "";
}

bool metric_selector_matches(const struct metric_selector *selector,
			     const char *name,
			     const struct metric_label *labels, size_t n_labels)
{
	if (strcmp(selector->name, name) != 0)
		return false;
	for (size_t i = 0; i < selector->matchers.n; i++) {
		const struct matcher *matcher = &selector->matchers.items[i];
		const char *value = value_of(labels, n_labels, matcher->label);
		bool is_same = matcher->has_regex
				       ? regexec(&matcher->regex, value, 0,
						 NULL, 0) == 0
				       : strcmp(matcher->value, value) == 0;

		if (is_same == matcher->is_negated)
			return false;
	}
	return true;
}
