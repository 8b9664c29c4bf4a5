// Package github writes comments on issues, pull requests and commits of GitHub, and statuses of commits. Gitea and
// Forgejo take the same requests at an address of their own.
package github

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"beckon/deliveries/destinations"
	"beckon/internal/markdown"
	"beckon/internal/problem"
	"beckon/internal/repository"
)

const (
	api         = "https://api.github.com"
	version     = "2022-11-28" // of the REST API (docs.github.com/rest/about-the-rest-api/api-versions)
	maxComment  = 60_000       // characters; GitHub takes 65,536
	maxHeadline = 200
	maxStatus   = 140 // characters of the description of a status
)

// Destination is GitHub.
var Destination = &destinations.Destination{
	Name:   "github",
	Title:  "GitHub",
	Fields: []string{"secret", "as", "repositories"},
	URL:    api,
	Open:   open,
	Help: "A comment where the event of the run happened, or a status of its commit: an access token as secret, " +
		"and the repositories that may be written to. url is for a server of your own, " +
		"such as https://github.example.com/api/v3.",
}

type receiver struct {
	destinations.Settings
	host destinations.Host
}

func open(s destinations.Settings) (r destinations.Receiver, found problem.Fields) {
	s.URL = strings.TrimSuffix(s.URL, "/")
	sources := []string{"github"}
	if s.URL != api {
		sources = append(sources, "gitea")
	}
	host, found := destinations.OpenHost(s, "GitHub", sources...)
	if u, err := url.Parse(s.URL); err == nil && strings.EqualFold(u.Hostname(), "github.com") {
		found.Add("url",
			"must be that of the REST API: leave it out for github.com, or give https://github.example.com/api/v3 of "+
				"a server of your own")
	}
	own := receiver{s, host}
	r = destinations.Receiver{Request: own.request, Judge: judge, ReadsKey: true, PublicPaths: true}
	if !host.AsStatus {
		r.Ref, r.KeyOf = commentID, destinations.CommentKey
		r.Find, r.Found = own.find, own.found
	}
	return r, found
}

func (r receiver) header() http.Header {
	return http.Header{
		"Authorization":        {"Bearer " + r.Secret.Reveal()},
		"Accept":               {"application/vnd.github+json"},
		"X-Github-Api-Version": {version},
	}
}

func (r receiver) request(m destinations.Message) (q destinations.Request, err error) {
	if m.IsSample {
		return r.look(), nil
	}
	p, err := r.host.Place(m)
	if err != nil {
		return q, err
	}
	base := r.URL + "/repos/" + p.Repository
	if r.host.AsStatus {
		return destinations.JSON(base+"/statuses/"+p.Commit, r.header(), statusOf(m))
	}
	list, one := comments(base, p)
	comment := struct {
		Body string `json:"body"`
	}{r.host.Mark(m) + commentOf(m)}
	if m.First == "" {
		return destinations.JSON(list, r.header(), comment)
	}
	q, err = destinations.JSON(one+url.PathEscape(m.First), r.header(), comment)
	q.Method = http.MethodPatch
	return q, err
}

// comments are where those at a place are listed, and where one of them is edited.
func comments(base string, p repository.Place) (list, one string) {
	if p.HasNumber() {
		return base + "/issues/" + p.Number + "/comments", base + "/issues/comments/"
	}
	return base + "/commits/" + p.Commit + "/comments", base + "/comments/"
}

// find asks for a comment at the place of a message: since is for those on issues and changes.
func (r receiver) find(m destinations.Message, page int) (q destinations.Request, err error) {
	p, err := r.host.Place(m)
	list, _ := comments(r.URL+"/repos/"+p.Repository, p)
	query := url.Values{
		"per_page": {"1"},
		"page":     {strconv.Itoa(page)},
		"since":    {m.Since.Add(-clocksApart).UTC().Format(time.RFC3339)},
	}
	return destinations.Request{Method: http.MethodGet, URL: list + "?" + query.Encode()}, err
}

