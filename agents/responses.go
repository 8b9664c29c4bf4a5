package agents

import "context"

// Response is an answer that a provider, or an agent's job API, works on in the background. It continues if nobody
// waits for it, and can be fetched later.
type Response struct {
	Provider string `json:"provider"`
	ID       string `json:"id"`       // the provider's; of a job the URL by which it is asked for
	Question string `json:"question"` // a hash of what was asked
	// Cancel is the request that stops a job; nil where there is none.
	Cancel *RemoteRequest `json:"cancel,omitempty"`
}

// RemoteRequest is a request on record. It holds no headers: they are the agent's, and may be secret.
type RemoteRequest struct {
	Method string `json:"method"`
	URL    string `json:"url"`
	Body   string `json:"body,omitempty"`
}

// Responses stores which background responses belong to a run, so that a run which continues after a crash, here or
// on another replica, fetches them instead of paying twice. Its methods may be called from several goroutines.
type Responses interface {
	// Node returns those of a node of a flow.
	Node(id string) Responses
	// List returns all of them, those of earlier attempts at the run too, in the order in which they began.
	List() []Response
	// Add keeps one more, and returns when that is on disk, or when the database has not taken it for a while.
	Add(ctx context.Context, r Response) error
	// GoesOn reports whether the run goes on later or elsewhere, although its ctx has ended.
	GoesOn(ctx context.Context) bool
}

// ResponseCanceler is an Invoker that can have its provider stop working on a response.
type ResponseCanceler interface {
	CancelResponse(ctx context.Context, r Response) error
}

// CancelResponse implements ResponseCanceler for the provider among the agent's that works on it.
func (c *chain) CancelResponse(ctx context.Context, r Response) error {
	for i := range c.candidates {
		if one, ok := c.candidates[i].invoker.(ResponseCanceler); ok && c.candidates[i].provider == r.Provider {
			return one.CancelResponse(ctx, r)
		}
	}
	return nil
}
