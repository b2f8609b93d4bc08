# Every target does its own set-up. The first run on a machine downloads or builds the local control plane (see e2e/stack/toolchain.ts).
SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:

npm := npm run -s
step := scripts/timed.sh
# Written by npm ci when it has succeeded; a newer lockfile makes it out of date.
installed := node_modules/.keyturn-installed

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: toolchain ## Watch a key being rotated from end to end on a real control plane
	@$(npm) demo

.PHONY: stack
stack: toolchain ## Leave the local stack with an operator up for kubectl, until Ctrl-C
	@exec $(npm) stack

.PHONY: verify
verify: install ## Generators, format, lint, types, unit tests
	@$(npm) verify

.PHONY: test
# Given on to check-tools, so that all that is missing is said at once.
test: check_for := test
test: install ## Everything: verify, image, integration, the main job, a sample of the fault campaign, the commands of getting started
	@$(step) --start
	@$(step) toolchain node_modules/.bin/node e2e/stack/toolchain.ts
	@$(step) verify $(npm) verify
	@$(step) "image's RUN lines" $(npm) image
	@$(step) integration $(npm) integration
	@$(step) "accept: main job" $(npm) accept -- main-job
	@$(step) "accept: sample" $(npm) accept -- sample
	@$(step) "accept: getting started" $(npm) accept -- install --part docs
	@$(step) --table

.PHONY: install
install: check-tools $(installed) ## The npm packages of the lockfile

.PHONY: toolchain
toolchain: install ## The programs of the local stack
	@node_modules/.bin/node e2e/stack/toolchain.ts

.PHONY: clean-cache
clean-cache: install ## Remove the built programs from the cache
	@node_modules/.bin/node e2e/stack/toolchain.ts clean

.PHONY: check-tools
check-tools:
	@scripts/check-tools.sh $(check_for)

$(installed): package-lock.json
	@echo "installing npm packages …" >&2
	@npm ci --ignore-scripts --no-audit --no-fund
	@touch $@
