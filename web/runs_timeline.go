package web

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/agents"
	"beckon/events"
	"beckon/runs"
)

const (
	// barWidth is how wide the timeline is drawn, in units of its own.
	barWidth = 1000
	minBar   = 4 // so that the shortest can be seen
	// maxEvents bounds the events on the page of a run.
	maxEvents = 200
	// maxEventPages bounds how many pieces of an answer are read to find the events between them.
	maxEventPages = 4
)

// nodeBar is a node of a run on its timeline.
type nodeBar struct {
	ID, Type, Status string
	Via              string // why routers have come to it
	lane
	After, Took time.Duration
	StartedAt   time.Time
	Usage       agents.Usage
	Output      shownText
	Error       *agents.Failure
	Attempts    []attemptBar
	ToolCalls   []toolRow
}

// lane is where a bar lies on its line.
type lane struct{ X, Width int } // of barWidth

// Left is where the bar begins, as an attribute of SVG.
func (l lane) Left() string { return share10(l.X) }

// Size is how wide the bar is, as an attribute of SVG.
func (l lane) Size() string { return share10(l.Width) }

// share10 writes thousandths as a percentage.
func share10(n int) string { return strconv.FormatFloat(float64(n)/10, 'f', -1, 64) + "%" }

// attemptBar is an attempt at a provider on the timeline.
type attemptBar struct {
	agents.Attempt
	lane
}

// IsWorthALine reports whether the attempts of a node say more than the node itself.
func (b nodeBar) IsWorthALine() bool {
	return len(b.Attempts) > 1 || len(b.Attempts) == 1 && b.Attempts[0].Error != nil
}

// Icon is that of what the node is.
func (b nodeBar) Icon() string {
	if len(b.ToolCalls) > 0 {
		return "wrench"
	}
	return "bot"
}

// toolRow is a call of a tool on the timeline.
type toolRow struct {
	agents.ToolCall
	lane
	Arguments, Result shownText
}

// Tokens are those that the node has used.
func (b nodeBar) Tokens() int64 { return int64(b.Usage.TotalTokens) }

// nodeBars puts the nodes of a run on its timeline.
func (w *Web) nodeBars(run *runs.Run, t timeline, shown *texts) []nodeBar {
	nodes := run.AllNodes()
	bars := make([]nodeBar, len(nodes))
	for i, n := range nodes {
		end := n.CompletedAt
		if end.IsZero() {
			end = t.end
		}
		b := nodeBar{
			ID:        n.ID,
			Type:      n.Type,
			Via:       n.Via,
			Status:    string(n.Status),
			After:     t.after(n.StartedAt),
			Took:      max(end.Sub(n.StartedAt), 0),
			StartedAt: n.StartedAt,
			Usage:     n.Usage,
			Error:     n.Error,
		}
		for _, a := range n.By.Attempts {
			b.Attempts = append(b.Attempts, attemptBar{a, t.place(a.StartedAt, a.Duration)})
		}
		b.lane = t.place(n.StartedAt, b.Took)
		if run.IsFlow { // the one node of an agent's run has the run's own output
			b.Output = shown.show("Output of "+n.ID, n.Output, "node", n.ID)
		}
		for _, c := range n.ToolCalls {
			b.ToolCalls = append(b.ToolCalls, toolRow{
				c, t.place(c.StartedAt, c.Duration()), shown.show("Arguments of "+c.Tool, string(c.ArgumentsJSON()), "arguments", c.ID),
				shown.show("Result of "+c.Tool, c.Result, "result", c.ID),
			})
		}
		bars[i] = b
	}
	return bars
}

// barPosition is where a bar lies on a line that is whole long.
func barPosition(after, took, whole time.Duration) (x, width int) {
	if whole <= 0 {
		return 0, barWidth
	}
	scaled := func(d time.Duration) int { return int(float64(min(d, whole)) / float64(whole) * barWidth) }
	width = max(scaled(took), minBar)
	x = min(scaled(after), barWidth-minBar)
	return x, min(width, barWidth-x)
}

// eventRow is an event of a run.
type eventRow struct {
	Type, Node, Status string
	At                 time.Time
	Address            string // of its payload
}

// eventsOf lists the events of a run, without the pieces of its answer. more says that there are others behind them.
func (w *Web) eventsOf(ctx context.Context, run *runs.Run) (rows []eventRow, more bool, err error) {
	after := ""
	for range maxEventPages {
		list, err := w.Backend.Runs.Events.Read(ctx, run.ID, after)
		if err != nil {
			return nil, false, err
		}
		if len(list) == 0 {
			return rows, false, nil
		}
		for _, e := range list {
			if e.Type == events.MessageDelta {
				continue
			}
			if len(rows) == maxEvents {
				return rows, true, nil
			}
			rows = append(rows, newEventRow(e))
		}
		if after = list[len(list)-1].ID; list[len(list)-1].Ends() {
			return rows, false, nil
		}
	}
	return rows, true, nil
}

func newEventRow(e events.Event) eventRow {
	row := eventRow{Type: e.Type, Address: eventTextAddress(e.RunID, e.ID)}
	if id, err := ulid.ParseStrict(strings.TrimPrefix(e.ID, "evt_")); err == nil {
		row.At = id.Timestamp().UTC()
	}
	var payload struct {
		CreatedAt time.Time `json:"createdAt"`
		Data      struct{ NodeID, Status string }
	}
	if json.Unmarshal(e.Payload, &payload) == nil { // what is not like this has no more to show
		row.Node, row.Status = payload.Data.NodeID, payload.Data.Status
		if !payload.CreatedAt.IsZero() {
			row.At = payload.CreatedAt
		}
	}
	return row
}
