package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"beckon/internal/secret"
	"beckon/internal/telemetry"
)

// listenPatience is how long a server may take to say whether it has a stream of its own messages. The client waits
// for that before its first call.
const listenPatience = 5 * time.Second

// httpRoute is the way to a server over HTTP. It bounds what is read, and turns what is no answer into an error of
// the call that it should have answered: the SDK would end the session, and all of its calls.
type httpRoute struct {
	base    http.RoundTripper
	headers map[string]secret.String
	note    func(format string, args ...any)
}

// client returns what the SDK makes its requests with. A redirect is an answer like others: headers go to the URL
// that was given and to no other one.
func (t *httpRoute) client() *http.Client {
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// RoundTrip implements http.RoundTripper.
func (t *httpRoute) RoundTrip(req *http.Request) (*http.Response, error) {
	id, err := callOf(req)
	if err != nil {
		return nil, err
	}
	req = req.Clone(req.Context())
	telemetry.Inject(req.Context(), req.Header)
	for name, value := range t.headers {
		req.Header.Set(name, value.Reveal())
	}
	if req.Method == http.MethodGet {
		return t.listen(req)
	}
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		return nil, describeTrip(err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, refusedBy(resp)
	}
	if id == nil {
		resp.Body = &limited{Reader: io.LimitReader(resp.Body, maxNote), Closer: resp.Body}
		return resp, nil
	}
	switch media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); media {
	case "application/json":
		if err := readWhole(resp, id); err != nil {
			return nil, err
		}
		return resp, nil
	case "text/event-stream":
		resp.Body = newEventFilter(resp.Body, id, t.note)
		return resp, nil
	default:
		defer resp.Body.Close()
		return nil, &unreadable{fmt.Sprintf("the answer is %q: is this the URL of an MCP server?", shorten(media, 100))}
	}
}

// callOf is the id of the call that a request makes; nil where it makes none.
func callOf(req *http.Request) (json.RawMessage, error) {
	if req.Method != http.MethodPost || req.GetBody == nil {
		return nil, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	var header struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
	}
	if err := json.Unmarshal(text, &header); err != nil || header.Method == "" {
		return nil, nil //nolint:nilerr // an answer of ours, or several messages
	}
	return header.ID, nil
}

// describeTrip tells a server that was not reached from one that may have heard of the request.
func describeTrip(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return &notSent{err}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if strings.Contains(err.Error(), "tls: ") || strings.Contains(err.Error(), "x509: ") {
		return &notSent{err}
	}
	return &lost{err.Error()}
}

func refusedBy(resp *http.Response) error {
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxWhy+1))
	e := &refused{status: resp.StatusCode}
	if media := resp.Header.Get("Content-Type"); !strings.HasPrefix(media, "text/html") {
		e.body = shorten(strings.TrimSpace(string(text)), maxWhy)
	}
	return e
}

// readWhole reads the answer to a call into memory and checks that it is one.
func readWhole(resp *http.Response, id json.RawMessage) error {
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxMessage+1))
	switch {
	case err != nil:
		return describeTrip(err)
	case len(text) > maxMessage:
		return &unreadable{tooLong}
	}
	if err := checkAnswer(text, id); err != nil {
		return err
	}
	resp.Body = io.NopCloser(bytes.NewReader(text))
	return nil
}

// checkAnswer finds out whether a message is the answer to a call.
func checkAnswer(text []byte, id json.RawMessage) error {
	message, err := jsonrpc.DecodeMessage(text)
	if err != nil {
		return &unreadable{"the answer is no message of JSON-RPC 2.0"}
	}
	if _, ok := message.(*jsonrpc.Response); !ok || !bytes.Equal(idOf(text), id) {
		return &unreadable{"the answer is to another call"}
	}
	return nil
}

// listen asks for the stream of a server's own messages. One that has none, or does not say, has answered as well:
// such servers are common, and their calls go on.
func (t *httpRoute) listen(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	late := time.AfterFunc(listenPatience, cancel)
	resp, err := t.base.RoundTrip(req.WithContext(ctx))
	isLate := !late.Stop()
	switch {
	case err == nil && resp.StatusCode == http.StatusOK && !isLate:
		body := resp.Body
		resp.Body = &limited{Reader: newEventFilter(body, nil, t.note), Closer: closer(func() error {
			cancel()
			return body.Close()
		})}
		return resp, nil
	case err == nil:
		_ = resp.Body.Close()
	case !isLate:
		cancel()
		return nil, describeTrip(err)
	}
	cancel()
	return &http.Response{
		Status:     "405 Method Not Allowed",
		StatusCode: http.StatusMethodNotAllowed,
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
		Header:     http.Header{},
		Body:       http.NoBody,
		Request:    req,
	}, nil
}

// limited is a body of which a part is read.
type limited struct {
	io.Reader
	io.Closer
}

type closer func() error

// Close implements io.Closer.
func (c closer) Close() error { return c() }
