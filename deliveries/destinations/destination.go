// Package destinations describes the receivers that people read: chats, inboxes, and whatever else takes an HTTP request. Each
// is one value in a package of its own; package all lists them.
//
// A destination makes a request of an event, and judges what its receiver answers. Deliveries, retries and records are those
// of package deliveries. What an event says may come from strangers: texts go out by package markdown.
package destinations

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"beckon/internal/mail"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

// Destination is one kind of receiver.
type Destination struct {
	Name  string // as endpoints name it in their format
	Title string // for people
	Help  string // what an endpoint needs for it, in one line
	// Fields are those of an endpoint that mean something to it, besides url and headers: secret, to, from, as, repositories, method,
	// path, body, subject, replyTo.
	Fields []string
	// URL is where it is when an endpoint has no url; empty where it has to have one.
	URL string
	// IsMail says that it makes mails: its URL is mailto:, and no request is made.
	IsMail bool
	// Open makes a receiver of an endpoint's settings. found is what is wrong with them: there is no receiver then.
	Open func(s Settings) (r Receiver, found problem.Fields)
}

// Settings are what an endpoint says to its destination.
type Settings struct {
	URL     string // the endpoint's, or the destination's
	Secret  secret.String
	Headers map[string]secret.String
	To      string
	Method  string
	Path    string
	Body    string
	Subject string
	ReplyTo string
	From    string
	As      string
	// Repositories are patterns; see package repository.
	Repositories []string
}

// Receiver makes the requests to one endpoint. It may be used by several goroutines.
type Receiver struct {
	// Request makes the request that tells of an event. An error is a *problem.Error whose text may be kept and shown.
	Request func(m Message) (Request, error)
	// Judge says what an answer means. nil is Plain.
	Judge func(a Answer) Verdict
	// ReadsRun says that Request reads the run of a message.
	ReadsRun bool
	// ReadsKey says that Request uses the Key or the Origin of messages about runs, which are read for it.
	ReadsKey bool
	// KeyOf is the Key under which a message's Ref is kept, where more than that of the event belongs to it.
	KeyOf func(m Message) string
	// PublicPaths says that no URL of its requests has a key in it, so that its path may be shown.
	PublicPaths bool
	// ReadsForm says that Request uses the Form of messages about runs, which is read for it.
	ReadsForm bool
	// MaxButtons is how many buttons a message may have; 0 is none.
	MaxButtons int
	// Ref says what the receiver calls a message that it has taken, by its answer. The next message with the same Key has that as
	// its First. nil keeps nothing.
	Ref func(a Answer) string
	// Find makes the request for a page of the messages that there are since m.Since, and Found looks in its answer for what an earlier
	// attempt at m has written: ref is what Ref says of it, and more that it may be on the next page. nil cannot be asked.
	Find  func(m Message, page int) (Request, error)
	Found func(m Message, a Answer) (ref string, more bool)
}

// Request is what goes to a receiver. Its URL and its headers may be secret.
type Request struct {
	Method string
	URL    string
	// PublicQuery is sent behind URL. Nothing in it is secret.
	PublicQuery string
	Header      http.Header
	Body        []byte
	Mail        *mail.Mail // in the place of all the others, where the destination makes mails
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // its first 16 KiB
	First  string // that of the message
}

// Verdict says what an answer means. The zero Verdict is that the receiver has the message.
type Verdict struct {
	Reason string        // why it does not, and what to do, for people; empty when it does
	Wait   time.Duration // how long it wants to be left alone
	Final  bool          // it will never take this message
	Lost   bool          // it knows the First of the message no more: the next attempt has none
}

// Set is all destinations that there are.
type Set []*Destination

// Named returns the destination of a name; nil when there is none.
func (s Set) Named(name string) *Destination {
	if i := slices.IndexFunc(s, func(d *Destination) bool { return d.Name == name }); i >= 0 {
		return s[i]
	}
	return nil
}

// Uses reports whether a field of an endpoint means something to the destination.
func (d *Destination) Uses(field string) bool { return slices.Contains(d.Fields, field) }

// Users names the destinations that a field means something to, as a sentence has them.
func (s Set) Users(field string) string {
	var names []string
	for _, d := range s {
		if d.Uses(field) {
			names = append(names, d.Name)
		}
	}
	return strings.Join(names, ", ")
}

// OK reports whether a status is a success.
func (a Answer) OK() bool { return a.Status >= 200 && a.Status <= 299 }
