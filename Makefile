# Everything a developer of Beckon types. `make` alone lists it.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
ASSETS := web/assets/vendor/.stamp

.DEFAULT_GOAL := help
.PHONY: help run build test check bench assets

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build and serve, with data/ for the data
	./bin/beckon serve

build: $(ASSETS) ## build bin/beckon
	go build -trimpath -o bin/beckon ./cmd/beckon

test: $(ASSETS) ## get what the tests need and run all of them
	./scripts/need postgresql /usr/lib/postgresql/*/bin/initdb
	./scripts/need chromium /usr/bin/chromium
	go test -timeout 10m ./...
	BECKON_TEST_DATABASE=postgres go test -timeout 10m ./runs ./server

check: ## formatting, vet, staticcheck, and which package may import which
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt would change: $$unformatted"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...
	go test -run TestImportsPointDown .

bench: build ## measure the gateway beside its floors; writes docs/performance.md
	./scripts/need nginx /usr/sbin/nginx
	go run ./bench

assets: $(ASSETS) ## get what the pages use of others, by web/package-lock.json

$(ASSETS): web/package.json web/package-lock.json web/.npmrc scripts/assets
	./scripts/assets
