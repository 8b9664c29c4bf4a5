package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"beckon/clients"
	"beckon/internal/catalog"
	"beckon/internal/config"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

const (
	patience  = 20 * time.Second
	smallFile = `
database: {url: %q}
admin: {password: "a password"}
providers: [{id: offline, type: template, template: "re: {{.prompt}}"}]
agents: [{id: a, provider: offline}]
clients: [{id: ci, token: t0ken, passthrough: true, allowedAgents: [a]}]
`
)

// load loads a configuration file of this test.
func load(t testing.TB, text string) *config.Config {
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	c, err := Load(path)
	require.NoError(t, err)
	return c
}

func sqliteIn(folder string) string { return "sqlite:" + filepath.Join(folder, "beckon.db") }

func listen(t testing.TB) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func quiet(c *config.Config, address net.Addr) Config {
	return Config{Initial: c, Address: address, Version: "test", Log: slog.New(slog.DiscardHandler), Level: new(slog.LevelVar)}
}

// started is a gateway that answers.
type started struct {
	*Gateway
	t      testing.TB
	url    string
	client *http.Client
	stop   context.CancelFunc
	ended  chan error // what Run has returned
}

func start(t testing.TB, c *config.Config) *started {
	return startWith(t, c, func(*Config) {})
}

// startWith is start of a gateway that change has changed.
func startWith(t testing.TB, c *config.Config, change func(*Config)) *started {
	l := listen(t)
	made := quiet(c, l.Addr())
	change(&made)
	g, err := Open(t.Context(), made)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	s := &started{Gateway: g, t: t, url: "http://" + l.Addr().String(), stop: stop, ended: make(chan error, 1),
		client: &http.Client{Transport: &http.Transport{}}}
	go func() { s.ended <- g.Run(ctx, l) }()
	t.Cleanup(func() {
		stop()
		_ = g.Close()
		s.client.CloseIdleConnections()
	})
	return s
}

// call makes a call of a client, and returns the status and the answer.
func (s *started) call(client, token, prompt string) (status int, answer string) {
	r, err := http.NewRequest(http.MethodPost, s.url+"/api/v1/webhooks/"+client, strings.NewReader(prompt))
	require.NoError(s.t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := s.client.Do(r)
	require.NoError(s.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return response.StatusCode, string(body)
}

func (s *started) end() {
	s.stop()
	select {
	case err := <-s.ended:
		require.NoError(s.t, err)
	case <-time.After(patience):
		require.Fail(s.t, "Run did not end")
	}
	s.client.CloseIdleConnections()
}

func TestOpenRunClose(t *testing.T) {
	delivered := make(chan struct{}, 2)
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { delivered <- struct{}{} }))
	t.Cleanup(receiver.Close)
	leaks := goleak.IgnoreCurrent()
	c := load(t, fmt.Sprintf(smallFile+`
egress: {allowPrivate: [127.0.0.1/32]}
endpoints: [{id: e, url: %q, secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, events: [run.completed]}]
`, sqliteIn(t.TempDir()), receiver.URL))
	for range 2 { // the second one finds all as the first has left it
		s := start(t, c)
		require.Empty(t, s.Welcome, "there is nothing to say about what is configured")
		status, answer := s.call("ci", "t0ken", "hi")
		require.Equal(t, http.StatusOK, status, answer)
		var d struct {
			RunID, Status string
		}
		require.NoError(t, json.Unmarshal([]byte(answer), &d))
		require.Equal(t, "COMPLETED", d.Status, answer)
		select {
		case <-delivered:
		case <-time.After(patience):
			require.Fail(t, "the event was not delivered")
		}
		s.end()
		require.NoError(t, s.Close(), "it is closed already")
		_, err := s.client.Get(s.url)
		require.Error(t, err)
		goleak.VerifyNone(t, leaks)

		db, err := store.Open(t.Context(), c.Database.URL.Reveal(), store.Options{}, silent)
		require.NoError(t, err)
		require.Equal(t, "COMPLETED", storetest.Row[string](t, db, "SELECT status FROM runs WHERE id = ?", d.RunID))
		require.Zero(t, storetest.Row[int](t, db, "SELECT COUNT(*) FROM instances"), "it has taken itself off the list")
		require.NoError(t, db.Close())
	}
}

// Close does without Run.
func TestCloseWithoutRun(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	g, err := Open(t.Context(), quiet(load(t, fmt.Sprintf(smallFile, sqliteIn(t.TempDir()))), nil))
	require.NoError(t, err)
	require.NoError(t, g.Close())
	goleak.VerifyNone(t, leaks)

	l := listen(t)
	require.NoError(t, g.Run(t.Context(), l), "a gateway that is closed has nothing to answer")
	_, err = net.Dial("tcp", l.Addr().String())
	require.Error(t, err)
}

// A listener that fails ends Run, and all that Open has started.
func TestRunEndsWithItsListener(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	g, err := Open(t.Context(), quiet(load(t, fmt.Sprintf(smallFile, sqliteIn(t.TempDir()))), nil))
	require.NoError(t, err)
	l := listen(t)
	require.NoError(t, l.Close())
	require.ErrorIs(t, g.Run(t.Context(), l), net.ErrClosed)
	goleak.VerifyNone(t, leaks)
}

