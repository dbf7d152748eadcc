# millrace. `make help` lists the targets; every folder of pipelines/ that holds a pipeline.ts is one.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

PIPELINES_DIR ?= pipelines
DELIVERED_DIR ?= .millrace/dev/export
NODE_NEEDED := 24

# --- Node: the machine's own if it is new enough, else one from npm in .node, first on PATH for every recipe.
NODE_MAJOR := $(shell node -p 'parseInt(process.versions.node)' 2>/dev/null || echo 0)
ifeq ($(shell [ $(NODE_MAJOR) -ge $(NODE_NEEDED) ] && echo yes),)
  OS := $(shell uname -s | tr '[:upper:]' '[:lower:]')
  ARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x64,$(shell uname -m)))
  NODE_PACKAGE := node-$(OS)-$(ARCH)
  LOCAL_NODE := .node/node_modules/$(NODE_PACKAGE)/bin/node
  export PATH := $(CURDIR)/$(dir $(LOCAL_NODE)):$(CURDIR)/.node/node_modules/.bin:$(PATH)
endif

# --- Pipelines: the folders, checked, because each name becomes a target.
BUILTIN := help setup demo test test-systems test-bucket check bench torture clean
PIPELINE_FILES := $(wildcard $(PIPELINES_DIR)/*/pipeline.ts)
PIPELINES := $(patsubst $(PIPELINES_DIR)/%/pipeline.ts,%,$(PIPELINE_FILES))
BAD_NAMES := $(shell cd '$(PIPELINES_DIR)' 2>/dev/null && for file in */pipeline.ts; do name=$${file%/pipeline.ts}; \
  case $$name in ('*') ;; ([!A-Za-z0-9]*|*[!A-Za-z0-9_-]*) echo "\"$$name\"";; esac; done)
ifneq ($(BAD_NAMES),)
  $(error $(PIPELINES_DIR): folder name $(BAD_NAMES) cannot be a make target; expected letters, digits, - and _)
endif
CLASHES := $(filter $(BUILTIN) Makefile,$(PIPELINES))
ifneq ($(CLASHES),)
  $(error $(PIPELINES_DIR)/$(firstword $(CLASHES)): "$(firstword $(CLASHES))" is already a target of the Makefile; rename the folder)
endif

quoted = '$(subst ','\'',$(1))'
flag = $(if $($(2)), --$(1) $(call quoted,$($(2))))
RUN_FLAGS = $(call flag,partition,PARTITION)$(call flag,from,FROM)$(call flag,to,TO)$(call flag,profile,PROFILE)
VITEST := node node_modules/vitest/vitest.mjs run
# Where .ci/run wants a report of each test run as JSON.
report = $(if $(TEST_REPORTS), --reporter=default --reporter=json --outputFile.json=$(call quoted,$(TEST_REPORTS)/$(1).json))

.PHONY: $(BUILTIN) $(PIPELINES)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' Makefile
	@for name in $(PIPELINES); do \
	  text=$$(awk '!open && /^\/\*\*/ { open = 1 } \
	    open { line = $$0; done = sub(/[ \t]*\*\/.*/, "", line); sub(/^[ \t]*\/?\*+[ \t]*/, "", line); if (line != "") text = text (text == "" ? "" : " ") line } \
	    done { exit } END { sub(/\. .*/, "", text); sub(/\.$$/, "", text); print text }' "$(PIPELINES_DIR)/$$name/pipeline.ts"); \
	  printf '  %-16s %s\n' "$$name" "$${text:-run pipeline $$name}"; \
	done
	@echo
	@echo "A pipeline takes PARTITION=2018-02-04, or FROM=… TO=…, and PROFILE=prod."

# Two makes at once must not both run npm ci, which begins by deleting node_modules: the second waits, and then finds the stamp.
LOCKED := $(if $(shell command -v flock),exec 9<Makefile; flock 9;)
setup: node_modules/.millrace-setup ## install Node 24 if the machine's is older, the locked dependencies, and DuckDB's extensions
	@$(LOCKED) [ ! -e bin/millrace.js ] || node bin/millrace.js setup --quick || echo 'make: went on without DuckDB extensions; again: node bin/millrace.js setup' >&2

