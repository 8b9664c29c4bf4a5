package runs

import (
	"encoding/json"
	"fmt"
	"time"

	"beckon/agents"
	"beckon/internal/store"
)

// beginNode writes that a node is RUNNING, also when an earlier attempt at the run got as far as that.
func beginNode(tx store.Tx, runID string, n agents.Node, place int) error {
	return tx.Exec(`INSERT INTO nodes (run_id, node_id, node_type, via, place, status, started_at, answerer)
		VALUES (?, ?, ?, ?, ?, 'RUNNING', ?, ?)
		ON CONFLICT (run_id, node_id) DO UPDATE
		SET status = 'RUNNING', via = excluded.via, place = excluded.place, started_at = excluded.started_at,
			completed_at = NULL, output = NULL, answerer = excluded.answerer, error_code = NULL, error_message = NULL`,
		runID, n.ID, n.Type, textOrNull(n.Via), place, n.StartedAt.UnixMilli(), textOrNull(answererText(n.By)))
}

func endNode(tx store.Tx, runID string, n agents.Node) error {
	var state, code, message any
	if len(n.State) > 0 {
		text, err := json.Marshal(n.State)
		if err != nil {
			return fmt.Errorf("encode the state of node %q: %w", n.ID, err)
		}
		state = storable(string(text))
	}
	if n.Error != nil {
		code, message = n.Error.Code, n.Error.Message
	}
	count, err := tx.ExecCount(`UPDATE nodes
		SET status = ?, output = ?, error_code = ?, error_message = ?, state = ?, output_key = ?, leaves_loop = ?,
			prompt_tokens = ?, completion_tokens = ?, total_tokens = ?, cost = ?, usage_details = ?, answerer = ?, completed_at = ?
		WHERE run_id = ? AND node_id = ?`,
		string(n.Status), storable(n.Output), code, message, state, textOrNull(n.OutputKey), n.LeavesLoop,
		n.Usage.PromptTokens, n.Usage.CompletionTokens, n.Usage.TotalTokens,
		costOrNull(n.Usage), detailsText(n.Usage), textOrNull(answererText(n.By)),
		n.CompletedAt.UnixMilli(), runID, n.ID)
	if err == nil && count != 1 {
		return fmt.Errorf("the start of node %q is not on record", n.ID)
	}
	return err
}

// keepAnswerer writes who works on a run or a node that has not ended.
func keepAnswerer(tx store.Tx, runID, node string, by agents.Answerer) error {
	text := textOrNull(answererText(by))
	if node == "" {
		return tx.Exec("UPDATE runs SET answerer = ? WHERE id = ?", text, runID)
	}
	return tx.Exec("UPDATE nodes SET answerer = ? WHERE run_id = ? AND node_id = ?", text, runID, node)
}

// stopNodes ends the nodes that were running when their run ended without them.
func stopNodes(tx store.Tx, runID string, why agents.Failure, at time.Time) error {
	return tx.Exec(`UPDATE nodes SET status = 'CANCELED', error_code = ?, error_message = ?, completed_at = ?
		WHERE run_id = ? AND status = 'RUNNING'`,
		why.Code, why.Message, at.UnixMilli(), runID)
}

// nodeRow is a node as the table has it.
type nodeRow struct {
	NodeID, NodeType, Status                    string
	Output, ErrorCode, ErrorMessage, State      *string
	Answerer, OutputKey, UsageDetails, Via      *string
	Cost                                        *int64
	LeavesLoop                                  bool
	PromptTokens, CompletionTokens, TotalTokens int
	StartedAt                                   int64
	CompletedAt                                 *int64
}

// nodesOf returns the nodes of a run in the order in which they began.
func nodesOf(tx store.Tx, runID string) ([]agents.Node, error) {
	rows, err := store.Rows[nodeRow](tx, "SELECT * FROM nodes WHERE run_id = ? ORDER BY place", runID)
	if err != nil {
		return nil, fmt.Errorf("read the nodes of run %s: %w", runID, err)
	}
	nodes := make([]agents.Node, len(rows))
	for i, w := range rows {
		n := agents.Node{
			ID:          w.NodeID,
			Type:        w.NodeType,
			Via:         deref(w.Via),
			Status:      agents.NodeStatus(w.Status),
			Output:      deref(w.Output),
			OutputKey:   deref(w.OutputKey),
			LeavesLoop:  w.LeavesLoop,
			Usage:       usageOf(w.PromptTokens, w.CompletionTokens, w.TotalTokens, w.Cost, w.UsageDetails),
			StartedAt:   time.UnixMilli(w.StartedAt).UTC(),
			CompletedAt: timeOf(w.CompletedAt),
		}
		n.By, _ = answererOf(w.Answerer)
		if w.ErrorCode != nil {
			n.Error = &agents.Failure{Code: *w.ErrorCode, Message: deref(w.ErrorMessage)}
		}
		if w.State != nil {
			if err := json.Unmarshal([]byte(*w.State), &n.State); err != nil {
				return nil, fmt.Errorf("decode the state of node %q of run %s: %w", n.ID, runID, err)
			}
		}
		nodes[i] = n
	}
	return nodes, nil
}