func TestOneGatewayForASQLiteFile(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	c := load(t, fmt.Sprintf(smallFile, sqliteIn(t.TempDir())))
	s := start(t, c)
	status, answer := s.call("ci", "t0ken", "hi")
	require.Equal(t, http.StatusOK, status, answer)
	s.client.CloseIdleConnections()
	whileOne := goleak.IgnoreCurrent()

	_, err := Open(t.Context(), quiet(c, nil))
	require.ErrorContains(t, err, "another Beckon serves")
	goleak.VerifyNone(t, whileOne)
	status, answer = s.call("ci", "t0ken", "again")
	require.Equal(t, http.StatusOK, status, answer)
	s.end()
	goleak.VerifyNone(t, leaks)
}

// An Open that fails has stopped what it started, wherever it stood: the next one finds the database free.
func TestOpenThatFailsHalfway(t *testing.T) {
	folder := t.TempDir()
	good := load(t, fmt.Sprintf(smallFile, sqliteIn(folder)))
	require.NoError(t, start(t, good).Close())
	for name, broken := range map[string]struct {
		change func(c *config.Config) // of what Open is given
		spoil  string                 // what is done to the database before
		mend   string
		want   string
	}{
		"the first load": {change: func(c *config.Config) { c.Log.Level = "loud" }, want: "log.level"},
		"the password": {change: func(c *config.Config) { c.Admin.Password = "" },
			spoil: "ALTER TABLE admin_password RENAME TO elsewhere", mend: "ALTER TABLE elsewhere RENAME TO admin_password", want: "admin_password"},
		"the instance": {spoil: "ALTER TABLE instances RENAME TO elsewhere", mend: "ALTER TABLE elsewhere RENAME TO instances", want: "instance is alive"},
	} {
		t.Run(name, func(t *testing.T) {
			leaks := goleak.IgnoreCurrent()
			c := load(t, fmt.Sprintf(smallFile, sqliteIn(folder)))
			if broken.change != nil {
				broken.change(c)
			}
			change(t, c, broken.spoil)
			_, err := Open(t.Context(), quiet(c, nil))
			require.ErrorContains(t, err, broken.want)
			goleak.VerifyNone(t, leaks)
			change(t, c, broken.mend)
			require.NoError(t, start(t, good).Close())
		})
	}
}

// change changes a database behind the back of its gateway.
func change(t *testing.T, c *config.Config, statement string) {
	if statement == "" {
		return
	}
	db, err := store.Open(t.Context(), c.Database.URL.Reveal(), store.Options{}, silent)
	require.NoError(t, err)
	require.NoError(t, db.Write(t.Context(), func(tx store.Tx) error { return tx.Exec(statement) }))
	require.NoError(t, db.Close())
}

// The first start says how to call it, and what it says works.
func TestWelcome(t *testing.T) {
	for _, variable := range []string{"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"} {
		t.Setenv(variable, "")
	}
	t.Setenv("BECKON_DATABASE_URL", sqliteIn(t.TempDir()))
	c, err := Load("")
	require.NoError(t, err)
	s := start(t, c)
	_, after, found := strings.Cut(s.Welcome, "Bearer ")
	require.True(t, found, s.Welcome)
	token, _, _ := strings.Cut(after, "'")
	require.Contains(t, s.Welcome, fmt.Sprintf("http://localhost:%d/api/v1/webhooks/demo", s.Address.(*net.TCPAddr).Port))
	require.Contains(t, s.Welcome, "The admin page is at")
	status, answer := s.call("demo", token, "hi")
	require.Equal(t, http.StatusOK, status, answer)
	s.end()
	again := start(t, c)
	require.Empty(t, again.Welcome)
	again.end()
}

// What another process changes in the database, and what is changed in the file, comes into force without a restart.
func TestAGatewayFollowsItsConfiguration(t *testing.T) {
	c := load(t, fmt.Sprintf(smallFile, sqliteIn(t.TempDir())))
	s := start(t, c)
	editor, err := OpenEditor(t.Context(), c)
	require.NoError(t, err)
	defer editor.Store.Close()
	_, token, err := catalog.Of[clients.Client](editor).Create(t.Context(), "test", clients.Client{ID: "new", Passthrough: true, AllowedAgents: []string{"a"}})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		status, _ := s.call("new", token.Reveal(), "hi")
		return status == http.StatusOK
	}, patience, 20*time.Millisecond)

	changed := strings.Replace(fmt.Sprintf(smallFile, c.Database.URL.Reveal()), "re: ", "now: ", 1)
	require.NoError(t, os.WriteFile(c.File(), []byte(changed), 0o600))
	require.Eventually(t, func() bool {
		_, answer := s.call("ci", "t0ken", "hi")
		return strings.Contains(answer, "now: hi")
	}, patience, 20*time.Millisecond)
	s.end()
}

func TestPartsStopInReverse(t *testing.T) {
	var p parts
	var stopped []string
	note := func(name string) func() { return func() { stopped = append(stopped, name) } }
	p.add(note("first"))
	p.addLoop("second", func(ctx context.Context) {
		<-ctx.Done()
		note("second")()
	})
	late, wrong := errors.New("late"), errors.New("wrong")
	p.addWithin(time.Millisecond, func(ctx context.Context) error {
		<-ctx.Done()
		note("third")()
		return late
	})
	p.addWithin(time.Hour, func(ctx context.Context) error {
		note("fourth")()
		return errors.Join(ctx.Err(), wrong)
	})
	err := p.stop()
	require.ErrorIs(t, err, late)
	require.ErrorIs(t, err, wrong)
	require.NotErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, []string{"fourth", "third", "second", "first"}, stopped)
}
