package runs

import (
	"gorm.io/gorm"
)

const insertInto = "INSERT INTO runs (id, status, client_id, workflow_id, kind, source, session_id, input, metadata, output, error_code, error_message, error_kind, instance_id, retry_on_crash, callback, answerer, claim, priority, prompt_tokens, completion_tokens, total_tokens, received_at, created_at, started_at, completed_at)"

// insert writes a run that is not in the table yet: queued, running, or ended already.
func (s storage) insert(tx *gorm.DB, r *Run, instance string) error {
	var code, message, kind, output string
	if r.Error != nil {
		code, message, kind = r.Error.Code, r.Error.Message, string(r.ErrorKind)
	}
	if r.Status.Ended() {
		output = storable(r.Output)
	}
	w := s.store.NewRow()
	for _, text := range []string{r.ID, string(r.Status), r.ClientID, r.WorkflowID, r.kind(), r.Source, r.SessionID} {
		w.Text(text)
	}
	w.Value(storable(r.Input)) // never null
	for _, text := range []string{string(r.Metadata), output, code, message, kind, instance} {
		w.Text(text)
	}
	w.Value(r.RetryOnCrash)
	w.Text(string(r.Callback))
	w.Text(answererText(r.By))
	w.Number(r.Claim)
	for _, number := range []int{r.Priority, r.Usage.PromptTokens, r.Usage.CompletionTokens, r.Usage.TotalTokens} {
		w.Number(int64(number))
	}
	for _, t := range []any{millis(r.ReceivedAt), r.CreatedAt.UnixMilli(), millis(r.StartedAt), millis(r.CompletedAt)} {
		if ms, ok := t.(int64); ok {
			w.Number(ms)
		} else {
			w.Null()
		}
	}
	return s.store.Insert(tx, insertInto, w)
}
