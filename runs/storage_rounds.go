package runs

import (
	"strings"
	"time"

	"beckon/agents"
	"beckon/internal/store"
)

// keptCall is a call of a tool, with what is needed to go on with it.
type keptCall struct {
	agents.ToolCall
	providerID, providerName string
	isReadOnly               bool
	isFresh                  bool // it was asked for in this process: it has not been made
}

// keptRound is a round, with its calls.
type keptRound struct {
	agents.Round
	calls []*keptCall // without those that are local
}

// insertRound writes a round with its calls.
func insertRound(tx store.Tx, runID, nodeID string, r *keptRound) error {
	if err := tx.Exec(`INSERT INTO rounds (run_id, node_id, number, provider, message, text,
			prompt_tokens, completion_tokens, total_tokens, cost, usage_details)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		runID, nodeID, r.Number, r.Provider, storable(string(r.Message)), storable(r.Text),
		r.Usage.PromptTokens, r.Usage.CompletionTokens, r.Usage.TotalTokens, costOrNull(r.Usage),
		detailsText(r.Usage)); err != nil {
		return store.Wrap(err, "record a round of run %s", runID)
	}
	for place, c := range r.calls {
		code, message := errorColumns(c.Error)
		if err := tx.Exec(`INSERT INTO tool_calls (id, run_id, node_id, number, place, provider_id, provider_name,
				tool, arguments, read_only, status, result, error_code, error_message,
				started_at, completed_at, expires_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			c.ID, runID, nodeID, r.Number, place, storable(c.providerID), storable(c.providerName),
			storable(c.Tool), storable(c.Arguments), c.isReadOnly, string(c.Status), textOrNull(storable(c.Result)),
			code, message, timeColumn(c.StartedAt), timeColumn(c.CompletedAt), timeColumn(c.ExpiresAt)); err != nil {
			return store.Wrap(err, "record a tool call of run %s", runID)
		}
	}
	err := tx.Exec("UPDATE runs SET acts = ? WHERE id = ?", true, runID)
	return store.Wrap(err, "note that run %s uses tools", runID)
}

// endOnCrash notes that a run is not run again after a crash.
func endOnCrash(tx store.Tx, runID string) error {
	err := tx.Exec("UPDATE runs SET retry_on_crash = ? WHERE id = ?", false, runID)
	return store.Wrap(err, "note that a crash ends run %s", runID)
}

// unknownCall returns a call that was made when its process died, and that may have changed something.
func unknownCall(tx store.Tx, runID string) (c agents.ToolCall, found bool, err error) {
	w, found, err := store.Row[callRow](tx,
		`SELECT * FROM tool_calls WHERE run_id = ? AND status = 'RUNNING' AND read_only = ? ORDER BY started_at, id
			LIMIT 1`, runID, false)
	return w.call(), found, store.Wrap(err, "look for what run %s was doing", runID)
}

// updateCall writes what has become of a call that has not ended.
func updateCall(tx store.Tx, c agents.ToolCall) error {
	code, message := errorColumns(c.Error)
	return store.Wrap(tx.Exec(`UPDATE tool_calls
		SET status = ?, result = ?, error_code = ?, error_message = ?, started_at = ?, completed_at = ?
		WHERE id = ? AND status IN ('WAITING', 'RUNNING')`,
		string(c.Status), textOrNull(storable(c.Result)), code, message, timeColumn(c.StartedAt),
		timeColumn(c.CompletedAt), c.ID), "record tool call %s", c.ID)
}

// endCalls ends the calls of a run that has ended without them.
func endCalls(tx store.Tx, runID string, why agents.Failure, at time.Time) error {
	return store.Wrap(tx.Exec(`UPDATE tool_calls
		SET status = 'FAILED', error_code = ?, error_message = ?, completed_at = ?
		WHERE run_id = ? AND status IN ('WAITING',
			'RUNNING')`, why.Code, why.Message, at.UnixMilli(), runID), "end the tool calls of run %s", runID)
}

func errorColumns(f *agents.Failure) (code, message any) {
	if f == nil {
		return nil, nil
	}
	return f.Code, storable(f.Message)
}

