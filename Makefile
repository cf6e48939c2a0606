# gray - gray releases for fleets of plain Linux hosts. `make help` lists the targets.
VARIANT ?= release#     release debug asan tsan cov fuzz; each builds in build/<variant>
B := build/$(VARIANT)
CC := gcc
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
LIBEXECDIR ?= $(PREFIX)/lib/gray
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wundef -Wformat=2 -Wstrict-prototypes \
	-Wmissing-prototypes -Wwrite-strings -Wswitch-enum $(if $(WERROR),-Werror)
FLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2
FLAGS_debug := -O0 -g3
FLAGS_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FLAGS_tsan := -O1 -g -fsanitize=thread
FLAGS_cov := -O0 -g --coverage
FLAGS_fuzz := -O1 -g -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined
ifeq ($(VARIANT),fuzz)
CC := clang
endif
VERSION := $(shell cat VERSION 2>/dev/null || echo 0.0.0)
BASE_CFLAGS := -std=gnu11 -D_GNU_SOURCE -DGRAY_VERSION='"$(VERSION)"' -I. -I$(B)/gen $(WARNINGS) $(FLAGS_$(VARIANT))
LIBRARIES := libuv libssh2 yaml-0.1 libgit2 sqlite3 libmicrohttpd libcurl jansson libarchive libzstd libcrypto expat
ALL_CFLAGS = $(BASE_CFLAGS) -fPIE $(CFLAGS)
LIBS = $(shell pkg-config --libs $(LIBRARIES)) -lpthread -lm

# The agent needs nothing on its host: static against musl. The sanitizers want glibc.
ifeq ($(VARIANT),release)
AGENT_CC := musl-gcc
AGENT_CFLAGS = $(filter-out -D_FORTIFY_SOURCE=2,$(BASE_CFLAGS)) -isystem $(B)/musl-include $(CFLAGS)
AGENT_LIBS := -static $(addprefix /usr/lib/$(shell gcc -dumpmachine)/,libzstd.a libsodium.a)
AGENT_HEADERS := $(B)/musl-include/.done
else
AGENT_CC := $(CC)
AGENT_CFLAGS = $(ALL_CFLAGS)
AGENT_LIBS := -lzstd -lsodium -lpthread
endif

objs = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)))
agent_objs = $(patsubst %.c,$(B)/agent/%.o,$(1))

