package runs

import (
	"strconv"
	"strings"

	"gorm.io/gorm"

	"beckon/internal/store"
)

// insertInto is followed by the values of one or several runs.
const insertInto = "INSERT INTO runs (id, status, client_id, workflow_id, kind, source, session_id, input, metadata, output, error_code, error_message, error_kind, instance_id, retry_on_crash, priority, prompt_tokens, completion_tokens, total_tokens, received_at, created_at, started_at, completed_at) VALUES "

// insert writes a run that is not in the table yet: queued, running, or ended already.
func (s storage) insert(tx *gorm.DB, r *Run, instance string) error {
	w := &rowWriter{inline: !s.store.Shared()}
	w.run(r, instance)
	return s.store.Later(tx, "runs", w, func(tx *gorm.DB, rows []any) error {
		var statement strings.Builder
		var values []any
		statement.WriteString(insertInto)
		for i, row := range rows {
			w := row.(*rowWriter)
			if i > 0 {
				statement.WriteString(", ")
			}
			statement.WriteString(w.text.String())
			values = append(values, w.values...)
		}
		return store.Exec(tx, statement.String(), values...)
	})
}

// rowWriter writes the values of a row. SQLite's driver takes the square of their number to bind them, so that what
// cannot hold anything but a number or nothing stands in the statement itself; PostgreSQL's keeps statements by their
// text, which should not change from row to row.
type rowWriter struct {
	inline bool
	text   strings.Builder
	values []any
}

func (w *rowWriter) run(r *Run, instance string) {
	var code, message, kind, output string
	if r.Error != nil {
		code, message, kind = r.Error.Code, r.Error.Message, string(r.ErrorKind)
	}
	if r.Status.Ended() {
		output = storable(r.Output)
	}
	w.text.WriteByte('(')
	for _, text := range []string{r.ID, string(r.Status), r.ClientID, r.WorkflowID, r.kind(), r.Source, r.SessionID} {
		w.string(text)
	}
	w.value(storable(r.Input)) // never null
	for _, text := range []string{string(r.Metadata), output, code, message, kind, instance} {
		w.string(text)
	}
	w.value(r.RetryOnCrash)
	for _, number := range []int{r.Priority, r.Usage.PromptTokens, r.Usage.CompletionTokens, r.Usage.TotalTokens} {
		w.number(int64(number))
	}
	for _, t := range []any{millis(r.ReceivedAt), r.CreatedAt.UnixMilli(), millis(r.StartedAt), millis(r.CompletedAt)} {
		if ms, ok := t.(int64); ok {
			w.number(ms)
		} else {
			w.null()
		}
	}
	text := strings.TrimSuffix(w.text.String(), ", ")
	w.text.Reset()
	w.text.WriteString(text + ")")
}

// string writes a text; an empty one is null.
func (w *rowWriter) string(text string) {
	if text == "" {
		w.null()
		return
	}
	w.value(text)
}

func (w *rowWriter) null() { w.text.WriteString("NULL, ") }

func (w *rowWriter) value(value any) {
	w.text.WriteString("?, ")
	w.values = append(w.values, value)
}

func (w *rowWriter) number(n int64) {
	if !w.inline {
		w.value(n)
		return
	}
	w.text.WriteString(strconv.FormatInt(n, 10) + ", ")
}
