package deliveries

import (
	"context"
	"net/http"
	"strings"
	"time"

	"beckon/deliveries/destinations"
	"beckon/deliveries/destinations/all"
	"beckon/internal/catalog"
	"beckon/internal/egress"
	"beckon/internal/mail"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
)

// unsigned is the only signature of destinations: none of them checks one.
const unsigned signature.Scheme = "none"

// Unsigned is what an endpoint with a destination says of its signature, where it says something.
const Unsigned = string(unsigned)

func ofDestinations() []Format {
	list := make([]Format, len(all.Destinations))
	for i, d := range all.Destinations {
		list[i] = Format{Name: d.Name, Title: d.Title, Help: d.Help, Events: destinations.Events(), Destination: d}
	}
	return list
}

// destination is the one that the endpoint's format names; nil when that is none.
func (e Endpoint) destination() *destinations.Destination { return all.Destinations.Named(e.Format) }

// IsDestination reports whether the endpoint's events are messages for people.
func (e Endpoint) IsDestination() bool { return e.destination() != nil }

// SignatureInUse returns the endpoint's signature, or the default if it sets none.
func (e Endpoint) SignatureInUse() string { return string(e.scheme()) }

// address is where the endpoint's events go: its own URL, or that of its destination.
func (e Endpoint) address() string {
	if d := e.destination(); e.URL == "" && d != nil {
		return d.URL
	}
	return e.URL
}

// ShownURL is the endpoint's URL as it may be shown. The path of a destination's may be a key.
func (e Endpoint) ShownURL() string {
	if e.IsDestination() && e.URL != "" && !e.isMail() {
		return secret.ShownOrigin(e.URL)
	}
	return secret.ShownURL(e.URL)
}

// secretsIn are the secrets of an endpoint. A destination's secret is sent to it; any other signs.
func secretsIn(e *Endpoint) catalog.Secrets {
	places := catalog.Secrets{URL: &e.URL, Headers: &e.Headers}
	if e.IsDestination() {
		places.HidesPath, places.Keys = true, map[string]*secret.String{"secret": &e.Secret}
	}
	return places
}

// ownSecret is the one that signs, which may have been made here.
func (e Endpoint) ownSecret() secret.String {
	if e.IsDestination() {
		return ""
	}
	return e.Secret
}

func (e Endpoint) settings() destinations.Settings {
	return destinations.Settings{
		URL:          e.address(),
		Secret:       e.Secret,
		Headers:      e.Headers,
		To:           e.To,
		Method:       e.Method,
		Path:         e.Path,
		Body:         e.Body,
		Subject:      e.Subject,
		ReplyTo:      e.ReplyTo,
		From:         e.From,
		As:           e.As,
		Repositories: e.Repositories,
	}
}

// isMail reports whether the endpoint's URL is an address of mail.
func (e Endpoint) isMail() bool { return e.IsDestination() && e.destination().IsMail }

// checkDestination finds what its destination does not take.
func (e Endpoint) checkDestination() (found problem.Fields) {
	if e.Signature != "" && e.Signature != Unsigned {
		found.Add("signature", "must be none, or be left out: %s checks no signature", e.destination().Title)
	}
	if e.Vendor != "" {
		found.Add("vendor", "is for signatures, and %s checks none", e.destination().Title)
	}
	if e.PreviousSecret != "" {
		found.Add("previousSecret", "is for signatures, and %s checks none", e.destination().Title)
	}
	_, wrong := e.destination().Open(e.settings())
	return append(found, wrong...)
}

// checkUnused finds settings that mean nothing to the endpoint's format.
func (e Endpoint) checkUnused() (found problem.Fields) {
	d := e.destination()
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"to", e.To != ""},
		{"from", e.From != ""},
		{"as", e.As != ""},
		{"repositories", len(e.Repositories) > 0},
		{"method", e.Method != ""},
		{"path", e.Path != ""},
		{"body", e.Body != ""},
		{"subject", e.Subject != ""},
		{"replyTo", e.ReplyTo != ""},
		{"secret", e.Secret != "" && d != nil},
	} {
		if f.set && (d == nil || !d.Uses(f.name)) {
			found.Add(f.name, "means nothing to this format: it is for %s", all.Destinations.Users(f.name))
		}
	}
	return found
}

