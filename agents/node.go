package agents

import (
	"context"
	"time"

	"beckon/internal/problem"
)

// NodeStatus is where one node of a flow is in its life.
type NodeStatus string

// A node is RUNNING until it ends in one of the other three.
const (
	NodeRunning   NodeStatus = "RUNNING"
	NodeCompleted NodeStatus = "COMPLETED"
	NodeFailed    NodeStatus = "FAILED"
	NodeCanceled  NodeStatus = "CANCELED" // it was stopped: the run was canceled, or a step beside it failed
)

// Node is one agent's turn within a flow.
type Node struct {
	// unique within the run, and the same when the run is resumed after a crash: "writer", "writer#2"
	ID        string
	Type      string // the agent's id
	OutputKey string // what its output is called within the flow; empty where it has no name
	// the conditions by which routers have come to it, in order: "state.kind == 'bug' → otherwise"; empty without
	// routers
	Via       string
	Status    NodeStatus
	Output    string
	Error     *Failure // nil unless FAILED or CANCELED
	Usage     Usage
	By        Answerer
	Artifacts []Artifact // what it has made
	// in the order in which the model has asked for them; nil where they were not asked for
	ToolCalls  []ToolCall
	State      map[string]any // what the node put into the flow's state, as JSON decodes it; nil for nothing
	LeavesLoop bool           // the agent asked to leave the loop around it
	// what its events are called outside, by type: node.started, …; one that is not in it is called by its type
	Names       map[string]string
	StartedAt   time.Time
	CompletedAt time.Time // zero while it runs
}

// Failure says why a node or a run did not complete.
type Failure = problem.Failure

// Progress keeps what happens in a flow. Its methods may be called from several goroutines.
type Progress interface {
	// Finished returns the node of that id if it has completed before, in an earlier attempt at the same run: it is
	// not run again.
	Finished(id string) (Node, bool)
	// Begin notes that a node is RUNNING. It does not wait for the disk.
	Begin(n Node)
	// Advance notes how much of a node's work is done, from 0 to 100. It does not wait for the disk.
	Advance(n Node, percent int)
	// End records what became of a node, and returns when that is on disk. After an error the flow must not go on.
	End(ctx context.Context, n Node) error
}
