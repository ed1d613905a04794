# approvals: `make` builds (V=1 shows the commands), `make demo` shows it working, `make check` tests it.
# CONTRIBUTING.md says more.

BUILD	?= build
Q	:= $(if $(V),,@)
PREFIX	?= /usr/local
SYSCONFDIR ?= /etc
VERSION	:= 0.1.0
PYTHON	:= /usr/bin/python3
JOBS	:= -j$(shell nproc)
,	:= ,

# What each program links, so that neither loads what it does not use.
PKG_MAIN   := libcurl libcjson sqlite3 yaml-0.1 gnutls libzstd
PKG_READER := gmime-3.0 gumbo libseccomp libpcre2-8 yaml-0.1 gnutls opendkim
# Not by pkg-config: libetpan.pc brings Debian's own linker settings, libunbound.pc asks for libevent.
LIB_MAIN   := -letpan -lunbound
PKG_ALL    := $(sort $(PKG_MAIN) $(PKG_READER))

CFLAGS	?= -O3 -g
# Hidden, or libunbound, which has an event_add() of its own, would call ours.
OUR_CFLAGS := -std=c11 -D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE -fvisibility=hidden -Wall -Wextra -Wpedantic -Wshadow \
	-Wmissing-prototypes -Wstrict-prototypes -I. -I$(BUILD) -DAPPROVALS_VERSION='"$(VERSION)"' \
	-DAPPROVALS_PREFIX='"$(PREFIX)"' -DAPPROVALS_SYSCONFDIR='"$(SYSCONFDIR)"'
LDFLAGS	?=
OUR_LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,--as-needed
ifdef CI
OUR_CFLAGS += -Werror
endif
ifdef SANITIZE			# make SANITIZE=1 BUILD=build/sanitize
OUR_CFLAGS := $(filter-out -D_FORTIFY_SOURCE=2,$(OUR_CFLAGS)) -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
OUR_LDFLAGS += -fsanitize=address,undefined
endif
ifdef FUZZER			# make fuzz: clang, which has libFuzzer
OUR_CFLAGS += -fsanitize=fuzzer-no-link
endif
PKG_CFLAGS := $(shell pkg-config --cflags $(PKG_ALL) 2>/dev/null)

