package chat

import (
	"bytes"
	"io"
	"net/http"
	"sync"
)

// A model may think for minutes, and the prompt is held meanwhile. That it is held once, and not as JSON besides,
// is what this file is for: a request's body lets go of its bytes when it has been sent, and is written again for
// another attempt.

// resendFrom is the size from which on that is worth the while. A transport sends the header and a body that it
// knows to be in memory at once, and those of other bodies one after the other.
const resendFrom = 64 << 10

// setBody gives a request a body that write makes, and makes again should the transport want to send it once more.
func setBody(r *http.Request, write func() []byte) {
	body := write()
	r.ContentLength = int64(len(body))
	if len(body) < resendFrom {
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		return
	}
	r.Body = &sentOnce{body: bytes.NewReader(body)}
	r.GetBody = func() (io.ReadCloser, error) { return &sentOnce{body: bytes.NewReader(write())}, nil }
}

// sentOnce lets go of a body at its end. A transport may close it while it is being read.
type sentOnce struct {
	mu   sync.Mutex
	body io.Reader // nil when it is over
}

func (s *sentOnce) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.body == nil {
		return 0, io.EOF
	}
	n, err := s.body.Read(p)
	if err != nil {
		s.body = nil
	}
	return n, err
}

func (s *sentOnce) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.body = nil // there is nothing to close: it is in memory
	return nil
}
