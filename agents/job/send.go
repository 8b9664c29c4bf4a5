package job

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"beckon/agents"
	"beckon/internal/egress"
	"beckon/internal/memory"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/telemetry"
	"beckon/internal/units"
)

const (
	maxAnswer   = 4 << 20 // bytes of an answer
	maxReason   = 2 << 10 // bytes of an error's body that administrators see
	attemptTime = 2 * time.Minute
	maxRetries  = agents.DefaultMaxRetries
	// pollRetries are more: the job goes on, and has been paid for, while its API cannot be reached.
	pollRetries = 8
)

// call is one request, rendered.
type call struct {
	method, url string
	header      http.Header // sent to the origin of the agent's request only
	body        string
}

// failure is how an attempt went wrong.
type failure struct {
	status     int
	retryAfter time.Duration
	reason     string // what the API said, for administrators
	problem    *problem.Error
	mayPass    bool // another attempt may go better
}

// answer is what the API has answered.
type answer struct {
	value      any
	retryAfter time.Duration
}

// ask sends a request until there is an answer.
func (j *job) ask(ctx context.Context, w *work, c call, retries int) (answer, error) {
	for count := 1; ; count++ {
		begun := time.Now()
		a, f := j.exchange(ctx, c)
		if f == nil {
			return a, nil
		}
		if ctx.Err() != nil {
			return a, j.ended(ctx)
		}
		w.note(begun, f)
		if !f.mayPass || count > retries {
			return a, f.problem.After(f.retryAfter)
		}
		pause := j.pace.After(count, f.retryAfter)
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < pause {
			return a, f.problem.After(f.retryAfter)
		}
		j.log.InfoContext(ctx, "a job's API failed, trying again", "attempt", count, "status", f.status, "wait", pause)
		if j.pace.Wait(ctx, pause) != nil {
			return a, j.ended(ctx)
		}
	}
}

// exchange sends a request once and reads what comes as JSON.
func (j *job) exchange(ctx context.Context, c call) (answer, *failure) {
	within, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	response, err := j.do(within, c)
	if err != nil {
		return answer{}, j.unreachable(c, err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	retryAfter := egress.RetryAfter(response.Header, time.Now())
	upstream := func(code, format string, args ...any) *failure {
		return &failure{status: response.StatusCode, retryAfter: retryAfter, reason: j.readable(text),
			problem: problem.New(problem.Upstream, code, format, args...)}
	}
	host := hostOf(c.url)
	switch status := response.StatusCode; {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return answer{}, upstream(problem.CodeProviderUnauthorized,
			"The API of agent %q at %s refused the request (status %d). Check the agent's headers.",
			j.agent, host, status)
	case egress.IsRedirect(status, response.Header):
		return answer{}, upstream(problem.CodeProviderError,
			"The API of agent %q at %s answered with a redirect (status %d), "+
				"which is not followed. Check the agent's URLs.", j.agent, host, status)
	case status == http.StatusTooManyRequests:
		f := upstream(problem.CodeProviderRateLimited,
			"The API of agent %q at %s limits how often it is asked.", j.agent, host)
		f.mayPass = true
		return answer{}, f
	case status < 200 || status > 299:
		f := upstream(problem.CodeProviderError,
			"The API of agent %q at %s failed with status %d.", j.agent, host, status)
		if f.mayPass = agents.PassingStatus(status); status < 500 && !f.mayPass {
			f.problem = problem.New(problem.Upstream, problem.CodeProviderRejected,
				"The API of agent %q at %s rejected the request (status %d). Check the agent's request; "+
					"the run's page in the administration has the API's reason.", j.agent, host, status)
		}
		return answer{}, f
	case err != nil:
		return answer{}, j.unreachable(c, err)
	case len(text) > maxAnswer:
		return answer{}, upstream(problem.CodeProviderInvalidResponse,
			"The API of agent %q at %s sent an answer of more than %d MiB.", j.agent, host, maxAnswer>>20)
	}
	if err := memory.From(ctx).Answer(ctx, int64(len(text))); err != nil {
		return answer{}, &failure{problem: problem.Of(err)}
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return answer{retryAfter: retryAfter}, nil
	}
	value, err := units.ReadJSON(text)
	if err != nil {
		return answer{}, upstream(problem.CodeProviderInvalidResponse,
			"The API of agent %q at %s sent something that is not JSON. Check the agent's URLs.", j.agent, host)
	}
	return answer{value, retryAfter}, nil
}

// do sends a request: to the agent's own host with its headers, to any other through the guard and without.
func (j *job) do(ctx context.Context, c call) (*http.Response, error) {
	if originOf(c.url) != j.origin {
		if c.method != http.MethodGet {
			return nil, errElsewhere
		}
		return j.out.Get(ctx, c.url)
	}
	if err := egress.CheckShape(c.url); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, c.method, c.url, strings.NewReader(c.body))
	if err != nil {
		return nil, errors.New("the request cannot be made") // whose text would show the URL
	}
	request.Header = c.header.Clone()
	telemetry.Inject(ctx, request.Header)
	if c.body == "" {
		request.Body, request.GetBody, request.ContentLength = nil, nil, 0
		request.Header.Del("Content-Type")
	}
	return j.transport.RoundTrip(request)
}

var errElsewhere = errors.New("the URL leads to another host than the agent's request, and only GET may do so")

func (j *job) unreachable(c call, err error) *failure {
	refused := errors.As(err, new(*egress.Refused)) || errors.Is(err, errElsewhere)
	isCertificate := errors.As(err, new(*tls.CertificateVerificationError))
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err
	}
	why := errElsewhere.Error()
	if !errors.Is(err, errElsewhere) {
		_, why = egress.Explain(err)
	}
	return &failure{
		mayPass: !refused && !isCertificate,
		problem: problem.New(problem.Upstream, problem.CodeProviderUnreachable,
			"The API of agent %q at %s cannot be reached: %s.", j.agent, hostOf(c.url),
			strings.TrimSuffix(why, ".")).Because(err),
	}
}

