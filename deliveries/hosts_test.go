package deliveries_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/deliveries"
	"beckon/events"
	"beckon/internal/secret"
	"beckon/internal/store/storetest"
)

const hostToken = "tok3n-hunter22hunter22"

// comments stands in for GitHub and GitLab: it takes what their REST documentation demands, and nothing else.
type comments struct {
	mu      sync.Mutex
	next    int
	bodies  map[string]string // of comments, by the addresses at which they are edited
	refused []string
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
	_, _ = fmt.Fprintf(w, `{"id":%s,"body":%q}`, edited[strings.LastIndexByte(edited, '/')+1:], body.Body)
}

func (c *comments) all() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]string{}
	for path, body := range c.bodies {
		all[path[strings.LastIndexByte(path, '/')+1:]] = strings.SplitN(body, "\n", 4)[2]
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
