package events

import (
	"bytes"
	"encoding/json"
	"strings"

	"beckon/calls/senders"
	"beckon/internal/repository"
)

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

// Headline returns a title for the run of a call: the title of its event, and whether what it reports is firing or
// resolved. It is empty for events without a title. origin is an Origin as JSON, of which the end may be missing.
func Headline(origin []byte) string {
	known := map[string]string{"state": "", "title": ""}
	dec := json.NewDecoder(bytes.NewReader(origin))
	_, err := dec.Token() // the opening brace
	for left := len(known); left > 0 && err == nil && dec.More(); {
		var name json.Token
		if name, err = dec.Token(); err != nil {
			break
		}
		var value json.RawMessage
		if err = dec.Decode(&value); err != nil {
			break
		}
		member, _ := name.(string)
		if _, wanted := known[member]; !wanted {
			continue
		}
		var text string
		if err = json.Unmarshal(value, &text); err == nil {
			known[member] = strings.TrimSpace(text)
			left--
		}
	}
	title, state := known["title"], known["state"]
	isAlert := state == senders.Firing || state == senders.Resolved
	if title == "" || !isAlert || strings.Contains(title, " "+state) { // as in "2 firing: DiskFull"
		return title
	}
	return strings.ToUpper(state[:1]) + state[1:] + ": " + title
}
