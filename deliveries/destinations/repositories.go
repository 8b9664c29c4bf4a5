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

// What a destination that hosts repositories makes of a message.
const (
	AsComment = "comment"
	AsStatus  = "status"
)

// Host is what the hosts of repositories have in common: who may have a run's answer written to which of them.
type Host struct {
	Title    string
	Sources  []string // whose events may have an answer
	Patterns repository.Patterns
	AsStatus bool
	secret   secret.String
}

// OpenHost reads the settings of a host.
func OpenHost(s Settings, title string, sources ...string) (h Host, found problem.Fields) {
	h = Host{Title: title, Sources: sources, AsStatus: s.As == AsStatus, secret: s.Secret}
	if s.Secret == "" {
		found.Add("secret", "is required: the access token that %s is written to with, best written as a ${VARIABLE}", title)
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

// Mark is the first line of a message's comment, which the hosts do not show. By it the comment is found again. Nobody can write it before
// the host has it: it is made with the access token.
func (h Host) Mark(m Message) string {
	return "<!-- beckon:" + h.digest(m) + " -->\n"
}

func (h Host) digest(m Message) string {
	mac := hmac.New(sha256.New, []byte(h.secret.Reveal()))
	mac.Write([]byte(m.ID))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// Found looks for a message's comment in a page of comments, of which the host was asked for one at a time: answers are cut. textAt is
// where a comment has its text.
func (h Host) Found(m Message, page Answer, textAt string, refOf func(Answer) string) (ref string, more bool) {
	n := 0
	for ; ; n++ {
		one := gjson.GetBytes(page.Body, strconv.Itoa(n))
		if !one.Exists() {
			return "", n == 1
		}
		text := one.Get(textAt)
		if strings.HasPrefix(text.Str, h.Mark(m)) || !text.Exists() && strings.Contains(one.Raw, h.digest(m)) { // a text that is cut is none
			return refOf(Answer{Status: page.Status, Body: []byte(one.Raw)}), false
		}
	}
}

// Place is where the answer to a message's event belongs. An error says why there is no such place, for good.
func (h Host) Place(m Message) (p repository.Place, err error) {
	if m.RunID == "" {
		return p, nowhere("no_place", "The event is about no run, and so about nothing on %s.", h.Title)
	}
	if m.Origin == nil || !slices.Contains(h.Sources, m.Origin.Source) {
		return p, nowhere("no_place", "The run was not started by a webhook of %s: its client has no source %s. Name the clients that do in the endpoint's clients.",
			h.Title, strings.Join(h.Sources, " or "))
	}
	if !m.Origin.Signed {
		return p, nowhere("not_signed", "No signature proved that %s sent the call of this run, and without one nothing is written there. Give the webhook its secret, so that it signs.", h.Title)
	}
	if m.Origin.Place == nil || !repository.IsName(m.Origin.Place.Repository) {
		return p, nowhere("no_place", "The event is about no repository.")
	}
	p = *m.Origin.Place
	if !h.Patterns.Match(p.Repository) {
		return p, nowhere("repository_not_listed", "The repository %s is not among the endpoint's repositories. Add it there if answers may go to it.", Cut(p.Repository, 200))
	}
	switch {
	case h.AsStatus && !p.HasCommit():
		return p, nowhere("no_place", "The event names no commit, so that there is none to give a status. Comments on issues do not; pushes and changes do.")
	case !h.AsStatus && p.Thing == repository.Discussion:
		return p, nowhere("no_place", "%s takes no comments on discussions from its REST API.", h.Title)
	case !h.AsStatus && !p.HasNumber() && !p.HasCommit():
		return p, nowhere("no_place", "The event is about no issue, no change and no commit, so that there is nothing to comment on.")
	}
	return p, nil
}

// Repository is one that the patterns name in full, for a test of the token; empty where they name none.
func (s Settings) Repository() string {
	for _, name := range s.Repositories {
		if !strings.Contains(name, "*") {
			return name
		}
	}
	return ""
}

// nowhere is an error of a message that never has a place.
func nowhere(code, format string, args ...any) error {
	return problem.New(problem.NotFound, code, format, args...)
}

// KeyAt is a key of an event at a place: a branch keeps its key while its commits change.
func KeyAt(m Message) string {
	if m.Origin == nil || m.Origin.Place == nil {
		return m.Key
	}
	p := m.Origin.Place
	if p.HasNumber() {
		return m.Key + "\n" + p.Thing + " " + p.Number
	}
	return m.Key + "\n" + p.Commit
}

// Outcome is what a run's result means for a commit.
type Outcome int

// Outcomes.
const (
	Pending Outcome = iota // it goes on
	Passed
	Rejected // it has an answer, which does not meet its gate
	Failed   // it has none
	Canceled
)

// Outcome is that of the message.
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

// StatusName is what the status of a message is called among those of a commit.
func (m Message) StatusName() string {
	if m.Agent == "" {
		return "beckon"
	}
	return "beckon/" + Cut(m.Agent, 100)
}
