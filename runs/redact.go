package runs

import (
	"encoding/json"
	"slices"
	"sync"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/fence"
	"beckon/internal/problem"
	"beckon/internal/redact"
	"beckon/internal/sealed"
	"beckon/internal/secret"
)

// Why the content of a run is gone.
const (
	ErasedByClient = "client" // its client keeps none
	ErasedByAdmin  = "admin"
)

// HasContent reports whether the run's input and output are to be read on record, blacked out or not.
func (r *Run) HasContent() bool { return r.Erased == "" && !r.Rules.Discarding() }

// ContentNote explains in a sentence how the run's content was redacted, sealed or erased. It is empty if nothing
// was done to it.
func (r *Run) ContentNote() string {
	switch {
	case r.Erased == ErasedByAdmin:
		return "An administrator has erased its content."
	case r.Erased != "":
		return "Its client keeps no content (storeContent: false)."
	case r.Rules.Discarding():
		return "Its client keeps no content (storeContent: false): until the run and its deliveries have ended, " +
			"it is sealed, and shown nowhere."
	case r.Rules.Blacks():
		return "What its client names in redact is blacked out."
	}
	return ""
}

// texts remembers what the long texts of a run become when they are blacked out: each goes into several rows and
// events.
type texts struct {
	mu  sync.Mutex
	are map[string]string
}

const longText = 1 << 10