// prepareDestination makes the request for an endpoint whose receiver people read.
func (s *Service) prepareDestination(x exchange, t *target, m message) (exchange, error) {
	x.to, x.clean = t.receiver, t.clean
	if m.Payload == nil {
		return x, eventGone()
	}
	if s.Links != nil {
		m.Payload = s.Links(m.Payload)
	}
	err := s.withRun(m, t.receiver.ReadsRun, func(m message) error {
		told, err := s.told(m, t.receiver.MaxButtons)
		if err != nil {
			return err
		}
		if err = s.linkToPage(m, &told); err != nil {
			return err
		}
		if err = s.readOrigin(t, m, &told); err != nil {
			return err
		}
		if x.thread, err = s.enterThread(t, m, &told); err != nil {
			return err
		}
		if t.receiver.Find != nil && x.thread != nil && told.First == "" && !told.Since.IsZero() {
			x.doubted = &told
		}
		request, err := t.receiver.Request(told)
		x.method = request.Method
		x.url = request.URL
		x.query = request.PublicQuery
		x.header = request.Header
		x.body = request.Body
		x.mail = request.Mail
		return err
	})
	if err != nil {
		return x, err
	}
	if x.mail != nil {
		x.url = t.URL
		return x, nil
	}
	for name := range x.header {
		if name != "Content-Type" {
			x.own = append(x.own, name)
		}
	}
	for name, value := range t.Headers {
		if x.header.Get(name) == "" ||
			http.CanonicalHeaderKey(name) == "Content-Type" && !strings.Contains(value.Reveal(), "{{") {
			x.header.Set(name, value.Reveal())
		}
		x.own = append(x.own, name)
	}
	if x.header.Get("User-Agent") == "" {
		x.header.Set("User-Agent", "Beckon/"+s.Version)
	}
	return x, nil
}

// Mailer hands mails to a server; see mail.Server. The error is a *problem.Error.
type Mailer interface {
	Send(ctx context.Context, m mail.Mail, timeout time.Duration) error
}

// mail sends the mail of an exchange.
func (s *Service) mail(x exchange, o *outcome) {
	err := error(problem.New(problem.Unavailable, "no_mail_server",
		"There is no mail server: set smtp.url and smtp.from in the configuration file, and start the gateway again."))
	if s.Mail != nil {
		err = s.Mail.Send(s.sending, *x.mail, x.timeout)
	}
	if err != nil {
		p := problem.Of(err)
		o.Error, o.final = &problem.Failure{Code: p.Code, Message: p.Detail}, p.Kind == problem.Unprocessable
		return
	}
	o.StatusCode = mailTaken
}

const mailTaken = 250 // RFC 5321, section 4.2.3

// judge writes what a destination's answer means into an outcome.
func (s *Service) judge(x exchange, answer egress.Answer, o *outcome) {
	judge := x.to.Judge
	if judge == nil {
		judge = destinations.JudgeByStatus
	}
	said := destinations.Answer{Status: answer.Status, Header: answer.Header, Body: answer.Body}
	if x.thread != nil {
		said.First = x.thread.first
	}
	verdict := judge(said)
	if x.thread != nil {
		x.thread.lost = verdict.Lost
	}
	switch verdict.Reason {
	case "":
		if x.thread != nil {
			x.thread.taken = x.to.Ref(said)
		}
		return
	case destinations.ByStatus:
		o.Error = refusal(answer)
		o.gone = answer.Status == http.StatusGone
	default:
		o.Error, o.toldBy = &problem.Failure{Code: "status", Message: x.clean.text(x.url, verdict.Reason)}, true
		if answer.Status >= 200 && answer.Status <= 299 {
			o.Error.Code = "refused"
		}
	}
	o.wait, o.final = verdict.Wait, verdict.Final
}

// shownURL is where an exchange goes, as it may be kept.
func (x exchange) shownURL() string {
	if x.to != nil && x.mail == nil && !x.to.PublicPaths {
		return secret.ShownOrigin(x.url)
	}
	return secret.ShownURL(x.url)
}