# From npm's cache where that will do. npm does not look again when its cached index is older than a version that is asked for: we do.
from_npm = $(1) --prefer-offline --no-audit --no-fund --loglevel=error || $(1) --no-audit --no-fund --loglevel=error
ifdef LOCAL_NODE
$(LOCAL_NODE):
	@command -v npm >/dev/null || { echo "make: npm is missing; install Node with npm (20 or later)" >&2; exit 1; }
	@echo 'this machine has no Node $(NODE_NEEDED): installing one into .node'
	@$(call from_npm,npm install --prefix .node --no-save --ignore-scripts $(NODE_PACKAGE)@$(NODE_NEEDED) npm@11)
	@touch $@
endif

node_modules/.millrace-setup: package-lock.json | $(LOCAL_NODE)
	@$(LOCKED) if [ ! $@ -nt $< ]; then \
	  if [ -L node_modules ]; then echo "make: node_modules is a link to $$(readlink node_modules), which npm ci would empty for everybody: run make setup there, or remove the link" >&2; exit 1; fi; \
	  { $(call from_npm,npm ci); } && touch $@; fi

demo: setup ## run every pipeline on its fixture data, and say where the CSV files are
	@for name in $(PIPELINES); do echo "== $$name"; node bin/millrace.js run "$$name"; done
	@if [ -z "$(PIPELINES)" ]; then echo "no pipelines yet: put a folder with a pipeline.ts into $(PIPELINES_DIR)/"; \
	elif [ -d "$(DELIVERED_DIR)" ]; then echo; echo "delivered:"; find "$(DELIVERED_DIR)" -name '*.csv*' -type f -not -path '*/_tmp/*' | LC_ALL=C sort | sed 's/^/  /'; \
	else echo "nothing has been delivered to $(DELIVERED_DIR)"; fi

test: setup ## run the unit tests
	@$(VITEST) --project unit$(call report,unit)

test-systems: setup ## run the tests against real servers, and the long ones
	@bash scripts/systems.sh
	@if [ -z "$$(find tests/systems -name '*.test.ts' 2>/dev/null)" ]; then echo "0 passed, 0 failed"; \
	else $(VITEST) --project systems$(call report,systems); fi

test-bucket: setup ## run a store's tests on a real bucket: MILLRACE_TEST_BUCKET=name, MILLRACE_TEST_S3_BUCKET=name, MILLRACE_TEST_AZURE_CONTAINER=account/name
	@[ -n "$${MILLRACE_TEST_BUCKET:-}$${MILLRACE_TEST_S3_BUCKET:-}$${MILLRACE_TEST_AZURE_CONTAINER:-}" ] || { echo "make: test-bucket needs MILLRACE_TEST_BUCKET=<a bucket of Cloud Storage that you may write to>, MILLRACE_TEST_S3_BUCKET=<one of S3>, or MILLRACE_TEST_AZURE_CONTAINER=<account/container>" >&2; exit 2; }
	@$(VITEST) --project bucket$(call report,bucket) $${MILLRACE_TEST_BUCKET:+tests/bucket/store.gcs.test.ts} $${MILLRACE_TEST_S3_BUCKET:+tests/bucket/store.s3.test.ts} $${MILLRACE_TEST_AZURE_CONTAINER:+tests/bucket/store.azure.test.ts}

check: setup ## check types, lint, layout and documentation
	@node node_modules/typescript/bin/tsc --noEmit
	@node node_modules/@biomejs/biome/bin/biome check --error-on-warnings .
	@$(VITEST) --project unit tests/layout.test.ts tests/docs

bench: setup ## run the benchmarks
	@node bench/road.ts

torture: setup ## kill and fault runs at random, and compare what they leave
	@node tests/torture/torture.ts
	@node tests/torture/rentals.ts

clean: ## remove what was built and the dev profile's state
	rm -rf dist coverage .millrace/dev node_modules/.cache

$(PIPELINES): setup
	@node bin/millrace.js run $@$(RUN_FLAGS)