// clocksApart is how far the clock of a host may be from ours.
const clocksApart = 5 * time.Minute

func (r receiver) found(m destinations.Message, a destinations.Answer) (ref string, more bool) {
	return r.host.FindComment(m, a, "body", commentID)
}

// look asks whether the token is good, and writes nothing.
func (r receiver) look() destinations.Request {
	path := "/user"
	if name := r.Repository(); repository.IsName(name) {
		path = "/repos/" + name
	}
	return destinations.Request{Method: http.MethodGet, URL: r.URL + path, Header: r.header()}
}

func commentOf(m destinations.Message) string {
	return m.FitBelow(markdown.GitHub.Strong(destinations.Cut(m.HeadlineWithoutTitle(), maxHeadline)),
		markdown.GitHub, maxComment)
}

type status struct {
	State       string `json:"state"`
	URL         string `json:"target_url,omitempty"`
	Description string `json:"description"`
	Context     string `json:"context"`
}

var states = map[destinations.Outcome]string{
	destinations.Pending:  "pending",
	destinations.Passed:   "success",
	destinations.Rejected: "failure",
	destinations.Failed:   "error",
	destinations.Canceled: "error",
}

func statusOf(m destinations.Message) status {
	return status{State: states[m.Outcome()], URL: m.Link, Description: m.Short(maxStatus), Context: m.StatusName()}
}

func commentID(a destinations.Answer) string { return a.Member("id") }

func judge(a destinations.Answer) destinations.Verdict {
	if a.OK() {
		return destinations.Verdict{}
	}
	var said struct {
		Message string `json:"message"`
		Errors  []struct {
			Field, Message string
		} `json:"errors"`
	}
	a.Decode(&said)
	words := said.Message
	for _, e := range said.Errors {
		words += "; " + strings.TrimSpace(e.Field+" "+e.Message)
	}
	refused := func(todo string, final bool) destinations.Verdict {
		return destinations.Verdict{Reason: destinations.Refused("GitHub", words, todo), Final: final, Wait: a.Wait()}
	}
	switch {
	case isLimit(a, said.Message):
		return destinations.RateLimited("GitHub", waitOf(a))
	case a.First != "" && (a.Status == http.StatusNotFound || a.Status == http.StatusGone):
		return destinations.Verdict{
			Reason: destinations.Refused("GitHub", words, "The comment was deleted: another one is written."),
			Lost:   true,
		}
	case a.Status >= 300 && a.Status <= 399:
		return refused("The repository has moved or has another name: list the new one.", true)
	case a.Status == http.StatusUnauthorized:
		return refused("The token in secret is wrong, or it has expired or was revoked: give another one.", false)
	case a.Status == http.StatusForbidden:
		return refused("Give the token the permission to write: Issues and Pull requests for comments, "+
			"Contents for comments on commits, Commit statuses for statuses; "+
			"a classic token the scope repo. The repository may be archived, or the conversation locked.", false)
	case a.Status == http.StatusNotFound:
		return refused("There is no such repository, issue or commit, or the token in secret has no access to it.",
			false)
	case a.Status == http.StatusGone, a.Status == http.StatusUnprocessableEntity:
		return refused("", true)
	}
	return destinations.JudgeByStatus(a)
}

// isLimit tells a limit from a refusal: both are a 403
// (docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api).
func isLimit(a destinations.Answer, message string) bool {
	if a.Status != http.StatusForbidden {
		return a.Status == http.StatusTooManyRequests
	}
	return isSpent(a) || a.Header.Get("Retry-After") != "" || strings.Contains(message, "rate limit")
}

func isSpent(a destinations.Answer) bool { return a.Header.Get("X-Ratelimit-Remaining") == "0" }

// waitOf is until the limit begins anew, or what GitHub asks for; a minute where it says neither.
func waitOf(a destinations.Answer) time.Duration {
	if isSpent(a) {
		return a.WaitUntil("X-Ratelimit-Reset")
	}
	return cmp.Or(a.Wait(), time.Minute)
}
