package deliveries_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/deliveries"
	"beckon/events"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

const hostToken = "tok3n-hunter22hunter22"

// comments stands in for GitHub and GitLab: it takes what their REST documentation demands, and nothing else.
type comments struct {
	mu      sync.Mutex
	next    int
	bodies  map[string]string // of comments, by the addresses at which they are edited
	refused []string
	asked   int  // for a list
	silent  bool // it writes the next comment, and does not say so
	failing bool // it does not show the next list
}

func newComments() *comments { return &comments{bodies: map[string]string{}} }

func (c *comments) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	path, body := r.URL.EscapedPath(), struct{ Body string }{}
	isGitLab := strings.HasPrefix(path, "/api/v4/")
	refuse := func(status int, why string) {
		c.refused = append(c.refused, why)
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"message":%q}`, why)
	}
	switch {
	case r.Header.Get("Authorization") != "Bearer "+hostToken:
		refuse(401, "Bad credentials")
		return
	case !isGitLab && (r.Header.Get("Accept") != "application/vnd.github+json" || r.Header.Get("X-GitHub-Api-Version") != "2022-11-28" || r.Header.Get("User-Agent") == ""):
		refuse(400, "headers")
		return
	case r.Method == http.MethodGet && strings.HasPrefix(path[strings.LastIndexByte(path, '/'):], "/comments") || r.Method == http.MethodGet && strings.HasSuffix(path, "/notes"):
		c.list(w, r, isGitLab)
		return
	case json.NewDecoder(r.Body).Decode(&body) != nil || body.Body == "" || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		refuse(422, "no body")
		return
	}
	list, edited := map[string]string{"/repos/acme/shop/issues/7/comments": "/repos/acme/shop/issues/comments",
		"/api/v4/projects/acme%2Fshop/issues/7/notes": "/api/v4/projects/acme%2Fshop/issues/7/notes"}[path], path
	switch {
	case r.Method == http.MethodPost && list != "":
		c.next++
		edited = fmt.Sprintf("%s/%d", list, c.next)
		w.WriteHeader(http.StatusCreated)
	case (r.Method == http.MethodPatch && !isGitLab || r.Method == http.MethodPut && isGitLab) && c.bodies[path] != "":
	default:
		refuse(404, "Not Found")
		return
	}
	c.bodies[edited] = body.Body
	if c.silent {
		c.silent = false
		panic(http.ErrAbortHandler)
	}
	_, _ = fmt.Fprintf(w, `{"id":%s,"body":%s}`, edited[strings.LastIndexByte(edited, '/')+1:], quote(body.Body))
}

// list shows a page of one comment: GitHub's by age, and GitLab's the newest first.
func (c *comments) list(w http.ResponseWriter, r *http.Request, isGitLab bool) {
	query := r.URL.Query()
	if c.asked++; c.failing {
		c.failing = false
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	if query.Get("per_page") != "1" || isGitLab && query.Get("sort")+query.Get("order_by") != "desccreated_at" || !isGitLab && query.Get("since") == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	paths := slices.SortedFunc(maps.Keys(c.bodies), func(a, b string) int { return len(a) - len(b) + strings.Compare(a, b) })
	if isGitLab {
		slices.Reverse(paths)
	}
	page, _ := strconv.Atoi(query.Get("page"))
	if page < 1 || page > len(paths) {
		_, _ = io.WriteString(w, "[]")
		return
	}
	path := paths[page-1]
	_, _ = fmt.Fprintf(w, `[{"id":%s,"user":{"id":1},"body":%s}]`, path[strings.LastIndexByte(path, '/')+1:], quote(c.bodies[path]))
}

func quote(text string) string {
	quoted, _ := json.Marshal(text)
	return string(quoted)
}

func (c *comments) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

func (c *comments) all() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]string{}
	for path, body := range c.bodies {
		all[path[strings.LastIndexByte(path, '/')+1:]] = strings.SplitN(body, "\n", 5)[3]
	}
	return all
}

func (c *comments) remove() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.bodies)
}

func answering(text string) func(*events.Event) {
	return func(e *events.Event) { e.Payload = []byte(strings.Replace(string(e.Payload), `"hi"`, `"`+text+`"`, 1)) }
}

func originAt(source, key string, signed bool) string {
	return fmt.Sprintf(`{"source":%q,"key":%q,"signed":%t,"place":{"repository":"acme/shop","thing":"issue","number":"7","commit":""}}`, source, key, signed)
}

func host(id, format string, r *receiver) deliveries.Endpoint {
	return telling(id, format, r, func(e *deliveries.Endpoint) {
		e.URL, e.Secret, e.Repositories, e.Retry = r.URL, hostToken, []string{"Acme/*"}, waits(time.Millisecond)
	})
}

func TestACommentIsEditedInPlace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		for _, format := range []string{"github", "gitlab"} {
			c := newComments()
			r := newReceiver(t, c.ServeHTTP)
			p := newPlant(t, storetest.Open(t, url), host(format, format, r))
			n := 0
			answers := func(text string) {
				p.happens(ofTriage, "run.completed", answering(text))
				n++
				p.settled(format, deliveries.Delivered, n)
			}
			p.comesFrom(originAt(format, "acme/shop#7", true))
			answers("first")
			answers("second")
			require.Equal(t, map[string]string{"1": "second"}, c.all())
			p.comesFrom(originAt(format, "acme/shop#7/other", true))
			answers("third")
			require.Equal(t, map[string]string{"1": "second", "2": "third"}, c.all(), "another key")
			c.remove()
			p.comesFrom(originAt(format, "acme/shop#7", true))
			answers("fourth")
			require.Equal(t, map[string]string{"3": "fourth"}, c.all(), "a deleted comment makes a new one")
			answers("fifth")
			require.Equal(t, map[string]string{"3": "fifth"}, c.all())
			require.Equal(t, []string{"Not Found"}, c.refused)

			d := p.all(deliveries.Query{EndpointID: format})[0]
			attempt := p.attempts(d.ID)[0]
			require.Contains(t, attempt.URL, "/issues/7/", "its path is no key")
			text, err := json.Marshal(attempt)
			require.NoError(t, err)
			require.NotContains(t, string(text), hostToken)
		}
	})
}

func TestOnlyWhatIsProvedIsWritten(t *testing.T) {
	r := newReceiver(t, say(201, `{"id":1}`))
	p := newPlant(t, storetest.Open(t, storetest.SQLite(t)), host("hub", "github", r))
	for i, tt := range []struct{ origin, code, says string }{
		{originAt("github", "k", false), "not_signed", "No signature proved that GitHub sent the call of this run"},
		{strings.ReplaceAll(originAt("github", "k", true), "acme/", "evil/"), "repository_not_listed", "evil/shop is not among the endpoint's repositories"},
		{"", "no_place", "not started by a webhook of GitHub"},
	} {
		p.comesFrom(tt.origin)
		id := p.happens(ofTriage, "run.completed")
		p.settled("hub", deliveries.Failed, i+1)
		for _, d := range p.all(deliveries.Query{EndpointID: "hub"}) {
			if d.EventID == id {
				require.Equal(t, tt.code, d.Error.Code)
				require.Contains(t, d.Error.Message, tt.says)
				require.Len(t, p.attempts(d.ID), 1)
			}
		}
		p.clock.advance(6 * 24 * time.Hour)
	}
	require.Empty(t, r.got())
	p.comesFrom(originAt("github", "k", true))
	p.happens(ofTriage, "run.completed")
	p.settled("hub", deliveries.Delivered, 1) // what it could not be told for ten days has not disabled it
}

// A 410 of GitHub is about an issue, and not about the endpoint.
func TestAnIssueThatIsGoneLeavesTheEndpoint(t *testing.T) {
	r := newReceiver(t, say(410, `{"message":"This issue was deleted"}`))
	p := newPlant(t, storetest.Open(t, storetest.SQLite(t)), host("hub", "github", r))
	p.comesFrom(originAt("github", "k", true))
	p.happens(ofTriage, "run.completed")
	d := p.settled("hub", deliveries.Failed, 1)[0]
	require.Equal(t, "GitHub refused the message: This issue was deleted.", d.Error.Message)
	r.change(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"id":1}`) })
	p.happens(ofTriage, "run.completed")
	p.settled("hub", deliveries.Delivered, 1)
}

