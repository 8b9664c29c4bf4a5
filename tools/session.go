package tools

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// session is one session with a server. It takes calls until it is retired, and is closed when those have ended.
type session struct {
	*mcp.ClientSession
	tokens   atomic.Int64
	progress sync.Map // func(string) by token, of the calls that want to hear of it

	inFlight  int  // guarded by the connection's lock, as is the following
	isRetired bool // it takes no more calls
}

// hooks are what a session tells its connection.
type hooks struct {
	note    func(format string, args ...any)
	stderr  func(line string)
	changed func() // the server has other tools now
}

// openSession connects to a server and makes itself known. When ctx ends, so does what was begun.
func openSession(ctx context.Context, s Server, route http.RoundTripper, version string, h hooks) (*session, error) {
	x := &session{}
	transport, end, err := transportTo(s, route, h)
	if err != nil {
		return nil, err
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "beckon", Title: "Beckon", Version: version}, &mcp.ClientOptions{
		Logger:                      slog.New(slog.DiscardHandler),
		Capabilities:                &mcp.ClientCapabilities{}, // no roots, no sampling, no elicitation
		ToolListChangedHandler:      func(context.Context, *mcp.ToolListChangedRequest) { h.changed() },
		ProgressNotificationHandler: x.tell,
		MultiRoundTrip:              &mcp.MultiRoundTripOptions{Disabled: true},
	})
	client.AddReceivingMiddleware(refuseRequests(h.note))
	client.AddSendingMiddleware(boundDiscovery)
	type opened struct {
		session *mcp.ClientSession
		err     error
	}
	done := make(chan opened, 1)
	go func() {
		session, err := client.Connect(ctx, transport, nil)
		done <- opened{session, err}
	}()
	select {
	case o := <-done:
		if o.err != nil {
			return nil, cmp.Or(end(), o.err)
		}
		x.ClientSession = o.session
		return x, nil
	case <-ctx.Done():
		_ = end()
		if o := <-done; o.err == nil {
			_ = o.session.Close()
		}
		return nil, ctx.Err()
	}
}

// transportTo returns the transport to a server, and what ends it where no session comes of it: its error says how
// a program has ended by itself.
func transportTo(s Server, route http.RoundTripper, h hooks) (_ mcp.Transport, end func() error, err error) {
	if !s.IsProgram() {
		r := &httpRoute{base: route, headers: s.Headers, note: h.note}
		return &mcp.StreamableClientTransport{
			Endpoint:     s.URL,
			HTTPClient:   r.client(),
			MaxEventSize: 2 * maxMessage,
		}, func() error { return nil }, nil
	}
	p, err := startProcess(s, h.stderr)
	if err != nil {
		return nil, nil, err
	}
	in := limited{Reader: newFrames(p.stdout, p.end, h.note), Closer: p}
	return &mcp.IOTransport{Reader: in, Writer: p, MaxLineLength: 2 * maxMessage}, p.stop, nil
}

// discoveryPatience is how long a server may take to answer a question that older versions of the protocol do not
// have. Some do not answer it at all; they are asked in the older way then.
const discoveryPatience = 10 * time.Second

func boundDiscovery(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		if method == "server/discover" {
			within, cancel := context.WithTimeout(ctx, discoveryPatience)
			defer cancel()
			ctx = within
		}
		return next(ctx, method, req)
	}
}

// asked are requests that a server may make of a client, with what they ask for.
var asked = map[string]string{
	"sampling/createMessage": "an answer of a model",
	"elicitation/create":     "the input of a person",
	"roots/list":             "a list of folders",
}

// refuseRequests refuses what Beckon does for no server, and notes it: a server that needs it fails in ways that do
// not say so.
func refuseRequests(note func(string, ...any)) mcp.Middleware {
	return func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			if what, ok := asked[method]; ok {
				note("it has asked for %s (%s), which is refused", what, method)
				return nil, &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "Beckon gives no server " + what}
			}
			return next(ctx, method, req)
		}
	}
}

func (x *session) tell(_ context.Context, req *mcp.ProgressNotificationClientRequest) {
	token, _ := req.Params.ProgressToken.(string)
	tell, ok := x.progress.Load(token)
	if !ok {
		return
	}
	message := req.Params.Message
	if message == "" {
		message = strconv.FormatFloat(req.Params.Progress, 'g', 6, 64)
		if req.Params.Total > 0 {
			message += " of " + strconv.FormatFloat(req.Params.Total, 'g', 6, 64)
		}
	}
	tell.(func(string))(message)
}

// call calls a tool. It returns when ctx ends, after which the server is told so.
func (x *session) call(
	ctx context.Context, tool string, arguments any, progress func(string),
) (*mcp.CallToolResult, error) {
	params := &mcp.CallToolParams{Name: tool, Arguments: arguments}
	if progress != nil {
		token := strconv.FormatInt(x.tokens.Add(1), 10)
		params.SetProgressToken(token)
		x.progress.Store(token, progress)
		defer x.progress.Delete(token)
	}
	result, err := x.CallTool(ctx, params)
	switch {
	case err != nil:
		return nil, err
	case result.NeedsInput():
		return nil, errNeedsInput
	}
	return result, nil
}

var errNeedsInput = &jsonrpc.Error{
	Code:    jsonrpc.CodeInvalidRequest,
	Message: "it asks for more input before it answers, which Beckon gives no server",
}

// list reads the tools of a server, page by page.
func (x *session) list(ctx context.Context) (tools []*mcp.Tool, note string, err error) {
	if c := x.InitializeResult().Capabilities; c != nil && c.Tools == nil {
		return nil, "it says that it has no tools", nil
	}
	seen := map[string]bool{}
	params := &mcp.ListToolsParams{}
	for {
		page, err := x.ListTools(ctx, params)
		if err != nil {
			return nil, "", fmt.Errorf("list its tools: %w", err)
		}
		tools = append(tools, page.Tools...)
		switch {
		case len(tools) > maxTools:
			return tools[:maxTools], fmt.Sprintf("it has more than %d tools: the others are left out", maxTools), nil
		case page.NextCursor == "":
			return tools, "", nil
		case seen[page.NextCursor] || len(seen) >= maxTools:
			return tools, "its list of tools has no end: what comes again is left out", nil
		}
		seen[page.NextCursor] = true
		params = &mcp.ListToolsParams{Cursor: page.NextCursor}
	}
}

// isAlive asks a server whether it still answers. One that does not know the question has answered.
func (x *session) isAlive(ctx context.Context) bool {
	err := x.Ping(ctx, nil)
	return err == nil || errors.As(err, new(*jsonrpc.Error))
}
