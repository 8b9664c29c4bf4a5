package server_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/deliveries"
	"beckon/events"
	"beckon/internal/problem"
	"beckon/runs"
	"beckon/server"
)

const person = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"

// sharing is a gateway whose clients get pages for recipients, with somebody who listens for run.viewed.
type sharing struct {
	*gateway
	clock *movable
	heard chan map[string]any
}

func newSharing(t *testing.T, changes ...func(*server.Config)) *sharing {
	s := &sharing{clock: &movable{at: time.Date(2026, 2, 18, 9, 41, 0, 0, time.UTC)}, heard: make(chan map[string]any, 200)}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var payload map[string]any
		if err := json.Unmarshal(body, &payload); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		s.heard <- payload
	}))
	t.Cleanup(receiver.Close)
	s.gateway = newGateway(t, setting{now: s.clock.now,
		invoke: map[string]agents.Factory{"painter": func(agents.Provider, agents.Agent) (agents.Invoker, problem.Fields) { return painter{}, nil },
			"broken": func(agents.Provider, agents.Agent) (agents.Invoker, problem.Fields) { return broken{}, nil }},
		providers: []agents.Provider{{ID: "painter", Type: "painter"}, {ID: "offline", Type: "template", Template: "# Hello\n\n{{.prompt}}"}, {ID: "broken", Type: "broken"}},
		agents: []agents.Agent{{ID: "paint", Provider: "painter", Share: true}, {ID: "write", Name: "Northwind SRE", Provider: "offline", Share: true},
			{ID: "fail", Provider: "broken", Share: true}, {ID: "quiet", Provider: "offline"}},
		flows: []agents.Flow{{ID: "both", Share: true, Root: agents.Step{Type: agents.StepAgent, AgentID: "quiet"}}},
		clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"write", "paint", "fail", "quiet", "both", "triage"}},
			{ID: "giver", Passthrough: true, Share: true, AllowedAgents: []string{"quiet"}}},
		endpoints: []deliveries.Endpoint{{ID: "crm", URL: receiver.URL, Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", Events: []string{events.RunViewed}}},
		server: func(c *server.Config) {
			c.Admin.Token, c.Admin.Sessions = "admin", loggedIn{}
			for _, change := range changes {
				change(c)
			}
		}})
	return s
}

// broken answers nothing.
type broken struct{}

func (broken) Invoke(context.Context, agents.Call) (agents.Result, error) {
	return agents.Result{}, problem.New(problem.Upstream, "provider_error", "s3cret reason")
}

// shared makes a call, and returns the id of its run and the link to its page.
func (s *sharing) shared(agent, prompt string) (runID, link string) {
	a := s.do(s.request("/api/v1/webhooks/ci?agent="+agent, prompt, "Prefer: wait=10"))
	require.Equal(s.t, 200, a.StatusCode, a.body)
	link, _ = a.json(s.t)["shareUrl"].(string)
	require.NotEmpty(s.t, link, a.body)
	return a.Header.Get("Beckon-Run-Id"), link
}

func (s *sharing) read(runID string) map[string]any {
	r := s.request("/api/v1/runs/"+runID, "")
	r.Method = http.MethodGet
	return s.do(r).json(s.t)
}

func (s *sharing) view(link string, headers ...string) answer {
	return s.open(link, append([]string{"User-Agent: " + person}, headers...)...)
}

func (s *sharing) hears(t *testing.T) map[string]any {
	select {
	case payload := <-s.heard:
		return payload
	case <-time.After(10 * time.Second):
		require.Fail(t, "nobody was told")
		return nil
	}
}

