# Everything a developer of Beckon types. `make` alone lists it.
LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
ASSETS := web/assets/vendor/.stamp
MODULES := agents/chat/testdata/aimock/node_modules/.package-lock.json tools/testdata/servers/node_modules/.package-lock.json examples/workflow-webhooks/express/node_modules/.package-lock.json

.DEFAULT_GOAL := help
.PHONY: help run build fmt check test race cover bench bench-growth bench-failover screenshots assets packages ship-check

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build and serve, with data/ for the data
	./bin/beckon serve

build: $(ASSETS) ## build bin/beckon
	@test -x bin/beckon || echo "Building Beckon. The first time this compiles its libraries too, which takes a minute or two."
	go build -trimpath -ldflags "-s -w" -o bin/beckon ./cmd/beckon

fmt: ## format the code
	gofmt -w .

check: ## formatting, linters, and which package may import which
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt would change: $$unformatted"; exit 1; }
	go run $(LINT) run ./...
	cd bench && go run $(LINT) run --config ../.golangci.yml ./...
	go test -run TestImportsPointDown .

test: needs ## get what the tests need and run all of them
	go test -timeout 20m ./...
	go test -C bench -timeout 5m ./...
	BECKON_TEST_DATABASE=postgres go test -timeout 10m ./runs ./server

race: needs ## run the tests with the race detector
	go test -race -timeout 30m ./...

cover: needs ## show which share of the code the tests reach, and write cover.html
	go test -timeout 20m -coverpkg ./... -coverprofile cover.out ./...
	go tool cover -func cover.out | tail -1
	go tool cover -html cover.out -o cover.html

bench: build ## measure the gateway beside its floors; writes docs/performance.md
	./scripts/need nginx /usr/sbin/nginx
	go build -C bench -o ../bin/bench .
	./bin/bench

bench-growth: build ## measure the gateway with up to 4 million runs on record; takes half an hour and 20 GB of disk
	go build -C bench -o ../bin/bench .
	./bin/bench -only growth

KILLS ?= 20
bench-failover: build ## kill primaries and gateways under load; writes docs/reliability.md (KILLS=2 is short, and writes nothing)
	./scripts/need postgresql /usr/lib/postgresql/*/bin/initdb
	./scripts/need patroni /usr/bin/patroni
	./scripts/need python3-etcd /usr/lib/python3/dist-packages/etcd
	./scripts/need etcd-server /usr/bin/etcd
	./scripts/need haproxy /usr/sbin/haproxy
	go build -C bench -o ../bin/failover ./failover
	./bin/failover -kills $(KILLS) $(if $(filter 20,$(KILLS)),-page docs/reliability.md)

packages: $(ASSETS) ## build a .deb and an .rpm in dist/
	./scripts/packages

ship-check: $(ASSETS) ## build what a release has, and try each of it: packages, image, unit, chart, alerts
	./scripts/ship-check

screenshots: needs ## write pictures of twelve pages into screenshots/, in both schemes, on a desktop and a phone
	mkdir -p screenshots
	BECKON_SCREENSHOTS=$(CURDIR)/screenshots go test ./cmd/beckon/browser -run TestTwelvePagesLookTheSame -count 1 -timeout 10m

assets: $(ASSETS) ## get the files of other projects that the pages use, by web/package-lock.json

.PHONY: needs
needs: $(ASSETS) $(MODULES)
	./scripts/need postgresql /usr/lib/postgresql/*/bin/initdb
	./scripts/need pgbouncer /usr/sbin/pgbouncer
	./scripts/need chromium /usr/bin/chromium
	./scripts/need prometheus-alertmanager /usr/bin/prometheus-alertmanager
	./scripts/need jq "$$(command -v jq)" /usr/bin/jq
	./scripts/need python3-fastapi /usr/lib/python3/dist-packages/fastapi
	./scripts/need python3-uvicorn /usr/lib/python3/dist-packages/uvicorn
	./scripts/need python3-flask /usr/lib/python3/dist-packages/flask

%/node_modules/.package-lock.json: %/package-lock.json
	./scripts/need npm "$$(command -v npm)" /usr/bin/npm
	npm ci --prefix $* --no-progress --loglevel=error && touch $@

$(ASSETS): web/package.json web/package-lock.json web/.npmrc scripts/assets
	./scripts/assets