// readable is the beginning of what an API said, without what was sent to it as a header.
func (j *job) readable(text []byte) string {
	said := strings.ToValidUTF8(string(text[:min(len(text), maxReason)]), "")
	for _, hidden := range j.secrets {
		for _, part := range append(strings.Fields(hidden), hidden) {
			if len(part) >= 4 {
				said = strings.ReplaceAll(said, part, secret.Mask)
			}
		}
	}
	return said
}

// headersOf renders the headers.
func (j *job) headersOf(data map[string]any) (http.Header, error) {
	header := http.Header{
		"User-Agent":   {"Beckon"},
		"Content-Type": {"application/json"},
		"Accept":       {"application/json"},
	}
	for name, t := range j.headers {
		value, err := t.Render(j.agent, "header "+name, data)
		if err != nil {
			return nil, err
		}
		if !httpguts.ValidHeaderFieldValue(value) {
			return nil, problem.New(problem.Upstream, problem.CodeTemplateFailed,
				"The header %s of agent %q has a line break or another control character.", name, j.agent)
		}
		header[name] = []string{value}
	}
	return header, nil
}

// file gets a file: from the agent's own host with its headers, from any other through the guard and without.
func (j *job) file(header http.Header) func(ctx context.Context, link string) (*http.Response, error) {
	return func(ctx context.Context, link string) (*http.Response, error) {
		if originOf(link) != j.origin {
			return j.out.Get(ctx, link)
		}
		header := header.Clone()
		header.Set("Accept", "*/*")
		response, err := j.do(ctx, call{method: http.MethodGet, url: link, header: header})
		if err != nil || !egress.IsRedirect(response.StatusCode, response.Header) {
			return response, err
		}
		_ = response.Body.Close()
		next, err := response.Location()
		if err != nil {
			return nil, fmt.Errorf("read a redirect: %w", err)
		}
		return j.out.Get(ctx, next.String()) // the headers stay here
	}
}