func TestAPageForRecipients(t *testing.T) {
	s := newSharing(t)
	id, link := s.shared("write", "What **was** asked.")
	require.True(t, strings.HasPrefix(link, publicURL+"/r/"+id+"?expires="), link)
	page := s.view(link)
	require.Equal(t, 200, page.StatusCode, page.body)
	require.Contains(t, page.body, "<h1>Hello</h1>")
	require.Contains(t, page.body, "<strong>was</strong>")
	require.Contains(t, page.body, "<title>A result from Northwind SRE</title>")
	require.Equal(t, "no-referrer", page.Header.Get("Referrer-Policy"))
	require.Contains(t, page.Header.Get("Content-Security-Policy"), "default-src 'none'")
	require.Empty(t, page.Header.Values("Set-Cookie"))

	document := s.read(id)
	require.Equal(t, 200, s.view(document["shareUrl"].(string)).StatusCode)
	require.EqualValues(t, 2, s.read(id)["views"])

	cut := s.view(link[:len(link)-1])
	require.Equal(t, 404, cut.StatusCode)
	require.Contains(t, cut.Header.Get("Content-Type"), "text/html")
	require.Contains(t, cut.body, "This page does not exist")
	require.Equal(t, 404, s.view(strings.Replace(link, id, "run_01JZX5B7Q0000000000000000", 1)).StatusCode)

	s.clock.pass(720 * time.Hour)
	over := s.view(link)
	require.Equal(t, 410, over.StatusCode)
	require.Contains(t, over.body, "This link has expired")
	require.NotContains(t, over.body, "Hello")
	require.Equal(t, 200, s.view(s.read(id)["shareUrl"].(string)).StatusCode)
}

func TestAPageHasTheFilesOfItsRun(t *testing.T) {
	s := newSharing(t)
	_, link := s.shared("paint", "meow")
	page := s.view(link)
	_, rest, found := strings.Cut(page.body, `<img src="..`)
	require.True(t, found, page.body)
	address, _, _ := strings.Cut(rest, `"`)
	file := s.open(publicURL + strings.ReplaceAll(address, "&amp;", "&"))
	require.Equal(t, 200, file.StatusCode)
	require.Equal(t, png+"meow", file.body)
	require.Contains(t, page.body, `download="cat.png"`)
}

// Agents, flows and clients give pages; an agent within a flow that says nothing does not.
func TestWhichRunsHavePages(t *testing.T) {
	s := newSharing(t)
	s.shared("both", "x")
	a := s.do(s.request("/api/v1/webhooks/giver", "x", "Authorization: Bearer "+token+"giver"))
	require.NotEmpty(t, a.json(t)["shareUrl"], a.body)
	a = s.do(s.request("/api/v1/webhooks/ci?agent=quiet", "x"))
	require.NotContains(t, a.json(t), "shareUrl")
	id := a.Header.Get("Beckon-Run-Id")
	require.Nil(t, s.read(id)["shareUrl"])
	require.Equal(t, "run.viewed", s.hears(t)["type"], "its client reads it, as ever")
	require.Equal(t, 404, s.view(s.srv.Share.Link(id)).StatusCode)
	require.Equal(t, 404, s.admin(http.MethodDelete, "/api/v1/admin/runs/"+id+"/share").StatusCode)
}

func TestAPageWithoutAnAnswer(t *testing.T) {
	s := newSharing(t)
	s.do(s.request("/api/v1/webhooks/ci?agent=fail", "x"))
	list, _, err := s.runs.List(t.Context(), runs.Query{Limit: 1})
	require.NoError(t, err)
	page := s.view(s.read(list[0].ID)["shareUrl"].(string))
	require.Equal(t, 200, page.StatusCode)
	require.Contains(t, page.body, "There is no result")
	require.NotContains(t, page.body, "s3cret")
	require.NotContains(t, page.body, list[0].Error.Code)

	s.model.hold()
	run, err := s.runs.Enqueue(t.Context(), runs.Request{ClientID: "ci", Entry: &agents.Entry{ID: "triage"}, Source: runs.SourceAPI, Input: "x", Share: true})
	require.NoError(t, err)
	page = s.view(s.read(run.ID)["shareUrl"].(string))
	require.Equal(t, 200, page.StatusCode)
	require.Contains(t, page.body, "not ready yet")
	require.Contains(t, page.body, `http-equiv="refresh"`)
	require.Zero(t, s.read(run.ID)["views"], "there is nothing to see yet")
}

