package deliveries

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"beckon/deliveries/destinations"
	"beckon/internal/egress"
	"beckon/internal/mail"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
)

// exchange is what is posted to whom in one attempt.
type exchange struct {
	method  string
	url     string
	query   string // behind url; nothing in it is secret
	header  http.Header
	own     []string // the names of the header fields that whoever registered the receiver has given
	body    []byte
	mail    *mail.Mail // in the place of a request
	timeout time.Duration
	retry   Retry
	to      *destinations.Receiver // nil for what is no destination
	clean   *cleaner               // takes its secrets out of a text; nil for what is no destination
	thread  *thread                // that the message belongs to; nil where it belongs to none
	doubted *destinations.Message  // what an earlier attempt may have written already; nil where none may have
}

// outcome is what came of an attempt, and what follows.
type outcome struct {
	Attempt
	retry Retry
	wait  time.Duration // what the receiver asks for before the next
	final bool          // no other attempt would do better
	gone  bool          // the receiver says that it does not exist any more
	// unfit says that there is nothing to send of this event, which tells nothing of the receiver.
	unfit bool

	thread *thread // as that of the exchange
	toldBy bool    // Error has the words of the receiver
}

// attempt makes one attempt at a delivery that this process has claimed, when there is room for it, its lane is
// open, and the claim is certainly still its own: another process may have sent it since. record writes its
// outcome. made is false when no attempt was made, or when it was given up because the process ends.
func (s *Service) attempt(d *claimed, open func() bool) (o outcome, made bool) {
	release, ok := s.slots.acquire(s.lanes.closing, d)
	if !ok {
		return o, false
	}
	defer release()
	if !open() || !s.Work.Trusts(d.at) {
		return o, false
	}
	return s.attemptNow(d)
}

// attemptNow makes one attempt, whatever else is being sent.
func (s *Service) attemptNow(d *claimed) (o outcome, made bool) {
	ctx, span := s.startSpan(d)
	o = d.redacted(s.exchange(ctx, d))
	endSpan(span, o)
	if s.sending.Err() != nil && o.StatusCode == 0 {
		o.thread.leave()
		return o, false
	}
	s.Metrics.Attempted(o.Error == nil, o.Duration)
	s.report(ctx, d, o)
	return o, true
}

// exchange signs and posts what d has to tell.
func (s *Service) exchange(ctx context.Context, d *claimed) (o outcome) {
	begun := s.Now()
	o.Attempt = Attempt{
		Number:         d.Attempts + 1,
		Reason:         d.Reason,
		StartedAt:      begun.UTC(),
		RequestHeaders: map[string]string{},
	}
	started := time.Now()
	defer func() { o.Duration = time.Since(started) }()
	x, err := s.prepare(d, begun)
	o.URL, o.retry, o.thread = x.shownURL(), x.retry, x.thread
	if err != nil {
		p := problem.Of(err)
		o.Error = &problem.Failure{Code: p.Code, Message: p.Detail}
		o.final = p.Kind == problem.NotFound
		o.unfit = o.final
		return o
	}
	if x.to == nil {
		addTrace(ctx, x.header)
	}
	o.RequestHeaders = shown(x)
	if x.mail != nil {
		s.mail(x, &o)
		return o
	}
	if d.EndpointID != nil { // what may not be given any more was refused then
		ctx = egress.WithKeptURL(ctx)
	}
	if x.doubted != nil && s.findWritten(ctx, x, &o) {
		return o
	}
	answer, err := s.Out.Send(ctx, x.method, x.url+x.query, x.header, x.body, x.timeout)
	o.StatusCode = answer.Status
	o.ResponseBody = strings.ToValidUTF8(strings.ReplaceAll(string(answer.Body), "\x00", ""), "\uFFFD")
	o.Truncated = answer.Truncated
	if x.to != nil {
		o.ResponseBody = x.clean.text(x.url, o.ResponseBody)
	}
	if s.HideLinks != nil {
		o.ResponseBody = s.HideLinks(o.ResponseBody)
	}
	switch {
	case x.to != nil && answer.Status != 0 && err == nil:
		s.judge(x, answer, &o)
	case answer.Status != 0 && (answer.Status < 200 || answer.Status > 299):
		o.Error = refusal(answer)
		o.gone = answer.Status == http.StatusGone
		o.wait = egress.RetryAfter(answer.Header, begun)
	case err != nil:
		code, text := egress.Explain(err)
		o.Error = &problem.Failure{Code: code, Message: text}
	}
	return o
}

