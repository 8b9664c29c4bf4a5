package events

import "beckon/internal/repository"

// Origin is what the call of a run has told, as its client's source reads it, as far as it is kept with the run:
// enough to find the thing that it is about again. It has a few KB at most.
type Origin struct {
	Source  string            `json:"source"`
	Type    string            `json:"type"`
	Action  string            `json:"action"`
	Key     string            `json:"key"` // the same for all calls about the same thing
	State   string            `json:"state"`
	Title   string            `json:"title"`
	URL     string            `json:"url"`
	Subject string            `json:"subject"` // such as a repository
	Labels  map[string]string `json:"labels"`  // never nil; of a form its fields
	// one address of mail, without a name: whom an answer is for, as a visitor of a form has typed it
	ReplyTo string            `json:"replyTo,omitempty"`
	Signed  bool              `json:"signed"` // the call proved by a signature over its body who has sent it
	Place   *repository.Place `json:"place"`  // where in a repository it happened; nil where it did not
}
