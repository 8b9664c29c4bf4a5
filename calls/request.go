package calls

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"time"

	"beckon/calls/senders"
	"beckon/clients"
	"beckon/internal/memory"
	"beckon/internal/problem"
)

// Request is a call as it was received.
type Request struct {
	Method     string // "" means POST
	Address    string // the caller's IP address
	ClientID   string // in the path; empty if the route has none
	FormKey    string // of a form, in the path; empty if the route has none
	Agent      string // the ID of an agent or flow in the path; empty if the route has none
	URL        *url.URL
	Header     http.Header
	Query      url.Values // of URL
	ReceivedAt time.Time
	Stream     bool // the caller asks for a stream of the run's events

	// Body is the body. It is empty until ReadBody if Read is set. It is as it was sent while the Channel verifies the
	// request, and decoded (Content-Encoding) after that. Its bytes are never changed, since prompts share memory with
	// it.
	Body []byte
	// Read reads a body of at most limit bytes, and reserves its memory in held. It is called at most once; see
	// ReadBody.
	Read func(limit int64, held *memory.Reservation) ([]byte, error)

	// Open opens a body of at most limit bytes, to be read piece by piece; its errors are problems. It is called at
	// most once, in place of Read.
	Open func(limit int64) (io.ReadCloser, error)

	RequestID string // X-Request-Id of the answer

	isAgain     bool // see TryAgain
	held        *memory.Reservation
	upload      *upload // nil unless the body was read piece by piece
	service     *Service
	proved      senders.Proved
	deliveryKey string         // see noteDelivery
	parsed      *senders.Event // see event
	warnings    []string       // of the run
	replayOf    string         // the ID of the run or the kept request that it repeats; empty for a call
}

// ReadBody reads the body into Body, unless it has been read already. A body of more than limit bytes is a TooLarge
// problem.
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

// open opens the body to be read piece by piece, decoded, with the limits of its files and of all else.
func (r *Request) open(maxFile, maxText int64) (io.ReadCloser, error) {
	limit := maxFile
	if maxText > 0 {
		limit = maxFiles*maxFile + maxText + maxFields*maxPartHeaderBytes
	}
	encodings, err := encodingsOf(r.Header.Values("Content-Encoding"))
	if err != nil {
		return nil, err
	}
	body := io.NopCloser(bytes.NewReader(r.Body))
	if r.Read != nil && r.Open != nil {
		r.Read = nil
		if body, err = r.Open(limit); err != nil {
			return nil, err
		}
	}
	if len(encodings) == 0 {
		return body, nil
	}
	return decodedReader(body, encodings, limit+1) // a file that is too large by one byte is refused as such
}

// TooLarge returns the problem of a body of more than limit bytes.
func TooLarge(limit int64) error {
	return problem.New(problem.TooLarge, problem.CodeBodyTooLarge,
		"The body is larger than the %d bytes that this client may send (maxBodyBytes).", limit)
}

// readBody reads and decodes the body. The client may send only so many bodies at the same time. That limit is not
// maxConcurrent, so a slow body does not take a slot from a run.
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
