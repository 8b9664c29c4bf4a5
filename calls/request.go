package calls

import (
	"net/http"
	"net/url"
	"time"

	"beckon/calls/senders"
	"beckon/clients"
	"beckon/internal/memory"
	"beckon/internal/problem"
)

// Request is a call as it came in.
type Request struct {
	Method     string // empty is POST
	Address    string // of the caller
	ClientID   string // that the address names; empty where it names none
	Agent      string // the agent or flow that the address names; empty where it names none
	URL        *url.URL
	Header     http.Header
	Query      url.Values // of URL
	ReceivedAt time.Time
	Stream     bool // the caller reads the run's events while they happen

	// Body is the whole body: as it was sent until the client is known, and then without its Content-Encoding. Its bytes never
	// change: prompts may be parts of it. Where Read is set, it is empty until somebody calls ReadBody.
	Body []byte
	// Read reads the body, of at most limit bytes, and reserves in held what it takes. It is called once at most.
	Read func(limit int64, held *memory.Reservation) ([]byte, error)

	held        *memory.Reservation
	service     *Service
	proved      senders.Proved
	deliveryKey string // see noteDelivery
}

// ReadBody reads the body into Body, unless that has been done. A larger one than limit is a TooLarge problem.
func (r *Request) ReadBody(limit int64) (err error) {
	if read := r.Read; read != nil {
		r.Read = nil
		r.Body, err = read(limit, r.held)
		return err
	}
	if int64(len(r.Body)) > limit {
		return TooLarge(limit)
	}
	return nil
}

// TooLarge refuses a body of more bytes than the client may send.
func TooLarge(limit int64) error {
	return problem.New(problem.TooLarge, problem.CodeBodyTooLarge, "The body is larger than the %d bytes that this client may send (maxBodyBytes).", limit)
}

// readBody reads the body. The bodies of one client that are being read at the same time are bounded; they need no place
// among the client's running calls yet, so that a slow body keeps no other call out.
func (s *Service) readBody(client *clients.Member, r *Request) error {
	if client.Passthrough && !client.HasSource() {
		if err := CheckContentType(r.Header); err != nil {
			return err
		}
	}
	if err := client.StartBody(s.Runs.MaxConcurrent); err != nil {
		return err
	}
	defer client.EndBody()
	limit := client.BodyLimit(s.MaxBodyBytes)
	if err := r.ReadBody(limit); err != nil {
		return err
	}
	r.noteDelivery(client)
	return r.decodeBody(limit)
}