func (t *texts) of(rules *redact.Rules, text string) string {
	if t == nil || len(text) < longText {
		return rules.Text(text)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	redacted, known := t.are[text]
	if !known {
		if redacted = rules.Text(text); t.are == nil {
			t.are = map[string]string{}
		}
		t.are[text] = redacted
	}
	return redacted
}

// prepare does to a new run what its rules say before anything else: what is told of its call is blacked out for
// good, and so is what models see where the rules say so.
func (s *Service) prepare(r *Run) (err error) {
	if r.Rules == nil {
		return nil
	}
	r.texts = &texts{}
	r.blackOutPrompt()
	if r.Session, err = KeptKey(s.Sealer, r.Rules, r.ClientID, r.Session); err != nil {
		return sealed.NoKey(err)
	}
	r.Origin, err = s.keptOrigin(r)
	return err
}

// blackOutPrompt blacks out what models see, where the rules say so. What third parties have written stays marked.
func (r *Run) blackOutPrompt() {
	if !r.Rules.Model {
		return
	}
	r.Metadata = r.Rules.JSON(r.Metadata)
	if r.Fence == nil {
		r.Input = r.Rules.Text(r.Input)
		return
	}
	prompt := fence.Text{Text: r.Input, Spans: r.Fence.Spans}.Map(r.Rules.Text)
	r.Input, r.Fence = prompt.Text, r.Fence.With(prompt.Spans)
}

// keptOrigin is what is kept of what the call of a run has told. Its key stays one by which the same thing is found
// again.
func (s *Service) keptOrigin(r *Run) (json.RawMessage, error) {
	var o events.Origin
	if r.Origin == nil || json.Unmarshal(r.Origin, &o) != nil {
		return nil, nil
	}
	var err error
	if o.Key, err = KeptKey(s.Sealer, r.Rules, r.ClientID, o.Key); err != nil {
		return nil, sealed.NoKey(err)
	}
	for _, text := range []*string{&o.Type, &o.Action, &o.State, &o.Title, &o.URL, &o.Subject} {
		*text = r.Rules.Text(*text)
	}
	for name, value := range o.Labels {
		o.Labels[name] = r.Rules.Text(value)
	}
	return json.Marshal(o)
}

// KeptKey returns the form in which a key is stored, such as the key of an alert. If the redaction rules do not
// allow the key itself, it is a digest, which is equal for equal keys.
func KeptKey(x *secret.Sealer, rules *redact.Rules, clientID, key string) (string, error) {
	redacted := rules.Text(key)
	if key == "" || redacted == key && !rules.Discarding() {
		return key, nil
	}
	digest, err := x.Digest(key, "keys/"+clientID)
	if rules.Discarding() {
		redacted = ""
	}
	return redacted + "#" + digest[:min(len(digest), 24)], err
}

// sent is the run as those outside are told of it.
func (r *Run) sent() *Run {
	if r.Rules == nil || r.isKept || !r.Rules.Blacks() {
		return r
	}
	s := *r
	s.Input, s.Output, s.Reason, s.SessionID = r.text(r.Input), r.text(r.Output), r.text(r.Reason), r.text(r.SessionID)
	if r.By.IsData && r.Output != "" && !json.Valid([]byte(s.Output)) { // a number that is the whole answer
		quoted, _ := json.Marshal(s.Output) // texts never fail
		s.Output = string(quoted)
	}
	if s.Input != r.Input { // its places are those of the original, which is sealed with it
		s.Fence = nil
	}
	s.Metadata = r.Rules.JSON(r.Metadata)
	s.Error, s.By = r.failure(r.Error), r.answerer(r.By)
	s.Notes = slices.Clone(r.Notes)
	for i := range s.Notes {
		s.Notes[i].Text = r.text(s.Notes[i].Text)
	}
	return &s
}

// kept is the run as it is kept.
func (r *Run) kept() *Run {
	s := r.sent()
	if !r.Rules.Discarding() || r.isKept {
		return s
	}
	k := *s
	k.Input, k.Output, k.Reason, k.Origin, k.Fence = "", "", "", nil, nil
	k.Error = withoutAnswer(k.Error)
	k.By.IsData, k.isEmptied = false, true
	return &k
}

// sentNode and keptNode are sent and kept for a node of the run.
func (r *Run) sentNode(n agents.Node) agents.Node {
	if r.Rules == nil || r.isKept || !r.Rules.Blacks() {
		return n
	}
	n.Output, n.Error, n.By = r.text(n.Output), r.failure(n.Error), r.answerer(n.By)
	return n
}

func (r *Run) keptNode(n agents.Node) agents.Node {
	n = r.sentNode(n)
	if r.Rules.Discarding() && !r.isKept {
		n.Output, n.Error = "", withoutAnswer(n.Error)
	}
	return n
}

func (r *Run) text(text string) string { return r.texts.of(r.Rules, text) }

func (r *Run) failure(f *agents.Failure) *agents.Failure {
	if f == nil {
		return nil
	}
	return &agents.Failure{Code: f.Code, Message: r.Rules.Text(f.Message)}
}

func (r *Run) answerer(by agents.Answerer) agents.Answerer {
	by.Attempts = slices.Clone(by.Attempts)
	for i := range by.Attempts {
		a := &by.Attempts[i]
		a.Error, a.Reason, a.Finish = r.failure(a.Error), r.Rules.Text(a.Reason), r.Rules.Text(a.Finish)
	}
	if r.Status.Ended() { // nobody asks for them any more
		by.Responses = nil
	}
	return by
}

// withoutAnswer is a failure that quotes no answer.
func withoutAnswer(f *agents.Failure) *agents.Failure {
	if f == nil || f.Code != problem.CodeOutputInvalid {
		return f
	}
	return &agents.Failure{
		Code: f.Code,
		Message: "The answer is not what the agent's output has to be. What is wrong with it is not kept, " +
			"since the client keeps no content.",
	}
}

// keptName is what is kept of the name of a file.
func keptName(rules *redact.Rules, name string) string {
	if rules.Discarding() {
		return ""
	}
	return rules.Text(name)
}

// told makes an event about r as it is kept, with what goes out and what the caller of the run reads where those
// say more.
func told(r *Run, make func(r *Run) events.Event) events.Event {
	event := make(r.kept())
	if r.Rules == nil || r.isKept {
		return event
	}
	if r.Rules.Discarding() {
		event.Sent = ifOther(make(r.sent()).Payload, event.Payload)
	}
	if r.ownStream {
		event.Own = make(r).Payload
	}
	return event
}

// toldNode is told for an event about a node.
func toldNode(r *Run, n agents.Node, make func(r *Run, n agents.Node) events.Event) events.Event {
	if r.Rules == nil {
		return make(r, n)
	}
	event := make(r.kept(), r.keptNode(n))
	if r.Rules.Discarding() && !r.isKept {
		event.Sent = ifOther(make(r.sent(), r.sentNode(n)).Payload, event.Payload)
	}
	if r.ownStream {
		event.Own = make(r, n).Payload
	}
	return event
}

func ifOther(payload, than []byte) []byte {
	if string(payload) == string(than) {
		return nil
	}
	return payload
}