func TestATestOfAHostAsksForTheRepository(t *testing.T) {
	r := newReceiver(t, say(200, `{"full_name":"acme/shop"}`))
	e := host("hub", "github", r)
	e.Repositories = []string{"acme/*", "acme/shop"}
	p := newPlant(t, storetest.Open(t, storetest.SQLite(t)), e)
	d, _, err := p.Test(t.Context(), "hub", "run.completed")
	require.NoError(t, err)
	require.Equal(t, deliveries.Delivered, d.Status)
	require.Equal(t, "/repos/acme/shop", r.got()[0].path)
	require.Equal(t, "Bearer "+hostToken, r.got()[0].header.Get("Authorization"))
}

func TestHostsHaveTheirFields(t *testing.T) {
	require.Empty(t, deliveries.Endpoint{ID: "a", Format: "github", Secret: "x", Repositories: []string{"acme/*"}}.Check())
	require.Empty(t, deliveries.Endpoint{ID: "a", Format: "gitlab", Secret: secret.String("x"), As: "status", Repositories: []string{"acme/**"}}.Check())
	found := deliveries.Endpoint{ID: "a", Format: "slack", URL: "https://hooks.slack.com/x", As: "status", Repositories: []string{"acme/*"}, From: "x"}.Check()
	var lines []string
	for _, f := range found {
		lines = append(lines, f.Path+" "+f.Message)
	}
	require.Contains(t, strings.Join(lines, "\n"), "as means nothing to this format: it is for github, gitlab")
	require.Contains(t, strings.Join(lines, "\n"), "repositories means nothing")
	require.Contains(t, strings.Join(lines, "\n"), "from means nothing")
}

