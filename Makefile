# make alone lists the targets. Go is all that is needed; a C compiler too for the race detector, which is left out where there is none.

GO          ?= go
BIN         := bin/hibachi
FUZZTIME    ?= 20s
ROUNDS      ?= 20
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
RACE        := $(if $(shell command -v "$$($(GO) env CC)" 2>/dev/null),-race)
SOURCES     := broker cmd conformance links persistence spec

.DEFAULT_GOAL := help
.PHONY: help run build test lint fuzz bench crash conform conform-peers interop ci clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build and serve on amqp://127.0.0.1:5672, keeping events in ./data (ARGS="..." adds flags)
	$(BIN) serve $(ARGS)

build: ## build bin/hibachi
	$(GO) build -trimpath -o $(BIN) ./cmd/hibachi

test: ## all tests with the race detector: two minutes on two cores
	$(if $(RACE),,@echo "no C compiler: testing without the race detector")
	$(GO) test $(RACE) -timeout 300s ./...

lint: ## formatting, vet, staticcheck, the plan of imports
	@unformatted=$$("$$($(GO) env GOROOT)/bin/gofmt" -l $(SOURCES)); if [ -n "$$unformatted" ]; then echo "gofmt -w these:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) test ./conformance/plan

fuzz: ## each fuzz target for FUZZTIME (20s)
	@grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' $(SOURCES) | sort | while IFS=: read -r file func; do \
		echo "$${func#func } in $$(dirname "$$file")"; \
		$(GO) test -run '^$$' -fuzz "^$${func#func }$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")" </dev/null || exit 1; \
	done

bench: build ## the figures beside a raw file on the same disk, about two minutes (ARGS="..." adds flags)
	$(BIN) bench figures $(ARGS)

crash: build ## kill the binary under load and look what is left, ROUNDS (20) times
	$(GO) run ./conformance/crash -binary $(BIN) -rounds $(ROUNDS) $(ARGS)

conform: build ## the conformance suite against the built binary (ARGS="--only FR --format html --out report.html" and more)
	conformance/conform.sh $(BIN) $(ARGS)

conform-peers: build ## the suite against brokers of others, into docs/conformance-peers.md: ten minutes; installs what it needs (ARGS="artemis")
	conformance/peers.sh $(BIN) $(ARGS)

mutants: ## plant faults in the broker, one at a time, and see the conformance suite catch them: three to five minutes on two cores
	$(GO) test -tags mutants -count=1 -timeout 30m -v -run TestMutantsAreCaught ./conformance/mutants $(ARGS)

interop: build ## foreign clients: go-amqp, rhea, Qpid Proton in Python and C++, Hono's own; installs what it needs
	conformance/interop/run.sh $(ARGS)

ci: ## everything a change has to pass: lint, test, build, conformance, short fuzzing, short crashing
	$(MAKE) lint
	$(MAKE) test
	$(MAKE) build
	$(MAKE) conform
	$(MAKE) fuzz FUZZTIME=5s
	$(MAKE) crash ROUNDS=3

clean: ## remove what was built (not the data)
	rm -rf bin
