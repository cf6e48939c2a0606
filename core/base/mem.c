#include "core/base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

static NORETURN void mem_out(void)
{
	static const char words[] = "out of memory\n";

	(void)!write(STDERR_FILENO, words, sizeof(words) - 1);
	_exit(8);
}

static void *mem_checked(void *p)
{
	if (!p)
		mem_out();
	return p;
}

void *mem_alloc(size_t size)
{
	return mem_checked(calloc(1, size ? size : 1));
}

void *mem_array(size_t n, size_t size)
{
	return mem_checked(calloc(n ? n : 1, size ? size : 1));
}

void *mem_resize(void *old, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		mem_out();
	return mem_checked(realloc(old, bytes ? bytes : 1));
}

void *mem_copy(const void *from, size_t size)
{
	void *to = mem_alloc(size);

	if (size)
		memcpy(to, from, size);
	return to;
}

char *mem_str(const char *from)
{
	return from ? mem_checked(strdup(from)) : NULL;
}

char *mem_strn(const char *from, size_t size)
{
	char *to = mem_alloc(size + 1);

	if (size)
		memcpy(to, from, size);
	return to;
}

char *mem_format(const char *fmt, ...)
{
	char *out = NULL;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&out, fmt, args);
	va_end(args);
	if (n < 0)
		mem_out();
	return out;
}

void mem_set_str(char **slot, const char *text)
{
	char *copy = mem_str(text);

	free(*slot);
	*slot = copy;
}
