# 'make help' lists the targets. Everything is made in this checkout: .venv (tools), .cache (logs, copies, the link that makes
# this checkout the collection netvirt.lab). Debian packages are installed as root or by sudo, and only if missing.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# The distribution's interpreter: others on PATH may be wrappers that a virtual environment cannot be made from.
PYTHON ?= /usr/bin/python3
LAB ?= inventory/ovs_kvm
# Further arguments for ansible-playbook, such as ARGS=-K where sudo asks for a password.
ARGS ?=

VENV := $(CURDIR)/.venv
LINK := .cache/ansible_collections/netvirt/lab
export PATH := $(VENV)/bin:$(PATH)
PLAY := ansible-playbook -i $(LAB)$(if $(ARGS), $(ARGS))
# What was said of the lab to this make, for another one, and a text as a word of the shell.
SAME = $(if $(filter file,$(origin LAB)),, LAB=$(LAB))$(if $(ARGS), ARGS=$(call quoted,$(ARGS)))
quoted = '$(subst ','\'',$(1))'
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check -qq install

.PHONY: help lab verify teardown image bench test test-kernel-lab test-labs quick setup setup-test clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 28

lab: setup ## from a bare Debian to a running, verified lab
	$(PLAY) playbooks/site.yml
	$(PLAY) playbooks/verify.yml
	@printf '\nThe lab is up. What next (first: . .venv/bin/activate):\n'
	@printf '  %-84s %s\n' \
		'ansible-inventory -i $(LAB) --graph' 'its nodes: each is an Ansible host' \
		$(call quoted,$(PLAY) playbooks/benchmark.yml) 'how fast are the NICs?' \
		$(call quoted,$(PLAY) playbooks/site.yml --check --diff) 'what a change of its topology file would do' \
		$(call quoted,make teardown$(SAME)) 'leave nothing behind'

verify: setup ## check that everything in the lab reaches what it should
	$(PLAY) playbooks/verify.yml

teardown: setup ## remove the lab; the images stay
	$(PLAY) playbooks/teardown.yml

image: setup ## build the base images that the lab needs
	$(PLAY) playbooks/site.yml --tags image

bench: setup ## compare the NIC models by iperf3
	$(PLAY) playbooks/benchmark.yml

test: setup-test ## every check
	@$(VENV)/bin/python tests/tools/run_checks.py all

test-kernel-lab: setup-test ## a lab inside a guest, with what this machine's kernel may lack (15 minutes; not part of test)
	@$(VENV)/bin/python tests/tools/run_checks.py molecule-kernel_lab

test-labs: setup-test ## the labs of inventory/ that take minutes where guests are emulated (not part of test)
	@$(VENV)/bin/python tests/tools/run_checks.py slow-labs

quick: setup-test ## the first minute's worth: ruff, mypy, yamllint, unit tests
	@$(VENV)/bin/python tests/tools/run_checks.py quick

setup: $(VENV)/.run $(LINK) ## what playbooks need: .venv and the link

setup-test: setup $(VENV)/.test ## what the checks need
	@tests/tools/packages @tests/packages.txt
	@tests/tools/unpack .cache/programs ifupdown netplan.io network-manager

clean: ## remove .venv and .cache
	rm -rf .venv .cache

$(LINK):
	@mkdir -p $(@D)
	@ln -sfn ../../.. $@

$(VENV)/.run: requirements.txt
	@tests/tools/packages python3-venv
	@echo "== ansible-core into .venv"
	@[ -x $(VENV)/bin/python ] || $(PYTHON) -m venv $(VENV)
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.test: requirements-test.txt $(VENV)/.run
	@echo "== the checks' tools into .venv"
	@$(PIP) -r requirements.txt -r requirements-test.txt
	@touch $@
