package runs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/internal/store"
)

// storage keeps runs. Its writes are plain statements: they are on the way of every call.
type storage struct{ store *store.Store }

// begin writes a run that has just started, also when it is canceled meanwhile. When the run has ended before its turn
// to be written comes, as ended then says, it is written once and as a whole. done learns whether it was.
func (s storage) begin(r *Run, ended func() *Run, done func(whole bool, err error)) {
	whole := false
	s.store.Go(context.Background(), func(tx *gorm.DB) error {
		if final := ended(); final != nil {
			whole = true
			return insertEnded(tx, final)
		}
		whole = false
		return tx.Exec("INSERT INTO runs (id, status, client_id, workflow_id, source, session_id, input, metadata, created_at, started_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			r.ID, string(r.Status), r.ClientID, r.WorkflowID, r.Source, nullable(r.SessionID), storable(r.Input), nullable(string(r.Metadata)),
			r.CreatedAt.UnixMilli(), r.StartedAt.UnixMilli()).Error
	}, func(err error) { done(whole && err == nil, err) })
}

func insertEnded(tx *gorm.DB, r *Run) error {
	code, message := r.Error.columns()
	return tx.Exec("INSERT INTO runs (id, status, client_id, workflow_id, source, session_id, input, metadata, output, error_code, error_message, prompt_tokens, completion_tokens, total_tokens, created_at, started_at, completed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		r.ID, string(r.Status), r.ClientID, r.WorkflowID, r.Source, nullable(r.SessionID), storable(r.Input), nullable(string(r.Metadata)),
		storable(r.Output), code, message, r.Usage.PromptTokens, r.Usage.CompletionTokens, r.Usage.TotalTokens,
		r.CreatedAt.UnixMilli(), r.StartedAt.UnixMilli(), r.CompletedAt.UnixMilli()).Error
}

// end writes what became of a running run; whoever comes second gets errEnded.
func (s storage) end(ctx context.Context, r *Run) error {
	code, message := r.Error.columns()
	return s.store.Write(ctx, func(tx *gorm.DB) error {
		done := tx.Exec("UPDATE runs SET status = ?, output = ?, error_code = ?, error_message = ?, prompt_tokens = ?, completion_tokens = ?, total_tokens = ?, completed_at = ? WHERE id = ? AND status = 'RUNNING'",
			string(r.Status), storable(r.Output), code, message, r.Usage.PromptTokens, r.Usage.CompletionTokens, r.Usage.TotalTokens,
			r.CompletedAt.UnixMilli(), r.ID)
		if done.Error == nil && done.RowsAffected != 1 {
			return errEnded
		}
		return done.Error
	})
}

func (f *Failure) columns() (code, message any) {
	if f == nil {
		return nil, nil
	}
	return f.Code, f.Message
}

var errEnded = errors.New("the run had ended already")

// row is a run as the table has it.
type row struct {
	ID, Status, ClientID, WorkflowID, Source, Input      string
	SessionID, Metadata, Output, ErrorCode, ErrorMessage *string
	PromptTokens, CompletionTokens, TotalTokens          int
	CreatedAt                                            int64
	StartedAt, CompletedAt                               *int64
}

func (s storage) get(ctx context.Context, id string) (*Run, error) {
	var found []row
	if err := s.store.Read(ctx).Raw("SELECT * FROM runs WHERE id = ?", id).Scan(&found).Error; err != nil {
		return nil, fmt.Errorf("read run %s: %w", id, err)
	}
	if len(found) == 0 {
		return nil, problem.New(problem.NotFound, "run_not_found", "There is no such run.")
	}
	return found[0].run(), nil
}

func (w *row) run() *Run {
	r := &Run{ID: w.ID, Status: Status(w.Status), ClientID: w.ClientID, WorkflowID: w.WorkflowID, Source: w.Source,
		SessionID: deref(w.SessionID), Input: w.Input, Output: deref(w.Output),
		Usage:     agents.Usage{PromptTokens: w.PromptTokens, CompletionTokens: w.CompletionTokens, TotalTokens: w.TotalTokens},
		CreatedAt: time.UnixMilli(w.CreatedAt).UTC(), StartedAt: timeOf(w.StartedAt), CompletedAt: timeOf(w.CompletedAt)}
	if w.Metadata != nil {
		r.Metadata = []byte(*w.Metadata)
	}
	if w.ErrorCode != nil {
		r.Error = &Failure{*w.ErrorCode, deref(w.ErrorMessage)}
	}
	return r
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

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}
