package chat

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"beckon/agents"
	"beckon/agents/chat/completion"
	"beckon/internal/egress"
	"beckon/internal/problem"
	"beckon/internal/spend"
)

// NewMedia makes invokers of the kinds image, speech and transcription, on providers that speak OpenAI's API. They
// send, retry and fail as a chat does. out gets the images that an answer has the URLs of.
func NewMedia(transport http.RoundTripper, out agents.Fetcher, log *slog.Logger) map[string]agents.Factory {
	return newMedia(transport, out, log, egress.NewPace())
}

func newMedia(
	transport http.RoundTripper, out agents.Fetcher, log *slog.Logger, pace egress.Pace,
) map[string]agents.Factory {
	f := &factory{transport: transport, pace: pace, log: log}
	kinds := map[string]agents.Factory{}
	for kind, wire := range map[string]*wire{
		agents.KindImage:         images,
		agents.KindSpeech:        speech,
		agents.KindTranscription: transcriptions,
	} {
		kinds[kind] = func(p agents.Provider, a agents.Agent) (agents.Invoker, problem.Fields) {
			request := ""
			if a.Request != nil {
				request = a.Request.Body
			}
			template, err := agents.ParseTemplate(request)
			m, found := f.model(wire, p, a)
			if err != nil {
				found.Add("request", "%s", err)
			}
			if len(found) > 0 {
				return nil, found
			}
			m.sender.streaming = headersFor(m.sender.plain, "*/*") // a file takes its time, as long as something comes
			made := &media{model: m, out: out, params: p.Params.MergedWith(a.Params)}
			if request != "" {
				made.template = template
			}
			return map[string]agents.Invoker{agents.KindImage: &image{made}, agents.KindSpeech: &voice{made},
				agents.KindTranscription: &transcription{made}}[kind], nil
		}
	}
	return kinds
}

// The APIs of the kinds.
var (
	images = &wire{
		answer:    "a list of images",
		url:       chatCompletions.url,
		path:      "/images/generations",
		tokens:    memberMaxTokens,
		authorize: bearer,
	}
	speech = &wire{
		answer:    "sound",
		url:       chatCompletions.url,
		path:      "/audio/speech",
		tokens:    memberMaxTokens,
		authorize: bearer,
	}

	transcriptions = &wire{
		answer:    "a transcription",
		url:       chatCompletions.url,
		path:      "/audio/transcriptions",
		tokens:    memberMaxTokens,
		authorize: bearer,
	}
)

// media is one agent that makes or reads files. It is safe for concurrent use.
type media struct {
	*model
	out      agents.Fetcher
	template *agents.Template // of the request; nil is the default
	params   agents.Object    // members of the request
}

// ready reports why a call cannot be made.
func (m *media) ready(ctx context.Context, call agents.Call) error {
	if ctx.Err() != nil {
		return m.ended(ctx)
	}
	if call.Files == nil {
		return agents.NoFiles(m.agent)
	}
	return nil
}

// body writes the request: that of the template or the standard one, with the model and the params over it.
func (m *media) body(
	call agents.Call, standard func(input any, text string) map[string]any,
) (body []byte, said []string, err error) {
	call = call.ForModel()
	call.AgentID = m.agent
	var members map[string]any
	if m.template == nil {
		members = standard(agents.InputOf(call), cmp.Or(call.Input, call.Prompt))
	} else {
		data, err := agents.DataOf(call)
		if err != nil {
			return nil, nil, err
		}
		text, err := m.template.Render(m.agent, "request", data)
		if err != nil {
			return nil, nil, err
		}
		value, err := exactJSON(text)
		if members, _ = value.(map[string]any); err != nil || members == nil {
			return nil, nil, problem.New(problem.Upstream, problem.CodeTemplateFailed,
				"The request of agent %q did not become a JSON object. "+
					`Write texts with json, as in {"prompt": {{ json .prompt }}}.`, m.agent)
		}
	}
	if _, isSet := members[memberModel]; !isSet {
		members[memberModel] = m.name
	}
	for name, value := range m.params {
		if members[name] = value; value == nil {
			delete(members, name)
		}
	}
	body, err = json.Marshal(members)
	return body, []string{call.Prompt, call.Input}, err
}

// mediaCall is one call of an agent that makes or reads files.
type mediaCall struct {
	spend  agents.Spend
	most   func() spend.Use // that one request may use
	said   []string
	result *agents.Result // what send adds to
}