ROOMS	:= base rules store read ingest notify
SRC	:= $(filter-out read/main.c,$(foreach room,$(ROOMS),$(wildcard $(room)/*.c)))
CMD	:= $(wildcard cmd/*.c)
UNIT	:= $(wildcard tests/unit/test_*.c)
OBJ	:= $(SRC:%.c=$(BUILD)/%.o)
TESTS	:= $(UNIT:tests/unit/%.c=$(BUILD)/tests/%)
FUZZ	:= message html document extract rules answers sender guard reply
STOPPER	:= $(BUILD)/tests/stopper
ASK	:= $(BUILD)/tests/ask
REPLAY	:= $(FUZZ:%=$(BUILD)/tests/replay-%)
PROGRAMS := $(BUILD)/approvals $(BUILD)/approvals-reader

all: $(PROGRAMS)

$(BUILD)/approvals: $(CMD:%.c=$(BUILD)/%.o) $(BUILD)/libapprovals.a
	@echo "  ld $@"
	$(Q)$(CC) $(LDFLAGS) $(OUR_LDFLAGS) -o $@ $^ $$(pkg-config --libs $(PKG_MAIN)) $(LIB_MAIN)
$(BUILD)/approvals-reader: $(BUILD)/read/main.o $(BUILD)/libapprovals.a
	@echo "  ld $@"
	$(Q)$(CC) $(LDFLAGS) $(OUR_LDFLAGS) -o $@ $^ $$(pkg-config --libs $(PKG_READER))
$(BUILD)/libapprovals.a: $(OBJ)
	$(Q)$(AR) rcsD $@.new $^ && mv $@.new $@
# Other flags, another PREFIX, another Makefile: everything is built anew.
FLAGS	:= $(CC) $(OUR_CFLAGS) $(CFLAGS) $(CPPFLAGS) $(PKG_CFLAGS)
$(BUILD)/flags: force
	$(shell mkdir -p $(@D))$(file >$@.new,$(FLAGS))
	@cmp -s $@.new $@ || cp $@.new $@
$(BUILD)/%.o: %.c $(BUILD)/flags Makefile
	@mkdir -p $(@D)
	@echo "  cc $<"
	$(Q)$(FLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/store/sql.o: $(BUILD)/schema.inc
$(BUILD)/schema.inc: schema.sql	# as bytes: C11 promises string literals of 4095 only
	@mkdir -p $(@D)
	$(Q)od -An -v -tx1 $< | sed 's/ \(..\)/0x\1,/g' >$@
$(BUILD)/tests/%: tests/unit/%.c $(BUILD)/libapprovals.a
	@mkdir -p $(@D)
	@echo "  cc $<"
	$(Q)$(FLAGS) -MMD -MP $(LDFLAGS) $(OUR_LDFLAGS) -o $@ $< \
		$(BUILD)/libapprovals.a $$(pkg-config --libs $(PKG_ALL) cmocka) $(LIB_MAIN)
# Two calls of the reader are timed apart.
$(BUILD)/bench/%: tests/bench/%.c tests/bench/mails.h $(BUILD)/libapprovals.a
	@mkdir -p $(@D)
	@echo "  cc $<"
	$(Q)$(FLAGS) $(LDFLAGS) $(OUR_LDFLAGS) $(if $(filter children,$*),-Wl$(,)--wrap=html_read -Wl$(,)--wrap=gumbo_parse_with_options) -o $@ $< \
		$(BUILD)/libapprovals.a $$(pkg-config --libs $(PKG_ALL)) $(LIB_MAIN)
$(STOPPER): tests/kill/stopper.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  cc $<"
	$(Q)$(FLAGS) $(LDFLAGS) $(OUR_LDFLAGS) -o $@ $<
$(ASK): tests/drivers/ask.c $(BUILD)/libapprovals.a
	@mkdir -p $(@D)
	@echo "  cc $<"
	$(Q)$(FLAGS) $(LDFLAGS) $(OUR_LDFLAGS) -o $@ $^ $$(pkg-config --libs $(PKG_MAIN)) $(LIB_MAIN)
unit: $(PROGRAMS) $(TESTS) $(REPLAY) $(STOPPER) $(ASK)
	@set -e; for t in $(TESTS); do $$t; done
	@set -e; for t in $(FUZZ); do G_SLICE=always-malloc $(BUILD)/tests/replay-$$t tests/fuzz/corpus/$$t; done
# A fuzz target has its own main (replay.c) or libFuzzer's.
$(BUILD)/tests/replay-%: tests/fuzz/%.c tests/fuzz/replay.c tests/fuzz/fuzz.c tests/fuzz/fuzz.h $(BUILD)/libapprovals.a
	@mkdir -p $(@D)
	@echo "  cc $<"
	$(Q)$(FLAGS) $(LDFLAGS) $(OUR_LDFLAGS) -o $@ $(filter %.c %.a,$^) $$(pkg-config --libs $(PKG_ALL)) $(LIB_MAIN)
$(BUILD)/tests/fuzz-%: tests/fuzz/%.c tests/fuzz/fuzz.c tests/fuzz/fuzz.h $(BUILD)/libapprovals.a
	@mkdir -p $(@D)
	@echo "  cc $<"
	$(Q)$(FLAGS) -fsanitize=fuzzer $(LDFLAGS) $(OUR_LDFLAGS) -o $@ $(filter %.c %.a,$^) $$(pkg-config --libs $(PKG_ALL)) $(LIB_MAIN)

# ---- what people and CI call; each installs what it lacks (tests/needs.sh)

check:	# unit and system tests, in the plain build and under ASan and UBSan
	tests/needs.sh test
	$(MAKE) $(JOBS) all unit
	$(MAKE) $(JOBS) SANITIZE=1 BUILD=build/sanitize all unit
	$(MAKE) -j2 --output-sync=target $(SYSTEM)

# System tests at once, each worker with servers of its own (python3-pytest-xdist): they mostly wait.
AT_ONCE	:= 4
SYSTEM	:= system-build/approvals system-build/sanitize/approvals
$(SYSTEM): system-%:	# mostly waiting for servers: both at once take hardly longer than one
	APPROVALS=$* $(PYTHON) -m pytest -q -n $(AT_ONCE) tests/system

check-kill:	# `run` killed at every moment at which it touches the world, and run again (20 minutes; FROM=1200 goes on, POINT= is one)
	tests/needs.sh test
	$(MAKE) $(JOBS) all $(STOPPER)
	$(PYTHON) tests/kill/campaign.py $(if $(FROM),--from $(FROM)) $(if $(POINT),--point $(POINT)) $(if $(AFTER),--after $(AFTER)) $(if $(COPIES),--copies)

# What is about mailboxes, with the other server, and by STARTTLS with both.
IMAP	:= $(wildcard $(addprefix tests/system/test_,$(addsuffix .py,after big_mailbox certificates crash dialogue dns history login \
	main_job outages samples secrets watch)))
STARTTLS := tests/system/test_main_job.py tests/system/test_history.py
check-servers:	# the system tests of mailboxes with Cyrus IMAP too (unpacked under build/cyrus)
	tests/needs.sh test
	$(MAKE) $(JOBS) all
	APPROVALS_IMAP=dovecot+starttls $(PYTHON) -m pytest -q -n $(AT_ONCE) $(STARTTLS)
	@if tests/needs.sh cyrus; then for way in "cyrus $(IMAP)" "cyrus+starttls $(STARTTLS)"; do \
		APPROVALS_IMAP=$${way%% *} $(PYTHON) -m pytest -q -rsfE -n $(AT_ONCE) $${way#* } || exit; done; \
	else test $$? = 77 && echo 'check-servers: NOT RUN with Cyrus IMAP: see above'; fi

SECONDS	?= 60
fuzz:	# make fuzz SECONDS=600 TARGET=html: libFuzzer, ASan and UBSan look for what breaks; as many targets at once as cores
	tests/needs.sh lint
	$(MAKE) $(JOBS) CC=clang SANITIZE=1 FUZZER=1 BUILD=build/fuzz fuzzers
	tests/fuzz/run.sh for $(SECONDS) $(or $(TARGET),$(FUZZ))
fuzz-corpus:	# tests/fuzz/corpus anew: the fewest and smallest inputs that reach all that was reached so far
	$(MAKE) $(JOBS) CC=clang SANITIZE=1 FUZZER=1 BUILD=build/fuzz fuzzers
	tests/fuzz/run.sh minimise $(or $(TARGET),$(FUZZ))
fuzzers: $(FUZZ:%=$(BUILD)/tests/fuzz-%)

lint:	# house rules, clang-tidy, shellcheck, mandoc
	tests/needs.sh lint
	$(MAKE) $(BUILD)/schema.inc
	tests/lint.sh

bench: bench-read bench-mailbox bench-enrich
bench-read:	# mails per second on one core, beside GMime alone and other parsers (minutes; nothing is asserted)
	tests/needs.sh bench
	$(MAKE) $(JOBS) all $(BUILD)/bench/children $(BUILD)/bench/gmime
	BUILD=$(BUILD) $(PYTHON) tests/bench/read.py
bench-mailbox:	# a pass over 10,000 mails and one that finds nothing new, beside the wire, a login and rivals (minutes; nothing is asserted)
	tests/needs.sh bench
	$(MAKE) $(JOBS) all $(BUILD)/bench/login
	BUILD=$(BUILD) $(PYTHON) tests/bench/mailbox.py

bench-enrich:	# enrich of 2,000 claims beside a bare libcurl multi loop with the same requests (a minute; nothing is asserted)
	tests/needs.sh bench
	$(MAKE) $(JOBS) all $(BUILD)/bench/multi
	BUILD=$(BUILD) $(PYTHON) tests/bench/enrich.py

demo:	# the main job, on private servers, in about a minute
	tests/needs.sh demo
	$(MAKE) $(JOBS) all
	$(PYTHON) tests/demo.py

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/libexec/approvals $(DESTDIR)$(PREFIX)/share/approvals/rules \
		$(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/doc/approvals/examples
	install -m 755 $(BUILD)/approvals $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(BUILD)/approvals-reader $(DESTDIR)$(PREFIX)/libexec/approvals
	install -m 644 rules/vipps-mobilepay.yaml $(DESTDIR)$(PREFIX)/share/approvals/rules
	install -m 644 doc/approvals.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 doc/approvals.yaml.5 doc/approvals-rules.5 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 644 samples/approvals.yaml samples/approvals.cron samples/approvals.service samples/approvals.timer samples/approvals-watch.service \
		$(DESTDIR)$(PREFIX)/share/doc/approvals/examples

clean:
	rm -rf build
-include $(OBJ:.o=.d) $(CMD:%.c=$(BUILD)/%.d) $(BUILD)/read/main.d $(TESTS:=.d)
.PHONY: force all unit check check-servers $(SYSTEM) check-kill fuzz fuzz-corpus fuzzers lint bench bench-read bench-mailbox bench-enrich demo install clean
.DELETE_ON_ERROR:
