package runs

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/memory"
)

// TimeFormat is how times are written in JSON: RFC 3339 in UTC with milliseconds.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// nodeCount is how many nodes of a run have ended, and how.
type nodeCount struct{ completed, failed int }

// runEvent makes the event that r has come into its status.
func runEvent(id string, r *Run, nodes nodeCount) events.Event {
	kind, at := cameInto(r)
	return told(r, func(r *Run) events.Event { return runEventOf(id, r, kind, at, nodes, nil) })
}

// cameInto returns the type of the event that r has come into its status, and when it has.
func cameInto(r *Run) (kind string, at time.Time) {
	switch r.Status {
	case Queued:
		return events.RunQueued, r.CreatedAt
	case Completed:
		return events.RunCompleted, r.CompletedAt
	case Failed:
		return events.RunFailed, r.CompletedAt
	case Canceled:
		return events.RunCanceled, r.CompletedAt
	}
	return events.RunStarted, r.StartedAt
}

// outline is the event that r has come into its status, as far as the question goes who wants to be told of it.
func outline(r *Run) events.Event {
	kind, _ := cameInto(r)
	return events.Event{Type: kind, Name: r.EventNames[kind], OnRequest: onRequest(kind, r)}
}

// onRequest reports whether an event of a run goes out only to those who name it, although others of its type do
// not: the run of one agent tells of its cancellation when it is asked to.
func onRequest(kind string, r *Run) bool { return kind == events.RunCanceled && !r.IsFlow }

// createdOutline is the outline of createdEvent.
func createdOutline(r *Run) events.Event {
	return events.Event{Type: events.RunCreated, Name: r.EventNames[events.RunCreated]}
}

// createdEvent makes the event that r was accepted. It is QUEUED in it, however soon it has begun.
func createdEvent(r *Run) events.Event {
	accepted := *r
	accepted.Status, accepted.Output, accepted.Error, accepted.By = Queued, "", nil, agents.Answerer{}
	event := told(&accepted, func(r *Run) events.Event {
		return runEventOf(events.CreatedID(r.ID, r.CreatedAt), r, events.RunCreated, r.CreatedAt, nodeCount{}, nil)
	})
	event.Transient = true
	return event
}

// runEventOf makes an event of a type about r as it is; view is nil, or how its page was opened.
func runEventOf(id string, r *Run, kind string, at time.Time, nodes nodeCount, view *View) events.Event {
	if !r.IsFlow { // one agent is one node
		nodes.completed, nodes.failed = 0, 0
		switch r.Status {
		case Completed:
			nodes.completed = 1
		case Failed:
			nodes.failed = 1
		}
	}
	event := newEvent(id, r, kind, r.EventNames[kind], at, r.Error, func(text []byte) []byte {
		text = append(append(text, `{"status":"`...), r.Status...)
		text = strconv.AppendInt(append(text, `","completedNodes":`...), int64(nodes.completed), 10)
		text = strconv.AppendInt(append(text, `,"failedNodes":`...), int64(nodes.failed), 10)
		text = appendTextOrNull(append(text, `,"output":`...), r.Output)
		text = appendVerdict(appendFallback(appendErrorCode(text, r.Error), r.By), r)
		return append(appendView(appendArtifacts(text, r.Artifacts), view), '}')
	})
	event.OnRequest = onRequest(kind, r)
	return event
}

// nodeEvent makes the event that a node of r has come into its status.
func nodeEvent(id string, r *Run, n agents.Node) events.Event {
	kind, at := events.NodeStarted, n.StartedAt
	switch n.Status {
	case agents.NodeCompleted:
		kind, at = events.NodeCompleted, n.CompletedAt
	case agents.NodeFailed:
		kind, at = events.NodeFailed, n.CompletedAt
	case agents.NodeCanceled:
		kind, at = events.NodeCanceled, n.CompletedAt
	}
	return toldNode(r, n, func(r *Run, n agents.Node) events.Event {
		return newEvent(id, r, kind, n.Names[kind], at, n.Error, func(text []byte) []byte {
			text = appendText(append(text, `{"nodeId":`...), n.ID)
			text = appendText(append(text, `,"nodeType":`...), n.Type)
			text = append(append(append(text, `,"status":"`...), n.Status...), '"')
			text = appendTextOrNull(append(text, `,"output":`...), n.Output)
			return append(appendArtifacts(appendFallback(appendErrorCode(text, n.Error), n.By), n.Artifacts), '}')
		})
	})
}

// waitingEvent makes the event that a run waits for a person to decide on some calls.
func waitingEvent(id string, r *Run, nodes nodeCount, calls []agents.ToolCall, at time.Time) events.Event {
	return newEvent(id, r, events.RunWaiting, r.EventNames[events.RunWaiting], at, nil, func(text []byte) []byte {
		text = append(append(text, `{"status":"`...), r.Status...)
		text = strconv.AppendInt(append(text, `","completedNodes":`...), int64(nodes.completed), 10)
		text = strconv.AppendInt(append(text, `,"failedNodes":`...), int64(nodes.failed), 10)
		text = append(text, `,"output":null,"approvals":[`...)
		for i, c := range calls {
			if i > 0 {
				text = append(text, ',')
			}
			text = appendText(append(text, `{"id":`...), c.ID)
			text = appendText(append(text, `,"nodeId":`...), cmp.Or(c.NodeID, r.WorkflowID))
			text = appendText(append(text, `,"tool":`...), c.Tool)
			text = append(append(text, `,"arguments":`...), compact(c.ArgumentsJSON())...)
			text = append(c.ExpiresAt.UTC().AppendFormat(append(text, `,"expiresAt":"`...), TimeFormat),
				`","url":"•••"}`...)
		}
		return append(text, "]}"...)
	})
}

// maxToldResult bounds how much of what a tool gave is in an event, in bytes. All of it is in the run.
const maxToldResult = 4 << 10

// toolEvent makes the event that a call of a tool has come into its status.
func toolEvent(id string, r *Run, c agents.ToolCall, at time.Time) events.Event {
	kind := events.ToolStarted
	if c.Status.Ended() {
		kind = events.ToolCompleted
	}
	return newEvent(id, r, kind, "", at, c.Error, func(text []byte) []byte {
		text = appendText(append(text, `{"nodeId":`...), cmp.Or(c.NodeID, r.WorkflowID))
		text = appendText(append(text, `,"id":`...), c.ID)
		text = appendText(append(text, `,"tool":`...), c.Tool)
		text = append(append(text, `,"arguments":`...), compact(c.ArgumentsJSON())...)
		text = append(append(append(text, `,"status":"`...), c.Status...), '"')
		if c.Status.Ended() {
			result := c.Result
			if len(result) > maxToldResult {
				result = result[:maxToldResult] + "…"
			}
			text = appendTextOrNull(append(text, `,"result":`...), result)
			text = strconv.AppendInt(append(text, `,"durationMs":`...), c.Duration().Milliseconds(), 10)
		}
		return append(appendErrorCode(text, c.Error), '}')
	})
}

// progressEvent makes the event that so much of a node's work is done.
func progressEvent(id string, r *Run, n agents.Node, percent int, at time.Time) events.Event {
	return toldNode(r, n, func(r *Run, n agents.Node) events.Event {
		return newEvent(id, r, events.NodeProgress, n.Names[events.NodeProgress], at, nil, func(text []byte) []byte {
			text = appendText(append(text, `{"nodeId":`...), n.ID)
			text = appendText(append(text, `,"nodeType":`...), n.Type)
			text = append(append(append(text, `,"status":"`...), n.Status...), '"')
			return append(strconv.AppendInt(append(text, `,"percent":`...), int64(percent), 10), '}')
		})
	})
}

// appendErrorCode writes the stable code of a failure, whose message is the event's error.
func appendErrorCode(text []byte, failure *agents.Failure) []byte {
	if failure == nil {
		return text
	}
	return appendText(append(text, `,"errorCode":`...), failure.Code)
}

// newEvent writes what the world is told (docs/runs.md). It is on the way of every call, so that it is written by hand:
// encoding/json takes ten times as long.
func newEvent(
	id string, r *Run, kind, name string, at time.Time, failure *agents.Failure, data func([]byte) []byte,
) events.Event {
	text := make([]byte, 0, 384+quotedLen(r.Output))
	text = strconv.AppendBool(append(text, `{"success":`...), failure == nil)
	text = append(append(append(text, `,"type":"`...), kind...), '"')
	text = appendText(append(text, `,"runId":`...), r.ID)
	text = appendText(append(text, `,"workflowId":`...), r.WorkflowID)
	text = data(append(text, `,"data":`...))
	text = append(append(text, `,"metadata":`...), compact(r.Metadata)...)
	text = append(text, `,"error":`...)
	if failure == nil {
		text = append(text, "null"...)
	} else {
		text = appendText(text, failure.Message)
	}
	text = append(at.UTC().AppendFormat(append(text, `,"createdAt":"`...), TimeFormat), `"}`...)
	return events.Event{ID: id, RunID: r.ID, Type: kind, Payload: text, Name: name}
}

// deltaEvent makes the event of a piece of the answer. Where what is kept is redacted, the caller alone reads
// pieces: a secret may be cut in two by them.
func deltaEvent(id string, r *Run, text string) events.Event {
	payload := append(appendText([]byte(`{"text":`), text), '}')
	if r.Rules != nil {
		return events.Event{ID: id, RunID: r.ID, Type: events.MessageDelta, Own: payload, Transient: true}
	}
	return events.Event{ID: id, RunID: r.ID, Type: events.MessageDelta, Payload: payload}
}

// compact puts metadata, which its caller may have laid out, on one line.
func compact(metadata json.RawMessage) []byte {
	if metadata == nil {
		return []byte("null")
	}
	var line bytes.Buffer
	if json.Compact(&line, metadata) != nil {
		return []byte("null") // it was checked when it came in
	}
	return line.Bytes()
}

// appendText writes a JSON string, with what is not UTF-8 replaced.
func appendText(dst []byte, text string) []byte {
	dst, _ = jsontext.AppendQuote(dst, memory.Bytes(strings.ToValidUTF8(text, "\uFFFD")))
	return dst
}

// quotedLen is about how long text becomes in JSON, so that a long one is not copied to a larger buffer.
func quotedLen(text string) int {
	const worthwhile = 4 << 10
	if len(text) < worthwhile {
		return len(text)
	}
	return len(text) + strings.Count(text, `"`) + strings.Count(text, `\`) + strings.Count(text, "\n") + strings.Count(text, "\t")
}

func appendTextOrNull(dst []byte, text string) []byte {
	if text == "" {
		return append(dst, "null"...)
	}
	return appendText(dst, text)
}
