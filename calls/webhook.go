package calls

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"beckon/calls/senders"
	"beckon/clients"
	"beckon/commands"
	"beckon/internal/problem"
)

// maxUnproved limits how many bodies of unauthenticated callers are read from one address at the same time.
const maxUnproved = 64

// verifyWebhook authenticates a call by the proofs of its client. It tries the decoys too, so that a refusal takes
// the same time for every client ID, whether there is such a client or not; see clients.Proofs. It reads the body
// only if the call has a signature that some client uses, because signatures cover the body.
func verifyWebhook(ctx context.Context, all *clients.Set, r *Request) (*clients.Member, error) {
	d := r.delivery()
	if all.Proofs.NeedBody(d) {
		if err := r.readUnproved(all); err != nil {
			return nil, err
		}
		d.Body = r.Body
	}
	member, now := all.Get(r.ClientID), time.Now()
	own, decoys := all.Proofs.Of(member)
	known := r.service.Senders
	proved, err := known.Prove(ctx, own, d, now, func(token string) bool {
		return all.Authenticate(r.ClientID, token) != nil
	})
	if err == nil {
		r.proved = proved
		return member, nil
	}
	_, _ = known.Prove(ctx, decoys, d, now, func(token string) bool { return all.Authenticate("", token) != nil })
	if member == nil {
		err = senders.Refuse("There is no client with this id.")
	}
	return nil, Unauthorized.Because(err)
}

// delivery returns the request as package senders takes it, with the public URL, since some signatures cover the URL.
func (r *Request) delivery() senders.Delivery {
	d := senders.Delivery{
		Method:     cmp.Or(r.Method, http.MethodPost),
		Header:     r.Header,
		Body:       r.Body,
		ReceivedAt: r.ReceivedAt,
	}
	switch {
	case r.URL == nil:
		d.URL = &url.URL{RawQuery: r.Query.Encode()}
	case r.service == nil || r.service.public == nil:
		d.URL = r.URL
	default:
		u, base := *r.URL, r.service.public
		u.Scheme, u.Host, u.Path = base.Scheme, base.Host, base.Path+u.Path
		if u.RawPath != "" {
			u.RawPath = base.EscapedPath() + u.RawPath
		}
		d.URL = &u
	}
	return d
}

// readUnproved reads the body of a caller that is not authenticated yet.
func (r *Request) readUnproved(all *clients.Set) error {
	end, err := r.service.unproved.start(r.Address)
	if err != nil {
		return err
	}
	defer end()
	return r.ReadBody(max(all.MaxBodyBytes, r.service.MaxBodyBytes))
}

// unproved counts, by address, the bodies that are being read from callers that are not authenticated yet.
type unproved struct {
	mu        sync.Mutex
	byAddress map[netip.Prefix]int
}

// start counts a body until end is called. Addresses of one IPv6 network (/64) count as one.
func (u *unproved) start(address string) (end func(), err error) {
	addr, _ := netip.ParseAddr(address) // all addresses that are not valid count as one
	network, _ := addr.Unmap().Prefix(min(addr.Unmap().BitLen(), 64))
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.byAddress[network] >= maxUnproved {
		return nil, problem.New(problem.Exhausted, problem.CodeTooManyConcurrentCalls,
			"This address is sending the bodies of %d calls that have not proved themselves. "+
				"Try again when one has arrived.",
			maxUnproved).After(time.Second)
	}
	if u.byAddress == nil {
		u.byAddress = map[netip.Prefix]int{}
	}
	u.byAddress[network]++
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.byAddress[network]--; u.byAddress[network] == 0 {
			delete(u.byAddress, network)
		}
	}, nil
}

// isLenient reports whether the call is accepted even if its content has errors, because its sender would not repeat
// a call that is refused. Such errors become warnings of the run. See clients.Member.GivesUp.
func (c *Call) isLenient() bool { return c.channel == Webhook && c.Client != nil && c.Client.GivesUp() }

// asRetryable returns the refusal of a lenient call as an Unavailable problem, so that the sender repeats the call.
// It would take a 4xx as final.
func (c *Call) asRetryable(err error) error {
	if err == nil || !c.isLenient() {
		return err
	}
	switch p := problem.Of(err); {
	case p.Code == problem.CodeClientDisabled: // an administrator disabled it, so the sender need not repeat the call
		return err
	case p.Kind == problem.Upstream, p.Kind == problem.Unavailable, p.Kind == problem.Expired,
		p.Kind == problem.Internal:
		return err
	default:
		later := problem.New(problem.Unavailable, p.Code, "%s", p.Detail).Because(p)
		return later.After(cmp.Or(p.RetryAfter, time.Minute))
	}
}

