package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"beckon/bench/bare"
	"beckon/bench/load"
	"beckon/bench/process"
	"beckon/bench/stub"
	"beckon/internal/freeport"
)

const (
	chatPath = "/v1/chat/completions"
	// chatBody is what go-openai sends for promptBody.
	chatBody = `{"model":"bench","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"` + prompt +
		`"}],"stream":false}`
	promptBody = `{"prompt":"` + prompt + `"}`
	slowBody   = `{"prompt":"Say ` + stub.Slowly + ` whether everything is in order."}`
	prompt     = "Is everything in order? Say so in one sentence."
)

// role is a server that this program can be, or nil.
func role(name string) func(context.Context, []string) error {
	switch name {
	case "stub":
		return beStub
	case "bare":
		return beBare
	}
	return nil
}

func beStub(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("stub", flag.ContinueOnError)
	address := f.String("address", "127.0.0.1:9000", "where to listen")
	delay := f.Duration("delay", 0, "how long the model thinks")
	slow := f.Duration("slow", 0, "how long it thinks about a prompt with the word slowly in it")
	if err := f.Parse(args); err != nil {
		return err
	}
	return serve(ctx, *address, stub.Handler(*delay, *slow))
}

func beBare(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("bare", flag.ContinueOnError)
	address := f.String("address", "127.0.0.1:9001", "where to listen")
	model := f.String("model", "http://127.0.0.1:9000/v1", "the base URL of the model server")
	if err := f.Parse(args); err != nil {
		return err
	}
	return serve(ctx, *address, bare.Handler(*model))
}

func serve(ctx context.Context, address string, handler http.Handler) error {
	srv := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	closed := make(chan error, 1)
	context.AfterFunc(ctx, func() { closed <- srv.Close() })
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-closed
}

func (l *lab) startStub(ctx context.Context) (*server, error) {
	return l.startRole(ctx, stubName, chatPath, chatBody, "stub")
}

// startSlowStub starts another stub that thinks for long about some prompts.
func (l *lab) startSlowStub(ctx context.Context, slow time.Duration) (*server, error) {
	return l.startRole(ctx, slowStubName, chatPath, chatBody, "stub", "-slow", slow.String())
}

func (l *lab) startBare(ctx context.Context) (*server, error) { return l.startBareOn(ctx, l.stub) }

// startBareOn starts a bare handler that asks another model server.
func (l *lab) startBareOn(ctx context.Context, model *server) (*server, error) {
	return l.startRole(ctx, bareName, "/", promptBody, "bare", "-model", modelURL(model))
}

func (l *lab) startRole(ctx context.Context, name, path, body string, args ...string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address, err := freeport.Address()
	if err != nil {
		return nil, err
	}
	return l.start(ctx, process.Command{Name: name, Path: self, Args: append(args, "-address", address)}, address, "/ready",
		load.Target{URL: path, Body: body})
}

// startFloors starts what the gateway is measured beside; the first is the stub, which goes on after stop.
func (l *lab) startFloors(ctx context.Context) (floors []*server, stop func() error, err error) {
	nginx, err := l.startNginx(ctx)
	if err != nil {
		return nil, nil, err
	}
	bare, err := l.startBare(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, nginx.Stop())
	}
	return []*server{l.stub, nginx, bare}, func() error { return errors.Join(bare.Stop(), nginx.Stop()) }, nil
}

// startNginx starts nginx as a proxy of the stub, as fast as its manual lets it be.
func (l *lab) startNginx(ctx context.Context) (*server, error) {
	path, err := exec.LookPath("nginx")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/nginx") // where Debian has it, and not every PATH looks
	}
	if err != nil {
		return nil, errors.New("nginx is not there: sudo apt-get install nginx")
	}
	address, err := freeport.Address()
	if err != nil {
		return nil, err
	}
	within, err := filepath.Abs(l.folder)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(within, "nginx-") // there may be one after the other
	if err != nil {
		return nil, err
	}
	config := filepath.Join(folder, "nginx.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, nginxConfig, folder, l.stub.address, address), 0o644); err != nil {
		return nil, err
	}
	return l.start(ctx, process.Command{Name: nginxName, Path: path, Args: []string{"-p", folder, "-e", "stderr", "-c", config}},
		address, "/ready", load.Target{URL: chatPath, Body: chatBody})
}

// nginxConfig keeps connections open on both sides for as long as we measure, and writes nothing.
const nginxConfig = `daemon off;
worker_processes auto;
pid %[1]s/nginx.pid;
events { worker_connections 2048; }
http {
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path %[1]s/body;
    proxy_temp_path %[1]s/proxy;
    fastcgi_temp_path %[1]s/fastcgi;
    uwsgi_temp_path %[1]s/uwsgi;
    scgi_temp_path %[1]s/scgi;
    upstream stub {
        server %[2]s;
        keepalive 512;
        keepalive_requests 1000000000;
    }
    server {
        listen %[3]s;
        location = /ready { return 200; }
        location / {
            proxy_pass http://stub;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
    }
}
`
