package deliveries

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"beckon/deliveries/destinations"
	"beckon/events"
	"beckon/internal/mail"
	"beckon/internal/repository"
)

// Example is what an endpoint is sent of a completed run, without its credentials.
type Example struct {
	Method string // empty for a mail
	URL    string
	Body   string // JSON in lines; of a mail its fields and its plain part
}

// Example returns an example of the request that an endpoint would receive, without sending it. The error says why
// the endpoint's templates fail.
func (s *Service) Example(id string) (Example, error) {
	t, err := s.endpoint(id)
	if err != nil {
		return Example{}, err
	}
	list := samplesOf(events.RunCompleted, events.RunCompleted, t.sampleAgent(), sampleTime)
	m := list[len(list)-1] // whose output is a sentence
	m.Source = s.Source
	if t.receiver == nil {
		body, _, err := s.render(t.format, m)
		return Example{Method: http.MethodPost, URL: t.ShownURL(), Body: inLines(body)}, err
	}
	told, err := s.told(m, t.receiver.MaxButtons)
	if err != nil {
		return Example{}, err
	}
	told.IsSample = false // which would only try the credentials of some
	told.Key, told.Origin = exampleOrigin(t)
	request, err := t.receiver.Request(told)
	if err != nil {
		return Example{}, err
	}
	if request.Mail != nil {
		return Example{URL: t.ShownURL(), Body: mailInLines(*request.Mail)}, nil
	}
	x := exchange{to: t.receiver, url: request.URL}
	return Example{
		Method: request.Method,
		URL:    x.shownURL(),
		Body:   t.clean.text(request.URL, inLines(request.Body)),
	}, nil
}

// exampleOrigin is where an event came from that a destination has a place for.
func exampleOrigin(t *target) (key string, origin *destinations.Origin) {
	place := &repository.Place{
		Repository: "acme/shop",
		Thing:      repository.Issue,
		Number:     "7",
		Commit:     strings.Repeat("0", 40),
	}
	if len(t.Repositories) > 0 {
		place.Repository = strings.NewReplacer("**", "shop", "*", "shop").Replace(t.Repositories[0])
	}
	return "Q0EXAMPLE", &destinations.Origin{Source: t.Format, Signed: true, Place: place}
}

func inLines(body []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, body, "", "  ") != nil {
		return string(body)
	}
	return out.String()
}

func mailInLines(m mail.Mail) string {
	lines := []string{"To: " + strings.Join(m.To, ", "), "Subject: " + m.Subject}
	if m.ReplyTo != "" {
		lines = append(lines, "Reply-To: "+m.ReplyTo)
	}
	return strings.Join(slices.Concat(lines, []string{"", m.Plain}), "\n")
}
