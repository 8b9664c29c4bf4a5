package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"

	"github.com/sashabaranov/go-openai"
)

// A model may think for minutes, and the prompt is held meanwhile. That it is held once, and not as JSON besides, is what
// this file is for: a request's body lets go of its bytes when it has been sent, and is encoded again for another attempt.

// resendFrom is the size from which on that is worth the while. A transport sends the header and a body that it knows to be
// in memory at once, and those of other bodies one after the other.
const resendFrom = 64 << 10

type requestKey struct{}

// resendable returns a context that says what go-openai's request of that context is made of.
func resendable(ctx context.Context, request *openai.ChatCompletionRequest) context.Context {
	return context.WithValue(ctx, requestKey{}, request)
}

// holdOnce makes the body of go-openai's request one that is held until it has been sent.
func holdOnce(req *http.Request) {
	request, ok := req.Context().Value(requestKey{}).(*openai.ChatCompletionRequest)
	if !ok || req.ContentLength < resendFrom {
		return
	}
	req.Body = &sentOnce{body: req.Body}
	req.GetBody = func() (io.ReadCloser, error) {
		body, err := json.Marshal(request)
		return &sentOnce{body: io.NopCloser(bytes.NewReader(body))}, err
	}
}

// sentOnce lets go of a body at its end. A transport may close it while it is being read.
type sentOnce struct {
	mu   sync.Mutex
	body io.ReadCloser // nil when it is over
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