// answerHandshake sets Answer if the sender only checks the connection. Such a call starts no run.
func (c *Call) answerHandshake(ctx context.Context) error {
	source := c.Client.Sender
	if c.channel != Webhook || !c.Client.HasSource() || source == nil || source.Handshake == nil {
		return nil
	}
	answer, err := source.Handshake(c.request.delivery())
	if err != nil {
		return problem.New(problem.Unprocessable, problem.CodeInvalidParameter,
			"The call that confirms the webhook cannot be answered: %v", err)
	}
	if answer == nil {
		return nil
	}
	if answer.Fetch != nil {
		if c.service.Fetch == nil {
			return errNotConfirmed
		}
		if _, err := c.service.Fetch(ctx, answer.Fetch.String()); err != nil {
			return errNotConfirmed.Because(err)
		}
	}
	c.Answer = answer
	return nil
}

var errNotConfirmed = problem.New(problem.Unavailable, problem.CodeInvalidParameter,
	"The subscription could not be confirmed: the sender's address did not answer. "+
		"It is tried again when the sender calls again.").
	After(time.Minute)

// promptOfWebhook makes the prompt of a webhook call. A client with a source, with passthrough and without a template
// gets the prompt that its source makes of the event; other clients get PromptOf. For callers that give up, such as
// alert sources and git hosts, errors of the filter and of the template become warnings of the run.
func promptOfWebhook(client *clients.Member, all commands.Set, r *Request, maxBytes int) (Prompt, error) {
	if client.IsForm() {
		return promptOfForm(client, all, r, maxBytes)
	}
	passes, err := r.passes(client)
	switch {
	case err != nil && client.GivesUp():
		r.warn("The client's filter could not be evaluated over the call, which was let through.", client, err)
		return fallbackPrompt(client, all, r)
	case err != nil:
		return Prompt{}, err
	case !passes:
		return Prompt{Skipped: SkippedByFilter}, nil
	}
	source := client.Sender
	if source != nil && client.HasSource() && source.Prompt != nil && client.PromptTemplate == nil &&
		client.Passthrough {
		return sourcePrompt(client, r), nil
	}
	p, err := PromptOf(client, all, r, maxBytes)
	switch {
	case err != nil && client.PromptTemplate != nil && (client.HasSource() || client.Filter != "") &&
		problem.Of(err).Code == problem.CodeEmptyPrompt:
		return Prompt{Skipped: SkippedEmpty}, nil
	case err == nil || !client.GivesUp():
		return p, err
	}
	if client.PromptTemplate != nil {
		r.warn("The client's template could not be rendered over the call, and the source's own prompt was used.",
			client, err)
	}
	return fallbackPrompt(client, all, r)
}

// fallbackPrompt makes the prompt of a lenient call whose own prompt cannot be made: that of the client or its
// command, or the one that the source makes of the event.
func fallbackPrompt(client *clients.Member, all commands.Set, r *Request) (Prompt, error) {
	if client.PromptTemplate == nil && !client.Passthrough {
		var p Prompt
		err := useStoredPrompt(client, all, &p)
		return p, err
	}
	return sourcePrompt(client, r), nil
}

// event returns the event that the client's source reads from the call. The client must have a source.
func (r *Request) event(client *clients.Member) senders.Event {
	if r.parsed == nil {
		e := client.Sender.Event(r.delivery())
		r.parsed = &e
	}
	return *r.parsed
}

// sourcePrompt makes the prompt that the client's source makes of its event.
func sourcePrompt(client *clients.Member, r *Request) Prompt {
	p := Prompt{isFromSource: true, Text: senders.Clean(client.Sender.Prompt(r.event(client)))}
	if agent, err := agentFromQuery(r.Query); err == nil {
		p.Agent = agent
	}
	return p
}

// warn adds a warning to the run and to the log: what went wrong with a call that was accepted nevertheless.
func (r *Request) warn(message string, client *clients.Member, err error) {
	r.warnings = append(r.warnings, message+" "+problem.Of(err).Detail)
	if r.service != nil && r.service.Log != nil {
		r.service.Log.Warn(message, slog.String("client", client.ID),
			slog.String("error", client.Content.Text(err.Error())))
	}
}

// noteDelivery sets deliveryKey, which is the same for a repeated delivery. It needs the body as it was sent, before
// it is decoded.
func (r *Request) noteDelivery(client *clients.Member) {
	unsigned := "" // the ID by which the sender marks repeated deliveries, which no signature covers
	comesFromSource := client.HasSource() || r.proved.Signature != ""
	if comesFromSource && client.Sender != nil && client.Sender.DeliveryID != nil {
		unsigned = client.Sender.DeliveryID(r.delivery())
	}
	r.deliveryKey = r.proved.DeliveryKey(unsigned, r.Body)
}

// Preflight returns the response to a sender's OPTIONS request, which asks whether it may call, or nil if no sender
// makes such a request. It is the same for every client ID.
func (s *Service) Preflight(d senders.Delivery) *senders.Answer {
	for _, sender := range s.Senders {
		if sender.Preflight != nil {
			if answer := sender.Preflight(d); answer != nil {
				return answer
			}
		}
	}
	return nil
}

// ShowsProof reports whether a request has credentials, right or wrong, of a kind that some client accepts.
func (s *Service) ShowsProof(r *Request) bool {
	r.service = s
	return s.Catalog().Clients.Proofs.Show(r.delivery())
}
