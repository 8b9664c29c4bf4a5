package web_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"beckon/gateway/gatewaytest"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/web"
)

const password = "correct horse"

// clock stands still until a test moves it on.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// numbers answers with the same every time.
type numbers struct {
	stats web.Stats
	err   error
	since time.Time
}

func (n *numbers) Stats(_ context.Context, since time.Time) (web.Stats, error) {
	n.since = since
	return n.stats, n.err
}

// site is a Web behind HTTP, on a database of its own.
type site struct {
	t       *testing.T
	web     *web.Web
	store   *store.Store
	clock   *clock
	numbers *numbers
	url     string
	address string // of the caller
	files   fstest.MapFS
	log     *strings.Builder
}

func newSite(t *testing.T, options ...func(*web.Config)) *site {
	s := siteOn(t, storetest.Open(t, storetest.Default(t)))
	s.serve(options...)
	return s
}

// siteOn serves nothing yet.
func siteOn(t *testing.T, db *store.Store) *site {
	return &site{t: t, store: db, clock: &clock{now: time.Now()}, numbers: &numbers{}, address: "192.0.2.1", files: someAssets(), log: &strings.Builder{}}
}

// serve starts another gateway on the site's database.
func (s *site) serve(options ...func(*web.Config)) {
	c := web.Config{Store: s.store, Password: secret.String(password), PublicURL: "http://localhost:8080", Version: "1.2.3", Statistics: s.numbers,
		Log: slog.New(slog.NewTextHandler(s.log, nil)), Now: s.clock.Now}
	for _, option := range options {
		option(&c)
	}
	if c.Backend == nil {
		c.Backend = &web.Backend{}
	}
	if c.Backend.Editor == nil {
		c.Backend.Editor = gatewaytest.Editor(s.t, s.store, gatewaytest.Setup{})
	}
	if c.Backend.Settings == nil {
		c.Backend.Settings = &records{}
	}
	var err error
	s.web, err = web.NewWith(c, s.files)
	require.NoError(s.t, err)
	e := echo.New()
	e.IPExtractor = func(*http.Request) string { return s.address }
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		p, status := problem.Of(err), http.StatusInternalServerError
		if he, ok := errors.AsType[*echo.HTTPError](err); ok {
			p, status = problem.New(problem.NotFound, "route_not_found", "There is nothing at this address."), he.Code
		}
		switch p.Kind {
		case problem.Denied:
			status = http.StatusForbidden
		case problem.NotFound:
			status = http.StatusNotFound
		case problem.Invalid:
			status = http.StatusBadRequest
		case problem.TooLarge:
			status = http.StatusRequestEntityTooLarge
		}
		c.Response().Header().Set("X-Request-Id", "req_mine")
		require.True(s.t, s.web.Owns(c.Request().URL.Path))
		require.NoError(s.t, s.web.AnswerProblem(c, p, status))
	}
	s.web.Register(e)
	listener := httptest.NewServer(e)
	s.t.Cleanup(listener.Close)
	s.url = listener.URL
}

// noted is the audit list, the oldest entry first.
func (s *site) noted() (list []string) {
	editor := catalog.NewEditor(catalog.EditorConfig{Nouns: catalog.NewRegistry(nil), Store: s.store})
	entries, _, err := editor.AuditEntries(s.t.Context(), catalog.AuditQuery{Limit: 100})
	require.NoError(s.t, err)
	for _, e := range slices.Backward(entries) {
		list = append(list, strings.Join([]string{e.Who, e.Action, e.Section, e.ResourceID}, " "))
	}
	return list
}

// someAssets stand for those that `make assets` gets, so that pages don't change with them.
func someAssets() fstest.MapFS {
	files := fstest.MapFS{}
	for _, name := range append(web.Needed(), "tokens.css", "theme.js", "times.js", "search.js", "beckon.css", "nouns.css", "records.css", "beckon.js", "docs.css", "docs.js", "icon.svg") {
		files[name] = &fstest.MapFile{Data: []byte("this is " + name)}
	}
	return files
}

// answer is what came back, with its body read.
type answer struct {
	*http.Response
	body string
}

// browser keeps the cookie that it was given last, and follows nothing.
type browser struct {
	*site
	cookie *http.Cookie
}

func (s *site) browser() *browser { return &browser{site: s} }

func (b *browser) do(method, path string, form url.Values, headers ...string) answer {
	request, err := http.NewRequest(method, b.url+path, strings.NewReader(form.Encode()))
	require.NoError(b.t, err)
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	if b.cookie != nil {
		request.AddCookie(b.cookie)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(b.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(b.t, err)
	for _, cookie := range response.Cookies() {
		b.cookie = cookie
		if cookie.MaxAge < 0 {
			b.cookie = nil
		}
	}
	return answer{response, string(body)}
}

func (b *browser) get(path string, headers ...string) answer {
	return b.do(http.MethodGet, path, nil, headers...)
}

func (b *browser) post(path string, form url.Values, headers ...string) answer {
	if form == nil {
		form = url.Values{}
	}
	return b.do(http.MethodPost, path, form, headers...)
}

func (b *browser) login(with string) answer {
	return b.post("/admin/login", url.Values{"password": {with}})
}

// signedIn is a browser that has logged in.
func (s *site) signedIn() *browser {
	b := s.browser()
	require.Equal(s.t, http.StatusSeeOther, b.login(password).StatusCode)
	require.NotNil(s.t, b.cookie)
	return b
}

// knows reports whether the browser is signed in.
func (b *browser) knows() bool { return b.get("/admin").StatusCode == http.StatusOK }

// deletion is the form that deletes a resource: the ID that was typed, and the version that was seen.
func deletion(typed, version string) url.Values {
	return url.Values{"confirm": {typed}, "version": {version}}
}