// prepare makes what is posted. A NotFound says that it never can be.
func (s *Service) prepare(d *claimed, now time.Time) (x exchange, err error) {
	m := message{
		ID:       d.EventID,
		Type:     d.Type,
		RunID:    deref(d.RunID),
		ClientID: deref(d.ClientID),
		Payload:  d.event.Payload,
		Source:   s.Source,
		IsSample: d.Reason == ReasonTest,
	}
	x.method = http.MethodPost
	scheme, vendor, agent := signature.Standard, "", "Beckon/"+s.Version
	if d.unreadable != nil {
		return x, d.unreadable
	}
	var form format = formats[0]
	var own map[string]secret.String
	var secrets []secret.String
	if d.EndpointID != nil {
		t := s.endpoints.Load().byID[*d.EndpointID]
		if t == nil {
			return x, problem.New(problem.Unavailable, "endpoint_gone",
				"There is no endpoint %q any more.", *d.EndpointID)
		}
		if s.ApprovalLinks != nil && !m.IsSample {
			m.Payload = s.ApprovalLinks(m.Payload)
		}
		x.url, x.timeout, x.retry, form, own = t.URL, t.Timeout.Or(DefaultTimeout), t.Retry, t.format, t.Headers
		if t.receiver != nil {
			if m.Series = d.series(); d.isInDoubt() {
				m.Since = time.UnixMilli(d.CreatedAt)
			}
			return s.prepareDestination(x, t, m)
		}
		scheme, vendor = t.scheme(), t.Vendor
		if secrets, err = s.secretsOf(t, now); err != nil {
			return x, err
		}
	} else {
		callback, err := OpenCallback([]byte(deref(d.Callback)), s.Sealer, sealedFor(deref(d.ClientID)))
		if err != nil {
			return x, err
		}
		x.url = callback.URL
		x.timeout = DefaultTimeout
		x.retry = callback.Retry
		own = callback.Headers
		m.Metadata = callback.Metadata
		if secrets = s.Secrets(deref(d.ClientID)); len(secrets) == 0 {
			return x, problem.New(problem.Unavailable, "client_gone",
				"The client %q is gone, and with it the secret that signs its callbacks.", deref(d.ClientID))
		}
	}
	if m.Payload == nil {
		return x, eventGone()
	}
	if s.Links != nil {
		m.Payload = s.Links(m.Payload) // anew for each attempt: links expire
	}
	var contentType string
	if x.body, contentType, err = s.render(form, m); err != nil {
		return x, err
	}
	if vendor != "" {
		agent = vendor + "-Webhooks/1.0"
	}
	x.header = http.Header{"User-Agent": {agent}, "Content-Type": {contentType}}
	for name, value := range own {
		if whyReserved(name, vendor) != "" {
			continue // it was given when it could be
		}
		x.header.Set(name, value.Reveal())
		x.own = append(x.own, name)
	}
	at := now
	if scheme == signature.HMACHex { // its timestamp is not signed, and says when the event occurred
		if at, err = m.occurredAt(); err != nil {
			return x, err
		}
	}
	err = signature.Sign(x.header, scheme, vendor, secrets, signature.Message{
		ID:   m.ID,
		Type: m.Type,
		At:   at,
		Body: x.body,
	})
	return x, err
}

func eventGone() error {
	return problem.New(problem.NotFound, "event_gone", "The event is not on record any more: its run was deleted.")
}

// shown are the header fields of an exchange as they may be kept: what the receiver's owner has put there may be
// secret.
func shown(x exchange) map[string]string {
	list := make(map[string]string, len(x.header))
	for name, values := range x.header {
		list[name] = strings.Join(values, ", ")
	}
	for _, name := range x.own {
		list[http.CanonicalHeaderKey(name)] = secret.Mask
	}
	return list
}

// refusal says what an answer that is not a 2xx means.
func refusal(answer egress.Answer) *problem.Failure {
	status := answer.Status
	name := strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
	if status == http.StatusGone {
		return &problem.Failure{Code: "gone", Message: "The receiver answered 410 Gone: it wants no more deliveries."}
	}
	code, meaning := "status", "; a 2xx would have accepted the delivery."
	switch {
	case egress.IsRedirect(status, answer.Header):
		code, meaning = "redirect", ", a redirect, which is not followed. Give the URL that it leads to."
	case status == http.StatusNotModified:
		meaning = ", which is an answer to a GET and not to a POST. A 2xx would have accepted the delivery. " +
			"Look at the receiver, and at caches in front of it."
	case status >= 300 && status < 400:
		meaning = " and named no URL to go to (Location). A 2xx would have accepted the delivery."
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		meaning = ": it does not let the delivery in. Look at its secret and at the headers that it expects."
	case status == http.StatusNotFound:
		meaning = ". Look at the path of the URL."
	case status >= 500:
		meaning = ": it has failed. Its log says why."
	}
	return &problem.Failure{Code: code, Message: "The receiver answered " + name + meaning}
}

// next says when another attempt is made after one that failed, or that none is.
func (s *Service) next(d *claimed, o outcome) (at time.Time, again bool) {
	if o.final || d.Reason == ReasonTest || o.gone && d.EndpointID == nil { // there is no endpoint that could come back
		return at, false
	}
	now := s.Now()
	wait, again := o.retry.next(d.Tries+1, time.UnixMilli(d.FirstAt), now, rand.Float64())
	return now.Add(max(wait, o.wait)), again
}

// report is the one line that the log has of every attempt.
func (s *Service) report(ctx context.Context, d *claimed, o outcome) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("delivery_id", d.ID), slog.Int("attempt", o.Number), slog.String("event", d.EventID),
		slog.String("type", d.Type), slog.String("run_id", deref(d.RunID)),
		slog.String("endpoint", deref(d.EndpointID)),
		slog.Int("status", o.StatusCode), slog.Duration("duration", o.Duration),
	}
	if o.Error != nil {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("code", o.Error.Code), slog.String("error", o.Error.Message))
	}
	s.Log.LogAttrs(ctx, level, "delivery attempted", attrs...)
}
