package destinations

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"beckon/internal/problem"
	"beckon/internal/repository"
	"beckon/internal/secret"
)

// How a destination that hosts repositories shows a message: as a comment, or as the status of a commit.
const (
	AsComment = "comment"
	AsStatus  = "status"
)

// Host has the settings that the hosts of repositories share: which answers may be written to which repositories.
type Host struct {
	Title    string
	Sources  []string // only runs of clients with one of these sources are answered
	Patterns repository.Patterns
	AsStatus bool
	secret   secret.String
}

// OpenHost reads the settings of a host.
func OpenHost(s Settings, title string, sources ...string) (h Host, found problem.Fields) {
	h = Host{Title: title, Sources: sources, AsStatus: s.As == AsStatus, secret: s.Secret}
	if s.Secret == "" {
		found.Add("secret",
			"is required: the access token that %s is written to with, best written as a ${VARIABLE}", title)
	}
	if s.As != "" && s.As != AsComment && s.As != AsStatus {
		found.Add("as", "must be %s or %s", AsComment, AsStatus)
	}
	var wrong int
	if len(s.Repositories) == 0 {
		found.Add("repositories", "is required: the repositories that may be written to, such as acme/app or acme/*")
	} else if h.Patterns, wrong = repository.Parse(s.Repositories); wrong >= 0 {
		found.Add(fmt.Sprintf("repositories[%d]", wrong), "%s", repository.PatternForm)
	}
	return h, found
}

// Mark returns the first line of a message's comment, which the hosts do not display. FindComment looks for it. It is
// derived from the access token, so that nobody else can write it in advance.
func (h Host) Mark(m Message) string {
	return "<!-- beckon:" + h.digest(m) + " -->\n"
}

func (h Host) digest(m Message) string {
	mac := hmac.New(sha256.New, []byte(h.secret.Reveal()))
	mac.Write([]byte(m.ID))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// FindComment looks for a message's comment in a page of comments. Hosts are asked for pages of one comment, because
// long answers are cut. textAt is the path of a comment's text. more reports that there may be another page.
func (h Host) FindComment(m Message, page Answer, textAt string, refOf func(Answer) string) (ref string, more bool) {
	n := 0
	for ; ; n++ {
		one := gjson.GetBytes(page.Body, strconv.Itoa(n))
		if !one.Exists() {
			return "", n == 1
		}
		text := one.Get(textAt)
		// a text that was cut is not valid JSON, so it does not exist for gjson
		if strings.HasPrefix(text.Str, h.Mark(m)) || !text.Exists() && strings.Contains(one.Raw, h.digest(m)) {
			return refOf(Answer{Status: page.Status, Body: []byte(one.Raw)}), false
		}
	}
}

// Place returns where the answer to a message's event belongs. The error explains why the event has no place; trying
// again does not help.
func (h Host) Place(m Message) (p repository.Place, err error) {
	if m.RunID == "" {
		return p, noPlace("no_place", "The event is about no run, and so about nothing on %s.", h.Title)
	}
	if m.Origin == nil || !slices.Contains(h.Sources, m.Origin.Source) {
		return p, noPlace("no_place",
			"The run was not started by a webhook of %s: its client has no source %s. "+
				"Name the clients that do in the endpoint's clients.",
			h.Title, strings.Join(h.Sources, " or "))
	}
	if !m.Origin.Signed {
		return p, noPlace("not_signed",
			"No signature proved that %s sent the call of this run, and without one nothing is written there. "+
				"Give the webhook its secret, so that it signs.", h.Title)
	}
	if m.Origin.Place == nil || !repository.IsName(m.Origin.Place.Repository) {
		return p, noPlace("no_place", "The event is about no repository.")
	}
	p = *m.Origin.Place
	if !h.Patterns.Match(p.Repository) {
		return p, noPlace("repository_not_listed",
			"The repository %s is not among the endpoint's repositories. Add it there if answers may go to it.",
			Cut(p.Repository, 200))
	}
	switch {
	case h.AsStatus && !p.HasCommit():
		return p, noPlace("no_place",
			"The event names no commit, so that there is none to give a status. Comments on issues do not; "+
				"pushes and changes do.")
	case !h.AsStatus && p.Thing == repository.Discussion:
		return p, noPlace("no_place", "%s takes no comments on discussions from its REST API.", h.Title)
	case !h.AsStatus && !p.HasNumber() && !p.HasCommit():
		return p, noPlace("no_place",
			"The event is about no issue, no change and no commit, so that there is nothing to comment on.")
	}
	return p, nil
}

// Repository returns a repository that is listed with its full name, for a test of the token; empty if there is none.
func (s Settings) Repository() string {
	for _, name := range s.Repositories {
		if !strings.Contains(name, "*") {
			return name
		}
	}
	return ""
}

// noPlace returns the error for a message that has no place.
func noPlace(code, format string, args ...any) error {
	return problem.New(problem.NotFound, code, format, args...)
}

// CommentKey returns the key of the comment that a message belongs to. The Key of a message alone is not enough: a
// branch keeps it while its commits change.
func CommentKey(m Message) string {
	if m.Origin == nil || m.Origin.Place == nil {
		return m.Key
	}
	p := m.Origin.Place
	if p.HasNumber() {
		return m.Key + "\n" + p.Thing + " " + p.Number
	}
	return m.Key + "\n" + p.Commit
}

// Outcome is the result of a run, as the status of a commit shows it.
type Outcome int

// Outcomes.
const (
	Pending Outcome = iota // the run has not ended
	Passed
	Rejected // the answer did not pass its gate
	Failed   // there is no answer
	Canceled
)

// Outcome returns the outcome of the run that the message is about.
func (m Message) Outcome() Outcome {
	switch {
	case m.Kind == "run.canceled":
		return Canceled
	case m.Error != "":
		return Failed
	case m.GateFailed:
		return Rejected
	case m.Kind == runCompleted || m.Kind == eventResolved:
		return Passed
	}
	return Pending
}

// StatusName returns the name of the message's status; a commit may have several statuses.
func (m Message) StatusName() string {
	if m.Agent == "" {
		return "beckon"
	}
	return "beckon/" + Cut(m.Agent, 100)
}