// ask sends a request until there is an answer, which read reads. What read returns as an error of its own by
// refuse ends the call; isFinal says that something of the answer was kept, so that it is not asked for again.
func (m *media) ask(
	ctx context.Context, call mediaCall, send func(ctx context.Context) *failure, isFinal func() bool,
) ([]agents.Attempt, error) {
	var attempts []agents.Attempt
	said, used := call.said, &call.result.Usage
	failed := m.sender.try(ctx, func() (*failure, bool) {
		var expense agents.Expense
		if call.spend != nil {
			var err error
			if expense, err = call.spend.Begin(ctx, agents.ModelRequest{
				Agent: m.agent,
				Model: m.name,
				Most:  call.most,
			}); err != nil {
				return &failure{own: problem.Of(err)}, false
			}
		}
		begun := time.Now()
		*used = agents.Usage{Cost: used.Cost} // an attempt that has failed has used nothing that it told of
		within, span := m.sender.startSpan(ctx, "generate_content")
		f := send(within)
		m.sender.endSpan(within, span, "generate_content", begun, *used, f)
		attempt := agents.Attempt{
			Provider:  m.provider,
			Model:     m.name,
			StartedAt: begun.UTC(),
			Duration:  time.Since(begun),
		}
		if f != nil {
			p := m.problemOfMedia(f)
			attempt.Error = &agents.Failure{Code: p.Code, Message: p.Detail}
			attempt.Status, attempt.Reason = f.status, m.reason(f, said)
		}
		if expense != nil {
			cost := expense.End(*used, endOf(*used, f))
			attempt.Cost, used.Cost = cost.OrNil(), used.Cost.Plus(cost)
		}
		attempts = append(attempts, attempt)
		return f, false
	}, func(f *failure) bool { return isFinal() || isOwn(f) })
	switch {
	case failed == nil:
		return attempts, nil
	case isOwn(failed) && ctx.Err() == nil:
		return attempts, m.problemOfMedia(failed)
	}
	return attempts, m.explain(ctx, failed, said)
}

// isOwn reports whether a failure says itself what it is: a file that is too large, or that could not be fetched.
func isOwn(f *failure) bool {
	_, ok := errors.AsType[*problem.Error](f.err)
	return ok || f.own != nil
}

func (m *media) problemOfMedia(f *failure) *problem.Error {
	if p, ok := errors.AsType[*problem.Error](f.err); ok {
		return p
	}
	return m.problemOf(f)
}

// exchange posts JSON and has the answer read.
func (m *media) exchange(ctx context.Context, body []byte, read func(context.Context, *http.Response) error) *failure {
	return m.settle(m.sender.exchange(ctx, func() []byte { return body }, true,
		func(ctx context.Context, r *http.Response, _ *time.Timer) error { return read(ctx, r) }))
}

// settle makes an unreadable answer of what a reader found to be none.
func (m *media) settle(f *failure) *failure {
	if f == nil {
		return nil
	}
	if none, ok := errors.AsType[*noAnswer](f.err); ok {
		return &failure{answer: none.Completion}
	}
	return f
}

// noAnswer is a body that is not what was asked for.
type noAnswer struct{ *completion.Completion }

func (*noAnswer) Error() string { return "not an answer" }

// unreadable is the beginning of something else.
func unreadable(begin []byte) error {
	return &noAnswer{&completion.Completion{
		End:   completion.Unreadable,
		Stray: string(bytes.ToValidUTF8(begin[:min(len(begin), maxLogged)], nil)),
	}}
}

// asText is what an input says in words: a text, the first of its members of these names that is one, or all of it.
func asText(input any, all string, names ...string) string {
	switch v := input.(type) {
	case string:
		return v
	case map[string]any:
		for _, name := range names {
			if text, ok := v[name].(string); ok && text != "" {
				return text
			}
		}
		if style, ok := v["style"].(map[string]any); ok {
			if text, ok := style["prompt"].(string); ok && text != "" {
				return text
			}
		}
	}
	return all
}

// exactJSON reads JSON that is written again, to the last digit.
func exactJSON(text string) (value any, err error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err = decoder.Decode(&value); err == nil && decoder.More() {
		err = errors.New("there is more than one value")
	}
	return value, err
}

// firstBytes reads the beginning of a body, which may be all of it.
func firstBytes(body io.Reader) ([]byte, error) {
	begin := make([]byte, 512)
	n, err := io.ReadFull(body, begin)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return begin[:n], err
}