// A host that has written a comment and could not say so is asked before another one is written.
func TestACommentIsWrittenOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		for _, format := range []string{"github", "gitlab"} {
			c := newComments()
			e := host(format, format, newReceiver(t, c.ServeHTTP))
			e.Retry = waits(time.Millisecond, time.Millisecond)
			p := newPlant(t, storetest.Open(t, url), e)
			p.comesFrom(originAt(format, "acme/shop#7", true))
			c.set(func() {
				c.silent, c.failing = true, true
				for i := range 3 { // of others
					c.next++
					c.bodies[fmt.Sprintf("/x/issues/comments/%d", c.next)] = fmt.Sprintf("a\n\nb\nof others %d "+strings.Repeat("x", 30_000), i)
				}
			})
			p.happens(ofTriage, "run.completed", answering("first"))
			attempts := p.attempts(p.settled(format, deliveries.Delivered, 1)[0].ID)
			require.Len(t, attempts, 3)
			require.Equal(t, "not_found_out", attempts[1].Error.Code)
			require.Contains(t, attempts[1].Error.Message, "the receiver answered 502. It is tried again.")
			require.Nil(t, attempts[2].Error)
			require.Equal(t, 4, c.next)
			require.Equal(t, "first", c.all()["4"])

			c.set(func() { c.asked = 0 })
			p.happens(ofTriage, "run.completed", answering("second"))
			p.settled(format, deliveries.Delivered, 2)
			require.Equal(t, "second", c.all()["4"], "it is known to be ours")
			p.comesFrom(originAt(format, "acme/shop#7/other", true))
			p.happens(ofTriage, "run.completed", answering("third"))
			p.settled(format, deliveries.Delivered, 3)
			require.Equal(t, "third", c.all()["5"])
			require.Zero(t, c.asked, "nothing is looked for where nothing is in doubt")
			require.Empty(t, c.refused)
		}
	})
}

// What was claimed by a process that died is in doubt, and so is what ended without an answer.
func TestACommentOfADeadProcessIsFound(t *testing.T) {
	c := newComments()
	r := newReceiver(t, c.ServeHTTP)
	s := storetest.Open(t, storetest.SQLite(t))
	p := newPlant(t, s, host("hub", "github", r))
	p.comesFrom(originAt("github", "acme/shop#7", true))
	p.happens(ofTriage, "run.completed", answering("first"))
	d := p.settled("hub", deliveries.Delivered, 1)[0]
	require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { // as if the process had died before it wrote what came of the attempt
		for _, statement := range []string{"DELETE FROM attempts", "DELETE FROM delivery_threads",
			"UPDATE deliveries SET status = 'SENDING', instance_id = 'dead', attempts = 0, tries = 0, status_code = NULL, completed_at = NULL"} {
			if err := tx.Exec(statement); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, p.RecoverFrom(t.Context(), "dead", func(store.Tx) error { return nil }))
	require.Eventually(t, func() bool { return len(p.attempts(d.ID)) == 1 }, patience, time.Millisecond)
	attempt := p.attempts(d.ID)[0]
	require.Nil(t, attempt.Error)
	require.Equal(t, http.StatusOK, attempt.StatusCode)
	require.Equal(t, 1, c.next)
	p.happens(ofTriage, "run.completed", answering("second"))
	p.settled("hub", deliveries.Delivered, 2)
	require.Equal(t, map[string]string{"1": "second"}, c.all())
}
