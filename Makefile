# BrainOps: every everyday act is one of these words. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run demo-rollback test check soak lint dependencies stop reset status bench

REPO ?= .

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

run: ## start everything and put a repository's history through it (REPO=path, by default this one)
	@scripts/run --repo "$(REPO)"

demo-rollback: ## a real service is deployed, broken in three ways, and healed without a person
	@scripts/run --demo-rollback

test: ## format, lints, docs, unit tests, and integration tests on a stack of their own
	@scripts/test

check: dependencies test ## what a reviewer would ask: the tests, and an audit of dependencies

soak: ## fault tests with thirty seeds each, and a table of violations and recovery times (hours)
	@scripts/soak

lint: ## format, clippy and docs alone, warnings denied
	@scripts/test --lint

dependencies: ## licences, sources and bans of every dependency
	@scripts/dependencies

status: ## what runs, how far the read models are, and today's figures
	@scripts/run --status

stop: ## stop the service and its stack; nothing is lost
	@scripts/stack down

reset: ## destroy the local log, read models and keys (asks first)
	@scripts/stack reset

bench: ## measure speed beside plain loops and a peer, half an hour; rewrites the tables of docs/bench.md
	@scripts/bench
