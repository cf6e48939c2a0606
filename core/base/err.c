#include "core/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int status;
	bool is_retryable;
} codes[] = { [ERR_NONE] = { "none", 0, false },
#define ERR_ROW(code, name, status, retry) [code] = { name, status, retry },
	      ERR_CODES(ERR_ROW)
#undef ERR_ROW
};

int err_put(struct err *err, enum err_code code, const char *fmt, ...)
{
	va_list args;

	err->code = code;
	va_start(args, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	return -(int)code;
}

int err_put_sys(struct err *err, const char *fmt, ...)
{
	int saved = errno;
	size_t used;
	va_list args;

	err->code =
		saved == ENOSPC || saved == EDQUOT ? ERR_NO_SPACE : ERR_SYSTEM;
	va_start(args, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	used = strlen(err->text);
	(void)snprintf(err->text + used, sizeof(err->text) - used, ": %s",
		       strerror(saved));
	return err_again(err);
}

int err_put_around(struct err *err, const char *fmt, ...)
{
	char inner[sizeof(err->text)];
	size_t used;
	va_list args;

	memcpy(inner, err->text, sizeof(inner));
	va_start(args, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	used = strlen(err->text);
	(void)snprintf(err->text + used, sizeof(err->text) - used, ": %s",
		       inner);
	return err_again(err);
}

const char *err_name(enum err_code code)
{
	return (size_t)code < COUNT_OF(codes) ? codes[code].name : "unknown";
}

enum err_code err_find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(codes); i++)
		if (strcmp(codes[i].name, name) == 0)
			return (enum err_code)i;
	return ERR_SYSTEM;
}

int err_exit_status(enum err_code code)
{
	return (size_t)code < COUNT_OF(codes) ? codes[code].status : 8;
}

bool err_is_retryable(enum err_code code)
{
	return (size_t)code < COUNT_OF(codes) && codes[code].is_retryable;
}
