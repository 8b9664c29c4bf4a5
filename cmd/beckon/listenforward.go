package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	forwardTimeout  = 30 * time.Second
	maxForwardReply = 64 << 10 // of the body that is passed back
)

// connectionHeaders are for one connection only (RFC 9110, section 7.6.1), or made anew for the next one.
var connectionHeaders = []string{
	"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te",
	"Trailer", "Transfer-Encoding",
	"Upgrade", "Content-Length", "Expect",
}

// forwarder sends events on, as they came.
type forwarder struct {
	url  string
	http *http.Client
}

func newForwarder(target string) (*forwarder, error) {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, &exitError{exitUsage, errors.New("--forward must be an http or https URL")}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true // or it would ask for what the sender did not
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &forwarder{target, &http.Client{Transport: transport, Timeout: forwardTimeout, CheckRedirect: stay}}, nil
}

// forwarded is what an event was answered.
type forwarded struct {
	status      int
	err         error // why there is no answer; the status is 502 then
	retryAfter  string
	contentType string
	body        []byte
}

// send posts an event with the headers that it came with.
func (f *forwarder) send(from *http.Request, body []byte) forwarded {
	request, err := http.NewRequestWithContext(from.Context(), http.MethodPost, f.url, bytes.NewReader(body))
	if err != nil {
		return unreached(err)
	}
	request.Header = from.Header.Clone()
	for _, field := range from.Header.Values("Connection") {
		for name := range strings.SplitSeq(field, ",") {
			request.Header.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range connectionHeaders {
		request.Header.Del(name)
	}
	if from.UserAgent() == "" {
		request.Header.Set("User-Agent", "") // keeps Go's own out
	}
	response, err := f.http.Do(request)
	if err != nil {
		return unreached(err)
	}
	defer response.Body.Close()
	answer := forwarded{
		status:      response.StatusCode,
		retryAfter:  response.Header.Get("Retry-After"),
		contentType: response.Header.Get("Content-Type"),
	}
	// The status is the answer; what is said besides is only passed on as far as it comes.
	answer.body, _ = io.ReadAll(io.LimitReader(response.Body, maxForwardReply))
	return answer
}

func unreached(err error) forwarded {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // without the URL, which may hold a password
	}
	switch {
	case errors.Is(err, context.Canceled):
		err = errors.New("the sender did not wait for it")
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("no answer within %s", forwardTimeout)
	}
	return forwarded{
		status: http.StatusBadGateway,
		err:    err,
		body:   []byte("The URL behind this listener cannot be reached.\n"),
	}
}

// write answers the sender.
func (a forwarded) write(w http.ResponseWriter) {
	if a.retryAfter != "" {
		w.Header().Set("Retry-After", a.retryAfter)
	}
	if a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		w.Header().Set("Content-Type", cmp.Or(a.contentType, "text/plain; charset=utf-8"))
		w.Header().Set("X-Content-Type-Options", "nosniff")
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // who has left does not hear it
}

// String is what the user is told.
func (a forwarded) String() string {
	if a.err != nil {
		return "not forwarded: " + a.err.Error()
	}
	return fmt.Sprintf("forwarded: %d", a.status)
}