# The architecture, as archives: what a program does not link, it cannot call.
BASE_C := $(filter-out %_sodium.c,$(wildcard core/base/*.c))
CORE_C := $(filter-out %_sodium.c,$(wildcard core/*/*.c))
AGENT_CORE_C := $(filter-out %_crypto.c,$(wildcard core/base/*.c)) core/sys/clock.c core/sys/log.c core/sys/file.c \
	$(wildcard core/sys/proc.c core/sys/lock.c core/wire/frame.c core/release/manifest.c)
AGENTS_C := $(wildcard agents/*.c agents/probes/*.c agents/services/*.c)
WIRE_C := $(B)/gen/core/wire/agent.c
WIRE_O := $(B)/gen/core/wire/agent.o

CORE := $(B)/core.a
ROLLOUTS := $(B)/rollouts.a
AGENTS := $(B)/agents.a
$(CORE): $(CORE_C:%.c=$(B)/%.o) $(WIRE_O)
$(ROLLOUTS): $(call objs,rollouts/*.c rollouts/*/*.c)
$(AGENTS): $(AGENTS_C:%.c=$(B)/%.o)
$(B)/base.a: $(BASE_C:%.c=$(B)/%.o)
$(B)/agent.a: $(call agent_objs,$(AGENT_CORE_C) $(AGENTS_C) $(wildcard cmd/gray-agent/*.c)) $(B)/agent/gen/core/wire/agent.o
$(B)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) rcs $@ $(filter %.o,$^)

PROGRAMS := $(B)/bin/svrkit $(B)/bin/gray-agent $(B)/bin/grayd $(B)/bin/grayctl

Q := $(if $(V),,@)
.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:

## all: build the programs (the default)
all: $(foreach p,$(PROGRAMS),$(if $(wildcard cmd/$(notdir $(p))/*.c),$(p)))

$(B)/bin/svrkit: $(call objs,cmd/svrkit/*.c) $(B)/base.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS_$(VARIANT)) -o $@ $^ $(LDFLAGS) -lexpat -lcrypto -lm
$(B)/bin/grayctl: $(call objs,cmd/grayctl/*.c) $(ROLLOUTS) $(CORE)
$(B)/bin/grayd: $(call objs,cmd/grayd/*.c) $(ROLLOUTS) $(CORE)
$(B)/bin/grayctl $(B)/bin/grayd:
	@mkdir -p $(@D)
	@echo "  link $@"
	$(Q)$(CC) $(FLAGS_$(VARIANT)) -o $@ $^ $(LDFLAGS) $(LIBS)
$(B)/bin/gray-agent: $(B)/agent.a
	@mkdir -p $(@D)
	@echo "  link $@"
	$(Q)$(AGENT_CC) $(FLAGS_$(VARIANT)) -o $@ -Wl,--whole-archive $(B)/agent.a -Wl,--no-whole-archive $(LDFLAGS) $(AGENT_LIBS)

# The wire codec is written by svrkit from agent.xml before anything that includes it compiles.
$(B)/gen/%.c $(B)/gen/%.h &: %.xml $(B)/bin/svrkit
	@mkdir -p $(@D)
	@echo "  svrkit $<"
	$(Q)$(B)/bin/svrkit gen --out $(B)/gen $<
GEN_H := $(if $(wildcard cmd/svrkit/*.c),$(B)/gen/core/wire/agent.h)
$(B)/gen/%.o: $(B)/gen/%.c $(B)/flags
	@mkdir -p $(@D)
	$(Q)$(CCACHE) $(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(B)/agent/gen/%.o: $(B)/gen/%.c $(B)/flags $(AGENT_HEADERS)
	@mkdir -p $(@D)
	$(Q)$(CCACHE) $(AGENT_CC) $(AGENT_CFLAGS) -MMD -MP -c -o $@ $<
$(B)/core/base/%.o $(B)/cmd/svrkit/%.o: ORDER =
$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	@echo "  cc $<"
	$(Q)$(CCACHE) $(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(B)/agent/%.o: %.c $(B)/flags $(AGENT_HEADERS)
	@mkdir -p $(@D)
	@echo "  agent-cc $<"
	$(Q)$(CCACHE) $(AGENT_CC) $(AGENT_CFLAGS) -MMD -MP -c -o $@ $<
# What includes the codec; everything but what svrkit itself is made of.
$(patsubst %.c,$(B)/%.o,$(filter-out core/base/% cmd/svrkit/%,$(wildcard core/*/*.c rollouts/*.c rollouts/*/*.c agents/*.c agents/*/*.c cmd/*/*.c tests/*/*.c tests/*/*/*.c tests/*/*/*/*.c))): | $(GEN_H)
$(call agent_objs,$(filter-out core/base/%,$(AGENT_CORE_C) $(AGENTS_C) $(wildcard cmd/gray-agent/*.c))): | $(GEN_H)

# musl-gcc does not look in /usr/include: lend it the two libraries' headers, no others.
$(B)/musl-include/.done:
	@mkdir -p $(@D)
	@ln -sfn /usr/include/sodium $(@D)/sodium
	@ln -sf /usr/include/zstd.h /usr/include/zstd_errors.h /usr/include/sodium.h /usr/include/uthash.h $(@D)/
	@ln -sfn /usr/include/linux $(@D)/linux
	@ln -sfn /usr/include/$(shell gcc -dumpmachine)/asm $(@D)/asm
	@ln -sfn /usr/include/asm-generic $(@D)/asm-generic
	@touch $@

# build/<variant>/flags changes when the flags do, and everything with it.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(BASE_CFLAGS) $(CFLAGS)' | cmp -s - $@ || echo '$(CC) $(BASE_CFLAGS) $(CFLAGS)' > $@
FORCE:

# Tests: one program a test_*.c, linked with its own layer only.
TESTS_C := $(shell find tests/unit -name 'test_*.c' 2>/dev/null)
TESTS := $(TESTS_C:%.c=$(B)/%)
SUPPORT := $(B)/support.a
$(SUPPORT): $(filter-out %/fuzz_main.o,$(call objs,tests/support/*.c))
$(B)/tests/unit/core/%: $(B)/tests/unit/core/%.o $(SUPPORT) $(CORE)
	$(Q)$(CC) $(FLAGS_$(VARIANT)) -o $@ $^ $(LDFLAGS) $(LIBS) -lcmocka
$(B)/tests/unit/rollouts/%: $(B)/tests/unit/rollouts/%.o $(SUPPORT) $(ROLLOUTS) $(CORE)
	$(Q)$(CC) $(FLAGS_$(VARIANT)) -o $@ $^ $(LDFLAGS) $(LIBS) -lcmocka
$(B)/tests/unit/agents/%: $(B)/tests/unit/agents/%.o $(SUPPORT) $(AGENTS) $(CORE)
	$(Q)$(CC) $(FLAGS_$(VARIANT)) -o $@ $^ $(LDFLAGS) $(LIBS) -lcmocka
$(B)/tests/unit/cmd/%: $(B)/tests/unit/cmd/%.o $(SUPPORT) $(ROLLOUTS) $(CORE)
	$(Q)$(CC) $(FLAGS_$(VARIANT)) -o $@ $^ $(LDFLAGS) $(LIBS) -lcmocka

## unit: build and run the unit tests
unit: $(TESTS)
	tests/run $(TESTS)

## clean: remove build/
clean:
	rm -rf build

.PHONY: all unit clean FORCE
-include $(shell find $(B) -name '*.d' 2>/dev/null)
