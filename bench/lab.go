package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"beckon/bench/load"
	"beckon/bench/process"
	"beckon/bench/stub"
)

// pace is how thoroughly to measure.
type pace struct {
	rounds int
	length time.Duration // of a measurement
	calls  int           // for the sections that want many
	starts int
	growth []int // runs on record
}

// lab has what all sections use.
type lab struct {
	pace
	folder    string // for anything, until the end
	beckon    string
	generator *load.Generator
	stub      *server
}

func newLab(ctx context.Context, o options, folder string) (*lab, error) {
	l := &lab{pace: o.pace, folder: folder, beckon: o.beckon}
	generator, err := load.Build(ctx, filepath.Join(filepath.Dir(o.beckon), "bombardier"))
	if err != nil {
		return nil, err
	}
	l.generator = generator
	if l.stub, err = l.startStub(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// modelURL is the base URL of a model server, as a provider has one.
func modelURL(s *server) string { return "http://" + s.address + "/v1" }

func (l *lab) close() error { return l.stub.Stop() }

// server is a server to measure.
type server struct {
	*process.Process
	name     string
	address  string
	target   load.Target
	ready    time.Duration // from its start until it was
	answered int           // requests, by now
}

// start starts a server that will listen on address, and waits until it is ready and answers target as it should. ready
// and target's URL are paths.
func (l *lab) start(ctx context.Context, c process.Command, address, ready string, target load.Target) (*server, error) {
	if c.Log == "" {
		c.Log = filepath.Join(l.folder, strings.ReplaceAll(c.Name, " ", "-")+".log")
	}
	began := time.Now()
	p, err := process.Start(ctx, c)
	if err != nil {
		return nil, err
	}
	target.URL = "http://" + address + target.URL
	s := &server{Process: p, name: c.Name, address: address, target: target}
	if err := p.Ready(ctx, "http://"+address+ready); err != nil {
		_ = s.Stop() // err says it all
		return nil, err
	}
	s.ready = time.Since(began)
	if err := s.try(ctx); err != nil {
		_ = s.Stop()
		return nil, p.Failure(err)
	}
	return s, nil
}

// try makes one call, and looks at the whole answer, which the load generator doesn't do.
func (s *server) try(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.target.URL, strings.NewReader(s.target.Body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+s.target.Token)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(stub.Text)) {
		return fmt.Errorf("a call was answered with %s: %s", response.Status, body)
	}
	s.answered++
	return nil
}

// send makes load on s.
func (l *lab) send(ctx context.Context, s *server, connections int, amount load.Amount) (load.Result, error) {
	result, err := l.generator.Send(ctx, s.target, connections, amount)
	if err != nil {
		return result, s.Failure(err)
	}
	s.answered += result.Requests
	return result, nil
}

// note tells who watches how far we are.
func note(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
