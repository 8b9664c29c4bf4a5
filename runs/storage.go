package runs

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"beckon/agents"
	"beckon/internal/fence"
	"beckon/internal/problem"
	"beckon/internal/redact"
	"beckon/internal/store"
)

// storage keeps runs. Its writes are plain statements: they are on the way of every call.
type storage struct{ store *store.Store }

// insert writes a run that is not in the table yet: queued, running, or ended already.
func (s storage) insert(tx store.Tx, r *Run, instance string) error {
	var code, message, kind, output string
	if r.Error != nil {
		code, message, kind = r.Error.Code, r.Error.Message, string(r.ErrorKind)
	}
	if r.Status.Ended() {
		output = storable(r.Output)
	}
	row := tx.NewRow("runs")
	row.Text("id", r.ID)
	row.Text("status", string(r.Status))
	row.TextOrEmpty("client_id", r.ClientID) // empty where an administrator tries an agent, and never null
	if r.Session != "" {
		row.Text("session", r.Session)
		row.Number("session_number", r.SessionNumber)
	}
	row.Text("workflow_id", r.WorkflowID)
	row.Text("kind", r.kind())
	row.Text("source", r.Source)
	row.Text("session_id", r.SessionID)
	row.TextOrEmpty("input", storable(r.Input)) // never null
	// what a run has not is left to the column's default: each value of an insert costs
	if r.Fence != nil {
		row.Text("fence", fenceText(r.Fence))
	}
	if r.ReplayOf != "" {
		row.Text("replay_of", r.ReplayOf)
	}
	row.Text("metadata", string(r.Metadata))
	row.Text("output", output)
	row.Text("error_code", code)
	row.Text("error_message", message)
	row.Text("error_kind", kind)
	row.Text("instance_id", instance)
	row.Value("retry_on_crash", r.RetryOnCrash)
	row.Text("callback", string(r.Callback))
	row.Text("origin", storable(string(r.Origin)))
	row.Text("answerer", answererText(r.By))
	row.Text("verdict", r.Verdict)
	row.Text("verdict_reason", storable(r.Reason))
	row.Number("claim", r.Claim)
	row.Number("priority", int64(r.Priority))
	row.Number("share", int64(r.Share))
	if r.hasArtifacts { // else its default, without a value to bind
		row.Value("has_artifacts", true)
	}
	row.Number("prompt_tokens", int64(r.Usage.PromptTokens))
	row.Number("completion_tokens", int64(r.Usage.CompletionTokens))
	row.Number("total_tokens", int64(r.Usage.TotalTokens))
	if cost := r.Usage.Cost; cost.IsKnown {
		row.Number("cost", int64(cost.Amount))
	}
	if details := detailsText(r.Usage); details != nil { // else its default
		row.Value("usage_details", details)
	}
	row.Time("received_at", r.ReceivedAt)
	row.Time("created_at", r.CreatedAt)
	row.Time("started_at", r.StartedAt)
	row.Time("completed_at", r.CompletedAt)
	if r.Trace != "" {
		row.Text("trace", r.Trace)
	}
	if r.annotated {
		row.Value("annotated", true)
	}
	if !r.NotBefore.IsZero() {
		row.Time("not_before", r.NotBefore)
	}
	if r.Rules != nil {
		row.Text("rules", r.Rules.String())
		row.Text("erased", r.Erased)
	}
	if r.Session != "" {
		return row.InsertNow() // the next call of the session has to see it
	}
	return row.Insert()
}

