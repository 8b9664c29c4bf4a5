package all_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/deliveries/destinations"
	"beckon/internal/problem"
	"beckon/internal/repository"
)

// hosted is a message of a run that an event at a place has started.
func hosted(source string, signed bool, p repository.Place) destinations.Message {
	m := message("run.completed")
	m.Key, m.Origin = "acme/shop", &destinations.Origin{Source: source, Signed: signed, Place: &p}
	return m
}

var (
	issue  = repository.Place{Repository: "acme/shop", Thing: repository.Issue, Number: "7"}
	change = repository.Place{Repository: "Acme/Shop", Thing: repository.MergeRequest, Number: "7", Commit: commit}
	pushed = repository.Place{Repository: "acme/group/shop", Commit: commit}
)

func TestWhereACommentGoes(t *testing.T) {
	for _, tt := range []struct {
		name, source string
		place        repository.Place
		first        string
		want         string
	}{
		{"github", "github", issue, "", "POST https://api.github.com/repos/acme/shop/issues/7/comments"},
		{"github", "github", issue, "42", "PATCH https://api.github.com/repos/acme/shop/issues/comments/42"},
		{"github", "github", repository.Place{Repository: "acme/shop", Commit: commit}, "", "POST https://api.github.com/repos/acme/shop/commits/" + commit + "/comments"},
		{"github", "github", repository.Place{Repository: "acme/shop", Commit: commit}, "42", "PATCH https://api.github.com/repos/acme/shop/comments/42"},
		{"github-status", "gitea", repository.Place{Repository: "acme/shop", Thing: repository.PullRequest, Number: "7", Commit: commit}, "",
			"POST https://github.example.com/api/v3/repos/acme/shop/statuses/" + commit},
		{"gitlab", "gitlab", issue, "", "POST https://gitlab.com/api/v4/projects/acme%2Fshop/issues/7/notes"},
		{"gitlab", "gitlab", issue, "42", "PUT https://gitlab.com/api/v4/projects/acme%2Fshop/issues/7/notes/42"},
		{"gitlab", "gitlab", change, "", "POST https://gitlab.com/api/v4/projects/Acme%2FShop/merge_requests/7/notes"},
		{"gitlab", "gitlab", pushed, "", "POST https://gitlab.com/api/v4/projects/acme%2Fgroup%2Fshop/repository/commits/" + commit + "/discussions"},
		{"gitlab", "gitlab", pushed, "d1/42", "PUT https://gitlab.com/api/v4/projects/acme%2Fgroup%2Fshop/repository/commits/" + commit + "/discussions/d1/notes/42"},
		{"gitlab-status", "gitlab", change, "", "POST https://git.example.com/api/v4/projects/Acme%2FShop/statuses/" + commit},
	} {
		m := hosted(tt.source, true, tt.place)
		m.First = tt.first
		q, err := open(t, tt.name).Request(m)
		require.NoError(t, err)
		require.Equal(t, tt.want, q.Method+" "+q.URL)
	}
}

// What proves nothing, or is about something else, is written nowhere.
func TestWhereNothingGoes(t *testing.T) {
	noRun := message("endpoint.disabled")
	noRun.RunID = ""
	noPlace := hosted("github", true, issue)
	noPlace.Origin.Place = nil
	for _, tt := range []struct {
		name string
		m    destinations.Message
		says string
	}{
		{"github", noRun, "about no run"},
		{"github", message("run.completed"), "not started by a webhook of GitHub"},
		{"github", hosted("gitlab", true, issue), "not started by a webhook of GitHub"},
		{"github", hosted("gitea", true, issue), "not started by a webhook of GitHub"}, // github.com is no server of Gitea
		{"github", hosted("github", false, issue), "No signature proved"},
		{"gitlab", hosted("gitlab", false, issue), "No signature proved"},
		{"github", noPlace, "about no repository"},
		{"github", hosted("github", true, repository.Place{Repository: "acme/../x", Thing: repository.Issue, Number: "7"}), "about no repository"},
		{"github", hosted("github", true, repository.Place{Repository: "evil/shop", Thing: repository.Issue, Number: "7"}), "evil/shop is not among"},
		{"github", hosted("github", true, pushed), "acme/group/shop is not among"},
		{"github", hosted("github", true, repository.Place{Repository: "acme/shop"}), "no issue, no change and no commit"},
		{"github", hosted("github", true, repository.Place{Repository: "acme/shop", Number: "12"}), "no issue, no change and no commit"}, // of an alert
		{"github", hosted("github", true, repository.Place{Repository: "acme/shop", Thing: repository.Discussion, Number: "12"}), "no comments on discussions"},
		{"github", hosted("github", true, repository.Place{Repository: "acme/shop", Thing: repository.Issue, Number: "7/../8", Commit: "ec26c3e57c"}), "no issue, no change"},
		{"github-status", hosted("github", true, issue), "names no commit"},
		{"gitlab-status", hosted("gitlab", true, repository.Place{Repository: "acme/shop", Commit: "ec26c3e57c"}), "names no commit"},
	} {
		_, err := open(t, tt.name).Request(tt.m)
		require.ErrorContains(t, err, tt.says)
		require.True(t, problem.Is(err, problem.NotFound), "it is not tried again: %v", err)
	}
}

func TestWhatAStatusSays(t *testing.T) {
	for _, tt := range []struct {
		kind, failure, reason string
		rejected              bool
		github, gitlab, says  string
	}{
		{kind: "run.started", github: "pending", gitlab: "running"},
		{kind: "run.completed", github: "success", gitlab: "success", says: "All is well."},
		{kind: "run.completed", reason: "The gate is met.", github: "success", gitlab: "success", says: "The gate is met."},
		{kind: "run.completed", rejected: true, reason: "data.high > 0", github: "failure", gitlab: "failed", says: "data.high > 0"},
		{kind: "run.failed", failure: "The provider failed.", github: "error", gitlab: "failed", says: "The provider failed."},
		{kind: "run.canceled", failure: "It was canceled.", github: "error", gitlab: "canceled", says: "It was canceled."},
	} {
		for name, want := range map[string]string{"github": tt.github, "gitlab": tt.gitlab} {
			m := hosted(name, true, repository.Place{Repository: "acme/shop", Commit: commit})
			m.Kind, m.Error, m.GateFailed, m.Reason, m.Output = tt.kind, tt.failure, tt.rejected, tt.reason, ""
			if tt.kind == "run.completed" {
				m.Output = "# All is well."
			}
			q, err := open(t, name+"-status").Request(m)
			require.NoError(t, err)
			var sent map[string]string
			require.NoError(t, json.Unmarshal(q.Body, &sent))
			require.Equal(t, want, sent["state"], tt.kind)
			require.Equal(t, tt.says, sent["description"])
			require.Equal(t, m.Link, sent["target_url"])
			require.Equal(t, "beckon/triage", sent["context"]+sent["name"])
		}
	}
}

// A test of an endpoint asks whether the token is good, and writes nothing.
func TestASampleWritesNothing(t *testing.T) {
	for name, want := range map[string]string{"github": "GET https://api.github.com/user", "github-status": "GET https://github.example.com/api/v3/repos/acme/shop",
		"gitlab": "GET https://gitlab.com/api/v4/user"} {
		m := message("run.completed")
		m.IsSample = true
		q, err := open(t, name).Request(m)
		require.NoError(t, err)
		require.Equal(t, want, q.Method+" "+q.URL)
		require.Empty(t, q.Body)
		require.Contains(t, q.Header.Get("Authorization"), "Bearer g")
	}
}

func TestWhatACommentIsCalled(t *testing.T) {
	long := strings.Repeat("x", 100)
	for body, want := range map[string]string{`{"id":9007199254740993,"user":{"id":1},"body":"` + long: "9007199254740993", `{"id":"6a9c","notes":[{"id":302,"body":"` + long: "6a9c/302", `[]`: "", ``: "", `{"message":"x"}`: ""} {
		require.Equal(t, want, open(t, "gitlab").Ref(destinations.Answer{Status: 201, Body: []byte(body)}), body)
	}
	require.Equal(t, "42", open(t, "github").Ref(destinations.Answer{Status: 201, Body: []byte(`{"url":"https://api.github.com/x","id":42,"body":"` + long)}))
	require.Nil(t, open(t, "github-status").Ref)
}

// A page is cut where it is long, and a comment that is not ours may be on it.
func TestAWrittenCommentIsFound(t *testing.T) {
	for _, tt := range []struct {
		name  string
		place repository.Place
		page  string // %s is where the text of the comment is
		ref   string
		where string
	}{
		{"github", issue, `[{"url":"https://x","id":42,"user":{"id":1},"body":%s}]`, "42", "https://api.github.com/repos/acme/shop/issues/7/comments?page=2&per_page=1&since=2026-02-18T11%3A55%3A00Z"},
		{"github", issue, `[{"id":41,"body":"x"},{"id":42,"body":%s}]`, "42", "https://api.github.com/repos/acme/shop/issues/7/comments?page=2&per_page=1&since=2026-02-18T11%3A55%3A00Z"}, // Gitea has no pages
		{"gitlab", issue, `[{"id":42,"body":%s}]`, "42", "https://gitlab.com/api/v4/projects/acme%2Fshop/issues/7/notes?order_by=created_at&page=2&per_page=1&sort=desc"},
		{"gitlab", pushed, `[{"id":"d1","notes":[{"id":42,"body":%s}]}]`, "d1/42",
			"https://gitlab.com/api/v4/projects/acme%2Fgroup%2Fshop/repository/commits/" + commit + "/discussions?order_by=created_at&page=2&per_page=1&sort=desc"},
	} {
		r, m := open(t, tt.name), hosted(tt.name, true, tt.place)
		m.Since = time.Date(2026, 2, 18, 12, 0, 0, 0, time.UTC)
		q, err := r.Find(m, 2)
		require.NoError(t, err)
		require.Equal(t, "GET "+tt.where, q.Method+" "+q.URL)
		written, err := r.Request(m)
		require.NoError(t, err)
		var comment struct{ Body string }
		require.NoError(t, json.Unmarshal(written.Body, &comment))
		text, err := json.Marshal(comment.Body + strings.Repeat("x", 30_000))
		require.NoError(t, err)
		whole := fmt.Sprintf(tt.page, text)
		for _, body := range []string{whole, whole[:16<<10]} {
			ref, _ := r.Found(m, destinations.Answer{Status: 200, Body: []byte(body)})
			require.Equal(t, tt.ref, ref)
			other := m
			other.ID = "evt_other"
			ref, more := r.Found(other, destinations.Answer{Status: 200, Body: []byte(body)})
			require.Empty(t, ref)
			require.Equal(t, !strings.Contains(tt.page, `"x"`), more)
		}
		ref, more := r.Found(m, destinations.Answer{Status: 200, Body: []byte("[]")})
		require.Empty(t, ref)
		require.False(t, more)
	}
	require.Nil(t, open(t, "github-status").Find, "a status is the same twice")
}

// Google Chat makes one message of all attempts; one that somebody asks for again is another one.
func TestAMessageOfGoogleChatIsMadeOnce(t *testing.T) {
	m := message("run.completed")
	m.Series = "evt_1-m5x2"
	q, err := open(t, "google-chat").Request(m)
	require.NoError(t, err)
	require.Equal(t, "&requestId=evt_1-m5x2", q.PublicQuery)
	m.IsSample = true
	q, err = open(t, "google-chat").Request(m)
	require.NoError(t, err)
	require.Empty(t, q.PublicQuery)
}

// Commits of one branch have one key, and each its own comment.
func TestEachCommitHasItsComment(t *testing.T) {
	key := open(t, "github").KeyOf
	one, other := hosted("github", true, repository.Place{Repository: "acme/shop", Commit: commit}), hosted("github", true, repository.Place{Repository: "acme/shop", Commit: "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7"})
	require.NotEqual(t, key(one), key(other))
	opened, updated := hosted("github", true, change), hosted("github", true, change)
	updated.Origin.Place = &repository.Place{Repository: "acme/shop", Thing: repository.MergeRequest, Number: "7", Commit: "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7"}
	require.Equal(t, key(opened), key(updated))
	require.Equal(t, "acme/shop", key(destinations.Message{Key: "acme/shop"}))
}

