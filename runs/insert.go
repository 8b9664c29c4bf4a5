package runs

import (
	"beckon/internal/store"
)

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
	row.Text("client_id", r.ClientID)
	row.Text("workflow_id", r.WorkflowID)
	row.Text("kind", r.kind())
	row.Text("source", r.Source)
	row.Text("session_id", r.SessionID)
	row.Value("input", storable(r.Input)) // never null
	row.Text("metadata", string(r.Metadata))
	row.Text("output", output)
	row.Text("error_code", code)
	row.Text("error_message", message)
	row.Text("error_kind", kind)
	row.Text("instance_id", instance)
	row.Value("retry_on_crash", r.RetryOnCrash)
	row.Text("callback", string(r.Callback))
	row.Text("answerer", answererText(r.By))
	row.Number("claim", r.Claim)
	row.Number("priority", int64(r.Priority))
	row.Number("prompt_tokens", int64(r.Usage.PromptTokens))
	row.Number("completion_tokens", int64(r.Usage.CompletionTokens))
	row.Number("total_tokens", int64(r.Usage.TotalTokens))
	row.Time("received_at", r.ReceivedAt)
	row.Time("created_at", r.CreatedAt)
	row.Time("started_at", r.StartedAt)
	row.Time("completed_at", r.CompletedAt)
	return row.Insert()
}
