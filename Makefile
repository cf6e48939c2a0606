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
AGENT_CFLAGS = $(filter-out -D_FORTIFY_SOURCE=2,$(BASE_CFLAGS)) -ffunction-sections -fdata-sections -isystem $(B)/musl-include $(CFLAGS)
AGENT_LIBS = -static -Wl,--gc-sections $(addprefix /usr/lib/$(shell gcc -dumpmachine)/,libzstd.a libsodium.a)
AGENT_HEADERS := $(B)/musl-include/.done
AGENT_LIBC_C := core/sys/musl.c
else
AGENT_CC := $(CC)
AGENT_CFLAGS = $(ALL_CFLAGS)
AGENT_LIBS := -lzstd -lsodium -lpthread
endif

objs = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)))
agent_objs = $(patsubst %.c,$(B)/agent/%.o,$(1))

# The architecture, as archives: what a program does not link, it cannot call.
BASE_C := $(filter-out %_sodium.c,$(wildcard core/base/*.c))
CORE_C := $(filter-out %_sodium.c core/sys/musl.c,$(wildcard core/*/*.c))
AGENT_CORE_C := $(filter-out %_crypto.c,$(wildcard core/base/*.c)) $(AGENT_LIBC_C) core/sys/clock.c core/sys/log.c core/sys/file.c \
	$(wildcard core/sys/proc.c core/sys/lock.c core/wire/frame.c core/wire/proto.c core/data/zstd.c core/text/metric_selector.c core/release/manifest.c)
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

# The Debian packages: this list serves `make deps`, CI and the README.
PACKAGES_BUILD := gcc make pkg-config git libuv1-dev libssh2-1-dev libyaml-dev libgit2-dev libsqlite3-dev \
	libmicrohttpd-dev libcurl4-openssl-dev libjansson-dev libarchive-dev libzstd-dev libssl-dev libsodium-dev \
	libexpat1-dev uthash-dev musl-tools openssh-client
PACKAGES_TEST := libcmocka-dev openssh-server strace protobuf-compiler curl jq procps iproute2 nftables zstd tmux \
	fish tcsh sudo
PACKAGES_LINT := clang clang-format clang-tidy cppcheck shellcheck mandoc
PACKAGES := $(PACKAGES_BUILD) $(PACKAGES_TEST) $(PACKAGES_LINT)
# Two libraries that must have their security fixes; some mirrors still hand out older ones.
PACKAGES_FIXED := libssh2-1:1.10.0-3+deb12u1 libgit2-1.5:1.5.1+ds-1+deb12u2
# Targets that a newcomer calls on a bare machine install what is missing before anything compiles.
DEPS_FIRST := $(if $(filter check demo,$(MAKECMDGOALS)),deps)

Q := $(if $(V),,@)
.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:

## all: build the programs (the default)
all: $(foreach p,$(PROGRAMS),$(if $(wildcard cmd/$(notdir $(p))/*.c),$(p)))

$(B)/bin/svrkit: $(call objs,cmd/svrkit/*.c) $(B)/base.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS_$(VARIANT)) -o $@ $^ $(LDFLAGS) -lexpat -lcrypto -lm
# grayctl simulates: its hosts run the agent's state machine (cmd/grayctl/machine.c).
$(B)/bin/grayctl: $(call objs,cmd/grayctl/*.c) $(ROLLOUTS) $(AGENTS) $(CORE)
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
$(B)/musl-include/.done: | $(DEPS_FIRST)
	@mkdir -p $(@D)
	@ln -sfn /usr/include/sodium $(@D)/sodium
	@ln -sf /usr/include/zstd.h /usr/include/zstd_errors.h /usr/include/sodium.h /usr/include/uthash.h $(@D)/
	@ln -sfn /usr/include/linux $(@D)/linux
	@ln -sfn /usr/include/$(shell gcc -dumpmachine)/asm $(@D)/asm
	@ln -sfn /usr/include/asm-generic $(@D)/asm-generic
	@touch $@

# build/<variant>/flags changes when the flags do, and everything with it.
$(B)/flags: FORCE | $(DEPS_FIRST)
	@mkdir -p $(@D)
	@echo '$(CC) $(BASE_CFLAGS) $(CFLAGS)' | cmp -s - $@ || echo '$(CC) $(BASE_CFLAGS) $(CFLAGS)' > $@
FORCE:

# Tests: one program a test_*.c, linked with its own layer only.
TESTS_C := $(shell find tests/unit -name 'test_*.c' 2>/dev/null)
TESTS := $(TESTS_C:%.c=$(B)/%)
SUPPORT := $(B)/support.a
$(SUPPORT): $(filter-out %/fuzz_main.o %/fake_transport.o,$(call objs,tests/support/*.c))
# Comes first: a test that names it gets it in place of the real one, others do not.
$(B)/fakes.a: $(B)/tests/support/fake_transport.o
$(B)/tests/unit/core/%: $(B)/tests/unit/core/%.o $(SUPPORT) $(CORE)
	$(Q)$(CC) $(FLAGS_$(VARIANT)) -o $@ $^ $(LDFLAGS) $(LIBS) -lcmocka
$(B)/tests/unit/rollouts/%: $(B)/tests/unit/rollouts/%.o $(B)/fakes.a $(SUPPORT) $(ROLLOUTS) $(CORE)
	$(Q)$(CC) $(FLAGS_$(VARIANT)) -o $@ $^ $(LDFLAGS) $(LIBS) -lcmocka
$(B)/tests/unit/agents/%: $(B)/tests/unit/agents/%.o $(SUPPORT) $(AGENTS) $(CORE)
	$(Q)$(CC) $(FLAGS_$(VARIANT)) -o $@ $^ $(LDFLAGS) $(LIBS) -lcmocka
$(B)/grayctl.a: $(filter-out %/main.o,$(call objs,cmd/grayctl/*.c))
$(B)/tests/unit/cmd/grayctl/%: $(B)/tests/unit/cmd/grayctl/%.o $(B)/grayctl.a $(SUPPORT) $(ROLLOUTS) $(AGENTS) $(CORE)
	$(Q)$(CC) $(FLAGS_$(VARIANT)) -o $@ $^ $(LDFLAGS) $(LIBS) -lcmocka
$(B)/svrkit.a: $(filter-out %/main.o,$(call objs,cmd/svrkit/*.c))
$(B)/tests/unit/cmd/svrkit/%: $(B)/tests/unit/cmd/svrkit/%.o $(B)/svrkit.a $(B)/base.a
	$(Q)$(CC) $(FLAGS_$(VARIANT)) -o $@ $^ $(LDFLAGS) -lexpat -lcrypto -lm -lcmocka
$(B)/tests/unit/cmd/%: $(B)/tests/unit/cmd/%.o $(SUPPORT) $(ROLLOUTS) $(CORE)
	$(Q)$(CC) $(FLAGS_$(VARIANT)) -o $@ $^ $(LDFLAGS) $(LIBS) -lcmocka

# Fuzzers: tests/fuzz/fuzz_X.c becomes tests/fuzz/X. Without libFuzzer, fuzz_main.c replays the corpus.
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_PROGRAMS := $(FUZZERS:%=$(B)/tests/fuzz/%)
ifneq ($(VARIANT),fuzz)
FUZZ_MAIN := $(B)/tests/support/fuzz_main.o
CHECK_PROGRAMS += $(FUZZ_PROGRAMS)
CHECK_TESTS += $(FUZZ_PROGRAMS)
endif
$(FUZZ_PROGRAMS): $(B)/tests/fuzz/%: $(B)/tests/fuzz/fuzz_%.o $(FUZZ_MAIN) $(ROLLOUTS) $(AGENTS) $(CORE)
	$(Q)$(CC) $(FLAGS_$(VARIANT)) $(if $(FUZZ_MAIN),,-fsanitize=fuzzer) -o $@ $^ $(LDFLAGS) $(LIBS)
## replay: every fuzzer over its corpus
replay: $(FUZZ_PROGRAMS)
	@tests/run $(FUZZ_PROGRAMS)
## fuzz: TARGET=frame TIME=60 with clang's libFuzzer; finds stay in build/fuzz
TIME ?= 60
FUZZ_CORPUS := build/fuzz/corpus/$(TARGET)
fuzz:
	@test -f tests/fuzz/fuzz_$(TARGET).c || { echo "TARGET is one of: $(FUZZERS)"; exit 2; }
	@$(MAKE) VARIANT=fuzz build/fuzz/tests/fuzz/$(TARGET)
	@mkdir -p $(FUZZ_CORPUS)
	build/fuzz/tests/fuzz/$(TARGET) -max_total_time=$(TIME) -timeout=10 -artifact_prefix=build/fuzz/ \
		$(FUZZ_CORPUS) tests/fuzz/corpus/$(TARGET)

# The engine and thousands of hosts on a fake clock: it sees both sides, by what grayctl lends the simulator.
SIM := $(B)/tests/sim/test_sim_rollout
CHECK_PROGRAMS += $(SIM)
CHECK_TESTS += $(SIM)
$(SIM): $(call objs,tests/sim/*.c) $(B)/cmd/grayctl/machine.o $(ROLLOUTS) $(AGENTS) $(CORE)
	$(Q)$(CC) $(FLAGS_$(VARIANT)) -o $@ $^ $(LDFLAGS) $(LIBS)
## sim: rollouts on simulated fleets, a seed each, with faults of all kinds
sim: $(SIM)
	@tests/run $(SIM)
## mutants: remove one safety rule at a time; the simulation has to notice
mutants: $(SIM)
	@B=$(B) tests/sim/mutants/run
check mutants: export MUTANT_CC = $(CC)
check mutants: export MUTANT_CFLAGS = $(ALL_CFLAGS)
check mutants: export MUTANT_LIBS = $(LIBS)
# Instrumented, it would take minutes and find the same.
CHECK_TESTS += $(if $(filter release,$(VARIANT)),tests/sim/mutants/run)

# What the fleet on loopback is made of; never instrumented, so that it costs the same in every variant.
FLEET_PROGRAMS := $(addprefix $(B)/tests/fleet/,enter service load)
CHECK_PROGRAMS += $(FLEET_PROGRAMS)
$(B)/tests/fleet/enter: tests/fleet/enter.c
$(B)/tests/fleet/service: tests/fleet/service.c tests/fleet/handover.c
$(B)/tests/fleet/load: tests/fleet/load.c
$(FLEET_PROGRAMS): $(wildcard tests/fleet/*.h) $(B)/flags
	@mkdir -p $(@D)
	@echo "  cc $@"
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -I. $(WARNINGS) -O2 -g -o $@ $(filter %.c,$^)

## deps: install the Debian packages that are missing
deps:
	@tests/deps $(PACKAGES) -- $(PACKAGES_FIXED)

## check: all tests: unit, replay, sim, e2e; ends in "N passed, N failed"
E2E := $(sort $(wildcard tests/e2e/t*.sh))
CHECK_PROGRAMS += $(B)/tests/fault/driver
check: all $(TESTS) $(CHECK_PROGRAMS)
	@B=$(B) tests/run $(TESTS) $(CHECK_TESTS) $(E2E)
## fault: kill the agent at every system call (a quarter of an hour; check does some of them)
fault: all $(B)/tests/fault/driver
	@B=$(B) tests/fault/run
$(B)/tests/fault/driver: $(B)/tests/fault/driver.o $(SUPPORT) $(CORE)
	$(Q)$(CC) $(FLAGS_$(VARIANT)) -o $@ $^ $(LDFLAGS) $(LIBS)

## unit: build and run the unit tests
unit: $(TESTS)
	@tests/run $(TESTS)
## e2e: the real programs on a fleet of loopback hosts
e2e: all $(CHECK_PROGRAMS)
	@B=$(B) tests/run $(E2E)
## asan tsan cov: check in that variant; asan-unit: its unit tests, corpora and simulation only
asan tsan cov:
	@$(MAKE) VARIANT=$@ check
asan-unit:
	@$(MAKE) VARIANT=asan check E2E=
## demo: the whole story on a fleet on loopback, live; demo-stop ends what it leaves running
demo: all $(CHECK_PROGRAMS)
	@B=$(B) tests/fleet/demo
demo-stop:
	@B=$(B) tests/fleet/demo stop

## lint: layers, headers, format, clang-tidy, cppcheck, shellcheck, manual pages
LINT_C = $(shell git ls-files '*.c')
LINT_H = $(shell git ls-files '*.h')
LINT_SH = $(shell git ls-files | xargs grep -lE '^\#!(/usr/bin/env bash|/bin/sh|/bin/bash)')
LINT_FLAGS = $(filter-out $(FLAGS_$(VARIANT)) -DGRAY_VERSION%,$(BASE_CFLAGS)) -DGRAY_VERSION=\"$(VERSION)\"
lint: lint-layers lint-headers lint-format lint-shell lint-man lint-cppcheck lint-tidy
lint-layers:
	@tests/layers
lint-headers: $(GEN_H)
	@printf '%s\n' $(LINT_H) | xargs -P2 -I{} sh -c 'echo "#include \"{}\"" | $(CC) $(BASE_CFLAGS) -Werror -fsyntax-only -x c -' && echo "headers: each compiles alone"
lint-format:
	@clang-format --dry-run -Werror $(LINT_C) $(LINT_H) && echo "format: as make format leaves it"
lint-shell:
	@shellcheck -x -P SCRIPTDIR $(LINT_SH) && echo "shellcheck: clean"
lint-man: all
	@mandoc -Tlint -Wwarning man/*.[1-9] && tests/man_commands $(B)/bin && echo "man: clean, and names every command"
lint-cppcheck: $(GEN_H)
	@cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability --inline-suppr --suppressions-list=.cppcheck \
		-j2 -D_GNU_SOURCE -I. -I$(B)/gen $(filter-out tests/%,$(LINT_C)) && echo "cppcheck: clean"
lint-tidy: $(GEN_H)
	@printf '%s\n' $(filter-out tests/%,$(LINT_C)) | xargs -P2 -n4 sh -c 'clang-tidy --quiet "$$@" -- $(LINT_FLAGS) 2>/dev/null' - && echo "clang-tidy: clean"

## format: clang-format, in place
format:
	clang-format -i $(LINT_C) $(LINT_H)
## map: what each module is for
map:
	@for h in $(LINT_H); do sed -n '2s/^ \* [a-z0-9_]*\.h - //p' $$h | sed "s|^|$$h: |"; done
## help: this list
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)
## install: programs, manual pages, units; PREFIX, BINDIR, SBINDIR, MANDIR, DESTDIR
install: all
	install -Dm755 -t $(DESTDIR)$(BINDIR) $(B)/bin/grayctl $(B)/bin/svrkit
	install -Dm755 -t $(DESTDIR)$(SBINDIR) $(B)/bin/grayd
	install -Dm755 -t $(DESTDIR)$(LIBEXECDIR) $(B)/bin/gray-agent
	install -Dm644 -t $(DESTDIR)$(UNITDIR) cmd/grayd/grayd.service
	for page in man/*.[1-9]; do install -Dm644 -t $(DESTDIR)$(MANDIR)/man$${page##*.} $$page || exit 1; done
## clean: remove build/
clean:
	rm -rf build

.PHONY: all deps check sim mutants unit e2e replay fuzz asan tsan cov asan-unit demo demo-stop lint lint-layers lint-headers lint-format fault \
	lint-shell lint-man lint-cppcheck lint-tidy format map help install clean FORCE
-include $(shell find $(B) -name '*.d' 2>/dev/null)
