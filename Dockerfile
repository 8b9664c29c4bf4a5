# syntax=docker/dockerfile:1
# The image of Beckon: the binary on distroless, as a user without rights. Its root file system may be read-only; data is in /data.
#
#   docker build -t beckon .
#   docker run --read-only -p 8080:8080 -v beckon:/data beckon

FROM --platform=$BUILDPLATFORM node:24-bookworm-slim AS assets
WORKDIR /src
COPY web/package.json web/package-lock.json web/
RUN npm ci --prefix web --no-progress --loglevel=error
COPY Makefile ./
COPY scripts scripts
COPY web web
RUN apt-get update && apt-get install -y --no-install-recommends make && make assets

FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=assets /src/web/assets/vendor web/assets/vendor
ARG TARGETOS TARGETARCH VERSION=""
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags "-s -w -X main.released=$VERSION" -o /out/beckon ./cmd/beckon \
 && mkdir -p /out/data

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/beckon /usr/bin/beckon
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
WORKDIR /data
ENV BECKON_SERVER_ADDRESS=:8080 \
    BECKON_DATABASE_URL=sqlite:/data/beckon.db
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/usr/bin/beckon", "health"]
ENTRYPOINT ["/usr/bin/beckon"]
CMD ["serve"]
