package job

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"time"

	"beckon/agents"
	"beckon/internal/problem"
)

const (
	maxArtifacts = 64
	cancelTime   = 10 * time.Second
)

// work is one call of an agent.
type work struct {
	*job
	call     agents.Call
	data     map[string]any // of its templates
	header   http.Header
	first    call            // the request
	question string          // a hash of it
	remote   agents.Response // the job; its URL is "" before there is one
	percent  int             // that was told last; -1 for nothing
	attempts []agents.Attempt
}

// Invoke implements agents.Invoker. While a job goes on it returns an *agents.Parked.
func (j *job) Invoke(ctx context.Context, c agents.Call) (agents.Result, error) {
	if ctx.Err() != nil {
		return agents.Result{}, j.ended(ctx)
	}
	w := &work{job: j, call: c, percent: -1}
	w.call.AgentID = j.agent
	if err := w.prepare(); err != nil {
		return agents.Result{}, err
	}
	if w.findRemote() {
		return w.askForJob(ctx)
	}
	a, err := j.ask(ctx, w, w.first, maxRetries)
	if err != nil {
		return w.result(), err
	}
	if j.poll == nil {
		return w.finish(ctx, a.value)
	}
	if done, result, err := w.judge(ctx, a.value); done {
		return result, err
	}
	if err := w.begun(ctx, a.value); err != nil {
		w.giveUp(ctx)
		return w.result(), err
	}
	return w.park(a)
}

// prepare renders the request.
func (w *work) prepare() (err error) {
	if w.data, err = agents.DataOf(w.call); err != nil {
		return err
	}
	w.first.method = w.method
	if w.first.url, err = w.url.Render(w.agent, "url", w.data); err != nil {
		return err
	}
	if w.first.body, err = w.body.Render(w.agent, "body", w.data); err != nil {
		return err
	}
	if originOf(w.first.url) != w.origin {
		return problem.New(problem.Upstream, problem.CodeTemplateFailed,
			"The URL of agent %q did not stay on its host.", w.agent)
	}
	sum := sha256.Sum256([]byte(w.method + " " + w.first.url + "\n" + w.first.body))
	w.question = hex.EncodeToString(sum[:])
	if w.header, err = w.headersOf(w.data); err != nil {
		return err
	}
	w.first.header = w.header
	if w.method != http.MethodGet && w.header.Get(idempotencyKey) == "" && w.call.RunID != "" {
		// An API that knows the header begins one job, however often it is asked.
		key := sha256.Sum256([]byte(w.call.RunID + w.question))
		w.first.header = w.header.Clone()
		w.first.header.Set(idempotencyKey, hex.EncodeToString(key[:16]))
	}
	return nil
}

const idempotencyKey = "Idempotency-Key"

// findRemote takes up the job that an earlier attempt at the run has begun with the same request.
func (w *work) findRemote() bool {
	if w.call.Responses == nil || w.poll == nil {
		return false
	}
	for _, r := range slices.Backward(w.call.Responses.List()) {
		if r.Question == w.question && r.ID != "" {
			w.remote = r
			return true
		}
	}
	return false
}

// begun keeps a job on record.
func (w *work) begun(ctx context.Context, value any) (err error) {
	data := maps.Clone(w.data)
	data["answer"] = value
	w.remote = agents.Response{Provider: w.host, Question: w.question}
	if w.cancelURL != nil {
		stop := &agents.RemoteRequest{Method: w.cancelMethod}
		if stop.URL, err = w.cancelURL.Render(w.agent, "cancel.url", data); err != nil {
			return err
		}
		if stop.Body, err = w.cancelBody.Render(w.agent, "cancel.body", data); err != nil {
			return err
		}
		w.remote.Cancel = stop
	}
	if w.remote.ID, err = w.poll.Render(w.agent, "poll.url", data); err != nil {
		return err
	}
	if w.call.Responses == nil {
		return nil
	}
	return w.call.Responses.Add(ctx, w.remote)
}

// park waits until the job is to be asked for.
func (w *work) park(a answer) (agents.Result, error) {
	return agents.Result{}, &agents.Parked{Until: time.Now().Add(max(w.every, a.retryAfter)), Resume: w.askForJob}
}

// askForJob asks for the job once.
func (w *work) askForJob(ctx context.Context) (agents.Result, error) {
	if ctx.Err() != nil {
		w.giveUp(ctx)
		return w.result(), w.ended(ctx)
	}
	a, err := w.ask(ctx, w, call{method: http.MethodGet, url: w.remote.ID, header: w.header}, pollRetries)
	if err != nil {
		w.giveUp(ctx)
		return w.result(), err
	}
	if done, result, err := w.judge(ctx, a.value); done {
		if err != nil && ctx.Err() != nil {
			w.giveUp(ctx)
		}
		return result, err
	}
	w.tellProgress(ctx, a.value)
	return w.park(a)
}

// judge finds out whether a job has ended, and what came of it.
func (w *work) judge(ctx context.Context, value any) (done bool, result agents.Result, err error) {
	data := map[string]any{"answer": value}
	if w.failed != nil && w.failed.Holds(ctx, data) {
		text, _ := json.Marshal(value)
		w.note(time.Now(), &failure{
			reason: w.readable(text),
			problem: problem.New(problem.Upstream, problem.CodeJobFailed,
				"The job of agent %q has failed; the run has what %s said of it.", w.agent, w.host),
		})
		return true, w.result(), w.attemptsError()
	}
	if w.until.Holds(ctx, data) {
		result, err = w.finish(ctx, value)
		return true, result, err
	}
	return false, result, nil
}

