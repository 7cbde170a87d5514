# Two commands on a fresh machine: `make run` and `make test`. Python 3.11 or later with venv is all they need.
#
# .venv is made from requirements.lock, and made anew whenever that or pyproject.toml has changed.

VENV ?= .venv
BIN = $(VENV)/bin
PYTEST = $(BIN)/python -m pytest
ARGS ?=
FUZZ_S ?= 450

# The first Python that really runs (a version manager's stand-in may not) and is new enough.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

.PHONY: help run test quick compose-test check bench bench-conversations soak fuzz fuzz-mail lock clean

help:
	@echo 'make run    the service, a small application and a sink; one mail sent while you watch'
	@echo '            (ARGS=--once: leave after the first mail)'
	@echo 'make test   all tests; those with a real Postfix or PostgreSQL where they can be had'
	@echo '            (REQUIRE_POSTFIX=1, REQUIRE_POSTGRESQL=1: or fail)'
	@echo 'make quick  the tests that need no Postfix'
	@echo 'make compose-test'
	@echo '            the compose stack and the systemd units, in containers (REQUIRE_DOCKER=1: or fail;'
	@echo '            COMPOSE=docker-compose: with that command)'
	@echo 'make check  linters and types'
	@echo 'make bench  mails per second, CPU per mail, peak memory; conversations on SQLite and PostgreSQL'
	@echo 'make soak   the long form of the tests'
	@echo 'make fuzz   the mail readers under a fuzzer, and the property tests for longer (FUZZ_S=5: seconds for each'
	@echo '            of the four readers; make fuzz-mail: them alone)'
	@echo 'make lock   write requirements.lock anew'
	@echo 'make clean  remove what the others have made'

$(VENV)/made: requirements.lock pyproject.toml
	@[ -n '$(PYTHON)' ] || { echo 'No Python 3.11 or later with venv was found.' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: $(VENV)/made
	@$(BIN)/python scripts/demo.py $(ARGS)

# Many small tests on all cores; then those around a Postfix, one after the other, for each has the machine to itself.
test: $(VENV)/made quick
	@scripts/get-postfix >/dev/null || [ '$(REQUIRE_POSTFIX)' != 1 ]
	@scripts/get-test-email $(BIN)/python >/dev/null || true
	$(PYTEST) integration $(ARGS)

quick: $(VENV)/made
	$(PYTEST) -n 2 tests $(ARGS)

# Nothing is captured: whoever watches sees what is done.
compose-test: $(VENV)/made
	COMPOSE_TEST=1 $(PYTEST) -s integration/compose $(ARGS)

check: $(VENV)/made
	VENV=$(VENV) scripts/check

bench: $(VENV)/made
	@scripts/get-postfix >/dev/null || true
	$(BIN)/python -m benchmarks.bench $(ARGS)
	$(BIN)/python -m benchmarks.conversations

bench-conversations: $(VENV)/made
	@scripts/get-postfix >/dev/null || true
	$(BIN)/python -m benchmarks.conversations $(ARGS)

soak: $(VENV)/made
	SOAK=1 $(PYTEST) -o faulthandler_timeout=0 $(ARGS)

fuzz-mail: $(VENV)/made
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_S)

fuzz: fuzz-mail
	$(PYTEST) tests --hypothesis-profile=fuzz -o faulthandler_timeout=0 $(ARGS)

lock:
	scripts/make-lock $(PYTHON)

clean:
	rm -rf $(VENV) .postfix .mta var .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
