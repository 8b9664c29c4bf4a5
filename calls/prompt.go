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
	"beckon/internal/fence"
	"beckon/internal/memory"
	"beckon/internal/problem"
)

// The limits of what a call may have beside its prompt.
const (
	maxSessionID = 256 // characters
	maxAgentID   = 63
)

// Prompt is what a request asks for. All but Text may be empty.
type Prompt struct {
	// valid UTF-8; blank if the call brings none, until Service.prompt takes that of the client or agent
	Text      string
	Agent     string // the ID of the agent or flow that the call asks for; it need not exist
	SessionID string
	Metadata  json.RawMessage // a JSON object of at most 16 KiB
	Priority  int             // in the queue, 1 (first) to 4 (last); 0 is the default
	Webhook   json.RawMessage // a JSON object, which deliveries.Service.Accept checks
	Fence     *fence.Fence    // marks the parts of Text that are data for the model; nil if the client is trusted
	Skipped   string          // why the call starts no run: SkippedByFilter, …; "" if it starts one

	isFromSource bool // the client's source made Text of the event
	// the operator wrote Text, except for spans; if false, all of Text is data of third parties
	isOwn bool
	spans fence.Spans // the parts of Text that are data of third parties
}

// Marked returns Text as a model gets it: markers enclose the parts that third parties wrote.
func (p Prompt) Marked() string { return p.Fence.Mark(p.Text) }

// prompt makes the prompt of a request whose body has been read, and chooses the agent or flow that gets it. It makes
// only a few prompts of large bodies at a time, since a parsed document takes many times the memory of its body.
func (s *Service) prompt(
	channel *Channel, client *clients.Member, catalog Catalog, r *Request,
) (p Prompt, agent string, err error) {
	if len(r.Body) > largeBody {
		s.largePromptSlots <- struct{}{}
		defer func() { <-s.largePromptSlots }()
	}
	if p, err = channel.Prompt(client, catalog.Commands, r, int(client.BodyLimit(s.MaxBodyBytes))); err != nil {
		return p, "", r.hintAtGzip(err)
	}
	if p.Skipped != "" {
		return p, "", nil
	}
	if !p.isOwn {
		p.spans = fence.All(p.Text)
	}
	agent, err = client.Choose(p.Agent)
	if err != nil && client.GivesUp() {
		agent, err = client.Choose("")
	}
	if err != nil {
		return p, "", err
	}
	if isBlank(p.Text) {
		p.Text, p.spans = client.Prompt, nil
	}
	entry := catalog.Agents.Get(agent)
	if isBlank(p.Text) && entry != nil {
		p.Text = entry.Prompt
	}
	if !client.IsTrusted() && channel != schedule { // no third party takes part in a schedule
		p.Fence = fence.New(p.spans)
	}
	if r.hasFiles() && channel != Form && entry != nil && !entry.TakesFiles {
		return p, "", errTakesNoFiles(agent)
	}
	if isBlank(p.Text) && !r.hasFiles() {
		return p, "", errNoPrompt(channel, client)
	}
	p.Metadata = mergeMetadata(client.MetadataJSON, p.Metadata)
	return p, agent, nil
}

// errNoPrompt returns the problem of a call without a prompt whose client and agent have none either.
func errNoPrompt(channel *Channel, client *clients.Member) error {
	todo := "Send it as the body, as prompt in a JSON object or a form, or as input of a run."
	if channel == API && client.PromptTemplate != nil {
		todo = callWebhook
	}
	return problem.New(problem.Invalid, problem.CodeEmptyPrompt,
		"The prompt is empty. %s Or give the client or its agent a prompt for calls that bring none.", todo)
}

// largeBody is the size in bytes above which only a few prompts are made at a time; see Service.prompt.
const largeBody = 64 << 10

// PromptOf makes the prompt of a webhook call from the client's settings: its template, rendered over the request;
// with passthrough, the text of the request, which may be blank; otherwise the prompt of the client or of its
// command. It does not use the prompt of the client's source; see promptOfWebhook. maxBytes limits the output of a
// template.
func PromptOf(client *clients.Member, all commands.Set, r *Request, maxBytes int) (Prompt, error) {
	switch {
	case client.PromptTemplate != nil:
		return renderPrompt(client.PromptTemplate, client, r, maxBytes)
	case client.Passthrough:
		return ReadPrompt(r)
	}
	agent, err := agentFromQuery(r.Query)
	if err != nil {
		return Prompt{}, err
	}
	p := Prompt{Agent: agent}
	if !client.HasSource() { // in a sender's payload, members of these names mean something else
		if err := readCommandBody(trimBOM(r.Body), &p); err != nil {
			return Prompt{}, err
		}
	}
	err = useStoredPrompt(client, all, &p)
	return p, err
}

