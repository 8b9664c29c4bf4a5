// Package senders describes the systems that call webhooks: how each proves itself, what its calls say, and which answer it
// expects. It reads bytes and returns values: no network, no database, no clock of its own.
//
// A sender is a package below this one and a line in package all. What all of them share is here: the delivery, the event
// that it becomes, proofs and their refusals, and the prompts of events.
//
// Everything in a delivery is a stranger's until a proof holds, and data after that: no function here panics, takes more
// than linear time or fails because of what a body says.
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

// Sender is one system that calls. One with Verify or Token is a scheme of a client's auth, one with Event is a source; most
// are both.
type Sender struct {
	Name  string // in source and auth
	Title string // as its vendor writes it
	Group Group
	Setup Setup

	// Check returns what is wrong with the configuration of a proof, in a sentence for whoever wrote it. Nil where any
	// secret will do.
	Check func(p Proof) error
	// Verify returns nil if the delivery proves that it was made by somebody with one of the secrets, else a Refusal.
	Verify Verify
	// SignsURL says that the signature covers the URL of the call, as the sender knows it.
	SignsURL bool
	// Keyless says that Verify takes no secret: it knows the sender by a public key.
	Keyless bool
	// Token is for the schemes whose proof is the client's own token: it returns the token that the delivery shows, or a
	// Refusal. The client knows whether it is the right one.
	Token func(p Proof, d Delivery) (string, error)
	// Shows reports whether the delivery tries this scheme, right or wrong.
	Shows func(p Proof, d Delivery) bool

	// Event returns what the delivery says. A body that the sender would not send becomes an event with its text.
	Event func(d Delivery) Event
	// Prompt tells a model what a person would need to know.
	Prompt func(e Event) string
	// DeliveryID returns what stays the same when the sender repeats a delivery, or nothing. It is only as good as the
	// proof: a Proved has its own where a signature covers it.
	DeliveryID func(d Delivery) string
	// Handshake answers a call that is about the connection only, once it has proved itself. It returns nil for any other
	// call, and a Refusal for a handshake that would lead to another host than the sender's.
	Handshake func(d Delivery) (*Answer, error)
	// Preflight answers OPTIONS, which shows no proof, or returns nil.
	Preflight func(d Delivery) *Answer

	// Async says that the sender does not wait for answers: it is answered as soon as the call is on record.
	Async bool
	// Accepted is what the sender takes for a success, where that is not a 202 with the run's document.
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

// Alerts reports whether the sender's items fire and resolve, so that they are coalesced.
func (s *Sender) Alerts() bool { return s.Group == Alerts }

// GivesUp reports whether the sender takes a 4xx as final, or disables the hook after a few.
func (s *Sender) GivesUp() bool { return s.Group == Alerts || s.Group == Git }

// Answer is what a handshake is answered with.
type Answer struct {
	Status int
	Header http.Header // may be nil
	Body   []byte
	// Fetch has to be fetched once, by GET and without following redirects, before the answer is sent. Its host is the
	// sender's: who returns the Answer has checked that. Nil where there is nothing to fetch.
	Fetch *url.URL
}

// Text is an Answer of 200 with a body of this content type.
func Text(contentType, body string) *Answer {
	return &Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {contentType}}, Body: []byte(body)}
}
