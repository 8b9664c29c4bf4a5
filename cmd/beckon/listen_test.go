package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"beckon/internal/freeport"
	"beckon/internal/secret"
	"beckon/internal/signature"
)

// TestListenScripts runs a listener beside a gateway. $LISTEN is an address for it. Beside the commands of TestScripts there is:
//
//	awaits FILE PATTERN   waits until the file has a line that matches
//	terminal NAME         runs NAME.sh of a guide in a terminal that stays open, and writes what it prints to NAME.txt
//	interrupt NAME        is Ctrl-C in that terminal
func TestListenScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/listen",
		Setup: func(env *testscript.Env) error {
			address, err := freeport.Address()
			if err != nil {
				return err
			}
			env.Setenv("LISTEN", address)
			return setup(env)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"gateway": startGateway, "shutdown": stopGateway, "awaits": awaits,
			"guide": unpackGuide, "model": startModel, "terminal": openTerminal, "interrupt": interrupt,
		},
	})
}

func awaits(ts *testscript.TestScript, neg bool, args []string) {
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	text := []byte{}
	err = poll(func() error {
		if text, _ = os.ReadFile(ts.MkAbs(args[0])); !pattern.Match(text) {
			return errors.New("no line matches")
		}
		return nil
	})
	if err != nil {
		ts.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, text)
	}
}

const listenSecret secret.String = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// hearing is a listener as the command makes it, with what it prints.
type hearing struct {
	*httptest.Server
	t        *testing.T
	out, err bytes.Buffer
}

func listenWith(t *testing.T, k listenCommand) *hearing {
	h := &hearing{t: t}
	if k.Secret == "" {
		k.Secret = listenSecret
	}
	l, _, err := k.listener(streams{out: &h.out, err: &h.err})
	require.NoError(t, err)
	h.Server = httptest.NewServer(l)
	t.Cleanup(h.Close)
	return h
}

// send signs a body as the gateway does and posts it. The answer's body is read.
func (h *hearing) send(scheme signature.Scheme, s secret.String, m signature.Message, more ...string) *http.Response {
	h.t.Helper()
	header := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"Beckon/test"}}
	require.NoError(h.t, signature.Sign(header, scheme, "", []secret.String{s}, m))
	for _, field := range more {
		name, value, _ := strings.Cut(field, ": ")
		header.Add(name, value)
	}
	request, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.URL+"/any/path", bytes.NewReader(m.Body))
	require.NoError(h.t, err)
	request.Header = header
	return h.do(request)
}

func (h *hearing) do(request *http.Request) *http.Response {
	h.t.Helper()
	answer, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(h.t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(h.t, err)
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer
}

// printed returns what was printed since the last time.
func (h *hearing) printed() string {
	defer h.out.Reset()
	return h.out.String()
}

func event(id, body string) signature.Message {
	return signature.Message{ID: id, Type: "run.failed", At: time.Now(), Body: []byte(body)}
}

func TestListenVerifiesEveryScheme(t *testing.T) {
	key := signature.NewSecret(signature.Ed25519)
	public, err := signature.PublicKey(key)
	require.NoError(t, err)
	for _, c := range []struct {
		scheme             signature.Scheme
		signer, verifier   secret.String
		kind, verifiedKind string
	}{
		{signature.Standard, listenSecret, listenSecret, "-", "-"},
		{signature.Ed25519, key, secret.String(signature.EncodePublicKey(public)), "-", "-"},
		{signature.HMACHex, "a secret of both", "a secret of both", "run.failed", "run.failed"}, // the header says it
	} {
		h := listenWith(t, listenCommand{Secret: c.verifier})
		require.Equal(t, http.StatusNoContent, h.send(c.scheme, c.signer, event("evt_1", "{}")).StatusCode)
		require.Contains(t, h.printed(), "  "+c.kind+"  -  evt_1  verified\n")
	}
}

func TestListenRefusesWhatDoesNotVerify(t *testing.T) {
	forwards := 0
	behind := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { forwards++ }))
	defer behind.Close()
	h := listenWith(t, listenCommand{Forward: behind.URL})

	answer := h.send(signature.Standard, signature.NewSecret(signature.Standard), event("evt_1", `{"type":"run.completed"}`))
	require.Equal(t, http.StatusUnauthorized, answer.StatusCode)
	require.Contains(t, h.printed(), "  run.completed  -  evt_1  NOT VERIFIED: No signature matches")

	old := event("evt_1", "{}")
	old.At = old.At.Add(-time.Hour)
	require.Equal(t, http.StatusUnauthorized, h.send(signature.Standard, listenSecret, old).StatusCode)
	require.Contains(t, h.printed(), "NOT VERIFIED: The timestamp")

	request, err := http.NewRequest(http.MethodPost, h.URL, strings.NewReader("hi"))
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, h.do(request).StatusCode)
	require.Contains(t, h.printed(), "NOT VERIFIED: The message is not signed")
	require.Zero(t, forwards)

	// What a stranger says about an id does not make the real event one that was seen before.
	require.Equal(t, http.StatusOK, h.send(signature.Standard, listenSecret, event("evt_1", "{}")).StatusCode)
	require.NotContains(t, h.printed(), "seen before")
	h.send(signature.Standard, listenSecret, event("evt_1", "{}"))
	require.Contains(t, h.printed(), "verified  seen before  forwarded: 200\n")
	require.Equal(t, 2, forwards, "what is sent again may have been lost behind the listener")
}