// useStoredPrompt sets the text of p to the prompt of the client, or else of its command. If p names no agent, it takes
// that of the command.
func useStoredPrompt(client *clients.Member, all commands.Set, p *Prompt) error {
	p.Text, p.isOwn = client.Prompt, true
	if client.CommandID == "" {
		return nil
	}
	command, ok := all[client.CommandID]
	if !ok {
		return problem.New(problem.Unavailable, problem.CodeCommandUnavailable,
			"The command %q of this client cannot be used now: its configuration has an error, which the log names.",
			client.CommandID)
	}
	if isBlank(p.Text) {
		p.Text = command.Prompt
	}
	p.Agent = cmp.Or(p.Agent, command.AgentID)
	return nil
}

// ReadPrompt reads the prompt from the body of a request. Its Content-Type decides how:
//
//	JSON       an object with a string prompt: its promptMembers; any other JSON: the JSON itself
//	text       the text; a missing Content-Type, XML, YAML and lines of JSON count as text
//	form       with a field prompt: the fields prompt, agent and sessionId; else all fields, as lines "name: value"
//
// A body that is labelled application/x-www-form-urlencoded and is no form is read as JSON or text, since curl -d and
// other programs label all bodies so. A blank body brings no prompt. The error is a problem: Unsupported for another
// type or for an unknown charset or encoding, else Invalid.
func ReadPrompt(r *Request) (Prompt, error) {
	agent, err := agentFromQuery(r.Query)
	if err != nil {
		return Prompt{}, err
	}
	p, err := r.readPrompt()
	if err != nil {
		return Prompt{}, err
	}
	if p.Agent, err = oneAgent(p.Agent, agent); err != nil {
		return Prompt{}, err
	}
	return p, checkText(p.Text)
}

// readPrompt reads the prompt from the body alone.
func (r *Request) readPrompt() (Prompt, error) {
	switch {
	case r.hasFiles():
		return readFilesPrompt(r.Body)
	case r.upload != nil:
		return promptOfFields(r.upload.fields)
	}
	kind, err := kindOf(r.Header)
	if err != nil {
		return Prompt{}, err
	}
	body, kind, err := kind.toUTF8(r.Body)
	if err != nil {
		return Prompt{}, err
	}
	return kind.readPrompt(body)
}

// readPrompt reads the prompt from a body in UTF-8.
func (k bodyKind) readPrompt(body []byte) (Prompt, error) {
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
	return Prompt{Text: memory.Text(body)}, nil // ReadPrompt checks it
}

// checkText refuses text that is not valid UTF-8 or holds a NUL, which PostgreSQL cannot store.
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
	return problem.New(problem.Invalid, problem.CodeInvalidUTF8,
		"The text is not valid UTF-8. Convert it before you send it.")
}

// invalidParameter returns a problem about one parameter: name and the message make a sentence.
func invalidParameter(name, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	e := problem.New(problem.Invalid, problem.CodeInvalidParameter, "%s %s.", name, message)
	e.Fields.Add(name, "%s", message)
	return e
}

// agentFromQuery reads ?agent=; an empty one counts as none.
func agentFromQuery(query url.Values) (string, error) {
	agent := ""
	for _, a := range query["agent"] {
		if agent != "" && a != agent {
			return "", invalidParameter("agent", "is in the query more than once, with different values")
		}
		agent = a
	}
	return agent, checkAgentID(agent)
}

// oneAgent returns the agent that the body or the URL (its path or query) names. It is an error if they name different
// ones.
func oneAgent(inBody, inURL string) (string, error) {
	if inBody != "" && inURL != "" && inBody != inURL {
		return "", invalidParameter("agent", "differs between the body and the URL; name it once")
	}
	if inBody != "" {
		return inBody, checkAgentID(inBody)
	}
	return inURL, nil
}

func checkAgentID(id string) error {
	for i := range len(id) {
		c := id[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' && i > 0) || i >= maxAgentID {
			return invalidParameter("agent",
				"must be the id of an agent or flow: at most %d lower-case letters, digits and hyphens", maxAgentID)
		}
	}
	return nil
}

func checkSessionID(id string) error {
	if !utf8.ValidString(id) || utf8.RuneCountInString(id) > maxSessionID ||
		strings.ContainsFunc(id, unicode.IsControl) {
		return invalidParameter("sessionId", "must be at most %d characters, without control characters", maxSessionID)
	}
	return nil
}