// endRun writes how a run ended, and returns errEnded when it is not claimed under r.Claim any more.
func endRun(tx store.Tx, r *Run) error {
	r = r.kept()
	code, message, kind := failureColumns(r)
	n, err := tx.ExecCount(`UPDATE runs SET status = ?, output = ?, error_code = ?, error_message = ?, error_kind = ?,
			prompt_tokens = ?, completion_tokens = ?, total_tokens = ?, cost = ?, usage_details = ?,
			answerer = ?, verdict = ?, verdict_reason = ?, completed_at = ?
		WHERE id = ? AND status = 'RUNNING' AND claim = ?`,
		string(r.Status), storable(r.Output), code, message, kind,
		r.Usage.PromptTokens, r.Usage.CompletionTokens, r.Usage.TotalTokens, costOrNull(r.Usage), detailsText(r.Usage),
		textOrNull(answererText(r.By)), textOrNull(r.Verdict), textOrNull(storable(r.Reason)), r.CompletedAt.UnixMilli(),
		r.ID, r.Claim)
	if err == nil && n != 1 {
		return errEnded
	}
	return err
}

// endFrom writes how a run ended that nobody works on; false says that it was not as expected any more.
func endFrom(tx store.Tx, r *Run, from Status) (bool, error) {
	n, err := tx.ExecCount(`UPDATE runs
		SET status = ?, error_code = ?, error_message = ?, error_kind = ?, completed_at = ?
		WHERE id = ? AND status = ? AND claim = ?`,
		string(r.Status), r.Error.Code, r.Error.Message, string(r.ErrorKind),
		r.CompletedAt.UnixMilli(), r.ID, string(from), r.Claim)
	return n == 1, err
}

// own returns errEnded when the run is not claimed under that number any more, and keeps others from claiming it before
// the commit.
func own(tx store.Tx, id string, claim int64) error {
	n, err := tx.ExecCount("UPDATE runs SET attempts = attempts WHERE id = ? AND status = 'RUNNING' AND claim = ?",
		id, claim)
	if err == nil && n != 1 {
		return errEnded
	}
	return err
}

func failureColumns(r *Run) (code, message, kind any) {
	if r.Error == nil {
		return nil, nil, nil
	}
	return r.Error.Code, r.Error.Message, string(r.ErrorKind)
}

const (
	kindAgent = "agent"
	kindFlow  = "flow"
)

func (r *Run) kind() string {
	if r.IsFlow {
		return kindFlow
	}
	return kindAgent
}

// row is a run as the table has it.
type row struct {
	ID, Status, ClientID, WorkflowID, Kind, Source, Input           string
	SessionID, Metadata, Output, ErrorCode, ErrorMessage, ErrorKind *string
	Callback, Origin, Answerer, Verdict, VerdictReason, Fence       *string
	Rules, Erased, ReplayOf, Trace, OriginStart                     *string
	UsageDetails                                                    *string
	Cost                                                            *int64
	PromptTokens, CompletionTokens, TotalTokens                     int
	Priority, Attempts, Crashes, Share                              int
	Views                                                           int64
	RetryOnCrash, HasArtifacts, Annotated, Acts                     bool
	Claim                                                           int64
	Session, SessionTurns                                           *string
	SessionNumber                                                   *int64
	CreatedAt                                                       int64
	ReceivedAt, StartedAt, CompletedAt, CancelRequestedAt, ViewedAt *int64
	NotBefore                                                       *int64
}

func (s storage) get(ctx context.Context, id string) (*Run, error) {
	tx := s.store.Read(ctx)
	w, found, err := store.Row[row](tx, "SELECT * FROM runs WHERE id = ?", id)
	if err != nil {
		return nil, fmt.Errorf("read run %s: %w", id, err)
	}
	if !found {
		return nil, errNoRun()
	}
	run := w.run()
	if run.IsFlow {
		run.Nodes, err = nodesOf(tx, id)
	}
	if err == nil && run.acts {
		err = addToolCalls(tx, run)
	}
	return run, err
}

// origin returns what is kept of what the call of a run has told, nil where that is nothing, and how its content is
// treated.
func (s storage) origin(ctx context.Context, id string) ([]byte, *redact.Rules, error) {
	w, _, err := store.Row[struct{ Origin, Rules *string }](s.store.Read(ctx),
		"SELECT origin, rules FROM runs WHERE id = ?", id)
	if err != nil {
		return nil, nil, store.Wrap(err, "read what the call of run %s has told", id)
	}
	rules, err := redact.Read(deref(w.Rules))
	if w.Origin == nil {
		return nil, rules, err
	}
	return []byte(*w.Origin), rules, err
}

