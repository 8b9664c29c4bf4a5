package calls

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"beckon/clients"
	"beckon/commands"
	"beckon/internal/memory"
	"beckon/internal/problem"
)

// The bounds of what a caller may say beside its prompt.
const (
	maxSessionID = 256 // characters
	maxAgentID   = 63
)

// Prompt is what a request asks for. All but Text may be empty.
type Prompt struct {
	Text      string // valid UTF-8; of a call that brings none it is blank until others have been asked for one
	Agent     string // the agent or flow that the caller wants, well-formed but not yet known to exist
	SessionID string
	Metadata  json.RawMessage // a JSON object of at most 16 KiB
	Priority  int             // in the queue, 1 (first) to 4 (last); 0 is the default
	Webhook   json.RawMessage // a JSON object; what is in it is for deliveries to check
}

// prompt makes the prompt of a request whose body has been read, and chooses the agent or flow that gets it. The prompts
// of large bodies are made a few at a time: a parsed document takes many times the memory of its body.
func (s *Service) prompt(sender *Sender, client *clients.Member, in Catalog, r *Request) (p Prompt, agent string, err error) {
	if len(r.Body) > largeBody {
		s.largePromptSlots <- struct{}{}
		defer func() { <-s.largePromptSlots }()
	}
	if p, err = sender.Prompt(client, in.Commands, r, int(client.BodyLimit(s.MaxBodyBytes))); err != nil {
		return p, "", err
	}
	agent, err = client.Choose(p.Agent)
	if err != nil && client.GivesUp() {
		agent, err = client.Choose("")
	}
	if err != nil {
		return p, "", err
	}
	if isBlank(p.Text) {
		p.Text = client.Prompt
	}
	if entry := in.Agents.Get(agent); isBlank(p.Text) && entry != nil {
		p.Text = entry.Prompt
	}
	if isBlank(p.Text) {
		return p, "", errNoPrompt
	}
	p.Metadata = joinMetadata(client.MetadataJSON, p.Metadata)
	return p, agent, nil
}

// errNoPrompt answers a call that brings no prompt where nothing else has one.
var errNoPrompt = problem.New(problem.Invalid, problem.CodeEmptyPrompt, "The prompt is empty. Send it as the body, as prompt in a JSON object or a form, or as input of a run. "+
	"Or give the client or its agent a prompt for calls that bring none.")

// largeBody is the size in bytes above which prompts are made a few at a time.
const largeBody = 64 << 10

// PromptOf makes the prompt of a call: the client's command, its template rendered over the request, or what the request
// says itself, which may be nothing. maxBytes bounds what a template may make of it.
func PromptOf(client *clients.Member, all commands.Set, r *Request, maxBytes int) (Prompt, error) {
	switch {
	case client.PromptTemplate != nil:
		return renderPrompt(client.PromptTemplate, client, r, maxBytes)
	case client.Passthrough:
		return ReadPrompt(r)
	}
	wanted, err := agentOf(r.Query)
	if err != nil {
		return Prompt{}, err
	}
	p := Prompt{Agent: wanted}
	if err := readBesideCommand(trimBOM(r.Body), &p); err != nil {
		return Prompt{}, err
	}
	err = runCommand(client, all, &p)
	return p, err
}

// runCommand sets the prompt to that of a client whose callers give none: its own, or that of its command.
func runCommand(client *clients.Member, all commands.Set, p *Prompt) error {
	p.Text = client.Prompt
	if client.CommandID == "" {
		return nil
	}
	command, ok := all[client.CommandID]
	if !ok {
		return problem.New(problem.Unavailable, problem.CodeCommandUnavailable, "The command %q of this client cannot be used now: its configuration has an error, which the log names.", client.CommandID)
	}
	if isBlank(p.Text) {
		p.Text = command.Prompt
	}
	p.Agent = cmp.Or(p.Agent, command.AgentID)
	return nil
}

// ReadPrompt takes the prompt from the body of a request, by its Content-Type:
//
//	application/json, application/*+json   the string prompt of an object, with its promptMembers; any other JSON itself
//	text/*, or none; XML, YAML, lines of   the text
//	JSON
//	application/x-www-form-urlencoded      the field prompt, with its promptMembers; else all fields as "name: value"; a body that
//	multipart/form-data                    is no form is JSON or text: curl -d and others label all bodies so
//
// A body without any text brings no prompt. The error is a problem: Unsupported for a type or encoding that isn't
// supportedTypes, else Invalid.
func ReadPrompt(r *Request) (Prompt, error) {
	kind, err := kindOf(r.Header)
	if err != nil {
		return Prompt{}, err
	}
	wanted, err := agentOf(r.Query)
	if err != nil {
		return Prompt{}, err
	}
	body, kind, err := kind.text(r.Body)
	if err != nil {
		return Prompt{}, err
	}
	p, err := kind.read(body)
	if err != nil {
		return Prompt{}, err
	}
	if p.Agent, err = oneAgent(p.Agent, wanted); err != nil {
		return Prompt{}, err
	}
	return p, checkText(p.Text)
}

func (k bodyKind) read(body []byte) (Prompt, error) {
	switch {
	case len(body) == 0:
		return Prompt{}, nil
	case k.format == jsonFormat:
		return readJSON(body)
	case k.isForm():
		fields, err := k.fields(body)
		if err != nil {
			return Prompt{}, err
		}
		return promptOfFields(fields)
	}
	return Prompt{Text: memory.Text(body)}, nil // checkText follows
}

// checkText refuses what no agent can answer and no database can keep.
func checkText(text string) error {
	switch {
	case !utf8.ValidString(text):
		return errUTF8()
	case strings.ContainsRune(text, 0):
		return problem.New(problem.Invalid, problem.CodeInvalidText, "The prompt holds a NUL character. Send text.")
	}
	return nil
}

func isBlank(text string) bool { return strings.TrimSpace(text) == "" }

func errUTF8() error {
	return problem.New(problem.Invalid, problem.CodeInvalidUTF8, "The text is not valid UTF-8. Convert it before you send it.")
}

// invalidParameter names the parameter that is wrong, also in the fields of the problem.
func invalidParameter(name, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	e := problem.New(problem.Invalid, problem.CodeInvalidParameter, "%s %s.", name, message)
	e.Fields.Add(name, "%s", message)
	return e
}

// agentOf reads ?agent=; an empty one counts as none.
func agentOf(query url.Values) (string, error) {
	agent := ""
	for _, a := range query["agent"] {
		if agent != "" && a != agent {
			return "", invalidParameter("agent", "is in the query more than once, with different values")
		}
		agent = a
	}
	return agent, checkAgent(agent)
}

// oneAgent lets the body and the query say the same, or one of them nothing.
func oneAgent(body, query string) (string, error) {
	if body != "" && query != "" && body != query {
		return "", invalidParameter("agent", "differs between the body and the query; name it once")
	}
	if body != "" {
		return body, checkAgent(body)
	}
	return query, nil
}

func checkAgent(id string) error {
	for i := range len(id) {
		c := id[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' && i > 0) || i >= maxAgentID {
			return invalidParameter("agent", "must be the id of an agent or flow: at most %d lower-case letters, digits and hyphens", maxAgentID)
		}
	}
	return nil
}

func checkSessionID(id string) error {
	if utf8.RuneCountInString(id) > maxSessionID || strings.ContainsFunc(id, unicode.IsControl) {
		return invalidParameter("sessionId", "must be at most %d characters, without control characters", maxSessionID)
	}
	return nil
}