// finish takes the text out of the last answer, and fetches its files.
func (w *work) finish(ctx context.Context, value any) (agents.Result, error) {
	data, result := map[string]any{"answer": value}, w.result()
	if w.artifacts != nil {
		links, err := w.links(ctx, data)
		if err != nil {
			return result, err
		}
		for _, link := range links {
			artifact, err := agents.Fetch(ctx, w.call.Files, w.agent, link, w.pace,
				w.file(w.header)) //nolint:bodyclose // Fetch closes it
			if err != nil {
				if ctx.Err() != nil {
					err = w.ended(ctx)
				}
				return result, err
			}
			result.Artifacts = append(result.Artifacts, artifact)
		}
	}
	var err error
	switch {
	case w.output != nil:
		result.Output, err = w.text(ctx, data)
	case w.artifacts == nil:
		var text []byte
		text, err = json.Marshal(value)
		result.Output = string(text)
	}
	if err == nil && w.schema != nil {
		text, wrong := w.schema.Read(result.Output)
		if wrong != nil {
			return result, agents.OutputInvalid(w.agent, wrong)
		}
		result.Output, result.By.IsData = string(text), true
	}
	if err == nil && w.call.Text != nil && result.Output != "" {
		w.call.Text(result.Output)
	}
	return result, err
}

// text is the output: a text, or JSON.
func (w *work) text(ctx context.Context, data map[string]any) (string, error) {
	value, err := w.output.Value(ctx, data)
	if err != nil {
		return "", w.notThere("output", err)
	}
	if text, ok := value.(string); ok {
		return text, nil
	}
	text, err := json.Marshal(value)
	return string(text), err
}

// links are the URLs of the files that the job has made.
func (w *work) links(ctx context.Context, data map[string]any) ([]string, error) {
	value, err := w.artifacts.Value(ctx, data)
	if err != nil {
		return nil, w.notThere("artifacts", err)
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	base, _ := url.Parse(w.first.url)
	var links []string
	for _, one := range list {
		link, ok := one.(string)
		if !ok || link == "" || len(links) == maxArtifacts {
			return nil, w.notThere("artifacts", errors.New("it must be a URL, or a list of at most 64 of them"))
		}
		if u, err := base.Parse(link); err == nil && u.Scheme != "data" {
			link = u.String()
		}
		links = append(links, link)
	}
	return links, nil
}

func (w *work) notThere(what string, err error) error {
	return problem.New(problem.Upstream, problem.CodeProviderInvalidResponse,
		"The answer to agent %q does not have what its %s asks for. Check the expression against what the API answers.",
		w.agent, what).Because(err)
}

// tellProgress tells how much is done, when that is known and has changed.
func (w *work) tellProgress(ctx context.Context, value any) {
	if w.progress == nil || w.call.Percent == nil {
		return
	}
	done, err := w.progress.Value(ctx, map[string]any{"answer": value})
	number, ok := done.(float64)
	if err != nil || !ok || math.IsNaN(number) {
		return
	}
	if percent := int(min(max(number, 0), 100)); percent != w.percent {
		w.percent = percent
		w.call.Percent(percent)
	}
}

// giveUp has the job stopped, unless the run goes on with it.
func (w *work) giveUp(ctx context.Context) {
	if w.call.Responses != nil && w.call.Responses.GoesOn(ctx) {
		return
	}
	if err := w.stop(ctx, w.remote, w.header); err != nil {
		w.log.InfoContext(ctx, "a job could not be stopped: its API may go on with it", "error", err)
	}
}

// CancelResponse implements agents.ResponseCanceler. The headers must not depend on the call.
func (j *job) CancelResponse(ctx context.Context, r agents.Response) error {
	header, err := j.headersOf(map[string]any{})
	if err != nil {
		return err
	}
	return j.stop(ctx, r, header)
}

func (j *job) stop(ctx context.Context, r agents.Response, header http.Header) error {
	if r.Cancel == nil {
		return nil
	}
	ctx, end := context.WithTimeout(context.WithoutCancel(ctx), cancelTime)
	defer end()
	response, err := j.do(ctx, call{method: r.Cancel.Method, url: r.Cancel.URL, body: r.Cancel.Body, header: header})
	if err != nil {
		return j.unreachable(call{url: r.Cancel.URL}, err).problem
	}
	_ = response.Body.Close()
	switch status := response.StatusCode; {
	case status >= 200 && status < 300, status == http.StatusNotFound, status == http.StatusConflict,
		status == http.StatusGone:
		return nil // or it has ended already
	default:
		return problem.New(problem.Upstream, problem.CodeProviderError,
			"The API of agent %q answered status %d to the request that stops a job.", j.agent, status)
	}
}

// note keeps a failed attempt on record.
func (w *work) note(begun time.Time, f *failure) {
	const most = 32
	attempt := agents.Attempt{
		Provider:  w.host,
		StartedAt: begun.UTC(),
		Duration:  time.Since(begun),
		Status:    f.status,
		Reason:    f.reason,
		Error:     &agents.Failure{Code: f.problem.Code, Message: f.problem.Detail},
	}
	if len(w.attempts) == most {
		w.attempts = slices.Delete(w.attempts, 1, 2) // the first and the last ones tell most
	}
	w.attempts = append(w.attempts, attempt)
}

// attemptsError is the last failure as the error of the call.
func (w *work) attemptsError() error {
	last := w.attempts[len(w.attempts)-1].Error
	return problem.New(problem.Upstream, last.Code, "%s", last.Message)
}

func (w *work) result() agents.Result {
	return agents.Result{By: agents.Answerer{Provider: w.host, Attempts: w.attempts}}
}
