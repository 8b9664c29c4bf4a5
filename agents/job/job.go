// Package job invokes an agent of kind http: it sends a request to an API that the configuration describes. Where
// that begins a job, it asks for the job until it has ended, and fetches the files that it has made.
//
// Who may be asked what:
//
//   - The request goes to a host that is written out in the configuration, over the transport of providers. Its
//     headers go to that scheme, host and port only, and it follows no redirect.
//   - Every other URL is one that an answer has named. It is asked through the guard of package egress, without
//     headers.
//   - The URL of the job is on record before it is asked for the first time. A run that goes on after a crash asks
//     for the same job, and does not begin another one.
package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"golang.org/x/net/http/httpguts"

	"beckon/agents"
	"beckon/internal/egress"
	"beckon/internal/expression"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

const (
	defaultEvery = 5 * time.Second
	shortestWait = 100 * time.Millisecond
	longestWait  = time.Hour
)

// New makes invokers of agents of kind http. transport must not follow redirects; out gets what answers name.
func New(transport http.RoundTripper, out agents.Fetcher, log *slog.Logger) agents.AgentFactory {
	return newFactory(transport, out, log, egress.NewPace())
}

func newFactory(
	transport http.RoundTripper, out agents.Fetcher, log *slog.Logger, pace egress.Pace,
) agents.AgentFactory {
	return func(a agents.Agent) (agents.Invoker, problem.Fields) {
		j := &job{
			agent:     a.ID,
			transport: transport,
			out:       out,
			log:       log.With("agent", a.ID),
			pace:      pace,
			every:     defaultEvery,
		}
		if found := j.read(a); len(found) > 0 {
			return nil, found
		}
		return j, nil
	}
}

// job is one agent. It is safe for concurrent use.
type job struct {
	agent     string
	transport http.RoundTripper
	out       agents.Fetcher
	log       *slog.Logger
	pace      egress.Pace

	origin  string // of the request: its scheme, host and port
	host    string
	secrets []string
	method  string
	url     *agents.Template
	headers map[string]*agents.Template
	body    *agents.Template

	every                   time.Duration
	poll                    *agents.Template // of the URL; nil where the first answer is the last
	until, failed, progress *expression.Expression
	cancelMethod            string
	cancelURL, cancelBody   *agents.Template // nil where a job cannot be stopped
	output, artifacts       *expression.Expression
	schema                  *agents.Schema
}

// read takes over what the configuration says, and finds what is wrong with it.
func (j *job) read(a agents.Agent) (found problem.Fields) {
	template := func(path, text string) *agents.Template {
		t, err := agents.ParseTemplate(text)
		if err != nil {
			found.Add(path, "%s", err)
		}
		return t
	}
	r := a.Request
	if j.origin = originOf(r.URL); j.origin == "" {
		found.Add("request.url",
			"must begin with https:// or http:// and a host that are written out, "+
				"as in https://api.example.com/v1/jobs/{{ .input.id }}")
	} else if err := egress.CheckShape(j.origin + "/"); err != nil {
		found.Add("request.url", "%s", err)
	}
	j.host = hostOf(j.origin)
	j.url, j.body = template("request.url", r.URL), template("request.body", r.Body)
	if j.method = methodOf(r.Method, r.Body); !httpguts.ValidHeaderFieldName(j.method) {
		found.Add("request.method", "must be a method such as GET or POST")
	}
	j.readHeaders(r.Headers, &found)
	if p := a.Poll; p != nil {
		if j.poll = template("poll.url", p.URL); p.URL == "" {
			found.Add("poll.url",
				"is required: where to ask for the job, as in https://api.example.com/v1/jobs/{{ .answer.id }}")
		}
		if p.Until == "" {
			found.Add("poll.until", `is required: whether the job has ended well, as in answer.status == "completed"`)
		}
		j.until, j.failed = compile(&found, "poll.until", p.Until, true), compile(&found, "poll.failed", p.Failed, true)
		j.progress = compile(&found, "poll.progress", p.Progress, false)
		if j.every = p.Every.Or(defaultEvery); j.every < shortestWait || j.every > longestWait {
			found.Add("poll.every", "must be between %s and %s", shortestWait, longestWait)
		}
	}
	if c := a.Cancel; c != nil {
		if j.cancelURL, j.cancelBody = template("cancel.url", c.URL), template("cancel.body", c.Body); c.URL == "" {
			found.Add("cancel.url", "is required: where to send the request that stops a job")
		}
		if j.cancelMethod = c.Method; j.cancelMethod == "" {
			j.cancelMethod = http.MethodPost
		}
		if !httpguts.ValidHeaderFieldName(j.cancelMethod) {
			found.Add("cancel.method", "must be a method such as DELETE or POST")
		}
		if a.Poll == nil {
			found.Add("cancel", "is for jobs that are asked for with poll")
		}
	}
	if a.Output != nil {
		j.output = compile(&found, "output", a.Output.Text, false)
		j.schema, _ = agents.NewSchema(a.Output.Schema) // Agent.Check says what is wrong with it
	}
	j.artifacts = compile(&found, "artifacts", a.Artifacts, false)
	return found
}

func (j *job) readHeaders(headers map[string]secret.String, found *problem.Fields) {
	j.headers = make(map[string]*agents.Template, len(headers))
	for name, value := range headers {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if !httpguts.ValidHeaderFieldName(name) || canonical == "Content-Length" || canonical == "Host" ||
			canonical == "Transfer-Encoding" {
			found.Add("request.headers", "%s cannot be set", canonical)
			continue
		}
		t, err := agents.ParseTemplate(value.Reveal())
		if err != nil {
			found.Add("request.headers."+name, "is not a template that can be used") // whose text may be secret
			continue
		}
		if j.headers[canonical] != nil {
			found.Add("request.headers."+name,
				"is there twice: upper and lower case are the same in the names of headers")
		}
		j.headers[canonical] = t
		j.secrets = append(j.secrets, value.Reveal())
	}
}

// compile reads CEL over answer; nil for none.
func compile(found *problem.Fields, path, text string, isCondition bool) *expression.Expression {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	e, err := expression.Compile(text, "there is answer, as in answer.status", cel.Variable("answer", cel.DynType))
	if err != nil {
		found.Add(path, "%s", err)
		return nil
	}
	if isCondition && !e.IsCondition() && e.Type() != "dyn" {
		found.Add(path, `must be true or false, not %s: compare it, as in answer.status == "completed"`, e.Type())
	}
	return e
}

func methodOf(method, body string) string {
	switch {
	case method != "":
		return strings.ToUpper(method)
	case body != "":
		return http.MethodPost
	}
	return http.MethodGet
}

// originOf returns scheme, host and port of a URL that may be a template, in one form; "" unless they are written out.
func originOf(link string) string {
	u, err := url.Parse(agents.Origin(link))
	if err != nil || u.Host == "" {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	host := strings.ToLower(u.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return u.Scheme + "://" + host + ":" + port
}

func hostOf(link string) string {
	if u, err := url.Parse(link); err == nil {
		return u.Hostname()
	}
	return ""
}

// ended says why ctx did. Whoever set its deadline may have left a problem as the cause, which knows more.
func (j *job) ended(ctx context.Context) error {
	cause := context.Cause(ctx)
	if p, ok := errors.AsType[*problem.Error](cause); ok {
		return p
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return problem.New(problem.Expired, problem.CodeAgentTimeout,
			"The agent %q exceeded its timeout. Raise the timeout, or ask for less.", j.agent).Because(cause)
	}
	return fmt.Errorf("agent %q was stopped: %w: %w", j.agent, ctx.Err(), cause)
}