func timeColumn(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// callRow is a call as the table has it.
type callRow struct {
	ID, RunID, NodeID, ProviderID, ProviderName, Tool, Arguments, Status string
	Number                                                               int
	ReadOnly                                                             bool
	Result, ErrorCode, ErrorMessage, DecidedBy                           *string
	StartedAt, CompletedAt, ExpiresAt, DecidedAt                         *int64
	Allowed                                                              *bool
}

func (w *callRow) call() agents.ToolCall {
	c := agents.ToolCall{
		ID:          w.ID,
		NodeID:      w.NodeID,
		Tool:        w.Tool,
		Arguments:   w.Arguments,
		Status:      agents.ToolStatus(w.Status),
		Result:      deref(w.Result),
		StartedAt:   timeOf(w.StartedAt),
		CompletedAt: timeOf(w.CompletedAt),
		ExpiresAt:   timeOf(w.ExpiresAt),
		Decision: agents.Decision{
			Allowed: w.Allowed != nil && *w.Allowed,
			By:      deref(w.DecidedBy),
			At:      timeOf(w.DecidedAt),
		},
	}
	if w.ErrorCode != nil {
		c.Error = &agents.Failure{Code: *w.ErrorCode, Message: deref(w.ErrorMessage)}
	}
	return c
}

// callsOf returns the calls of a run, node by node, in the order in which its models have asked for them.
func callsOf(tx store.Tx, runID string) ([]callRow, error) {
	rows, err := store.Rows[callRow](tx,
		"SELECT * FROM tool_calls WHERE run_id = ? ORDER BY node_id, number, place", runID)
	return rows, store.Wrap(err, "read the tool calls of run %s", runID)
}

// addToolCalls reads the calls of a run, without those of the tools that a flow has itself.
func addToolCalls(tx store.Tx, r *Run) error {
	rows, err := callsOf(tx, r.ID)
	for i := range rows {
		c := rows[i].call()
		if strings.HasPrefix(c.Tool, localPrefix) {
			continue
		}
		if !r.IsFlow {
			r.ToolCalls = append(r.ToolCalls, c)
		}
		for n := range r.Nodes {
			if r.Nodes[n].ID == c.NodeID {
				r.Nodes[n].ToolCalls = append(r.Nodes[n].ToolCalls, c)
			}
		}
	}
	return err
}

// roundRow is a round as the table has it.
type roundRow struct {
	NodeID, Provider, Message, Text             string
	Number                                      int
	PromptTokens, CompletionTokens, TotalTokens int
	Cost                                        *int64
	UsageDetails                                *string
}

func (w *roundRow) usage() agents.Usage {
	return usageOf(w.PromptTokens, w.CompletionTokens, w.TotalTokens, w.Cost, w.UsageDetails)
}

func roundRowsOf(tx store.Tx, runID string) ([]roundRow, error) {
	rows, err := store.Rows[roundRow](tx, "SELECT * FROM rounds WHERE run_id = ? ORDER BY node_id, number", runID)
	return rows, store.Wrap(err, "read the rounds of run %s", runID)
}

// roundsOf returns the rounds of a run, by node.
func roundsOf(tx store.Tx, runID string) (map[string][]*keptRound, error) {
	rows, err := roundRowsOf(tx, runID)
	if err != nil {
		return nil, err
	}
	calls, err := callsOf(tx, runID)
	if err != nil {
		return nil, err
	}
	all := map[string][]*keptRound{}
	for _, w := range rows {
		r := &keptRound{Round: agents.Round{
			Number:   w.Number,
			Provider: w.Provider,
			Message:  []byte(w.Message),
			Text:     w.Text,
			Usage:    w.usage(),
		}}
		for i := range calls {
			c := &calls[i]
			if c.NodeID != w.NodeID || c.Number != w.Number {
				continue
			}
			r.calls = append(r.calls, &keptCall{
				ToolCall:     c.call(),
				providerID:   c.ProviderID,
				providerName: c.ProviderName,
				isReadOnly:   c.ReadOnly,
			})
		}
		all[w.NodeID] = append(all[w.NodeID], r)
	}
	return all, nil
}
