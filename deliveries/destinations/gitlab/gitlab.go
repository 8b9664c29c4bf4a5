// Package gitlab writes comments on issues, merge requests and commits of GitLab, and statuses of commits.
package gitlab

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"beckon/deliveries/destinations"
	"beckon/internal/markdown"
	"beckon/internal/problem"
	"beckon/internal/repository"
)

const (
	maxComment  = 60_000 // characters; GitLab takes a million
	maxHeadline = 200
	maxStatus   = 255 // characters of the description of a status
)

// Destination is GitLab.
var Destination = &destinations.Destination{
	Name:   "gitlab",
	Title:  "GitLab",
	Fields: []string{"secret", "as", "repositories"},
	URL:    "https://gitlab.com",
	Open:   open,
	Help: "A comment where the event of the run happened, or a status of its commit: an access token with the " +
		"scope api as secret, and the repositories that may be written to. url is for a server of your own.",
}

type receiver struct {
	destinations.Settings
	host destinations.Host
}

func open(s destinations.Settings) (r destinations.Receiver, found problem.Fields) {
	s.URL = strings.TrimSuffix(strings.TrimSuffix(s.URL, "/"), "/api/v4") + "/api/v4"
	host, found := destinations.OpenHost(s, "GitLab", "gitlab")
	own := receiver{s, host}
	r = destinations.Receiver{Request: own.request, Judge: judge, ReadsKey: true, PublicPaths: true}
	if !host.AsStatus {
		r.Ref, r.KeyOf = noteID, destinations.CommentKey
		r.Find, r.Found = own.find, own.found
	}
	return r, found
}

func (r receiver) header() http.Header {
	// personal, project and group tokens, and those of OAuth
	return http.Header{"Authorization": {"Bearer " + r.Secret.Reveal()}, "Accept": {"application/json"}}
}

func (r receiver) request(m destinations.Message) (q destinations.Request, err error) {
	if m.IsSample {
		return r.look(), nil
	}
	p, err := r.host.Place(m)
	if err != nil {
		return q, err
	}
	project := r.project(p.Repository)
	if r.host.AsStatus {
		return destinations.JSON(project+"/statuses/"+p.Commit, r.header(), statusOf(m))
	}
	address := project + comments(p)
	if discussion, note, ok := strings.Cut(m.First, "/"); ok && !p.HasNumber() {
		address += "/" + url.PathEscape(discussion) + "/notes/" + url.PathEscape(note)
	} else if m.First != "" {
		address += "/" + url.PathEscape(m.First)
	}
	q, err = destinations.JSON(address, r.header(), struct {
		Body string `json:"body"`
	}{r.host.Mark(m) + commentOf(m)})
	if m.First != "" {
		q.Method = http.MethodPut
	}
	return q, err
}

// comments are where those at a place are, in its project.
func comments(p repository.Place) string {
	switch {
	case p.HasNumber() && p.Thing == repository.MergeRequest:
		return "/merge_requests/" + p.Number + "/notes"
	case p.HasNumber():
		return "/issues/" + p.Number + "/notes"
	}
	// a plain comment on a commit has no id by which to edit it
	return "/repository/commits/" + p.Commit + "/discussions"
}

// find asks for a comment at the place of a message, the newest first; discussions of commits come by age.
func (r receiver) find(m destinations.Message, page int) (q destinations.Request, err error) {
	p, err := r.host.Place(m)
	query := url.Values{"per_page": {"1"}, "page": {strconv.Itoa(page)}, "order_by": {"created_at"}, "sort": {"desc"}}
	return destinations.Request{
		Method: http.MethodGet,
		URL:    r.project(p.Repository) + comments(p) + "?" + query.Encode(),
	}, err
}

func (r receiver) found(m destinations.Message, a destinations.Answer) (ref string, more bool) {
	textAt := "body"
	if p, err := r.host.Place(m); err == nil && !p.HasNumber() {
		textAt = "notes.0.body"
	}
	return r.host.FindComment(m, a, textAt, noteID)
}

func (r receiver) project(name string) string { return r.URL + "/projects/" + url.PathEscape(name) }

// look asks whether the token is good, and writes nothing.
func (r receiver) look() destinations.Request {
	address := r.URL + "/user"
	if name := r.Repository(); repository.IsName(name) {
		address = r.project(name)
	}
	return destinations.Request{Method: http.MethodGet, URL: address, Header: r.header()}
}

func commentOf(m destinations.Message) string {
	return m.FitBelow(markdown.GitLab.Strong(destinations.Cut(m.HeadlineWithoutTitle(), maxHeadline)),
		markdown.GitLab, maxComment)
}

type status struct {
	State       string `json:"state"`
	URL         string `json:"target_url,omitempty"`
	Description string `json:"description"`
	Name        string `json:"name"`
}

var states = map[destinations.Outcome]string{
	destinations.Pending:  "running",
	destinations.Passed:   "success",
	destinations.Rejected: "failed",
	destinations.Failed:   "failed",
	destinations.Canceled: "canceled",
}

func statusOf(m destinations.Message) status {
	return status{State: states[m.Outcome()], URL: m.Link, Description: m.Short(maxStatus), Name: m.StatusName()}
}

// noteID is what GitLab calls a note; of one on a commit, what it calls its discussion and the note.
func noteID(a destinations.Answer) string {
	id, note := a.Member("id"), a.Member("notes.0.id")
	if note == "" {
		return id
	}
	return id + "/" + note
}

func judge(a destinations.Answer) destinations.Verdict {
	if a.OK() {
		return destinations.Verdict{}
	}
	words := wordsOf(a)
	refused := func(todo string, final bool) destinations.Verdict {
		return destinations.Verdict{Reason: destinations.Refused("GitLab", words, todo), Final: final, Wait: a.Wait()}
	}
	switch {
	case a.Status == http.StatusTooManyRequests:
		return destinations.RateLimited("GitLab", a.WaitUntil("Ratelimit-Reset"))
	case a.Status == http.StatusBadRequest && strings.Contains(words, "Cannot transition status"):
		// the commit has it already, or one that follows it
		return destinations.Verdict{}
	case a.First != "" && a.Status == http.StatusNotFound:
		return destinations.Verdict{
			Reason: destinations.Refused("GitLab", words, "The comment was deleted: another one is written."),
			Lost:   true,
		}
	case a.Status >= 300 && a.Status <= 399:
		return refused("The repository has moved or has another name: list the new one.", true)
	case a.Status == http.StatusUnauthorized:
		return refused("The token in secret is wrong, or it has expired or was revoked: give another one.", false)
	case a.Status == http.StatusForbidden:
		return refused("Give the token the scope api, and a role of at least Reporter for comments and Developer for "+
			"statuses. The project may be archived.", false)
	case a.Status == http.StatusNotFound:
		return refused("There is no such project, issue, merge request or commit, "+
			"or the token in secret has no access to it.", false)
	case a.Status == http.StatusGone, a.Status == http.StatusBadRequest, a.Status == http.StatusUnprocessableEntity:
		return refused("", true)
	}
	return destinations.JudgeByStatus(a)
}

// wordsOf are those of an error, which GitLab writes as a text, or as an object of lists.
func wordsOf(a destinations.Answer) string {
	var said struct {
		Message     json.RawMessage `json:"message"`
		Error       string          `json:"error"`
		Description string          `json:"error_description"`
	}
	a.Decode(&said)
	var text string
	if json.Unmarshal(said.Message, &text) != nil {
		text = string(said.Message)
	}
	for _, more := range []string{said.Error, said.Description} {
		if text == "" {
			text = more
		}
	}
	return text
}
