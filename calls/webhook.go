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

// maxUnproved is how many bodies of callers that have not proved themselves are read from one address at the same time.
const maxUnproved = 64

// verifyWebhook reads the body first where the call shows a signature that some client uses. What it does is the same for every id,
// also for one that no client has; see clients.Proofs.
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
	proved, err := known.Prove(ctx, own, d, now, func(token string) bool { return all.Authenticate(r.ClientID, token) != nil })
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

// delivery is the request as package senders reads it.
func (r *Request) delivery() senders.Delivery {
	d := senders.Delivery{Method: cmp.Or(r.Method, http.MethodPost), Header: r.Header, Body: r.Body, ReceivedAt: r.ReceivedAt}
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

// readUnproved reads the body of a caller that has proved nothing yet.
func (r *Request) readUnproved(all *clients.Set) error {
	end, err := r.service.unproved.start(r.Address)
	if err != nil {
		return err
	}
	defer end()
	return r.ReadBody(max(all.MaxBodyBytes, r.service.MaxBodyBytes))
}

// unproved counts the bodies that are being read of callers that have proved nothing yet, by address.
type unproved struct {
	mu        sync.Mutex
	byAddress map[netip.Prefix]int
}

// start counts a body until end is called. Addresses of one IPv6 network (/64) count as one.
func (u *unproved) start(address string) (end func(), err error) {
	addr, _ := netip.ParseAddr(address) // else it is one with all others that are none
	network, _ := addr.Unmap().Prefix(min(addr.Unmap().BitLen(), 64))
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.byAddress[network] >= maxUnproved {
		return nil, problem.New(problem.Exhausted, problem.CodeTooManyConcurrentCalls,
			"This address is sending the bodies of %d calls that have not proved themselves. Try again when one has arrived.", maxUnproved).After(time.Second)
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

// isLenient reports whether the call is let through whatever it says; see clients.Member.GivesUp.
func (c *Call) isLenient() bool { return c.sender == Webhook && c.Client != nil && c.Client.GivesUp() }

// laterNot4xx has a call that proved itself come again, where its sender would take a refusal as final.
func (c *Call) laterNot4xx(err error) error {
	if err == nil || !c.isLenient() {
		return err
	}
	switch p := problem.Of(err); {
	case p.Code == problem.CodeClientDisabled: // on purpose: it is not to come again
		return err
	case p.Kind == problem.Upstream, p.Kind == problem.Unavailable, p.Kind == problem.Expired, p.Kind == problem.Internal:
		return err
	default:
		later := problem.New(problem.Unavailable, p.Code, "%s", p.Detail).Because(p)
		return later.After(cmp.Or(p.RetryAfter, time.Minute))
	}
}

// shakeHands answers a call that is about the connection only. It starts no run.
func (c *Call) shakeHands(ctx context.Context) error {
	source := c.Client.Sender
	if c.sender != Webhook || !c.Client.HasSource() || source == nil || source.Handshake == nil {
		return nil
	}
	answer, err := source.Handshake(c.request.delivery())
	if err != nil {
		return problem.New(problem.Unprocessable, problem.CodeInvalidParameter, "The call that confirms the webhook cannot be answered: %v", err)
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

var errNotConfirmed = problem.New(problem.Unavailable, problem.CodeInvalidParameter, "The subscription could not be confirmed: the sender's address did not answer. It is tried again when the sender calls again.").
	After(time.Minute)

// promptOfWebhook is PromptOf, with what the client's source makes of a call without a template. Nothing that its caller sends keeps an
// alert or a push from being let through.
func promptOfWebhook(client *clients.Member, all commands.Set, r *Request, maxBytes int) (Prompt, error) {
	if client.IsForm() {
		return promptOfForm(client, all, r, maxBytes)
	}
	passes, err := r.passes(client)
	switch {
	case err != nil && client.GivesUp():
		r.warn("The client's filter could not be evaluated over the call, which was let through.", client, err)
		return promptWhatever(client, all, r)
	case err != nil:
		return Prompt{}, err
	case !passes:
		return Prompt{Skipped: SkippedByFilter}, nil
	}
	source := client.Sender
	if source != nil && client.HasSource() && source.Prompt != nil && client.PromptTemplate == nil && client.Passthrough {
		return sourcePrompt(client, r), nil
	}
	p, err := PromptOf(client, all, r, maxBytes)
	switch {
	case err != nil && client.PromptTemplate != nil && (client.HasSource() || client.Filter != "") && problem.Of(err).Code == problem.CodeEmptyPrompt:
		return Prompt{Skipped: SkippedEmpty}, nil
	case err == nil || !client.GivesUp():
		return p, err
	}
	if client.PromptTemplate != nil {
		r.warn("The client's template could not be rendered over the call, and the source's own prompt was used.", client, err)
	}
	return promptWhatever(client, all, r)
}

// promptWhatever is the prompt of a call that is let through whatever it says: that of the client's command, or its source's own.
func promptWhatever(client *clients.Member, all commands.Set, r *Request) (Prompt, error) {
	if client.PromptTemplate == nil && !client.Passthrough {
		var p Prompt
		err := useStoredPrompt(client, all, &p)
		return p, err
	}
	return sourcePrompt(client, r), nil
}

// event is what the client's source makes of the call.
func (r *Request) event(client *clients.Member) senders.Event {
	if r.said == nil {
		said := client.Sender.Event(r.delivery())
		r.said = &said
	}
	return *r.said
}

// sourcePrompt is what a source makes of a call.
func sourcePrompt(client *clients.Member, r *Request) Prompt {
	p := Prompt{ofSource: true, Text: senders.Clean(client.Sender.Prompt(r.event(client)))}
	if agent, err := agentFromQuery(r.Query); err == nil {
		p.Agent = agent
	}
	return p
}

// warn notes on the run, and in the log, what went wrong with a call that was let through all the same.
func (r *Request) warn(message string, client *clients.Member, err error) {
	r.warnings = append(r.warnings, message+" "+problem.Of(err).Detail)
	if r.service != nil && r.service.Log != nil {
		r.service.Log.Warn(message, slog.String("client", client.ID), slog.String("error", client.Content.Text(err.Error())))
	}
}

// noteDelivery finds out by what a repeated delivery is known. The body is as it was sent.
func (r *Request) noteDelivery(client *clients.Member) {
	unsigned := ""
	if source := client.Sender; source != nil && source.DeliveryID != nil && (client.HasSource() || r.proved.Signature != "") {
		unsigned = source.DeliveryID(r.delivery())
	}
	r.deliveryKey = r.proved.DeliveryKey(unsigned, r.Body)
}

// Preflight answers an OPTIONS of a sender that asks whether it may call, which is the same for every id; nil for any other one.
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

// ShowsProof reports whether a request tries to prove who it comes from, in a way that some client takes.
func (s *Service) ShowsProof(r *Request) bool {
	r.service = s
	return s.Catalog().Clients.Proofs.Show(r.delivery())
}
