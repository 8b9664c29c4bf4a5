// Package destinations describes the receivers that people read: chats, inboxes, and whatever else takes an HTTP
// request. Each is one value in a package of its own; package all lists them.
//
// A destination makes a request of an event, and judges what its receiver answers. Deliveries, retries and records
// are those of package deliveries. What an event says may come from strangers: texts go out by package markdown.
package destinations

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"beckon/internal/mail"
	"beckon/internal/problem"
	"beckon/internal/render"
	"beckon/internal/secret"
)

// Destination is one kind of receiver.
type Destination struct {
	Name  string // as endpoints name it in their format
	Title string // for people
	Help  string // what an endpoint needs for it, in one line
	// Fields lists the settings of an endpoint that the destination uses, besides url and headers: secret, to, from,
	// as, repositories, method, path, body, subject, replyTo. An endpoint with any other is refused.
	Fields []string
	// URL is used if an endpoint has no url. If it is empty, an endpoint must have one.
	URL string
	// IsMail says that the destination sends mails instead of HTTP requests. The endpoint's URL is a mailto: URL.
	IsMail bool
	// Open returns the receiver for an endpoint's settings. found lists what is wrong with them; then there is no
	// receiver.
	Open func(s Settings) (r Receiver, found problem.Fields)
}

// Settings are the settings of an endpoint that its destination may use.
type Settings struct {
	URL     string // the endpoint's, or Destination.URL
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
	// Request makes the request that sends a message. The text of its error is recorded and shown; it is a
	// *problem.Error.
	Request func(m Message) (Request, error)
	// Judge says what a response means. nil is Plain, which goes by the status.
	Judge func(a Answer) Verdict
	// ReadsRun says that Request uses the run in Message.Data. It is read only then.
	ReadsRun bool
	// ReadsKey says that Request uses Message.Key or Message.Origin of messages about runs. Without it, they may be
	// empty.
	ReadsKey bool
	// KeyOf returns the key of a message's thread (see Ref), if that is not Message.Key. nil is Message.Key.
	KeyOf func(m Message) string
	// PublicPaths says that no URL of the requests contains a secret, so that their paths may be shown.
	PublicPaths bool
	// MaxButtons is how many buttons a message may have. 0 is none.
	MaxButtons int
	// Ref returns the receiver's ID of a message that it has accepted, from its response. Later messages with the same
	// key have it as Message.First, so that they can be replies to it. nil is for receivers without threads.
	Ref func(a Answer) string
	// Find makes the request that lists the receiver's messages since m.Since, page by page. It is used if an earlier
	// attempt may have sent m although no response arrived. Found looks for m in the response: ref is the ID of the
	// message, as Ref returns it, or "", and more says whether m may be on the next page. Both are nil for receivers
	// without such a list.
	Find  func(m Message, page int) (Request, error)
	Found func(m Message, a Answer) (ref string, more bool)
}

// ParseTemplate parses the template in a setting, and sets ReadsRun if it mentions the run. It returns nil for an empty
// text, and for a mistake, which it adds to found.
func (r *Receiver) ParseTemplate(field, text string, found *problem.Fields) *render.Template {
	if text == "" {
		return nil
	}
	parsed, err := render.Parse(text)
	if err != nil {
		found.Add(field, "%s", err)
		return nil
	}
	r.ReadsRun = r.ReadsRun || parsed.Mentions("run")
	return parsed
}

// Request is a request to a receiver. Its URL and its headers may contain secrets.
type Request struct {
	Method string
	URL    string
	// PublicQuery is appended to URL. It contains no secrets.
	PublicQuery string
	Header      http.Header
	Body        []byte
	Mail        *mail.Mail // set instead of all other fields if Destination.IsMail
}

// Answer is the response of a receiver.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // the first 16 KiB
	First  string // the First of the message that was sent
}

// Verdict says what a response means. The zero Verdict means that the receiver has accepted the message.
type Verdict struct {
	Reason string        // why it has not, and what to do about it, for people; "" if it has
	Wait   time.Duration // how long to wait before the next attempt
	Final  bool          // the receiver will never accept this message, so it is not retried
	Lost   bool          // the receiver does not know Message.First any more, so the next attempt has none
}

// Set is a list of destinations.
type Set []*Destination

// Named returns the destination with a name, or nil.
func (s Set) Named(name string) *Destination {
	if i := slices.IndexFunc(s, func(d *Destination) bool { return d.Name == name }); i >= 0 {
		return s[i]
	}
	return nil
}

// Uses reports whether the destination uses a setting of endpoints; see Fields.
func (d *Destination) Uses(field string) bool { return slices.Contains(d.Fields, field) }

// Users returns the names of the destinations that use a setting, separated by commas.
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