func TestARevokedPageStaysRevoked(t *testing.T) {
	s := newSharing(t)
	id, link := s.shared("write", "x")
	require.Equal(t, 200, s.view(link).StatusCode)
	s.hears(t)
	path := "/api/v1/admin/runs/" + id + "/share"
	r := s.request(path, "")
	r.Method = http.MethodDelete
	require.Equal(t, 401, s.do(r).StatusCode, "a client may not revoke it")
	require.Equal(t, 204, s.admin(http.MethodDelete, path).StatusCode)
	require.Equal(t, 404, s.admin(http.MethodDelete, path).StatusCode)
	gone := s.view(link)
	require.Equal(t, 404, gone.StatusCode)
	require.Contains(t, gone.body, "This page does not exist")
	document := s.read(id)
	require.Nil(t, document["shareUrl"])
	require.EqualValues(t, 1, document["views"])
	audit := s.admin(http.MethodGet, "/api/v1/admin/audit").body
	require.Contains(t, audit, `"revoke"`)
	require.Contains(t, audit, id)
	require.Empty(t, s.heard)
}

// Each time that a person opens the page those who ask for run.viewed are told of it, from where and with what.
func TestEachViewIsTold(t *testing.T) {
	_, loopback, err := net.ParseCIDR("127.0.0.0/8")
	require.NoError(t, err)
	s := newSharing(t, func(c *server.Config) { c.TrustedProxies = []*net.IPNet{loopback} })
	id, link := s.shared("write", "x")
	require.Equal(t, "COMPLETED", s.read(id)["status"])
	for i, address := range []string{"198.51.100.7", "2001:db8::7"} {
		require.Equal(t, 200, s.view(link, "X-Forwarded-For: "+address).StatusCode)
		payload := s.hears(t)
		require.Equal(t, "run.viewed", payload["type"])
		require.Equal(t, id, payload["runId"])
		data := payload["data"].(map[string]any)
		require.Equal(t, address, data["viewerIp"], i)
		require.Equal(t, person, data["userAgent"])
		require.Equal(t, "2026-02-18T09:41:00.000Z", data["viewedAt"])
		require.Equal(t, "COMPLETED", data["status"])
	}
	require.Empty(t, s.heard, "the client that has read it is no recipient")
}

// An address that somebody only claims to have is not told.
func TestTheAddressOfAViewerIsNotClaimed(t *testing.T) {
	s := newSharing(t)
	_, link := s.shared("write", "x")
	s.view(link, "X-Forwarded-For: 198.51.100.7")
	require.Equal(t, "127.0.0.1", s.hears(t)["data"].(map[string]any)["viewerIp"])
}

func TestWhatIsNoView(t *testing.T) {
	s := newSharing(t)
	id, link := s.shared("write", "x")
	head := s.request(strings.TrimPrefix(link, publicURL), "", "-Authorization: ", "User-Agent: "+person)
	head.Method = http.MethodHead
	require.Equal(t, 200, s.do(head).StatusCode)
	for _, header := range []string{"User-Agent: Slackbot-LinkExpanding 1.0", "User-Agent: WhatsApp/2.23", "User-Agent: ", "Sec-Purpose: prefetch", "Cookie: session=1"} {
		require.Equal(t, 200, s.view(link, header).StatusCode, header)
	}
	require.Zero(t, s.read(id)["views"])
	s.view(link)
	require.EqualValues(t, 1, s.read(id)["views"])
	s.hears(t)
	require.Empty(t, s.heard)
}

// A link that went round tells of the first 60 views in an hour, and counts the others.
func TestAFloodOfViewsIsBounded(t *testing.T) {
	s := newSharing(t)
	s.clock.pass(time.Minute) // within the hour
	id, link := s.shared("write", "x")
	for range 70 {
		require.Equal(t, 200, s.view(link).StatusCode)
	}
	for range 60 {
		s.hears(t)
	}
	require.EqualValues(t, 70, s.read(id)["views"])
	s.clock.pass(time.Hour)
	require.Equal(t, 200, s.view(link).StatusCode)
	require.Equal(t, "2026-02-18T10:42:00.000Z", s.hears(t)["data"].(map[string]any)["viewedAt"])
	require.Empty(t, s.heard)
}