func TestAnswersOfHosts(t *testing.T) {
	reset := fmt.Sprint(time.Now().Add(10 * time.Minute).Unix())
	for _, tt := range []struct {
		name   string
		status int
		header http.Header
		body   string
		first  string
		reason string
		wait   time.Duration // at least
		final  bool
		lost   bool
	}{
		{name: "github", status: 201, body: `{"id":1}`},
		{name: "github", status: 401, body: `{"message":"Bad credentials"}`, reason: "Bad credentials. The token in secret is wrong"},
		{name: "github", status: 403, body: `{"message":"Resource not accessible by personal access token"}`, reason: "Give the token the permission to write"},
		{name: "github", status: 403, header: http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {reset}}, body: `{"message":"API rate limit exceeded"}`, reason: "rate limit", wait: 9 * time.Minute},
		{name: "github", status: 403, header: http.Header{"X-Ratelimit-Remaining": {"4999"}, "X-Ratelimit-Reset": {reset}}, body: `{"message":"You have exceeded a secondary rate limit."}`, reason: "rate limit", wait: time.Minute},
		{name: "github", status: 403, header: http.Header{"Retry-After": {"120"}}, reason: "rate limit", wait: 2 * time.Minute},
		{name: "github", status: 429, header: http.Header{"Retry-After": {"30"}}, reason: "rate limit", wait: 30 * time.Second},
		{name: "github", status: 404, body: `{"message":"Not Found"}`, reason: "or the token in secret has no access to it"},
		{name: "github", status: 404, body: `{"message":"Not Found"}`, first: "42", reason: "another one is written", lost: true},
		{name: "github", status: 410, body: `{"message":"Issues are disabled for this repo"}`, reason: "Issues are disabled", final: true},
		{name: "github", status: 301, header: http.Header{"Location": {"https://api.github.com/repositories/1"}}, reason: "another name", final: true},
		{name: "github", status: 422, body: `{"message":"Validation Failed","errors":[{"field":"body","message":"is too long"}]}`, reason: "Validation Failed; body is too long.", final: true},
		{name: "github", status: 422, body: `{"message":"Validation Failed","errors":["x"]}`, reason: "GitHub refused", final: true},
		{name: "github", status: 502, body: "<html>", reason: destinations.ByStatus},
		{name: "pagerduty-note", status: 201, body: `{"note":{"id":"P1"}}`},
		{name: "pagerduty-note", status: 401, body: `{"error":{"message":"Unauthorized"}}`, reason: "Unauthorized. Look at the key of the REST API"},
		{name: "pagerduty-note", status: 400, body: `{"error":{"message":"Invalid Input Provided","code":2001,"errors":["Requester User Not Found"]}}`, reason: "Requester User Not Found. Look at from"},
		{name: "pagerduty-note", status: 404, body: `{"error":{"message":"Not Found","code":2100}}`, reason: "no such incident", final: true},
		{name: "pagerduty-note", status: 429, header: http.Header{"Ratelimit-Reset": {"27"}}, reason: "rate limit", wait: 27 * time.Second},
		{name: "pagerduty-note", status: 503, reason: destinations.ByStatus},
		{name: "gitlab", status: 201, body: `{"id":1}`},
		{name: "gitlab", status: 401, body: `{"message":"401 Unauthorized"}`, reason: "token in secret is wrong"},
		{name: "gitlab", status: 403, body: `{"error":"insufficient_scope","error_description":"The request requires higher privileges"}`, reason: "insufficient_scope. Give the token the scope api"},
		{name: "gitlab", status: 404, body: `{"message":"404 Project Not Found"}`, reason: "404 Project Not Found. There is no such project"},
		{name: "gitlab", status: 404, body: `{"message":"404 Not found"}`, first: "42", reason: "another one is written", lost: true},
		{name: "gitlab", status: 400, body: `{"message":{"note":["can't be blank"]}}`, reason: "can't be blank", final: true},
		{name: "gitlab", status: 400, body: `{"message":"Cannot transition status via :run from :running (Reason(s): …)"}`},
		{name: "gitlab", status: 422, body: `{"error":"x"}`, reason: "x", final: true},
		{name: "gitlab", status: 429, header: http.Header{"Ratelimit-Reset": {reset}}, reason: "rate limit", wait: 9 * time.Minute},
		{name: "gitlab", status: 429, header: http.Header{"Retry-After": {"30"}, "Ratelimit-Reset": {reset}}, reason: "rate limit", wait: 30 * time.Second},
		{name: "gitlab", status: 429, header: http.Header{"Ratelimit-Reset": {"99999999999999"}}, reason: "rate limit", wait: 23 * time.Hour},
	} {
		v := open(t, tt.name).Judge(destinations.Answer{Status: tt.status, Header: tt.header, Body: []byte(tt.body), First: tt.first})
		if tt.reason == "" {
			require.Zero(t, v, "%v", tt)
			continue
		}
		require.Contains(t, v.Reason, tt.reason, "%v", tt)
		require.Equal(t, tt.final, v.Final, "%v", tt)
		require.Equal(t, tt.lost, v.Lost, "%v", tt)
		require.GreaterOrEqual(t, v.Wait, tt.wait, "%v", tt)
		require.LessOrEqual(t, v.Wait, max(tt.wait+time.Hour, 0), "%v", tt)
	}
}

func TestANoteNeedsAnIncident(t *testing.T) {
	m := message("run.completed")
	comesFrom(&m, "pagerduty-note")
	q, err := open(t, "pagerduty-note").Request(m)
	require.NoError(t, err)
	require.Equal(t, "https://api.pagerduty.com/incidents/Q2LAR4ADCXC8IB/notes", q.URL)
	for _, change := range []func(*destinations.Message){
		func(m *destinations.Message) { m.Origin = nil },
		func(m *destinations.Message) { m.Origin = &destinations.Origin{Source: "alertmanager"} },
		func(m *destinations.Message) { m.Key = "../users" },
		func(m *destinations.Message) { m.Key = "" },
	} {
		other := m
		change(&other)
		_, err := open(t, "pagerduty-note").Request(other)
		require.ErrorContains(t, err, "not about a PagerDuty incident")
		require.True(t, problem.Is(err, problem.NotFound))
	}
	m.IsSample = true
	q, err = open(t, "pagerduty-note").Request(m)
	require.NoError(t, err)
	require.Equal(t, "GET https://api.pagerduty.com/abilities", q.Method+" "+q.URL)
}