func errNoRun() error {
	return problem.New(problem.NotFound, problem.CodeRunNotFound, "There is no such run.")
}

func (w *row) run() *Run {
	r := &Run{
		ID:           w.ID,
		Status:       Status(w.Status),
		Trace:        deref(w.Trace),
		ClientID:     w.ClientID,
		WorkflowID:   w.WorkflowID,
		IsFlow:       w.Kind == kindFlow,
		Source:       w.Source,
		SessionID:    deref(w.SessionID),
		Input:        w.Input,
		Output:       deref(w.Output),
		Verdict:      deref(w.Verdict),
		Reason:       deref(w.VerdictReason),
		Usage:        usageOf(w.PromptTokens, w.CompletionTokens, w.TotalTokens, w.Cost, w.UsageDetails),
		Claim:        w.Claim,
		Priority:     w.Priority,
		Attempts:     w.Attempts,
		Crashes:      w.Crashes,
		Share:        Share(w.Share),
		Views:        w.Views,
		RetryOnCrash: w.RetryOnCrash,
		ReceivedAt:   timeOf(w.ReceivedAt),
		CreatedAt:    time.UnixMilli(w.CreatedAt).UTC(),
		StartedAt:    timeOf(w.StartedAt),
		CompletedAt:  timeOf(w.CompletedAt),
		NotBefore:    timeOf(w.NotBefore),
		hasArtifacts: w.HasArtifacts,
		annotated:    w.Annotated,
		acts:         w.Acts,
		viewed:       w.ViewedAt != nil,
	}
	if w.Session != nil {
		r.Session, r.SessionNumber = *w.Session, *w.SessionNumber
		_ = json.Unmarshal([]byte(deref(w.SessionTurns)), &r.SessionTurns) // none, where it cannot be read
	}
	if w.Metadata != nil {
		r.Metadata = []byte(*w.Metadata)
	}
	if w.Callback != nil {
		r.Callback = []byte(*w.Callback)
	}
	r.originStart = deref(w.OriginStart)
	if w.Origin != nil {
		r.Origin = []byte(*w.Origin)
	}
	r.ReplayOf = deref(w.ReplayOf)
	if w.Fence != nil {
		r.Fence = fenceOf(*w.Fence, r.Input)
	}
	r.By, _ = answererOf(w.Answerer) // what cannot be read is no reason to lose the run
	if r.Erased = deref(w.Erased); w.Rules != nil {
		r.isKept = true
		if r.Rules, _ = redact.Read(*w.Rules); r.Rules == nil { // what cannot be read is treated with the most care
			r.Rules = redact.Strictest()
		}
	}
	if w.ErrorCode != nil {
		r.Error = &agents.Failure{Code: *w.ErrorCode, Message: deref(w.ErrorMessage)}
		r.ErrorKind = problem.Kind(deref(w.ErrorKind))
	}
	return r
}

// fenceText is a fence as the table has it; empty for none.
func fenceText(f *fence.Fence) string {
	if f == nil {
		return ""
	}
	text, _ := json.Marshal(f) // texts and numbers never fail
	return string(text)
}

// fenceOf reads a fence. Where it cannot be read, all of the input is data.
func fenceOf(text, input string) *fence.Fence {
	var f fence.Fence
	if json.Unmarshal([]byte(text), &f) != nil || f.Marker == "" {
		return fence.New(fence.All(input))
	}
	return &f
}

// storable takes out what PostgreSQL can't keep in a text: NUL, and what is not UTF-8.
func storable(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
}

func timeOf(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return time.UnixMilli(*ms).UTC()
}

func textOrNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