func TestListenBoundsWhatItTakes(t *testing.T) {
	h := listenWith(t, listenCommand{})
	require.Equal(t, http.StatusNoContent, h.send(signature.Standard, listenSecret, event("evt_1", strings.Repeat(" ", maxHeardBytes))).StatusCode)
	h.printed()
	require.Equal(t, http.StatusRequestEntityTooLarge, h.send(signature.Standard, listenSecret, event("evt_2", strings.Repeat(" ", maxHeardBytes+1))).StatusCode)
	request, err := http.NewRequest(http.MethodGet, h.URL+"/favicon.ico", nil)
	require.NoError(t, err)
	answer := h.do(request)
	require.Equal(t, http.StatusMethodNotAllowed, answer.StatusCode)
	require.Equal(t, "POST", answer.Header.Get("Allow"))
	require.Empty(t, h.printed())
	require.Contains(t, h.err.String(), "more than 1048576 bytes")

	seen := newRecent(2)
	for _, step := range []struct {
		id     string
		before bool
	}{{"a", false}, {"a", true}, {"b", false}, {"c", false}, {"b", true}, {"a", false}, {"", false}, {"", false}} {
		require.Equal(t, step.before, seen.add(step.id), step.id)
	}
	require.Len(t, seen.known, 2)
}

// cannotWrite is an output that is full.
type cannotWrite struct{}

func (cannotWrite) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestListenEndsWhenItCannotPrint(t *testing.T) {
	l, _, err := listenCommand{Secret: listenSecret}.listener(streams{out: cannotWrite{}, err: io.Discard})
	require.NoError(t, err)
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- l.serve(t.Context(), func() {}, socket) }()
	h := &hearing{t: t, Server: &httptest.Server{URL: "http://" + socket.Addr().String()}}
	require.Equal(t, http.StatusInternalServerError, h.send(signature.Standard, listenSecret, event("evt_1", "{}")).StatusCode)
	require.ErrorIs(t, <-ended, io.ErrShortWrite)
}

func TestListenFindsItsURL(t *testing.T) {
	at := func(address string) net.Addr {
		a, err := net.ResolveTCPAddr("tcp", address)
		require.NoError(t, err)
		return a
	}
	for wanted, url := range map[string]string{
		"localhost:8788": "http://localhost:4711/", ":0": "http://localhost:4711/", "0.0.0.0:8788": "http://localhost:4711/", "[::]:8788": "http://localhost:4711/",
		"127.0.0.1:0": "http://127.0.0.1:4711/", "[::1]:8788": "http://[::1]:4711/", "hooks.example.com:8788": "http://hooks.example.com:4711/",
	} {
		require.Equal(t, url, publicListenURL(wanted, at("127.0.0.1:4711")))
	}
}
