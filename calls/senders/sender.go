// Package senders describes the systems that call webhooks: how each proves itself, what its calls say, and which
// answer it expects. It reads bytes and returns values: no network, no database, no clock of its own.
//
// A sender is a package below this one and a line in package all. What all of them share is here: the delivery, the
// event that it becomes, proofs and their refusals, and the prompts of events.
//
// Everything in a delivery is a stranger's until a proof holds, and data after that: no function here panics, takes
// more than linear time or fails because of what a body says.
package senders

import (
	"net/http"
	"net/url"
	"time"
)

// Delivery is a call as it came in.
type Delivery struct {
	Method     string
	URL        *url.URL // as the sender wrote it: the public URL, with its query
	Header     http.Header
	Body       []byte // raw, as it was signed. It never changes: events are parts of it
	ReceivedAt time.Time
}

// Sender is a system that calls webhooks, or a scheme of authentication that belongs to no system. One with Verify or
// Token can be named in a client's auth as a scheme, one with Event can be a client's source; most can be both.
type Sender struct {
	Name  string // in source and auth
	Title string // as its vendor writes it
	Group Group
	Setup Setup

	// Check returns what is wrong with an entry of a client's auth that names this scheme, in a sentence for its
	// author. Nil accepts any secret.
	Check func(p Proof) error
	// Verify returns nil if the signature of the delivery was made with one of the secrets, otherwise a Refusal.
	Verify Verify
	// SignsURL says that the signature covers the URL of the call, as the sender knows it.
	SignsURL bool
	// Keyless says that Verify needs no secret, because the sender signs with a key whose public part is known.
	Keyless bool
	// Token is for schemes in which callers send the client's token: it returns the token in the delivery, or a
	// Refusal. The client decides whether it is the right one.
	Token func(p Proof, d Delivery) (string, error)
	// Shows reports whether the delivery has credentials of this scheme, right or wrong.
	Shows func(p Proof, d Delivery) bool

	// Event reads the event from the delivery. A body in an unknown format becomes an event with the body as its text.
	Event func(d Delivery) Event
	// Prompt describes an event to a model.
	Prompt func(e Event) string
	// DeliveryID returns an ID that stays the same when the sender repeats a delivery, or "". It need not be signed:
	// if a signature covers the ID, it is in Proved too.
	DeliveryID func(d Delivery) string
	// Handshake returns the response to an authenticated call by which the sender only checks the connection, and nil
	// for any other call. It returns a Refusal for a handshake that would fetch a URL of a host that is not the
	// sender's.
	Handshake func(d Delivery) (*Answer, error)
	// Preflight returns the response to an OPTIONS request, which has no credentials, or nil.
	Preflight func(d Delivery) *Answer

	// Async says that the sender does not wait for results: it gets a response as soon as the call is on record.
	Async bool
	// Accepted is the response that the sender takes for a success, if that is not a 202 with the run's document.
	Accepted *Answer
}

// Group is the heading under which a sender is listed.
type Group string

// The groups.
const (
	Alerts   Group = "alerts"
	Git      Group = "git"
	Payments Group = "payments"
	Chats    Group = "chats"
	Cloud    Group = "cloud"
	Events   Group = "events"
	Proofs   Group = "proofs" // schemes that belong to no vendor
)

// Alerts reports whether the sender reports alerts, which fire and are resolved. Calls about the same alert are
// coalesced.
func (s *Sender) Alerts() bool { return s.Group == Alerts }

// GivesUp reports whether the sender takes a 4xx as final, or disables the hook after a few.
func (s *Sender) GivesUp() bool { return s.Group == Alerts || s.Group == Git }

// Answer is a response in the sender's own format.
type Answer struct {
	Status int
	Header http.Header // may be nil
	Body   []byte
	// Fetch is a URL that must be fetched once, by GET and without following redirects, before the response is sent.
	// It is nil if there is none. Whoever makes the Answer has checked that the host is the sender's.
	Fetch *url.URL
}

// Text is an Answer of 200 with a body of this content type.
func Text(contentType, body string) *Answer {
	return &Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {contentType}}, Body: []byte(body)}
}
