package pagerduty

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"beckon/deliveries/destinations"
	"beckon/internal/mail"
	"beckon/internal/markdown"
	"beckon/internal/problem"
)

const (
	restURL = "https://api.pagerduty.com"
	maxNote = 20_000 // characters; PagerDuty takes 25,000
)

// incident is what PagerDuty calls one.
var incident = regexp.MustCompile(`^[A-Z0-9]{5,40}$`)

// openNotes writes notes on incidents, by the REST API.
func openNotes(s destinations.Settings) (r destinations.Receiver, found problem.Fields) {
	if s.URL == eventsURL {
		s.URL = restURL
	}
	s.URL = strings.TrimSuffix(s.URL, "/")
	if s.Secret == "" {
		found.Add("secret", "is required: a key of the REST API, best written as a ${VARIABLE}")
	}
	if address, err := mail.ParseAddress(s.From); err != nil || address.Address != s.From {
		found.Add("from", "must be the address of mail of a user of PagerDuty, in whose name the note is written")
	}
	r.Request = func(m destinations.Message) (q destinations.Request, err error) {
		header := http.Header{
			"Authorization": {"Token token=" + s.Secret.Reveal()},
			"Accept":        {"application/vnd.pagerduty+json;version=2"},
			"From":          {s.From},
		}
		if m.IsSample { // there is no incident: the token is tried
			return destinations.Request{Method: http.MethodGet, URL: s.URL + "/abilities", Header: header}, nil
		}
		if m.Origin == nil || m.Origin.Source != "pagerduty" || !incident.MatchString(m.Key) {
			return q, problem.New(problem.NotFound, "no_place",
				"The run is not about a PagerDuty incident, so there is nothing to add a note to. "+
					"In the endpoint's clients, list only clients with the source pagerduty.")
		}
		type note struct {
			Content string `json:"content"`
		}
		text := m.FitBelow(markdown.Plain.Text(destinations.Cut(m.Headline(), 200)), markdown.Plain, maxNote)
		return destinations.JSON(s.URL+"/incidents/"+m.Key+"/notes", header, struct {
			Note note `json:"note"`
		}{note{strings.TrimSpace(text)}})
	}
	r.Judge, r.ReadsKey, r.PublicPaths = judgeNote, true, true
	return r, found
}

func judgeNote(a destinations.Answer) destinations.Verdict {
	if a.OK() {
		return destinations.Verdict{}
	}
	var said struct {
		Error struct {
			Message string   `json:"message"`
			Errors  []string `json:"errors"`
		} `json:"error"`
	}
	a.Decode(&said)
	refused := func(todo string, final bool) destinations.Verdict {
		words := strings.Trim(strings.Join(append([]string{said.Error.Message}, said.Error.Errors...), "; "), "; ")
		return destinations.Verdict{
			Reason: destinations.Refused("PagerDuty", words, todo),
			Final:  final,
			Wait:   a.Wait(),
		}
	}
	switch a.Status {
	case http.StatusTooManyRequests:
		wait := a.Wait()
		if seconds, err := strconv.ParseFloat(a.Header.Get("Ratelimit-Reset"), 64); err == nil && wait == 0 {
			wait = destinations.Seconds(seconds)
		}
		return destinations.RateLimited("PagerDuty", wait)
	case http.StatusUnauthorized, http.StatusForbidden:
		return refused("Look at the key of the REST API in secret, which may write: a read-only one may not.", false)
	case http.StatusNotFound:
		return refused("There is no such incident in the account of the key.", true)
	case http.StatusBadRequest:
		return refused("Look at from: it must be the address of a user of the account.", false)
	}
	return destinations.JudgeByStatus(a)
}
